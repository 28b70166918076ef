/* What a run of fixes promises beside the fixes themselves: what is asked for, quantized models,
 * layers that others read, failures, and that it ends. */
#include "support.h"
#include "fix_support.h"
#include "series.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <c2s/keras.h>

static struct c2s_fix_request request_of(const char *rule, const char *layers)
{
    return (struct c2s_fix_request){
        .rule = rule, .layers = layers, .check = {.level = C2S_LEVEL_AKD1000}};
}

static void fails(const struct c2s_model *m, const struct c2s_fix_request *request,
                  const struct c2s_progress *progress, enum c2s_code code, const char *part)
{
    struct c2s_error err = {0};
    struct c2s_model *out = NULL;
    struct c2s_fix_report r = {0};
    assert_false(c2s_fix(m, request, progress, &out, &r, &err));
    assert_null(out);
    assert_int_equal(r.n_changes, 0);
    if (err.code != code || !strstr(err.text, part))
        fail_msg("%s: %s, not about '%s'", c2s_code_name(err.code), err.text, part);
}

static bool stop(void *arg, const struct c2s_progress_event *event)
{
    (void)event;
    return ++*(int *)arg < 2;
}

static void failures_say_what_was_wrong(void **state)
{
    (void)state;
    int n_reports = 0;
    struct c2s_progress progress = {stop, &n_reports};
    struct c2s_model *m = sketched(
        "in 12,12,3; conv 8 3 same act=relu; conv 8 3 same act=relu; flatten; dense 4 act=relu");
    struct c2s_fix_request request = request_of("E999", NULL);
    fails(m, &request, NULL, C2S_USAGE, "no rule E999");
    request = request_of("E014", NULL);
    request.check.level = C2S_LEVEL_KERAS;
    fails(m, &request, NULL, C2S_USAGE, "level akd1000");
    request = request_of(NULL, "pool*");
    fails(m, &request, NULL, C2S_NOT_FOUND, "'pool*'");
    request = request_of(NULL, NULL);
    fails(m, &request, &progress, C2S_CANCELLED, "nothing has changed");
    c2s_model_destroy(m);
}

static void only_what_is_asked_for_changes(void **state)
{
    (void)state;
    struct c2s_fix_report r;
    struct c2s_model *m = sketched("in 12,12,3; conv 8 3 same act=relu; conv 8 4 same act=relu; "
                                   "conv 8 4 same act=relu; flatten; drop; dense 4 act=softmax");
    const struct fix_asked by_rule = {.rule = "e029"}, by_layer = {.layers = "conv_2"},
                           by_both = {.rule = "E005", .layers = "conv_3,dense_6"};
    struct c2s_model *fixed = fix_net(m, &by_rule, &r);
    assert_int_equal(r.n_changes, 2);
    assert_int_equal(r.n_left, 0);
    assert_int_equal(series_layer(fixed, "conv_3")->attr.conv.kernel[0], 5);
    assert_int_equal(count_findings(fixed, "E005", false), 4);
    c2s_fix_report_finish(&r);
    c2s_model_destroy(fixed);
    fixed = fix_net(m, &by_layer, &r);
    assert_int_equal(r.n_changes, 2);
    assert_int_equal(series_layer(fixed, "conv_2")->attr.conv.kernel[0], 5);
    assert_int_equal(series_layer(fixed, "conv_3")->attr.conv.kernel[0], 4);
    assert_int_equal(count_findings(fixed, "E005", false), 3);
    c2s_fix_report_finish(&r);
    c2s_model_destroy(fixed);
    fixed = fix_net(m, &by_both, &r);
    assert_int_equal(r.n_changes, 2);
    assert_int_equal(count_findings(fixed, "E005", false), 2);
    assert_int_equal(count_findings(fixed, "E029", false), 2);
    assert_same_function(m, fixed);
    c2s_fix_report_finish(&r);
    c2s_model_destroy(fixed);
    c2s_model_destroy(m);
}

/* A last softmax goes only when it is named; all that is left then fixes nothing. */
static void the_last_activation_goes_only_by_name(void **state)
{
    (void)state;
    static const struct fix_asked all = {0}, by_rule = {.rule = "N062"},
                                  by_layer = {.layers = "softmax_5"};
    struct c2s_fix_report r;
    struct c2s_model *m = sketched("in 12,12,3; conv 8 3 same; relu 6; flatten; dense 4; softmax");
    assert_null(fix_net(m, &all, &r));
    assert_int_equal(r.n_left, 0);
    assert_true(r.difference == 0);
    c2s_fix_report_finish(&r);
    const struct fix_asked *const named[] = {&by_rule, &by_layer};
    for (int i = 0; i < 2; i++) {
        struct c2s_model *fixed = fix_net(m, named[i], &r);
        assert_int_equal(series_count_op(fixed, C2S_OP_SOFTMAX), 0);
        assert_true(r.is_exact && r.difference <= 1e-5); /* of what went into the softmax */
        assert_non_null(strstr(r.changes[0].text, "the class stays"));
        c2s_fix_report_finish(&r);
        c2s_model_destroy(fixed);
    }
    c2s_model_destroy(m);
}

/* A usual Keras network: everything inlined, everything 'valid'. */
static void one_fix_makes_way_for_the_next(void **state)
{
    (void)state;
    static const struct fix_asked all = {0};
    struct c2s_fix_report r, again;
    struct c2s_model *m = sketched("in 28,28,1; conv 8 3 act=relu; max 2; conv 8 3 act=relu; max "
                                   "2; flatten; drop; dense 16 act=relu; bn; dense 4 act=softmax");
    struct c2s_model *fixed = fix_net(m, &all, &r);
    assert_same_function(m, fixed);
    assert_int_equal(r.n_errors_before, 6); /* E005 four times, E014, E046 */
    assert_int_equal(r.n_errors_after, 0);
    assert_int_equal(count_findings(fixed, "", false), 0);
    assert_int_equal(series_count_op(m, C2S_OP_RELU), 0); /* m stays as it was */
    assert_null(fix_net(fixed, &all, &again));
    assert_int_equal(again.n_changes + again.n_left, 0);
    c2s_fix_report_finish(&again);
    c2s_fix_report_finish(&r);
    c2s_model_destroy(fixed);
    c2s_model_destroy(m);
}

static bool is_no_image(const struct c2s_model *m)
{
    return m->layers[0]->rank != 3;
}

/* Once the Reshape is gone the first layer reads an image, which it may do without padding. */
static void the_input_is_judged_as_it_becomes(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_fix_report r;
    struct c2s_model *m = sketched("in 28,28; reshape 28,28,1; conv 8 3; relu 6; flatten; dense 4"),
                     *fixed;
    struct c2s_fix_request request = request_of(NULL, NULL);
    request.takes_integers = is_no_image;
    assert_ok(c2s_fix(m, &request, NULL, &fixed, &r, &err), &err);
    assert_int_equal(r.n_changes, 1);
    assert_string_equal(r.changes[0].fix->id, "input_shape");
    assert_int_equal(r.n_errors_after, 0);
    assert_int_equal(count_findings(fixed, "", false), 0);
    c2s_fix_report_finish(&r);
    c2s_model_destroy(fixed);
    c2s_model_destroy(m);
}

static void samples_are_measured_on_and_change_nothing(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = sketched("in 12,12,3; conv 8 3 same; relu 6; bn; flatten; dense 4"),
                     *plain, *measured;
    struct c2s_fix_request request = request_of(NULL, NULL);
    struct c2s_fix_report a, b;
    char hash_a[C2S_HASH_LENGTH + 1], hash_b[C2S_HASH_LENGTH + 1];
    struct c2s_tensor *x = c2s_tensor_create(C2S_F32, 4, (int64_t[]){7, 12, 12, 3}, &err);
    for (int64_t i = 0; i < c2s_tensor_count(x); i++)
        c2s_f32(x)[i] = series_random(-3, 3);
    assert_ok(c2s_fix(m, &request, NULL, &plain, &a, &err), &err);
    request.samples = x;
    request.check.input_scale = 3; /* of the data: decides nothing */
    assert_ok(c2s_fix(m, &request, NULL, &measured, &b, &err), &err);
    assert_int_equal(a.n_samples, 0);
    assert_int_equal(b.n_samples, 7);
    assert_true(b.difference > 0 && b.difference <= 1e-5);
    assert_ok(c2s_model_hash(plain, hash_a, &err) && c2s_model_hash(measured, hash_b, &err), &err);
    assert_string_equal(hash_a, hash_b);
    c2s_tensor_unref(x);
    c2s_fix_report_finish(&a);
    c2s_fix_report_finish(&b);
    c2s_model_destroy(plain);
    c2s_model_destroy(measured);
    c2s_model_destroy(m);
}

/* On quantized models only what leaves every level where it is. */
static void quantized_models_are_fixed_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *line, *part; /* part NULL = it is fixed */
    } cases[] = {
        {"E014",
         "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; max 2 same; relu 6; flatten; dense 4",
         NULL},
        {"E018", "in 12,12,3; conv 8 3 same; max 2 same; max 2 same; relu 6; flatten; dense 4",
         NULL},
        {"E018", "in 12,12,3; conv 8 3 same; relu 6; gap; dense 4", "between the levels"},
        {"E013", "in 12,12,3; conv 8 3 same; relu 6; bn; flatten; dense 4", "quantized already"},
        {"E013", "in 12,12,3; conv 8 3 same; bn; bn; relu 6; flatten; dense 4", NULL},
        {"E046", "in 12,12,3; conv 8 3 same; relu 6; conv 8 3; relu 6; flatten; dense 4", NULL},
        {"E029", "in 12,12,3; conv 8 4 same; relu 6; flatten; dense 4", NULL},
        {"E015", "in 12,12,3; conv 8 3 same; relu 6; flatten; dense 8; dense 4",
         "quantized already"},
        {"E016", "in 12,12,3; conv 8 3 same; relu 6; max 2 same; relu 6; flatten; dense 4", NULL},
        {"E019", "in 13,13,3; conv 8 3 same; relu 6; max 2; flatten; dense 4", NULL},
        {"E022", "in 12,12,3; conv 8 3 same; relu 6; dense 5; relu 6; flatten; dense 4", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct c2s_fix_report r;
        struct c2s_model *m = sketch_quantized(sketched(cases[i].line), 4, 4);
        struct c2s_model *fixed = fix_net(m, &(struct fix_asked){.rule = cases[i].rule}, &r);
        assert_true(r.n_errors_after <= r.n_errors_before);
        if (cases[i].part ? fixed != NULL : !fixed)
            fail_msg("%s: %s", cases[i].line, r.n_left ? r.left[0].text : "fixed");
        if (cases[i].part && !strstr(r.left[0].text, cases[i].part))
            fail_msg("%s: %s", cases[i].line, r.left[0].text);
        if (fixed) {
            assert_int_equal(count_findings(fixed, cases[i].rule, false), 0);
            for (int k = 0; k < fixed->n_layers; k++)
                assert_true(!c2s_layer_is_akida_neural(fixed->layers[k]) ||
                            c2s_layer_weight_bits(fixed->layers[k]) > 0);
            assert_same_function(m, fixed);
        }
        c2s_fix_report_finish(&r);
        c2s_model_destroy(fixed);
        c2s_model_destroy(m);
    }
}

/* The name of a layer that also feeds a second output. */
static void feed_another(struct c2s_model *m, const char *name)
{
    struct c2s_error err = {0};
    struct c2s_layer *l = c2s_layer_create(C2S_OP_FLATTEN, "tap", &err);
    assert_ok(l && c2s_layer_add_input(l, c2s_model_find(m, name), &err) &&
                  c2s_model_add(m, l, NULL, &err) &&
                  c2s_model_add_output(m, m->n_layers - 1, &err) && c2s_model_infer_shapes(m, &err),
              &err);
}

/* What others read must go on giving the same. */
static void layers_that_others_read_stay(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *line, *tapped;
    } cases[] = {
        {"E013", "in 12,12,3; conv 8 3 same; relu 6; bn; flatten; dense 4", "bn_3"},
        {"E013", "in 12,12,3; conv 8 3 same; bn; bn; relu 6; flatten; dense 4", "bn_2"},
        {"E013", "in 12,12,3; conv 8 3 same; max 2 same; max 2 same; bn; relu 6; flatten; dense 4",
         "max_2"},
        {"E015", "in 12,12,3; conv 8 3 same; relu 6; flatten; dense 8; dense 4", "dense_4"},
        {"E016", "in 12,12,3; conv 8 3 same; relu 6; relu 3; flatten; dense 4", "relu_2"},
        {"E004",
         "in 12,12,3; conv 8 3 same; relu 6; pad 0,1,0,1; conv 8 3 s=2; relu 6; flatten; dense 4",
         "pad_3"},
        {"E046", "in 12,12,3; conv 8 3 same; relu 6; conv 8 3; relu 6; flatten; dense 4", "conv_3"},
        {"E046", "in 12,12,3; conv 8 3 same; relu 6; conv 8 3; relu 6; flatten; dense 4", "relu_4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct c2s_fix_report r;
        struct c2s_model *m = sketched(cases[i].line);
        int n = count_findings(m, cases[i].rule, false);
        feed_another(m, cases[i].tapped);
        struct c2s_model *fixed = fix_net(m, &(struct fix_asked){.rule = cases[i].rule}, &r);
        if (fixed)
            fail_msg("%s: %s although others read '%s'", cases[i].line, r.changes[0].fix->id,
                     cases[i].tapped);
        assert_true(n > 0 && r.n_left > 0);
        c2s_fix_report_finish(&r);
        c2s_model_destroy(m);
    }
}

/* An activation inside a layer that others read splits all the same: all read the new layer. */
static void splitting_keeps_every_reader(void **state)
{
    (void)state;
    struct c2s_fix_report r;
    struct c2s_model *m = sketched("in 12,12,3; conv 8 3 same act=relu; flatten; dense 4");
    feed_another(m, "conv_1");
    struct c2s_model *fixed = fix_net(m, &(struct fix_asked){.rule = "E005"}, &r);
    assert_non_null(fixed);
    assert_true(r.difference == 0);
    int relu = c2s_model_find(fixed, "conv_1_relu");
    assert_int_equal(c2s_model_n_readers(fixed, relu, NULL), 2);
    assert_int_equal(c2s_model_n_readers(fixed, c2s_model_find(fixed, "conv_1"), NULL), 1);
    c2s_fix_report_finish(&r);
    c2s_model_destroy(fixed);
    c2s_model_destroy(m);
}

static void what_no_engine_computes_is_not_called_measured(void **state)
{
    (void)state;
    struct c2s_fix_report r;
    struct c2s_error err = {0};
    struct c2s_model *m = sketched("in 12,12,3; conv 8 3 same act=relu; flatten; dense 4");
    struct c2s_layer *l = series_layer(m, "flatten_2");
    l->op = C2S_OP_UNKNOWN;
    assert_ok(c2s_layer_set_text(&l->class_name, "Lambda", &err), &err);
    struct c2s_model *fixed = fix_net(m, &(struct fix_asked){0}, &r);
    assert_non_null(fixed);
    assert_true(isnan(r.difference));
    c2s_fix_report_finish(&r);
    c2s_model_destroy(fixed);
    c2s_model_destroy(m);
}

/* By the layer that a finding is about, not by its rule. */
static void what_would_help_is_offered(void **state)
{
    (void)state;
    static const struct {
        const char *layer;
        unsigned offer;
    } expected[] = {{"dw_2", C2S_FIX_EXACT}, {"leaky_3", C2S_FIX_APPROXIMATE}, {"flatten_4", 0}};
    struct c2s_model *m = sketched("in 12,12,3; conv 8 3 same; dw 3 same; leaky; flatten; dense 4");
    struct c2s_fix_request request = request_of(NULL, NULL);
    struct c2s_layer *l = series_layer(m, "flatten_4");
    struct c2s_error err = {0};
    struct c2s_findings f;
    unsigned offers[40];
    int n = 0;
    l->op = C2S_OP_UNKNOWN;
    assert_ok(c2s_layer_set_text(&l->class_name, "Lambda", &err), &err);
    assert_ok(c2s_check(m, &request.check, &f, &err), &err);
    assert_true(f.n_rows <= 40);
    assert_ok(c2s_fix_offers(m, &request, &f, offers, &err), &err);
    for (int i = 0; i < f.n_rows; i++)
        for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++)
            if (strcmp(f.rows[i].rule->id, "E004") == 0 &&
                strcmp(m->layers[f.rows[i].layer]->name, expected[k].layer) == 0) {
                assert_int_equal(offers[i], expected[k].offer);
                n++;
            }
    assert_int_equal(n, 3);
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_say_what_was_wrong),
        cmocka_unit_test(only_what_is_asked_for_changes),
        cmocka_unit_test(the_last_activation_goes_only_by_name),
        cmocka_unit_test(one_fix_makes_way_for_the_next),
        cmocka_unit_test(the_input_is_judged_as_it_becomes),
        cmocka_unit_test(samples_are_measured_on_and_change_nothing),
        cmocka_unit_test(quantized_models_are_fixed_or_refused),
        cmocka_unit_test(layers_that_others_read_stay),
        cmocka_unit_test(splitting_keeps_every_reader),
        cmocka_unit_test(what_no_engine_computes_is_not_called_measured),
        cmocka_unit_test(what_would_help_is_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
