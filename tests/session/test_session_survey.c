/* What a look at the data tells: values, labels, and channels of a model that stay silent. The
 * faults are planted, so each number is known. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <c2s/session_look.h>

#include "files.h"
#include "memory_journal.h"
#include "nets.h"
#include "support.h"

enum { N = 50, SIDE = 2, PIXELS = N * SIDE * SIDE, N_CLASSES = 3 };
enum { INPUT, CONV, RELU, FLATTEN, DENSE, N_LAYERS };

struct bench {
    struct c2s_journal *journal;
    struct c2s_session *session;
};

/* Four filters of one weight each: the pixel, never above 0, always 2, ten times the pixel. */
static void write_model(const char *path)
{
    struct c2s_error err = {0};
    struct c2s_keras_write_options options = {.overwrite = true};
    struct c2s_model *m = net_create();
    int last = net_input(m, 3, (const int64_t[]){SIDE, SIDE, 1});
    struct c2s_layer *l = net_layer(m, C2S_OP_CONV2D, 1, &last);
    l->attr.conv.filters = 4;
    l->attr.conv.kernel[0] = l->attr.conv.kernel[1] = 1;
    l->attr.conv.use_bias = true;
    net_param(l, C2S_KERNEL, 4, (const int64_t[]){1, 1, 1, 4}, (const float[]){1, 0, 0, 10});
    net_param(l, C2S_BIAS, 1, (const int64_t[]){4}, (const float[]){0, -1, 2, 0});
    last = m->n_layers - 1;
    net_layer(m, C2S_OP_RELU, 1, &last)->attr.relu.max_value = 6;
    last = m->n_layers - 1;
    net_layer(m, C2S_OP_FLATTEN, 1, &last);
    last = m->n_layers - 1;
    l = net_layer(m, C2S_OP_DENSE, 1, &last);
    float weights[SIDE * SIDE * 4 * N_CLASSES];
    for (int i = 0; i < SIDE * SIDE * 4 * N_CLASSES; i++)
        weights[i] = (float)(i % 5) - 2;
    l->attr.dense.units = N_CLASSES;
    l->attr.dense.use_bias = false;
    net_param(l, C2S_KERNEL, 2, (const int64_t[]){SIDE * SIDE * 4, N_CLASSES}, weights);
    net_finish(m);
    assert_ok(c2s_keras_write(m, path, &options, &err), &err);
    c2s_model_destroy(m);
}

/* Writes 50 samples with these pixels and labels, and uses them. */
static bool use(struct bench *b, const float *pixels, const uint8_t *labels, double scale,
                struct c2s_error *err)
{
    const char *y = in_test_folder("y.npy"), *x = in_test_folder("x.npy");
    struct c2s_dataset_options options = {.scale = scale, .labels = y};
    write_npy(x, "<f4", "50, 2, 2, 1", pixels, PIXELS * sizeof *pixels);
    write_npy(y, "|u1", "50,", labels, N);
    return c2s_session_use_data(b->session, x, &options, err);
}

/* Pixels 0..255, all of them whole; every class is there. */
static void make_data(float *pixels, uint8_t *labels)
{
    for (int i = 0; i < PIXELS; i++)
        pixels[i] = (float)(i * 255 / (PIXELS - 1));
    for (int i = 0; i < N; i++)
        labels[i] = (uint8_t)(i % N_CLASSES);
}

static void load(struct bench *b)
{
    struct c2s_error err = {0};
    write_model(in_test_folder("net.h5"));
    assert_ok(c2s_session_load(b->session, in_test_folder("net.h5"), NULL, NULL, NULL, &err), &err);
    assert_int_equal(c2s_session_current(b->session)->model->n_layers, N_LAYERS);
}

static struct c2s_survey look(struct bench *b, int64_t limit)
{
    struct c2s_error err = {0};
    struct c2s_survey s = {0};
    assert_ok(c2s_session_survey(b->session, NULL, limit, &s, &err), &err);
    return s;
}

static void clean_data(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    float pixels[PIXELS];
    uint8_t labels[N];
    make_data(pixels, labels);
    load(b);
    assert_false(c2s_session_survey(b->session, NULL, 0, &(struct c2s_survey){0}, &err));
    assert_int_equal(err.code, C2S_STATE);
    err = (struct c2s_error){0};
    assert_ok(use(b, pixels, labels, 255, &err), &err);
    struct c2s_survey s = look(b, 0);
    assert_int_equal(s.facts.n_samples, N);
    assert_true(s.facts.raw_min == 0 && s.facts.raw_max == 255 && s.facts.raw_is_integer);
    assert_true(s.facts.keras_min == 0 && s.facts.keras_max == 1);
    assert_true(s.facts.data_scale == 255 && s.facts.data_shift == 0);
    assert_int_equal(s.facts.n_values, PIXELS);
    assert_true(s.facts.n_below == 0 && s.facts.n_above == 0 && s.facts.n_not_whole == 0);
    assert_true(s.facts.has_labels && s.facts.n_labels_outside == 0);
    assert_int_equal(s.facts.n_classes_seen, N_CLASSES);
    assert_int_equal(s.facts.label_min, 0);
    assert_int_equal(s.facts.label_max, N_CLASSES - 1);
    assert_string_equal(s.not_run, "");
    c2s_survey_finish(&s);
}

static void dead_and_constant_filters(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    float pixels[PIXELS];
    uint8_t labels[N];
    make_data(pixels, labels);
    load(b);
    assert_ok(use(b, pixels, labels, 255, &err), &err);
    struct c2s_survey s = look(b, 0);
    const struct c2s_layer_facts *of = s.facts.layers;
    assert_non_null(of);
    assert_int_equal(of[INPUT].n_channels, 0);
    assert_int_equal(of[CONV].n_channels, 4);
    assert_int_equal(of[CONV].n_silent, 0); /* -1 is a value */
    assert_int_equal(of[CONV].n_constant, 2);
    assert_true(of[CONV].min == -1 && of[CONV].max == 10);
    assert_int_equal(of[RELU].n_silent, 1);
    assert_int_equal(of[RELU].n_constant, 1);
    assert_true(of[RELU].min == 0 && of[RELU].max == 6);
    /* Above 0 are all of the constant filter, and of two others all pixels but black ones; only ten
     * times the pixel gets to 6, from a pixel of 153 on. */
    int n_above_zero = PIXELS, n_at_top = 0;
    for (int i = 0; i < PIXELS; i++) {
        n_above_zero += 2 * (pixels[i] > 0);
        n_at_top += pixels[i] >= 153;
    }
    assert_true(fabs(of[RELU].top_share - (double)n_at_top / n_above_zero) < 1e-12);
    assert_int_equal(of[RELU].n_levels, 0);
    assert_int_equal(of[FLATTEN].n_channels, 0);
    assert_int_equal(of[DENSE].n_channels, N_CLASSES);
    c2s_survey_finish(&s);
    /* A quantized activation, 4 levels every 2 from 1 on (half a step): the pixel alone is never
     * above that, so its filter falls silent; ten times the pixel reaches all levels. */
    struct c2s_quantize_plan plan = {.activ_quantization = 2, .input_weight_quantization = -1};
    assert_ok(c2s_session_quantize(b->session, &plan, NULL, NULL, NULL, &err), &err);
    s = look(b, 0);
    assert_non_null(s.facts.layers);
    assert_int_equal(s.facts.layers[RELU].n_levels, 4);
    assert_int_equal(s.facts.layers[RELU].levels_used, 4);
    assert_int_equal(s.facts.layers[RELU].n_silent, 2);
    c2s_survey_finish(&s);
    float step, threshold;
    c2s_layer_activation_step(c2s_session_current(b->session)->model->layers[RELU], &step,
                              &threshold);
    assert_true(step == 2 && threshold == 1);
}

static void wrong_scaling_and_fractions(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    float pixels[PIXELS];
    uint8_t labels[N];
    make_data(pixels, labels);
    load(b);
    assert_ok(use(b, pixels, labels, 1, &err), &err);
    struct c2s_survey s = look(b, 0);
    assert_true(s.facts.keras_max == 255 && s.facts.raw_max == 255 && s.facts.raw_is_integer);
    c2s_survey_finish(&s);
    pixels[77] = 12.25f;
    pixels[78] = -3;
    pixels[79] = 300;
    pixels[80] = 256;
    assert_ok(use(b, pixels, labels, 255, &err), &err);
    s = look(b, 0);
    assert_false(s.facts.raw_is_integer);
    assert_int_equal(s.facts.n_not_whole, 1);
    assert_int_equal(s.facts.n_below, 1);
    assert_int_equal(s.facts.n_above, 2);
    assert_true(s.facts.raw_min == -3 && s.facts.raw_max == 300);
    c2s_survey_finish(&s);
}

static void wrong_labels(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    float pixels[PIXELS];
    uint8_t labels[N];
    make_data(pixels, labels);
    labels[0] = labels[1] = labels[49] = 3; /* the model has classes 0, 1 and 2 */
    load(b);
    assert_ok(use(b, pixels, labels, 255, &err), &err);
    struct c2s_survey s = look(b, 5); /* labels are all looked at, whatever the limit */
    assert_int_equal(s.facts.n_samples, 5);
    assert_int_equal(s.facts.n_labels_outside, 3);
    assert_int_equal(s.facts.label_max, 3);
    assert_int_equal(s.facts.n_classes_seen, 4);
    c2s_survey_finish(&s);
}

static void values_that_are_no_numbers(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    float pixels[PIXELS];
    uint8_t labels[N];
    make_data(pixels, labels);
    pixels[99] = NAN;
    load(b);
    /* Such data is refused as soon as it is chosen, with the sample's number. */
    assert_false(use(b, pixels, labels, 255, &err));
    assert_int_equal(err.code, C2S_RANGE);
    assert_non_null(strstr(err.text, "sample 24"));
}

static void a_model_that_cannot_run(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    float pixels[PIXELS];
    uint8_t labels[N];
    make_data(pixels, labels);
    load(b);
    assert_ok(use(b, pixels, labels, 255, &err), &err);
    assert_ok(
        c2s_session_load(b->session, data_path("gallery/nan_weight.h5"), NULL, NULL, NULL, &err),
        &err);
    struct c2s_survey s = look(b, 0);
    assert_null(s.facts.layers);
    assert_true(strlen(s.not_run) > 0);
    assert_true(s.facts.keras_max == 1); /* the data is looked at all the same */
    c2s_survey_finish(&s);
    assert_ok(c2s_session_load(b->session, data_path("fm_sep.h5"), NULL, NULL, NULL, &err), &err);
    s = look(b, 0); /* another input shape */
    assert_null(s.facts.layers);
    assert_true(strlen(s.not_run) > 0);
    c2s_survey_finish(&s);
}

/* The samples are spread over the data: one at the end is seen, whatever the limit. */
static void samples_are_spread(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    float pixels[PIXELS];
    uint8_t labels[N];
    make_data(pixels, labels);
    load(b);
    assert_ok(use(b, pixels, labels, 1, &err), &err);
    struct c2s_survey s = look(b, 40);
    assert_int_equal(s.facts.n_samples, 40);
    assert_true(s.facts.raw_min == 0 && s.facts.raw_max > 200);
    c2s_survey_finish(&s);
}

static int start(void **state)
{
    static struct bench b;
    struct c2s_error err = {0};
    b.journal = memory_journal_create();
    assert_ok(c2s_session_create(b.journal, NULL, &b.session, &err), &err);
    *state = &b;
    return 0;
}

static int finish(void **state)
{
    struct bench *b = *state;
    c2s_session_destroy(b->session);
    b->journal->ops->close(b->journal);
    return 0;
}

#define ON_SESSION(test) cmocka_unit_test_setup_teardown(test, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_SESSION(clean_data),
        ON_SESSION(dead_and_constant_filters),
        ON_SESSION(wrong_scaling_and_fractions),
        ON_SESSION(wrong_labels),
        ON_SESSION(values_that_are_no_numbers),
        ON_SESSION(a_model_that_cannot_run),
        ON_SESSION(samples_are_spread),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
