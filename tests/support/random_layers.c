/* Layers with random attributes and parameters. */
#include "random_layers.h"

#include <math.h>

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

void random_param(struct random *r, struct c2s_layer *l, enum c2s_role role, int rank,
                  const int64_t *dims, float low, float high)
{
    c2s_layer_set_param(l, role, random_tensor(r, rank, dims, low, high));
}

enum c2s_function random_function(struct random *r)
{
    static const enum c2s_function choices[] = {C2S_FN_LINEAR,  C2S_FN_LINEAR,  C2S_FN_RELU,
                                                C2S_FN_RELU6,   C2S_FN_SIGMOID, C2S_FN_TANH,
                                                C2S_FN_SOFTMAX, C2S_FN_LINEAR};
    return choices[random_int(r, 0, 7)];
}

void random_window(struct random *r, int *window, int *strides, enum c2s_padding *padding,
                   const int64_t *in)
{
    *padding = random_int(r, 0, 1) ? C2S_SAME : C2S_VALID;
    for (int i = 0; i < 2; i++) {
        int largest = *padding == C2S_SAME || in[i] > 5 ? 5 : (int)in[i];
        window[i] = random_int(r, 1, largest);
        strides[i] = random_int(r, 1, 4);
    }
}

/* Convolution of any of the three kinds on layer `in`, attributes and weights random. */
struct c2s_layer *random_conv(struct random *r, struct c2s_model *m, enum c2s_op op, int in,
                              const int64_t *dims)
{
    struct c2s_layer *l = net_layer(m, op, 1, &in);
    struct c2s_conv_attr *a = &l->attr.conv;
    int64_t c = dims[2];
    random_window(r, a->kernel, a->strides, &a->padding, dims);
    for (int i = 0; i < 2; i++)
        if (a->padding == C2S_SAME || 2 * (a->kernel[i] - 1) + 1 <= dims[i])
            a->dilation[i] = random_int(r, 1, 2);
    a->use_bias = random_int(r, 0, 1);
    a->function = random_function(r);
    a->filters = random_int(r, 1, 3) == 1 ? 16 * random_int(r, 1, 3) : random_int(r, 1, 9);
    if (op == C2S_OP_CONV2D) {
        if (c % 2 == 0 && random_int(r, 0, 1)) {
            a->groups = random_int(r, 0, 1) ? 2 : (int)c;
            a->filters *= a->groups;
        }
        random_param(r, l, C2S_KERNEL, 4,
                     DIMS(a->kernel[0], a->kernel[1], c / a->groups, a->filters), -1, 1);
    } else {
        a->depth_multiplier = random_int(r, 1, 3);
        random_param(r, l, C2S_DEPTHWISE_KERNEL, 4,
                     DIMS(a->kernel[0], a->kernel[1], c, a->depth_multiplier), -1, 1);
    }
    if (op == C2S_OP_SEPARABLE_CONV2D)
        random_param(r, l, C2S_POINTWISE_KERNEL, 4, DIMS(1, 1, c * a->depth_multiplier, a->filters),
                     -1, 1);
    if (op == C2S_OP_DEPTHWISE_CONV2D)
        a->filters = (int)c * a->depth_multiplier;
    if (a->use_bias)
        random_param(r, l, C2S_BIAS, 1, DIMS(a->filters), -1, 1);
    return l;
}

struct c2s_layer *random_batch_norm(struct random *r, struct c2s_model *m, int in, int64_t channels)
{
    struct c2s_layer *l = net_layer(m, C2S_OP_BATCH_NORM, 1, &in);
    l->attr.batch_norm.center = random_int(r, 0, 3) > 0;
    l->attr.batch_norm.scale = random_int(r, 0, 3) > 0;
    if (l->attr.batch_norm.scale)
        random_param(r, l, C2S_GAMMA, 1, &channels, -2, 2);
    if (l->attr.batch_norm.center)
        random_param(r, l, C2S_BETA, 1, &channels, -1, 1);
    random_param(r, l, C2S_MOVING_MEAN, 1, &channels, -1, 1);
    random_param(r, l, C2S_MOVING_VARIANCE, 1, &channels, 0.1f, 3);
    return l;
}

void random_quantized_relu(struct random *r, struct c2s_layer *l)
{
    struct c2s_quantized_relu_attr *a = &l->attr.quantized_relu;
    a->bitwidth = random_int(r, 1, 8);
    a->kind = l->op == C2S_OP_DISCRETE_RELU ? C2S_RELU_DISCRETE
              : random_int(r, 0, 1)         ? C2S_RELU_RANGED
                                            : C2S_RELU_TRAINED;
    a->max_value = random_int(r, 0, 1) ? INFINITY : random_real(r, 0.5f, 3);
    if (a->kind == C2S_RELU_TRAINED) {
        random_param(r, l, C2S_STEP, 0, NULL, 0.01f, 0.2f);
        random_param(r, l, C2S_THRESHOLD, 0, NULL, -0.1f, 0.3f);
    }
}

void random_elementwise(struct random *r, struct c2s_model *m, enum c2s_op op, int in,
                        const int64_t *dims, int rank)
{
    if (op == C2S_OP_BATCH_NORM) {
        random_batch_norm(r, m, in, dims[rank - 1]);
        return;
    }
    struct c2s_layer *l = net_layer(m, op, 1, &in);
    if (op == C2S_OP_RELU) {
        l->attr.relu.max_value = random_int(r, 0, 1) ? 1.5f : INFINITY;
        l->attr.relu.negative_slope = random_int(r, 0, 1) ? 0.1f : 0;
        l->attr.relu.threshold = random_int(r, 0, 2) ? 0 : 0.5f;
    } else if (op == C2S_OP_PRELU) {
        int64_t shared[3] = {1, random_int(r, 0, 1) ? 1 : dims[1], dims[2]};
        random_param(r, l, C2S_ALPHA, rank, shared, -1, 1);
    } else if (op == C2S_OP_ACTIVATION) {
        l->attr.activation.function = random_function(r);
    } else if (op == C2S_OP_RESCALING) {
        l->attr.rescaling.scale = random_real(r, -2, 2);
        l->attr.rescaling.offset = random_real(r, -1, 1);
    } else if (op == C2S_OP_SOFTMAX) {
        l->attr.softmax.axis = random_int(r, 1, 3);
    } else if (op == C2S_OP_UPSAMPLING) {
        l->attr.upsampling.size[0] = random_int(r, 1, 3);
        l->attr.upsampling.is_bilinear = random_int(r, 0, 1);
    } else if (op == C2S_OP_ZERO_PADDING) {
        l->attr.zero_padding.top = random_int(r, 0, 2);
        l->attr.zero_padding.right = random_int(r, 0, 2);
    } else if (op != C2S_OP_LEAKY_RELU) {
        random_quantized_relu(r, l);
    }
}
