/* Fix: an identity 1x1 convolution where the chip wants a layer, with a copy of the activation that
 * goes with it. What a ReLU gave, and maxima and averages of that, a ReLU leaves as it is. */
#include <stdio.h>
#include <string.h>

#include "fix/place.h"

static const enum c2s_op passed[] = {C2S_OP_MAX_POOL, C2S_OP_DROPOUT, C2S_OP_COUNT};

/* Bits and limit of the new layer's weights: those of the layers around it, where they are
 * quantized. */
static void set_quantizer(const struct c2s_model *m, int at, struct c2s_layer *l)
{
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_quantizer_spec *q = &m->layers[i]->quantizer;
        bool is_used = i > at || l->quantizer.id == C2S_QUANTIZER_NONE;
        if (q->id == C2S_QUANTIZER_NONE || !is_used)
            continue;
        l->quantizer = (struct c2s_quantizer_spec){
            C2S_QUANTIZER_MAX_PER_AXIS, q->bitwidth > 4 ? 4 : q->bitwidth, 0, q->is_limited};
        if (i > at)
            return;
    }
}

static bool insert_convolution(struct c2s_model *m, int behind, enum c2s_padding padding,
                               const char *name, struct c2s_error *err)
{
    const struct c2s_layer *in = m->layers[behind];
    int64_t n = in->dims[2];
    struct c2s_layer *l = c2s_layer_create(C2S_OP_CONV2D, name, err);
    struct c2s_tensor *kernel =
        l ? c2s_tensor_create(C2S_F32, 4, (int64_t[]){1, 1, n, n}, err) : NULL;
    if (!kernel) {
        c2s_layer_destroy(l);
        return false;
    }
    for (int64_t i = 0; i < n; i++)
        c2s_f32(kernel)[i * n + i] = 1;
    c2s_layer_set_param(l, C2S_KERNEL, kernel);
    l->attr.conv.filters = (int)n;
    l->attr.conv.kernel[0] = l->attr.conv.kernel[1] = 1;
    l->attr.conv.padding = padding;
    l->attr.conv.use_bias = false;
    set_quantizer(m, behind, l);
    if (c2s_layer_is_quantized(l) &&
        !c2s_layer_set_text(&l->class_name, c2s_op_info(l->op)->quantized_class, err)) {
        c2s_layer_destroy(l);
        return false;
    }
    return c2s_model_insert(m, l, behind, err);
}

static bool insert_copy(struct c2s_model *m, const struct c2s_layer *activation, int behind,
                        const char *base, struct c2s_error *err)
{
    char name[160];
    struct c2s_layer *l = c2s_layer_clone(activation, err);
    if (!l)
        return false;
    l->n_inputs = 0;
    if (!c2s_layer_set_text(&l->name, fix_name(m, base, "relu", name), err) ||
        !c2s_layer_set_text(&l->config, NULL, err)) {
        c2s_layer_destroy(l);
        return false;
    }
    return c2s_model_insert(m, l, behind, err);
}

/* The activation that the block with the layer `index` has up to it, or NULL. */
static const struct c2s_layer *activation_before(const struct c2s_model *m, int index)
{
    int at = index;
    while (at >= 0 && (m->layers[at]->op == C2S_OP_MAX_POOL || m->layers[at]->op == C2S_OP_DROPOUT))
        at = quant_only_input(m, at);
    return at >= 0 && c2s_layer_is_akida_activation(m->layers[at]) ? m->layers[at] : NULL;
}

static bool is_image(struct fix_place *p, const struct c2s_layer *l)
{
    return (l->rank == 3 && l->dims[2] > 0) || (fix_cannot(p, "'%s' gives no image", l->name));
}

static bool repeats(struct fix_place *p, const struct c2s_layer *activation)
{
    return fix_is_idempotent(activation) ||
           (fix_cannot(p, "the activation '%s' changes what it gave once more", activation->name));
}

/* Between a max-pooled block and the Dense layer, or behind the last block. */
static bool follow_max_pool(struct fix_place *p, struct c2s_error *err)
{
    static const enum c2s_op in_front[] = {C2S_OP_FLATTEN, C2S_OP_DROPOUT, C2S_OP_COUNT};
    struct c2s_model *m = p->m;
    bool is_last = fix_is_rule(p, "E050");
    int end = is_last && m->n_outputs == 1 ? m->outputs[0] : fix_back_over(m, p->layer, in_front);
    const struct c2s_layer *activation = end >= 0 ? activation_before(m, end) : NULL;
    if (end < 0 || !activation)
        return fix_refused(p, "no ReLU stands between the pooled layer and its end: the identity "
                              "needs one in front of it");
    char name[160], base[128];
    if (!is_image(p, m->layers[end]) || !repeats(p, activation))
        return true;
    snprintf(base, sizeof base, "%s", is_last ? m->layers[end]->name : m->layers[p->layer]->name);
    fix_name(m, base, "identity", name);
    if (!insert_convolution(m, end, C2S_SAME, name, err) ||
        (!is_last && !insert_copy(m, activation, end + 1, name, err)))
        return false;
    return fix_applied(p,
                       is_last ? "'%s', an identity 1x1 Conv2D, follows the pooled layer"
                               : "'%s', an identity 1x1 Conv2D with the same ReLU, stands in "
                                 "front of it",
                       name);
}

/* The activation behind a pool, over further pools, which may as well stand in front of it. */
static const struct c2s_layer *activation_behind(const struct c2s_model *m, int index)
{
    int at = fix_forward_over(m, index, passed);
    return at >= 0 && c2s_layer_is_akida_activation(m->layers[at]) ? m->layers[at] : NULL;
}

/* A pool that has no convolution of its own. */
static bool precede_pool(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_model *m = p->m;
    const struct c2s_layer *pool = fix_layer(p);
    bool is_max = pool->op == C2S_OP_MAX_POOL;
    int before = quant_only_input(m, p->layer);
    if (before < 0)
        return fix_refused(p, "other layers read what it reads");
    if (c2s_model_first_neural(m) < 0 || c2s_model_first_neural(m) > before)
        return fix_refused(p, "no convolution stands in front of it");
    const struct c2s_layer *first = activation_before(m, before);
    const struct c2s_layer *later = activation_behind(m, p->layer);
    const struct c2s_layer *copied = first ? first : later;
    if (!copied || (!first && !is_max))
        return fix_refused(p, "no ReLU stands in front of it or directly behind: an identity "
                              "needs one");
    if (!is_image(p, m->layers[before]) || !repeats(p, copied))
        return true;
    if (!is_max && c2s_layer_is_quantized_activation(copied))
        return fix_refused(p, "averages lie between the levels of '%s'; fix the float version",
                           copied->name);
    char name[160], base[128];
    snprintf(base, sizeof base, "%s", pool->name);
    fix_name(m, base, "identity", name);
    struct fix_place alike = *p; /* 'valid' where 'same' is the same would only be refused next */
    if (is_max && pool->attr.pool.padding == C2S_VALID && !fix_pool_padding(&alike, err))
        return false;
    enum c2s_padding padding = is_max ? pool->attr.pool.padding : C2S_SAME;
    int end = p->layer;
    if (!first) {
        if (!insert_copy(m, later, before++, base, err))
            return false;
        end++;
    }
    if (!insert_convolution(m, before, padding, name, err))
        return false;
    end++;
    bool needs_activation = first && !later && fix_has_neural_behind(m, end);
    if (needs_activation && !insert_copy(m, copied, end, name, err))
        return false;
    return fix_applied(p, "'%s', an identity 1x1 Conv2D%s, stands in front of it", name,
                       !first || needs_activation ? " with the same ReLU" : "");
}

bool fix_insert_identity(struct fix_place *p, struct c2s_error *err)
{
    const struct c2s_layer *l = fix_layer(p);
    if (!l)
        return true;
    if (!fix_is_rule(p, "E018"))
        return follow_max_pool(p, err);
    return (l->op != C2S_OP_MAX_POOL && l->op != C2S_OP_GLOBAL_AVERAGE_POOL) ||
           precede_pool(p, err);
}
