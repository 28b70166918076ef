/* Layers: creation, copies, parameters, and the questions every module asks of one. */
#include <c2s/json.h>
#include <c2s/layer.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"

const char *const c2s_function_names[] = {"linear",  "relu", "relu6", "softmax",
                                          "sigmoid", "tanh", "other", NULL};

bool c2s_layer_set_text(char **field, const char *text, struct c2s_error *err)
{
    char *copy = NULL;
    if (text && !(copy = c2s_strdup(text)))
        return c2s_fail_nomem(err);
    c2s_free(*field);
    *field = copy;
    return true;
}

static void set_defaults(struct c2s_layer *l)
{
    switch (l->op) {
    case C2S_OP_CONV2D:
    case C2S_OP_DEPTHWISE_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
        l->attr.conv = (struct c2s_conv_attr){.strides = {1, 1},
                                              .dilation = {1, 1},
                                              .groups = 1,
                                              .depth_multiplier = 1,
                                              .use_bias = true};
        break;
    case C2S_OP_DENSE:
        l->attr.dense.use_bias = true;
        break;
    case C2S_OP_BATCH_NORM:
        l->attr.batch_norm = (struct c2s_batch_norm_attr){
            .axis = -1, .epsilon = 0.001f, .center = true, .scale = true};
        break;
    case C2S_OP_RELU:
        l->attr.relu.max_value = INFINITY;
        break;
    case C2S_OP_LEAKY_RELU:
        l->attr.relu.max_value = INFINITY;
        l->attr.relu.negative_slope = 0.3f;
        break;
    case C2S_OP_QUANTIZED_RELU:
        l->attr.quantized_relu.kind = C2S_RELU_RANGED;
        l->attr.quantized_relu.max_value = INFINITY;
        break;
    case C2S_OP_SOFTMAX:
    case C2S_OP_CONCATENATE:
        l->attr.softmax.axis = -1;
        break;
    case C2S_OP_UPSAMPLING:
        l->attr.upsampling.size[0] = l->attr.upsampling.size[1] = 2;
        break;
    case C2S_OP_RESCALING:
        l->attr.rescaling.scale = 1;
        break;
    default:
        break;
    }
}

struct c2s_layer *c2s_layer_create(enum c2s_op op, const char *name, struct c2s_error *err)
{
    struct c2s_layer *l = c2s_calloc(1, sizeof *l);
    if (!l) {
        c2s_fail_nomem(err);
        return NULL;
    }
    l->op = op;
    l->rank = -1;
    set_defaults(l);
    if (!c2s_layer_set_text(&l->name, name, err) ||
        !c2s_layer_set_text(&l->class_name, c2s_op_info(op)->keras_class, err)) {
        c2s_layer_destroy(l);
        return NULL;
    }
    return l;
}

struct c2s_layer *c2s_layer_clone(const struct c2s_layer *l, struct c2s_error *err)
{
    struct c2s_layer *copy = c2s_malloc(sizeof *copy);
    if (!copy) {
        c2s_fail_nomem(err);
        return NULL;
    }
    *copy = *l;
    copy->name = copy->class_name = copy->config = NULL;
    copy->inputs = NULL;
    copy->n_inputs = 0;
    for (int i = 0; i < C2S_ROLE_COUNT; i++)
        c2s_tensor_ref(copy->params[i]);
    bool ok = c2s_layer_set_text(&copy->name, l->name, err) &&
              c2s_layer_set_text(&copy->class_name, l->class_name, err) &&
              c2s_layer_set_text(&copy->config, l->config, err);
    for (int i = 0; ok && i < l->n_inputs; i++)
        ok = c2s_layer_add_input(copy, l->inputs[i], err);
    if (!ok) {
        c2s_layer_destroy(copy);
        return NULL;
    }
    return copy;
}

void c2s_layer_destroy(struct c2s_layer *l)
{
    if (!l)
        return;
    for (int i = 0; i < C2S_ROLE_COUNT; i++)
        c2s_tensor_unref(l->params[i]);
    c2s_free(l->name);
    c2s_free(l->class_name);
    c2s_free(l->config);
    c2s_free(l->inputs);
    c2s_free(l);
}

bool c2s_layer_add_input(struct c2s_layer *l, int index, struct c2s_error *err)
{
    int *grown = c2s_realloc(l->inputs, sizeof *grown * (size_t)(l->n_inputs + 1));
    if (!grown)
        return c2s_fail_nomem(err);
    l->inputs = grown;
    l->inputs[l->n_inputs++] = index;
    return true;
}

void c2s_layer_set_param(struct c2s_layer *l, enum c2s_role role, struct c2s_tensor *value)
{
    c2s_tensor_unref(l->params[role]);
    l->params[role] = value;
}

bool c2s_layer_is_channels_first(const struct c2s_layer *l)
{
    struct c2s_error ignored = {0}; /* a config that is no JSON has no data_format either */
    if (!l->config || !strstr(l->config, "channels_first"))
        return false;
    struct c2s_json *json = c2s_json_parse(l->config, strlen(l->config), &ignored);
    const char *format = c2s_json_text(c2s_json_get(json, "data_format"), "");
    bool is_it = strcmp(format, "channels_first") == 0;
    c2s_json_free(json);
    return is_it;
}

void c2s_layer_set_bias(struct c2s_layer *l, struct c2s_tensor *value)
{
    c2s_layer_set_param(l, C2S_BIAS, value);
    if (l->op == C2S_OP_DENSE)
        l->attr.dense.use_bias = true;
    else
        l->attr.conv.use_bias = true;
}

bool c2s_layer_is_neural(const struct c2s_layer *l)
{
    return c2s_op_info(l->op)->family == C2S_FAMILY_NEURAL;
}

bool c2s_layer_is_akida_neural(const struct c2s_layer *l)
{
    return l->op == C2S_OP_CONV2D || l->op == C2S_OP_SEPARABLE_CONV2D || l->op == C2S_OP_DENSE;
}

enum c2s_function c2s_layer_function(const struct c2s_layer *l)
{
    if (l->op == C2S_OP_SOFTMAX)
        return C2S_FN_SOFTMAX;
    if (l->op == C2S_OP_ACTIVATION)
        return l->attr.activation.function;
    if (l->op == C2S_OP_DENSE)
        return l->attr.dense.function;
    return c2s_layer_is_neural(l) ? l->attr.conv.function : C2S_FN_LINEAR;
}

bool c2s_layer_is_quantized(const struct c2s_layer *l)
{
    return c2s_layer_is_neural(l) &&
           (l->quantizer.id != C2S_QUANTIZER_NONE || l->quantizer_dw.id != C2S_QUANTIZER_NONE);
}

bool c2s_layer_is_quantized_activation(const struct c2s_layer *l)
{
    return l->op == C2S_OP_DISCRETE_RELU || l->op == C2S_OP_QUANTIZED_RELU;
}

bool c2s_layer_is_akida_activation(const struct c2s_layer *l)
{
    return l->op == C2S_OP_RELU || c2s_layer_is_quantized_activation(l);
}

int c2s_layer_weight_bits(const struct c2s_layer *l)
{
    if (!c2s_layer_is_quantized(l))
        return 0;
    return l->quantizer.id != C2S_QUANTIZER_NONE ? l->quantizer.bitwidth : l->quantizer_dw.bitwidth;
}

int c2s_layer_activation_bits(const struct c2s_layer *l)
{
    return c2s_layer_is_quantized_activation(l) ? l->attr.quantized_relu.bitwidth : 0;
}

enum c2s_role c2s_layer_main_role(const struct c2s_layer *l)
{
    if (l->params[C2S_KERNEL])
        return C2S_KERNEL;
    return l->params[C2S_POINTWISE_KERNEL] ? C2S_POINTWISE_KERNEL : C2S_DEPTHWISE_KERNEL;
}

struct c2s_tensor *c2s_layer_main_kernel(const struct c2s_layer *l)
{
    return l->params[c2s_layer_main_role(l)];
}

int64_t c2s_layer_n_params(const struct c2s_layer *l)
{
    int64_t n = 0;
    for (int i = 0; i < C2S_ROLE_COUNT; i++)
        if (l->params[i])
            n += c2s_tensor_count(l->params[i]);
    return n;
}

void c2s_layer_activation_step(const struct c2s_layer *l, float *step, float *threshold)
{
    const struct c2s_quantized_relu_attr *a = &l->attr.quantized_relu;
    float levels = (float)((1 << a->bitwidth) - 1);
    switch (a->kind) {
    case C2S_RELU_TRAINED:
        *step = 16.0f * *c2s_f32(l->params[C2S_STEP]) / (float)(1 << a->bitwidth);
        *threshold = *c2s_f32(l->params[C2S_THRESHOLD]);
        return;
    case C2S_RELU_DISCRETE:
        *step = (levels < 6.0f ? levels : 6.0f) / levels;
        break;
    case C2S_RELU_RANGED:
        *step = (isinf(a->max_value) ? levels : a->max_value) / levels;
        break;
    }
    *threshold = 0.5f * *step;
}
