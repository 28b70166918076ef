/* Engine "dnnl" against "ref" on random shapes.
 *
 * Tolerance: float32 sums of n terms in any order differ from the exact sum by at most
 * n * 2^-24 * sum |term| (Higham, Accuracy and Stability of Numerical Algorithms, 4.2). The sum of
 * |terms| is what the naive engine gives for the same net with every parameter and input replaced
 * by its absolute value (the moving mean by its negative, which makes x - mean a sum), without
 * limits on activations. n counts the terms of all layers on the way, and 8 more for each layer:
 * bias, normalization, and the rounding of the judge's own result. ReLU and the like never enlarge
 * a difference. Layers without sums must be equal to the bit. */
#include "support.h"
#include "random_layers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static struct random rng;

/* Terms of one output number of a layer, 8 more for what is not a sum. */
static int64_t terms_of(const struct c2s_model *m, const struct c2s_layer *l)
{
    const struct c2s_layer *in = l->n_inputs > 0 ? m->layers[l->inputs[0]] : NULL;
    const struct c2s_conv_attr *a = &l->attr.conv;
    switch (l->op) {
    case C2S_OP_CONV2D:
        return a->kernel[0] * a->kernel[1] * in->dims[2] / a->groups + 8;
    case C2S_OP_DEPTHWISE_CONV2D:
        return a->kernel[0] * a->kernel[1] + 8;
    case C2S_OP_SEPARABLE_CONV2D:
        return a->kernel[0] * a->kernel[1] + in->dims[2] * a->depth_multiplier + 8;
    case C2S_OP_DENSE:
        return in->dims[in->rank - 1] + 8;
    case C2S_OP_AVERAGE_POOL:
        return l->attr.pool.size[0] * l->attr.pool.size[1] + 8;
    case C2S_OP_GLOBAL_AVERAGE_POOL:
        return in->dims[0] * in->dims[1] + 8;
    default:
        return 8;
    }
}

static struct c2s_tensor *absolute(const struct c2s_tensor *t, float sign)
{
    struct c2s_error err = {0};
    struct c2s_tensor *copy = c2s_tensor_clone(t, &err);
    assert_non_null(copy);
    for (int64_t i = 0; i < c2s_tensor_count(copy); i++)
        c2s_f32(copy)[i] = sign * fabsf(c2s_f32(copy)[i]);
    return copy;
}

static struct c2s_model *absolute_net(const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_model *twin = c2s_model_clone(m, &err);
    assert_non_null(twin);
    for (int i = 0; i < twin->n_layers; i++) {
        struct c2s_layer *l = twin->layers[i];
        for (int role = 0; role < C2S_ROLE_COUNT; role++)
            if (l->params[role] && l->op != C2S_OP_PRELU)
                c2s_layer_set_param(l, role,
                                    absolute(l->params[role], role == C2S_MOVING_MEAN ? -1 : 1));
        if (l->op == C2S_OP_DENSE)
            l->attr.dense.function = C2S_FN_LINEAR;
        else if (c2s_layer_is_neural(l))
            l->attr.conv.function = C2S_FN_LINEAR;
        else if (l->op == C2S_OP_RELU)
            l->attr.relu.max_value = INFINITY;
        else if (l->op == C2S_OP_ACTIVATION)
            l->attr.activation.function = C2S_FN_LINEAR;
    }
    return twin;
}

/* With an observer the engine computes layer by layer; without one it fuses. */
static bool ignore(void *arg, int layer, const struct c2s_tensor *output)
{
    (void)arg;
    (void)layer;
    (void)output;
    return true;
}

static struct c2s_tensor *run(const char *name, const struct c2s_model *m,
                              const struct c2s_tensor *x, int max_batch, bool is_observed)
{
    struct c2s_error err = {0};
    struct c2s_engine *e;
    struct c2s_tensor *outputs[4];
    struct c2s_observer observer = {ignore, NULL};
    struct c2s_engine_options options = {.max_batch = max_batch};
    assert_in_range(m->n_outputs, 1, 4);
    assert_ok(c2s_engine_create(name, m, &options, &e, &err), &err);
    assert_ok(c2s_engine_run(e, &x, outputs, is_observed ? &observer : NULL, &err), &err);
    for (int i = 1; i < m->n_outputs; i++)
        c2s_tensor_unref(outputs[i]);
    c2s_engine_destroy(e);
    return outputs[0];
}

/* Equality of the first output; tolerance 0 when is_exact. */
static void same_on_both(struct c2s_model *m, bool is_exact, int seed)
{
    const struct c2s_layer *in = m->layers[0];
    int batch = random_int(&rng, 1, 9), max_batch = batch + random_int(&rng, 0, 20);
    int64_t dims[C2S_MAX_RANK] = {batch}, terms = 0;
    memcpy(dims + 1, in->dims, sizeof *dims * (size_t)in->rank);
    net_finish(m);
    struct c2s_tensor *x = random_tensor(&rng, in->rank + 1, dims, -2, 2), *size = absolute(x, 1);
    struct c2s_tensor *wanted = run("ref", m, x, batch, false);
    struct c2s_model *twin = absolute_net(m);
    struct c2s_tensor *bound = run("ref", twin, size, batch, false);
    for (int i = 0; i < m->n_layers; i++)
        terms += terms_of(m, m->layers[i]);
    for (int is_observed = 0; is_observed < 2; is_observed++) {
        struct c2s_tensor *got = run("dnnl", m, x, max_batch, is_observed);
        assert_true(c2s_tensor_same_shape(got, wanted));
        for (int64_t i = 0; i < c2s_tensor_count(got); i++) {
            /* functions such as sigmoid have values near 1 and round there */
            double size_here = fmax((double)c2s_f32(bound)[i], 1);
            double tolerance = is_exact ? 0 : (double)terms * ldexp(1, -24) * size_here;
            double difference = fabs((double)c2s_f32(got)[i] - (double)c2s_f32(wanted)[i]);
            if (!(difference <= tolerance))
                fail_msg("case %d, %s: value %lld is %.9g, not %.9g (tolerance %.3g)", seed,
                         m->layers[m->n_layers - 1]->class_name, (long long)i,
                         (double)c2s_f32(got)[i], (double)c2s_f32(wanted)[i], tolerance);
        }
        c2s_tensor_unref(got);
    }
    c2s_tensor_unref(x);
    c2s_tensor_unref(size);
    c2s_tensor_unref(wanted);
    c2s_tensor_unref(bound);
    c2s_model_destroy(twin);
    c2s_model_destroy(m);
}

static void random_image(int64_t *dims)
{
    dims[0] = random_int(&rng, 1, 17);
    dims[1] = random_int(&rng, 1, 17);
    dims[2] = random_int(&rng, 0, 2) ? random_int(&rng, 1, 9) : 16 * random_int(&rng, 1, 2);
}

static void convolutions(enum c2s_op op)
{
    for (int seed = 1; seed <= 150; seed++) {
        rng.state = (uint64_t)seed * 7919 + op;
        int64_t dims[3];
        random_image(dims);
        struct c2s_model *m = net_create();
        random_conv(&rng, m, op, net_input(m, 3, dims), dims);
        same_on_both(m, false, seed);
    }
}

static void conv2d(void **state)
{
    (void)state;
    convolutions(C2S_OP_CONV2D);
}

static void depthwise_conv2d(void **state)
{
    (void)state;
    convolutions(C2S_OP_DEPTHWISE_CONV2D);
}

static void separable_conv2d(void **state)
{
    (void)state;
    convolutions(C2S_OP_SEPARABLE_CONV2D);
}

static void dense(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 60; seed++) {
        rng.state = (uint64_t)seed * 104729;
        int rank = random_int(&rng, 1, 3);
        int64_t dims[3];
        for (int i = 0; i < rank; i++)
            dims[i] = random_int(&rng, 1, i == rank - 1 ? 70 : 5);
        struct c2s_model *m = net_create();
        int in = net_input(m, rank, dims);
        struct c2s_layer *l = net_layer(m, C2S_OP_DENSE, 1, &in);
        int units = l->attr.dense.units = random_int(&rng, 1, 40);
        l->attr.dense.function = random_function(&rng);
        l->attr.dense.use_bias = random_int(&rng, 0, 1);
        random_param(&rng, l, C2S_KERNEL, 2, DIMS(dims[rank - 1], units), -1, 1);
        if (l->attr.dense.use_bias)
            random_param(&rng, l, C2S_BIAS, 1, DIMS(units), -1, 1);
        same_on_both(m, false, seed);
    }
}

static void pools(void **state)
{
    (void)state;
    static const enum c2s_op ops[] = {C2S_OP_MAX_POOL, C2S_OP_AVERAGE_POOL,
                                      C2S_OP_GLOBAL_AVERAGE_POOL};
    for (int seed = 1; seed <= 150; seed++) {
        rng.state = (uint64_t)seed * 1299709;
        int64_t dims[3];
        random_image(dims);
        struct c2s_model *m = net_create();
        int in = net_input(m, 3, dims);
        struct c2s_layer *l = net_layer(m, ops[seed % 3], 1, &in);
        struct c2s_pool_attr *a = &l->attr.pool;
        random_window(&rng, a->size, a->strides, &a->padding, dims);
        a->keepdims = seed % 2;
        same_on_both(m, l->op == C2S_OP_MAX_POOL, seed);
    }
}

/* None of these sums: equal to the bit. */
static void elementwise(void **state)
{
    (void)state;
    static const enum c2s_op ops[] = {
        C2S_OP_BATCH_NORM, C2S_OP_RELU,       C2S_OP_LEAKY_RELU,    C2S_OP_PRELU,
        C2S_OP_ACTIVATION, C2S_OP_SOFTMAX,    C2S_OP_DISCRETE_RELU, C2S_OP_QUANTIZED_RELU,
        C2S_OP_RESCALING,  C2S_OP_UPSAMPLING, C2S_OP_ZERO_PADDING};
    const int n_ops = sizeof ops / sizeof *ops;
    for (int seed = 1; seed <= 20 * n_ops; seed++) {
        rng.state = (uint64_t)seed * 15485863;
        int64_t dims[3];
        random_image(dims);
        struct c2s_model *m = net_create();
        random_elementwise(&rng, m, ops[seed % n_ops], net_input(m, 3, dims), dims, 3);
        same_on_both(m, true, seed);
    }
}

/* Neural layer, normalization, activation: what the engine fuses. */
static void fused_blocks(void **state)
{
    (void)state;
    static const enum c2s_op ops[] = {C2S_OP_CONV2D, C2S_OP_DEPTHWISE_CONV2D,
                                      C2S_OP_SEPARABLE_CONV2D};
    for (int seed = 1; seed <= 90; seed++) {
        rng.state = (uint64_t)seed * 32452843;
        int64_t dims[3];
        random_image(dims);
        struct c2s_model *m = net_create();
        struct c2s_layer *conv = random_conv(&rng, m, ops[seed % 3], net_input(m, 3, dims), dims);
        if (seed % 4)
            random_batch_norm(&rng, m, 1, conv->attr.conv.filters);
        int last = m->n_layers - 1;
        struct c2s_layer *relu = net_layer(m, C2S_OP_RELU, 1, &last);
        relu->attr.relu.max_value = seed % 2 ? 1 : INFINITY;
        relu->attr.relu.negative_slope = seed % 5 ? 0 : 0.25f;
        same_on_both(m, false, seed);
    }
}

/* A graph of layers that keep the shape, each reading any earlier ones: branches, layers read
 * twice, outputs in the middle. Wrong sharing of buffers would show here. */
static void random_graphs(void **state)
{
    (void)state;
    static const enum c2s_op ops[] = {C2S_OP_CONV2D,   C2S_OP_RELU,       C2S_OP_ADD,
                                      C2S_OP_RELU,     C2S_OP_BATCH_NORM, C2S_OP_ADD,
                                      C2S_OP_MAX_POOL, C2S_OP_DROPOUT,    C2S_OP_LEAKY_RELU};
    struct c2s_error err = {0};
    for (int seed = 1; seed <= 60; seed++) {
        rng.state = (uint64_t)seed * 49979687;
        const int64_t dims[] = {random_int(&rng, 1, 6), random_int(&rng, 1, 6), 4};
        struct c2s_model *m = net_create();
        net_input(m, 3, dims);
        for (int i = 1; i <= 10; i++) {
            enum c2s_op op = i == 10 ? C2S_OP_ADD : ops[random_int(&rng, 0, 8)];
            int from[] = {random_int(&rng, i > 2 ? i - 3 : 0, i - 1), random_int(&rng, 0, i - 1)};
            if (op == C2S_OP_BATCH_NORM) {
                random_batch_norm(&rng, m, from[0], 4);
                continue;
            }
            struct c2s_layer *l = net_layer(m, op, op == C2S_OP_ADD ? 2 : 1, from);
            if (op == C2S_OP_CONV2D) {
                l->attr.conv = (struct c2s_conv_attr){.filters = 4,
                                                      .kernel = {3, 3},
                                                      .strides = {1, 1},
                                                      .dilation = {1, 1},
                                                      .groups = 1,
                                                      .depth_multiplier = 1,
                                                      .padding = C2S_SAME};
                random_param(&rng, l, C2S_KERNEL, 4, DIMS(3, 3, 4, 4), -0.3f, 0.3f);
            } else if (op == C2S_OP_MAX_POOL) {
                l->attr.pool =
                    (struct c2s_pool_attr){.size = {2, 2}, .strides = {1, 1}, .padding = C2S_SAME};
            }
        }
        /* the first output is compared: each of the ten in turn */
        assert_ok(c2s_model_add_output(m, 1 + seed % 10, &err), &err);
        assert_ok(c2s_model_add_output(m, random_int(&rng, 0, 10), &err), &err);
        assert_ok(c2s_model_add_output(m, 10, &err), &err);
        same_on_both(m, false, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d),
        cmocka_unit_test(depthwise_conv2d),
        cmocka_unit_test(separable_conv2d),
        cmocka_unit_test(dense),
        cmocka_unit_test(pools),
        cmocka_unit_test(elementwise),
        cmocka_unit_test(fused_blocks),
        cmocka_unit_test(random_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
