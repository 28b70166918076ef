/* Says a model in the words of one cnn2snn release: the same numbers under other class names, or a
 * refusal that names the layer. */
#include <c2s/quantizer.h>
#include <math.h>

#include "keras/write.h"

static const char *const releases[] = {"Keras", "cnn2snn 1.8", "cnn2snn 2.2"};

static bool fail_layer(const struct c2s_layer *l, const char *why, struct c2s_error *err)
{
    return c2s_fail(err, C2S_UNSUPPORTED, "layer '%s' (%s) %s", l->name, l->class_name, why);
}

static bool check_numbers(const struct c2s_layer *l, struct c2s_error *err)
{
    for (int role = 0; role < C2S_ROLE_COUNT; role++) {
        const struct c2s_tensor *t = l->params[role];
        int64_t n = t ? c2s_tensor_count(t) : 0;
        for (int64_t i = 0; i < n; i++)
            if (!isfinite(c2s_f32(t)[i]))
                return c2s_fail(err, C2S_RANGE,
                                "layer '%s': its %s holds %s; train or load the model again "
                                "before it is written",
                                l->name, c2s_role_name((enum c2s_role)role),
                                isnan(c2s_f32(t)[i]) ? "NaN" : "an infinite number");
    }
    return true;
}

/* cnn2snn's quantized layers know no dilation, groups, multiplier or activation of their own. */
static bool check_quantized(const struct c2s_layer *l, struct c2s_error *err)
{
    const struct c2s_conv_attr *a = &l->attr.conv;
    if (l->op == C2S_OP_DEPTHWISE_CONV2D)
        return fail_layer(l,
                          "is a quantized depthwise layer, which cnn2snn cannot load; use a "
                          "SeparableConv2D instead",
                          err);
    if (c2s_layer_function(l) != C2S_FN_LINEAR)
        return fail_layer(l,
                          "has an activation of its own, which a quantized layer cannot have; "
                          "make it a layer",
                          err);
    if (l->op == C2S_OP_DENSE)
        return true;
    if (a->dilation[0] != 1 || a->dilation[1] != 1 || a->groups != 1 || a->depth_multiplier != 1)
        return fail_layer(l,
                          "has a dilation, groups or a depth multiplier, which a quantized "
                          "layer cannot have",
                          err);
    if (l->op == C2S_OP_SEPARABLE_CONV2D && l->quantizer_dw.id == C2S_QUANTIZER_NONE)
        return fail_layer(l, "has a float depthwise kernel but a quantized pointwise kernel", err);
    if (l->quantizer.id == C2S_QUANTIZER_NONE)
        return fail_layer(l, "has a quantized depthwise kernel but a float pointwise kernel", err);
    return true;
}

/* Release 2.2 stops scale factors at 1000 and 1.8 divides by zero for a channel of zeros: where
 * that makes a difference, the other release would compute something else. */
static bool check_scales(const struct c2s_layer *l, const struct c2s_quantizer_spec *spec,
                         enum c2s_role role, enum c2s_dialect dialect, struct c2s_error *err)
{
    struct c2s_quantizer_spec limited = *spec, unlimited = *spec;
    struct c2s_tensor *with = NULL, *without = NULL;
    limited.is_limited = true;
    unlimited.is_limited = false;
    bool is_18 = dialect == C2S_DIALECT_CNN2SNN_18;
    const struct c2s_tensor *w = l->params[role], *threshold = c2s_layer_threshold(l, role);
    bool ok = c2s_quantizer_scale(&limited, w, threshold, &with, err) &&
              c2s_quantizer_scale(&unlimited, w, threshold, &without, err);
    for (int64_t i = 0; ok && i < c2s_tensor_count(with); i++) {
        bool differs = c2s_f32(with)[i] != c2s_f32(without)[i];
        bool is_zero = differs && c2s_f32(without)[i] == 1;
        if (differs && is_zero && is_18)
            ok = fail_layer(l,
                            "has a filter of zeros, for which cnn2snn 1.8 divides by zero; use "
                            "dialect 2.2",
                            err);
        else if (differs && !is_zero && spec->is_limited == is_18)
            ok = fail_layer(l,
                            is_18 ? "has a scale factor above 1000, which cnn2snn 1.8 would not "
                                    "limit; use dialect 2.2"
                                  : "has a scale factor above 1000, which cnn2snn 2.2 would "
                                    "limit; use dialect 1.8",
                            err);
    }
    c2s_tensor_unref(with);
    c2s_tensor_unref(without);
    return ok;
}

/* The trained threshold as a fixed one gives the same scale. */
static void fix_threshold(struct c2s_layer *l, struct c2s_quantizer_spec *spec, enum c2s_role role)
{
    if (spec->id != C2S_QUANTIZER_TRAINABLE_STD)
        return;
    spec->id = C2S_QUANTIZER_STD;
    spec->threshold = *c2s_f32(l->params[role]);
    c2s_layer_set_param(l, role, NULL);
}

static bool translate_quantizer(struct c2s_layer *l, enum c2s_dialect dialect,
                                struct c2s_error *err)
{
    bool is_18 = dialect == C2S_DIALECT_CNN2SNN_18;
    if (!check_quantized(l, err))
        return false;
    enum c2s_role main = l->op == C2S_OP_SEPARABLE_CONV2D ? C2S_POINTWISE_KERNEL : C2S_KERNEL;
    if (!check_scales(l, &l->quantizer, main, dialect, err))
        return false;
    if (l->op == C2S_OP_SEPARABLE_CONV2D &&
        !check_scales(l, &l->quantizer_dw, C2S_DEPTHWISE_KERNEL, dialect, err))
        return false;
    if (is_18 && (l->quantizer.id == C2S_QUANTIZER_STD_PER_AXIS ||
                  l->quantizer_dw.id == C2S_QUANTIZER_STD_PER_AXIS))
        return fail_layer(l,
                          "has a StdPerAxisQuantizer, which cnn2snn 1.8 does not know; use "
                          "dialect 2.2",
                          err);
    if (!is_18) {
        fix_threshold(l, &l->quantizer, C2S_WEIGHT_THRESHOLD);
        fix_threshold(l, &l->quantizer_dw, C2S_DEPTHWISE_THRESHOLD);
    }
    return true;
}

static bool set_scalar(struct c2s_layer *l, enum c2s_role role, float value, struct c2s_error *err)
{
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, 0, NULL, err);
    if (!t)
        return false;
    *c2s_f32(t) = value;
    c2s_layer_set_param(l, role, t);
    return true;
}

/* True, and l is the fixed ActivationDiscreteRelu, if that has the same step and threshold. */
static bool becomes_discrete(struct c2s_layer *l, float step, float threshold)
{
    struct c2s_layer fixed = {.attr.quantized_relu = {
                                  .kind = C2S_RELU_DISCRETE,
                                  .bitwidth = l->attr.quantized_relu.bitwidth,
                              }};
    float fixed_step, fixed_threshold;
    c2s_layer_activation_step(&fixed, &fixed_step, &fixed_threshold);
    if (fixed_step != step || fixed_threshold != threshold)
        return false;
    l->op = C2S_OP_DISCRETE_RELU;
    l->attr.quantized_relu.kind = C2S_RELU_DISCRETE;
    l->attr.quantized_relu.max_value = INFINITY;
    return true;
}

/* A max_value with which release 2.2 computes exactly this step; false if there is none. */
static bool becomes_ranged(struct c2s_layer *l, float step)
{
    float levels = (float)((1 << l->attr.quantized_relu.bitwidth) - 1);
    float guess = step * levels;
    float tries[] = {guess, nextafterf(guess, 0), nextafterf(guess, INFINITY)};
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++)
        if (tries[i] > 0 && isfinite(tries[i]) && tries[i] / levels == step) {
            l->op = C2S_OP_QUANTIZED_RELU;
            l->attr.quantized_relu.kind = C2S_RELU_RANGED;
            l->attr.quantized_relu.max_value = tries[i];
            return true;
        }
    return false;
}

static bool translate_activation(struct c2s_layer *l, enum c2s_dialect dialect,
                                 struct c2s_error *err)
{
    struct c2s_quantized_relu_attr *a = &l->attr.quantized_relu;
    float step, threshold;
    bool is_18 = dialect == C2S_DIALECT_CNN2SNN_18;
    if (a->kind == C2S_RELU_DISCRETE)
        return true;
    if (a->kind == (is_18 ? C2S_RELU_TRAINED : C2S_RELU_RANGED))
        return true;
    c2s_layer_activation_step(l, &step, &threshold);
    if (is_18) {
        /* 1.8 has no ReLU with a range, but its trained one can hold the same step: 16 and
         * 2^bitwidth are powers of two, so its formula gives the step back exactly. */
        if (becomes_discrete(l, step, threshold))
            return true;
        a->kind = C2S_RELU_TRAINED;
        a->max_value = INFINITY;
        return set_scalar(l, C2S_THRESHOLD, threshold, err) &&
               set_scalar(l, C2S_STEP, step * (float)(1 << a->bitwidth) / 16.0f, err);
    }
    if (threshold != 0.5f * step || !becomes_ranged(l, step))
        return fail_layer(l,
                          "has a trained threshold that is not half its step, which cnn2snn 2.2 "
                          "cannot hold; use dialect 1.8",
                          err);
    c2s_layer_set_param(l, C2S_THRESHOLD, NULL);
    c2s_layer_set_param(l, C2S_STEP, NULL);
    return true;
}

static bool translate_layer(struct c2s_layer *l, enum c2s_dialect dialect, struct c2s_error *err)
{
    bool is_activation = c2s_layer_is_quantized_activation(l);
    if (l->op == C2S_OP_UNKNOWN)
        return fail_layer(l, "is not known, so its weights were not read; replace it first", err);
    if (!check_numbers(l, err))
        return false;
    if (!is_activation && !c2s_layer_is_quantized(l))
        return true;
    if (dialect == C2S_DIALECT_KERAS)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "layer '%s' is quantized, which plain %s cannot hold; choose dialect 1.8 "
                        "or 2.2",
                        l->name, releases[dialect]);
    return is_activation ? translate_activation(l, dialect, err)
                         : translate_quantizer(l, dialect, err);
}

bool keras_translate(const struct c2s_model *m, enum c2s_dialect dialect, struct c2s_model **out,
                     struct c2s_error *err)
{
    struct c2s_model *copy = c2s_model_clone(m, err);
    bool ok = copy != NULL;
    for (int i = 0; ok && i < copy->n_layers; i++)
        ok = translate_layer(copy->layers[i], dialect, err);
    if (ok)
        *out = copy;
    else
        c2s_model_destroy(copy);
    return ok;
}
