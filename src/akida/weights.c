/* Integer weights: from float kernels to int8 in Akida's layouts. Float types are those of
 * cnn2snn's weights_ops.py to the bit. */
#include <string.h>

#include <c2s/quantizer.h>

#include "akida/convert.h"
#include "akida/layout.h"
#include "base/alloc.h"

/* Rule 2.2: a new kernel, and the bias in place, with the batch normalization in them. */
static bool fold(const struct c2s_layer *bn, int filters, struct c2s_tensor **kernel, float *bias,
                 struct c2s_error *err)
{
    struct c2s_batch_norm b;
    if (!c2s_batch_norm_init(&b, bn, filters, err))
        return false;
    struct c2s_tensor *folded = c2s_tensor_clone(*kernel, err);
    if (folded) {
        c2s_batch_norm_fold(&b, folded, bias);
        c2s_tensor_unref(*kernel);
        *kernel = folded;
    }
    c2s_batch_norm_finish(&b);
    return folded != NULL;
}

/* ---- integers ---- */

static bool quantize(const struct c2s_layer *l, bool is_depthwise, struct c2s_tensor *kernel,
                     enum c2s_rule_of_conversion rule, struct c2s_tensor *result[2],
                     struct c2s_error *err)
{
    struct c2s_quantizer_spec spec = is_depthwise ? l->quantizer_dw : l->quantizer;
    spec.is_limited = rule == C2S_CONVERT_22;
    const struct c2s_tensor *trained =
        c2s_layer_threshold(l, is_depthwise ? C2S_DEPTHWISE_KERNEL : c2s_layer_main_role(l));
    return c2s_quantizer_scale(&spec, kernel, trained, &result[1], err) &&
           c2s_quantizer_integers(&spec, kernel, result[1], &result[0], err);
}

static bool take_delta(struct akida_neural *n, const struct c2s_tensor *sf, float factor,
                       struct c2s_error *err)
{
    int64_t count = c2s_tensor_count(sf);
    n->is_per_axis = sf->rank > 0;
    n->delta = c2s_malloc(sizeof *n->delta * (size_t)count);
    if (!n->delta)
        return c2s_fail_nomem(err);
    for (int64_t i = 0; i < count; i++)
        n->delta[i] = factor * c2s_f32(sf)[i];
    return true;
}

/* The depthwise half of a separable layer: its integers, and its only scale in *factor. */
static bool quantize_depthwise(struct akida_neural *n, const struct c2s_layer *l,
                               enum c2s_rule_of_conversion rule, float *factor,
                               struct c2s_error *err)
{
    struct c2s_tensor *result[2] = {NULL, NULL};
    bool ok = quantize(l, true, l->params[C2S_DEPTHWISE_KERNEL], rule, result, err);
    n->integers = result[0];
    /* (KH,KW,C,1): its last axis has one channel, so a quantizer per axis is one per tensor. */
    if (ok)
        *factor = c2s_f32(result[1])[0];
    c2s_tensor_unref(result[1]);
    return ok;
}

static bool has_count(const struct c2s_tensor *t, int64_t count)
{
    return t && t->dtype == C2S_F32 && c2s_tensor_count(t) == count;
}

/* The weights are as the attributes say: what follows reads them by these numbers. */
static bool check_kernel(const struct c2s_model *m, const struct c2s_layer *l,
                         struct c2s_error *err)
{
    const struct c2s_layer *in = m->layers[l->inputs[0]];
    const struct c2s_tensor *main = c2s_layer_main_kernel(l), *bias = l->params[C2S_BIAS];
    int64_t C = in->dims[in->rank - 1];
    bool is_dense = l->op == C2S_OP_DENSE, is_separable = l->op == C2S_OP_SEPARABLE_CONV2D;
    int64_t filters = is_dense ? l->attr.dense.units : l->attr.conv.filters;
    int64_t taps = is_dense ? 1 : (int64_t)l->attr.conv.kernel[0] * l->attr.conv.kernel[1];
    bool fits = has_count(main, (is_separable ? 1 : taps) * C * filters) &&
                main->dims[main->rank - 1] == filters &&
                (!is_separable || has_count(l->params[C2S_DEPTHWISE_KERNEL], taps * C)) &&
                (!bias || has_count(bias, filters));
    return fits || c2s_fail(err, C2S_SHAPE,
                            "layer '%s' (%s) has no weights, or of another shape than its "
                            "attributes say; load the model again",
                            l->name, l->class_name);
}

static bool fill_neural(struct akida_neural *n, const struct c2s_model *m,
                        const struct akida_block *b, enum c2s_rule_of_conversion rule,
                        struct c2s_error *err)
{
    const struct c2s_layer *l = m->layers[b->neural];
    bool is_separable = l->op == C2S_OP_SEPARABLE_CONV2D;
    float factor = 1;
    struct c2s_tensor *result[2] = {NULL, NULL};
    struct c2s_tensor *kernel =
        c2s_tensor_ref(l->params[is_separable ? C2S_POINTWISE_KERNEL : C2S_KERNEL]);
    n->filters = (int)kernel->dims[kernel->rank - 1];
    n->bias = c2s_calloc((size_t)n->filters, sizeof *n->bias);
    bool ok = n->bias ? true : c2s_fail_nomem(err);
    if (ok && l->params[C2S_BIAS])
        memcpy(n->bias, l->params[C2S_BIAS]->data, sizeof *n->bias * (size_t)n->filters);
    if (ok && b->batch_norm >= 0 && rule == C2S_CONVERT_22)
        ok = fold(m->layers[b->batch_norm], n->filters, &kernel, n->bias, err);
    ok = ok && (!is_separable || quantize_depthwise(n, l, rule, &factor, err)) &&
         quantize(l, false, kernel, rule, result, err);
    if (is_separable)
        n->integers_pw = result[0];
    else
        n->integers = result[0];
    ok = ok && take_delta(n, result[1], factor, err);
    if (ok && b->batch_norm >= 0 && rule == C2S_CONVERT_22 && !n->is_per_axis)
        ok = c2s_fail(err, C2S_UNSUPPORTED,
                      "layer '%s' has one scale for all filters, and '%s' can only be folded into "
                      "one for each; quantize it with MaxPerAxisQuantizer",
                      l->name, m->layers[b->batch_norm]->name);
    c2s_tensor_unref(result[1]);
    c2s_tensor_unref(kernel);
    return ok;
}

bool akida_neural_init(struct akida_neural *n, const struct c2s_model *m,
                       const struct akida_block *b, enum c2s_rule_of_conversion rule,
                       struct c2s_error *err)
{
    memset(n, 0, sizeof *n);
    if (check_kernel(m, m->layers[b->neural], err) && fill_neural(n, m, b, rule, err))
        return true;
    akida_neural_finish(n);
    return c2s_fail_at(err, "layer %s", m->layers[b->neural]->name);
}

void akida_neural_finish(struct akida_neural *n)
{
    c2s_tensor_unref(n->integers);
    c2s_tensor_unref(n->integers_pw);
    c2s_free(n->bias);
    c2s_free(n->delta);
    memset(n, 0, sizeof *n);
}

/* ---- layouts ---- */

static void negate_filters(int8_t *w, int64_t count, int filters, const bool *negate)
{
    for (int64_t i = 0; negate && i < count; i++)
        if (negate[i % filters])
            w[i] = (int8_t)-w[i];
}

bool akida_weights(const struct akida_neural *n, const bool *negate, struct c2s_akida_layer *out,
                   struct c2s_error *err)
{
    bool is_separable = out->type == C2S_AKIDA_SEPARABLE_CONVOLUTIONAL;
    int64_t count = c2s_tensor_count(n->integers), C = out->input_dims[2];
    int taps = out->kernel[0] * out->kernel[1];
    int64_t dims[4] = {out->kernel[0], out->kernel[1], C, is_separable ? 1 : n->filters};
    if (out->type == C2S_AKIDA_FULLY_CONNECTED)
        dims[0] = dims[1] = 1, dims[2] = count / n->filters;
    out->weights = c2s_tensor_create(C2S_I8, 4, dims, err);
    if (!out->weights)
        return false;
    int8_t *to = c2s_i8(out->weights);
    const int8_t *from = c2s_i8(n->integers);
    if (out->type == C2S_AKIDA_INPUT_CONVOLUTIONAL)
        memcpy(to, from, (size_t)count);
    else if (out->type == C2S_AKIDA_FULLY_CONNECTED)
        akida_dense_from_keras(to, from, out->input_dims, n->filters);
    else
        akida_flip(to, from, taps, count / taps);
    if (!is_separable) {
        negate_filters(to, count, n->filters, negate);
        return true;
    }
    int64_t pw[4] = {1, 1, C, n->filters};
    out->weights_pw = c2s_tensor_create(C2S_I8, 4, pw, err);
    if (!out->weights_pw)
        return false;
    memcpy(out->weights_pw->data, n->integers_pw->data, c2s_tensor_bytes(n->integers_pw));
    negate_filters(c2s_i8(out->weights_pw), C * n->filters, n->filters, negate);
    return true;
}
