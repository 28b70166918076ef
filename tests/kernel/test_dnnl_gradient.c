/* Gradient engine "dnnl" against "ref" on random nets, and its determinism.
 *
 * Tolerance: float32 sums of n terms differ from the exact one by about sqrt(n) * 2^-24 of what
 * they are made of. Sums here have up to 10^5 terms, and a gradient goes back through a few layers:
 * 2e-5 of the tensor's largest gradient, and 2e-6 of the largest of all tensors, because some
 * gradients are exactly zero but sums of large terms (a bias in front of a batch normalization).
 *
 * At a kink (ReLU, maximum, the edge of a level) rounding decides for one side, and the gradients
 * differ at once. So nets with kinks have weights and inputs that are multiples of 1/16 and no
 * layer that rounds in front of the kinks: there both engines compute without rounding. */
#include "random_layers.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <c2s/keras.h>
#include <c2s/optimizer.h>
#include <c2s/quantize.h>

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static struct random rng;

static void weigh(const void *arg, int64_t first, int64_t n, int64_t batch, const float *output,
                  float *gradient, struct c2s_loss_sum *sum)
{
    const struct c2s_tensor *weights = arg;
    int64_t units = c2s_tensor_count(weights) / weights->dims[0];
    assert_true(batch <= weights->dims[0]);
    for (int64_t i = 0; i < n * units; i++) {
        gradient[i] = c2s_f32(weights)[first * units + i];
        sum->loss += (double)gradient[i] * (double)output[i];
    }
    sum->correct += n;
}

/* Multiples of 1/16, so that a few products and sums of them are exact. */
static void coarsen(struct c2s_tensor *t)
{
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        c2s_f32(t)[i] = rintf(c2s_f32(t)[i] * 16) / 16;
}

static void coarsen_kernels(const struct c2s_model *m)
{
    static const enum c2s_role roles[] = {C2S_KERNEL, C2S_DEPTHWISE_KERNEL, C2S_POINTWISE_KERNEL,
                                          C2S_BIAS, C2S_ALPHA};
    for (int i = 0; i < m->n_layers; i++)
        for (size_t k = 0; k < sizeof roles / sizeof *roles; k++)
            if (m->layers[i]->params[roles[k]])
                coarsen(m->layers[i]->params[roles[k]]);
}

/* A training of a copy of a net. */
struct training {
    struct c2s_model *model;
    struct c2s_gradients *gradients;
    const struct c2s_parameter *parameters;
    int n;
    struct c2s_loss_sum sum;
};

static struct training begin(const char *engine, const struct c2s_model *m, int max_batch,
                             int n_threads, const bool *is_frozen)
{
    struct c2s_error err = {0};
    struct training t = {.model = c2s_model_clone(m, &err)};
    struct c2s_gradients_options options = {
        .max_batch = max_batch, .n_threads = n_threads, .seed = 5, .is_frozen = is_frozen};
    assert_non_null(t.model);
    assert_ok(c2s_model_own_parameters(t.model, &err), &err);
    assert_ok(c2s_gradients_create(engine, t.model, &options, &t.gradients, &err), &err);
    t.parameters = c2s_gradients_parameters(t.gradients, &t.n);
    return t;
}

static void end(struct training *t)
{
    c2s_gradients_destroy(t->gradients);
    c2s_model_destroy(t->model);
}

static void compute(struct training *t, const struct c2s_tensor *x, int64_t step,
                    const struct c2s_batch_loss *loss)
{
    struct c2s_error err = {0};
    assert_ok(c2s_gradients_compute(t->gradients, x, step, loss, &t->sum, &err), &err);
}

static double largest(const struct c2s_tensor *t)
{
    double best = 0;
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        best = fmax(best, fabs((double)c2s_f32(t)[i]));
    return best;
}

static void assert_near(const struct c2s_tensor *got, const struct c2s_tensor *wanted, double all,
                        const char *what, int seed)
{
    double tolerance = 2e-5 * largest(wanted) + 2e-6 * all + 1e-12;
    assert_true(c2s_tensor_same_shape(got, wanted));
    for (int64_t i = 0; i < c2s_tensor_count(got); i++)
        if (!(fabs((double)c2s_f32(got)[i] - (double)c2s_f32(wanted)[i]) <= tolerance))
            fail_msg("case %d, %s, number %lld: %.9g, not %.9g (tolerance %.2g)", seed, what,
                     (long long)i, (double)c2s_f32(got)[i], (double)c2s_f32(wanted)[i], tolerance);
}

static void assert_same_training(const struct training *got, const struct training *wanted,
                                 int seed)
{
    double all = 0, size = fmax(1, fabs(wanted->sum.loss));
    assert_int_equal(got->n, wanted->n);
    assert_int_equal(got->sum.correct, wanted->sum.correct);
    if (!(fabs(got->sum.loss - wanted->sum.loss) <= 1e-4 * size))
        fail_msg("case %d: loss %.9g, not %.9g", seed, got->sum.loss, wanted->sum.loss);
    for (int i = 0; i < wanted->n; i++)
        all = fmax(all, largest(wanted->parameters[i].gradient));
    for (int i = 0; i < wanted->n; i++) {
        const struct c2s_parameter *p = &wanted->parameters[i];
        char what[96];
        snprintf(what, sizeof what, "%s of layer %d (%s)", c2s_role_name(p->role), p->layer,
                 wanted->model->layers[p->layer]->class_name);
        assert_int_equal(got->parameters[i].layer, p->layer);
        assert_near(got->parameters[i].gradient, p->gradient, all, what, seed);
    }
    for (int i = 0; i < wanted->model->n_layers; i++)
        for (int role = C2S_MOVING_MEAN; role <= C2S_MOVING_VARIANCE; role++) {
            const struct c2s_tensor *t = wanted->model->layers[i]->params[role];
            if (t)
                assert_near(got->model->layers[i]->params[role], t, largest(t),
                            c2s_role_name((enum c2s_role)role), seed);
        }
}

/* Two batches on both engines; takes the net. */
static void same_on_both(struct c2s_model *m, bool is_exact, const bool *is_frozen, int seed)
{
    int max_batch = random_int(&rng, 1, 40), n_threads = random_int(&rng, 1, 3);
    int64_t dims[C2S_MAX_RANK] = {max_batch};
    net_finish(m);
    if (is_exact)
        coarsen_kernels(m);
    struct training got = begin("dnnl", m, max_batch, n_threads, is_frozen);
    struct training wanted = begin("ref", m, max_batch, 1, is_frozen);
    const struct c2s_layer *in = m->layers[0], *out = m->layers[m->outputs[0]];
    memcpy(dims + 1, out->dims, sizeof *dims * (size_t)out->rank);
    struct c2s_tensor *weights = random_tensor(&rng, out->rank + 1, dims, -1, 1);
    struct c2s_batch_loss loss = {.samples = weigh, .arg = weights};
    memcpy(dims + 1, in->dims, sizeof *dims * (size_t)in->rank);
    for (int step = 0; step < 2; step++) {
        dims[0] = step ? random_int(&rng, 1, max_batch) : max_batch;
        struct c2s_tensor *x = random_tensor(&rng, in->rank + 1, dims, -1, 2);
        if (is_exact)
            coarsen(x);
        compute(&got, x, step, &loss);
        compute(&wanted, x, step, &loss);
        assert_same_training(&got, &wanted, seed);
        c2s_tensor_unref(x);
    }
    end(&got);
    end(&wanted);
    c2s_tensor_unref(weights);
    c2s_model_destroy(m);
}

static int last(const struct c2s_model *m)
{
    return m->n_layers - 1;
}

/* A 1x1 convolution: its gradients tell those of the next layer's input. */
static void add_probe(struct c2s_model *m, const int64_t *dims)
{
    int in = last(m);
    struct c2s_layer *l = net_layer(m, C2S_OP_CONV2D, 1, &in);
    l->attr.conv.kernel[0] = l->attr.conv.kernel[1] = 1;
    l->attr.conv.filters = (int)dims[2];
    l->attr.conv.use_bias = true;
    random_param(&rng, l, C2S_KERNEL, 4, DIMS(1, 1, dims[2], dims[2]), -1, 1);
    random_param(&rng, l, C2S_BIAS, 1, &dims[2], -1, 1);
}

static struct c2s_model *probed_net(int64_t *dims)
{
    struct c2s_model *m = net_create();
    dims[0] = random_int(&rng, 1, 12);
    dims[1] = random_int(&rng, 1, 12);
    dims[2] = random_int(&rng, 0, 2) ? random_int(&rng, 1, 9) : 16;
    net_input(m, 3, dims);
    add_probe(m, dims);
    return m;
}

/* A large epsilon: behind one normalization another takes back the scale of the first, and its
 * gradient would be a small difference of large sums. */
static void add_norm(struct c2s_model *m, int in, int64_t channels)
{
    random_batch_norm(&rng, m, in, channels)->attr.batch_norm.epsilon = 0.1f;
}

static void convolutions(void **state)
{
    static const enum c2s_op ops[] = {C2S_OP_CONV2D, C2S_OP_DEPTHWISE_CONV2D,
                                      C2S_OP_SEPARABLE_CONV2D};
    (void)state;
    for (int seed = 1; seed <= 90; seed++) {
        rng.state = (uint64_t)seed * 7919;
        int64_t dims[3];
        struct c2s_model *m = probed_net(dims);
        random_conv(&rng, m, ops[seed % 3], last(m), dims);
        same_on_both(m, true, NULL, seed);
    }
}

static void dense_of_any_rank(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 40; seed++) {
        rng.state = (uint64_t)seed * 104729;
        int rank = random_int(&rng, 1, 3);
        int64_t dims[3], units = 0;
        for (int i = 0; i < rank; i++)
            dims[i] = random_int(&rng, 1, i == rank - 1 ? 200 : 5);
        struct c2s_model *m = net_create();
        int in = net_input(m, rank, dims);
        for (int i = 0; i < 2; i++, in = last(m)) {
            int64_t ins = i ? units : dims[rank - 1];
            struct c2s_layer *l = net_layer(m, C2S_OP_DENSE, 1, &in);
            units = l->attr.dense.units = random_int(&rng, 1, i ? 20 : 150);
            l->attr.dense.function = random_function(&rng);
            l->attr.dense.use_bias = random_int(&rng, 0, 1);
            float size = 2 / sqrtf((float)ins); /* larger ones saturate the functions */
            random_param(&rng, l, C2S_KERNEL, 2, DIMS(ins, units), -size, size);
            if (l->attr.dense.use_bias)
                random_param(&rng, l, C2S_BIAS, 1, &units, -1, 1);
        }
        same_on_both(m, true, NULL, seed);
    }
}

static void pools(void **state)
{
    static const enum c2s_op ops[] = {C2S_OP_MAX_POOL, C2S_OP_MAX_POOL, C2S_OP_AVERAGE_POOL,
                                      C2S_OP_GLOBAL_AVERAGE_POOL};
    (void)state;
    for (int seed = 1; seed <= 60; seed++) {
        rng.state = (uint64_t)seed * 1299709;
        int64_t dims[3];
        struct c2s_model *m = probed_net(dims);
        int in = last(m);
        struct c2s_layer *l = net_layer(m, ops[seed % 4], 1, &in);
        struct c2s_pool_attr *a = &l->attr.pool;
        random_window(&rng, a->size, a->strides, &a->padding, dims);
        a->keepdims = seed % 2;
        if (seed % 3 == 0) /* windows that tile the image or leave a rest */
            for (int i = 0; i < 2; i++) {
                a->size[i] = a->strides[i] = dims[i] > 1 ? 2 : 1;
                a->padding = C2S_VALID;
            }
        same_on_both(m, true, NULL, seed);
    }
}

static void layers_without_sums(void **state)
{
    static const enum c2s_op ops[] = {
        C2S_OP_RELU,      C2S_OP_RELU,          C2S_OP_LEAKY_RELU,     C2S_OP_ACTIVATION,
        C2S_OP_SOFTMAX,   C2S_OP_DISCRETE_RELU, C2S_OP_QUANTIZED_RELU, C2S_OP_QUANTIZED_RELU,
        C2S_OP_RESCALING, C2S_OP_UPSAMPLING,    C2S_OP_ZERO_PADDING,   C2S_OP_DROPOUT,
        C2S_OP_FLATTEN,   C2S_OP_BATCH_NORM};
    const int n_ops = sizeof ops / sizeof *ops;
    (void)state;
    for (int seed = 1; seed <= 12 * n_ops; seed++) {
        enum c2s_op op = ops[seed % n_ops];
        rng.state = (uint64_t)seed * 15485863;
        int64_t dims[3];
        struct c2s_model *m = probed_net(dims);
        int in = last(m);
        if (op == C2S_OP_DROPOUT)
            net_layer(m, op, 1, &in)->attr.dropout.rate = 0.3f;
        else if (op == C2S_OP_FLATTEN)
            net_layer(m, op, 1, &in);
        else
            random_elementwise(&rng, m, op, in, dims, 3);
        same_on_both(m, true, NULL, seed);
    }
}

/* What Keras nets are made of: several phases of the engine, kinks behind rounding. */
static void blocks_with_normalization(void **state)
{
    static const enum c2s_op ops[] = {C2S_OP_CONV2D, C2S_OP_DEPTHWISE_CONV2D,
                                      C2S_OP_SEPARABLE_CONV2D};
    (void)state;
    for (int seed = 1; seed <= 60; seed++) {
        rng.state = (uint64_t)seed * 32452843;
        bool is_frozen[16] = {false};
        int64_t dims[3];
        struct c2s_model *m = probed_net(dims);
        int in = last(m);
        add_norm(m, in, dims[2]);
        struct c2s_layer *conv = random_conv(&rng, m, ops[seed % 3], last(m), dims);
        conv->attr.conv.function = seed % 2 ? C2S_FN_LINEAR : C2S_FN_TANH;
        add_norm(m, last(m), conv->attr.conv.filters);
        in = last(m);
        net_layer(m, C2S_OP_ACTIVATION, 1, &in)->attr.activation.function = C2S_FN_SIGMOID;
        in = last(m);
        net_layer(m, C2S_OP_GLOBAL_AVERAGE_POOL, 1, &in);
        for (int i = 0; i < 5 && seed % 3 == 0; i++)
            is_frozen[i] = random_int(&rng, 0, 1);
        same_on_both(m, false, is_frozen, seed);
    }
}

/* Layers that keep the shape, each reading any earlier ones: branches, gradients added from several
 * readers, normalizations on some ways only. Wrong sharing of buffers would show here. */
static void random_graphs(void **state)
{
    static const enum c2s_op ops[] = {C2S_OP_CONV2D,       C2S_OP_ADD,        C2S_OP_BATCH_NORM,
                                      C2S_OP_AVERAGE_POOL, C2S_OP_DROPOUT,    C2S_OP_ACTIVATION,
                                      C2S_OP_ADD,          C2S_OP_CONCATENATE};
    (void)state;
    for (int seed = 1; seed <= 80; seed++) {
        rng.state = (uint64_t)seed * 49979687;
        bool is_frozen[16] = {false};
        const int64_t dims[] = {random_int(&rng, 1, 6), random_int(&rng, 1, 6), 4};
        struct c2s_model *m = net_create();
        net_input(m, 3, dims);
        add_probe(m, dims);
        for (int i = 2; i <= 10; i++) {
            enum c2s_op op = i == 10 ? C2S_OP_ADD : ops[random_int(&rng, 0, 7)];
            int from[] = {random_int(&rng, i > 2 ? i - 3 : 0, i - 1), random_int(&rng, 0, i - 1)};
            from[0] = m->layers[from[0]]->op == C2S_OP_CONCATENATE ? 1 : from[0];
            from[1] = m->layers[from[1]]->op == C2S_OP_CONCATENATE ? 1 : from[1];
            if (op == C2S_OP_BATCH_NORM) {
                add_norm(m, from[0], 4);
                continue;
            }
            bool is_merge = op == C2S_OP_ADD || op == C2S_OP_CONCATENATE;
            struct c2s_layer *l = net_layer(m, op, is_merge ? 2 : 1, from);
            if (op == C2S_OP_CONV2D) {
                l->attr.conv.filters = 4;
                l->attr.conv.use_bias = false;
                l->attr.conv.kernel[0] = l->attr.conv.kernel[1] = 3;
                l->attr.conv.padding = C2S_SAME;
                random_param(&rng, l, C2S_KERNEL, 4, DIMS(3, 3, 4, 4), -0.3f, 0.3f);
            } else if (op == C2S_OP_AVERAGE_POOL) {
                l->attr.pool =
                    (struct c2s_pool_attr){.size = {2, 2}, .strides = {1, 1}, .padding = C2S_SAME};
            } else if (op == C2S_OP_ACTIVATION) {
                l->attr.activation.function = C2S_FN_TANH;
            } else if (op == C2S_OP_DROPOUT) {
                l->attr.dropout.rate = 0.25f;
            } else if (op == C2S_OP_CONCATENATE) {
                l->attr.concatenate.axis = random_int(&rng, 1, 3);
            }
        }
        for (int i = 0; i < 11 && seed % 4 == 0; i++)
            is_frozen[i] = random_int(&rng, 0, 1);
        same_on_both(m, false, is_frozen, seed);
    }
}

/* A dimension repeated in an addition; a layer that reads one output twice. */
static void additions(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 20; seed++) {
        rng.state = (uint64_t)seed * 86028121;
        int64_t dims[3];
        struct c2s_model *m = probed_net(dims);
        int fork = last(m);
        net_layer(m, C2S_OP_GLOBAL_AVERAGE_POOL, 1, &fork)->attr.pool.keepdims = true;
        net_layer(m, C2S_OP_ADD, 2, seed % 2 ? (int[]){fork, last(m)} : (int[]){last(m), fork});
        net_layer(m, C2S_OP_ADD, 2, (int[]){last(m), last(m)});
        same_on_both(m, false, NULL, seed);
    }
}

/* Weights and steps whose scales are powers of two: every value of the forward pass is exact. */
static void quantized_nets(void **state)
{
    static const enum c2s_quantizer_id ids[] = {C2S_QUANTIZER_MAX, C2S_QUANTIZER_MAX_PER_AXIS,
                                                C2S_QUANTIZER_STD, C2S_QUANTIZER_STD_PER_AXIS,
                                                C2S_QUANTIZER_TRAINABLE_STD};
    (void)state;
    for (int seed = 1; seed <= 60; seed++) {
        rng.state = (uint64_t)seed * 179424673;
        int64_t dims[] = {random_int(&rng, 3, 8), random_int(&rng, 3, 8), random_int(&rng, 1, 6)};
        int filters = random_int(&rng, 1, 20);
        struct c2s_model *m = net_create();
        net_input(m, 3, dims);
        add_probe(m, dims);
        for (int i = 0; i < 2; i++) {
            int in = last(m);
            struct c2s_layer *relu = net_layer(m, C2S_OP_QUANTIZED_RELU, 1, &in);
            relu->attr.quantized_relu = (struct c2s_quantized_relu_attr){
                .kind = C2S_RELU_RANGED, .bitwidth = 4, .max_value = i ? 15 : 3.75f};
            if (i)
                break;
            in = last(m);
            struct c2s_layer *l = net_layer(m, C2S_OP_CONV2D, 1, &in);
            l->attr.conv.kernel[0] = l->attr.conv.kernel[1] = 3;
            l->attr.conv.padding = C2S_SAME;
            l->attr.conv.filters = filters;
            l->attr.conv.use_bias = false;
            random_param(&rng, l, C2S_KERNEL, 4, DIMS(3, 3, dims[2], filters), -1, 1);
            bool is_max = seed % 5 < 2;
            l->quantizer = (struct c2s_quantizer_spec){.id = ids[seed % 5],
                                                       .bitwidth = is_max ? 4 : 3,
                                                       .threshold = 2,
                                                       .is_limited = seed % 2};
            if (ids[seed % 5] == C2S_QUANTIZER_TRAINABLE_STD)
                random_param(&rng, l, C2S_WEIGHT_THRESHOLD, 0, NULL, 1, 3);
            for (int64_t c = 0; is_max && c < filters; c++) /* scale 8: 7 / 0.875 */
                for (int64_t k = 0; k < 9 * dims[2]; k++) {
                    float *w = &c2s_f32(l->params[C2S_KERNEL])[k * filters + c];
                    *w = k == c % 9 ? 0.875f : fmaxf(fminf(*w, 0.8f), -0.875f);
                }
            if (!is_max)
                break; /* scales are what they are: no kinks behind */
        }
        int in = last(m);
        net_layer(m, C2S_OP_FLATTEN, 1, &in);
        net_finish(m);
        for (int i = 0; i < 2; i++)
            if (m->layers[1]->params[i ? C2S_BIAS : C2S_KERNEL])
                coarsen(m->layers[1]->params[i ? C2S_BIAS : C2S_KERNEL]);
        same_on_both(m, false, NULL, seed);
    }
}

/* Both kernels of a separable layer with a trained threshold each. */
static void separable_thresholds(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 40; seed++) {
        rng.state = (uint64_t)seed * 32452843;
        int64_t dims[3];
        struct c2s_model *m = probed_net(dims);
        struct c2s_layer *l = random_conv(&rng, m, C2S_OP_SEPARABLE_CONV2D, last(m), dims);
        struct c2s_quantizer_spec spec = {C2S_QUANTIZER_TRAINABLE_STD, random_int(&rng, 2, 8), 3,
                                          false};
        l->attr.conv.function = C2S_FN_LINEAR;
        l->quantizer = l->quantizer_dw = spec;
        random_param(&rng, l, C2S_WEIGHT_THRESHOLD, 0, NULL, 1, 3);
        random_param(&rng, l, C2S_DEPTHWISE_THRESHOLD, 0, NULL, 1, 3);
        same_on_both(m, false, NULL, seed);
    }
}

static void assert_same_bits(const struct training *a, const struct training *b)
{
    assert_true(a->sum.loss == b->sum.loss);
    for (int i = 0; i < a->n; i++)
        assert_memory_equal(a->parameters[i].gradient->data, b->parameters[i].gradient->data,
                            c2s_tensor_bytes(a->parameters[i].gradient));
    for (int i = 0; i < a->model->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++) {
            const struct c2s_tensor *t = a->model->layers[i]->params[role];
            if (t)
                assert_memory_equal(t->data, b->model->layers[i]->params[role]->data,
                                    c2s_tensor_bytes(t));
        }
}

/* Three steps of Adam. */
static void train(struct training *t, const struct c2s_tensor *x, const int32_t *labels,
                  int n_threads)
{
    struct c2s_error err = {0};
    struct c2s_optimizer_options options = {.kind = C2S_ADAM, .n_threads = n_threads};
    struct c2s_optimizer *o;
    struct c2s_loss loss = c2s_loss_of(C2S_LOSS_AUTO, t->model);
    loss.labels = labels;
    struct c2s_batch_loss batch = c2s_loss_batch(&loss);
    assert_ok(c2s_optimizer_create(&options, t->parameters, t->n, &o, &err), &err);
    for (int step = 0; step < 3; step++) {
        compute(t, x, step, &batch);
        c2s_optimizer_step(o, 1e-3);
    }
    c2s_optimizer_destroy(o);
}

static struct c2s_model *read_net(bool is_quantized)
{
    struct c2s_error err = {0};
    struct c2s_model *m, *quantized;
    struct c2s_quantize_plan plan = {.rule = C2S_RULE_22,
                                     .weight_quantization = 4,
                                     .activ_quantization = 4,
                                     .input_weight_quantization = 8};
    assert_ok(c2s_keras_read(data_path("fm_sep.h5"), NULL, &m, &err), &err);
    if (!is_quantized)
        return m;
    assert_ok(c2s_quantize(m, &plan, NULL, &quantized, NULL, &err), &err);
    c2s_model_destroy(m);
    return quantized;
}

static void any_number_of_threads(void **state)
{
    static const int threads[] = {1, 2, 3, 7};
    int32_t labels[75];
    (void)state;
    for (int is_quantized = 0; is_quantized < 2; is_quantized++) {
        rng.state = 11;
        struct c2s_model *m = read_net(is_quantized);
        struct c2s_tensor *x = random_tensor(&rng, 4, DIMS(75, 28, 28, 1), 0, 1);
        struct training runs[4];
        for (int i = 0; i < 75; i++)
            labels[i] = random_int(&rng, 0, 9);
        for (int i = 0; i < 4; i++) {
            runs[i] = begin("dnnl", m, 75, threads[i], NULL);
            train(&runs[i], x, labels, threads[i]);
            assert_same_bits(&runs[0], &runs[i]);
        }
        for (int i = 0; i < 4; i++)
            end(&runs[i]);
        c2s_tensor_unref(x);
        c2s_model_destroy(m);
    }
}

/* Euclidean length of a - b by that of b. */
static double distance(const struct c2s_tensor *a, const struct c2s_tensor *b)
{
    double apart = 0, size = 0;
    for (int64_t i = 0; i < c2s_tensor_count(b); i++) {
        double x = (double)c2s_f32(a)[i], y = (double)c2s_f32(b)[i];
        apart += (x - y) * (x - y);
        size += y * y;
    }
    return sqrt(apart / size);
}

/* A real net, where numbers do meet kinks: the float one has few among its 10^5 activations; in the
 * quantized one a few levels differ, which the layers in front of them see, and none behind. */
static void trained_net(void **state)
{
    int32_t labels[12];
    (void)state;
    for (int is_quantized = 0; is_quantized < 2; is_quantized++) {
        rng.state = 23;
        struct c2s_model *m = read_net(is_quantized);
        struct c2s_tensor *x = random_tensor(&rng, 4, DIMS(12, 28, 28, 1), 0, 1);
        struct training got = begin("dnnl", m, 12, 2, NULL);
        struct training wanted = begin("ref", m, 12, 1, NULL);
        struct c2s_loss loss = c2s_loss_of(C2S_LOSS_AUTO, m);
        struct c2s_batch_loss batch = c2s_loss_batch(&loss);
        for (int i = 0; i < 12; i++)
            labels[i] = random_int(&rng, 0, 9);
        loss.labels = labels;
        compute(&got, x, 0, &batch);
        compute(&wanted, x, 0, &batch);
        assert_true(fabs(got.sum.loss - wanted.sum.loss) <= 1e-3 * wanted.sum.loss);
        for (int i = 0; i < got.n; i++) {
            bool is_dense = m->layers[got.parameters[i].layer]->op == C2S_OP_DENSE;
            double limit = is_dense || !is_quantized ? 1e-3 : 0.1;
            double apart = distance(got.parameters[i].gradient, wanted.parameters[i].gradient);
            if (!(apart <= limit))
                fail_msg("%s of layer %d: %.2g apart", c2s_role_name(got.parameters[i].role),
                         got.parameters[i].layer, apart);
        }
        end(&got);
        end(&wanted);
        c2s_tensor_unref(x);
        c2s_model_destroy(m);
    }
}

/* The failure names the first layer where a number is none, whatever the engine. */
static void not_a_number(void **state)
{
    static const char *const engines[] = {"ref", "dnnl"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct c2s_error err = {0};
        rng.state = 3;
        struct c2s_model *m = read_net(false);
        struct training t = begin(engines[i], m, 40, 2, NULL);
        struct c2s_tensor *x = random_tensor(&rng, 4, DIMS(40, 28, 28, 1), 0, 1);
        struct c2s_tensor *weights = random_tensor(&rng, 2, DIMS(40, 10), -1, 1);
        struct c2s_batch_loss loss = {.samples = weigh, .arg = weights};
        struct c2s_layer *l = t.model->layers[c2s_model_find(t.model, "separable_conv2d")];
        float *w = c2s_f32(l->params[C2S_POINTWISE_KERNEL]), old = w[5];
        float mean = *c2s_f32(t.model->layers[2]->params[C2S_MOVING_MEAN]);
        w[5] = INFINITY;
        assert_false(c2s_gradients_compute(t.gradients, x, 7, &loss, &t.sum, &err));
        assert_int_equal(err.code, C2S_RANGE);
        assert_non_null(strstr(err.text, "output of layer 'separable_conv2d'"));
        assert_non_null(strstr(err.text, "step 7"));
        assert_true(*c2s_f32(t.model->layers[2]->params[C2S_MOVING_MEAN]) == mean);
        w[5] = old;
        c2s_f32(weights)[390] = NAN;
        err = (struct c2s_error){0};
        assert_false(c2s_gradients_compute(t.gradients, x, 8, &loss, &t.sum, &err));
        assert_non_null(strstr(err.text, "loss behind the output of layer 'dense_1'"));
        c2s_f32(weights)[390] = 0;
        err = (struct c2s_error){0};
        compute(&t, x, 9, &loss);
        end(&t);
        c2s_tensor_unref(x);
        c2s_tensor_unref(weights);
        c2s_model_destroy(m);
    }
}

/* A layer used twice is trained once, with the sum of both gradients; quantized or not. */
static void shared_parameters(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 10; seed++) {
        rng.state = (uint64_t)seed * 7907;
        struct c2s_model *m = net_create();
        net_input(m, 1, DIMS(30));
        for (int i = 0; i < 2; i++) {
            int in = last(m);
            struct c2s_layer *l = net_layer(m, C2S_OP_DENSE, 1, &in);
            l->attr.dense.units = 30;
            l->attr.dense.use_bias = true;
            l->attr.dense.function = C2S_FN_TANH;
            if (seed % 2)
                l->quantizer = (struct c2s_quantizer_spec){
                    .id = C2S_QUANTIZER_MAX_PER_AXIS, .bitwidth = 4, .is_limited = true};
            random_param(&rng, l, C2S_KERNEL, 2, DIMS(30, 30), -1, 1);
            random_param(&rng, l, C2S_BIAS, 1, DIMS(30), -1, 1);
        }
        for (int i = 0; i < 2; i++) {
            enum c2s_role role = i ? C2S_BIAS : C2S_KERNEL;
            c2s_layer_set_param(m->layers[2], role, c2s_tensor_ref(m->layers[1]->params[role]));
        }
        same_on_both(m, false, NULL, seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(dense_of_any_rank),
        cmocka_unit_test(pools),
        cmocka_unit_test(layers_without_sums),
        cmocka_unit_test(blocks_with_normalization),
        cmocka_unit_test(random_graphs),
        cmocka_unit_test(additions),
        cmocka_unit_test(quantized_nets),
        cmocka_unit_test(separable_thresholds),
        cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(trained_net),
        cmocka_unit_test(not_a_number),
        cmocka_unit_test(shared_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
