/* One layer's config in the form that TF 2.4 and TF 2.10 read. What the original config says about
 * training (initializers, regularizers, constraints) is kept where every such release knows it. */
#include <c2s/quantizer.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keras/write.h"

/* An object being filled; a failure sticks, so that only the end must be checked. */
struct out {
    struct c2s_json *object;
    const struct c2s_json *original; /* the layer's config in the file it came from, or NULL */
    bool ok;
};

static void put(struct out *o, const char *key, struct c2s_json *value)
{
    o->ok = c2s_json_set(o->object, key, value) && o->ok;
}

static void put_text(struct out *o, const char *key, const char *text)
{
    put(o, key, c2s_json_new_text(text));
}

static void put_int(struct out *o, const char *key, int64_t value)
{
    put(o, key, c2s_json_new_integer(value));
}

/* The original number where it means the same float32 (1/255 in double precision matters to
 * conversion), else the shortest decimal that reads back as the value. */
static void put_real(struct out *o, const char *key, float value)
{
    double original = c2s_json_real(c2s_json_get(o->original, key), NAN);
    double number = (double)value;
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if ((float)strtod(text, NULL) == value) {
            number = strtod(text, NULL);
            break;
        }
    }
    put(o, key, c2s_json_new_real((float)original == value ? original : number));
}

static void put_bool(struct out *o, const char *key, bool value)
{
    put(o, key, c2s_json_new_bool(value));
}

static struct c2s_json *new_pair(int a, int b)
{
    struct c2s_json *pair = c2s_json_new_array();
    if (c2s_json_append(pair, c2s_json_new_integer(a)) &&
        c2s_json_append(pair, c2s_json_new_integer(b)))
        return pair;
    c2s_json_free(pair);
    return NULL;
}

static void put_pair(struct out *o, const char *key, const int pair[2])
{
    put(o, key, new_pair(pair[0], pair[1]));
}

static void put_padding(struct out *o, enum c2s_padding padding)
{
    put_text(o, "padding", padding == C2S_SAME ? "same" : "valid");
}

/* The batch axis in front, null where unknown. */
static void put_shape(struct out *o, const char *key, bool has_batch, int rank, const int64_t *dims)
{
    struct c2s_json *shape = c2s_json_new_array();
    bool ok = !has_batch || c2s_json_append(shape, c2s_json_new_null());
    for (int i = 0; ok && i < rank; i++)
        ok = c2s_json_append(shape, dims[i] < 0 && has_batch ? c2s_json_new_null()
                                                             : c2s_json_new_integer(dims[i]));
    put(o, key, shape);
    o->ok = o->ok && ok;
}

static void put_function(struct out *o, enum c2s_function function)
{
    const char *original = c2s_json_text(c2s_json_get(o->original, "activation"), "linear");
    put_text(o, "activation", function == C2S_FN_OTHER ? original : c2s_function_names[function]);
}

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

/* Objects for training that TF 2.4 and later know. */
static bool is_builtin(const char *class_name)
{
    static const char *const known[] = {"Zeros",
                                        "Ones",
                                        "Constant",
                                        "RandomNormal",
                                        "RandomUniform",
                                        "TruncatedNormal",
                                        "GlorotUniform",
                                        "GlorotNormal",
                                        "HeNormal",
                                        "HeUniform",
                                        "LecunNormal",
                                        "LecunUniform",
                                        "Orthogonal",
                                        "Identity",
                                        "VarianceScaling",
                                        "L1",
                                        "L2",
                                        "L1L2",
                                        "MaxNorm",
                                        "NonNeg",
                                        "UnitNorm",
                                        "MinMaxNorm",
                                        NULL};
    return is_one_of(class_name, known);
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);
    return n >= k && strcmp(text + n - k, tail) == 0;
}

/* An argument of such an object; TF 2.4 and later refuse others, such as "input_axes" that
 * Keras 3.15 adds, and a seed that is an object. */
static bool keep_argument(void *arg, const char *key, const struct c2s_json *value)
{
    static const char *const known[] = {"seed",         "value", "mean",  "stddev", "minval",
                                        "maxval",       "gain",  "scale", "mode",   "axis",
                                        "distribution", "l1",    "l2",    "rate",   NULL};
    struct out *o = arg;
    if ((is_one_of(key, known) || ends_with(key, "_value")) &&
        c2s_json_kind(value) != C2S_JSON_OBJECT)
        put(o, key, c2s_json_share(value));
    return o->ok;
}

/* Keras 3 adds "module" and more to these objects, which earlier releases do not expect. */
static bool keep_training_key(void *arg, const char *key, const struct c2s_json *value)
{
    struct out *o = arg;
    const char *class_name = c2s_json_text(c2s_json_get(value, "class_name"), "");
    if (!ends_with(key, "_initializer") && !ends_with(key, "_regularizer") &&
        !ends_with(key, "_constraint"))
        return true;
    if (c2s_json_kind(value) == C2S_JSON_NULL) {
        put(o, key, c2s_json_new_null());
    } else if (is_builtin(class_name)) {
        struct out config = {c2s_json_new_object(), NULL, true};
        struct out outer = {c2s_json_new_object(), NULL, true};
        c2s_json_each(c2s_json_get(value, "config"), keep_argument, &config);
        put_text(&outer, "class_name", class_name);
        put(&outer, "config", config.object);
        put(o, key, outer.object);
        o->ok = o->ok && config.ok && outer.ok;
    }
    return o->ok;
}

static void put_quantizer(struct out *o, const char *key, const struct c2s_quantizer_spec *spec,
                          int k)
{
    put(o, key, keras_quantizer_config(spec, k));
}

static void put_conv(struct out *o, const struct c2s_layer *l, int *n_quantizers)
{
    const struct c2s_conv_attr *a = &l->attr.conv;
    bool is_quantized = c2s_layer_is_quantized(l);
    if (l->op != C2S_OP_DEPTHWISE_CONV2D)
        put_int(o, "filters", a->filters);
    put_pair(o, "kernel_size", a->kernel);
    put_pair(o, "strides", a->strides);
    put_padding(o, a->padding);
    if (!is_quantized) {
        put_text(o, "data_format", "channels_last");
        put_pair(o, "dilation_rate", a->dilation);
        if (l->op == C2S_OP_CONV2D)
            put_int(o, "groups", a->groups);
        else
            put_int(o, "depth_multiplier", a->depth_multiplier);
        put_function(o, a->function);
    }
    put_bool(o, "use_bias", a->use_bias);
    c2s_json_each(o->original, keep_training_key, o);
    if (is_quantized && l->op == C2S_OP_SEPARABLE_CONV2D)
        put_quantizer(o, "quantizer_dw", &l->quantizer_dw, (*n_quantizers)++);
    if (is_quantized)
        put_quantizer(o, "quantizer", &l->quantizer, (*n_quantizers)++);
}

static void put_dense(struct out *o, const struct c2s_layer *l, int *n_quantizers)
{
    put_int(o, "units", l->attr.dense.units);
    if (!c2s_layer_is_quantized(l))
        put_function(o, l->attr.dense.function);
    put_bool(o, "use_bias", l->attr.dense.use_bias);
    c2s_json_each(o->original, keep_training_key, o);
    if (c2s_layer_is_quantized(l))
        put_quantizer(o, "quantizer", &l->quantizer, (*n_quantizers)++);
}

static void put_batch_norm(struct out *o, const struct c2s_layer *l, int rank)
{
    const struct c2s_batch_norm_attr *a = &l->attr.batch_norm;
    struct c2s_json *axis = c2s_json_new_array();
    bool ok =
        c2s_json_append(axis, c2s_json_new_integer(a->axis < 0 ? rank + 1 + a->axis : a->axis));
    put(o, "axis", axis);
    o->ok = o->ok && ok;
    put(o, "momentum",
        c2s_json_new_real(c2s_json_real(c2s_json_get(o->original, "momentum"), 0.99)));
    put_real(o, "epsilon", a->epsilon);
    put_bool(o, "center", a->center);
    put_bool(o, "scale", a->scale);
    c2s_json_each(o->original, keep_training_key, o);
}

static void put_max_value(struct out *o, float value)
{
    if (isinf(value))
        put(o, "max_value", c2s_json_new_null());
    else
        put_real(o, "max_value", value);
}

static void put_quantized_relu(struct out *o, const struct c2s_layer *l)
{
    const struct c2s_quantized_relu_attr *a = &l->attr.quantized_relu;
    put_int(o, "bitwidth", a->bitwidth);
    if (a->kind != C2S_RELU_RANGED)
        return;
    float range = isinf(a->max_value) ? (float)((1 << a->bitwidth) - 1) : a->max_value;
    put(o, "max_value", c2s_json_new_real((double)range));
}

/* PReLU's alpha has length 1 along the axes it is shared over. */
static void put_shared_axes(struct out *o, const struct c2s_layer *l, const struct c2s_layer *in)
{
    const struct c2s_tensor *alpha = l->params[C2S_ALPHA];
    struct c2s_json *axes = c2s_json_new_array();
    bool ok = axes != NULL;
    for (int i = 0; ok && alpha && i < alpha->rank; i++)
        if (alpha->dims[i] == 1 && in->dims[i] != 1)
            ok = c2s_json_append(axes, c2s_json_new_integer(i + 1));
    if (c2s_json_size(axes) > 0)
        put(o, "shared_axes", axes);
    else
        c2s_json_free(axes);
    o->ok = o->ok && ok;
    c2s_json_each(o->original, keep_training_key, o);
}

static void put_pool(struct out *o, const struct c2s_layer *l)
{
    if (l->op == C2S_OP_GLOBAL_AVERAGE_POOL) {
        put_text(o, "data_format", "channels_last");
        if (l->attr.pool.keepdims) /* TF 2.4 does not know the key */
            put_bool(o, "keepdims", true);
        return;
    }
    put_pair(o, "pool_size", l->attr.pool.size);
    put_padding(o, l->attr.pool.padding);
    put_pair(o, "strides", l->attr.pool.strides);
    put_text(o, "data_format", "channels_last");
}

static void put_zero_padding(struct out *o, const struct c2s_layer *l)
{
    struct c2s_json *sides = c2s_json_new_array();
    bool ok =
        c2s_json_append(sides, new_pair(l->attr.zero_padding.top, l->attr.zero_padding.bottom)) &&
        c2s_json_append(sides, new_pair(l->attr.zero_padding.left, l->attr.zero_padding.right));
    put(o, "padding", sides);
    o->ok = o->ok && ok;
    put_text(o, "data_format", "channels_last");
}

static void put_attributes(struct out *o, const struct c2s_layer *l, const struct c2s_layer *in,
                           int *n_quantizers)
{
    switch (l->op) {
    case C2S_OP_CONV2D:
    case C2S_OP_DEPTHWISE_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
        put_conv(o, l, n_quantizers);
        break;
    case C2S_OP_DENSE:
        put_dense(o, l, n_quantizers);
        break;
    case C2S_OP_BATCH_NORM:
        put_batch_norm(o, l, in->rank);
        break;
    case C2S_OP_RELU:
        put_max_value(o, l->attr.relu.max_value);
        put_real(o, "negative_slope", l->attr.relu.negative_slope);
        put_real(o, "threshold", l->attr.relu.threshold);
        break;
    case C2S_OP_LEAKY_RELU:
        put_real(o, "alpha", l->attr.relu.negative_slope);
        break;
    case C2S_OP_PRELU:
        put_shared_axes(o, l, in);
        break;
    case C2S_OP_ACTIVATION:
        put_function(o, l->attr.activation.function);
        break;
    case C2S_OP_SOFTMAX:
    case C2S_OP_CONCATENATE:
        put_int(o, "axis", l->attr.softmax.axis);
        break;
    case C2S_OP_DISCRETE_RELU:
    case C2S_OP_QUANTIZED_RELU:
        put_quantized_relu(o, l);
        break;
    case C2S_OP_MAX_POOL:
    case C2S_OP_AVERAGE_POOL:
    case C2S_OP_GLOBAL_AVERAGE_POOL:
        put_pool(o, l);
        break;
    case C2S_OP_FLATTEN:
        put_text(o, "data_format", "channels_last");
        break;
    case C2S_OP_RESHAPE:
        put_shape(o, "target_shape", false, l->attr.reshape.rank, l->attr.reshape.dims);
        break;
    case C2S_OP_DROPOUT:
        put_real(o, "rate", l->attr.dropout.rate);
        break;
    case C2S_OP_ZERO_PADDING:
        put_zero_padding(o, l);
        break;
    case C2S_OP_UPSAMPLING:
        put_pair(o, "size", l->attr.upsampling.size);
        put_text(o, "data_format", "channels_last");
        put_text(o, "interpolation", l->attr.upsampling.is_bilinear ? "bilinear" : "nearest");
        break;
    case C2S_OP_RESCALING:
        put_real(o, "scale", l->attr.rescaling.scale);
        put_real(o, "offset", l->attr.rescaling.offset);
        break;
    default:
        break;
    }
}

const char *keras_layer_class(const struct c2s_layer *l)
{
    const struct c2s_op_info *info = c2s_op_info(l->op);
    return c2s_layer_is_quantized(l) ? info->quantized_class : info->keras_class;
}

struct c2s_json *keras_layer_config(const struct c2s_model *m, int index, const char *name,
                                    int *n_quantizers, struct c2s_error *err)
{
    const struct c2s_layer *l = m->layers[index];
    const struct c2s_layer *in = l->n_inputs > 0 ? m->layers[l->inputs[0]] : NULL;
    struct c2s_error ignored = {0}; /* a config that is no JSON has nothing to keep */
    struct c2s_json *original =
        l->config ? c2s_json_parse(l->config, strlen(l->config), &ignored) : NULL;
    struct out o = {c2s_json_new_object(), original, true};
    if (l->op == C2S_OP_INPUT) {
        put_shape(&o, "batch_input_shape", true, l->rank, l->dims);
        put_text(&o, "dtype", "float32");
        put_bool(&o, "sparse", false);
        put_bool(&o, "ragged", false);
        put_text(&o, "name", name);
    } else {
        put_text(&o, "name", name);
        put_bool(&o, "trainable", c2s_json_bool(c2s_json_get(original, "trainable"), true));
        put_text(&o, "dtype", "float32");
        put_attributes(&o, l, in, n_quantizers);
    }
    c2s_json_free(original);
    if (o.ok)
        return o.object;
    c2s_json_free(o.object);
    c2s_fail_nomem(err);
    return NULL;
}
