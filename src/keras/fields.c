/* The list of attributes: one row for each field of the union in struct c2s_layer. */
#include "keras/fields.h"

static const char *const paddings[] = {"valid", "same", NULL};
static const char *const relu_kinds[] = {"discrete", "ranged", "trained", NULL};
const char *const keras_note_kind_names[] = {"read", "skipped", "assumed", "renamed", NULL};
const char *const keras_dialect_names[] = {"keras", "cnn2snn-1.8", "cnn2snn-2.2", NULL};

#define AT(member) offsetof(struct c2s_layer, attr.member)
#define ROW(op, kind, member)                                                                      \
    {                                                                                              \
        C2S_OP_##op, #member, FIELD_##kind, AT(member), NULL                                       \
    }
#define CHOICE(op, member, names)                                                                  \
    {                                                                                              \
        C2S_OP_##op, #member, FIELD_ENUM, AT(member), names                                        \
    }
#define CONVOLUTION(op)                                                                            \
    ROW(op, INT, conv.filters), ROW(op, PAIR, conv.kernel), ROW(op, PAIR, conv.strides),           \
        ROW(op, PAIR, conv.dilation), ROW(op, INT, conv.groups),                                   \
        ROW(op, INT, conv.depth_multiplier), CHOICE(op, conv.padding, paddings),                   \
        ROW(op, BOOL, conv.use_bias), CHOICE(op, conv.function, c2s_function_names)
#define POOL(op)                                                                                   \
    ROW(op, PAIR, pool.size), ROW(op, PAIR, pool.strides), CHOICE(op, pool.padding, paddings),     \
        ROW(op, BOOL, pool.keepdims)
#define RECTIFIER(op)                                                                              \
    ROW(op, REAL, relu.max_value), ROW(op, REAL, relu.negative_slope), ROW(op, REAL, relu.threshold)
#define QUANTIZED_RELU(op)                                                                         \
    CHOICE(op, quantized_relu.kind, relu_kinds), ROW(op, INT, quantized_relu.bitwidth),            \
        ROW(op, REAL, quantized_relu.max_value)

const struct field keras_fields[] = {
    CONVOLUTION(CONV2D),
    CONVOLUTION(DEPTHWISE_CONV2D),
    CONVOLUTION(SEPARABLE_CONV2D),
    ROW(DENSE, INT, dense.units),
    ROW(DENSE, BOOL, dense.use_bias),
    CHOICE(DENSE, dense.function, c2s_function_names),
    ROW(BATCH_NORM, INT, batch_norm.axis),
    ROW(BATCH_NORM, REAL, batch_norm.epsilon),
    ROW(BATCH_NORM, BOOL, batch_norm.center),
    ROW(BATCH_NORM, BOOL, batch_norm.scale),
    RECTIFIER(RELU),
    RECTIFIER(LEAKY_RELU),
    QUANTIZED_RELU(DISCRETE_RELU),
    QUANTIZED_RELU(QUANTIZED_RELU),
    POOL(MAX_POOL),
    POOL(AVERAGE_POOL),
    POOL(GLOBAL_AVERAGE_POOL),
    CHOICE(ACTIVATION, activation.function, c2s_function_names),
    ROW(SOFTMAX, INT, softmax.axis),
    ROW(CONCATENATE, INT, concatenate.axis),
    ROW(RESHAPE, INT, reshape.rank),
    ROW(RESHAPE, DIMS, reshape.dims),
    ROW(ZERO_PADDING, INT, zero_padding.top),
    ROW(ZERO_PADDING, INT, zero_padding.bottom),
    ROW(ZERO_PADDING, INT, zero_padding.left),
    ROW(ZERO_PADDING, INT, zero_padding.right),
    ROW(UPSAMPLING, PAIR, upsampling.size),
    ROW(UPSAMPLING, BOOL, upsampling.is_bilinear),
    ROW(RESCALING, REAL, rescaling.scale),
    ROW(RESCALING, REAL, rescaling.offset),
    ROW(DROPOUT, REAL, dropout.rate),
    {C2S_OP_COUNT, NULL, FIELD_INT, 0, NULL},
};
