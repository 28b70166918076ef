/* How each layer is trained: the kind it is of, and what it keeps. */
#include <math.h>

#include "base/alloc.h"
#include "engine/dnnl_backward.h"

static const struct backward_kind convolution = {.forward = backward_convolution_forward,
                                                 .backward = backward_convolution_back};
static const struct backward_kind dense = {.forward = backward_dense_forward,
                                           .backward = backward_dense_back};

/* Whether the gradient follows from the output; see ref_train_elementwise.c on what it is at kinks.
 */
static bool is_plain_relu(const struct fast_map *map)
{
    bool has_top = map->top != INFINITY;
    return map->kind == FAST_RELU && map->slope >= 0.0f && (!has_top || map->top == 6.0f) &&
           (!has_top || map->slope == 0.0f);
}

static const struct backward_kind *activation_kind(const struct backward_layer *l)
{
    const struct c2s_layer *layer = l->layer;
    switch (layer->op) {
    case C2S_OP_RELU:
    case C2S_OP_LEAKY_RELU:
        if (l->map.kind != FAST_RELU)
            return &backward_odd_relu;
        return is_plain_relu(&l->map) ? &backward_relu : &backward_clipped_relu;
    case C2S_OP_SOFTMAX:
        return engine_axis(layer->attr.softmax.axis, layer->rank + 1) == layer->rank
                   ? &backward_function
                   : &backward_axis;
    case C2S_OP_ACTIVATION:
        return is_plain_relu(&l->map) ? &backward_relu : &backward_function;
    default:
        return layer->op == C2S_OP_QUANTIZED_RELU &&
                       layer->attr.quantized_relu.kind == C2S_RELU_TRAINED
                   ? &backward_trained
                   : &backward_quantized;
    }
}

static const struct backward_kind *kind_of(const struct backward_layer *l)
{
    switch (l->layer->op) {
    case C2S_OP_INPUT:
    case C2S_OP_FLATTEN:
    case C2S_OP_RESHAPE:
        return &backward_same;
    case C2S_OP_CONV2D:
    case C2S_OP_DEPTHWISE_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
        return &convolution;
    case C2S_OP_DENSE:
        return &dense;
    case C2S_OP_BATCH_NORM:
        return l->is_waiting ? &backward_norm : &backward_frozen_norm;
    case C2S_OP_MAX_POOL:
        return &backward_max_pool;
    case C2S_OP_AVERAGE_POOL:
    case C2S_OP_GLOBAL_AVERAGE_POOL:
        return &backward_average_pool;
    case C2S_OP_DROPOUT:
        return &backward_dropout;
    case C2S_OP_RESCALING:
        return &backward_rescaling;
    case C2S_OP_ADD:
        return &backward_add;
    case C2S_OP_CONCATENATE:
        return &backward_concatenate;
    case C2S_OP_ZERO_PADDING:
        return &backward_padding;
    case C2S_OP_UPSAMPLING:
        return &backward_upsampling;
    default:
        return activation_kind(l);
    }
}

static void init_pool(const struct backward *b, struct backward_layer *l)
{
    const struct c2s_layer *layer = l->layer, *in = b->model->layers[layer->inputs[0]];
    const struct c2s_pool_attr *a = &layer->attr.pool;
    bool is_global = layer->op == C2S_OP_GLOBAL_AVERAGE_POOL;
    l->pool.channels = in->dims[2];
    for (int i = 0; i < 2; i++) {
        l->pool.in[i] = in->dims[i];
        l->pool.size[i] = is_global ? (int)in->dims[i] : a->size[i];
        l->pool.strides[i] = is_global ? 1 : a->strides[i];
        l->pool.out[i] = c2s_window_length(in->dims[i], l->pool.size[i], l->pool.strides[i], 1,
                                           is_global ? C2S_VALID : a->padding, &l->pool.front[i]);
    }
    if (layer->op == C2S_OP_MAX_POOL) /* places of 16 bits */
        l->extra = (backward_count(layer) + 1) / 2;
}

static int64_t channels_of(const struct c2s_layer *l)
{
    return l->rank > 0 ? l->dims[l->rank - 1] : 1;
}

static bool init_neural(struct backward *b, struct backward_layer *l, struct c2s_error *err)
{
    const struct c2s_layer *layer = l->layer;
    l->n_sums = (size_t)channels_of(layer);
    if (layer->op == C2S_OP_SEPARABLE_CONV2D)
        l->extra = layer->dims[0] * layer->dims[1] * layer->attr.conv.depth_multiplier *
                   b->model->layers[layer->inputs[0]]->dims[2];
    switch (layer->op) {
    case C2S_OP_SEPARABLE_CONV2D:
        return backward_kernel_init(b, l, C2S_DEPTHWISE_KERNEL, err) &&
               backward_kernel_init(b, l, C2S_POINTWISE_KERNEL, err);
    case C2S_OP_DEPTHWISE_CONV2D:
        return backward_kernel_init(b, l, C2S_DEPTHWISE_KERNEL, err);
    default:
        return backward_kernel_init(b, l, C2S_KERNEL, err);
    }
}

bool backward_layer_init(struct backward *b, struct backward_layer *l, struct c2s_error *err)
{
    enum c2s_family family = c2s_op_info(l->layer->op)->family;
    l->is_waiting = l->layer->op == C2S_OP_BATCH_NORM && gradient_uses_batch(b->base, l->index);
    if (!l->is_waiting && family != C2S_FAMILY_NEURAL && !fast_map_init(&l->map, l->layer, err))
        return false;
    l->kind = kind_of(l);
    bool ok = true;
    if (family == C2S_FAMILY_NEURAL)
        ok = init_neural(b, l, err);
    else if (family == C2S_FAMILY_POOL)
        init_pool(b, l);
    else if (l->kind == &backward_dropout)
        l->extra = backward_count(l->layer);
    else if (l->kind == &backward_trained)
        l->n_sums = 2;
    else if (l->is_waiting)
        ok = backward_norm_init(l, err);
    if (l->is_waiting)
        l->n_sums = 4 * (size_t)channels_of(l->layer);
    l->first_sum = b->n_doubles;
    b->n_doubles += l->n_sums;
    return ok;
}

void backward_layer_finish(struct backward_layer *l)
{
    backward_neural_finish(l);
    fast_map_finish(&l->map);
    c2s_free(l->numbers);
}

static bool trains_kernel(const struct backward_layer *l)
{
    for (int k = 0; k < l->n_kernels; k++)
        if (l->kernels[k]->is_trained)
            return true;
    return false;
}

bool backward_needs_input(const struct backward_layer *l)
{
    return l->has_gradient && (l->kind->needs_input || trains_kernel(l));
}

bool backward_needs_output(const struct backward_layer *l)
{
    bool is_neural = l->n_kernels > 0;
    return l->has_gradient &&
           (l->kind->needs_output || (is_neural && c2s_layer_function(l->layer) != C2S_FN_LINEAR));
}

bool backward_is_late(const struct backward_layer *l)
{
    return l->n_kernels > 0 && l->kernels[0]->is_late && l->kernels[0]->is_trained;
}

float *backward_gradient_of(const struct backward *b, int layer, enum c2s_role role)
{
    int slot = b->base->slots[layer * C2S_ROLE_COUNT + role];
    return slot < 0 ? NULL : c2s_f32(b->base->parameters[slot].gradient);
}

/* Biases and the two numbers of trained activations: sums over groups, added to the gradients. */
void backward_gather_sums(const struct backward *b)
{
    for (int i = 0; i < b->model->n_layers; i++) {
        const struct backward_layer *l = &b->layers[i];
        for (size_t k = 0; k < l->n_sums && !l->is_waiting && l->has_gradient; k++) {
            double sum = 0;
            for (int g = 0; g < b->n_groups; g++)
                sum += b->doubles[(size_t)g * b->n_doubles + l->first_sum + k];
            bool is_neural = l->n_kernels > 0;
            enum c2s_role role = is_neural ? C2S_BIAS : k ? C2S_STEP : C2S_THRESHOLD;
            float *gradient = backward_gradient_of(b, i, role);
            if (gradient)
                gradient[is_neural ? k : 0] += (float)sum;
        }
    }
}
