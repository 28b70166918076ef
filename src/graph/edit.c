/* Edits of a model's graph that keep every layer behind its inputs. */
#include <c2s/model.h>

#include <assert.h>
#include <string.h>

/* Replaces index `from` by `to` wherever it is read, by layers from `first` on and by outputs. */
static void redirect(struct c2s_model *m, int from, int to, int first)
{
    for (int i = first; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_inputs; k++)
            if (m->layers[i]->inputs[k] == from)
                m->layers[i]->inputs[k] = to;
    for (int i = 0; i < m->n_outputs; i++)
        if (m->outputs[i] == from)
            m->outputs[i] = to;
}

/* Adds delta to every stored index that is >= bound. */
static void shift_indices(struct c2s_model *m, int bound, int delta)
{
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_inputs; k++)
            if (m->layers[i]->inputs[k] >= bound)
                m->layers[i]->inputs[k] += delta;
    for (int i = 0; i < m->n_outputs; i++)
        if (m->outputs[i] >= bound)
            m->outputs[i] += delta;
    for (int i = 0; i < m->n_inputs; i++)
        if (m->inputs[i] >= bound)
            m->inputs[i] += delta;
}

bool c2s_model_remove(struct c2s_model *m, int index, struct c2s_error *err)
{
    struct c2s_layer *l = m->layers[index];
    if (l->n_inputs != 1)
        return c2s_fail(err, C2S_STATE, "layer '%s' has %d inputs and cannot be taken out", l->name,
                        l->n_inputs);
    redirect(m, index, l->inputs[0], index + 1);
    memmove(m->layers + index, m->layers + index + 1,
            sizeof *m->layers * (size_t)(m->n_layers - index - 1));
    m->n_layers--;
    shift_indices(m, index + 1, -1);
    c2s_layer_destroy(l);
    return true;
}

bool c2s_model_insert(struct c2s_model *m, struct c2s_layer *l, int behind, struct c2s_error *err)
{
    int at = behind + 1;
    assert(l->n_inputs == 0);
    if (!c2s_layer_add_input(l, behind, err)) {
        c2s_layer_destroy(l);
        return false;
    }
    if (!c2s_model_add(m, l, NULL, err))
        return false;
    memmove(m->layers + at + 1, m->layers + at, sizeof *m->layers * (size_t)(m->n_layers - at - 1));
    m->layers[at] = l;
    shift_indices(m, at, 1);
    redirect(m, behind, at, at + 1);
    return true;
}

bool c2s_model_swap_with_input(struct c2s_model *m, int index, struct c2s_error *err)
{
    struct c2s_layer *b = m->layers[index];
    int before = b->n_inputs == 1 ? b->inputs[0] : -1;
    if (before < 0 || m->layers[before]->n_inputs != 1 || c2s_model_n_readers(m, before, NULL) != 1)
        return c2s_fail(err, C2S_STATE, "layer '%s' cannot change places with the one before it",
                        b->name);
    struct c2s_layer *a = m->layers[before];
    /* Both edges keep their index values: x -> before -> index. Only the contents change places. */
    int *inputs = a->inputs;
    a->inputs = b->inputs;
    b->inputs = inputs;
    m->layers[before] = b;
    m->layers[index] = a;
    return true;
}
