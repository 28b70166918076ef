/* One node of a model: its op, attributes, parameters and the layers it reads from. */
#ifndef C2S_LAYER_H
#define C2S_LAYER_H

#include <c2s/op.h>
#include <c2s/tensor.h>

enum c2s_padding { C2S_VALID, C2S_SAME };

enum c2s_function { /* of Activation layers and inlined activations */
                    C2S_FN_LINEAR,
                    C2S_FN_RELU,
                    C2S_FN_RELU6,
                    C2S_FN_SOFTMAX,
                    C2S_FN_SIGMOID,
                    C2S_FN_TANH,
                    C2S_FN_OTHER /* known to be there, not computed: its name is in the layer's
                                    config */
};
/* By that number, NULL behind the last: Keras's names, and "other". */
extern const char *const c2s_function_names[];

/* Pairs are {vertical, horizontal}: {KH, KW}, {stride_h, stride_w}. */
struct c2s_conv_attr { /* CONV2D, DEPTHWISE_CONV2D, SEPARABLE_CONV2D */
    int filters;       /* output channels; DEPTHWISE: C * depth_multiplier */
    int kernel[2], strides[2], dilation[2];
    int groups;           /* 1 = ordinary */
    int depth_multiplier; /* 1 for CONV2D */
    enum c2s_padding padding;
    bool use_bias;
    enum c2s_function function; /* inlined activation; LINEAR = none */
};
struct c2s_dense_attr {
    int units;
    bool use_bias;
    enum c2s_function function;
};
struct c2s_batch_norm_attr {
    int axis; /* counted with the batch axis, as Keras does; -1 = last */
    float epsilon;
    bool center, scale; /* false: no BETA, no GAMMA */
};
struct c2s_relu_attr { /* RELU, LEAKY_RELU (only negative_slope) */
    float max_value;   /* INFINITY = none */
    float negative_slope, threshold;
};
enum c2s_quantized_relu_kind {
    C2S_RELU_DISCRETE, /* ActivationDiscreteRelu: step = min(2^bits - 1, 6) / (2^bits - 1) */
    C2S_RELU_RANGED,   /* cnn2snn 2.2 QuantizedReLU: step = max_value / (2^bits - 1) */
    C2S_RELU_TRAINED   /* cnn2snn 1.8 QuantizedReLU: parameters THRESHOLD and STEP */
};
struct c2s_quantized_relu_attr { /* DISCRETE_RELU, QUANTIZED_RELU */
    enum c2s_quantized_relu_kind kind;
    int bitwidth;    /* 1..8 */
    float max_value; /* RANGED only; INFINITY = none, which means 2^bitwidth - 1 */
};
struct c2s_pool_attr { /* MAX_POOL, AVERAGE_POOL, GLOBAL_AVERAGE_POOL (keepdims only) */
    int size[2], strides[2];
    enum c2s_padding padding;
    bool keepdims;
};

/* A weight quantizer as named in the file; the arithmetic is in quantizer.h. */
enum c2s_quantizer_id {
    C2S_QUANTIZER_NONE, /* float weights */
    C2S_QUANTIZER_MAX,
    C2S_QUANTIZER_MAX_PER_AXIS,
    C2S_QUANTIZER_STD,
    C2S_QUANTIZER_STD_PER_AXIS,
    C2S_QUANTIZER_TRAINABLE_STD, /* threshold in a parameter: c2s_threshold_role */
    C2S_QUANTIZER_COUNT
};
struct c2s_quantizer_spec {
    enum c2s_quantizer_id id;
    int bitwidth;    /* 2..8, sign included; 0 when id is NONE */
    float threshold; /* STD kinds: multiples of the standard deviation */
    bool is_limited; /* scale factors stop at 1000, as in cnn2snn 2.2; in 1.8 they have no limit */
};

struct c2s_layer {
    enum c2s_op op;
    char *name;       /* owned; unique in the model; "outer/inner" when it came from a submodel */
    char *class_name; /* owned; as in the file: "SeparableConv2D", "QuantizedDense", "Lambda" */
    char *config;     /* owned; the layer's Keras config as JSON text, or NULL when made by us */
    int *inputs;      /* owned; indices into model->layers, all smaller than this layer's own */
    int n_inputs;
    union { /* which member is valid follows from op */
        struct c2s_conv_attr conv;
        struct c2s_dense_attr dense;
        struct c2s_batch_norm_attr batch_norm;
        struct c2s_relu_attr relu;
        struct c2s_quantized_relu_attr quantized_relu;
        struct c2s_pool_attr pool;
        struct {
            enum c2s_function function;
        } activation;
        struct {
            int axis;
        } softmax, concatenate; /* -1 = last; counted with the batch axis */
        struct {
            int rank; /* without batch; one dimension may be -1 */
            int64_t dims[C2S_MAX_RANK];
        } reshape;
        struct {
            int top, bottom, left, right;
        } zero_padding;
        struct {
            int size[2];
            bool is_bilinear;
        } upsampling;
        struct {
            float scale, offset; /* y = x * scale + offset */
        } rescaling;
        struct {
            float rate;
        } dropout;
    } attr;
    struct c2s_tensor *params[C2S_ROLE_COUNT]; /* float32, shared; NULL = the layer has none */
    struct c2s_quantizer_spec quantizer;       /* of KERNEL or POINTWISE_KERNEL */
    struct c2s_quantizer_spec quantizer_dw;    /* of DEPTHWISE_KERNEL */
    int rank;                                  /* output shape without the batch axis */
    int64_t dims[C2S_MAX_RANK];                /* set by c2s_model_infer_shapes; -1 = unknown */
};

/* New layer with that op, a copy of the name, the op's Keras class, no inputs, attributes zero
 * except those Keras defaults to something else (strides, dilation, groups, depth_multiplier 1,
 * RELU max_value INFINITY, batch_norm axis -1, center and scale true, softmax axis -1). */
struct c2s_layer *c2s_layer_create(enum c2s_op op, const char *name,
                                   struct c2s_error *err) C2S_MUST_CHECK;
/* New copy; tensors are shared. NULL on NOMEM. */
struct c2s_layer *c2s_layer_clone(const struct c2s_layer *l, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_layer_destroy(struct c2s_layer *l); /* accepts NULL */

/* Appends to inputs. Fails: NOMEM. */
bool c2s_layer_add_input(struct c2s_layer *l, int index, struct c2s_error *err) C2S_MUST_CHECK;
/* Replaces a parameter; value is taken. */
void c2s_layer_set_param(struct c2s_layer *l, enum c2s_role role, struct c2s_tensor *value);
/* Gives a neural layer that bias, which it uses from now on; value is taken. */
void c2s_layer_set_bias(struct c2s_layer *l, struct c2s_tensor *value);
/* Replaces an owned text by a copy; NULL empties it. Fails: NOMEM, the old text stays. */
bool c2s_layer_set_text(char **field, const char *text, struct c2s_error *err) C2S_MUST_CHECK;

/* The Keras config says data_format 'channels_first': the layer is UNKNOWN then. */
bool c2s_layer_is_channels_first(const struct c2s_layer *l);
bool c2s_layer_is_neural(const struct c2s_layer *l);
/* CONV2D, SEPARABLE_CONV2D or DENSE: what quantize gives integer weights and an Akida layer starts
 * with. */
bool c2s_layer_is_akida_neural(const struct c2s_layer *l);
/* The function that an ACTIVATION or SOFTMAX layer applies, or that a neural layer applies to its
 * own sums; LINEAR for every other op. */
enum c2s_function c2s_layer_function(const struct c2s_layer *l);
/* A neural layer whose weights are quantized (any kernel has a quantizer). */
bool c2s_layer_is_quantized(const struct c2s_layer *l);
/* DISCRETE_RELU or QUANTIZED_RELU. */
bool c2s_layer_is_quantized_activation(const struct c2s_layer *l);
/* RELU or a quantized activation: what an Akida layer can end with. */
bool c2s_layer_is_akida_activation(const struct c2s_layer *l);
/* Bits of weights, or of a quantized activation; 0 = float or none. */
int c2s_layer_weight_bits(const struct c2s_layer *l);
int c2s_layer_activation_bits(const struct c2s_layer *l);
/* The role whose last axis are the output channels: KERNEL or POINTWISE_KERNEL, whichever the layer
 * has, else DEPTHWISE_KERNEL; and the parameter of that role, borrowed, NULL = none. */
enum c2s_role c2s_layer_main_role(const struct c2s_layer *l);
struct c2s_tensor *c2s_layer_main_kernel(const struct c2s_layer *l);
int64_t c2s_layer_n_params(const struct c2s_layer *l); /* elements over all parameters */

/* Step width and threshold of a quantized activation, in units of its float input.
 * out = step * clip(ceil((x - threshold) / step), 0, 2^bits - 1).
 * float32 arithmetic; source: cnn2snn 1.8.13 and 2.2.6 quantization_layers.py. */
void c2s_layer_activation_step(const struct c2s_layer *l, float *step, float *threshold);

#endif
