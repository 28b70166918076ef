/* Naive activations, normalization, scaling and addition: what maps numbers one by one (softmax:
 * row by row). float32 in Keras' order of operations; a NaN stays a NaN. */
#include "engine/ref.h"

#include <math.h>

void ref_batch_norm(const struct ref_call *c)
{
    const struct c2s_layer *l = c->layer;
    int64_t channels = c->out->dims[c->out->rank - 1], count = c2s_tensor_count(c->out);
    const float *x = c2s_f32(c->in[0]);
    for (int64_t i = 0; i < count; i++) {
        int64_t k = i % channels;
        float factor =
            1.0f / sqrtf(c2s_f32(l->params[C2S_MOVING_VARIANCE])[k] + l->attr.batch_norm.epsilon);
        if (l->attr.batch_norm.scale)
            factor *= c2s_f32(l->params[C2S_GAMMA])[k];
        float y = (x[i] - c2s_f32(l->params[C2S_MOVING_MEAN])[k]) * factor;
        c2s_f32(c->out)[i] = l->attr.batch_norm.center ? y + c2s_f32(l->params[C2S_BETA])[k] : y;
    }
}

void ref_rescaling(const struct ref_call *c)
{
    int64_t count = c2s_tensor_count(c->out);
    for (int64_t i = 0; i < count; i++)
        c2s_f32(c->out)[i] =
            c2s_f32(c->in[0])[i] * c->layer->attr.rescaling.scale + c->layer->attr.rescaling.offset;
}

int64_t ref_broadcast(int64_t index, int rank, const int64_t *of, const int64_t *dims)
{
    int64_t position = 0, step = 1;
    for (int i = rank - 1; i >= 0; i--) {
        if (dims[i] != 1)
            position += index % of[i] * step;
        index /= of[i];
        step *= dims[i];
    }
    return position;
}

void ref_add(const struct ref_call *c)
{
    int64_t count = c2s_tensor_count(c->out);
    for (int64_t i = 0; i < count; i++) {
        float sum = 0;
        for (int k = 0; k < c->layer->n_inputs; k++) {
            const struct c2s_tensor *x = c->in[k];
            float value = c2s_f32(x)[ref_broadcast(i, x->rank, c->out->dims, x->dims)];
            sum = k ? sum + value : value;
        }
        c2s_f32(c->out)[i] = sum;
    }
}

/* Keras' ReLU(max_value, negative_slope, threshold), keras/backend.py relu */
static float relu(const struct c2s_relu_attr *a, float x)
{
    float y = a->threshold != 0.0f ? x * (x > a->threshold ? 1.0f : 0.0f) : (x < 0.0f ? 0.0f : x);
    if (a->max_value != INFINITY) {
        y = y < 0.0f ? 0.0f : y;
        y = y > a->max_value ? a->max_value : y;
    }
    if (a->negative_slope != 0.0f && x < a->threshold)
        y -= a->negative_slope * (a->threshold - x);
    return y;
}

/* cnn2snn 1.8.13 and 2.2.6, quantization_layers.py. Those add up x + (ceil(x) - x) for the gradient
 * of ceil, which may miss the integer by one rounding of float32; here it is the integer. */
static void quantized_relu(const struct c2s_layer *l, const float *x, float *y, int64_t count)
{
    float step, threshold, top = (float)((1 << l->attr.quantized_relu.bitwidth) - 1);
    c2s_layer_activation_step(l, &step, &threshold);
    for (int64_t i = 0; i < count; i++) {
        float level = ceilf((x[i] - threshold) / step);
        level = level <= 0.0f ? 0.0f : level;
        y[i] = step * (level > top ? top : level);
    }
}

static void prelu(const struct ref_call *c)
{
    const struct c2s_tensor *alpha = c->layer->params[C2S_ALPHA];
    int64_t count = c2s_tensor_count(c->out), sample = count / c->out->dims[0];
    for (int64_t i = 0; i < count; i++) {
        float x = c2s_f32(c->in[0])[i];
        float slope =
            c2s_f32(alpha)[ref_broadcast(i % sample, alpha->rank, c->out->dims + 1, alpha->dims)];
        c2s_f32(c->out)[i] = x < 0.0f ? slope * x : x;
    }
}

/* n values `step` apart */
static void softmax(const float *x, float *y, int64_t n, int64_t step)
{
    float largest = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        largest = x[i * step] > largest || isnan(x[i * step]) ? x[i * step] : largest;
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)x[i * step] - (double)largest);
    for (int64_t i = 0; i < n; i++)
        y[i * step] = (float)(exp((double)x[i * step] - (double)largest) / sum);
}

void ref_function(enum c2s_function f, const float *x, float *y, int64_t rows, int64_t columns)
{
    int64_t count = rows * columns;
    switch (f) {
    case C2S_FN_RELU:
    case C2S_FN_RELU6:
        for (int64_t i = 0; i < count; i++)
            y[i] =
                relu(&(struct c2s_relu_attr){.max_value = f == C2S_FN_RELU6 ? 6 : INFINITY}, x[i]);
        break;
    case C2S_FN_SIGMOID:
        for (int64_t i = 0; i < count; i++)
            y[i] = (float)(1.0 / (1.0 + exp(-(double)x[i])));
        break;
    case C2S_FN_TANH:
        for (int64_t i = 0; i < count; i++)
            y[i] = (float)tanh((double)x[i]);
        break;
    case C2S_FN_SOFTMAX:
        for (int64_t r = 0; r < rows; r++)
            softmax(x + r * columns, y + r * columns, columns, 1);
        break;
    default: /* linear: engine_check_float lets no other function through */
        for (int64_t i = 0; i < count; i++)
            y[i] = x[i];
    }
}

static void softmax_layer(const struct ref_call *c)
{
    const int64_t *dims = c->out->dims;
    int axis = engine_axis(c->layer->attr.softmax.axis, c->out->rank);
    int64_t inner = 1, count = c2s_tensor_count(c->out);
    for (int i = axis + 1; i < c->out->rank; i++)
        inner *= dims[i];
    for (int64_t outer = 0; outer < count; outer += dims[axis] * inner)
        for (int64_t k = outer; k < outer + inner; k++)
            softmax(c2s_f32(c->in[0]) + k, c2s_f32(c->out) + k, dims[axis], inner);
}

void ref_activation(const struct ref_call *c)
{
    const struct c2s_layer *l = c->layer;
    const float *x = c2s_f32(c->in[0]);
    float *y = c2s_f32(c->out);
    int64_t count = c2s_tensor_count(c->out);
    struct c2s_relu_attr attr = l->attr.relu;
    switch (l->op) {
    case C2S_OP_LEAKY_RELU:
        attr = (struct c2s_relu_attr){.max_value = INFINITY, .negative_slope = attr.negative_slope};
        /* fall through */
    case C2S_OP_RELU:
        for (int64_t i = 0; i < count; i++)
            y[i] = relu(&attr, x[i]);
        break;
    case C2S_OP_PRELU:
        prelu(c);
        break;
    case C2S_OP_SOFTMAX:
        softmax_layer(c);
        break;
    case C2S_OP_ACTIVATION: {
        int64_t columns = c->out->dims[c->out->rank - 1];
        ref_function(l->attr.activation.function, x, y, count / columns, columns);
        break;
    }
    default: /* DISCRETE_RELU, QUANTIZED_RELU */
        quantized_relu(l, x, y, count);
    }
}
