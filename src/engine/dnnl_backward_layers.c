/* Layers in training that are loops of our own: activations, pooling, shapes, sums. Every run works
 * on all samples of a piece, those behind the end of the batch included: they are zeros, and get
 * the gradient zero. */
#include <math.h>
#include <string.h>

#include "engine/dnnl_backward.h"

static int64_t piece_count(const struct backward_piece *p, const struct backward_layer *l)
{
    return p->b->piece * backward_count(l->layer);
}

static float *output_of(const struct backward_piece *p, const struct backward_layer *l)
{
    return backward_part(p, BACKWARD_DATA, l->index);
}

static float *gradient_of(const struct backward_piece *p, const struct backward_layer *l)
{
    return backward_part(p, BACKWARD_GRADIENT, l->index);
}

static int64_t columns_of(const struct c2s_layer *l)
{
    return l->rank > 0 ? l->dims[l->rank - 1] : 1;
}

/* A map's gradient has been computed over that of its output: it is the input's, or is added. */
static void settle_map(const struct backward_piece *p, const struct backward_layer *l)
{
    if (backward_wants(p->b, l, 0))
        backward_settle(p, l, gradient_of(p, l));
}

static bool same_back(const struct backward_piece *p, const struct backward_layer *l,
                      struct c2s_error *err)
{
    (void)err;
    settle_map(p, l);
    return true;
}

static bool map_forward(const struct backward_piece *p, const struct backward_layer *l,
                        struct c2s_error *err)
{
    (void)err;
    fast_map_run(&l->map, backward_input(p, l), output_of(p, l), piece_count(p, l));
    return true;
}

static bool relu_back(const struct backward_piece *p, const struct backward_layer *l,
                      struct c2s_error *err)
{
    float *d = gradient_of(p, l);
    (void)err;
    fast_relu_backward(l->map.slope, l->map.top, output_of(p, l), d, d, piece_count(p, l));
    settle_map(p, l);
    return true;
}

/* ReLUs whose gradient does not follow from the output, or that have no fast form. */
static bool odd_relu_back(const struct backward_piece *p, const struct backward_layer *l,
                          struct c2s_error *err)
{
    struct c2s_relu_attr attr = l->layer->attr.relu;
    float *d = gradient_of(p, l);
    (void)err;
    if (l->layer->op == C2S_OP_LEAKY_RELU)
        attr = (struct c2s_relu_attr){.max_value = INFINITY, .negative_slope = attr.negative_slope};
    fast_any_relu_backward(&attr, backward_input(p, l), d, piece_count(p, l));
    settle_map(p, l);
    return true;
}

static bool ref_run(const struct backward_piece *p, const struct backward_layer *l,
                    struct c2s_error *err)
{
    const struct c2s_layer *from = p->b->model->layers[l->layer->inputs[0]];
    struct c2s_tensor in = {.dims = {p->b->piece}, .refs = 1}, out = in;
    in.rank = from->rank + 1;
    memcpy(in.dims + 1, from->dims, sizeof *in.dims * (size_t)from->rank);
    in.data = (void *)backward_input(p, l);
    out.rank = l->layer->rank + 1;
    memcpy(out.dims + 1, l->layer->dims, sizeof *out.dims * (size_t)l->layer->rank);
    out.data = output_of(p, l);
    const struct c2s_tensor *inputs[] = {&in};
    return ref_forward(&(struct ref_call){l->layer, NULL, inputs, &out}, err);
}

static bool quantized_back(const struct backward_piece *p, const struct backward_layer *l,
                           struct c2s_error *err)
{
    float *d = gradient_of(p, l);
    (void)err;
    c2s_activation_gradient(l->layer, backward_input(p, l), d, d, piece_count(p, l), NULL);
    settle_map(p, l);
    return true;
}

/* cnn2snn 1.8's QuantizedReLU, whose threshold and step change from step to step. */
static bool trained_forward(const struct backward_piece *p, const struct backward_layer *l,
                            struct c2s_error *err)
{
    struct fast_map map = l->map;
    (void)err;
    c2s_layer_activation_step(l->layer, &map.step, &map.threshold);
    fast_map_run(&map, backward_input(p, l), output_of(p, l), piece_count(p, l));
    return true;
}

static bool trained_back(const struct backward_piece *p, const struct backward_layer *l,
                         struct c2s_error *err)
{
    struct c2s_activation_sums sums = {0};
    float *d = gradient_of(p, l);
    double *all = backward_sums(p, l);
    (void)err;
    c2s_activation_gradient(l->layer, backward_input(p, l), d, d, piece_count(p, l), &sums);
    all[0] += sums.threshold;
    all[1] += sums.step;
    settle_map(p, l);
    return true;
}

void backward_apply_function(const struct backward_piece *p, const struct backward_layer *l)
{
    enum c2s_function f = gradient_function(p->b->base, l->index, p->b->loss);
    float *y = output_of(p, l);
    int64_t count = piece_count(p, l), columns = columns_of(l->layer);
    if (f == C2S_FN_RELU || f == C2S_FN_RELU6)
        fast_map_run(
            &(struct fast_map){.kind = FAST_RELU, .top = f == C2S_FN_RELU6 ? 6.0f : INFINITY}, y, y,
            count);
    else if (f != C2S_FN_LINEAR)
        ref_function(f, y, y, count / columns, columns);
}

static void softmax_back(const float *y, float *d, int64_t n, int64_t step)
{
    double along = 0;
    for (int64_t i = 0; i < n; i++)
        along += (double)d[i * step] * (double)y[i * step];
    for (int64_t i = 0; i < n; i++)
        d[i * step] = y[i * step] * (d[i * step] - (float)along);
}

void backward_function_back(const struct backward_piece *p, const struct backward_layer *l)
{
    enum c2s_function f = gradient_function(p->b->base, l->index, p->b->loss);
    int64_t count = piece_count(p, l), columns = columns_of(l->layer);
    float *d = gradient_of(p, l);
    const float *y = output_of(p, l);
    switch (f) {
    case C2S_FN_RELU:
    case C2S_FN_RELU6:
        fast_relu_backward(0.0f, f == C2S_FN_RELU6 ? 6.0f : INFINITY, y, d, d, count);
        break;
    case C2S_FN_SIGMOID:
        for (int64_t i = 0; i < count; i++)
            d[i] *= y[i] * (1.0f - y[i]);
        break;
    case C2S_FN_TANH:
        for (int64_t i = 0; i < count; i++)
            d[i] *= 1.0f - y[i] * y[i];
        break;
    case C2S_FN_SOFTMAX:
        for (int64_t i = 0; i < count; i += columns)
            softmax_back(y + i, d + i, columns, 1);
        break;
    default:
        break;
    }
}

static bool function_forward(const struct backward_piece *p, const struct backward_layer *l,
                             struct c2s_error *err)
{
    const float *x = backward_input(p, l);
    float *y = output_of(p, l);
    (void)err;
    if (x != y)
        memcpy(y, x, sizeof *y * (size_t)piece_count(p, l));
    backward_apply_function(p, l);
    return true;
}

static bool function_back(const struct backward_piece *p, const struct backward_layer *l,
                          struct c2s_error *err)
{
    (void)err;
    backward_function_back(p, l);
    settle_map(p, l);
    return true;
}

/* A Softmax layer along an axis that is not the last. */
static bool axis_back(const struct backward_piece *p, const struct backward_layer *l,
                      struct c2s_error *err)
{
    const struct c2s_layer *layer = l->layer;
    int axis = engine_axis(layer->attr.softmax.axis, layer->rank + 1) - 1;
    int64_t inner = 1, count = piece_count(p, l);
    (void)err;
    for (int i = axis + 1; i < layer->rank; i++)
        inner *= layer->dims[i];
    for (int64_t outer = 0; outer < count; outer += layer->dims[axis] * inner)
        for (int64_t k = outer; k < outer + inner; k++)
            softmax_back(output_of(p, l) + k, gradient_of(p, l) + k, layer->dims[axis], inner);
    settle_map(p, l);
    return true;
}

static bool frozen_norm_back(const struct backward_piece *p, const struct backward_layer *l,
                             struct c2s_error *err)
{
    float *d = gradient_of(p, l);
    (void)err;
    fast_scale_channels(d, l->map.factor, piece_count(p, l) / l->map.channels, l->map.channels, d);
    settle_map(p, l);
    return true;
}

static bool rescaling_back(const struct backward_piece *p, const struct backward_layer *l,
                           struct c2s_error *err)
{
    float *d = gradient_of(p, l);
    (void)err;
    fast_scale_channels(d, &l->map.step, piece_count(p, l), 1, d);
    settle_map(p, l);
    return true;
}

static bool dropout_forward(const struct backward_piece *p, const struct backward_layer *l,
                            struct c2s_error *err)
{
    uint64_t key = gradient_dropout_key(p->b->base, p->b->step, l->index);
    float *mask = backward_part(p, BACKWARD_EXTRA, l->index), rate = l->layer->attr.dropout.rate;
    int64_t count = piece_count(p, l), first = p->first * backward_count(l->layer);
    (void)err;
    fast_dropout(key, first, rate, mask, count);
    fast_multiply(backward_input(p, l), mask, output_of(p, l), count);
    return true;
}

static bool dropout_back(const struct backward_piece *p, const struct backward_layer *l,
                         struct c2s_error *err)
{
    float *d = gradient_of(p, l);
    (void)err;
    fast_multiply(d, backward_part(p, BACKWARD_EXTRA, l->index), d, piece_count(p, l));
    settle_map(p, l);
    return true;
}

static bool max_pool_forward(const struct backward_piece *p, const struct backward_layer *l,
                             struct c2s_error *err)
{
    (void)err;
    fast_max_pool(&l->pool, p->b->piece, backward_input(p, l), output_of(p, l),
                  (uint16_t *)backward_part(p, BACKWARD_EXTRA, l->index));
    return true;
}

static bool max_pool_back(const struct backward_piece *p, const struct backward_layer *l,
                          struct c2s_error *err)
{
    float *dx = backward_target(p, l);
    (void)err;
    fast_max_pool_backward(&l->pool, p->b->piece, gradient_of(p, l),
                           (const uint16_t *)backward_part(p, BACKWARD_EXTRA, l->index), dx);
    backward_settle(p, l, dx);
    return true;
}

static bool average_pool_forward(const struct backward_piece *p, const struct backward_layer *l,
                                 struct c2s_error *err)
{
    (void)err;
    fast_average_pool(&l->pool, p->b->piece, backward_input(p, l), output_of(p, l));
    return true;
}

static bool average_pool_back(const struct backward_piece *p, const struct backward_layer *l,
                              struct c2s_error *err)
{
    float *dx = backward_target(p, l);
    (void)err;
    fast_average_pool_backward(&l->pool, p->b->piece, gradient_of(p, l), dx);
    backward_settle(p, l, dx);
    return true;
}

const struct backward_kind backward_same = {.backward = same_back, .is_map = true};
const struct backward_kind backward_relu = {
    .forward = map_forward, .backward = relu_back, .needs_output = true, .is_map = true};
const struct backward_kind backward_clipped_relu = {
    .forward = map_forward, .backward = odd_relu_back, .needs_input = true, .is_map = true};
const struct backward_kind backward_odd_relu = {
    .forward = ref_run, .backward = odd_relu_back, .needs_input = true, .is_map = true};
const struct backward_kind backward_quantized = {
    .forward = map_forward, .backward = quantized_back, .needs_input = true, .is_map = true};
const struct backward_kind backward_trained = {
    .forward = trained_forward, .backward = trained_back, .needs_input = true, .is_map = true};
const struct backward_kind backward_function = {
    .forward = function_forward, .backward = function_back, .needs_output = true, .is_map = true};
const struct backward_kind backward_axis = {
    .forward = ref_run, .backward = axis_back, .needs_output = true, .is_map = true};
const struct backward_kind backward_frozen_norm = {
    .forward = map_forward, .backward = frozen_norm_back, .is_map = true};
const struct backward_kind backward_rescaling = {
    .forward = map_forward, .backward = rescaling_back, .is_map = true};
const struct backward_kind backward_dropout = {
    .forward = dropout_forward, .backward = dropout_back, .is_map = true};
const struct backward_kind backward_max_pool = {.forward = max_pool_forward,
                                                .backward = max_pool_back};
const struct backward_kind backward_average_pool = {.forward = average_pool_forward,
                                                    .backward = average_pool_back};
