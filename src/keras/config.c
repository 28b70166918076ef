/* One layer's Keras config, of any release, as attributes of a layer. What cannot be computed as
 * the file means it is refused here, so that no number is silently wrong. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "keras/keras.h"

#define MAX_SIZE (1 << 24) /* of any length, count or size in a config */

struct parse {
    const struct c2s_json *config;
    char *why;
    size_t size;
    bool ok;
};

static void C2S_PRINTF(2, 3) refuse(struct parse *p, const char *fmt, ...)
{
    if (!p->ok)
        return;
    p->ok = false;
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->why, p->size, fmt, args);
    va_end(args);
}

/* NumPy values: Keras 2.0 to 2.1 wrote {"type": "ndarray", "value": 0.3}, Keras 2.12
 * {"class_name": "__numpy__", "config": {"value": 0.3}}. */
static const struct c2s_json *unwrap(const struct c2s_json *v)
{
    const struct c2s_json *inner = c2s_json_get(v, "value");
    if (strcmp(c2s_json_text(c2s_json_get(v, "class_name"), ""), "__numpy__") == 0)
        inner = c2s_json_get(c2s_json_get(v, "config"), "value");
    return c2s_json_kind(v) == C2S_JSON_OBJECT && inner ? inner : v;
}

static const struct c2s_json *get(const struct parse *p, const char *key)
{
    return unwrap(c2s_json_get(p->config, key));
}

static bool is_absent(const struct c2s_json *v)
{
    return c2s_json_kind(v) == C2S_JSON_ABSENT || c2s_json_kind(v) == C2S_JSON_NULL;
}

static int as_int(struct parse *p, const char *key, const struct c2s_json *v, int lowest)
{
    int64_t value = c2s_json_integer(v, INT64_MIN);
    if (value < lowest || value > MAX_SIZE) {
        refuse(p, "its %s is not a number of %d or more", key, lowest);
        return lowest;
    }
    return (int)value;
}

static int get_int(struct parse *p, const char *key, int fallback, int lowest)
{
    const struct c2s_json *v = get(p, key);
    return is_absent(v) ? fallback : as_int(p, key, v, lowest);
}

/* A count that must be there. */
static int need_int(struct parse *p, const char *key)
{
    if (is_absent(get(p, key)))
        refuse(p, "it has no %s", key);
    return get_int(p, key, 1, 1);
}

/* 3 or [3, 3]; out keeps its values when the key is absent. */
static void get_pair(struct parse *p, const char *key, int out[2])
{
    const struct c2s_json *v = get(p, key);
    if (is_absent(v))
        return;
    size_t n = c2s_json_size(v);
    if (c2s_json_kind(v) == C2S_JSON_ARRAY && n != 1 && n != 2)
        refuse(p, "its %s has %zu values", key, n);
    for (size_t i = 0; i < 2; i++)
        out[i] = as_int(p, key,
                        c2s_json_kind(v) == C2S_JSON_ARRAY ? c2s_json_at(v, n == 1 ? 0 : i) : v, 1);
}

static float get_real(struct parse *p, const char *key, float fallback)
{
    const struct c2s_json *v = get(p, key);
    if (c2s_json_kind(v) == C2S_JSON_ARRAY && c2s_json_size(v) == 1)
        v = c2s_json_at(v, 0);
    if (is_absent(v))
        return fallback;
    if (!c2s_json_is_number(v))
        refuse(p, "its %s is not one number", key);
    return (float)c2s_json_real(v, (double)fallback);
}

static bool get_bool(const struct parse *p, const char *key, bool fallback)
{
    return c2s_json_bool(get(p, key), fallback);
}

static enum c2s_padding get_padding(struct parse *p)
{
    const char *text = c2s_json_text(get(p, "padding"), "valid");
    if (strcmp(text, "same") == 0)
        return C2S_SAME;
    if (strcmp(text, "valid") != 0)
        refuse(p, "its padding is '%s'", text);
    return C2S_VALID;
}

static void need_channels_last(struct parse *p)
{
    const char *text = c2s_json_text(get(p, "data_format"), "channels_last");
    if (strcmp(text, "channels_last") != 0)
        refuse(p, "its data format is %s", text);
}

/* "relu", null, or Keras 3's {"class_name": "function", "config": "relu"}. */
static enum c2s_function get_function(const struct parse *p)
{
    const struct c2s_json *v = c2s_json_get(p->config, "activation");
    if (is_absent(v))
        return C2S_FN_LINEAR;
    const char *name = c2s_json_text(v, NULL);
    if (!name && strcmp(c2s_json_text(c2s_json_get(v, "class_name"), ""), "function") == 0)
        name = c2s_json_text(c2s_json_get(v, "config"), NULL);
    for (int f = 0; name && f < C2S_FN_OTHER; f++)
        if (strcmp(name, c2s_function_names[f]) == 0)
            return (enum c2s_function)f;
    return C2S_FN_OTHER;
}

static void configure_conv(struct parse *p, struct c2s_layer *l)
{
    struct c2s_conv_attr *a = &l->attr.conv;
    bool is_depthwise = l->op == C2S_OP_DEPTHWISE_CONV2D;
    need_channels_last(p);
    a->filters = is_depthwise ? 0 : need_int(p, "filters"); /* depthwise: from the input */
    if (is_absent(get(p, "kernel_size")))
        refuse(p, "it has no kernel_size");
    get_pair(p, "kernel_size", a->kernel);
    get_pair(p, "strides", a->strides);
    get_pair(p, "dilation_rate", a->dilation);
    a->groups = get_int(p, "groups", 1, 1);
    if (l->op != C2S_OP_CONV2D) {
        if (a->groups != 1)
            refuse(p, "it has %d groups", a->groups);
        a->depth_multiplier = get_int(p, "depth_multiplier", 1, 1);
    }
    a->padding = get_padding(p);
    a->use_bias = get_bool(p, "use_bias", true);
    a->function = get_function(p);
}

static void configure_dense(struct parse *p, struct c2s_layer *l)
{
    l->attr.dense.units = need_int(p, "units");
    l->attr.dense.use_bias = get_bool(p, "use_bias", true);
    l->attr.dense.function = get_function(p);
}

static void configure_batch_norm(struct parse *p, struct c2s_layer *l)
{
    struct c2s_batch_norm_attr *a = &l->attr.batch_norm;
    const struct c2s_json *axis = get(p, "axis");
    if (c2s_json_kind(axis) == C2S_JSON_ARRAY) {
        if (c2s_json_size(axis) != 1)
            refuse(p, "it normalizes over several axes");
        axis = c2s_json_at(axis, 0);
    }
    int64_t value = c2s_json_integer(axis, -1);
    if (value < -C2S_MAX_RANK || value > C2S_MAX_RANK)
        refuse(p, "its axis is out of range");
    a->axis = p->ok ? (int)value : -1;
    a->epsilon = get_real(p, "epsilon", 0.001f);
    a->center = get_bool(p, "center", true);
    a->scale = get_bool(p, "scale", true);
}

static void configure_relu(struct parse *p, struct c2s_layer *l)
{
    l->attr.relu.max_value = get_real(p, "max_value", INFINITY);
    l->attr.relu.negative_slope = get_real(p, "negative_slope", 0);
    l->attr.relu.threshold = get_real(p, "threshold", 0);
    if (l->attr.relu.max_value < 0)
        refuse(p, "its max_value is negative");
}

static void configure_leaky_relu(struct parse *p, struct c2s_layer *l)
{
    const char *key = get(p, "alpha") ? "alpha" : "negative_slope"; /* Keras 2, Keras 3 */
    l->attr.relu.negative_slope = get_real(p, key, 0.3f);
}

static void configure_quantized_relu(struct parse *p, struct c2s_layer *l)
{
    struct c2s_quantized_relu_attr *a = &l->attr.quantized_relu;
    if (get(p, "quant_config") || get(p, "quantizer"))
        refuse(p, "it was quantized for Akida 2 by quantizeml; load the float model");
    a->bitwidth = get_int(p, "bitwidth", 1, 1);
    if (a->bitwidth > 8)
        refuse(p, "its bitwidth is %d", a->bitwidth);
    /* One class name, two meanings: release 2.2 has a max_value, 1.8 has trained weights. */
    if (l->op == C2S_OP_DISCRETE_RELU)
        a->kind = C2S_RELU_DISCRETE;
    else
        a->kind = get(p, "max_value") ? C2S_RELU_RANGED : C2S_RELU_TRAINED;
    a->max_value = a->kind == C2S_RELU_RANGED ? get_real(p, "max_value", INFINITY) : INFINITY;
    if (!(a->max_value > 0))
        refuse(p, "its max_value is not above 0");
}

static void configure_pool(struct parse *p, struct c2s_layer *l)
{
    struct c2s_pool_attr *a = &l->attr.pool;
    need_channels_last(p);
    if (l->op == C2S_OP_GLOBAL_AVERAGE_POOL) {
        a->keepdims = get_bool(p, "keepdims", false);
        return;
    }
    a->size[0] = a->size[1] = 2;
    get_pair(p, "pool_size", a->size);
    memcpy(a->strides, a->size, sizeof a->strides);
    get_pair(p, "strides", a->strides);
    a->padding = get_padding(p);
}

static void configure_reshape(struct parse *p, struct c2s_layer *l)
{
    const struct c2s_json *shape = get(p, "target_shape");
    size_t n = c2s_json_size(shape);
    if (c2s_json_kind(shape) != C2S_JSON_ARRAY || n >= C2S_MAX_RANK) {
        refuse(p, "its target_shape is not a list of a few numbers");
        return;
    }
    l->attr.reshape.rank = (int)n;
    for (size_t i = 0; i < n; i++) {
        int64_t length = c2s_json_integer(c2s_json_at(shape, i), -2);
        l->attr.reshape.dims[i] = length;
        if (length < -1 || length == 0 || length > MAX_SIZE)
            refuse(p, "its target_shape is not a list of a few numbers");
    }
}

/* 1, [1, 2] or [[top, bottom], [left, right]]. */
static void configure_zero_padding(struct parse *p, struct c2s_layer *l)
{
    const struct c2s_json *padding = get(p, "padding");
    int sides[4] = {1, 1, 1, 1};
    need_channels_last(p);
    for (size_t i = 0; padding && i < 4; i++) {
        const struct c2s_json *axis =
            c2s_json_kind(padding) == C2S_JSON_ARRAY ? c2s_json_at(padding, i / 2) : padding;
        sides[i] =
            as_int(p, "padding",
                   c2s_json_kind(axis) == C2S_JSON_ARRAY ? c2s_json_at(axis, i % 2) : axis, 0);
    }
    l->attr.zero_padding.top = sides[0];
    l->attr.zero_padding.bottom = sides[1];
    l->attr.zero_padding.left = sides[2];
    l->attr.zero_padding.right = sides[3];
}

static void configure_upsampling(struct parse *p, struct c2s_layer *l)
{
    const char *how = c2s_json_text(get(p, "interpolation"), "nearest");
    need_channels_last(p);
    get_pair(p, "size", l->attr.upsampling.size);
    l->attr.upsampling.is_bilinear = strcmp(how, "bilinear") == 0;
    if (!l->attr.upsampling.is_bilinear && strcmp(how, "nearest") != 0)
        refuse(p, "its interpolation is '%s'", how);
}

static int get_axis(struct parse *p)
{
    const struct c2s_json *axis = get(p, "axis");
    if (c2s_json_kind(axis) == C2S_JSON_ARRAY && c2s_json_size(axis) == 1)
        axis = c2s_json_at(axis, 0);
    int64_t value = c2s_json_integer(axis, -1);
    if (c2s_json_kind(axis) == C2S_JSON_ARRAY || value < -C2S_MAX_RANK || value > C2S_MAX_RANK ||
        value == 0)
        refuse(p, "its axis is not one of the axes behind the batch axis");
    return p->ok ? (int)value : -1;
}

static void configure_attributes(struct parse *p, struct c2s_layer *l)
{
    switch (l->op) {
    case C2S_OP_CONV2D:
    case C2S_OP_DEPTHWISE_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
        configure_conv(p, l);
        break;
    case C2S_OP_DENSE:
        configure_dense(p, l);
        break;
    case C2S_OP_BATCH_NORM:
        configure_batch_norm(p, l);
        break;
    case C2S_OP_RELU:
        configure_relu(p, l);
        break;
    case C2S_OP_LEAKY_RELU:
        configure_leaky_relu(p, l);
        break;
    case C2S_OP_DISCRETE_RELU:
    case C2S_OP_QUANTIZED_RELU:
        configure_quantized_relu(p, l);
        break;
    case C2S_OP_ACTIVATION:
        l->attr.activation.function = get_function(p);
        break;
    case C2S_OP_MAX_POOL:
    case C2S_OP_AVERAGE_POOL:
    case C2S_OP_GLOBAL_AVERAGE_POOL:
        configure_pool(p, l);
        break;
    case C2S_OP_FLATTEN:
        need_channels_last(p);
        break;
    case C2S_OP_RESHAPE:
        configure_reshape(p, l);
        break;
    case C2S_OP_DROPOUT:
        l->attr.dropout.rate = get_real(p, "rate", 0);
        break;
    case C2S_OP_ZERO_PADDING:
        configure_zero_padding(p, l);
        break;
    case C2S_OP_UPSAMPLING:
        configure_upsampling(p, l);
        break;
    case C2S_OP_RESCALING:
        l->attr.rescaling.scale = get_real(p, "scale", 1);
        l->attr.rescaling.offset = get_real(p, "offset", 0);
        break;
    case C2S_OP_SOFTMAX:
    case C2S_OP_CONCATENATE:
        l->attr.softmax.axis = get_axis(p);
        break;
    default:
        break;
    }
}

/* Keras 3's own quantization keeps whole numbers and scales of its own. */
static void refuse_quantized_policy(struct parse *p)
{
    const char *class_name = c2s_json_text(c2s_json_get(get(p, "dtype"), "class_name"), "");
    const char *policy = c2s_json_text(get(p, "dtype"), "");
    if (strstr(class_name, "Quantized") || strncmp(policy, "int", 3) == 0 ||
        strncmp(policy, "float8", 6) == 0 || !is_absent(get(p, "quantization_config")))
        refuse(p, "it was quantized by Keras' own quantize(); load the float model");
}

bool keras_configure(struct c2s_layer *l, const struct c2s_json *config, char *why, size_t size)
{
    struct parse p = {config, why, size, true};
    bool is_quantized;
    c2s_op_from_class(keras_bare_class(l->class_name), &is_quantized);
    refuse_quantized_policy(&p);
    configure_attributes(&p, l);
    return p.ok && (!is_quantized || keras_configure_quantizers(l, config, why, size));
}

bool keras_shape(const struct c2s_json *shape, int *rank, int64_t *dims)
{
    size_t n = c2s_json_size(shape);
    if (c2s_json_kind(shape) != C2S_JSON_ARRAY || n < 2 || n > C2S_MAX_RANK)
        return false;
    for (size_t i = 1; i < n; i++) {
        const struct c2s_json *v = c2s_json_at(shape, i);
        int64_t length = c2s_json_kind(v) == C2S_JSON_NULL ? -1 : c2s_json_integer(v, 0);
        if (length == 0 || length < -1 || length > MAX_SIZE)
            return false;
        dims[i - 1] = length;
    }
    *rank = (int)n - 1;
    return true;
}
