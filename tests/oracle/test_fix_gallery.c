/* fix on the 38 models of the gallery: which problems go, by which fix, which stay and why; and the
 * outputs of every exact one stay, computed by the naive engine. All that went exactly, and
 * leaky_relu, no_activation_hidden and bn_negative_gamma_after_pool after --approximate, were
 * quantized, converted and mapped on the virtual AKD1000 by cnn2snn and akida 2.2.6. */
#include "support.h"
#include "fix_support.h"
#include "gallery.h"
#include "series.h"
#include "sketch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A file without a row has nothing to fix and nothing left. changes: "RULE fix LAYER", with commas;
 * left: rules. approximate: the same with --approximate where that differs. */
static const struct {
    const char *file, *changes, *left, *why;
    const char *approximate_change, *approximate_left;
} rows[] = {
    {"activation_relu_layer", "E017 activation_to_relu activation", ""},
    {"big_fc", "", "E053", "written as convolutions"},
    {"bn_after_relu", "E013 norm_into_next batch_normalization_3", ""},
    {"bn_negative_gamma_after_pool", "", "E011", "--approximate would do it",
     "E011 norm_before_max_pool bn", ""},
    {"bn_zero_gamma", "E010 fold_zero_gamma bn", "W034", "prune the filters"},
    {"depth_multiplier", "E008 separable_to_conv separable_conv2d_1", ""},
    {"depthwise", "E004 depthwise_to_separable depthwise_conv2d", ""},
    {"dilation", "E006 spread_dilation conv2d_25", ""},
    {"even_kernel", "E029 enlarge_kernel conv2d_38", ""},
    {"flatten_dropout_dense", "N064 move_dropout flatten_7", ""},
    {"gap_after_relu", "E018 insert_identity global_average_pooling2d_1", ""},
    {"inline_relu", "E005 split_activation conv2d_19", ""},
    {"inline_softmax", "E005 split_activation dense_17", ""},
    {"inner_valid", "E046 ignore_border conv2d_42", ""},
    {"leaky_relu", "", "E004", "--approximate would do it", "E004 replace_activation leaky_re_lu",
     ""},
    {"many_filters", "", "E043", "fewer filters"},
    {"maxpool_before_dense", "E014 insert_identity dense_40", ""},
    {"nan_weight", "", "E033", "before training diverged"},
    {"no_activation_hidden", "", "E015", "more than one pixel", "E015 add_activation conv2d_17",
     ""},
    {"pool_padding_mismatch", "E019 pool_padding max_pooling2d_2", ""},
    {"reshape_bad", "", "E021", "moves numbers between"},
    {"residual", "", "E003,E003", "remove the branch"},
    {"two_inputs", "", "E001,E003", "stack several sources"},
    {"two_outputs", "", "E003,E002", "remove the branch"},
    {"two_pools", "E018 insert_identity max_pooling2d_4,E014 insert_identity dense_12", ""},
    {"wide_input", "", "E040", "transpose the image"},
};

static void list_changes(const struct c2s_fix_report *r, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < r->n_changes && used < size; i++)
        used +=
            (size_t)snprintf(out + used, size - used, "%s%s %s %s", i ? "," : "",
                             r->changes[i].rule->id, r->changes[i].fix->id, r->changes[i].layer);
}

static void list_left(const struct c2s_fix_report *r, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < r->n_left && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "," : "",
                                 r->left[i].finding.rule->id);
}

static void assert_report(const char *file, const struct c2s_fix_report *r, const char *changes,
                          const char *left)
{
    char made[300], stays[100];
    list_changes(r, made, sizeof made);
    list_left(r, stays, sizeof stays);
    if (strcmp(made, changes) != 0 || strcmp(stays, left) != 0)
        fail_msg("%s: changes '%s', left '%s'", file, made, stays);
}

/* What check says of the result is what the report says is left. */
static void assert_counts(const char *file, const struct c2s_model *m,
                          const struct c2s_model *fixed, const struct c2s_fix_report *r)
{
    bool integers = gallery_takes_integers(file);
    assert_int_equal(r->n_errors_before, count_findings(m, "", integers));
    assert_int_equal(r->n_errors_after, count_findings(fixed, "", integers));
    assert_true(r->n_errors_after <= r->n_errors_before);
    for (int i = 0; i < r->n_changes; i++)
        assert_int_equal(count_findings(fixed, r->changes[i].rule->id, integers), 0);
}

static void fix_file(const char *file, struct c2s_model *m)
{
    struct c2s_fix_report r;
    size_t k = 0;
    while (k < sizeof rows / sizeof rows[0] && strcmp(rows[k].file, file) != 0)
        k++;
    bool is_listed = k < sizeof rows / sizeof rows[0];
    const char *changes = is_listed ? rows[k].changes : "", *left = is_listed ? rows[k].left : "";
    struct fix_asked asked = {.integers = gallery_takes_integers(file)};
    struct c2s_model *fixed = fix_net(m, &asked, &r);
    assert_report(file, &r, changes, left);
    assert_counts(file, m, fixed ? fixed : m, &r);
    assert_true(r.is_exact && r.difference <= 1e-5);
    if (fixed)
        assert_same_function(m, fixed);
    if (r.n_left > 0 && !strstr(r.left[0].text, rows[k].why))
        fail_msg("%s: %s", file, r.left[0].text);
    c2s_fix_report_finish(&r);
    c2s_model_destroy(fixed);
    asked.approximate = true;
    fixed = fix_net(m, &asked, &r);
    bool differs = is_listed && rows[k].approximate_change;
    assert_report(file, &r, differs ? rows[k].approximate_change : changes,
                  differs ? rows[k].approximate_left : left);
    assert_counts(file, m, fixed ? fixed : m, &r);
    assert_int_equal(r.is_exact, !differs);
    c2s_fix_report_finish(&r);
    c2s_model_destroy(fixed);
}

static void every_model_of_the_gallery(void **state)
{
    (void)state;
    gallery_each(fix_file);
}

static int n_generated, n_fixed, n_cured;

/* Models that someone else thought of: whatever is fixed keeps its outputs, and errors never grow.
 */
static bool fix_generated(void *arg, const char *line)
{
    (void)arg;
    struct sketch s;
    struct c2s_error err = {0};
    struct c2s_fix_report r;
    assert_ok(sketch_read(line, &s, &err), &err);
    struct c2s_model *m = s.model;
    const struct fix_asked asked = {.integers = s.input_is_integers};
    struct c2s_model *fixed = fix_net(m, &asked, &r);
    if (r.n_errors_after > r.n_errors_before)
        fail_msg("%s: errors %d -> %d", line, r.n_errors_before, r.n_errors_after);
    if (fixed && m->n_inputs == 1 && m->n_outputs == 1 && !isnan(r.difference))
        assert_same_function(m, fixed);
    n_generated++;
    n_fixed += fixed != NULL;
    n_cured += fixed && r.n_errors_before > 0 && r.n_errors_after == 0;
    c2s_fix_report_finish(&r);
    c2s_model_destroy(fixed);
    sketch_finish(&s);
    return true;
}

static void every_generated_model(void **state)
{
    (void)state;
    assert_true(sketch_each(data_path("generated/%s", "models.txt"), fix_generated, NULL));
    printf("%d generated models: %d changed, %d of them without an error then\n", n_generated,
           n_fixed, n_cured);
    assert_true(n_generated >= 200 && n_fixed > 40 && n_cured > 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_model_of_the_gallery),
                                       cmocka_unit_test(every_generated_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
