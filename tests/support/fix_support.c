/* What the tests of fix share: sketched models, a fix that must succeed, findings counted. */
#include "support.h"
#include "fix_support.h"

#include <string.h>

#include "series.h"
#include "sketch.h"

struct c2s_model *sketched(const char *layers)
{
    struct c2s_error err = {0};
    struct c2s_model *m = sketch_layers(layers, &err);
    assert_ok(m != NULL, &err);
    return m;
}

struct c2s_model *sketch_quantized(struct c2s_model *m, int weights, int activations)
{
    const struct c2s_quantize_plan plan = {.weight_quantization = weights,
                                           .activ_quantization = activations,
                                           .input_weight_quantization = weights ? 8 : 0,
                                           .keep_batch_norm = true};
    struct c2s_model *q = series_quantized(m, &plan, NULL);
    c2s_model_destroy(m);
    return q;
}

struct c2s_model *fix_net(const struct c2s_model *m, const struct fix_asked *asked,
                          struct c2s_fix_report *report)
{
    struct c2s_error err = {0};
    struct c2s_model *out = NULL;
    const struct c2s_fix_request request = {
        .rule = asked->rule,
        .layers = asked->layers,
        .approximate = asked->approximate,
        .check = {.level = C2S_LEVEL_AKD1000, .input_is_integers = asked->integers}};
    assert_ok(c2s_fix(m, &request, NULL, &out, report, &err), &err);
    assert_int_equal(out != NULL, report->n_changes > 0);
    return out;
}

int count_findings(const struct c2s_model *m, const char *rule, bool integers)
{
    struct c2s_findings f;
    struct c2s_error err = {0};
    const struct c2s_check_options options = {.level = C2S_LEVEL_AKD1000,
                                              .input_is_integers = integers};
    assert_ok(c2s_check(m, &options, &f, &err), &err);
    int n = rule[0] ? 0 : f.n_errors;
    for (int i = 0; rule[0] && i < f.n_rows; i++)
        n += strcmp(f.rows[i].rule->id, rule) == 0;
    c2s_findings_finish(&f);
    return n;
}
