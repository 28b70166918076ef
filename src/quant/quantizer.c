/* The weight quantizers: one table of how each measures the range of a tensor, and the arithmetic
 * they share. Which layer gets which quantizer is not here: see plan.c. */
#include <c2s/quantizer.h>
#include <c2s/rules.h>

#include <math.h>
#include <string.h>

#include "quant/level.h"

/* Every stride-th weight of a tensor, n of them: one channel, or all with stride 1. */
struct view {
    const float *w;
    int64_t n, stride;
};

/* Both see finite weights only. */
static float largest_magnitude(const struct view *v, float threshold)
{
    (void)threshold;
    float largest = 0;
    for (int64_t i = 0; i < v->n; i++)
        largest = fmaxf(largest, fabsf(v->w[i * v->stride]));
    return largest;
}

/* Summed in float64: the float32 sums of the reference differ from run to run in the last bits. */
static float scaled_deviation(const struct view *v, float threshold)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < v->n; i++)
        sum += (double)v->w[i * v->stride];
    double mean = sum / (double)v->n;
    for (int64_t i = 0; i < v->n; i++) {
        double distance = (double)v->w[i * v->stride] - mean;
        squares += distance * distance;
    }
    return (float)sqrt(squares / (double)v->n) * threshold;
}

struct quantizer_ops {
    const char *class_name; /* in the .h5 config */
    const char *old_name;   /* up to cnn2snn 1.8.9, or NULL */
    bool is_per_axis;       /* one scale for each index of the last axis */
    bool has_threshold;
    float (*range)(const struct view *v, float threshold); /* the weight that becomes kmax */
};

static const struct quantizer_ops table[] = {
    [C2S_QUANTIZER_NONE] = {.class_name = "none"},
    [C2S_QUANTIZER_MAX] = {.class_name = "MaxQuantizer", .range = largest_magnitude},
    [C2S_QUANTIZER_MAX_PER_AXIS] = {.class_name = "MaxPerAxisQuantizer",
                                    .is_per_axis = true,
                                    .range = largest_magnitude},
    [C2S_QUANTIZER_STD] = {.class_name = "StdWeightQuantizer",
                           .old_name = "WeightQuantizer",
                           .has_threshold = true,
                           .range = scaled_deviation},
    [C2S_QUANTIZER_STD_PER_AXIS] = {.class_name = "StdPerAxisQuantizer",
                                    .is_per_axis = true,
                                    .has_threshold = true,
                                    .range = scaled_deviation},
    [C2S_QUANTIZER_TRAINABLE_STD] = {.class_name = "TrainableStdWeightQuantizer",
                                     .old_name = "TrainableWeightQuantizer",
                                     .has_threshold = true,
                                     .range = scaled_deviation},
};
_Static_assert(sizeof table / sizeof table[0] == C2S_QUANTIZER_COUNT, "a quantizer has no row");

static const float scale_limit = 1000.0f; /* cnn2snn 2.2.6 quantization_ops.py clip_scale_factor */

const char *c2s_quantizer_class(enum c2s_quantizer_id id)
{
    return table[id].class_name;
}

enum c2s_quantizer_id c2s_quantizer_from_class(const char *class_name)
{
    for (int id = C2S_QUANTIZER_NONE + 1; id < C2S_QUANTIZER_COUNT; id++)
        if (strcmp(class_name, table[id].class_name) == 0 ||
            (table[id].old_name && strcmp(class_name, table[id].old_name) == 0))
            return (enum c2s_quantizer_id)id;
    return C2S_QUANTIZER_NONE;
}

static float largest_integer(const struct c2s_quantizer_spec *spec)
{
    return (float)((1 << (spec->bitwidth - 1)) - 1);
}

static bool accepts(const struct c2s_quantizer_spec *spec, const struct c2s_tensor *w,
                    struct c2s_error *err)
{
    if (spec->id <= C2S_QUANTIZER_NONE || spec->id >= C2S_QUANTIZER_COUNT)
        return c2s_fail(err, C2S_RANGE,
                        "these weights have no quantizer; quantize the layer first");
    if (spec->bitwidth < 2 || spec->bitwidth > 8)
        return c2s_fail(err, C2S_RANGE, "weights of %d bits are not possible; choose 2 to 8",
                        spec->bitwidth);
    if (w->dtype != C2S_F32 || w->rank < 2)
        return c2s_fail(err, C2S_SHAPE,
                        "a %s tensor of rank %d cannot be quantized; it takes float32 weights of "
                        "two or more dimensions, channels last",
                        c2s_dtype_name(w->dtype), w->rank);
    int64_t n = c2s_tensor_count(w);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(c2s_f32(w)[i]))
            return c2s_fail_rule(err, C2S_RANGE, "E033", "weight %lld is %s", (long long)i,
                                 isnan(c2s_f32(w)[i]) ? "NaN" : "infinite");
    return true;
}

static float scale_of(const struct c2s_quantizer_spec *spec, const struct view *v, float threshold)
{
    float sf = largest_integer(spec) / table[spec->id].range(v, threshold);
    if (spec->is_limited)
        return sf < scale_limit ? sf : scale_limit;
    return isfinite(sf) ? sf : 1.0f;
}

bool c2s_quantizer_scale(const struct c2s_quantizer_spec *spec, const struct c2s_tensor *w,
                         const struct c2s_tensor *trained_threshold, struct c2s_tensor **sf,
                         struct c2s_error *err)
{
    if (!accepts(spec, w, err))
        return false;
    const struct quantizer_ops *ops = &table[spec->id];
    float threshold = spec->threshold;
    if (spec->id == C2S_QUANTIZER_TRAINABLE_STD && trained_threshold)
        threshold = *c2s_f32(trained_threshold);
    if (ops->has_threshold && !(threshold > 0 && isfinite(threshold)))
        return c2s_fail(err, C2S_RANGE,
                        "%s has the threshold %g; it must be a number above 0, usually 3",
                        ops->class_name, (double)threshold);
    int64_t channels = w->dims[w->rank - 1];
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, ops->is_per_axis ? 1 : 0, &channels, err);
    if (!t)
        return false;
    int64_t n_scales = ops->is_per_axis ? channels : 1;
    for (int64_t c = 0; c < n_scales; c++) {
        struct view v = {c2s_f32(w) + c, c2s_tensor_count(w) / n_scales, n_scales};
        c2s_f32(t)[c] = scale_of(spec, &v, threshold);
    }
    *sf = t;
    return true;
}

static bool fits(const struct c2s_tensor *w, const struct c2s_tensor *sf, struct c2s_error *err)
{
    if (sf->dtype == C2S_F32 &&
        (sf->rank == 0 || (sf->rank == 1 && sf->dims[0] == w->dims[w->rank - 1])))
        return true;
    return c2s_fail(err, C2S_SHAPE, "scale factors of rank %d do not fit weights of %lld channels",
                    sf->rank, (long long)w->dims[w->rank - 1]);
}

bool c2s_quantizer_integers(const struct c2s_quantizer_spec *spec, const struct c2s_tensor *w,
                            const struct c2s_tensor *sf, struct c2s_tensor **integers,
                            struct c2s_error *err)
{
    if (!accepts(spec, w, err) || !fits(w, sf, err))
        return false;
    struct c2s_tensor *t = c2s_tensor_create(C2S_I8, w->rank, w->dims, err);
    if (!t)
        return false;
    float kmax = largest_integer(spec);
    int64_t n = c2s_tensor_count(w), channels = sf->rank ? sf->dims[0] : 1;
    for (int64_t i = 0; i < n; i++)
        c2s_i8(t)[i] = (int8_t)quantizer_level(c2s_f32(w)[i], c2s_f32(sf)[i % channels], kmax);
    *integers = t;
    return true;
}

/* A row with a scale for each number, or rows with one scale. Adding 0 makes -0 the 0 that dividing
 * the integer gives. */
static void fake_row(const float *w, const float *sf, float kmax, int64_t n, float *out)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        out[i] = (quantizer_level(w[i], sf[i], kmax) + 0.0f) / sf[i];
}

static void fake_rows(const float *w, float sf, float kmax, int64_t n, float *out)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        out[i] = (quantizer_level(w[i], sf, kmax) + 0.0f) / sf;
}

bool c2s_quantizer_fake(const struct c2s_quantizer_spec *spec, const struct c2s_tensor *w,
                        const struct c2s_tensor *sf, struct c2s_tensor **quantized,
                        struct c2s_error *err)
{
    if (!accepts(spec, w, err) || !fits(w, sf, err))
        return false;
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, w->rank, w->dims, err);
    float kmax = largest_integer(spec);
    int64_t n = c2s_tensor_count(w), channels = sf->rank ? sf->dims[0] : n;
    for (int64_t i = 0; t && i < n; i += channels)
        if (sf->rank)
            fake_row(c2s_f32(w) + i, c2s_f32(sf), kmax, channels, c2s_f32(t) + i);
        else
            fake_rows(c2s_f32(w), *c2s_f32(sf), kmax, n, c2s_f32(t));
    *quantized = t;
    return t != NULL;
}

const struct c2s_quantizer_spec *c2s_layer_quantizer(const struct c2s_layer *l, enum c2s_role role)
{
    switch (role) {
    case C2S_DEPTHWISE_KERNEL:
        return &l->quantizer_dw;
    case C2S_KERNEL:
    case C2S_POINTWISE_KERNEL:
        return &l->quantizer;
    default:
        return NULL;
    }
}

enum c2s_role c2s_threshold_role(const struct c2s_layer *l, enum c2s_role kernel)
{
    bool is_second = kernel == C2S_DEPTHWISE_KERNEL && l->op != C2S_OP_DEPTHWISE_CONV2D;
    return is_second ? C2S_DEPTHWISE_THRESHOLD : C2S_WEIGHT_THRESHOLD;
}

const struct c2s_tensor *c2s_layer_threshold(const struct c2s_layer *l, enum c2s_role role)
{
    const struct c2s_quantizer_spec *spec = c2s_layer_quantizer(l, role);
    bool is_trained = spec && spec->id == C2S_QUANTIZER_TRAINABLE_STD;
    return is_trained ? l->params[c2s_threshold_role(l, role)] : NULL;
}

bool c2s_layer_effective_kernel(const struct c2s_layer *l, enum c2s_role role,
                                struct c2s_tensor **out, struct c2s_error *err)
{
    const struct c2s_quantizer_spec *spec = c2s_layer_quantizer(l, role);
    const struct c2s_tensor *w = l->params[role];
    if (!w || !spec || spec->id == C2S_QUANTIZER_NONE) {
        *out = c2s_tensor_ref(w);
        return true;
    }
    struct c2s_tensor *sf = NULL;
    bool ok = c2s_quantizer_scale(spec, w, c2s_layer_threshold(l, role), &sf, err) &&
              c2s_quantizer_fake(spec, w, sf, out, err);
    c2s_tensor_unref(sf);
    return ok || c2s_fail_at(err, "layer %s", l->name);
}
