/* What kinds of layer there are and what parameters each holds: the op table of ops.def. */
#ifndef C2S_OP_H
#define C2S_OP_H

#include <c2s/error.h>

/* Roles of parameter tensors, with the tail of their Keras weight name. THRESHOLD and STEP are the
 * two trainable scalars of cnn2snn 1.8's QuantizedReLU (STEP is stored as in the file: step width =
 * 16 * STEP / 2^bitwidth). WEIGHT_THRESHOLD belongs to the TrainableStdWeightQuantizer of the main
 * kernel, DEPTHWISE_THRESHOLD to that of a separable layer's depthwise kernel. */
#define C2S_ROLES(X)                                                                               \
    X(KERNEL, "kernel")                                                                            \
    X(DEPTHWISE_KERNEL, "depthwise_kernel")                                                        \
    X(POINTWISE_KERNEL, "pointwise_kernel")                                                        \
    X(BIAS, "bias")                                                                                \
    X(GAMMA, "gamma")                                                                              \
    X(BETA, "beta")                                                                                \
    X(MOVING_MEAN, "moving_mean")                                                                  \
    X(MOVING_VARIANCE, "moving_variance")                                                          \
    X(ALPHA, "alpha")                                                                              \
    X(THRESHOLD, "threshold")                                                                      \
    X(STEP, "step")                                                                                \
    X(WEIGHT_THRESHOLD, "weight_threshold")                                                        \
    X(DEPTHWISE_THRESHOLD, "depthwise_threshold")

enum c2s_role {
#define X(id, text) C2S_##id,
    C2S_ROLES(X)
#undef X
        C2S_ROLE_COUNT
};

enum c2s_family {
    C2S_FAMILY_INPUT,
    C2S_FAMILY_NEURAL,
    C2S_FAMILY_NORMALIZATION,
    C2S_FAMILY_ACTIVATION,
    C2S_FAMILY_POOL,
    C2S_FAMILY_SHAPE,
    C2S_FAMILY_TRAINING,
    C2S_FAMILY_SCALING,
    C2S_FAMILY_MERGE,
    C2S_FAMILY_OTHER
};

enum c2s_op {
#define X(id, keras, family, quantized, roles) C2S_OP_##id,
#include <c2s/ops.def>
#undef X
    C2S_OP_COUNT
};

struct c2s_op_info {
    const char *id;              /* "CONV2D" */
    const char *keras_class;     /* "Conv2D" */
    const char *quantized_class; /* "QuantizedConv2D", or NULL */
    enum c2s_family family;
    unsigned roles; /* bit (1 << role) set for each role the op may hold */
};

const struct c2s_op_info *c2s_op_info(enum c2s_op op); /* borrowed, never NULL */
const char *c2s_role_name(enum c2s_role role);         /* "kernel" */

/* The op of a Keras or cnn2snn class name, aliases included (MaxPool2D, Convolution2D,
 * BatchNormalizationV1, QuantizedConv2D, ...). *is_quantized tells a cnn2snn class of a neural
 * layer; may be NULL. C2S_OP_UNKNOWN when there is none. */
enum c2s_op c2s_op_from_class(const char *class_name, bool *is_quantized);

#endif
