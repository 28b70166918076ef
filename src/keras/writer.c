/* Writes a model as a Keras .h5 file in the form of TF 2.4 (cnn2snn 1.8) or TF 2.10 (2.2). */
#include <c2s/keras.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "h5/h5.h"
#include "keras/write.h"

#define MAX_NAME    256
#define MAX_WEIGHTS (C2S_ROLE_COUNT + 1)

struct writing {
    const struct c2s_model *m; /* translated to the dialect */
    char (*names)[MAX_NAME];   /* owned: of each layer in the file */
    int *first_quantizer;      /* owned: number of each layer's first quantizer */
    int *order;                /* owned: layer indices in the order Keras has them */
    int n_ordered;
    bool is_sequential;
    const char *keras_version;
};

/* TensorFlow takes letters, digits and "_./>-" in a layer's name. */
static void make_names(struct writing *w)
{
    for (int i = 0; i < w->m->n_layers; i++) {
        char *name = w->names[i];
        snprintf(name, MAX_NAME - 16, "%s", w->m->layers[i]->name);
        for (char *p = name; *p; p++) {
            bool is_first = p == name;
            const char *allowed = is_first ? "." : "_./>-";
            bool is_plain =
                (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
            if (!is_plain && !strchr(allowed, *p))
                *p = is_first ? 'x' : '_';
        }
        if (!*name)
            snprintf(name, MAX_NAME, "layer");
        size_t n = strlen(name);
        for (int k = 0, next = 1; k < i; k++)
            if (strcmp(w->names[k], name) == 0) {
                snprintf(name + n, MAX_NAME - n, "_%d", next++);
                k = -1;
            }
    }
}

/* One input, then each layer reads the one before it, the last one is the output. */
static bool is_chain(const struct c2s_model *m)
{
    bool ok = m->n_layers > 1 && m->n_inputs == 1 && m->n_outputs == 1 && m->inputs[0] == 0 &&
              m->outputs[0] == m->n_layers - 1;
    for (int i = 1; ok && i < m->n_layers; i++)
        ok = m->layers[i]->op != C2S_OP_INPUT && m->layers[i]->n_inputs == 1 &&
             m->layers[i]->inputs[0] == i - 1;
    return ok;
}

/* What Keras sorts the layers of a Functional model by: the longest way to an output, then when a
 * walk from the outputs back to the inputs meets them first. Weights are loaded in this order. */
struct rank {
    int layer, depth, met;
};

static int compare_ranks(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    return x->depth != y->depth ? y->depth - x->depth : x->met - y->met;
}

/* Fills met of every layer the outputs depend on; the others keep -1. */
static bool walk_back(const struct c2s_model *m, struct rank *ranks, struct c2s_error *err)
{
    size_t room = (size_t)m->n_outputs;
    int n = 0, n_met = 0;
    for (int i = 0; i < m->n_layers; i++)
        room += (size_t)m->layers[i]->n_inputs;
    int *stack = c2s_calloc(room, sizeof *stack);
    if (!stack)
        return c2s_fail_nomem(err);
    for (int i = m->n_outputs - 1; i >= 0; i--)
        stack[n++] = m->outputs[i];
    while (n > 0) {
        int index = stack[--n];
        const struct c2s_layer *l = m->layers[index];
        if (ranks[index].met >= 0)
            continue;
        ranks[index].met = n_met++;
        for (int k = l->n_inputs - 1; k >= 0; k--)
            stack[n++] = l->inputs[k];
    }
    c2s_free(stack);
    return true;
}

static bool order_layers(struct writing *w, struct c2s_error *err)
{
    const struct c2s_model *m = w->m;
    struct rank *ranks = c2s_calloc((size_t)m->n_layers, sizeof *ranks);
    if (!ranks)
        return c2s_fail_nomem(err);
    for (int i = 0; i < m->n_layers; i++)
        ranks[i] = (struct rank){.layer = i, .met = -1};
    bool ok = walk_back(m, ranks, err);
    for (int i = m->n_layers - 1; ok && i >= 0; i--) {
        const struct c2s_layer *l = m->layers[i];
        for (int k = 0; k < l->n_inputs && ranks[i].met >= 0; k++)
            if (ranks[l->inputs[k]].depth < ranks[i].depth + 1)
                ranks[l->inputs[k]].depth = ranks[i].depth + 1;
    }
    if (ok && !w->is_sequential)
        qsort(ranks, (size_t)m->n_layers, sizeof *ranks, compare_ranks);
    for (int i = 0; ok && i < m->n_layers; i++)
        if (ranks[i].met >= 0 || m->layers[ranks[i].layer]->op == C2S_OP_INPUT)
            w->order[w->n_ordered++] = ranks[i].layer;
    c2s_free(ranks);
    return ok;
}

static bool append(struct c2s_json *array, struct c2s_json *value)
{
    return c2s_json_append(array, value);
}

/* ["name", 0, 0] or, inside inbound_nodes, ["name", 0, 0, {}]. */
static struct c2s_json *new_ref(const char *name, bool has_arguments)
{
    struct c2s_json *ref = c2s_json_new_array();
    if (append(ref, c2s_json_new_text(name)) && append(ref, c2s_json_new_integer(0)) &&
        append(ref, c2s_json_new_integer(0)) &&
        (!has_arguments || append(ref, c2s_json_new_object())))
        return ref;
    c2s_json_free(ref);
    return NULL;
}

static struct c2s_json *new_refs(const struct writing *w, const int *list, int n,
                                 bool has_arguments)
{
    struct c2s_json *refs = c2s_json_new_array();
    for (int i = 0; i < n; i++)
        if (!append(refs, new_ref(w->names[list[i]], has_arguments))) {
            c2s_json_free(refs);
            return NULL;
        }
    return refs;
}

static struct c2s_json *new_layer(const struct writing *w, int index, int *n_quantizers,
                                  struct c2s_error *err)
{
    const struct c2s_layer *l = w->m->layers[index];
    w->first_quantizer[index] = *n_quantizers;
    struct c2s_json *config = keras_layer_config(w->m, index, w->names[index], n_quantizers, err);
    struct c2s_json *object = c2s_json_new_object(), *nodes = c2s_json_new_array();
    bool ok = c2s_json_set(object, "class_name", c2s_json_new_text(keras_layer_class(l)));
    ok = c2s_json_set(object, "config", config) && ok;
    if (w->is_sequential) {
        c2s_json_free(nodes);
    } else {
        ok = c2s_json_set(object, "name", c2s_json_new_text(w->names[index])) && ok;
        if (l->n_inputs > 0)
            ok = append(nodes, new_refs(w, l->inputs, l->n_inputs, true)) && ok;
        ok = c2s_json_set(object, "inbound_nodes", nodes) && ok;
    }
    if (ok)
        return object;
    c2s_json_free(object);
    c2s_fail_nomem(err);
    return NULL;
}

static struct c2s_json *new_layers(const struct writing *w, struct c2s_error *err)
{
    int n_quantizers = 0;
    struct c2s_json *layers = c2s_json_new_array();
    for (int i = 0; i < w->n_ordered; i++)
        if (!append(layers, new_layer(w, w->order[i], &n_quantizers, err))) {
            c2s_json_free(layers);
            return NULL;
        }
    return layers;
}

/* New text of the whole model_config; NULL on failure. */
static char *model_config(const struct writing *w, struct c2s_error *err)
{
    const struct c2s_model *m = w->m;
    const char *class_name = w->is_sequential ? "Sequential" : "Functional";
    struct c2s_json *config = c2s_json_new_object(), *object = c2s_json_new_object();
    bool ok = c2s_json_set(config, "name", c2s_json_new_text(m->name)) &&
              c2s_json_set(config, "layers", new_layers(w, err));
    if (ok && !w->is_sequential)
        ok = c2s_json_set(config, "input_layers", new_refs(w, m->inputs, m->n_inputs, false)) &&
             c2s_json_set(config, "output_layers", new_refs(w, m->outputs, m->n_outputs, false));
    ok = c2s_json_set(object, "class_name", c2s_json_new_text(class_name)) && ok;
    ok = c2s_json_set(object, "config", config) && ok;
    char *text = ok ? c2s_json_print(object, 17, false) : NULL;
    c2s_json_free(object);
    if (!text)
        c2s_fail_nomem(err);
    return text;
}

/* "dense/kernel:0"; a quantizer's own tensor is named after the quantizer. */
static void weight_name(const struct writing *w, int index, enum c2s_role role, char *out,
                        size_t size)
{
    const struct c2s_layer *l = w->m->layers[index];
    char quantizer[96];
    if (role == C2S_WEIGHT_THRESHOLD || role == C2S_DEPTHWISE_THRESHOLD) {
        bool is_second = role == C2S_WEIGHT_THRESHOLD && l->op == C2S_OP_SEPARABLE_CONV2D;
        keras_quantizer_name(role == C2S_WEIGHT_THRESHOLD ? &l->quantizer : &l->quantizer_dw,
                             w->first_quantizer[index] + is_second, quantizer, sizeof quantizer);
        snprintf(out, size, "%s/threshold:0", quantizer);
    } else {
        snprintf(out, size, "%s/%s:0", w->names[index], c2s_role_name(role));
    }
}

static bool write_layer(const struct writing *w, struct h5_writer *file, int index,
                        struct c2s_error *err)
{
    const struct c2s_layer *l = w->m->layers[index];
    char weights[MAX_WEIGHTS][MAX_NAME + 32], group[MAX_NAME + 32];
    const char *list[MAX_WEIGHTS];
    int n = 0;
    snprintf(group, sizeof group, "/model_weights/%s", w->names[index]);
    if (!h5_write_group(file, group, err))
        return false;
    for (int role = 0; role < C2S_ROLE_COUNT; role++) { /* their order is Keras' weight order */
        char path[3 * MAX_NAME];
        if (!l->params[role])
            continue;
        weight_name(w, index, (enum c2s_role)role, weights[n], sizeof weights[n]);
        snprintf(path, sizeof path, "%s/%s", group, weights[n]);
        if (!h5_write(file, path, l->params[role], err))
            return false;
        list[n] = weights[n];
        n++;
    }
    return h5_write_names(file, group, "weight_names", list, n, err);
}

static bool write_file(const struct writing *w, struct h5_writer *file, struct c2s_error *err)
{
    static const char *const places[] = {"/", "/model_weights"};
    const struct c2s_model *m = w->m;
    char *config = model_config(w, err);
    bool ok = config && h5_write_text(file, "/", "model_config", config, err);
    c2s_text_free(config);
    for (int i = 0; ok && i < 2; i++)
        ok = h5_write_text(file, places[i], "backend", "tensorflow", err) &&
             h5_write_text(file, places[i], "keras_version", w->keras_version, err);
    const char **names = c2s_calloc((size_t)m->n_layers, sizeof *names);
    if (!names)
        return c2s_fail_nomem(err);
    int n = 0;
    for (int i = 0; ok && i < w->n_ordered; i++) {
        int index = w->order[i];
        if (w->is_sequential && m->layers[index]->op == C2S_OP_INPUT)
            continue; /* Keras lists the input of Functional models only */
        names[n++] = w->names[index];
        ok = write_layer(w, file, index, err);
    }
    ok = ok && h5_write_names(file, "/model_weights", "layer_names", names, n, err);
    c2s_free(names);
    return ok;
}

static bool write_model(const struct c2s_model *m, const char *path,
                        const struct c2s_keras_write_options *options, struct c2s_error *err)
{
    struct h5_writer *file = NULL;
    struct writing w = {.m = m, .is_sequential = m->is_sequential && is_chain(m)};
    w.keras_version = options->dialect == C2S_DIALECT_CNN2SNN_22 ? "2.10.0" : "2.4.0";
    w.names = c2s_calloc((size_t)m->n_layers, sizeof *w.names);
    w.first_quantizer = c2s_calloc((size_t)m->n_layers, sizeof *w.first_quantizer);
    w.order = c2s_calloc((size_t)m->n_layers, sizeof *w.order);
    bool ok = w.names && w.first_quantizer && w.order;
    if (!ok)
        c2s_fail_nomem(err);
    else
        make_names(&w);
    ok = ok && order_layers(&w, err) && h5_create(path, options->overwrite, &file, err);
    if (ok && write_file(&w, file, err))
        ok = h5_commit(file, err);
    else if (ok) {
        ok = false;
        h5_discard(file);
    }
    c2s_free(w.names);
    c2s_free(w.first_quantizer);
    c2s_free(w.order);
    return ok;
}

bool c2s_keras_write(const struct c2s_model *m, const char *path,
                     const struct c2s_keras_write_options *options, struct c2s_error *err)
{
    struct c2s_model *said;
    if (!keras_translate(m, options->dialect, &said, err))
        return false;
    bool ok = write_model(said, path, options, err);
    c2s_model_destroy(said);
    return ok;
}
