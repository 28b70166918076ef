/* Fixes of layers that only change shapes: Reshape, Flatten, Dropout around them. */
#include <stdio.h>
#include <string.h>

#include "fix/place.h"

/* The input gives what the Reshape makes of it, which then does nothing. */
bool fix_input_shape(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_model *m = p->m;
    struct c2s_layer *l = fix_layer(p);
    int index = p->layer;
    if (l && l->op == C2S_OP_INPUT) {
        index = fix_only_reader(m, p->layer);
        l = index >= 0 ? m->layers[index] : NULL;
    }
    if (!l || l->op != C2S_OP_RESHAPE)
        return true;
    int before = quant_only_input(m, index);
    struct c2s_layer *in = before >= 0 ? m->layers[before] : NULL;
    char shape[96];
    if (!in || in->op != C2S_OP_INPUT)
        return true;
    if (l->rank < 0)
        return fix_refused(p, "its shape is not known");
    for (int i = 0; i < l->rank; i++)
        if (l->dims[i] < 1)
            return fix_refused(p, "its shape is not known");
    in->rank = l->rank;
    memcpy(in->dims, l->dims, sizeof in->dims);
    if (!c2s_layer_set_text(&in->config, NULL, err))
        return false;
    c2s_shape_text(in->rank, in->dims, shape, sizeof shape);
    return c2s_model_remove(m, index, err) &&
           fix_applied(p, "the model takes samples of %s now; the numbers are the same", shape);
}

static bool is_same_shape(const struct c2s_layer *a, const struct c2s_layer *b)
{
    return a->rank >= 0 && a->rank == b->rank &&
           memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank) == 0;
}

bool fix_simplify_reshape(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_model *m = p->m;
    struct c2s_layer *l = fix_layer(p);
    if (!l || (l->op != C2S_OP_RESHAPE && l->op != C2S_OP_FLATTEN) || l->n_inputs != 1)
        return true;
    int next = fix_only_reader(m, p->layer);
    const struct c2s_layer *reader = next >= 0 ? m->layers[next] : NULL;
    if (is_same_shape(l, m->layers[l->inputs[0]]))
        return c2s_model_remove(m, p->layer, err) && fix_applied(p, "it is left out: no effect");
    if (reader && (reader->op == C2S_OP_RESHAPE || reader->op == C2S_OP_FLATTEN)) {
        char name[128];
        snprintf(name, sizeof name, "%s", reader->name);
        bool ends_same = is_same_shape(reader, m->layers[l->inputs[0]]);
        if ((ends_same && !c2s_model_remove(m, next, err)) || !c2s_model_remove(m, p->layer, err))
            return false;
        return fix_applied(p,
                           ends_same ? "it is left out, and '%s', which undoes it"
                                     : "it is left out: '%s' alone gives the same",
                           name);
    }
    if (l->op == C2S_OP_RESHAPE && l->rank == 1)
        return fix_set_op(l, C2S_OP_FLATTEN, err) && fix_applied(p, "it is written as Flatten");
    if (l->op == C2S_OP_RESHAPE)
        return fix_refused(p, "it moves numbers between height, width and channels");
    return true;
}

/* What works on each number alone does not mind the shape. */
bool fix_move_flatten(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_model *m = p->m;
    const struct c2s_layer *l = fix_layer(p);
    if (!l || l->op != C2S_OP_FLATTEN)
        return true;
    int at = p->layer, n_moves = 0;
    for (int next = fix_only_reader(m, at); next >= 0; next = fix_only_reader(m, at)) {
        const struct c2s_layer *reader = m->layers[next];
        enum c2s_op op = reader->op;
        bool is_alone =
            op == C2S_OP_RELU || op == C2S_OP_LEAKY_RELU || op == C2S_OP_DROPOUT ||
            c2s_layer_is_quantized_activation(reader) ||
            (op == C2S_OP_ACTIVATION && reader->attr.activation.function != C2S_FN_SOFTMAX &&
             reader->attr.activation.function != C2S_FN_OTHER);
        if (!is_alone)
            break;
        if (!c2s_model_swap_with_input(m, next, err))
            return false;
        at = next;
        n_moves++;
    }
    int next = fix_only_reader(m, at);
    if (n_moves > 0 && next >= 0 && m->layers[next]->op == C2S_OP_DENSE)
        return fix_applied(p, "it moves directly in front of '%s'", m->layers[next]->name);
    return fix_refused(p, "what follows it needs its vector");
}

bool fix_move_dropout(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_model *m = p->m;
    const struct c2s_layer *l = fix_layer(p);
    int next = l && l->op == C2S_OP_FLATTEN ? fix_only_reader(m, p->layer) : -1;
    if (next < 0 || m->layers[next]->op != C2S_OP_DROPOUT)
        return true;
    char name[128];
    snprintf(name, sizeof name, "%s", m->layers[next]->name);
    return c2s_model_swap_with_input(m, next, err) &&
           fix_applied(p, "'%s' moves in front of it", name);
}
