/* What holds for the float engines besides numbers: refusals, shapes of inputs, batches of any
 * size, observers, cancelling, several inputs and outputs. */
#include "support.h"
#include "nets.h"

#include <math.h>
#include <string.h>

#define DIMS(...)   ((const int64_t[]){__VA_ARGS__})
#define VALUES(...) ((const float[]){__VA_ARGS__})

static const char *const engines[] = {"ref", "dnnl"};

/* Input of four numbers, Dense to three, ReLU, and the sum of both. */
static struct c2s_model *small_net(void)
{
    struct c2s_model *m = net_create();
    int in = net_input(m, 1, DIMS(4));
    struct c2s_layer *dense = net_layer(m, C2S_OP_DENSE, 1, &in);
    dense->attr.dense = (struct c2s_dense_attr){.units = 3};
    net_param(dense, C2S_KERNEL, 2, DIMS(4, 3), VALUES(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1));
    net_layer(m, C2S_OP_RELU, 1, (const int[]){1});
    net_layer(m, C2S_OP_ADD, 2, (const int[]){1, 2});
    net_finish(m);
    return m;
}

static void refused(struct c2s_model *m, enum c2s_code code, const char *part, const char *other)
{
    for (int i = 0; i < 2; i++) {
        struct c2s_error err = {0};
        struct c2s_engine *e;
        assert_false(c2s_engine_create(engines[i], m, NULL, &e, &err));
        assert_null(e);
        assert_int_equal(err.code, code);
        if (!strstr(err.text, part) || !strstr(err.text, other))
            fail_msg("\"%s\" lacks \"%s\" or \"%s\"", err.text, part, other);
    }
    c2s_model_destroy(m);
}

static void says_which_layer_it_cannot_compute(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = small_net();
    m->layers[2]->op = C2S_OP_UNKNOWN;
    assert_ok(c2s_layer_set_text(&m->layers[2]->class_name, "Lambda", &err), &err);
    net_finish(m);
    refused(m, C2S_UNSUPPORTED, "'layer_2'", "Lambda");

    m = small_net();
    m->layers[1]->attr.dense.function = C2S_FN_OTHER;
    assert_ok(c2s_layer_set_text(&m->layers[1]->config, "{\"activation\": \"selu\"}", &err), &err);
    refused(m, C2S_UNSUPPORTED, "'layer_1'", "'selu'");

    m = small_net();
    m->layers[2]->op = C2S_OP_SOFTMAX;
    m->layers[2]->attr.softmax.axis = 0;
    refused(m, C2S_UNSUPPORTED, "'layer_2'", "axis 0");

    m = net_create();
    int in = net_input(m, 3, DIMS(2, 2, 2));
    struct c2s_layer *bn = net_layer(m, C2S_OP_BATCH_NORM, 1, &in);
    bn->attr.batch_norm.axis = 1;
    net_finish(m);
    refused(m, C2S_UNSUPPORTED, "'layer_1'", "axis 1");

    m = net_create();
    in = net_input(m, 3, DIMS(-1, 2, 2));
    net_layer(m, C2S_OP_RELU, 1, &in);
    net_finish(m);
    refused(m, C2S_UNSUPPORTED, "'layer_0'", "?,2,2");
}

static void says_what_is_wrong_with_weights(void **state)
{
    (void)state;
    struct c2s_model *m = small_net();
    c2s_layer_set_param(m->layers[1], C2S_KERNEL, NULL);
    refused(m, C2S_SHAPE, "'layer_1'", "has no kernel");
    m = small_net();
    net_param(m->layers[1], C2S_KERNEL, 2, DIMS(3, 3), NULL);
    refused(m, C2S_SHAPE, "3,3", "4,3");
    m = small_net();
    c2s_f32(m->layers[1]->params[C2S_KERNEL])[7] = NAN;
    refused(m, C2S_RANGE, "NaN", "'layer_1'");
    m = small_net();
    c2s_f32(m->layers[1]->params[C2S_KERNEL])[7] = -INFINITY;
    refused(m, C2S_RANGE, "infinity", "'layer_1'");
}

static void knows_its_names(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_engine *e;
    struct c2s_model *m = small_net();
    assert_false(c2s_engine_create("cuda", m, NULL, &e, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
    int n = 0;
    for (const char *const *name = c2s_engine_names(); *name; name++, n++)
        assert_non_null(strstr(err.text, *name));
    assert_true(n >= 2);
    c2s_model_destroy(m);
}

static void run_refused(struct c2s_engine *e, struct c2s_tensor *x, enum c2s_code code)
{
    struct c2s_error err = {0};
    struct c2s_tensor *out = x;
    assert_false(c2s_engine_run(e, (const struct c2s_tensor *const[]){x}, &out, NULL, &err));
    assert_int_equal(err.code, code);
    assert_null(out);
    c2s_tensor_unref(x);
}

static void checks_its_inputs(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = small_net();
    for (int i = 0; i < 2; i++) {
        struct c2s_engine *e;
        struct c2s_engine_options options = {.max_batch = 3};
        assert_ok(c2s_engine_create(engines[i], m, &options, &e, &err), &err);
        run_refused(e, tensor_of(2, DIMS(2, 5), NULL), C2S_SHAPE);
        run_refused(e, tensor_of(3, DIMS(2, 4, 1), NULL), C2S_SHAPE);
        run_refused(e, tensor_of(0, NULL, NULL), C2S_SHAPE);
        run_refused(e, tensor_of(2, DIMS(4, 4), NULL), C2S_RANGE);
        run_refused(e, tensor_of(2, DIMS(0, 4), NULL), C2S_RANGE);
        run_refused(e, c2s_tensor_create(C2S_U8, 2, DIMS(2, 4), &err), C2S_SHAPE);
        c2s_engine_destroy(e);
    }
    c2s_engine_destroy(NULL);
    c2s_model_destroy(m);
}

/* Each sample's result is its own, whatever the batch it came in. */
static void batches_of_any_size(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = small_net();
    for (int i = 0; i < 2; i++) {
        struct c2s_engine *e;
        struct c2s_engine_options options = {.max_batch = 130};
        assert_ok(c2s_engine_create(engines[i], m, &options, &e, &err), &err);
        static const int sizes[] = {130, 1, 65, 64, 2, 129};
        for (int k = 0; k < 6; k++) {
            struct c2s_tensor *x = tensor_of(2, DIMS(sizes[k], 4), NULL), *out;
            for (int64_t n = 0; n < sizes[k]; n++)
                c2s_f32(x)[4 * n] = (float)(n - 50);
            assert_ok(c2s_engine_run(e, (const struct c2s_tensor *const[]){x}, &out, NULL, &err),
                      &err);
            assert_int_equal(out->dims[0], sizes[k]);
            for (int64_t n = 0; n < sizes[k]; n++) /* x + relu(x) */
                assert_true(c2s_f32(out)[3 * n] == (float)(n < 50 ? n - 50 : 2 * (n - 50)));
            c2s_tensor_unref(x);
            c2s_tensor_unref(out);
        }
        c2s_engine_destroy(e);
    }
    c2s_model_destroy(m);
}

struct sighting {
    int n, stop_at;
    float last[3];
};

static bool see(void *arg, int layer, const struct c2s_tensor *output)
{
    struct sighting *s = arg;
    assert_int_equal(layer, s->n++);
    assert_int_equal(output->dims[0], 1);
    if (layer > 0)
        memcpy(s->last, output->data, sizeof s->last);
    return layer != s->stop_at;
}

static void observers_see_every_layer_in_order(void **state)
{
    (void)state;
    struct c2s_model *m = small_net();
    for (int i = 0; i < 4; i++) {
        struct c2s_error err = {0};
        struct c2s_engine *e;
        struct c2s_tensor *x = tensor_of(2, DIMS(1, 4), VALUES(1, -2, 3, 0.5f)), *out;
        struct sighting s = {.stop_at = i < 2 ? -1 : 2};
        struct c2s_observer observer = {see, &s};
        assert_ok(c2s_engine_create(engines[i % 2], m, NULL, &e, &err), &err);
        bool ok = c2s_engine_run(e, (const struct c2s_tensor *const[]){x}, &out, &observer, &err);
        if (i < 2) {
            assert_ok(ok, &err);
            assert_int_equal(s.n, 4);
            assert_memory_equal(out->data, VALUES(3, -1.5f, 7), 3 * sizeof(float));
            assert_memory_equal(s.last, out->data, sizeof s.last);
        } else {
            assert_false(ok);
            assert_int_equal(err.code, C2S_CANCELLED);
            assert_int_equal(s.n, 3);
            assert_null(out);
            assert_memory_equal(s.last, VALUES(1.5f, 0, 3.5f), sizeof s.last);
        }
        c2s_tensor_unref(x);
        c2s_tensor_unref(out);
        c2s_engine_destroy(e);
    }
    c2s_model_destroy(m);
}

static void several_inputs_and_outputs(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = net_create();
    int a = net_input(m, 1, DIMS(2)), b = net_input(m, 1, DIMS(1));
    net_layer(m, C2S_OP_CONCATENATE, 2, (const int[]){a, b});
    net_layer(m, C2S_OP_RELU, 1, (const int[]){2});
    static const int outputs[] = {3, 0, 2, 3}; /* one of them an input, one twice */
    for (int i = 0; i < 4; i++)
        assert_ok(c2s_model_add_output(m, outputs[i], &err), &err);
    net_finish(m);
    struct c2s_tensor *x = tensor_of(2, DIMS(2, 2), VALUES(1, -2, -3, 4));
    struct c2s_tensor *y = tensor_of(2, DIMS(2, 1), VALUES(-5, 6));
    for (int i = 0; i < 2; i++) {
        struct c2s_engine *e;
        struct c2s_tensor *out[4];
        assert_ok(c2s_engine_create(engines[i], m, NULL, &e, &err), &err);
        assert_ok(c2s_engine_run(e, (const struct c2s_tensor *const[]){x, y}, out, NULL, &err),
                  &err);
        assert_memory_equal(out[0]->data, VALUES(1, 0, 0, 0, 4, 6), 6 * sizeof(float));
        assert_memory_equal(out[1]->data, x->data, 4 * sizeof(float));
        assert_memory_equal(out[2]->data, VALUES(1, -2, -5, -3, 4, 6), 6 * sizeof(float));
        assert_memory_equal(out[3]->data, out[0]->data, 6 * sizeof(float));
        for (int k = 0; k < 4; k++)
            c2s_tensor_unref(out[k]);
        c2s_engine_destroy(e);
    }
    c2s_tensor_unref(x);
    c2s_tensor_unref(y);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_which_layer_it_cannot_compute),
        cmocka_unit_test(says_what_is_wrong_with_weights),
        cmocka_unit_test(knows_its_names),
        cmocka_unit_test(checks_its_inputs),
        cmocka_unit_test(batches_of_any_size),
        cmocka_unit_test(observers_see_every_layer_in_order),
        cmocka_unit_test(several_inputs_and_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
