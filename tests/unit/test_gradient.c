/* Gradient engines: what is trained and what stays, statistics of batch normalization, masks of
 * Dropout, quantized layers, and refusals. The numbers of each layer are in tests/kernel. */
#include "support.h"
#include "chains.h"
#include "nets.h"

#include <math.h>
#include <string.h>

#include <c2s/gradient.h>
#include <c2s/optimizer.h>
#include <c2s/quantizer.h>

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static const char *const engines[] = {"ref", "dnnl"};
enum { n_engines = sizeof engines / sizeof *engines };

static struct random rng;

/* Every output counts as it is. */
static void sum_up(const void *arg, int64_t first, int64_t n, int64_t batch, const float *output,
                   float *gradient, struct c2s_loss_sum *sum)
{
    int64_t units = *(const int64_t *)arg;
    (void)first;
    (void)batch;
    for (int64_t i = 0; i < n * units; i++) {
        gradient[i] = 1;
        sum->loss += (double)output[i];
    }
}

static int add_dense(struct c2s_model *m, int in, int64_t ins, int units)
{
    struct c2s_layer *l = net_layer(m, C2S_OP_DENSE, 1, &in);
    l->attr.dense.units = units;
    l->attr.dense.use_bias = true;
    c2s_layer_set_param(l, C2S_KERNEL, random_tensor(&rng, 2, DIMS(ins, units), -1, 1));
    c2s_layer_set_param(l, C2S_BIAS, random_tensor(&rng, 1, DIMS(units), -1, 1));
    return m->n_layers - 1;
}

static int add_norm(struct c2s_model *m, int in, int64_t channels, const char *config)
{
    struct c2s_error err = {0};
    struct c2s_layer *l = net_layer(m, C2S_OP_BATCH_NORM, 1, &in);
    l->attr.batch_norm.epsilon = 1e-3f;
    for (int role = C2S_GAMMA; role <= C2S_MOVING_VARIANCE; role++)
        c2s_layer_set_param(l, (enum c2s_role)role, random_tensor(&rng, 1, &channels, 0.5f, 1));
    assert_ok(c2s_layer_set_text(&l->config, config, &err), &err);
    return m->n_layers - 1;
}

static struct c2s_gradients *create(const char *engine, struct c2s_model *m, const bool *is_frozen,
                                    uint64_t seed)
{
    struct c2s_error err = {0};
    struct c2s_gradients *g;
    struct c2s_gradients_options options = {.max_batch = 8, .seed = seed, .is_frozen = is_frozen};
    assert_ok(c2s_gradients_create(engine, m, &options, &g, &err), &err);
    return g;
}

static double compute(struct c2s_gradients *g, const struct c2s_tensor *x, int64_t step,
                      int64_t units)
{
    struct c2s_error err = {0};
    struct c2s_loss_sum sum;
    struct c2s_batch_loss loss = {.samples = sum_up, .arg = &units};
    assert_ok(c2s_gradients_compute(g, x, step, &loss, &sum, &err), &err);
    return sum.loss;
}

static void frozen_layers_stay(void **state)
{
    (void)state;
    for (int e = 0; e < n_engines; e++) {
        rng.state = 11;
        struct c2s_model *m = net_create();
        int last = net_input(m, 1, DIMS(3));
        last = add_dense(m, last, 3, 4);
        last = add_norm(m, last, 4, NULL);
        add_dense(m, last, 4, 2);
        net_finish(m);
        const bool is_frozen[] = {false, false, true, false};
        struct c2s_gradients *g = create(engines[e], m, is_frozen, 0);
        struct c2s_tensor *x = random_tensor(&rng, 2, DIMS(5, 3), -1, 1);
        float mean = c2s_f32(m->layers[2]->params[C2S_MOVING_MEAN])[1];
        int n;
        const struct c2s_parameter *p = c2s_gradients_parameters(g, &n);
        assert_int_equal(n, 4);
        for (int i = 0; i < n; i++)
            assert_int_not_equal(p[i].layer, 2);
        compute(g, x, 0, 2);
        assert_true(c2s_f32(m->layers[2]->params[C2S_MOVING_MEAN])[1] == mean);
        c2s_tensor_unref(x);
        c2s_gradients_destroy(g);
        c2s_model_destroy(m);
    }
}

/* Keras: vectors move towards the population variance, images towards n / (n - 1) of it; momentum
 * is 0.99 or the config's. */
static void moving_statistics(void **state)
{
    (void)state;
    for (int i = 0; i < 4 * n_engines; i++) {
        bool is_image = i % 2, has_config = i / 2 % 2;
        double momentum = has_config ? 0.75 : 0.99, mean = 0, variance = 0;
        rng.state = 12;
        struct c2s_model *m = net_create();
        int last = is_image ? net_input(m, 3, DIMS(2, 1, 1)) : net_input(m, 1, DIMS(1));
        add_norm(m, last, 1, has_config ? "{\"momentum\": 0.75}" : NULL);
        net_finish(m);
        const float values[] = {1, 4, 2, 7}; /* mean 3.5, squared distances 21 */
        struct c2s_tensor *x =
            is_image ? tensor_of(4, DIMS(2, 2, 1, 1), values) : tensor_of(2, DIMS(4, 1), values);
        double old[] = {(double)*c2s_f32(m->layers[1]->params[C2S_MOVING_MEAN]),
                        (double)*c2s_f32(m->layers[1]->params[C2S_MOVING_VARIANCE])};
        struct c2s_gradients *g = create(engines[i / 4], m, NULL, 0);
        compute(g, x, 0, is_image ? 2 : 1);
        mean = old[0] * momentum + 3.5 * (1 - momentum);
        variance = old[1] * momentum + 21.0 / (is_image ? 3 : 4) * (1 - momentum);
        assert_float_equal(*c2s_f32(m->layers[1]->params[C2S_MOVING_MEAN]), mean, 1e-6);
        assert_float_equal(*c2s_f32(m->layers[1]->params[C2S_MOVING_VARIANCE]), variance, 1e-6);
        c2s_tensor_unref(x);
        c2s_gradients_destroy(g);
        c2s_model_destroy(m);
    }
}

/* The mask depends on seed and step alone, and keeps the share it should. */
static void dropout_masks(void **state)
{
    (void)state;
    for (int e = 0; e < n_engines; e++) {
        struct c2s_model *m = net_create();
        int last = net_input(m, 1, DIMS(5000));
        net_layer(m, C2S_OP_DROPOUT, 1, &last)->attr.dropout.rate = 0.25f;
        net_finish(m);
        float ones[10000];
        for (int i = 0; i < 10000; i++)
            ones[i] = 1;
        struct c2s_tensor *x = tensor_of(2, DIMS(2, 5000), ones);
        struct c2s_gradients *a = create(engines[e], m, NULL, 1),
                             *b = create(engines[e], m, NULL, 1);
        struct c2s_gradients *other = create(engines[e], m, NULL, 2);
        double sum = compute(a, x, 7, 5000);
        assert_true(compute(b, x, 7, 5000) == sum);
        assert_true(compute(b, x, 8, 5000) != sum);
        assert_true(compute(other, x, 7, 5000) != sum);
        /* 10000 times 4/3 with probability 3/4: standard deviation 58 */
        assert_float_equal(sum, 10000, 5 * 58);
        c2s_gradients_destroy(a);
        c2s_gradients_destroy(b);
        c2s_gradients_destroy(other);
        c2s_tensor_unref(x);
        c2s_model_destroy(m);
    }
}

/* A quantized layer's gradient is that of a float layer with the same effective kernel, taken
 * through the quantizer. */
static void quantized_layers(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    for (int e = 0; e < n_engines; e++) {
        rng.state = 14;
        struct c2s_model *m = net_create(), *twin = net_create();
        add_dense(m, net_input(m, 1, DIMS(6)), 6, 5);
        net_finish(m);
        struct c2s_layer *l = m->layers[1];
        l->quantizer = (struct c2s_quantizer_spec){C2S_QUANTIZER_TRAINABLE_STD, 3, 3, false};
        c2s_layer_set_param(l, C2S_WEIGHT_THRESHOLD, tensor_of(0, NULL, (float[]){1.25f}));
        add_dense(twin, net_input(twin, 1, DIMS(6)), 6, 5);
        struct c2s_tensor *fake, *sf;
        assert_ok(c2s_layer_effective_kernel(l, C2S_KERNEL, &fake, &err), &err);
        c2s_layer_set_param(twin->layers[1], C2S_KERNEL, fake);
        net_finish(twin);
        struct c2s_tensor *x = random_tensor(&rng, 2, DIMS(4, 6), -1, 1);
        struct c2s_gradients *a = create(engines[e], m, NULL, 0);
        struct c2s_gradients *b = create(engines[e], twin, NULL, 0);
        compute(a, x, 0, 5);
        compute(b, x, 0, 5);
        int n;
        const struct c2s_parameter *p = c2s_gradients_parameters(a, &n);
        assert_int_equal(n, 3); /* kernel, bias, threshold */
        assert_int_equal(p[2].role, C2S_WEIGHT_THRESHOLD);
        const struct c2s_tensor *w = l->params[C2S_KERNEL];
        const struct c2s_tensor *threshold = l->params[C2S_WEIGHT_THRESHOLD];
        assert_ok(c2s_quantizer_scale(&l->quantizer, w, threshold, &sf, &err), &err);
        float d_w[30];
        double d_threshold;
        c2s_quantizer_gradient(&(struct c2s_fake_weights){&l->quantizer, w, threshold, sf},
                               c2s_f32(c2s_gradients_parameters(b, &n)[0].gradient), d_w,
                               &d_threshold);
        assert_memory_equal(d_w, p[0].gradient->data, sizeof d_w);
        assert_true(*c2s_f32(p[2].gradient) == (float)d_threshold && d_threshold != 0);
        c2s_tensor_unref(sf);
        c2s_tensor_unref(x);
        c2s_gradients_destroy(a);
        c2s_gradients_destroy(b);
        c2s_model_destroy(m);
        c2s_model_destroy(twin);
    }
}

/* Both kernels of a separable layer have a threshold; each gets its own gradient. */
static void separable_thresholds(void **state)
{
    static const enum c2s_role kernels[] = {C2S_DEPTHWISE_KERNEL, C2S_POINTWISE_KERNEL};
    (void)state;
    struct c2s_error err = {0};
    for (int e = 0; e < n_engines; e++) {
        rng.state = 15;
        struct c2s_model *m = chain_create(5, 4, 3), *twin = chain_create(5, 4, 3);
        struct c2s_layer *l = chain_separable(m, "sep", 4, 3);
        struct c2s_layer *copy = chain_separable(twin, "sep", 4, 3);
        chain_finish(m);
        chain_finish(twin);
        l->quantizer = (struct c2s_quantizer_spec){C2S_QUANTIZER_TRAINABLE_STD, 3, 3, false};
        l->quantizer_dw = (struct c2s_quantizer_spec){C2S_QUANTIZER_TRAINABLE_STD, 4, 3, false};
        c2s_layer_set_param(l, C2S_WEIGHT_THRESHOLD, tensor_of(0, NULL, (float[]){1.25f}));
        c2s_layer_set_param(l, C2S_DEPTHWISE_THRESHOLD, tensor_of(0, NULL, (float[]){0.75f}));
        for (int k = 0; k < 2; k++) {
            struct c2s_tensor *fake;
            assert_ok(c2s_layer_effective_kernel(l, kernels[k], &fake, &err), &err);
            c2s_layer_set_param(copy, kernels[k], fake);
        }
        struct c2s_tensor *x = random_tensor(&rng, 4, DIMS(4, 5, 4, 3), -1, 1);
        struct c2s_gradients *a = create(engines[e], m, NULL, 0);
        struct c2s_gradients *b = create(engines[e], twin, NULL, 0);
        const int64_t units = c2s_tensor_count(x) / 4 / 3 * 4;
        compute(a, x, 0, units);
        compute(b, x, 0, units);
        int n;
        const struct c2s_parameter *p = c2s_gradients_parameters(a, &n);
        assert_int_equal(n, 5); /* two kernels, bias, two thresholds */
        for (int k = 0; k < 2; k++) {
            enum c2s_role role = c2s_threshold_role(l, kernels[k]);
            const struct c2s_tensor *w = l->params[kernels[k]], *threshold = l->params[role];
            const struct c2s_quantizer_spec *spec = c2s_layer_quantizer(l, kernels[k]);
            struct c2s_tensor *sf, *d_w = c2s_tensor_create(C2S_F32, w->rank, w->dims, &err);
            double d_threshold;
            assert_ok(c2s_quantizer_scale(spec, w, threshold, &sf, &err), &err);
            c2s_quantizer_gradient(&(struct c2s_fake_weights){spec, w, threshold, sf},
                                   c2s_f32(c2s_gradients_parameters(b, &n)[k].gradient),
                                   c2s_f32(d_w), &d_threshold);
            assert_memory_equal(d_w->data, p[k].gradient->data, c2s_tensor_bytes(d_w));
            const struct c2s_parameter *t = &p[k == 0 ? 4 : 3];
            assert_int_equal(t->role, role);
            assert_true(*c2s_f32(t->gradient) == (float)d_threshold && d_threshold != 0);
            c2s_tensor_unref(sf);
            c2s_tensor_unref(d_w);
        }
        c2s_tensor_unref(x);
        c2s_gradients_destroy(a);
        c2s_gradients_destroy(b);
        c2s_model_destroy(m);
        c2s_model_destroy(twin);
    }
}

/* Crossentropy through a last softmax and without it: the same gradients as long as no probability
 * is clipped. */
static void logits_or_probabilities(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    const int32_t labels[] = {2, 0, 1};
    for (int e = 0; e < n_engines; e++) {
        rng.state = 15;
        struct c2s_model *m = net_create();
        int last = add_dense(m, net_input(m, 1, DIMS(4)), 4, 3);
        net_layer(m, C2S_OP_SOFTMAX, 1, &last);
        net_finish(m);
        struct c2s_tensor *x = random_tensor(&rng, 2, DIMS(3, 4), -1, 1);
        struct c2s_gradients *g = create(engines[e], m, NULL, 0);
        float kept[12];
        int n;
        for (int takes_logits = 1; takes_logits >= 0; takes_logits--) {
            struct c2s_loss loss = c2s_loss_of(C2S_LOSS_CROSSENTROPY, m);
            struct c2s_loss_sum sum;
            assert_true(loss.takes_logits);
            loss.takes_logits = takes_logits;
            loss.labels = labels;
            struct c2s_batch_loss batch_loss = c2s_loss_batch(&loss);
            assert_ok(c2s_gradients_compute(g, x, 0, &batch_loss, &sum, &err), &err);
            const float *d = c2s_f32(c2s_gradients_parameters(g, &n)[0].gradient);
            for (int i = 0; !takes_logits && i < 12; i++)
                assert_float_equal(d[i], kept[i], 1e-6);
            memcpy(kept, d, sizeof kept);
        }
        c2s_tensor_unref(x);
        c2s_gradients_destroy(g);
        c2s_model_destroy(m);
    }
}

static void refused(struct c2s_model *m, const char *engine, enum c2s_code code, const char *part)
{
    struct c2s_error err = {0};
    struct c2s_gradients *g;
    struct c2s_gradients_options options = {.max_batch = 2};
    assert_false(c2s_gradients_create(engine, m, &options, &g, &err));
    assert_null(g);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, part))
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void refusals(void **state)
{
    (void)state;
    rng.state = 16;
    struct c2s_model *m = net_create();
    int last = add_dense(m, net_input(m, 1, DIMS(2)), 2, 2);
    net_finish(m);
    refused(m, "cuda", C2S_NOT_FOUND, "choose one of");
    c2s_tensor_ref(m->layers[1]->params[C2S_BIAS]);
    refused(m, "ref", C2S_STATE, "bias of layer 'layer_1'");
    c2s_tensor_unref(m->layers[1]->params[C2S_BIAS]);
    c2s_f32(m->layers[1]->params[C2S_BIAS])[0] = NAN;
    refused(m, "ref", C2S_RANGE, "NaN");
    c2s_f32(m->layers[1]->params[C2S_BIAS])[0] = 0;
    struct c2s_layer *l = net_layer(m, C2S_OP_PRELU, 1, &last);
    c2s_layer_set_param(l, C2S_ALPHA, random_tensor(&rng, 1, DIMS(2), 0, 1));
    struct c2s_error err = {0};
    assert_ok(c2s_model_infer_shapes(m, &err), &err);
    refused(m, "ref", C2S_UNSUPPORTED, "layer_2");
    c2s_model_destroy(m);
}

/* A wrong batch is refused; numbers that overflow name the layer where they do, and move nothing.
 */
static void bad_batches(void **state)
{
    (void)state;
    int64_t units = 2;
    struct c2s_batch_loss loss = {.samples = sum_up, .arg = &units};
    for (int e = 0; e < n_engines; e++) {
        rng.state = 17;
        struct c2s_model *m = net_create();
        int last = add_norm(m, net_input(m, 1, DIMS(2)), 2, NULL);
        last = add_dense(m, last, 2, 2);
        add_dense(m, last, 2, 2);
        net_finish(m);
        c2s_f32(m->layers[3]->params[C2S_KERNEL])[0] = 3e38f;
        c2s_f32(m->layers[3]->params[C2S_KERNEL])[2] = 3e38f;
        c2s_f32(m->layers[2]->params[C2S_BIAS])[0] = 1e30f;
        float mean = c2s_f32(m->layers[1]->params[C2S_MOVING_MEAN])[0];
        struct c2s_gradients *g = create(engines[e], m, NULL, 0);
        struct c2s_loss_sum sum;
        struct c2s_tensor *wide = random_tensor(&rng, 2, DIMS(2, 3), 0, 1);
        struct c2s_tensor *many = random_tensor(&rng, 2, DIMS(9, 2), 0, 1);
        struct c2s_tensor *x = random_tensor(&rng, 2, DIMS(2, 2), 0, 1);
        struct c2s_error err = {0};
        assert_false(c2s_gradients_compute(g, wide, 0, &loss, &sum, &err));
        assert_int_equal(err.code, C2S_SHAPE);
        err = (struct c2s_error){0};
        assert_false(c2s_gradients_compute(g, many, 0, &loss, &sum, &err));
        assert_int_equal(err.code, C2S_RANGE);
        err = (struct c2s_error){0};
        assert_false(c2s_gradients_compute(g, x, 12, &loss, &sum, &err));
        assert_int_equal(err.code, C2S_RANGE);
        assert_non_null(strstr(err.text, "'layer_3'"));
        assert_non_null(strstr(err.text, "step 12"));
        assert_true(c2s_f32(m->layers[1]->params[C2S_MOVING_MEAN])[0] == mean);
        c2s_tensor_unref(wide);
        c2s_tensor_unref(many);
        c2s_tensor_unref(x);
        c2s_gradients_destroy(g);
        c2s_model_destroy(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frozen_layers_stay),
        cmocka_unit_test(moving_statistics),
        cmocka_unit_test(dropout_masks),
        cmocka_unit_test(quantized_layers),
        cmocka_unit_test(separable_thresholds),
        cmocka_unit_test(logits_or_probabilities),
        cmocka_unit_test(refusals),
        cmocka_unit_test(bad_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
