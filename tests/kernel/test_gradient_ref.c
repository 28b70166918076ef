/* Gradient engine "ref" against central differences of its own output, which it computes in double.
 *
 * Every parameter p of a random net is moved by h = 2^-20 both ways; the loss is a fixed random
 * weighting of the outputs, summed in double. Tolerance: gradients are float32 (2^-24 of each), the
 * difference quotient loses 2^-52 * |loss| / h, some 1e-9, and h^2 of curvature, 1e-12: 2e-6 of the
 * tensor's largest gradient is wide for all of that and narrow for any fault in a formula. Where
 * the quotients to both sides differ, a kink (ReLU, maximum) lies within h: the derivative does not
 * exist there, and the number is passed over, at most one in fifty. */
#include "support.h"
#include "nets.h"

#include <math.h>
#include <string.h>

#include "engine/ref_train.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static struct random rng;

/* Weights of the outputs in the loss. */
struct weighting {
    const struct c2s_tensor *weights; /* [batch, units] */
};

static void weigh(const void *arg, int64_t first, int64_t n, int64_t batch, const float *output,
                  float *gradient, struct c2s_loss_sum *sum)
{
    const struct weighting *w = arg;
    int64_t units = c2s_tensor_count(w->weights) / batch;
    for (int64_t i = 0; i < n * units; i++) {
        gradient[i] = c2s_f32(w->weights)[first * units + i];
        sum->loss += (double)gradient[i] * (double)output[i];
    }
}

struct check {
    struct c2s_model *model;
    struct c2s_gradients *gradients;
    struct c2s_tensor *x, *weights;
    int n_checked, n_kinks;
};

static double loss_of(struct check *c)
{
    struct c2s_error err = {0};
    struct c2s_loss_sum sum;
    struct weighting w = {c->weights};
    struct c2s_batch_loss loss = {.samples = weigh, .arg = &w};
    double total = 0;
    assert_ok(c2s_gradients_compute(c->gradients, c->x, 3, &loss, &sum, &err), &err);
    for (int64_t i = 0; i < c2s_tensor_count(c->weights); i++)
        total += ref_train_output(c->gradients)[i] * (double)c2s_f32(c->weights)[i];
    return total;
}

static double largest(const struct c2s_tensor *t)
{
    double best = 0;
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        best = fmax(best, fabs((double)c2s_f32(t)[i]));
    return best;
}

static void check_number(struct check *c, const struct c2s_parameter *p, int64_t i,
                         const struct c2s_tensor *gradient, double here)
{
    float *w = c2s_f32(p->value) + i, old = *w;
    *w = old + 0x1p-20f;
    double right = ((double)*w - (double)old), above = loss_of(c);
    *w = old - 0x1p-20f;
    double left = ((double)old - (double)*w), below = loss_of(c);
    *w = old;
    double tolerance = 2e-6 * largest(gradient) + 1e-7;
    double rising = (above - here) / right, falling = (here - below) / left;
    double wanted = (above - below) / (left + right);
    c->n_checked++;
    if (fabs(rising - falling) > 100 * tolerance) {
        c->n_kinks++;
        return;
    }
    if (!(fabs(wanted - (double)c2s_f32(gradient)[i]) <= tolerance))
        fail_msg("%s of layer %d (%s), number %lld: %.9g, not %.9g (tolerance %.2g)",
                 c2s_role_name(p->role), p->layer, c->model->layers[p->layer]->class_name,
                 (long long)i, (double)c2s_f32(gradient)[i], wanted, tolerance);
}

/* At most 12 numbers of each parameter. */
static void check_parameters(struct check *c)
{
    struct c2s_error err = {0};
    int n;
    double here = loss_of(c);
    const struct c2s_parameter *parameters = c2s_gradients_parameters(c->gradients, &n);
    for (int k = 0; k < n; k++) {
        struct c2s_tensor *gradient = c2s_tensor_clone(parameters[k].gradient, &err);
        assert_non_null(gradient);
        int64_t count = c2s_tensor_count(gradient);
        for (int64_t i = random_int(&rng, 0, 1); i < count; i += 1 + count / 12)
            check_number(c, &parameters[k], i, gradient, here);
        assert_true(loss_of(c) == here);
        c2s_tensor_unref(gradient);
    }
}

/* Takes the net. is_frozen may be NULL. */
static void check_net(struct c2s_model *m, const bool *is_frozen, int *n_checked, int *n_kinks)
{
    struct c2s_error err = {0};
    const struct c2s_layer *in = m->layers[0];
    struct check c = {.model = m};
    int64_t batch = random_int(&rng, 2, 4), dims[C2S_MAX_RANK] = {batch};
    struct c2s_gradients_options options = {
        .max_batch = (int)batch, .seed = rng.state, .is_frozen = is_frozen};
    net_finish(m);
    memcpy(dims + 1, in->dims, sizeof *dims * (size_t)in->rank);
    c.x = random_tensor(&rng, in->rank + 1, dims, -1, 2);
    const struct c2s_layer *out = m->layers[m->outputs[0]];
    memcpy(dims + 1, out->dims, sizeof *dims * (size_t)out->rank);
    c.weights = random_tensor(&rng, out->rank + 1, dims, -1, 1);
    assert_ok(c2s_gradients_create("ref", m, &options, &c.gradients, &err), &err);
    check_parameters(&c);
    *n_checked += c.n_checked;
    *n_kinks += c.n_kinks;
    c2s_gradients_destroy(c.gradients);
    c2s_tensor_unref(c.x);
    c2s_tensor_unref(c.weights);
    c2s_model_destroy(m);
}

static void random_param(struct c2s_layer *l, enum c2s_role role, int rank, const int64_t *dims)
{
    c2s_layer_set_param(l, role, random_tensor(&rng, rank, dims, -1, 1));
}

static enum c2s_function random_function(void)
{
    static const enum c2s_function choices[] = {C2S_FN_LINEAR, C2S_FN_LINEAR,  C2S_FN_RELU,
                                                C2S_FN_RELU6,  C2S_FN_SIGMOID, C2S_FN_TANH,
                                                C2S_FN_SOFTMAX};
    return choices[random_int(&rng, 0, 6)];
}

static int last(const struct c2s_model *m)
{
    return m->n_layers - 1;
}

static void random_window(int *window, int *strides, enum c2s_padding *padding)
{
    *padding = random_int(&rng, 0, 1) ? C2S_SAME : C2S_VALID;
    for (int i = 0; i < 2; i++) {
        window[i] = random_int(&rng, 1, 3);
        strides[i] = random_int(&rng, 1, 3);
    }
}

static void add_conv(struct c2s_model *m, enum c2s_op op, int64_t channels, int filters)
{
    int in = last(m);
    struct c2s_layer *l = net_layer(m, op, 1, &in);
    struct c2s_conv_attr *a = &l->attr.conv;
    random_window(a->kernel, a->strides, &a->padding);
    for (int i = 0; i < 2; i++)
        a->dilation[i] = a->strides[i] == 1 ? random_int(&rng, 1, 2) : 1;
    a->use_bias = random_int(&rng, 0, 3) > 0;
    a->function = random_function();
    a->filters = filters;
    a->depth_multiplier = op == C2S_OP_CONV2D ? 1 : random_int(&rng, 1, 2);
    if (op == C2S_OP_CONV2D) {
        a->groups = channels % 2 == 0 && filters % 2 == 0 && random_int(&rng, 0, 1) ? 2 : 1;
        random_param(l, C2S_KERNEL, 4,
                     DIMS(a->kernel[0], a->kernel[1], channels / a->groups, filters));
    } else {
        random_param(l, C2S_DEPTHWISE_KERNEL, 4,
                     DIMS(a->kernel[0], a->kernel[1], channels, a->depth_multiplier));
    }
    if (op == C2S_OP_SEPARABLE_CONV2D)
        random_param(l, C2S_POINTWISE_KERNEL, 4,
                     DIMS(1, 1, channels * a->depth_multiplier, filters));
    if (op == C2S_OP_DEPTHWISE_CONV2D)
        a->filters = (int)channels * a->depth_multiplier;
    if (a->use_bias)
        random_param(l, C2S_BIAS, 1, DIMS(a->filters));
}

/* A 1x1 convolution without function: its gradients tell those of the next layer's input. */
static void add_probe(struct c2s_model *m, int64_t channels, int filters)
{
    int in = last(m);
    struct c2s_layer *l = net_layer(m, C2S_OP_CONV2D, 1, &in);
    l->attr.conv.kernel[0] = l->attr.conv.kernel[1] = 1;
    l->attr.conv.filters = filters;
    l->attr.conv.use_bias = true;
    random_param(l, C2S_KERNEL, 4, DIMS(1, 1, channels, filters));
    random_param(l, C2S_BIAS, 1, DIMS(filters));
}

static void convolutions(void **state)
{
    static const enum c2s_op ops[] = {C2S_OP_CONV2D, C2S_OP_DEPTHWISE_CONV2D,
                                      C2S_OP_SEPARABLE_CONV2D};
    int n_checked = 0, n_kinks = 0;
    (void)state;
    for (int seed = 1; seed <= 60; seed++) {
        rng.state = (uint64_t)seed * 7919;
        int channels = random_int(&rng, 1, 4), filters = random_int(&rng, 1, 4);
        struct c2s_model *m = net_create();
        net_input(m, 3, DIMS(random_int(&rng, 5, 8), random_int(&rng, 5, 8), channels));
        add_probe(m, channels, channels);
        add_conv(m, ops[seed % 3], channels, filters);
        check_net(m, NULL, &n_checked, &n_kinks);
    }
    assert_true(n_checked > 1000);
    assert_true(n_kinks * 50 <= n_checked);
}

static void add_dense(struct c2s_model *m, int64_t ins, int units)
{
    int in = last(m);
    struct c2s_layer *l = net_layer(m, C2S_OP_DENSE, 1, &in);
    l->attr.dense.units = units;
    l->attr.dense.use_bias = random_int(&rng, 0, 3) > 0;
    l->attr.dense.function = random_function();
    random_param(l, C2S_KERNEL, 2, DIMS(ins, units));
    if (l->attr.dense.use_bias)
        random_param(l, C2S_BIAS, 1, DIMS(units));
}

static void dense_of_any_rank(void **state)
{
    int n_checked = 0, n_kinks = 0;
    (void)state;
    for (int seed = 1; seed <= 30; seed++) {
        rng.state = (uint64_t)seed * 104729;
        int rank = random_int(&rng, 1, 3);
        int64_t dims[3] = {random_int(&rng, 1, 4), random_int(&rng, 1, 4), random_int(&rng, 1, 6)};
        struct c2s_model *m = net_create();
        net_input(m, rank, dims);
        add_dense(m, dims[rank - 1], 5);
        add_dense(m, 5, random_int(&rng, 1, 4));
        check_net(m, NULL, &n_checked, &n_kinks);
    }
    assert_true(n_checked > 500);
    assert_true(n_kinks * 50 <= n_checked);
}

static void add_norm(struct c2s_model *m, int64_t channels)
{
    int in = last(m);
    struct c2s_layer *l = net_layer(m, C2S_OP_BATCH_NORM, 1, &in);
    l->attr.batch_norm.epsilon = 1e-3f;
    l->attr.batch_norm.center = random_int(&rng, 0, 2) > 0;
    l->attr.batch_norm.scale = random_int(&rng, 0, 2) > 0;
    if (l->attr.batch_norm.scale)
        random_param(l, C2S_GAMMA, 1, &channels);
    if (l->attr.batch_norm.center)
        random_param(l, C2S_BETA, 1, &channels);
    random_param(l, C2S_MOVING_MEAN, 1, &channels);
    c2s_layer_set_param(l, C2S_MOVING_VARIANCE, random_tensor(&rng, 1, &channels, 0.5f, 2));
}

/* Gradient through the batch's statistics, and with the moving ones when frozen. */
static void batch_normalization(void **state)
{
    int n_checked = 0, n_kinks = 0;
    (void)state;
    for (int seed = 1; seed <= 40; seed++) {
        rng.state = (uint64_t)seed * 15485863;
        bool is_frozen[8] = {false}, is_image = seed % 2;
        struct c2s_model *m = net_create();
        net_input(m, is_image ? 3 : 1, is_image ? DIMS(3, 4, 3) : DIMS(3));
        if (is_image)
            add_probe(m, 3, 3);
        else
            add_dense(m, 3, 3);
        add_norm(m, 3);
        is_frozen[2] = seed % 3 == 0;
        check_net(m, is_frozen, &n_checked, &n_kinks);
    }
    assert_true(n_checked > 400);
    assert_true(n_kinks * 50 <= n_checked);
}

/* One layer without parameters behind a probe. */
static void add_plain(struct c2s_model *m, enum c2s_op op)
{
    int in = last(m);
    struct c2s_layer *l = net_layer(m, op, 1, &in);
    if (op == C2S_OP_MAX_POOL || op == C2S_OP_AVERAGE_POOL) {
        random_window(l->attr.pool.size, l->attr.pool.strides, &l->attr.pool.padding);
    } else if (op == C2S_OP_GLOBAL_AVERAGE_POOL) {
        l->attr.pool.keepdims = random_int(&rng, 0, 1);
    } else if (op == C2S_OP_RELU) {
        static const float tops[] = {INFINITY, 6, 1};
        l->attr.relu.max_value = tops[random_int(&rng, 0, 2)];
        l->attr.relu.negative_slope = random_int(&rng, 0, 1) ? 0.25f : 0;
        l->attr.relu.threshold = random_int(&rng, 0, 1) ? 0.5f : 0;
    } else if (op == C2S_OP_LEAKY_RELU) {
        l->attr.relu.negative_slope = 0.3f;
    } else if (op == C2S_OP_ACTIVATION) {
        l->attr.activation.function = random_function();
    } else if (op == C2S_OP_SOFTMAX) {
        l->attr.softmax.axis = random_int(&rng, 1, 3);
    } else if (op == C2S_OP_DROPOUT) {
        l->attr.dropout.rate = 0.3f;
    } else if (op == C2S_OP_ZERO_PADDING) {
        l->attr.zero_padding.top = random_int(&rng, 0, 2);
        l->attr.zero_padding.right = random_int(&rng, 0, 2);
    } else if (op == C2S_OP_UPSAMPLING) {
        l->attr.upsampling.size[0] = random_int(&rng, 1, 3);
        l->attr.upsampling.size[1] = random_int(&rng, 1, 3);
        l->attr.upsampling.is_bilinear = random_int(&rng, 0, 1);
    } else if (op == C2S_OP_RESCALING) {
        l->attr.rescaling.scale = random_real(&rng, -2, 2);
        l->attr.rescaling.offset = 0.5f;
    } else if (op == C2S_OP_RESHAPE) {
        l->attr.reshape.rank = 2;
        l->attr.reshape.dims[0] = 6;
        l->attr.reshape.dims[1] = -1;
    }
}

static void layers_without_parameters(void **state)
{
    static const enum c2s_op ops[] = {
        C2S_OP_MAX_POOL, C2S_OP_AVERAGE_POOL, C2S_OP_GLOBAL_AVERAGE_POOL,
        C2S_OP_RELU,     C2S_OP_LEAKY_RELU,   C2S_OP_ACTIVATION,
        C2S_OP_SOFTMAX,  C2S_OP_DROPOUT,      C2S_OP_FLATTEN,
        C2S_OP_RESHAPE,  C2S_OP_ZERO_PADDING, C2S_OP_UPSAMPLING,
        C2S_OP_RESCALING};
    const int n_ops = sizeof ops / sizeof *ops;
    int n_checked = 0, n_kinks = 0;
    (void)state;
    for (int seed = 1; seed <= 8 * n_ops; seed++) {
        rng.state = (uint64_t)seed * 1299709;
        struct c2s_model *m = net_create();
        net_input(m, 3, DIMS(4, 6, 2));
        add_probe(m, 2, 3);
        add_plain(m, ops[seed % n_ops]);
        check_net(m, NULL, &n_checked, &n_kinks);
    }
    assert_true(n_checked > 500);
    assert_true(n_kinks * 50 <= n_checked);
}

/* Branches that meet again: one by addition (with a dimension repeated), one by concatenation. */
static void branches(void **state)
{
    int n_checked = 0, n_kinks = 0;
    (void)state;
    for (int seed = 1; seed <= 20; seed++) {
        rng.state = (uint64_t)seed * 32452843;
        struct c2s_model *m = net_create();
        net_input(m, 3, DIMS(4, 5, 2));
        add_probe(m, 2, 3);
        int fork = last(m);
        add_plain(m, C2S_OP_RELU);
        int branch = last(m);
        struct c2s_layer *pool = net_layer(m, C2S_OP_GLOBAL_AVERAGE_POOL, 1, &fork);
        pool->attr.pool.keepdims = true;
        net_layer(m, C2S_OP_ADD, 2, (int[]){branch, last(m)});
        struct c2s_layer *join = net_layer(m, C2S_OP_CONCATENATE, 2, (int[]){last(m), fork});
        join->attr.concatenate.axis = seed % 2 ? -1 : 1;
        add_plain(m, C2S_OP_SOFTMAX);
        check_net(m, NULL, &n_checked, &n_kinks);
    }
    assert_true(n_checked > 150);
    assert_true(n_kinks * 50 <= n_checked);
}

/* A layer used twice has one parameter with the sum of both gradients. */
static void shared_parameters(void **state)
{
    int n_checked = 0, n_kinks = 0, n;
    struct c2s_error err = {0};
    (void)state;
    rng.state = 4711;
    struct c2s_model *m = net_create();
    net_input(m, 1, DIMS(4));
    for (int i = 0; i < 2; i++) {
        int in = last(m);
        struct c2s_layer *l = net_layer(m, C2S_OP_DENSE, 1, &in);
        l->attr.dense.units = 4;
        l->attr.dense.use_bias = false;
        l->attr.dense.function = C2S_FN_TANH;
        if (i == 0)
            random_param(l, C2S_KERNEL, 2, DIMS(4, 4));
        else
            c2s_layer_set_param(l, C2S_KERNEL, c2s_tensor_ref(m->layers[1]->params[C2S_KERNEL]));
    }
    struct c2s_model *copy = c2s_model_clone(m, &err);
    struct c2s_gradients *g = NULL;
    struct c2s_gradients_options options = {.max_batch = 1};
    net_finish(copy);
    assert_false(c2s_gradients_create("ref", copy, &options, &g, &err));
    assert_int_equal(err.code, C2S_STATE); /* m holds it as well */
    err = (struct c2s_error){0};
    assert_ok(c2s_model_own_parameters(copy, &err), &err);
    assert_ptr_equal(copy->layers[1]->params[C2S_KERNEL], copy->layers[2]->params[C2S_KERNEL]);
    assert_ptr_not_equal(copy->layers[1]->params[C2S_KERNEL], m->layers[1]->params[C2S_KERNEL]);
    assert_ok(c2s_gradients_create("ref", copy, &options, &g, &err), &err);
    c2s_gradients_parameters(g, &n);
    assert_int_equal(n, 1);
    c2s_gradients_destroy(g);
    c2s_model_destroy(copy);
    check_net(m, NULL, &n_checked, &n_kinks);
    assert_true(n_checked > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(dense_of_any_rank),
        cmocka_unit_test(batch_normalization),
        cmocka_unit_test(layers_without_parameters),
        cmocka_unit_test(branches),
        cmocka_unit_test(shared_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
