/* Rules about what may follow what, on the order that convert sees (see chain.h). A layer that no
 * Akida part computes is reported once, by its own rule: here it hides what is around it, so that
 * one mistake does not show up as three. */
#include "check/rule.h"

static bool is_neural(const struct c2s_layer *l)
{
    return l && c2s_layer_is_akida_neural(l);
}

void c2s_rule_norm_axis(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        int axis = l->attr.batch_norm.axis;
        if (l->op == C2S_OP_BATCH_NORM && l->rank >= 0 && axis != -1 && axis != l->rank)
            c2s_report(run, i, "axis %d; only the last, %d or -1, is taken", axis, l->rank);
    }
}

void c2s_rule_norm_place(struct c2s_check_run *run)
{
    for (int i = 0; i < run->chain.n; i++) {
        const struct c2s_layer *l = c2s_chain_layer(run, i), *before = c2s_chain_layer(run, i - 1);
        if (l->op != C2S_OP_BATCH_NORM || (before && c2s_chain_is_unsupported(before)))
            continue;
        if (before)
            c2s_report(run, run->chain.at[i], "stands behind '%s' (%s), not behind a neural layer",
                       before->name, before->class_name);
        else
            c2s_report(run, run->chain.at[i], "is the first layer, with no neural layer before it");
    }
}

void c2s_rule_missing_activation(struct c2s_check_run *run)
{
    int open = -1; /* neural layer that still waits for its activation */
    for (int i = 0; i < run->chain.n; i++) {
        const struct c2s_layer *l = c2s_chain_layer(run, i);
        if (is_neural(l)) {
            if (open >= 0)
                c2s_report(run, open, "no activation between it and '%s'", l->name);
            open = c2s_layer_function(l) == C2S_FN_LINEAR ? run->chain.at[i] : -1;
        } else if (c2s_op_info(l->op)->family == C2S_FAMILY_ACTIVATION ||
                   c2s_chain_is_unsupported(l)) {
            open = -1;
        }
    }
}

void c2s_rule_extra_activation(struct c2s_check_run *run)
{
    bool may_follow = false;
    const struct c2s_layer *last = NULL; /* activation since the last neural layer */
    for (int i = 0; i < run->chain.n; i++) {
        const struct c2s_layer *l = c2s_chain_layer(run, i);
        if (is_neural(l) || c2s_chain_is_unsupported(l)) {
            may_follow = true;
            last = NULL;
        } else if (c2s_layer_is_akida_activation(l)) {
            if (last)
                c2s_report(run, run->chain.at[i], "no neural layer between '%s' and it",
                           last->name);
            else if (!may_follow)
                c2s_report(run, run->chain.at[i], "no neural layer before it");
            last = l;
        }
    }
}

static const struct c2s_layer *later_neural(const struct c2s_check_run *run, int position)
{
    for (int i = position + 1; i < run->chain.n; i++)
        if (is_neural(c2s_chain_layer(run, i)))
            return c2s_chain_layer(run, i);
    return NULL;
}

static bool is_other_activation(const struct c2s_layer *l)
{
    return l->op == C2S_OP_ACTIVATION || l->op == C2S_OP_SOFTMAX;
}

void c2s_rule_other_activation(struct c2s_check_run *run)
{
    for (int i = 0; i < run->chain.n; i++) {
        const struct c2s_layer *l = c2s_chain_layer(run, i), *later = later_neural(run, i);
        if (is_other_activation(l) && later)
            c2s_report(run, run->chain.at[i], "%s in front of the neural layer '%s'", l->class_name,
                       later->name);
    }
}

void c2s_rule_note_last_activation(struct c2s_check_run *run)
{
    for (int i = 0; i < run->chain.n; i++)
        if (is_other_activation(c2s_chain_layer(run, i)) && !later_neural(run, i))
            c2s_report(run, run->chain.at[i], "%s behind the last neural layer",
                       c2s_chain_layer(run, i)->class_name);
}

static bool is_pool(const struct c2s_layer *l)
{
    return l->op == C2S_OP_MAX_POOL || l->op == C2S_OP_GLOBAL_AVERAGE_POOL;
}

void c2s_rule_pool_place(struct c2s_check_run *run)
{
    for (int i = 0; i < run->chain.n; i++) {
        const struct c2s_layer *l = c2s_chain_layer(run, i), *before = c2s_chain_layer(run, i - 1);
        bool follows_conv = is_neural(before) && before->op != C2S_OP_DENSE;
        if (!is_pool(l) || follows_conv || (before && c2s_chain_is_unsupported(before)))
            continue;
        if (before)
            c2s_report(run, run->chain.at[i], "stands behind '%s' (%s), not behind a convolution",
                       before->name, before->class_name);
        else
            c2s_report(run, run->chain.at[i], "is the first layer, with no convolution before it");
    }
}

void c2s_rule_pool_padding(struct c2s_check_run *run)
{
    static const char *const names[] = {[C2S_VALID] = "valid", [C2S_SAME] = "same"};
    for (int i = 1; i < run->chain.n; i++) {
        const struct c2s_layer *l = c2s_chain_layer(run, i), *conv = c2s_chain_layer(run, i - 1);
        if (l->op == C2S_OP_MAX_POOL && is_neural(conv) && conv->op != C2S_OP_DENSE &&
            l->attr.pool.padding != conv->attr.conv.padding)
            c2s_report(run, run->chain.at[i], "padding '%s', but '%s' has '%s'",
                       names[l->attr.pool.padding], conv->name, names[conv->attr.conv.padding]);
    }
}

void c2s_rule_flatten(struct c2s_check_run *run)
{
    for (int i = 0; i < run->chain.n; i++) {
        const struct c2s_layer *l = c2s_chain_layer(run, i), *next = c2s_chain_layer(run, i + 1);
        /* A normalization that could not be folded is reported by its own rule. */
        if (l->op == C2S_OP_FLATTEN && next && next->op != C2S_OP_DENSE &&
            next->op != C2S_OP_BATCH_NORM && !c2s_chain_is_unsupported(next))
            c2s_report(run, run->chain.at[i], "'%s' (%s) follows it, not a Dense layer", next->name,
                       next->class_name);
    }
}

void c2s_rule_rescaling(struct c2s_check_run *run)
{
    for (int i = 0; i < run->chain.n; i++) {
        const struct c2s_layer *l = c2s_chain_layer(run, i);
        if (l->op != C2S_OP_RESCALING)
            continue;
        if (i > 0)
            c2s_report(run, run->chain.at[i], "stands behind '%s'; it must be the first layer",
                       c2s_chain_layer(run, i - 1)->name);
        else if (run->options->input_is_integers)
            c2s_report(run, run->chain.at[i], "integer inputs pass unchanged; nothing folds it");
        if (!(l->attr.rescaling.scale > 0))
            c2s_report(run, run->chain.at[i], "scale %g; it must be above 0",
                       (double)l->attr.rescaling.scale);
    }
}

void c2s_rule_first_layer(struct c2s_check_run *run)
{
    const struct c2s_layer *first = c2s_chain_layer(run, 0);
    if (run->options->input_is_integers)
        return;
    int position = first && first->op == C2S_OP_RESCALING ? 1 : 0;
    first = c2s_chain_layer(run, position);
    if (!first) {
        c2s_report(run, -1, "the model has no neural layer");
    } else if (first->op != C2S_OP_CONV2D) {
        if (!c2s_chain_is_unsupported(first))
            c2s_report(run, run->chain.at[position], "%s takes the input; it must be a Conv2D",
                       first->class_name);
    } else {
        int64_t dims[3];
        if (c2s_input_dims(run, run->chain.at[position], dims) &&
            !c2s_set_has(run->target->input.channels, (int)dims[2]))
            c2s_report(run, run->chain.at[position], "%lld input channels; images have 1 or 3",
                       (long long)dims[2]);
    }
}
