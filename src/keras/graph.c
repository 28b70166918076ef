/* Sequential and Functional configs, nested ones inside each other, as one flat graph. A layer that
 * is used several times becomes several layers of the model that share their tensors. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "keras/keras.h"

#define MAX_LAYERS 5000 /* a small file can describe submodels within submodels endlessly */
#define MAX_DEPTH  32
#define MAX_NAME   512

/* Model indices of what a call of a layer gives. */
struct values {
    int *items; /* owned */
    int n;
};

/* A submodel being added: where its layers' names begin, and whose weights they have. */
struct place {
    const char *prefix; /* "" or "outer/" */
    const char *group;  /* NULL at the top: each layer is its own group */
    bool is_trainable;
    int depth;
};

/* One entry of a Functional model's list of layers. */
struct item {
    const char *name;
    const struct c2s_json *layer;
    struct values *calls; /* owned, one for each use; items NULL = not reached yet */
    int n_calls;
    int64_t last_node; /* largest number by which a use of it is referred to */
};

static bool append(struct values *list, int value, struct c2s_error *err)
{
    int *grown = c2s_realloc(list->items, sizeof *grown * (size_t)(list->n + 1));
    if (!grown)
        return c2s_fail_nomem(err);
    list->items = grown;
    grown[list->n++] = value;
    return true;
}

static const char *class_of(const struct c2s_json *layer)
{
    return c2s_json_text(c2s_json_get(layer, "class_name"), "");
}

static const struct c2s_json *config_of(const struct c2s_json *layer)
{
    return c2s_json_get(layer, "config");
}

static const char *name_of(const struct c2s_json *layer)
{
    const char *inside = c2s_json_text(c2s_json_get(config_of(layer), "name"), "");
    return c2s_json_text(c2s_json_get(layer, "name"), inside);
}

/* The list of layers of a model's entry; NULL when it is a plain layer. */
static const struct c2s_json *layers_of(const struct c2s_json *layer)
{
    const struct c2s_json *config = config_of(layer);
    if (c2s_json_kind(config) == C2S_JSON_ARRAY) /* Sequential before Keras 2.2.3 */
        return config;
    const struct c2s_json *layers = c2s_json_get(config, "layers");
    return c2s_json_kind(layers) == C2S_JSON_ARRAY ? layers : NULL;
}

static bool is_input(const struct c2s_json *layer)
{
    return strcmp(keras_bare_class(class_of(layer)), "InputLayer") == 0;
}

static bool is_functional(const struct c2s_json *layer)
{
    return c2s_json_get(config_of(layer), "output_layers") != NULL;
}

/* The shape key under any of its names. */
static const struct c2s_json *shape_of(const struct c2s_json *layer)
{
    const struct c2s_json *config = config_of(layer);
    const struct c2s_json *shape = c2s_json_get(config, "batch_input_shape");
    if (!shape)
        shape = c2s_json_get(config, "batch_shape");
    if (!shape)
        shape = c2s_json_get(config, "build_input_shape");
    if (!shape)
        shape = c2s_json_get(c2s_json_get(layer, "build_config"), "input_shape");
    return shape;
}

/* Adds l (taken) and what is known of its origin. */
static bool add_layer(struct keras_build *b, struct c2s_layer *l, struct keras_origin origin,
                      int *index, struct c2s_error *err)
{
    int n = b->model->n_layers;
    if (n >= MAX_LAYERS) {
        c2s_layer_destroy(l);
        return c2s_fail(err, C2S_FORMAT, "the model has more than %d layers", MAX_LAYERS);
    }
    origin.first_use = n;
    for (int i = 0; i < n && origin.first_use == n; i++)
        if (b->origins[i].layer == origin.layer)
            origin.first_use = i;
    if ((n & (n - 1)) == 0) { /* doubles at powers of two */
        struct keras_origin *grown =
            c2s_realloc(b->origins, sizeof *grown * (size_t)(n ? 2 * n : 1));
        if (!grown) {
            c2s_layer_destroy(l);
            return c2s_fail_nomem(err);
        }
        b->origins = grown;
    }
    b->origins[n] = origin;
    return c2s_model_add(b->model, l, index, err);
}

/* "outer/inner", with "@2" behind it when that name is taken: a second use. */
static void unique_name(const struct keras_build *b, const char *prefix, const char *name,
                        char *out, size_t size)
{
    snprintf(out, size, "%s%s", prefix, name);
    for (int use = 2; c2s_model_find(b->model, out) >= 0; use++)
        snprintf(out, size, "%s%s@%d", prefix, name, use);
}

static bool refuse_keras_1(const struct c2s_json *layer, struct c2s_error *err)
{
    const struct c2s_json *config = config_of(layer);
    if (!c2s_json_get(config, "nb_filter") && !c2s_json_get(config, "border_mode") &&
        !c2s_json_get(config, "dim_ordering"))
        return true;
    return c2s_fail(err, C2S_FORMAT,
                    "the file was written by Keras 1; load it with Keras 2.0 to 2.2 in Python and "
                    "save it again");
}

/* Attributes and inputs; a layer that cannot be computed becomes UNKNOWN with a note. */
static bool fill_layer(struct keras_build *b, struct c2s_layer *l, const struct c2s_json *layer,
                       const struct values *in, struct c2s_error *err)
{
    char why[160] = "";
    bool is_merge = c2s_op_info(l->op)->family == C2S_FAMILY_MERGE;
    char *text = c2s_json_print(config_of(layer), 0, false);
    bool ok = text && c2s_layer_set_text(&l->config, text, err) &&
              c2s_layer_set_text(&l->class_name, class_of(layer), err);
    c2s_json_text_free(text);
    if (!ok)
        return c2s_fail_nomem(err);
    for (int i = 0; i < in->n; i++)
        if (!c2s_layer_add_input(l, in->items[i], err))
            return false;
    if (l->op == C2S_OP_UNKNOWN)
        snprintf(why, sizeof why, "%s", keras_about_class(l->class_name));
    else if (l->op != C2S_OP_INPUT && !is_merge && in->n != 1)
        snprintf(why, sizeof why, "it has %d inputs", in->n);
    else if (keras_configure(l, config_of(layer), why, sizeof why))
        return true;
    return keras_make_unknown(b->model, l, why, err);
}

static bool add_plain(struct keras_build *b, const struct place *at, const struct c2s_json *layer,
                      const struct values *in, struct values *out, struct c2s_error *err)
{
    char name[MAX_NAME];
    if (!refuse_keras_1(layer, err))
        return false;
    unique_name(b, at->prefix, name_of(layer), name, sizeof name);
    struct c2s_layer *l =
        c2s_layer_create(c2s_op_from_class(keras_bare_class(class_of(layer)), NULL), name, err);
    if (!l)
        return false;
    if (!fill_layer(b, l, layer, in, err)) {
        c2s_layer_destroy(l);
        return false;
    }
    struct keras_origin origin = {
        .layer = layer,
        .group = at->group ? at->group : name_of(layer),
        .name = name_of(layer),
        .is_trainable =
            at->is_trainable && c2s_json_bool(c2s_json_get(config_of(layer), "trainable"), true)};
    int index;
    if (!add_layer(b, l, origin, &index, err))
        return false;
    if (b->origins[index].first_use != index &&
        !c2s_model_add_note(b->model, err, "layer '%s' is used more than once; this use is '%s'",
                            b->model->layers[b->origins[index].first_use]->name, name))
        return false;
    return append(out, index, err);
}

/* layer is the InputLayer, or NULL when the file has none. */
static bool add_input(struct keras_build *b, const struct c2s_json *layer, const char *name,
                      const struct c2s_json *shape, int *index, struct c2s_error *err)
{
    int64_t dims[C2S_MAX_RANK];
    int rank;
    if (!shape)
        return c2s_fail(err, C2S_FORMAT,
                        "the file does not say the shape of the model's input; in Python call "
                        "model.build(input_shape) and save it again");
    if (!keras_shape(shape, &rank, dims))
        return c2s_fail(err, C2S_FORMAT,
                        "the shape of the model's input is not a batch and 1 to %d dimensions",
                        C2S_MAX_RANK - 1);
    struct c2s_layer *l = c2s_layer_create(C2S_OP_INPUT, name, err);
    char *text = layer ? c2s_json_print(config_of(layer), 0, false) : NULL;
    if (!l || !c2s_layer_set_text(&l->config, text, err)) {
        c2s_json_text_free(text);
        c2s_layer_destroy(l);
        return false;
    }
    c2s_json_text_free(text);
    l->rank = rank;
    memcpy(l->dims, dims, sizeof *dims * (size_t)rank);
    struct keras_origin origin = {.layer = layer, .group = name, .name = name};
    return add_layer(b, l, origin, index, err) && c2s_model_add_input(b->model, *index, err);
}

static bool add_model(struct keras_build *b, const struct place *at, const struct c2s_json *layer,
                      const struct values *in, struct values *out, struct c2s_error *err);

/* A layer or a whole submodel, applied to in. */
static bool apply(struct keras_build *b, const struct place *at, const struct c2s_json *layer,
                  const struct values *in, struct values *out, struct c2s_error *err)
{
    if (!layers_of(layer))
        return add_plain(b, at, layer, in, out, err);
    if (at->depth >= MAX_DEPTH)
        return c2s_fail(err, C2S_FORMAT, "submodels are nested more than %d deep", MAX_DEPTH);
    char prefix[MAX_NAME];
    snprintf(prefix, sizeof prefix, "%s%s", at->prefix, name_of(layer));
    for (int i = 0, use = 2; i < b->model->n_layers; i++) { /* a second use of the submodel */
        size_t n = strlen(prefix);
        if (strncmp(b->model->layers[i]->name, prefix, n) != 0 ||
            b->model->layers[i]->name[n] != '/')
            continue;
        snprintf(prefix, sizeof prefix, "%s%s@%d", at->prefix, name_of(layer), use++);
        i = -1;
    }
    size_t n = strlen(prefix);
    snprintf(prefix + n, sizeof prefix - n, "/");
    struct place inside = {prefix, at->group ? at->group : name_of(layer),
                           at->is_trainable &&
                               c2s_json_bool(c2s_json_get(config_of(layer), "trainable"), true),
                           at->depth + 1};
    return add_model(b, &inside, layer, in, out, err);
}

/* The shape of a Sequential's input when it has no InputLayer: of its first layer, or its own. */
static const struct c2s_json *first_shape(const struct c2s_json *model)
{
    const struct c2s_json *shape = NULL;
    const struct c2s_json *layer = model;
    for (int depth = 0; !shape && layer && depth < MAX_DEPTH; depth++) {
        layer = c2s_json_at(layers_of(layer), 0);
        shape = shape_of(layer);
    }
    return shape ? shape : shape_of(model);
}

static bool add_sequential(struct keras_build *b, const struct place *at,
                           const struct c2s_json *model, const struct values *in,
                           struct values *out, struct c2s_error *err)
{
    const struct c2s_json *layers = layers_of(model);
    const struct c2s_json *first = c2s_json_at(layers, 0);
    struct values current = {0};
    bool ok = true;
    if (in)
        for (int i = 0; ok && i < in->n; i++)
            ok = append(&current, in->items[i], err);
    else {
        int index;
        bool has_input = first && is_input(first);
        ok = add_input(b, has_input ? first : NULL, has_input ? name_of(first) : "input",
                       has_input && shape_of(first) ? shape_of(first) : first_shape(model), &index,
                       err) &&
             append(&current, index, err);
    }
    for (size_t i = 0; ok && i < c2s_json_size(layers); i++) {
        const struct c2s_json *layer = c2s_json_at(layers, i);
        struct values next = {0};
        if (is_input(layer))
            continue;
        ok = apply(b, at, layer, &current, &next, err);
        c2s_free(current.items);
        current = next;
    }
    if (ok)
        *out = current;
    else
        c2s_free(current.items);
    return ok;
}

/* A reference to a tensor: a layer's name, which use of the layer, which of its outputs. */
struct ref {
    const char *name;
    int64_t node, tensor;
};

/* ["in", 0, 0], perhaps with arguments behind it, or Keras 3's {"keras_history": [...]}. */
static bool as_ref(const struct c2s_json *v, struct ref *out)
{
    if (c2s_json_kind(v) == C2S_JSON_OBJECT && strcmp(class_of(v), "__keras_tensor__") == 0)
        v = c2s_json_get(config_of(v), "keras_history");
    if (c2s_json_kind(v) != C2S_JSON_ARRAY || c2s_json_size(v) < 3 ||
        c2s_json_kind(c2s_json_at(v, 0)) != C2S_JSON_STRING ||
        c2s_json_kind(c2s_json_at(v, 1)) != C2S_JSON_INTEGER ||
        c2s_json_kind(c2s_json_at(v, 2)) != C2S_JSON_INTEGER)
        return false;
    *out =
        (struct ref){c2s_json_text(c2s_json_at(v, 0), ""), c2s_json_integer(c2s_json_at(v, 1), 0),
                     c2s_json_integer(c2s_json_at(v, 2), 0)};
    return true;
}

/* Calls fn with every reference inside v, in order. */
struct walk {
    bool (*fn)(void *arg, const struct ref *ref);
    void *arg;
    bool ok;
};

static bool walk_member(void *arg, const char *key, const struct c2s_json *value);

static void walk_refs(struct walk *w, const struct c2s_json *v)
{
    struct ref ref;
    size_t first = 0;
    if (as_ref(v, &ref)) {
        w->ok = w->ok && w->fn(w->arg, &ref);
        first = 3; /* arguments may hold more of them */
    }
    if (c2s_json_kind(v) == C2S_JSON_ARRAY)
        for (size_t i = first; w->ok && i < c2s_json_size(v); i++)
            walk_refs(w, c2s_json_at(v, i));
    else if (c2s_json_kind(v) == C2S_JSON_OBJECT && first == 0)
        c2s_json_each(v, walk_member, w);
}

static bool walk_member(void *arg, const char *key, const struct c2s_json *value)
{
    struct walk *w = arg;
    (void)key;
    walk_refs(w, value);
    return w->ok;
}

/* A Functional model while its layers are reached one after the other. */
struct functional {
    struct item *items;
    int n_items;
    struct values found; /* of the references of one call */
    bool is_complete;
    const char *missing; /* name of a layer that is not reached yet, borrowed */
    struct c2s_error *err;
};

static struct item *find_item(struct functional *g, const char *name)
{
    for (int i = 0; i < g->n_items; i++)
        if (strcmp(g->items[i].name, name) == 0)
            return &g->items[i];
    return NULL;
}

static bool note_node(void *arg, const struct ref *ref)
{
    struct item *item = find_item(arg, ref->name);
    if (item && ref->node > item->last_node && ref->node <= item->n_calls)
        item->last_node = ref->node;
    return true;
}

static bool resolve(void *arg, const struct ref *ref)
{
    struct functional *g = arg;
    struct item *item = find_item(g, ref->name);
    /* Keras counts the uses of a submodel from 1 when the submodel was made with an input of its
     * own, and does not list that first one: the last number tells. */
    int64_t first = item && item->last_node >= item->n_calls ? 1 : 0;
    int64_t node = item ? ref->node - first : -1;
    if (item && node >= item->n_calls)
        node = item->n_calls - 1;
    const struct values *call = item && node >= 0 && item->n_calls > 0 ? &item->calls[node] : NULL;
    if (!call || !call->items || call->n == 0) {
        g->is_complete = false;
        g->missing = ref->name;
        return false;
    }
    int64_t tensor = ref->tensor >= 0 && ref->tensor < call->n ? ref->tensor : 0;
    return append(&g->found, call->items[tensor], g->err);
}

/* g->found becomes the values v refers to; is_complete false when one is not reached yet. */
static bool collect(struct functional *g, const struct c2s_json *v)
{
    c2s_free(g->found.items);
    g->found = (struct values){0};
    g->is_complete = true;
    struct walk w = {resolve, g, true};
    walk_refs(&w, v);
    return g->err->code == C2S_OK;
}

static void finish_functional(struct functional *g)
{
    for (int i = 0; i < g->n_items; i++) {
        for (int k = 0; k < g->items[i].n_calls; k++)
            c2s_free(g->items[i].calls[k].items);
        c2s_free(g->items[i].calls);
    }
    c2s_free(g->items);
    c2s_free(g->found.items);
}

static bool start_functional(struct functional *g, const struct c2s_json *layers,
                             struct c2s_error *err)
{
    *g = (struct functional){.err = err};
    g->items = c2s_calloc(c2s_json_size(layers), sizeof *g->items);
    if (!g->items)
        return c2s_fail_nomem(err);
    for (size_t i = 0; i < c2s_json_size(layers); i++) {
        struct item *item = &g->items[g->n_items++];
        item->layer = c2s_json_at(layers, i);
        item->name = name_of(item->layer);
        size_t n = c2s_json_size(c2s_json_get(item->layer, "inbound_nodes"));
        item->n_calls = is_input(item->layer) ? 1 : (int)n;
        item->calls = c2s_calloc((size_t)item->n_calls, sizeof *item->calls);
        if (!item->calls) {
            item->n_calls = 0;
            return c2s_fail_nomem(err);
        }
    }
    return true;
}

/* Finds how the uses of each layer are counted. */
static void note_nodes(struct functional *g, const struct c2s_json *config)
{
    struct walk w = {note_node, g, true};
    for (int i = 0; i < g->n_items; i++)
        walk_refs(&w, c2s_json_get(g->items[i].layer, "inbound_nodes"));
    walk_refs(&w, c2s_json_get(config, "output_layers"));
}

/* The model's own inputs get their values: those given, or new INPUT layers at the top. */
struct input_walk {
    struct functional *g;
    struct keras_build *b;
    const struct values *in; /* NULL at the top */
    int n;
};

static bool bind_input(void *arg, const struct ref *ref)
{
    struct input_walk *w = arg;
    struct item *item = find_item(w->g, ref->name);
    if (!item || item->n_calls == 0 || item->calls[0].items)
        return c2s_fail(w->g->err, C2S_FORMAT, "the model's input '%s' is not one of its layers",
                        ref->name);
    int index = -1;
    if (w->in && w->n >= w->in->n)
        return c2s_fail(w->g->err, C2S_FORMAT, "a submodel with input '%s' gets too few inputs",
                        ref->name);
    if (w->in)
        index = w->in->items[w->n++];
    else if (!add_input(w->b, item->layer, item->name, shape_of(item->layer), &index, w->g->err))
        return false;
    return append(&item->calls[0], index, w->g->err);
}

/* Applies every layer whose inputs are there, until nothing new is reached. */
static bool reach_all(struct functional *g, struct keras_build *b, const struct place *at)
{
    bool is_moving = true;
    while (is_moving) {
        is_moving = false;
        for (int i = 0; i < g->n_items; i++) {
            struct item *item = &g->items[i];
            const struct c2s_json *nodes = c2s_json_get(item->layer, "inbound_nodes");
            for (int k = 0; k < item->n_calls && !is_input(item->layer); k++) {
                if (item->calls[k].items)
                    continue;
                if (!collect(g, c2s_json_at(nodes, (size_t)k)))
                    return false;
                if (!g->is_complete || g->found.n == 0)
                    continue;
                if (!apply(b, at, item->layer, &g->found, &item->calls[k], g->err))
                    return false;
                is_moving = true;
            }
        }
    }
    return true;
}

static bool note_unreached(const struct functional *g, struct keras_build *b, struct c2s_error *err)
{
    for (int i = 0; i < g->n_items; i++) {
        bool is_reached = false;
        for (int k = 0; k < g->items[i].n_calls; k++)
            is_reached = is_reached || g->items[i].calls[k].items;
        if (!is_reached && !c2s_model_add_note(b->model, err,
                                               "layer '%s' is not connected to the model's input "
                                               "and was left out",
                                               g->items[i].name))
            return false;
    }
    return true;
}

static bool add_functional(struct keras_build *b, const struct place *at,
                           const struct c2s_json *model, const struct values *in,
                           struct values *out, struct c2s_error *err)
{
    const struct c2s_json *config = config_of(model);
    struct functional g;
    struct input_walk inputs = {&g, b, in, 0};
    struct walk w = {bind_input, &inputs, true};
    bool ok = start_functional(&g, layers_of(model), err);
    if (ok) {
        note_nodes(&g, config);
        walk_refs(&w, c2s_json_get(config, "input_layers"));
    }
    ok = ok && err->code == C2S_OK && reach_all(&g, b, at) && note_unreached(&g, b, err) &&
         collect(&g, c2s_json_get(config, "output_layers"));
    if (ok && (!g.is_complete || g.found.n == 0))
        ok = c2s_fail(err, C2S_FORMAT,
                      "the model's output '%s' cannot be reached from its inputs; the file's "
                      "config is damaged",
                      g.missing ? g.missing : "?");
    if (ok) {
        *out = g.found;
        g.found = (struct values){0};
    }
    finish_functional(&g);
    return ok;
}

static bool add_model(struct keras_build *b, const struct place *at, const struct c2s_json *model,
                      const struct values *in, struct values *out, struct c2s_error *err)
{
    if (is_functional(model))
        return add_functional(b, at, model, in, out, err);
    return add_sequential(b, at, model, in, out, err);
}

bool keras_build_graph(struct keras_build *b, struct c2s_error *err)
{
    struct place top = {"", NULL, true, 0};
    struct values out = {0};
    if (!layers_of(b->config))
        return c2s_fail(err, C2S_FORMAT,
                        "the model's config (class '%s') has no list of layers; save a Sequential "
                        "or Functional model",
                        class_of(b->config));
    b->model->is_sequential = !is_functional(b->config);
    bool ok = add_model(b, &top, b->config, NULL, &out, err);
    for (int i = 0; ok && i < out.n; i++)
        ok = c2s_model_add_output(b->model, out.items[i], err);
    c2s_free(out.items);
    return ok;
}
