/* What the float engines need of a model before they run it: that they can compute every layer, and
 * the weights it computes with. */
#include "engine/engines.h"

#include <math.h>
#include <string.h>

#include <c2s/json.h>
#include <c2s/quantizer.h>

int engine_axis(int axis, int rank)
{
    int counted = axis < 0 ? rank + axis : axis;
    return counted > 0 && counted < rank ? counted : -1;
}

struct c2s_tensor *engine_output_create(const struct c2s_layer *l, int64_t batch,
                                        struct c2s_error *err)
{
    int64_t dims[C2S_MAX_RANK] = {batch};
    memcpy(dims + 1, l->dims, sizeof *dims * (size_t)l->rank);
    return c2s_tensor_create(C2S_F32, l->rank + 1, dims, err);
}

bool engine_weights_init(struct engine_weights *w, const struct c2s_layer *l, struct c2s_error *err)
{
    *w = (struct engine_weights){0};
    if (!c2s_layer_is_neural(l))
        return true;
    enum c2s_role main_role = l->op == C2S_OP_SEPARABLE_CONV2D ? C2S_POINTWISE_KERNEL : C2S_KERNEL;
    if (c2s_layer_effective_kernel(l, main_role, &w->kernel, err) &&
        c2s_layer_effective_kernel(l, C2S_DEPTHWISE_KERNEL, &w->depthwise, err))
        return true;
    engine_weights_finish(w);
    return c2s_fail_at(err, "layer %s", l->name);
}

void engine_weights_finish(struct engine_weights *w)
{
    c2s_tensor_unref(w->kernel);
    c2s_tensor_unref(w->depthwise);
    *w = (struct engine_weights){0};
}

static bool is_finite(const struct c2s_layer *l, enum c2s_role role, struct c2s_error *err)
{
    const struct c2s_tensor *t = l->params[role];
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        if (!isfinite(c2s_f32(t)[i]))
            return c2s_fail(err, C2S_RANGE,
                            "the %s of layer '%s' (%s) holds %s at position %lld; train the model "
                            "again or load another file",
                            c2s_role_name(role), l->name, l->class_name,
                            isnan(c2s_f32(t)[i]) ? "NaN" : "infinity", (long long)i);
    return true;
}

/* The parameter is there, has that shape and holds numbers only. */
static bool has_shape(const struct c2s_layer *l, enum c2s_role role, int rank, const int64_t *dims,
                      struct c2s_error *err)
{
    const struct c2s_tensor *t = l->params[role];
    char has[96], wants[96];
    if (!t)
        return c2s_fail(err, C2S_SHAPE,
                        "layer '%s' (%s) has no %s; load a file that holds its weights", l->name,
                        l->class_name, c2s_role_name(role));
    bool fits = t->dtype == C2S_F32 && t->rank == rank;
    for (int i = 0; fits && i < rank; i++)
        fits = t->dims[i] == dims[i];
    if (fits)
        return is_finite(l, role, err);
    return c2s_fail(err, C2S_SHAPE, "the %s of layer '%s' (%s) is %s, it must be %s",
                    c2s_role_name(role), l->name, l->class_name,
                    c2s_shape_text(t->rank, t->dims, has, sizeof has),
                    c2s_shape_text(rank, dims, wants, sizeof wants));
}

static bool check_conv(const struct c2s_layer *l, int64_t channels, struct c2s_error *err)
{
    const struct c2s_conv_attr *a = &l->attr.conv;
    int64_t kh = a->kernel[0], kw = a->kernel[1], filters = a->filters;
    if (a->groups < 1 || a->depth_multiplier < 1 || channels % a->groups || filters % a->groups ||
        (l->op != C2S_OP_CONV2D && a->groups != 1))
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "layer '%s' (%s) divides %lld channels and %lld filters into %d groups, "
                        "which is not possible",
                        l->name, l->class_name, (long long)channels, (long long)filters, a->groups);
    if (l->op == C2S_OP_CONV2D) {
        if (!has_shape(l, C2S_KERNEL, 4, (int64_t[]){kh, kw, channels / a->groups, filters}, err))
            return false;
    } else if (!has_shape(l, C2S_DEPTHWISE_KERNEL, 4,
                          (int64_t[]){kh, kw, channels, a->depth_multiplier}, err)) {
        return false;
    }
    int64_t pointwise[] = {1, 1, channels * a->depth_multiplier, filters};
    if (l->op == C2S_OP_SEPARABLE_CONV2D && !has_shape(l, C2S_POINTWISE_KERNEL, 4, pointwise, err))
        return false;
    return !a->use_bias || has_shape(l, C2S_BIAS, 1, &filters, err);
}

static bool check_batch_norm(const struct c2s_layer *l, const struct c2s_layer *in,
                             struct c2s_error *err)
{
    const struct c2s_batch_norm_attr *a = &l->attr.batch_norm;
    if (engine_axis(a->axis, in->rank + 1) != in->rank)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "layer '%s' (%s) normalizes axis %d; only the last axis can be computed",
                        l->name, l->class_name, a->axis);
    const int64_t *channels = &in->dims[in->rank - 1];
    return (!a->scale || has_shape(l, C2S_GAMMA, 1, channels, err)) &&
           (!a->center || has_shape(l, C2S_BETA, 1, channels, err)) &&
           has_shape(l, C2S_MOVING_MEAN, 1, channels, err) &&
           has_shape(l, C2S_MOVING_VARIANCE, 1, channels, err);
}

static bool check_prelu(const struct c2s_layer *l, struct c2s_error *err)
{
    const struct c2s_tensor *alpha = l->params[C2S_ALPHA];
    int64_t dims[C2S_MAX_RANK];
    for (int i = 0; i < l->rank; i++) /* an axis may be shared: dimension 1 */
        dims[i] = alpha && alpha->rank == l->rank && alpha->dims[i] == 1 ? 1 : l->dims[i];
    return has_shape(l, C2S_ALPHA, l->rank, dims, err);
}

static bool check_quantized_relu(const struct c2s_layer *l, struct c2s_error *err)
{
    int bits = l->attr.quantized_relu.bitwidth;
    if (bits < 1 || bits > 8)
        return c2s_fail(err, C2S_RANGE, "layer '%s' (%s) has %d bits; 1 to 8 are possible", l->name,
                        l->class_name, bits);
    if (l->attr.quantized_relu.kind != C2S_RELU_TRAINED)
        return true;
    for (int k = 0; k < 2; k++) {
        const struct c2s_tensor *t = l->params[k ? C2S_STEP : C2S_THRESHOLD];
        if ((!t || c2s_tensor_count(t) != 1) &&
            !has_shape(l, k ? C2S_STEP : C2S_THRESHOLD, 0, NULL, err))
            return false;
    }
    return true;
}

static bool check_parameters(const struct c2s_model *m, const struct c2s_layer *l,
                             struct c2s_error *err)
{
    const struct c2s_layer *in = l->n_inputs > 0 ? m->layers[l->inputs[0]] : NULL;
    switch (l->op) {
    case C2S_OP_CONV2D:
    case C2S_OP_DEPTHWISE_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
        return check_conv(l, in->dims[2], err);
    case C2S_OP_DENSE: {
        int64_t dims[] = {in->dims[in->rank - 1], l->attr.dense.units};
        return has_shape(l, C2S_KERNEL, 2, dims, err) &&
               (!l->attr.dense.use_bias || has_shape(l, C2S_BIAS, 1, &dims[1], err));
    }
    case C2S_OP_BATCH_NORM:
        return check_batch_norm(l, in, err);
    case C2S_OP_PRELU:
        return check_prelu(l, err);
    case C2S_OP_DISCRETE_RELU:
    case C2S_OP_QUANTIZED_RELU:
        return check_quantized_relu(l, err);
    case C2S_OP_SOFTMAX:
    case C2S_OP_CONCATENATE:
        return engine_axis(l->attr.softmax.axis, l->rank + 1) >= 0 ||
               c2s_fail(err, C2S_UNSUPPORTED,
                        "layer '%s' (%s) works along axis %d, which can not be computed", l->name,
                        l->class_name, l->attr.softmax.axis);
    default:
        return true;
    }
}

/* The function's name, which only the Keras config knows; "?" when there is none. */
static bool fail_function(const struct c2s_layer *l, struct c2s_error *err)
{
    struct c2s_error ignored = {0};
    struct c2s_json *config =
        l->config ? c2s_json_parse(l->config, strlen(l->config), &ignored) : NULL;
    c2s_fail(err, C2S_UNSUPPORTED,
             "layer '%s' (%s) uses the activation function '%s', which can not be computed; use "
             "relu, softmax, sigmoid, tanh or linear",
             l->name, l->class_name, c2s_json_text(c2s_json_get(config, "activation"), "?"));
    c2s_json_free(config);
    return false;
}

static bool check_layer(const struct c2s_model *m, const struct c2s_layer *l, struct c2s_error *err)
{
    char text[96];
    if (l->op == C2S_OP_UNKNOWN)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "layer '%s' is a %s, which can not be computed; replace it by other layers",
                        l->name, l->class_name);
    if (c2s_layer_function(l) == C2S_FN_OTHER)
        return fail_function(l, err);
    if (l->rank < 0 || l->rank + 1 > C2S_MAX_RANK)
        return c2s_fail(err, C2S_UNSUPPORTED, "the shape of layer '%s' (%s) is not known", l->name,
                        l->class_name);
    for (int i = 0; i < l->rank; i++)
        if (l->dims[i] < 1)
            return c2s_fail(err, C2S_UNSUPPORTED,
                            "the output of layer '%s' (%s) has the shape %s, with a dimension left "
                            "open; give the model a fixed input shape",
                            l->name, l->class_name,
                            c2s_shape_text(l->rank, l->dims, text, sizeof text));
    return check_parameters(m, l, err);
}

bool engine_check_float(const struct c2s_model *m, struct c2s_error *err)
{
    if (m->n_inputs < 1 || m->n_outputs < 1)
        return c2s_fail(err, C2S_UNSUPPORTED, "the model '%s' has no %s", m->name,
                        m->n_inputs < 1 ? "input" : "output");
    for (int i = 0; i < m->n_layers; i++)
        if (!check_layer(m, m->layers[i], err))
            return false;
    return true;
}
