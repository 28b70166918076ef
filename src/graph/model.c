/* Models: building, copying, asking. Edits of the graph are in edit.c, shapes in shapes.c. */
#include <c2s/model.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static bool append_int(int **list, int *n, int value, struct c2s_error *err)
{
    int *grown = c2s_realloc(*list, sizeof *grown * (size_t)(*n + 1));
    if (!grown)
        return c2s_fail_nomem(err);
    *list = grown;
    grown[(*n)++] = value;
    return true;
}

struct c2s_model *c2s_model_create(const char *name, struct c2s_error *err)
{
    struct c2s_model *m = c2s_calloc(1, sizeof *m);
    if (!m) {
        c2s_fail_nomem(err);
        return NULL;
    }
    if (!c2s_layer_set_text(&m->name, name, err) ||
        !c2s_layer_set_text(&m->keras_version, "", err)) {
        c2s_model_destroy(m);
        return NULL;
    }
    return m;
}

static bool copy_into(struct c2s_model *copy, const struct c2s_model *m, struct c2s_error *err)
{
    if (!c2s_layer_set_text(&copy->keras_version, m->keras_version, err))
        return false;
    for (int i = 0; i < m->n_layers; i++) {
        struct c2s_layer *l = c2s_layer_clone(m->layers[i], err);
        if (!l || !c2s_model_add(copy, l, NULL, err))
            return false;
    }
    for (int i = 0; i < m->n_inputs; i++)
        if (!c2s_model_add_input(copy, m->inputs[i], err))
            return false;
    for (int i = 0; i < m->n_outputs; i++)
        if (!c2s_model_add_output(copy, m->outputs[i], err))
            return false;
    for (int i = 0; i < m->n_notes; i++)
        if (!c2s_model_add_note(copy, m->notes[i].kind, err, "%s", m->notes[i].text))
            return false;
    copy->is_sequential = m->is_sequential;
    copy->dialect = m->dialect;
    copy->n_tensors_read = m->n_tensors_read;
    copy->n_tensors_expected = m->n_tensors_expected;
    return true;
}

struct c2s_model *c2s_model_clone(const struct c2s_model *m, struct c2s_error *err)
{
    struct c2s_model *copy = c2s_model_create(m->name, err);
    if (copy && !copy_into(copy, m, err)) {
        c2s_model_destroy(copy);
        copy = NULL;
    }
    return copy;
}

void c2s_model_destroy(struct c2s_model *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->n_layers; i++)
        c2s_layer_destroy(m->layers[i]);
    for (int i = 0; i < m->n_notes; i++)
        c2s_free(m->notes[i].text);
    c2s_free(m->layers);
    c2s_free(m->inputs);
    c2s_free(m->outputs);
    c2s_free(m->notes);
    c2s_free(m->name);
    c2s_free(m->keras_version);
    c2s_free(m);
}

static bool may_add(const struct c2s_model *m, const struct c2s_layer *l, struct c2s_error *err)
{
    if (c2s_model_find(m, l->name) >= 0)
        return c2s_fail(err, C2S_STATE, "two layers are named '%s'", l->name);
    for (int i = 0; i < l->n_inputs; i++)
        if (l->inputs[i] < 0 || l->inputs[i] >= m->n_layers)
            return c2s_fail(err, C2S_STATE, "layer '%s' reads a layer that comes after it",
                            l->name);
    return true;
}

bool c2s_model_add(struct c2s_model *m, struct c2s_layer *l, int *index, struct c2s_error *err)
{
    struct c2s_layer **grown = NULL;
    if (may_add(m, l, err)) {
        grown = c2s_realloc(m->layers, sizeof *grown * (size_t)(m->n_layers + 1));
        if (!grown)
            c2s_fail_nomem(err);
    }
    if (!grown) {
        c2s_layer_destroy(l);
        return false;
    }
    m->layers = grown;
    if (index)
        *index = m->n_layers;
    m->layers[m->n_layers++] = l;
    return true;
}

bool c2s_model_add_input(struct c2s_model *m, int index, struct c2s_error *err)
{
    return append_int(&m->inputs, &m->n_inputs, index, err);
}

bool c2s_model_add_output(struct c2s_model *m, int index, struct c2s_error *err)
{
    return append_int(&m->outputs, &m->n_outputs, index, err);
}

bool c2s_model_add_note(struct c2s_model *m, enum c2s_note_kind kind, struct c2s_error *err,
                        const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct c2s_model_note *grown = c2s_realloc(m->notes, sizeof *grown * (size_t)(m->n_notes + 1));
    if (!grown)
        return c2s_fail_nomem(err);
    m->notes = grown;
    grown[m->n_notes] = (struct c2s_model_note){kind, c2s_strdup(text)};
    if (!grown[m->n_notes].text)
        return c2s_fail_nomem(err);
    m->n_notes++;
    return true;
}

const char *c2s_note_kind_name(enum c2s_note_kind kind)
{
    static const char *const names[] = {"read", "skipped", "assumed", "renamed"};
    return (unsigned)kind < 4 ? names[kind] : "unknown";
}

int c2s_model_find(const struct c2s_model *m, const char *name)
{
    for (int i = 0; i < m->n_layers; i++)
        if (strcmp(m->layers[i]->name, name) == 0)
            return i;
    return -1;
}

int c2s_model_n_readers(const struct c2s_model *m, int index, int *reader)
{
    int n = 0;
    for (int i = index + 1; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_inputs; k++)
            if (m->layers[i]->inputs[k] == index && n++ == 0 && reader)
                *reader = i;
    return n;
}

int c2s_model_first_neural(const struct c2s_model *m)
{
    for (int i = 0; i < m->n_layers; i++)
        if (c2s_layer_is_neural(m->layers[i]))
            return i;
    return -1;
}

bool c2s_model_is_quantized(const struct c2s_model *m)
{
    bool found = false;
    for (int i = 0; i < m->n_layers; i++)
        found |=
            c2s_layer_is_quantized(m->layers[i]) || c2s_layer_is_quantized_activation(m->layers[i]);
    return found;
}

int64_t c2s_model_n_params(const struct c2s_model *m)
{
    int64_t n = 0;
    for (int i = 0; i < m->n_layers; i++)
        n += c2s_layer_n_params(m->layers[i]);
    return n;
}
