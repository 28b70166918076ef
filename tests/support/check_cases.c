/* Models for the rules of check, and the questions asked of each pair of them. */
#include "support.h"
#include "check_cases.h"
#include "chains.h"

#include <stdio.h>
#include <string.h>

#include <c2s/akida.h>
#include <c2s/quantize.h>

struct c2s_model *chain_image(void)
{
    return chain_create(16, 16, 3);
}

struct c2s_layer *chain_front(struct c2s_model *m)
{
    struct c2s_layer *conv = chain_conv(m, "conv", 8, 3);
    chain_relu(m, "relu");
    return conv;
}

struct c2s_layer *chain_inner(struct c2s_model *m)
{
    struct c2s_layer *conv = chain_conv(m, "conv_1", 8, 3);
    chain_relu(m, "relu_1");
    return conv;
}

void chain_rear(struct c2s_model *m)
{
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_dense(m, "dense", 4);
}

struct c2s_layer *chain_quantized_relu(struct c2s_model *m, const char *name, int bits)
{
    struct c2s_layer *l = chain_add(m, C2S_OP_QUANTIZED_RELU, name);
    l->attr.quantized_relu.bitwidth = bits;
    l->attr.quantized_relu.max_value = 6;
    return l;
}

struct c2s_model *chain_quantized(int separable_bits, int activation_bits, int dense_bits)
{
    struct c2s_model *m = chain_image();
    chain_quantize(chain_conv(m, "conv", 8, 3), 8);
    chain_quantized_relu(m, "act", 4);
    chain_quantize(chain_separable(m, "sep", 8, 3), separable_bits);
    chain_quantized_relu(m, "act_1", activation_bits);
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_quantize(chain_dense(m, "dense", 4), dense_bits);
    chain_finish(m);
    return m;
}

struct c2s_findings run_check_with(const struct c2s_model *m,
                                   const struct c2s_check_options *options)
{
    struct c2s_findings f;
    struct c2s_error err = {0};
    assert_ok(c2s_check(m, options, &f, &err), &err);
    return f;
}

int count_rule(const struct c2s_findings *f, const char *id)
{
    int n_there = 0;
    for (int i = 0; i < f->n_rows; i++)
        n_there += strcmp(f->rows[i].rule->id, id) == 0;
    return n_there;
}

struct c2s_findings run_check(const struct c2s_model *m, enum c2s_level level, bool integers)
{
    return run_check_with(
        m, &(struct c2s_check_options){.level = level, .input_is_integers = integers});
}

/* What run_check_cases was given: cmocka's tests take no arguments. */
static const struct check_case *cases;
static int n;
static bool (*belongs)(const struct c2s_rule_info *rule);

static void broken_models_are_reported(void **state)
{
    (void)state;
    for (int i = 0; i < n; i++) {
        struct c2s_model *m = cases[i].build(true);
        struct c2s_findings f = run_check(m, C2S_LEVEL_AKD1000, cases[i].input_is_integers);
        int n_there = 0;
        for (int k = 0; k < f.n_rows; k++) {
            const struct c2s_finding *row = &f.rows[k];
            const char *name = row->layer < 0 ? "" : m->layers[row->layer]->name;
            bool is_it = strcmp(row->rule->id, cases[i].id) == 0;
            n_there += is_it && strcmp(name, cases[i].layer) == 0;
            bool is_named = cases[i].also && strcmp(row->rule->id, cases[i].also) == 0;
            if (row->rule->severity == C2S_ERROR && !is_it && !is_named)
                fail_msg("%s: also %s on %s: %s", cases[i].id, row->rule->id, name, row->text);
            size_t length = strlen(row->text);
            if (length < 5 || row->text[length - 1] == '.' || length >= sizeof row->text - 1)
                fail_msg("%s: bad text '%s'", row->rule->id, row->text);
        }
        if (n_there != 1)
            fail_msg("%s: %d times on %s, not once", cases[i].id, n_there, cases[i].layer);
        c2s_findings_finish(&f);
        c2s_model_destroy(m);
    }
}

static void sound_models_are_not(void **state)
{
    (void)state;
    for (int i = 0; i < n; i++) {
        struct c2s_model *m = cases[i].build(false);
        struct c2s_findings f = run_check(m, C2S_LEVEL_AKD1000, cases[i].input_is_integers);
        for (int k = 0; k < f.n_rows; k++)
            if (f.rows[k].rule->severity == C2S_ERROR ||
                strcmp(f.rows[k].rule->id, cases[i].id) == 0)
                fail_msg("%s: %s on the sound model: %s", cases[i].id, f.rows[k].rule->id,
                         f.rows[k].text);
        c2s_findings_finish(&f);
        c2s_model_destroy(m);
    }
}

static void levels_leave_later_ones_out(void **state)
{
    (void)state;
    for (int i = 0; i < n; i++) {
        struct c2s_model *m = cases[i].build(true);
        for (int level = C2S_LEVEL_KERAS; level <= C2S_LEVEL_AKD1000; level++) {
            struct c2s_findings f = run_check(m, (enum c2s_level)level, cases[i].input_is_integers);
            bool is_there = false;
            int n_errors = 0;
            for (int k = 0; k < f.n_rows; k++) {
                is_there = is_there || strcmp(f.rows[k].rule->id, cases[i].id) == 0;
                assert_true((int)f.rows[k].rule->level <= level);
                n_errors += f.rows[k].rule->severity == C2S_ERROR;
            }
            assert_int_equal(n_errors, f.n_errors);
            assert_int_equal(n_errors, f.n_errors_at[0] + f.n_errors_at[1] + f.n_errors_at[2]);
            assert_int_equal(f.n_rows, f.n_errors + f.n_warnings + f.n_notes);
            assert_int_equal(is_there, (int)c2s_rule_find(cases[i].id)->level <= level);
            c2s_findings_finish(&f);
        }
        c2s_model_destroy(m);
    }
}

/* What is quantized stays as it is, its bits may be the point; the rest gets 4, 4 and 8 bits. */
static bool is_converted(const struct c2s_model *m, bool integers, struct c2s_error *err)
{
    const struct c2s_quantize_plan plan = {.weight_quantization = 4,
                                           .activ_quantization = 4,
                                           .input_weight_quantization = integers ? 4 : 8,
                                           .only_float = true};
    const struct c2s_convert_options options = {.input_scale = integers ? 1 : 255,
                                                .input_is_integers = integers};
    struct c2s_model *quantized = NULL;
    struct c2s_akida_net *net = NULL;
    bool ok = c2s_quantize(m, &plan, NULL, &quantized, NULL, err) &&
              c2s_akida_convert(quantized, &options, &net, err);
    c2s_akida_net_destroy(net);
    c2s_model_destroy(quantized);
    return ok;
}

static void conversion_agrees(void **state)
{
    (void)state;
    for (int i = 0; i < n; i++) {
        const struct c2s_rule_info *rule = c2s_rule_find(cases[i].id);
        bool is_refusal = rule->severity == C2S_ERROR && rule->level != C2S_LEVEL_AKD1000;
        for (int breaks = 0; breaks < 2; breaks++) {
            struct c2s_error err = {0};
            struct c2s_model *m = cases[i].build(breaks);
            bool is_taken = is_converted(m, cases[i].input_is_integers, &err);
            bool is_expected = !breaks || !is_refusal || cases[i].stricter;
            if (is_taken != is_expected)
                fail_msg("%s, %s model: conversion %s %s", rule->id, breaks ? "broken" : "sound",
                         is_taken ? "takes it" : "refuses it:", err.text);
            bool is_other = cases[i].also && strcmp(err.rule, cases[i].also) == 0;
            if (!is_taken && !is_other && strcmp(err.rule, rule->id) != 0 &&
                strcmp(rule->id, "E037") != 0) /* that is the one for refusals without a rule */
                fail_msg("%s: refused for %s: %s", rule->id, err.rule, err.text);
            c2s_model_destroy(m);
        }
    }
}

static void every_rule_of_the_file_is_tested(void **state)
{
    (void)state;
    for (const struct c2s_rule_info *rule = c2s_rules(); rule->id; rule++) {
        int i = 0;
        while (i < n && strcmp(cases[i].id, rule->id) != 0)
            i++;
        if (i == n && belongs(rule))
            fail_msg("%s is not tested", rule->id);
    }
}

int run_check_cases(const struct check_case *all, int n_all,
                    bool (*belongs_here)(const struct c2s_rule_info *rule))
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_models_are_reported),       cmocka_unit_test(sound_models_are_not),
        cmocka_unit_test(levels_leave_later_ones_out),      cmocka_unit_test(conversion_agrees),
        cmocka_unit_test(every_rule_of_the_file_is_tested),
    };
    cases = all;
    n = n_all;
    belongs = belongs_here;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
