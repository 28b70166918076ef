/* Rules about data: facts that were made up, each just breaking a rule and just not. */
#include "support.h"
#include "check_cases.h"
#include "chains.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { IN, CONV, RELU, FLAT, DENSE, N_LAYERS };

static struct c2s_layer_facts layers[N_LAYERS];

/* Facts that break nothing: 100 images of 0..255, scaled by 255, ten labels of four... */
static struct c2s_data_facts sound(void)
{
    memset(layers, 0, sizeof layers);
    layers[CONV] = (struct c2s_layer_facts){.n_channels = 8, .min = -1, .max = 1};
    layers[RELU] = (struct c2s_layer_facts){
        .n_channels = 8, .levels_used = 16, .n_levels = 16, .top_share = 0.1, .max = 6};
    layers[DENSE] = (struct c2s_layer_facts){.n_channels = 4, .min = -9, .max = 9};
    return (struct c2s_data_facts){.n_samples = 100,
                                   .data_scale = 255,
                                   .raw_max = 255,
                                   .keras_max = 1,
                                   .raw_is_integer = true,
                                   .n_values = 76800,
                                   .has_labels = true,
                                   .label_max = 3,
                                   .n_classes_seen = 4,
                                   .layers = layers};
}

static void below(struct c2s_data_facts *f)
{
    f->n_below = 1;
}
static void above(struct c2s_data_facts *f)
{
    f->n_above = 768;
}
static void not_whole(struct c2s_data_facts *f)
{
    f->n_not_whole = 5;
}
static void narrow(struct c2s_data_facts *f)
{
    f->keras_max = 1.0 / 255;
}
static void unscaled(struct c2s_data_facts *f)
{
    f->keras_min = -255;
}
static void not_finite(struct c2s_data_facts *f)
{
    f->n_not_finite = 2;
}
static void outside(struct c2s_data_facts *f)
{
    f->n_labels_outside = 7;
    f->label_max = 9;
}
static void unseen(struct c2s_data_facts *f)
{
    f->n_classes_seen = 3;
}
static void silent(struct c2s_data_facts *f)
{
    (void)f;
    layers[RELU].n_silent = 2;
}
static void constant(struct c2s_data_facts *f)
{
    (void)f;
    layers[RELU].n_constant = 1;
}
static void constant_output(struct c2s_data_facts *f)
{
    (void)f;
    layers[DENSE].n_silent = 1; /* of an output, 0 is a constant like others */
}
static void saturated(struct c2s_data_facts *f)
{
    (void)f;
    layers[RELU].top_share = 0.11;
}
static void unused(struct c2s_data_facts *f)
{
    (void)f;
    layers[RELU].levels_used = 8;
}

static const struct {
    const char *id;
    int layer;
    void (*break_it)(struct c2s_data_facts *f);
    const char *text; /* part of what is told */
} cases[] = {
    {"W070", IN, below, "0.0 % of the values become less than 0"},
    {"W070", IN, above, "1.0 % more than 255"},
    {"W071", IN, not_whole, "fraction"},
    {"W072", IN, narrow, "reach over 1 of the chip's 255"},
    {"W073", IN, unscaled, "from -255 to 1"},
    {"W074", IN, not_finite, "2 values in 100 samples"},
    {"W075", DENSE, outside, "7 labels are no class of the model: labels 0 to 9, 4 outputs"},
    {"N076", DENSE, unseen, "1 of 4 classes"},
    {"W077", RELU, silent, "2 of 8 channels"},
    {"W078", RELU, constant, "1 of 8 channels"},
    {"W078", DENSE, constant_output, "1 of 4 channels"},
    {"W079", RELU, saturated, "11 %"},
    {"N080", RELU, unused, "8 of 16 levels"},
};

static struct c2s_model *net(void)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_rear(m);
    chain_finish(m);
    assert_int_equal(m->n_layers, N_LAYERS);
    return m;
}

static struct c2s_findings look(const struct c2s_model *m, const struct c2s_data_facts *facts)
{
    return run_check_with(m, &(struct c2s_check_options){
                                 .level = C2S_LEVEL_AKD1000, .input_scale = 255, .data = facts});
}

static int count_data_rules(const struct c2s_findings *f)
{
    int n = 0;
    for (int i = 0; i < f->n_rows; i++)
        n += strstr(DATA_RULES, f->rows[i].rule->id) != NULL;
    return n;
}

static void each_fact_is_told_once(void **state)
{
    (void)state;
    struct c2s_model *m = net();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct c2s_data_facts facts = sound();
        cases[i].break_it(&facts);
        struct c2s_findings f = look(m, &facts);
        if (count_data_rules(&f) != 1 || count_rule(&f, cases[i].id) != 1)
            fail_msg("case %zu: %s is not all that is told", i, cases[i].id);
        for (int k = 0; k < f.n_rows; k++)
            if (strcmp(f.rows[k].rule->id, cases[i].id) == 0 &&
                (f.rows[k].layer != cases[i].layer || !strstr(f.rows[k].text, cases[i].text)))
                fail_msg("case %zu, layer %d: %s", i, f.rows[k].layer, f.rows[k].text);
        c2s_findings_finish(&f);
    }
    c2s_model_destroy(m);
}

static void sound_data_is_silent(void **state)
{
    (void)state;
    struct c2s_model *m = net();
    struct c2s_data_facts facts = sound();
    struct c2s_findings f = look(m, &facts);
    assert_int_equal(count_data_rules(&f), 0);
    c2s_findings_finish(&f);
    /* Nor is there anything to say of no samples, or of a model that was not run. */
    struct c2s_data_facts none = {.raw_min = INFINITY, .raw_max = -INFINITY};
    none.keras_min = none.raw_min;
    none.keras_max = none.raw_max;
    f = look(m, &none);
    assert_int_equal(count_data_rules(&f), 0);
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

/* What starts by scaling is meant for pixels; one and two bits leave nothing but the top level. */
static void what_is_meant_is_not_told(void **state)
{
    (void)state;
    struct c2s_model *m = chain_image();
    chain_add(m, C2S_OP_RESCALING, "scale")->attr.rescaling.scale = 1 / 255.0f;
    chain_front(m);
    chain_rear(m);
    chain_finish(m);
    struct c2s_data_facts facts = sound();
    facts.keras_max = 255;
    facts.layers = NULL;
    struct c2s_findings f = run_check_with(
        m,
        &(struct c2s_check_options){.level = C2S_LEVEL_AKD1000, .input_scale = 1, .data = &facts});
    assert_int_equal(count_data_rules(&f), 0);
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
    m = net();
    facts = sound();
    layers[RELU].n_levels = 4;
    layers[RELU].levels_used = 2;
    layers[RELU].top_share = 0.6;
    f = look(m, &facts);
    assert_int_equal(count_data_rules(&f), 0);
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

static void every_rule_about_data_is_tested(void **state)
{
    (void)state;
    for (const struct c2s_rule_info *rule = c2s_rules(); rule->id; rule++) {
        size_t i = 0, n = sizeof cases / sizeof cases[0];
        while (i < n && strcmp(cases[i].id, rule->id) != 0)
            i++;
        if (i == n && strstr(DATA_RULES, rule->id))
            fail_msg("%s is not tested", rule->id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fact_is_told_once),
        cmocka_unit_test(sound_data_is_silent),
        cmocka_unit_test(what_is_meant_is_not_told),
        cmocka_unit_test(every_rule_about_data_is_tested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
