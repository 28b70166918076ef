/* Rewrite: batch normalization behind a neural layer becomes part of its kernel and bias. Which may
 * be folded is decided here, the arithmetic is in graph/batch_norm.c. */
#include <c2s/quantize.h>
#include <c2s/rules.h>

#include "graph/batch_norm.h"
#include "quant/rewrite.h"

static enum c2s_role folded_role(const struct c2s_layer *l)
{
    if (l->op == C2S_OP_DEPTHWISE_CONV2D)
        return C2S_DEPTHWISE_KERNEL;
    return l->op == C2S_OP_SEPARABLE_CONV2D ? C2S_POINTWISE_KERNEL : C2S_KERNEL;
}

/* Output channels: the last axis, for depthwise kernels KH,KW,C,M the last two. */
static int64_t count_channels(const struct c2s_layer *l)
{
    const struct c2s_tensor *kernel = l->params[folded_role(l)];
    int64_t n = kernel ? kernel->dims[kernel->rank - 1] : 0;
    return l->op == C2S_OP_DEPTHWISE_CONV2D && kernel ? n * kernel->dims[kernel->rank - 2] : n;
}

static bool may_fold(const struct c2s_model *m, const struct c2s_layer *l,
                     const struct c2s_layer *bn, struct c2s_error *err)
{
    static const enum c2s_role roles[] = {C2S_GAMMA, C2S_BETA, C2S_MOVING_MEAN,
                                          C2S_MOVING_VARIANCE};
    int64_t channels = count_channels(l);
    for (int i = 0; i < 4; i++) {
        const struct c2s_tensor *t = bn->params[roles[i]];
        bool is_optional = roles[i] == C2S_GAMMA || roles[i] == C2S_BETA;
        if (t ? c2s_tensor_count(t) != channels : !is_optional)
            return c2s_fail(err, C2S_SHAPE,
                            "batch normalization '%s' has no %s for the %lld channels of '%s'",
                            bn->name, c2s_role_name(roles[i]), (long long)channels, l->name);
    }
    enum c2s_quantizer_id id = l->quantizer.id;
    if (id == C2S_QUANTIZER_MAX || id == C2S_QUANTIZER_STD || id == C2S_QUANTIZER_TRAINABLE_STD)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "batch normalization '%s' cannot be folded into '%s', whose weights share "
                        "one scale; quantize from the float model, or keep batch normalization",
                        bn->name, l->name);
    return quant_is_last_axis(m, bn, err);
}

static bool has_no_zero_gamma(const struct c2s_layer *l, const struct c2s_layer *bn,
                              const struct c2s_batch_norm *numbers, struct c2s_error *err)
{
    int64_t n_zero = 0;
    for (int64_t c = 0; c < numbers->channels; c++)
        n_zero += c2s_batch_norm_factor(numbers, c) == 0;
    return n_zero == 0 ||
           c2s_fail_rule(err, C2S_UNSUPPORTED, "E010",
                         "batch normalization '%s' has gamma 0 in %lld of %lld channels of '%s'",
                         bn->name, (long long)n_zero, (long long)numbers->channels, l->name);
}

static bool fold_into(struct c2s_layer *l, const struct c2s_batch_norm *numbers,
                      struct c2s_error *err)
{
    struct c2s_tensor *kernel = c2s_tensor_clone(l->params[folded_role(l)], err);
    struct c2s_tensor *bias = l->params[C2S_BIAS]
                                  ? c2s_tensor_clone(l->params[C2S_BIAS], err)
                                  : c2s_tensor_create(C2S_F32, 1, &numbers->channels, err);
    if (!kernel || !bias) {
        c2s_tensor_unref(kernel);
        c2s_tensor_unref(bias);
        return false;
    }
    c2s_batch_norm_fold(numbers, kernel, c2s_f32(bias));
    c2s_layer_set_param(l, folded_role(l), kernel);
    c2s_layer_set_bias(l, bias);
    return true;
}

static bool fold_pair(struct c2s_layer *l, const struct c2s_layer *bn, bool allow_zero_gamma,
                      struct c2s_error *err)
{
    struct c2s_batch_norm numbers;
    if (!c2s_batch_norm_init(&numbers, bn, count_channels(l), err))
        return false;
    bool ok = (allow_zero_gamma || has_no_zero_gamma(l, bn, &numbers, err)) &&
              fold_into(l, &numbers, err);
    c2s_batch_norm_finish(&numbers);
    return ok;
}

/* The neural layer that the batch normalization at `index` can be folded into, or NULL. */
static struct c2s_layer *foldable(const struct c2s_model *m, int index)
{
    int before = m->layers[index]->op == C2S_OP_BATCH_NORM ? quant_only_input(m, index) : -1;
    struct c2s_layer *l = before >= 0 ? m->layers[before] : NULL;
    if (!l || !c2s_layer_is_neural(l) || c2s_layer_function(l) != C2S_FN_LINEAR)
        return NULL;
    /* One scale for all channels: only cnn2snn 1.8 has this layer, and it does not fold it. */
    return l->op == C2S_OP_DEPTHWISE_CONV2D && c2s_layer_is_quantized(l) ? NULL : l;
}

bool quant_fold_at(struct c2s_model *m, int index, bool allow_zero_gamma, bool *is_folded,
                   struct c2s_error *err)
{
    struct c2s_layer *l = foldable(m, index);
    *is_folded = l != NULL;
    return !l || (may_fold(m, l, m->layers[index], err) &&
                  fold_pair(l, m->layers[index], allow_zero_gamma, err) &&
                  c2s_model_remove(m, index, err));
}

bool c2s_model_fold_batch_norm(struct c2s_model *m, bool allow_zero_gamma, int *n,
                               struct c2s_error *err)
{
    int n_folded = 0;
    for (int i = 0; i < m->n_layers; i++) {
        bool is_folded;
        if (!quant_fold_at(m, i, allow_zero_gamma, &is_folded, err))
            return false;
        i -= is_folded;
        n_folded += is_folded;
    }
    if (n)
        *n = n_folded;
    return n_folded == 0 || c2s_model_infer_shapes(m, err);
}
