/* Rewrite: batch normalization behind a pooling layer moves in front of it, where it can be folded.
 * The two commute when the normalization is increasing (max) or merely affine (average). */
#include <c2s/quantize.h>
#include <c2s/rules.h>

#include "quant/rewrite.h"

bool quant_is_output(const struct c2s_model *m, int index)
{
    for (int i = 0; i < m->n_outputs; i++)
        if (m->outputs[i] == index)
            return true;
    return false;
}

int quant_only_input(const struct c2s_model *m, int index)
{
    const struct c2s_layer *l = m->layers[index];
    if (l->n_inputs != 1 || quant_is_output(m, l->inputs[0]) ||
        c2s_model_n_readers(m, l->inputs[0], NULL) != 1)
        return -1;
    return l->inputs[0];
}

bool quant_is_last_axis(const struct c2s_model *m, const struct c2s_layer *bn,
                        struct c2s_error *err)
{
    int rank = m->layers[bn->inputs[0]]->rank, axis = bn->attr.batch_norm.axis;
    if (axis == -1 || axis == rank)
        return true;
    return c2s_fail_rule(err, C2S_UNSUPPORTED, "E012", "batch normalization '%s' works on axis %d",
                         bn->name, axis);
}

static bool is_increasing(const struct c2s_layer *bn, const struct c2s_layer *pool,
                          struct c2s_error *err)
{
    const struct c2s_tensor *gamma = bn->params[C2S_GAMMA];
    int64_t n_zero = 0, n_negative = 0, n = gamma ? c2s_tensor_count(gamma) : 0;
    for (int64_t i = 0; i < n; i++) {
        n_zero += c2s_f32(gamma)[i] == 0;
        n_negative += c2s_f32(gamma)[i] < 0;
    }
    if (n_negative > 0)
        return c2s_fail_rule(err, C2S_UNSUPPORTED, "E011",
                             "batch normalization '%s' behind '%s' has a negative gamma in %lld of "
                             "%lld channels",
                             bn->name, pool->name, (long long)n_negative, (long long)n);
    return n_zero == 0 ||
           c2s_fail_rule(err, C2S_UNSUPPORTED, "E010",
                         "batch normalization '%s' behind '%s' has gamma 0 in %lld of %lld "
                         "channels",
                         bn->name, pool->name, (long long)n_zero, (long long)n);
}

bool c2s_model_swap_batch_norm_and_pool(struct c2s_model *m, int *n, struct c2s_error *err)
{
    int n_swapped = 0;
    for (int i = 0; i < m->n_layers; i++) {
        struct c2s_layer *bn = m->layers[i];
        int before = bn->op == C2S_OP_BATCH_NORM ? quant_only_input(m, i) : -1;
        struct c2s_layer *pool = before >= 0 ? m->layers[before] : NULL;
        if (!pool || (pool->op != C2S_OP_MAX_POOL && pool->op != C2S_OP_GLOBAL_AVERAGE_POOL))
            continue;
        if (!quant_is_last_axis(m, bn, err) ||
            (pool->op == C2S_OP_MAX_POOL && !is_increasing(bn, pool, err)) ||
            !c2s_model_swap_with_input(m, i, err))
            return false;
        bn->attr.batch_norm.axis = -1; /* the rank in front of a global pooling is another one */
        n_swapped++;
    }
    if (n)
        *n = n_swapped;
    return n_swapped == 0 || c2s_model_infer_shapes(m, err);
}
