/* Elementwise layers as loops that compilers turn into vector code. */
#include "engine/fast.h"

#include <math.h>

#include "base/alloc.h"
#include "base/wide_code.h"

static bool init_normalize(struct fast_map *f, const struct c2s_layer *l, struct c2s_error *err)
{
    const struct c2s_batch_norm_attr *a = &l->attr.batch_norm;
    int64_t n = f->channels = l->dims[l->rank - 1];
    float *numbers = c2s_calloc((size_t)n * 3, sizeof *numbers);
    if (!numbers)
        return c2s_fail_nomem(err);
    f->kind = FAST_NORMALIZE;
    f->mean = numbers;
    f->factor = numbers + n;
    f->beta = numbers + 2 * n;
    for (int64_t k = 0; k < n; k++) {
        f->mean[k] = c2s_f32(l->params[C2S_MOVING_MEAN])[k];
        f->factor[k] = 1.0f / sqrtf(c2s_f32(l->params[C2S_MOVING_VARIANCE])[k] + a->epsilon);
        if (a->scale)
            f->factor[k] *= c2s_f32(l->params[C2S_GAMMA])[k];
        if (a->center)
            f->beta[k] = c2s_f32(l->params[C2S_BETA])[k];
    }
    return true;
}

static void init_relu(struct fast_map *f, float slope, float top)
{
    f->kind = FAST_RELU;
    f->slope = slope;
    f->top = top;
}

bool fast_map_init(struct fast_map *f, const struct c2s_layer *l, struct c2s_error *err)
{
    const struct c2s_relu_attr *relu = &l->attr.relu;
    *f = (struct fast_map){0};
    switch (l->op) {
    case C2S_OP_BATCH_NORM:
        return init_normalize(f, l, err);
    case C2S_OP_LEAKY_RELU:
        init_relu(f, relu->negative_slope, INFINITY);
        return true;
    case C2S_OP_RELU:
        if (relu->threshold == 0.0f && (relu->max_value >= 0.0f))
            init_relu(f, relu->negative_slope, relu->max_value);
        return true;
    case C2S_OP_ACTIVATION:
        if (l->attr.activation.function == C2S_FN_RELU)
            init_relu(f, 0, INFINITY);
        else if (l->attr.activation.function == C2S_FN_RELU6)
            init_relu(f, 0, 6);
        return true;
    case C2S_OP_DISCRETE_RELU:
    case C2S_OP_QUANTIZED_RELU:
        f->kind = FAST_QUANTIZE;
        f->top = (float)((1 << l->attr.quantized_relu.bitwidth) - 1);
        c2s_layer_activation_step(l, &f->step, &f->threshold);
        return true;
    case C2S_OP_RESCALING:
        f->kind = FAST_SCALE;
        f->step = l->attr.rescaling.scale;
        f->threshold = l->attr.rescaling.offset;
        return true;
    default:
        return true;
    }
}

void fast_map_finish(struct fast_map *f)
{
    c2s_free(f->mean);
    *f = (struct fast_map){0};
}

WIDE_CODE static void normalize(const struct fast_map *f, const float *x, float *y, int64_t count)
{
    for (int64_t i = 0; i < count; i += f->channels) {
#pragma omp simd
        for (int64_t k = 0; k < f->channels; k++)
            y[i + k] = (x[i + k] - f->mean[k]) * f->factor[k] + f->beta[k];
    }
}

WIDE_CODE static void relu(const struct fast_map *f, const float *x, float *y, int64_t count)
{
    float slope = f->slope, top = f->top;
    if (slope == 0.0f) {
#pragma omp simd
        for (int64_t i = 0; i < count; i++) {
            float v = x[i] < 0.0f ? 0.0f : x[i];
            y[i] = v > top ? top : v;
        }
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float v = x[i] < 0.0f ? 0.0f - slope * (0.0f - x[i]) : x[i];
        y[i] = v > top ? top : v;
    }
}

/* ceil without a call: clipped values lie in 0..255, where adding and taking away 2^23 rounds to
 * the nearest integer; one that came out below v is one too small. */
WIDE_CODE static void quantize(const struct fast_map *f, const float *x, float *y, int64_t count)
{
    const float step = f->step, threshold = f->threshold, top = f->top, shift = 8388608.0f;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float v = (x[i] - threshold) / step;
        v = v <= 0.0f ? 0.0f : v;
        v = v > top ? top : v;
        float rounded = (v + shift) - shift;
        y[i] = step * (rounded + (rounded < v ? 1.0f : 0.0f));
    }
}

WIDE_CODE static void scale(const struct fast_map *f, const float *x, float *y, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        y[i] = x[i] * f->step + f->threshold;
}

void fast_map_run(const struct fast_map *f, const float *x, float *y, int64_t count)
{
    switch (f->kind) {
    case FAST_NORMALIZE:
        normalize(f, x, y, count);
        break;
    case FAST_RELU:
        relu(f, x, y, count);
        break;
    case FAST_QUANTIZE:
        quantize(f, x, y, count);
        break;
    case FAST_SCALE:
        scale(f, x, y, count);
        break;
    case FAST_NONE:
        break;
    }
}
