/* Activations, scaling, Dropout and additions forward and back, in double. What the gradient is at
 * a kink is what TensorFlow 2.10 takes there; the source of each is Keras' backend.relu and the
 * registered gradients of the operations it uses. */
#include <math.h>

#include "engine/ref.h"
#include "engine/ref_train.h"

void ref_train_function(enum c2s_function f, double *y, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows * columns; i++)
        if (f == C2S_FN_RELU || f == C2S_FN_RELU6)
            y[i] = fmin(fmax(y[i], 0), f == C2S_FN_RELU6 ? 6 : INFINITY);
        else if (f == C2S_FN_SIGMOID)
            y[i] = 1 / (1 + exp(-y[i]));
        else if (f == C2S_FN_TANH)
            y[i] = tanh(y[i]);
    for (int64_t r = 0; f == C2S_FN_SOFTMAX && r < rows; r++) {
        double *row = y + r * columns, largest = row[0], sum = 0;
        for (int64_t i = 1; i < columns; i++)
            largest = fmax(largest, row[i]);
        for (int64_t i = 0; i < columns; i++)
            sum += row[i] = exp(row[i] - largest);
        for (int64_t i = 0; i < columns; i++)
            row[i] /= sum;
    }
}

void ref_train_function_back(enum c2s_function f, const double *y, double *d, int64_t rows,
                             int64_t columns)
{
    for (int64_t i = 0; i < rows * columns; i++)
        if (f == C2S_FN_RELU || f == C2S_FN_RELU6)
            d[i] *= y[i] > 0 && (f == C2S_FN_RELU || y[i] < 6);
        else if (f == C2S_FN_SIGMOID)
            d[i] *= y[i] * (1 - y[i]);
        else if (f == C2S_FN_TANH)
            d[i] *= 1 - y[i] * y[i];
    for (int64_t r = 0; f == C2S_FN_SOFTMAX && r < rows; r++) {
        double along = 0;
        for (int64_t i = r * columns; i < (r + 1) * columns; i++)
            along += d[i] * y[i];
        for (int64_t i = r * columns; i < (r + 1) * columns; i++)
            d[i] = y[i] * (d[i] - along);
    }
}

/* Keras' ReLU(max_value, negative_slope, threshold) */
static double relu(const struct c2s_relu_attr *a, double x)
{
    double threshold = (double)a->threshold, top = (double)a->max_value;
    double y = threshold != 0 ? (x > threshold ? x : 0) : fmax(x, 0);
    if (top != (double)INFINITY)
        y = fmin(fmax(y, 0), top);
    if (x < threshold)
        y -= (double)a->negative_slope * (threshold - x);
    return y;
}

/* Its derivative. At the kinks: a maximum value of 6 is relu6, whose ends do not pass; any other is
 * clip_by_value, whose upper end does. A leaky ReLU without the other two has its slope at 0. */
static double relu_slope(const struct c2s_relu_attr *a, double x)
{
    double threshold = (double)a->threshold, top = (double)a->max_value;
    double slope = (double)a->negative_slope;
    bool has_top = top != (double)INFINITY;
    if (slope != 0 && !has_top && threshold == 0)
        return x > 0 ? 1 : slope;
    bool passes = x > threshold;
    if (has_top && threshold == 0 && top == 6)
        passes = passes && x < 6;
    else if (has_top)
        passes = passes && x >= 0 && x <= top;
    return (passes ? 1 : 0) + (x < threshold ? slope : 0);
}

static struct c2s_relu_attr relu_of(const struct c2s_layer *l)
{
    struct c2s_relu_attr attr = l->attr.relu;
    if (l->op == C2S_OP_LEAKY_RELU)
        attr = (struct c2s_relu_attr){.max_value = INFINITY, .negative_slope = attr.negative_slope};
    return attr;
}

/* A quantized activation: z = (x - threshold) / step, its level, and whether it lies inside. */
struct level {
    double z, level, step;
    bool passes;
};

static struct level level_of(const struct c2s_layer *l, double x)
{
    float step, threshold;
    c2s_layer_activation_step(l, &step, &threshold);
    double top = (double)((1 << l->attr.quantized_relu.bitwidth) - 1);
    struct level v = {.z = (x - (double)threshold) / (double)step, .step = (double)step};
    v.passes = ceil(v.z) >= 0 && ceil(v.z) <= top;
    v.level = fmin(fmax(ceil(v.z), 0), top);
    return v;
}

/* Numbers apart and count along the axis of a Softmax layer. */
static void softmax_axis(const struct c2s_layer *l, int64_t *length, int64_t *inner)
{
    int axis = engine_axis(l->attr.softmax.axis, l->rank + 1);
    *inner = 1;
    *length = l->dims[axis - 1];
    for (int i = axis; i < l->rank; i++)
        *inner *= l->dims[i];
}

static void softmax_forward(const struct ref_train *t, int layer)
{
    int64_t length, inner, n = ref_train_count(t, layer);
    double *values = t->values[layer];
    softmax_axis(ref_train_layer(t, layer), &length, &inner);
    for (int64_t k = 0; k < n / length; k++) {
        double *y = values + k / inner * length * inner + k % inner, largest = y[0], sum = 0;
        for (int64_t i = 0; i < length; i++)
            largest = fmax(largest, y[i * inner]);
        for (int64_t i = 0; i < length; i++)
            sum += y[i * inner] = exp(y[i * inner] - largest);
        for (int64_t i = 0; i < length; i++)
            y[i * inner] /= sum;
    }
}

static void softmax_backward(const struct ref_train *t, int layer)
{
    int64_t length, inner, n = ref_train_count(t, layer);
    softmax_axis(ref_train_layer(t, layer), &length, &inner);
    for (int64_t k = 0; k < n / length; k++) {
        int64_t first = k / inner * length * inner + k % inner;
        const double *y = t->values[layer] + first;
        double *d = t->slopes[layer] + first, along = 0;
        for (int64_t i = 0; i < length; i++)
            along += d[i * inner] * y[i * inner];
        for (int64_t i = 0; i < length; i++)
            d[i * inner] = y[i * inner] * (d[i * inner] - along);
    }
}

static void forward_activation(struct ref_train *t, int layer)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    const double *x = ref_train_in(t, layer, 0);
    const struct c2s_relu_attr attr = relu_of(l);
    double *y = t->values[layer];
    int64_t n = ref_train_count(t, layer), columns = l->rank ? l->dims[l->rank - 1] : 1;
    for (int64_t i = 0; i < n; i++)
        if (c2s_layer_is_quantized_activation(l))
            y[i] = level_of(l, x[i]).step * level_of(l, x[i]).level;
        else
            y[i] = l->op == C2S_OP_RELU || l->op == C2S_OP_LEAKY_RELU ? relu(&attr, x[i]) : x[i];
    enum c2s_function f = gradient_function(t->g, layer, t->loss);
    if (l->op == C2S_OP_SOFTMAX && f == C2S_FN_SOFTMAX)
        softmax_forward(t, layer);
    else
        ref_train_function(f, y, n / columns, columns);
}

/* cnn2snn 1.8's two trained numbers, see quantizer.h. */
static bool add_trained(struct ref_train *t, int layer, struct c2s_error *err)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    double d_threshold = 0, d_step = 0;
    for (int64_t i = 0; i < ref_train_count(t, layer); i++) {
        struct level v = level_of(l, ref_train_in(t, layer, 0)[i]);
        d_threshold -= v.passes ? t->slopes[layer][i] : 0;
        d_step += t->slopes[layer][i] * (v.level - (v.passes ? v.z : 0));
    }
    d_step *= 16.0 / (1 << l->attr.quantized_relu.bitwidth);
    return gradient_add(t->g, layer, C2S_THRESHOLD, (float[]){(float)d_threshold}, err) &&
           gradient_add(t->g, layer, C2S_STEP, (float[]){(float)d_step}, err);
}

static bool backward_activation(struct ref_train *t, int layer, struct c2s_error *err)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    const double *x = ref_train_in(t, layer, 0);
    const struct c2s_relu_attr attr = relu_of(l);
    double *d = t->slopes[layer], *d_in = ref_train_d_in(t, layer, 0);
    int64_t n = ref_train_count(t, layer), columns = l->rank ? l->dims[l->rank - 1] : 1;
    enum c2s_function f = gradient_function(t->g, layer, t->loss);
    if (l->op == C2S_OP_SOFTMAX && f == C2S_FN_SOFTMAX)
        softmax_backward(t, layer);
    else
        ref_train_function_back(f, t->values[layer], d, n / columns, columns);
    if (c2s_layer_is_quantized_activation(l) && !add_trained(t, layer, err))
        return false;
    for (int64_t i = 0; d_in && i < n; i++)
        if (c2s_layer_is_quantized_activation(l))
            d_in[i] += level_of(l, x[i]).passes ? d[i] : 0;
        else if (l->op == C2S_OP_RELU || l->op == C2S_OP_LEAKY_RELU)
            d_in[i] += relu_slope(&attr, x[i]) * d[i];
        else
            d_in[i] += d[i];
    return true;
}

static void forward_dropout(struct ref_train *t, int layer)
{
    uint64_t key = gradient_dropout_key(t->g, t->step, layer);
    float rate = ref_train_layer(t, layer)->attr.dropout.rate;
    for (int64_t i = 0; i < ref_train_count(t, layer); i++)
        t->values[layer][i] = ref_train_in(t, layer, 0)[i] * (double)gradient_dropout(key, i, rate);
}

static bool backward_dropout(struct ref_train *t, int layer, struct c2s_error *err)
{
    uint64_t key = gradient_dropout_key(t->g, t->step, layer);
    float rate = ref_train_layer(t, layer)->attr.dropout.rate;
    double *d_in = ref_train_d_in(t, layer, 0);
    (void)err;
    for (int64_t i = 0; d_in && i < ref_train_count(t, layer); i++)
        d_in[i] += t->slopes[layer][i] * (double)gradient_dropout(key, i, rate);
    return true;
}

static void forward_rescaling(struct ref_train *t, int layer)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    for (int64_t i = 0; i < ref_train_count(t, layer); i++)
        t->values[layer][i] = ref_train_in(t, layer, 0)[i] * (double)l->attr.rescaling.scale +
                              (double)l->attr.rescaling.offset;
}

static bool backward_rescaling(struct ref_train *t, int layer, struct c2s_error *err)
{
    double *d_in = ref_train_d_in(t, layer, 0);
    (void)err;
    for (int64_t i = 0; d_in && i < ref_train_count(t, layer); i++)
        d_in[i] += t->slopes[layer][i] * (double)ref_train_layer(t, layer)->attr.rescaling.scale;
    return true;
}

/* Where input k is read for the layer's number i, batch axis included. */
static int64_t addend(const struct ref_train *t, int layer, int k, int64_t i)
{
    const struct c2s_layer *l = ref_train_layer(t, layer), *in = ref_train_source(t, layer, k);
    int64_t sample = ref_train_count(t, layer) / t->batch;
    int64_t in_sample = ref_train_count(t, l->inputs[k]) / t->batch;
    return i / sample * in_sample + ref_broadcast(i % sample, l->rank, l->dims, in->dims);
}

static void forward_add(struct ref_train *t, int layer)
{
    for (int64_t i = 0; i < ref_train_count(t, layer); i++)
        for (int k = 0; k < ref_train_layer(t, layer)->n_inputs; k++)
            t->values[layer][i] += ref_train_in(t, layer, k)[addend(t, layer, k, i)];
}

static bool backward_add(struct ref_train *t, int layer, struct c2s_error *err)
{
    (void)err;
    for (int k = 0; k < ref_train_layer(t, layer)->n_inputs; k++) {
        double *d_in = ref_train_d_in(t, layer, k);
        for (int64_t i = 0; d_in && i < ref_train_count(t, layer); i++)
            d_in[addend(t, layer, k, i)] += t->slopes[layer][i];
    }
    return true;
}

const struct ref_train_op ref_train_activation = {.forward = forward_activation,
                                                  .backward = backward_activation};
const struct ref_train_op ref_train_dropout = {.forward = forward_dropout,
                                               .backward = backward_dropout};
const struct ref_train_op ref_train_rescaling = {.forward = forward_rescaling,
                                                 .backward = backward_rescaling};
const struct ref_train_op ref_train_add_layers = {.forward = forward_add, .backward = backward_add};
