/* Calibration of small models on real images, against what naive sums over the naive engine's
 * outputs say; what it must leave alone; that threads do not change a bit. */
#include "files.h"
#include "series.h"
#include "support.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/calibrate.h>
#include <c2s/engine.h>
#include <c2s/histogram.h>

enum { N = 100 }; /* samples: more than a batch, and no multiple of one */

/* Outputs of a layer on all samples, by the naive engine; new. */
struct capture {
    int layer;
    struct c2s_tensor *output;
};

static bool capture_layer(void *arg, int layer, const struct c2s_tensor *output)
{
    struct capture *c = arg;
    if (layer == c->layer)
        c->output = c2s_tensor_clone(output, &(struct c2s_error){0});
    return true;
}

static struct c2s_tensor *outputs_of(const struct c2s_model *m, const struct c2s_dataset *d,
                                     const char *layer)
{
    struct c2s_error err = {0};
    struct c2s_engine *e;
    struct c2s_tensor *x, *y;
    struct capture c = {c2s_model_find(m, layer), NULL};
    struct c2s_observer observer = {capture_layer, &c};
    assert_true(c.layer >= 0);
    assert_ok(c2s_engine_create("ref", m, &(struct c2s_engine_options){.max_batch = N}, &e, &err),
              &err);
    assert_ok(c2s_dataset_keras(d, 0, c2s_dataset_info(d)->n, &x, &err), &err);
    assert_ok(c2s_engine_run(e, (const struct c2s_tensor *const *)&x, &y, &observer, &err), &err);
    c2s_engine_destroy(e);
    c2s_tensor_unref(x);
    c2s_tensor_unref(y);
    assert_non_null(c.output);
    return c.output;
}

static struct c2s_model *calibrated(const struct c2s_calibrate_request *r,
                                    struct c2s_calibrate_report *report)
{
    struct c2s_error err = {0};
    struct c2s_model *out = NULL;
    *report = (struct c2s_calibrate_report){0};
    assert_ok(c2s_calibrate(r, &out, report, &err), &err);
    return out;
}

static void refused(const struct c2s_calibrate_request *r, enum c2s_code code, const char *part)
{
    struct c2s_error err = {0};
    struct c2s_model *out = NULL;
    struct c2s_calibrate_report report = {0};
    assert_false(c2s_calibrate(r, &out, &report, &err));
    assert_null(out);
    assert_null(report.rows);
    if (err.code != code || !strstr(err.text, part))
        fail_msg("%s: %s, not about '%s'", c2s_code_name(err.code), err.text, part);
}

static const struct c2s_calibrated_layer *row_of(const struct c2s_calibrate_report *r,
                                                 const char *name)
{
    for (int i = 0; i < r->n_rows; i++)
        if (strcmp(r->rows[i].name, name) == 0)
            return &r->rows[i];
    fail_msg("no row for '%s'", name);
    return r->rows;
}

static void assert_stays(const struct c2s_calibrate_report *r, const char *name, const char *why)
{
    if (!strstr(row_of(r, name)->skipped, why))
        fail_msg("'%s' stays because \"%s\"", name, row_of(r, name)->skipped);
}

/* ---- ranges ---- */

/* conv - relu (no end) - sep - pool - relu_1 (max 100) - flatten - dense */
static struct c2s_model *rectified(void)
{
    series_seed(3);
    struct c2s_model *m = series_start(3, 28, 28, 1);
    series_add_conv(m, C2S_OP_CONV2D, "conv", 4, true);
    series_add(m, C2S_OP_RELU, "relu");
    series_add_conv(m, C2S_OP_SEPARABLE_CONV2D, "sep", 5, true);
    series_add_pool(m, "pool");
    series_add(m, C2S_OP_RELU, "relu_1")->attr.relu.max_value = 100;
    series_add(m, C2S_OP_FLATTEN, "flatten");
    series_add_dense(m, "dense", 10, true);
    return series_end(m);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The values above 0 of a layer, ascending; new. */
static float *positives(const struct c2s_model *m, const struct c2s_dataset *d, const char *layer,
                        int64_t *n)
{
    struct c2s_tensor *t = outputs_of(m, d, layer);
    float *values = malloc(c2s_tensor_bytes(t));
    *n = 0;
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        if (c2s_f32(t)[i] > 0)
            values[(*n)++] = c2s_f32(t)[i];
    qsort(values, (size_t)*n, sizeof *values, by_value);
    c2s_tensor_unref(t);
    return values;
}

static void ranges_are_those_of_the_data(void **state)
{
    (void)state;
    struct c2s_model *m = rectified();
    struct c2s_dataset *d = fashion_images(N);
    const struct {
        enum c2s_range_method method;
        double percentile;
    } cases[] = {{C2S_RANGE_MAX, 0}, {C2S_RANGE_PERCENTILE, 99.5}, {C2S_RANGE_PERCENTILE, 75}};
    for (size_t i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++) {
            const char *name = k ? "relu_1" : "relu";
            int64_t n;
            float *values = positives(m, d, name, &n);
            struct c2s_calibrate_report report;
            struct c2s_model *out =
                calibrated(&(struct c2s_calibrate_request){.model = m,
                                                           .data = d,
                                                           .method = cases[i].method,
                                                           .percentile = cases[i].percentile,
                                                           .layers = name},
                           &report);
            int64_t rank =
                cases[i].percentile > 0 ? ((int)(cases[i].percentile * 10) * n + 999) / 1000 : n;
            double got = (double)series_layer(out, name)->attr.relu.max_value;
            double wanted = (double)values[rank - 1];
            /* Two engines' roundings of sums of some dozen float32 products. */
            assert_true(fabs(got - wanted) <= 1e-5 * wanted);
            assert_int_equal(report.n_rows, 1);
            assert_float_equal(report.rows[0].range_after, got, 0);
            assert_true(fabs(report.rows[0].clipped - (double)(n - rank) / (double)n) < 0.002);
            assert_int_equal(report.n_samples, N);
            assert_true(cases[i].percentile > 0 || report.difference == 0);
            assert_true(cases[i].percentile != 75 || report.difference > 0.001);
            c2s_calibrate_report_finish(&report);
            c2s_model_destroy(out);
            free(values);
        }
    c2s_dataset_close(d);
    c2s_model_destroy(m);
}

/* The SQNR told for a range is that of the quantized layer on the same values. */
static void told_sqnr_is_that_of_the_quantized_layer(void **state)
{
    (void)state;
    struct c2s_model *m = rectified();
    struct c2s_dataset *d = fashion_images(N);
    for (int bits = 1; bits <= 4; bits += 3) {
        struct c2s_calibrate_report report;
        struct c2s_model *out = calibrated(
            &(struct c2s_calibrate_request){.model = m, .data = d, .bits = bits, .layers = "relu"},
            &report);
        const struct c2s_model *models[] = {m, out};
        double told[] = {report.rows[0].sqnr_before, report.rows[0].sqnr_after};
        for (int i = 0; i < 2; i++) {
            const struct c2s_quantize_plan plan = {
                .activ_quantization = bits, .layers = "relu", .input_weight_quantization = -1};
            struct c2s_model *q = series_quantized(models[i], &plan, NULL);
            struct c2s_tensor *x = outputs_of(m, d, "relu"), *y = outputs_of(q, d, "relu");
            assert_float_equal(c2s_sqnr(x, y), told[i], 0.01); /* dB: values at edges of bins */
            c2s_tensor_unref(x);
            c2s_tensor_unref(y);
            c2s_model_destroy(q);
        }
        assert_true(told[1] > told[0]);
        c2s_calibrate_report_finish(&report);
        c2s_model_destroy(out);
    }
    c2s_dataset_close(d);
    c2s_model_destroy(m);
}

/* Quantized activations are measured as if none of them cut anything. */
static void quantized_activations_get_the_float_range(void **state)
{
    (void)state;
    struct c2s_model *m = rectified();
    struct c2s_dataset *d = fashion_images(N);
    struct c2s_calibrate_report report;
    struct c2s_calibrate_request request = {.model = m, .data = d, .method = C2S_RANGE_MAX};
    struct c2s_model *expected = calibrated(&request, &report);
    c2s_calibrate_report_finish(&report);
    const struct c2s_quantize_plan plan = {.activ_quantization = 2,
                                           .input_weight_quantization = -1};
    struct c2s_model *q = series_quantized(m, &plan, NULL);
    series_layer(q, "relu")->attr.quantized_relu.max_value = 0.001f; /* cuts nearly all */
    request.model = q;
    struct c2s_model *out = calibrated(&request, &report);
    for (int k = 0; k < 2; k++) {
        const char *name = k ? "relu_1" : "relu";
        const struct c2s_layer *l = series_layer(out, name);
        assert_int_equal(l->op, C2S_OP_QUANTIZED_RELU);
        assert_int_equal(l->attr.quantized_relu.bitwidth, 2);
        assert_true(l->attr.quantized_relu.max_value ==
                    series_layer(expected, name)->attr.relu.max_value);
    }
    assert_float_equal(row_of(&report, "relu")->range_before, 0.001, 1e-9);
    c2s_calibrate_report_finish(&report);
    c2s_model_destroy(out);
    c2s_model_destroy(q);
    c2s_model_destroy(expected);
    c2s_dataset_close(d);
    c2s_model_destroy(m);
}

static void what_has_no_range_stays(void **state)
{
    (void)state;
    struct c2s_model *m = rectified();
    struct c2s_dataset *d = fashion_images(N);
    struct c2s_calibrate_report report;
    struct c2s_calibrate_request request = {.model = m, .data = d, .method = C2S_RANGE_MAX};
    series_layer(m, "relu")->attr.relu.max_value = 0.01f;
    series_layer(m, "relu_1")->attr.relu.negative_slope = 0.1f;
    series_layer(m, "sep")->attr.conv.function = C2S_FN_RELU;
    assert_null(calibrated(&request, &report));
    assert_int_equal(report.n_rows, 3);
    assert_int_equal(report.n_changed, 0);
    assert_stays(&report, "relu", "not wider than the data's");
    assert_stays(&report, "relu_1", "slope below 0");
    assert_stays(&report, "sep", "inside the layer");
    c2s_calibrate_report_finish(&report);

    series_layer(m, "relu")->attr.relu.max_value = INFINITY;
    for (int i = 0; i < 4; i++) /* nothing gets past it */
        c2s_f32(series_layer(m, "conv")->params[C2S_BIAS])[i] = -1000;
    assert_null(calibrated(&request, &report));
    assert_stays(&report, "relu", "nothing above 0");
    c2s_calibrate_report_finish(&report);

    series_layer(m, "relu_1")->attr.relu.negative_slope = 0;
    series_layer(m, "sep")->attr.conv.function = C2S_FN_LINEAR;
    const struct c2s_quantize_plan plan = {
        .rule = C2S_RULE_18, .activ_quantization = 4, .input_weight_quantization = -1};
    request.model = series_quantized(m, &plan, NULL);
    assert_null(calibrated(&request, &report));
    assert_stays(&report, "relu", "--rule 2.2");
    c2s_calibrate_report_finish(&report);
    c2s_model_destroy((struct c2s_model *)request.model);
    c2s_dataset_close(d);
    c2s_model_destroy(m);
}

/* ---- batch normalization ---- */

static struct c2s_model *normalized(uint64_t seed)
{
    series_seed(seed);
    struct c2s_model *m = series_usual_for(28, 1, 10);
    series_layer(m, "relu")->attr.relu.max_value = INFINITY;
    return m;
}

static void assert_moments(const struct c2s_model *m, const struct c2s_dataset *d, const char *bn,
                           const char *in_front)
{
    struct c2s_tensor *x = outputs_of(m, d, in_front);
    const struct c2s_layer *l = series_layer(m, bn);
    int64_t channels = x->dims[x->rank - 1], rows = c2s_tensor_count(x) / channels;
    for (int64_t k = 0; k < channels; k++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < rows; i++)
            sum += (double)c2s_f32(x)[i * channels + k];
        double mean = sum / (double)rows;
        for (int64_t i = 0; i < rows; i++) {
            double apart = (double)c2s_f32(x)[i * channels + k] - mean;
            squares += apart * apart;
        }
        double deviation = sqrt(squares / (double)rows);
        /* float32 results of two engines that round each value to 1e-7 of it */
        assert_true(fabs((double)c2s_f32(l->params[C2S_MOVING_MEAN])[k] - mean) <=
                    1e-5 * deviation);
        assert_float_equal(sqrt((double)c2s_f32(l->params[C2S_MOVING_VARIANCE])[k]) / deviation, 1,
                           1e-5);
    }
    c2s_tensor_unref(x);
}

static void moments_are_those_of_the_data(void **state)
{
    (void)state;
    struct c2s_model *m = normalized(11);
    struct c2s_dataset *d = fashion_images(N);
    struct c2s_calibrate_report report;
    struct c2s_calibrate_request request = {
        .model = m, .what = C2S_CALIBRATE_BATCH_NORM, .data = d};
    struct c2s_model *out = calibrated(&request, &report);
    assert_int_equal(report.n_rows, 2);
    assert_moments(out, d, "bn", "conv");
    assert_moments(out, d, "bn_1", "pool"); /* behind the new bn */
    assert_true(row_of(&report, "bn")->shift > 0.1);
    c2s_calibrate_report_finish(&report);
    /* Done once more there is nothing to move, but for rounding. */
    request.model = out;
    struct c2s_model *again = calibrated(&request, &report);
    assert_true(row_of(&report, "bn_1")->shift < 1e-5);
    assert_float_equal(row_of(&report, "bn_1")->low, 1, 1e-5);
    assert_float_equal(row_of(&report, "bn_1")->high, 1, 1e-5);
    c2s_calibrate_report_finish(&report);
    c2s_model_destroy(again);
    /* Only one of them. */
    request.model = m;
    request.layers = "bn_1";
    again = calibrated(&request, &report);
    assert_int_equal(report.n_rows, 1);
    assert_ptr_equal(series_layer(again, "bn")->params[C2S_MOVING_MEAN],
                     series_layer(m, "bn")->params[C2S_MOVING_MEAN]);
    assert_moments(again, d, "bn_1", "pool");
    c2s_calibrate_report_finish(&report);
    c2s_model_destroy(again);
    c2s_model_destroy(out);
    c2s_dataset_close(d);
    c2s_model_destroy(m);
}

static void normalization_of_the_input_itself(void **state)
{
    (void)state;
    series_seed(12);
    struct c2s_model *m = series_start(3, 28, 28, 1);
    series_add_norm(m, "bn", false, false);
    series_add(m, C2S_OP_FLATTEN, "flatten");
    series_add_dense(m, "dense", 10, true);
    series_end(m);
    struct c2s_dataset *d = fashion_images(N);
    struct c2s_calibrate_report report;
    struct c2s_model *out = calibrated(
        &(struct c2s_calibrate_request){.model = m, .what = C2S_CALIBRATE_BATCH_NORM, .data = d},
        &report);
    assert_moments(out, d, "bn", m->layers[0]->name);
    c2s_calibrate_report_finish(&report);
    c2s_model_destroy(out);
    c2s_dataset_close(d);
    c2s_model_destroy(m);
}

/* ---- bias ---- */

/* Mean over data and places of reference - model, per channel, at most this share of the
 * deviation of the reference. */
static double largest_mean_error(const struct c2s_model *m, const struct c2s_model *reference,
                                 const struct c2s_dataset *d, const char *layer)
{
    struct c2s_tensor *x = outputs_of(reference, d, layer), *y = outputs_of(m, d, layer);
    int64_t channels = x->dims[x->rank - 1], rows = c2s_tensor_count(x) / channels;
    double largest = 0;
    for (int64_t k = 0; k < channels; k++) {
        double error = 0, sum = 0, squares = 0;
        for (int64_t i = k; i < rows * channels; i += channels) {
            double r = (double)c2s_f32(x)[i];
            error += r - (double)c2s_f32(y)[i];
            sum += r;
            squares += r * r;
        }
        double mean = sum / (double)rows, variance = squares / (double)rows - mean * mean;
        largest = fmax(largest, fabs(error / (double)rows) / sqrt(variance));
    }
    c2s_tensor_unref(x);
    c2s_tensor_unref(y);
    return largest;
}

static const char *const neural[] = {"conv", "sep", "dense"};

static void mean_error_becomes_zero(void **state)
{
    (void)state;
    struct c2s_dataset *d = fashion_images(N);
    struct c2s_model *m = normalized(21), *folded = c2s_model_clone(m, &(struct c2s_error){0});
    struct c2s_error err = {0};
    struct c2s_calibrate_report report;
    assert_ok(c2s_model_swap_batch_norm_and_pool(folded, NULL, &err) &&
                  c2s_model_fold_batch_norm(folded, false, NULL, &err),
              &err);
    const struct c2s_quantize_plan plan = {C2S_RULE_22, 3, 3, 4, NULL, false};
    struct c2s_model *q = series_quantized(m, &plan, NULL);
    struct c2s_model *out = calibrated(
        &(struct c2s_calibrate_request){
            .model = q, .what = C2S_CALIBRATE_BIAS, .data = d, .reference = m},
        &report);
    assert_int_equal(report.n_changed, 3);
    double before = 0;
    for (int i = 0; i < 3; i++) {
        before = fmax(before, largest_mean_error(q, folded, d, neural[i]));
        /* Values at the edge of a level may fall to the other side in the other engine. */
        assert_true(largest_mean_error(out, folded, d, neural[i]) < 1e-3);
        struct c2s_tensor *x = outputs_of(folded, d, neural[i]), *y = outputs_of(out, d, neural[i]);
        assert_float_equal(row_of(&report, neural[i])->sqnr_after, c2s_sqnr(x, y), 0.02);
        assert_true(row_of(&report, neural[i])->sqnr_after >
                    row_of(&report, neural[i])->sqnr_before);
        c2s_tensor_unref(x);
        c2s_tensor_unref(y);
    }
    assert_true(before > 0.05);
    assert_ptr_equal(series_layer(out, "sep")->params[C2S_POINTWISE_KERNEL],
                     series_layer(q, "sep")->params[C2S_POINTWISE_KERNEL]);
    c2s_calibrate_report_finish(&report);
    c2s_model_destroy(out);
    c2s_model_destroy(q);
    c2s_model_destroy(folded);
    c2s_model_destroy(m);
    c2s_dataset_close(d);
}

static void layers_without_bias_get_one(void **state)
{
    (void)state;
    struct c2s_dataset *d = fashion_images(N);
    series_seed(22);
    struct c2s_model *m = series_start(3, 28, 28, 1);
    series_add_conv(m, C2S_OP_CONV2D, "conv", 3, false);
    series_add(m, C2S_OP_RELU, "relu");
    series_add_conv(m, C2S_OP_DEPTHWISE_CONV2D, "depthwise", 3, false);
    series_add(m, C2S_OP_FLATTEN, "flatten");
    series_add_dense(m, "dense", 4, false);
    series_end(m);
    const struct c2s_quantize_plan plan = {C2S_RULE_22, 2, 2, 2, NULL, false};
    struct c2s_model *q = series_quantized(m, &plan, NULL);
    struct c2s_calibrate_report report;
    struct c2s_calibrate_request request = {
        .model = q, .what = C2S_CALIBRATE_BIAS, .data = d, .reference = m};
    struct c2s_model *out = calibrated(&request, &report);
    assert_true(series_layer(out, "conv")->attr.conv.use_bias);
    assert_true(series_layer(out, "dense")->attr.dense.use_bias);
    assert_null(series_layer(out, "depthwise")->params[C2S_BIAS]);
    assert_stays(&report, "depthwise", "has no bias");
    assert_true(largest_mean_error(out, m, d, "conv") < 1e-5);
    assert_true(largest_mean_error(out, m, d, "dense") < 1e-3);
    c2s_calibrate_report_finish(&report);
    c2s_model_destroy(out);
    request.model = m;
    refused(&request, C2S_STATE, "nothing is quantized");
    c2s_model_destroy(q);
    c2s_model_destroy(m);
    c2s_dataset_close(d);
}

/* ---- equalization ---- */

/* Random chains with everything that lets factors through. */
static struct c2s_model *homogeneous(uint64_t seed)
{
    series_seed(seed);
    struct c2s_model *m = series_start(3, 9, 8, 3);
    series_add_conv(m, C2S_OP_CONV2D, "conv", 4 + series_random_int(3), series_random_int(2));
    series_add_norm(m, "bn", true, true);
    series_add(m, C2S_OP_RELU, "relu");
    series_add_conv(m, C2S_OP_SEPARABLE_CONV2D, "sep", 6, true);
    series_add(m, C2S_OP_LEAKY_RELU, "leaky");
    series_add_pool(m, "pool");
    series_add_conv(m, C2S_OP_DEPTHWISE_CONV2D, "depthwise", 6, series_random_int(2));
    series_add(m, C2S_OP_DROPOUT, "dropout");
    series_add_conv(m, C2S_OP_CONV2D, "conv_1", 5, true);
    series_add(m, C2S_OP_RELU, "relu_1");
    series_add(m, C2S_OP_FLATTEN, "flatten");
    series_add_dense(m, "dense", 7, true);
    series_add(m, C2S_OP_RELU, "relu_2")->attr.relu.max_value = 1e6f; /* never reached */
    series_add_dense(m, "dense_1", 3, true);
    return series_end(m);
}

static double largest_in_column(const struct c2s_tensor *kernel, int64_t k, int64_t inner,
                                int64_t channels)
{
    double largest = 0;
    for (int64_t i = 0; i < c2s_tensor_count(kernel); i++)
        if (i / inner % channels == k)
            largest = fmax(largest, fabs((double)c2s_f32(kernel)[i]));
    return largest;
}

static void equalized_models_compute_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct c2s_model *m = homogeneous(seed);
        struct c2s_calibrate_report report;
        struct c2s_calibrate_request request = {.model = m, .what = C2S_CALIBRATE_EQUALIZE};
        struct c2s_model *out = calibrated(&request, &report);
        assert_same_function(m, out);
        assert_true(report.difference <= 1e-5);
        assert_int_equal(report.n_folded, 1);
        /* conv-sep, sep-sep, sep-depthwise, depthwise-conv_1, conv_1-dense; dense_1 stays. */
        assert_int_equal(report.n_changed, 5);
        assert_stays(&report, "dense_1", "has a max_value");
        assert_true(report.rows[0].low < report.rows[0].high);
        /* Both sides of a pair have the same largest magnitudes now. */
        const struct c2s_layer *sep = series_layer(out, "sep");
        const struct c2s_tensor *dw = sep->params[C2S_DEPTHWISE_KERNEL],
                                *pw = sep->params[C2S_POINTWISE_KERNEL];
        for (int64_t k = 0; k < dw->dims[2]; k++)
            assert_float_equal(largest_in_column(dw, k, 1, dw->dims[2]) /
                                   largest_in_column(pw, k, pw->dims[3], pw->dims[2]),
                               1, 0.01);
        c2s_calibrate_report_finish(&report);
        c2s_model_destroy(out);
        c2s_model_destroy(m);
    }
}

static void a_dead_channel_stays(void **state)
{
    (void)state;
    struct c2s_model *m = homogeneous(9);
    struct c2s_calibrate_report report;
    struct c2s_tensor *dw = series_layer(m, "sep")->params[C2S_DEPTHWISE_KERNEL];
    for (int64_t i = 0; i < c2s_tensor_count(dw); i += dw->dims[2])
        c2s_f32(dw)[i] = 0;
    struct c2s_model *out = calibrated(
        &(struct c2s_calibrate_request){.model = m, .what = C2S_CALIBRATE_EQUALIZE}, &report);
    assert_same_function(m, out);
    c2s_calibrate_report_finish(&report);
    c2s_model_destroy(out);
    c2s_model_destroy(m);
}

static void quantized_models_are_not_equalized(void **state)
{
    (void)state;
    struct c2s_model *m = homogeneous(2);
    const struct c2s_quantize_plan plan = {C2S_RULE_22, 4, 0, 8, NULL, false};
    struct c2s_model *q = series_quantized(m, &plan, NULL);
    refused(&(struct c2s_calibrate_request){.model = q, .what = C2S_CALIBRATE_EQUALIZE}, C2S_STATE,
            "equalize the float version");
    c2s_model_destroy(q);
    c2s_model_destroy(m);
}

/* ---- all of them ---- */

static void requests_that_make_no_sense(void **state)
{
    (void)state;
    struct c2s_model *m = rectified();
    struct c2s_dataset *d = fashion_images(N);
    struct c2s_calibrate_request r = {.model = m, .data = d, .layers = "nothing*"};
    refused(&r, C2S_NOT_FOUND, "'nothing*'");
    r.layers = NULL;
    r.what = C2S_CALIBRATE_BATCH_NORM;
    refused(&r, C2S_STATE, "no batch normalization");
    r.what = C2S_CALIBRATE_RANGES;
    r.method = C2S_RANGE_PERCENTILE;
    refused(&r, C2S_RANGE, "percentile=99.9");
    r.percentile = NAN;
    refused(&r, C2S_RANGE, "percentile");
    r.method = C2S_RANGE_MAX;
    r.bits = 9;
    refused(&r, C2S_RANGE, "9 bits");
    r.bits = 0;
    struct c2s_model *other = homogeneous(1); /* takes 9,8,3 */
    r.model = other;
    refused(&r, C2S_SHAPE, "28,28,1");
    c2s_model_destroy(other);
    r.model = m;
    for (int i = 0; i < 9 * 4; i++)
        c2s_f32(series_layer(m, "conv")->params[C2S_KERNEL])[i] = 3e38f;
    refused(&r, C2S_RANGE, "'relu' gives NaN or infinity");
    c2s_dataset_close(d);
    c2s_model_destroy(m);
}

static bool stop_in_the_middle(void *arg, const struct c2s_progress_event *event)
{
    int *calls = arg;
    assert_true(event->done >= 0 && event->done < event->total);
    return ++*calls < 3;
}

static void can_be_cancelled(void **state)
{
    (void)state;
    struct c2s_model *m = normalized(4);
    struct c2s_dataset *d = fashion_images(N);
    for (int what = 0; what < 2; what++) {
        int calls = 0;
        struct c2s_progress progress = {stop_in_the_middle, &calls};
        refused(
            &(struct c2s_calibrate_request){
                .model = m, .what = (enum c2s_calibration)what, .data = d, .progress = &progress},
            C2S_CANCELLED, "cancelled");
        assert_int_equal(calls, 3);
    }
    c2s_dataset_close(d);
    c2s_model_destroy(m);
}

static void assert_same_numbers(const struct c2s_model *a, const struct c2s_model *b)
{
    assert_int_equal(a->n_layers, b->n_layers);
    for (int i = 0; i < a->n_layers; i++) {
        const struct c2s_layer *x = a->layers[i], *y = b->layers[i];
        if (x->op == C2S_OP_RELU)
            assert_memory_equal(&x->attr.relu, &y->attr.relu, sizeof x->attr.relu);
        for (int k = 0; k < C2S_ROLE_COUNT; k++)
            if (x->params[k])
                assert_memory_equal(x->params[k]->data, y->params[k]->data,
                                    c2s_tensor_bytes(x->params[k]));
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    struct c2s_dataset *d = fashion_images(N);
    struct c2s_model *m = normalized(31);
    const struct c2s_quantize_plan plan = {C2S_RULE_22, 4, 4, 8, NULL, false};
    struct c2s_model *q = series_quantized(m, &plan, NULL);
    const struct c2s_calibrate_request requests[] = {
        {.model = m, .data = d},
        {.model = m, .data = d, .what = C2S_CALIBRATE_BATCH_NORM},
        {.model = q, .data = d, .what = C2S_CALIBRATE_BIAS, .reference = m}};
    for (int i = 0; i < 3; i++) {
        struct c2s_calibrate_report report;
        struct c2s_model *out[3];
        for (int threads = 1; threads <= 3; threads++) {
            omp_set_num_threads(threads);
            out[threads - 1] = calibrated(&requests[i], &report);
            c2s_calibrate_report_finish(&report);
        }
        assert_same_numbers(out[0], out[1]);
        assert_same_numbers(out[0], out[2]);
        for (int k = 0; k < 3; k++)
            c2s_model_destroy(out[k]);
    }
    c2s_model_destroy(q);
    c2s_model_destroy(m);
    c2s_dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_those_of_the_data),
        cmocka_unit_test(told_sqnr_is_that_of_the_quantized_layer),
        cmocka_unit_test(quantized_activations_get_the_float_range),
        cmocka_unit_test(what_has_no_range_stays),
        cmocka_unit_test(moments_are_those_of_the_data),
        cmocka_unit_test(normalization_of_the_input_itself),
        cmocka_unit_test(mean_error_becomes_zero),
        cmocka_unit_test(layers_without_bias_get_one),
        cmocka_unit_test(equalized_models_compute_the_same),
        cmocka_unit_test(a_dead_channel_stays),
        cmocka_unit_test(quantized_models_are_not_equalized),
        cmocka_unit_test(requests_that_make_no_sense),
        cmocka_unit_test(can_be_cancelled),
        cmocka_unit_test(threads_do_not_change_a_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
