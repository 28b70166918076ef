/* Every kind of calibration on every model of the gallery: it succeeds and leaves a model of the
 * same layers, or says why not; and what fm_vgg loses and keeps on real images. */
#include "files.h"
#include "support.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <c2s/calibrate.h>
#include <c2s/keras.h>
#include <c2s/metrics.h>
#include <c2s/quantize.h>

enum { N = 4 };

/* Bytes of the shape the model takes, a few samples. */
static struct c2s_dataset *data_for(const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_dataset *d;
    char shape[120] = "4,", labels[300];
    size_t n = N;
    const struct c2s_layer *input = m->layers[m->inputs[0]];
    for (int i = 0; i < input->rank; i++) {
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%lld,",
                 (long long)input->dims[i]);
        n *= (size_t)input->dims[i];
    }
    snprintf(labels, sizeof labels, "%s", in_test_folder("labels.npy"));
    write_npy_counting(in_test_folder("images.npy"), shape, n, 251);
    write_npy_counting(labels, "4,", N, 2);
    struct c2s_dataset_options options = {.scale = 255, .labels = labels};
    assert_ok(c2s_dataset_open(in_test_folder("images.npy"), &options, &d, &err), &err);
    return d;
}

static struct c2s_model *quantized(const struct c2s_model *m)
{
    struct c2s_error ignored = {0};
    struct c2s_model *q = NULL;
    const struct c2s_quantize_plan plan = {C2S_RULE_22, 4, 4, 8, NULL, false};
    return c2s_quantize(m, &plan, NULL, &q, NULL, &ignored) ? q : NULL;
}

/* What a calibration gave: "" = something changed, else why not. */
struct outcome {
    enum c2s_code code;
    char text[700];
};

static struct outcome outcome_of(const char *name, enum c2s_calibration what)
{
    struct outcome o = {C2S_OK, ""};
    struct c2s_error err = {0};
    struct c2s_model *m, *q = NULL, *out = NULL;
    struct c2s_calibrate_report report = {0};
    assert_ok(c2s_keras_read(data_path("gallery/%s", name), NULL, &m, &err), &err);
    struct c2s_dataset *d = data_for(m);
    struct c2s_calibrate_request request = {
        .model = m, .what = what, .data = d, .reference = m, .method = C2S_RANGE_MAX};
    if (what == C2S_CALIBRATE_BIAS && (q = quantized(m)))
        request.model = q;
    if (!c2s_calibrate(&request, &out, &report, &err)) {
        assert_null(out);
        assert_true(strlen(err.text) > 20);
        o.code = err.code;
        snprintf(o.text, sizeof o.text, "%s", err.text);
    } else if (out) {
        assert_true(report.n_changed > 0);
        assert_true(report.n_folded > 0 || out->n_layers == request.model->n_layers);
        assert_true(isnan(report.difference) || report.difference >= 0);
    } else {
        assert_true(report.n_rows > 0);
        assert_int_equal(report.n_changed, 0);
        snprintf(o.text, sizeof o.text, "%s", report.rows[0].skipped);
        assert_true(strlen(o.text) > 10);
    }
    c2s_calibrate_report_finish(&report);
    c2s_model_destroy(out);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
    c2s_dataset_close(d);
    return o;
}

static void every_model_every_kind(void **state)
{
    (void)state;
    DIR *folder = opendir(data_path("gallery"));
    int n = 0;
    for (struct dirent *e; (e = readdir(folder)) != NULL;)
        if (strstr(e->d_name, ".h5")) {
            for (int what = 0; what <= C2S_CALIBRATE_EQUALIZE; what++) {
                enum c2s_code code = outcome_of(e->d_name, (enum c2s_calibration)what).code;
                bool is_expected = code == C2S_OK || code == C2S_STATE || code == C2S_UNSUPPORTED ||
                                   code == C2S_RANGE;
                if (!is_expected)
                    fail_msg("%s: %s", e->d_name, c2s_code_name(code));
            }
            n++;
        }
    closedir(folder);
    assert_true(n >= 38);
}

static void what_is_refused_and_why(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum c2s_calibration what;
        enum c2s_code code;
        const char *text;
    } cases[] = {
        {"two_inputs.h5", C2S_CALIBRATE_RANGES, C2S_UNSUPPORTED, "several ends"},
        {"two_outputs.h5", C2S_CALIBRATE_EQUALIZE, C2S_UNSUPPORTED, "several ends"},
        {"nan_weight.h5", C2S_CALIBRATE_RANGES, C2S_RANGE, "NaN"},
        {"inline_relu.h5", C2S_CALIBRATE_RANGES, C2S_OK, "inside the layer"},
        {"activation_relu_layer.h5", C2S_CALIBRATE_RANGES, C2S_OK, "an Activation layer"},
        {"ok_relu_no_max.h5", C2S_CALIBRATE_RANGES, C2S_OK, ""},
        {"ok_relu_no_max.h5", C2S_CALIBRATE_EQUALIZE, C2S_OK, ""},
        {"ok_relu_3.h5", C2S_CALIBRATE_EQUALIZE, C2S_OK, "max_value"},
        {"ok_pool_bn.h5", C2S_CALIBRATE_BATCH_NORM, C2S_OK, ""},
        {"ok_pool_bn.h5", C2S_CALIBRATE_BIAS, C2S_OK, ""},
        {"bn_negative_gamma_after_pool.h5", C2S_CALIBRATE_EQUALIZE, C2S_UNSUPPORTED, "gamma"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome o = outcome_of(cases[i].name, cases[i].what);
        if (o.code != cases[i].code || !strstr(o.text, cases[i].text) ||
            (cases[i].text[0] == '\0' && o.text[0]))
            fail_msg("%s %s: %s \"%s\"", cases[i].name, c2s_calibration_name(cases[i].what),
                     c2s_code_name(o.code), o.text);
    }
}

static int64_t right_of_1000(const struct c2s_model *m, const struct c2s_dataset *d)
{
    struct c2s_error err = {0};
    struct c2s_engine *e;
    struct c2s_metrics metrics;
    assert_ok(c2s_engine_create("dnnl", m, NULL, &e, &err), &err);
    assert_ok(c2s_evaluate(e, d, NULL, &metrics, NULL, &err), &err);
    c2s_engine_destroy(e);
    return metrics.correct;
}

static struct c2s_model *calibrated(const struct c2s_model *m, const struct c2s_dataset *d)
{
    struct c2s_error err = {0};
    struct c2s_model *out;
    struct c2s_calibrate_report report;
    assert_ok(
        c2s_calibrate(&(struct c2s_calibrate_request){.model = m, .data = d}, &out, &report, &err),
        &err);
    assert_int_equal(report.n_changed, 4);
    assert_true(report.rows[0].sqnr_after > report.rows[0].sqnr_before + 15);
    c2s_calibrate_report_finish(&report);
    return out;
}

static struct c2s_model *with_4_bit_activations(const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_model *q;
    const struct c2s_quantize_plan plan = {.activ_quantization = 4,
                                           .input_weight_quantization = -1};
    assert_ok(c2s_quantize(m, &plan, NULL, &q, NULL, &err), &err);
    return q;
}

/* Its ReLUs have no max_value and its activations are small, so that levels up to 15 lose all. */
static void fm_vgg_is_rescued(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m;
    struct c2s_dataset *all = fashion_images(0), *some = fashion_images(200);
    assert_ok(c2s_keras_read(data_path("fm_vgg.h5"), NULL, &m, &err), &err);
    struct c2s_model *lost = with_4_bit_activations(m), *ranged = calibrated(m, some);
    struct c2s_model *kept = with_4_bit_activations(ranged), *found = calibrated(lost, some);
    assert_int_equal(right_of_1000(m, all), 879);
    assert_true(right_of_1000(lost, all) < 200);
    assert_true(right_of_1000(kept, all) > 860);  /* calibrated before quantization */
    assert_true(right_of_1000(found, all) > 860); /* and after */
    c2s_model_destroy(found);
    c2s_model_destroy(kept);
    c2s_model_destroy(ranged);
    c2s_model_destroy(lost);
    c2s_model_destroy(m);
    c2s_dataset_close(some);
    c2s_dataset_close(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_every_kind),
        cmocka_unit_test(what_is_refused_and_why),
        cmocka_unit_test(fm_vgg_is_rescued),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
