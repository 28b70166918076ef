/* Gradients through quantizers and quantized activations, against central differences in double of
 * what TensorFlow differentiates: the same function with the distance to the rounded number, and
 * the choice of what is clipped, held constant (stop_gradient, and minimum / maximum whose gradient
 * passes at the edge).
 *
 * Tolerance: results are float32 and made of float32 scale factors, 2^-23 each, over sums of up to
 * some hundred terms in double: 2e-6 of the tensor's largest gradient. */
#include "support.h"
#include "nets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/quantizer.h>

static struct random rng;

/* The quantizer as a smooth function of its weights. */
struct surrogate {
    struct c2s_quantizer_spec spec;
    int64_t n, channels; /* of one scale: is_per_axis or 1 */
    double threshold, kmax;
    double *w, *distance, *clipped; /* [n]; clipped: 0, or the sign of the end it is clipped to */
};

static bool is_std(enum c2s_quantizer_id id)
{
    return id != C2S_QUANTIZER_MAX && id != C2S_QUANTIZER_MAX_PER_AXIS;
}

static double scale_of(const struct surrogate *s, int64_t channel)
{
    double largest = 0, sum = 0, squares = 0, n = (double)(s->n / s->channels);
    for (int64_t i = channel; i < s->n; i += s->channels) {
        largest = fmax(largest, fabs(s->w[i]));
        sum += s->w[i];
    }
    for (int64_t i = channel; i < s->n; i += s->channels)
        squares += (s->w[i] - sum / n) * (s->w[i] - sum / n);
    double range = is_std(s->spec.id) ? s->threshold * sqrt(squares / n) : largest;
    double sf = s->kmax / range;
    return s->spec.is_limited ? fmin(sf, 1000) : sf;
}

/* sum d * fake */
static double loss_of(const struct surrogate *s, const float *d)
{
    double total = 0;
    for (int64_t c = 0; c < s->channels; c++) {
        double sf = scale_of(s, c);
        for (int64_t i = c; i < s->n; i += s->channels) {
            double level =
                s->clipped[i] != 0 ? s->clipped[i] * s->kmax : s->w[i] * sf + s->distance[i];
            total += (double)d[i] * level / sf;
        }
    }
    return total;
}

/* Levels are those of the float32 arithmetic. */
static void hold(struct surrogate *s, const struct c2s_tensor *w, const struct c2s_tensor *sf)
{
    for (int64_t i = 0; i < s->n; i++) {
        double level = (double)rintf(c2s_f32(w)[i] * c2s_f32(sf)[i % s->channels]);
        s->distance[i] = level - s->w[i] * scale_of(s, i % s->channels);
        s->clipped[i] = fabs(level) > s->kmax ? copysign(1, level) : 0;
    }
}

static void near(double got, double wanted, double tolerance, const char *what, int64_t i, int seed)
{
    if (!(fabs(got - wanted) <= tolerance))
        fail_msg("case %d, %s %lld: %.9g, not %.9g (tolerance %.2g)", seed, what, (long long)i, got,
                 wanted, tolerance);
}

static double slope(const struct surrogate *s, const float *d, double *variable)
{
    double old = *variable, h = ldexp(fmax(fabs(old), 0.05), -18);
    *variable = old + h;
    double above = loss_of(s, d);
    *variable = old - h;
    double below = loss_of(s, d);
    *variable = old;
    return (above - below) / (2 * h);
}

static void check_quantizer(const struct c2s_tensor *w, const struct c2s_quantizer_spec *spec,
                            int seed)
{
    struct c2s_error err = {0};
    struct c2s_tensor *sf, *d = random_tensor(&rng, w->rank, w->dims, -1, 1);
    struct c2s_tensor *d_w = c2s_tensor_clone(d, &err);
    double threshold = 0, largest = 0;
    struct c2s_tensor *trained = tensor_of(0, NULL, (float[]){1.75f});
    bool is_trained = spec->id == C2S_QUANTIZER_TRAINABLE_STD;
    assert_ok(c2s_quantizer_scale(spec, w, is_trained ? trained : NULL, &sf, &err), &err);
    struct surrogate s = {.spec = *spec, .n = c2s_tensor_count(w)};
    s.channels = sf->rank ? sf->dims[0] : 1;
    s.threshold = is_trained ? 1.75 : (double)spec->threshold;
    s.kmax = (1 << (spec->bitwidth - 1)) - 1;
    double *numbers = calloc((size_t)s.n * 3, sizeof *numbers);
    assert_non_null(numbers);
    s.w = numbers;
    s.distance = numbers + s.n;
    s.clipped = numbers + 2 * s.n;
    for (int64_t i = 0; i < s.n; i++)
        s.w[i] = (double)c2s_f32(w)[i];
    hold(&s, w, sf);
    /* In place, as d_w may be d. */
    c2s_quantizer_gradient(&(struct c2s_fake_weights){spec, w, is_trained ? trained : NULL, sf},
                           c2s_f32(d_w), c2s_f32(d_w), &threshold);
    for (int64_t i = 0; i < s.n; i++)
        largest = fmax(largest, fabs((double)c2s_f32(d_w)[i]));
    for (int64_t i = 0; i < s.n; i += 1 + s.n / 200)
        near((double)c2s_f32(d_w)[i], slope(&s, c2s_f32(d), &s.w[i]), 2e-6 * largest, "weight", i,
             seed);
    if (is_trained)
        near(threshold, slope(&s, c2s_f32(d), &s.threshold), 2e-6 * fmax(1, fabs(threshold)),
             "threshold", 0, seed);
    free(numbers);
    c2s_tensor_unref(trained);
    c2s_tensor_unref(sf);
    c2s_tensor_unref(d);
    c2s_tensor_unref(d_w);
}

static void every_quantizer(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 150; seed++) {
        rng.state = (uint64_t)seed * 7919;
        struct c2s_quantizer_spec spec = {.id = 1 + seed % (C2S_QUANTIZER_COUNT - 1)};
        spec.bitwidth = random_int(&rng, 2, 8);
        spec.threshold = random_real(&rng, 0.8f, 3);
        spec.is_limited = random_int(&rng, 0, 1);
        int64_t dims[4] = {random_int(&rng, 1, 3), random_int(&rng, 1, 3), random_int(&rng, 2, 9),
                           random_int(&rng, 1, 150)};
        int rank = seed % 3 ? 4 : 2;
        /* Two ranges: the small one meets the limit of 1000 with some bitwidths. */
        float range = random_int(&rng, 0, 1) ? 1 : 0.02f;
        struct c2s_tensor *w =
            random_tensor(&rng, rank, rank == 4 ? dims : dims + 2, -range, range);
        check_quantizer(w, &spec, seed);
        c2s_tensor_unref(w);
    }
}

/* Several weights of the largest magnitude share what comes through the scale factor. */
static void ties_share(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    const struct c2s_quantizer_spec spec = {C2S_QUANTIZER_MAX, 2, 0, false};
    const float values[] = {0.5f, -0.5f, 0.2f, 0.5f}, d[] = {0, 0, 3, 0};
    float d_w[4];
    struct c2s_tensor *sf, *w = tensor_of(2, (int64_t[]){2, 2}, values);
    assert_ok(c2s_quantizer_scale(&spec, w, NULL, &sf, &err), &err);
    c2s_quantizer_gradient(&(struct c2s_fake_weights){&spec, w, NULL, sf}, d, d_w, NULL);
    /* fake[2] = 0, so d_range = 3 * (0 - 0.2) / 0.5 = -1.2, a third for each, by sign */
    const double wanted[] = {-0.4, 0.4, 3, -0.4};
    for (int i = 0; i < 4; i++)
        near((double)d_w[i], wanted[i], 1e-6, "weight", i, 0);
    c2s_tensor_unref(w);
    c2s_tensor_unref(sf);
}

/* A range of 0 has no scale: straight through, no NaN. */
static void zeros_pass(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    for (int id = 1; id < C2S_QUANTIZER_COUNT; id++)
        for (int is_limited = 0; is_limited < 2; is_limited++) {
            const struct c2s_quantizer_spec spec = {(enum c2s_quantizer_id)id, 4, 3, is_limited};
            const float d[] = {1, -2, 3, 4};
            float d_w[4];
            struct c2s_tensor *sf, *w = tensor_of(2, (int64_t[]){2, 2}, NULL);
            assert_ok(c2s_quantizer_scale(&spec, w, NULL, &sf, &err), &err);
            c2s_quantizer_gradient(&(struct c2s_fake_weights){&spec, w, NULL, sf}, d, d_w, NULL);
            assert_memory_equal(d, d_w, sizeof d);
            c2s_tensor_unref(w);
            c2s_tensor_unref(sf);
        }
}

static struct c2s_layer *new_activation(enum c2s_quantized_relu_kind kind)
{
    struct c2s_error err = {0};
    bool is_discrete = kind == C2S_RELU_DISCRETE;
    struct c2s_layer *l =
        c2s_layer_create(is_discrete ? C2S_OP_DISCRETE_RELU : C2S_OP_QUANTIZED_RELU, "a", &err);
    assert_non_null(l);
    l->attr.quantized_relu.kind = kind;
    l->attr.quantized_relu.bitwidth = random_int(&rng, 1, 8);
    l->attr.quantized_relu.max_value = random_real(&rng, 0.5f, 8);
    if (kind == C2S_RELU_TRAINED) {
        c2s_layer_set_param(l, C2S_STEP, random_tensor(&rng, 0, NULL, 0.01f, 0.2f));
        c2s_layer_set_param(l, C2S_THRESHOLD, random_tensor(&rng, 0, NULL, -0.1f, 0.3f));
    }
    return l;
}

/* d loss / d threshold and step: z moves with them, the distance to its level does not. */
static double trained_loss(const struct c2s_layer *l, const float *x, const float *d, int64_t n,
                           const double moved[2])
{
    float step, threshold;
    double total = 0, top = (1 << l->attr.quantized_relu.bitwidth) - 1;
    double per_step = 16.0 / (1 << l->attr.quantized_relu.bitwidth);
    c2s_layer_activation_step(l, &step, &threshold);
    for (int64_t i = 0; i < n; i++) {
        double z = ((double)x[i] - (double)threshold) / (double)step;
        double level = (double)ceilf((x[i] - threshold) / step); /* as float32 sees it */
        double width = (double)step + moved[1] * per_step;
        double now = ((double)x[i] - (double)threshold - moved[0]) / width + (level - z);
        total += (double)d[i] * width * (level < 0 ? 0 : level > top ? top : now);
    }
    return total;
}

static void activations(void **state)
{
    enum { n = 400 };
    (void)state;
    for (int seed = 1; seed <= 90; seed++) {
        rng.state = (uint64_t)seed * 104729;
        struct c2s_layer *l = new_activation((enum c2s_quantized_relu_kind)(seed % 3));
        struct c2s_tensor *x = random_tensor(&rng, 1, (int64_t[]){n}, -2, 10);
        struct c2s_tensor *d = random_tensor(&rng, 1, (int64_t[]){n}, -1, 1);
        struct c2s_activation_sums sums = {100, 200};
        float d_in[n], step, threshold;
        double top = (1 << l->attr.quantized_relu.bitwidth) - 1;
        c2s_layer_activation_step(l, &step, &threshold);
        for (int i = 0; i < n; i += 7) /* edges of levels, and of what passes */
            c2s_f32(x)[i] = threshold + step * (float)(i % 21 - 2);
        c2s_activation_gradient(l, c2s_f32(x), c2s_f32(d), d_in, n, &sums);
        for (int i = 0; i < n; i++) {
            float level = ceilf((c2s_f32(x)[i] - threshold) / step);
            bool passes = level >= 0 && (double)level <= top;
            assert_true(d_in[i] == (passes ? c2s_f32(d)[i] : 0));
        }
        if (l->attr.quantized_relu.kind == C2S_RELU_TRAINED) {
            double got[] = {sums.threshold - 100, sums.step - 200};
            for (int k = 0; k < 2; k++) {
                double to[2] = {0}, from[2] = {0};
                to[k] = 1e-6;
                from[k] = -1e-6;
                double wanted = (trained_loss(l, c2s_f32(x), c2s_f32(d), n, to) -
                                 trained_loss(l, c2s_f32(x), c2s_f32(d), n, from)) /
                                2e-6;
                /* float32 z of up to 255, 400 of them */
                near(got[k], wanted, 1e-5 * fmax(fabs(wanted), 100), k ? "step" : "threshold", k,
                     seed);
            }
        } else {
            assert_true(sums.threshold == 100 && sums.step == 200);
        }
        c2s_tensor_unref(x);
        c2s_tensor_unref(d);
        c2s_layer_destroy(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_quantizer),
        cmocka_unit_test(ties_share),
        cmocka_unit_test(zeros_pass),
        cmocka_unit_test(activations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
