/* Evaluation on the embedded images: counts and losses that TensorFlow 2.10 gives for the same
 * files (argmax, SparseCategoricalCrossentropy), limits, cancelling, data that does not fit. */
#include "support.h"
#include "files.h"
#include "nets.h"

#include <stdlib.h>
#include <string.h>

#include <c2s/keras.h>
#include <c2s/metrics.h>

static struct c2s_engine *open_model(const char *name, const char *engine, int max_batch,
                                     struct c2s_model **m)
{
    struct c2s_error err = {0};
    struct c2s_engine *e;
    struct c2s_engine_options options = {.max_batch = max_batch};
    assert_ok(c2s_keras_read(data_path("%s.h5", name), NULL, m, &err), &err);
    assert_ok(c2s_engine_create(engine, *m, &options, &e, &err), &err);
    return e;
}

static void counts_equal_tensorflow(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        int64_t correct;
        double loss;
    } cases[] = {{"fm_sep", 924, 0.22632116}, {"fm_vgg", 879, 0.35410786}}; /* plain, softmax */
    for (int i = 0; i < 2; i++) {
        struct c2s_error err = {0};
        struct c2s_model *m;
        struct c2s_metrics metrics;
        struct c2s_dataset *d = fashion_images(0);
        struct c2s_engine *e = open_model(cases[i].model, "dnnl", 77, &m);
        int32_t *predictions = calloc(1000, sizeof *predictions);
        assert_ok(c2s_evaluate(e, d, NULL, &metrics, predictions, &err), &err);
        assert_int_equal(metrics.n, 1000);
        assert_int_equal(metrics.correct, cases[i].correct);
        /* The mean of 1000 losses of two float32 programs, each within 1e-4 of its logits, up and
         * down alike. */
        assert_float_equal(metrics.loss, cases[i].loss, 1e-6);
        assert_true(metrics.seconds > 0);
        int64_t correct = 0;
        for (int k = 0; k < 1000; k++)
            correct += predictions[k] == c2s_dataset_labels(d)[k];
        assert_int_equal(correct, metrics.correct);
        free(predictions);
        c2s_engine_destroy(e);
        c2s_model_destroy(m);
        c2s_dataset_close(d);
    }
}

static void engines_agree(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_metrics metrics[2];
    struct c2s_dataset *d = fashion_images(50);
    for (int i = 0; i < 2; i++) {
        struct c2s_model *m;
        struct c2s_engine *e = open_model("fm_sep", i ? "dnnl" : "ref", 16, &m);
        assert_ok(c2s_evaluate(e, d, NULL, &metrics[i], NULL, &err), &err);
        c2s_engine_destroy(e);
        c2s_model_destroy(m);
    }
    assert_int_equal(metrics[0].n, 50);
    assert_int_equal(metrics[0].correct, metrics[1].correct);
    assert_float_equal(metrics[0].loss, metrics[1].loss, 1e-5); /* the same, of 50 */
    c2s_dataset_close(d);
}

static bool stop_after_two(void *arg, const struct c2s_progress_event *event)
{
    int *calls = arg;
    assert_int_equal(event->total, 100);
    assert_int_equal(event->done, 10 * *calls);
    return ++*calls < 3;
}

static void can_be_cancelled(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m;
    struct c2s_metrics metrics = {.n = -1};
    int calls = 0;
    struct c2s_progress progress = {stop_after_two, &calls};
    struct c2s_dataset *d = fashion_images(100);
    struct c2s_engine *e = open_model("fm_sep", "dnnl", 10, &m);
    assert_false(c2s_evaluate(e, d, &progress, &metrics, NULL, &err));
    assert_int_equal(err.code, C2S_CANCELLED);
    assert_int_equal(calls, 3);
    assert_int_equal(metrics.n, -1);
    c2s_engine_destroy(e);
    c2s_model_destroy(m);
    c2s_dataset_close(d);
}

/* Evaluates a model that must be refused; the sentence must hold those parts. */
static void refused(struct c2s_model *m, enum c2s_code code, const char *part, const char *other)
{
    struct c2s_error err = {0};
    struct c2s_engine *e;
    struct c2s_metrics metrics;
    struct c2s_dataset *d = fashion_images(10);
    assert_ok(c2s_engine_create("dnnl", m, NULL, &e, &err), &err);
    assert_false(c2s_evaluate(e, d, NULL, &metrics, NULL, &err));
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.text, part));
    assert_non_null(strstr(err.text, other));
    c2s_engine_destroy(e);
    c2s_model_destroy(m);
    c2s_dataset_close(d);
}

static void says_what_does_not_fit(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m;
    assert_ok(c2s_keras_read(data_path("valid_net.h5"), NULL, &m, &err), &err);
    refused(m, C2S_SHAPE, "40,36,3", "28,28,1");

    m = net_create(); /* three classes, labels up to 9 */
    int in = net_input(m, 3, (const int64_t[]){28, 28, 1});
    net_layer(m, C2S_OP_FLATTEN, 1, &in);
    struct c2s_layer *dense = net_layer(m, C2S_OP_DENSE, 1, (const int[]){1});
    dense->attr.dense = (struct c2s_dense_attr){.units = 3};
    net_param(dense, C2S_KERNEL, 2, (const int64_t[]){784, 3}, NULL);
    net_finish(m);
    refused(m, C2S_SHAPE, "3 classes", "go up to 9");

    m = net_create(); /* two outputs */
    in = net_input(m, 3, (const int64_t[]){28, 28, 1});
    net_layer(m, C2S_OP_FLATTEN, 1, &in);
    assert_ok(c2s_model_add_output(m, 1, &err) && c2s_model_add_output(m, 1, &err), &err);
    net_finish(m);
    refused(m, C2S_UNSUPPORTED, "inputs: 1", "outputs: 2");

    m = net_create(); /* 3e38 * 2 - infinity: not a number */
    in = net_input(m, 3, (const int64_t[]){28, 28, 1});
    net_layer(m, C2S_OP_RESCALING, 1, &in)->attr.rescaling.scale = 3e38f;
    net_layer(m, C2S_OP_RESCALING, 1, (const int[]){1})->attr.rescaling.scale = 3e38f;
    net_layer(m, C2S_OP_RESCALING, 1, (const int[]){1})->attr.rescaling.scale = -3e38f;
    net_layer(m, C2S_OP_ADD, 2, (const int[]){2, 3});
    net_layer(m, C2S_OP_FLATTEN, 1, (const int[]){4});
    net_finish(m);
    refused(m, C2S_RANGE, "sample 0", "not a number");
}

/* A dense model over flat pixels whose class i gets i times the sum of the pixels. */
static struct c2s_model *sum_model(int units, enum c2s_function function, float weight)
{
    struct c2s_model *m = net_create();
    int in = net_input(m, 2, (const int64_t[]){28, 28}); /* without the channel axis */
    net_layer(m, C2S_OP_FLATTEN, 1, &in);
    struct c2s_layer *dense = net_layer(m, C2S_OP_DENSE, 1, (const int[]){1});
    dense->attr.dense = (struct c2s_dense_attr){.units = units, .function = function};
    net_param(dense, C2S_KERNEL, 2, (const int64_t[]){784, units}, NULL);
    for (int64_t i = 0; i < 784 * units; i++)
        c2s_f32(dense->params[C2S_KERNEL])[i] = weight * (float)(i % units);
    net_finish(m);
    return m;
}

static void ties_take_the_lowest_class(void **state)
{
    (void)state;
    static const enum c2s_function functions[] = {C2S_FN_LINEAR, C2S_FN_SOFTMAX};
    for (int i = 0; i < 2; i++) {
        struct c2s_error err = {0};
        struct c2s_model *m = sum_model(10, functions[i], 0);
        struct c2s_engine *e;
        struct c2s_metrics metrics;
        int32_t predictions[20];
        struct c2s_dataset *d = fashion_images(20);
        memset(predictions, 1, sizeof predictions);
        assert_ok(c2s_engine_create("dnnl", m, NULL, &e, &err), &err);
        assert_ok(c2s_evaluate(e, d, NULL, &metrics, predictions, &err), &err);
        for (int k = 0; k < 20; k++)
            assert_int_equal(predictions[k], 0);
        assert_float_equal(metrics.loss, 2.302585, 1e-6); /* ln 10: ten equal classes */
        c2s_engine_destroy(e);
        c2s_model_destroy(m);
        c2s_dataset_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_equal_tensorflow),    cmocka_unit_test(engines_agree),
        cmocka_unit_test(can_be_cancelled),           cmocka_unit_test(says_what_does_not_fit),
        cmocka_unit_test(ties_take_the_lowest_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
