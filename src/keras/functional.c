/* Functional configs: layers that name the tensors they read, in any order, each perhaps used
 * several times. */
#include <string.h>

#include "base/alloc.h"
#include "keras/graph.h"

/* One use of a layer. */
struct call {
    struct keras_values values; /* items NULL = not reached yet */
    bool is_waiting;            /* it was tried, and needs `on` to have more than n_reached calls */
    const struct item *on;      /* NULL = it can never be reached */
    int n_reached;
};

/* One entry of a Functional model's list of layers. */
struct item {
    const char *name;
    const struct c2s_json *layer;
    struct call *calls; /* owned */
    int n_calls, n_reached;
    int64_t last_node; /* largest number by which a use of it is referred to */
};

/* A reference to a tensor: a layer's name, which use of the layer, which of its outputs. */
struct ref {
    const char *name;
    int64_t node, tensor;
};

/* ["in", 0, 0], perhaps with arguments behind it, or Keras 3's {"keras_history": [...]}. */
static bool as_ref(const struct c2s_json *v, struct ref *out)
{
    if (c2s_json_kind(v) == C2S_JSON_OBJECT && strcmp(keras_class_of(v), "__keras_tensor__") == 0)
        v = c2s_json_get(keras_config_of(v), "keras_history");
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
    struct c2s_name_index names; /* of items: their places; the first one of a name */
    struct keras_values found;   /* of the references of one call */
    bool is_complete;
    const char *missing; /* name of a layer that is not reached yet, borrowed */
    struct c2s_error *err;
};

static struct item *find_item(struct functional *g, const char *name)
{
    const int *place = c2s_name_index_find(&g->names, name);
    return place ? &g->items[*place] : NULL;
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
    const struct keras_values *call =
        item && node >= 0 && item->n_calls > 0 ? &item->calls[node].values : NULL;
    if (!call || !call->items || call->n == 0) {
        g->is_complete = false;
        g->missing = ref->name;
        return false;
    }
    int64_t tensor = ref->tensor >= 0 && ref->tensor < call->n ? ref->tensor : 0;
    return keras_append(&g->found, call->items[tensor], g->err);
}

/* g->found becomes the values v refers to; is_complete false when one is not reached yet. */
static bool collect(struct functional *g, const struct c2s_json *v)
{
    c2s_free(g->found.items);
    g->found = (struct keras_values){0};
    g->is_complete = true;
    struct walk w = {resolve, g, true};
    walk_refs(&w, v);
    return g->err->code == C2S_OK;
}

static void finish_functional(struct functional *g)
{
    for (int i = 0; i < g->n_items; i++) {
        for (int k = 0; k < g->items[i].n_calls; k++)
            c2s_free(g->items[i].calls[k].values.items);
        c2s_free(g->items[i].calls);
    }
    c2s_free(g->items);
    c2s_name_index_finish(&g->names);
    c2s_free(g->found.items);
}

static bool start_functional(struct functional *g, const struct c2s_json *layers,
                             struct c2s_error *err)
{
    *g = (struct functional){.err = err};
    if (!keras_check_names(layers, err))
        return false;
    g->items = c2s_calloc(c2s_json_size(layers), sizeof *g->items);
    if (!g->items)
        return c2s_fail_nomem(err);
    for (size_t i = 0; i < c2s_json_size(layers); i++) {
        struct item *item = &g->items[g->n_items++];
        item->layer = c2s_json_at(layers, i);
        item->name = keras_name_of(item->layer);
        size_t n = c2s_json_size(c2s_json_get(item->layer, "inbound_nodes"));
        item->n_calls = keras_is_input(item->layer) ? 1 : (int)n;
        item->calls = c2s_calloc((size_t)item->n_calls, sizeof *item->calls);
        if (!item->calls) {
            item->n_calls = 0;
            return c2s_fail_nomem(err);
        }
        if (!c2s_name_index_add(&g->names, item->name, (int)i, err))
            return false;
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
    const struct keras_values *in; /* NULL at the top */
    int n;
};

static bool bind_input(void *arg, const struct ref *ref)
{
    struct input_walk *w = arg;
    struct item *item = find_item(w->g, ref->name);
    if (!item || item->n_calls == 0 || item->calls[0].values.items)
        return c2s_fail(w->g->err, C2S_FORMAT, "the model's input '%s' is not one of its layers",
                        ref->name);
    int index = -1;
    if (w->in && w->n >= w->in->n)
        return c2s_fail(w->g->err, C2S_FORMAT, "a submodel with input '%s' gets too few inputs",
                        ref->name);
    if (w->in)
        index = w->in->items[w->n++];
    else if (!keras_add_input(w->b, item->layer, item->name, keras_shape_of(item->layer), &index,
                              w->g->err))
        return false;
    item->n_reached = 1;
    return keras_append(&item->calls[0].values, index, w->g->err);
}

/* True when trying the call again cannot end otherwise than before. */
static bool is_hopeless(const struct call *call)
{
    return call->values.items ||
           (call->is_waiting && (!call->on || call->on->n_reached == call->n_reached));
}

/* Applies the layer when its inputs are there. */
static bool try_call(struct functional *g, struct keras_build *b, const struct keras_place *at,
                     struct item *item, int k)
{
    struct call *call = &item->calls[k];
    const struct c2s_json *nodes = c2s_json_get(item->layer, "inbound_nodes");
    if (!collect(g, c2s_json_at(nodes, (size_t)k)))
        return false;
    if (g->is_complete && g->found.n > 0) {
        if (!keras_apply(b, at, item->layer, &g->found, &call->values, g->err))
            return false;
        item->n_reached++;
        return true;
    }
    call->is_waiting = true;
    call->on = g->is_complete ? NULL : find_item(g, g->missing);
    call->n_reached = call->on ? call->on->n_reached : 0;
    return true;
}

/* Tries all uses of all layers, in any order they come, until nothing new is reached. */
static bool reach_all(struct functional *g, struct keras_build *b, const struct keras_place *at)
{
    bool is_moving = true;
    while (is_moving) {
        is_moving = false;
        for (int i = 0; i < g->n_items; i++) {
            struct item *item = &g->items[i];
            for (int k = 0; k < item->n_calls && !keras_is_input(item->layer); k++) {
                int before = item->n_reached;
                if (!is_hopeless(&item->calls[k]) && !try_call(g, b, at, item, k))
                    return false;
                is_moving = is_moving || item->n_reached > before;
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
            is_reached = is_reached || g->items[i].calls[k].values.items;
        if (!is_reached && !c2s_model_add_note(b->model, C2S_NOTE_SKIPPED, err,
                                               "layer '%s' is not connected to the model's input "
                                               "and was left out",
                                               g->items[i].name))
            return false;
    }
    return true;
}

bool keras_add_functional(struct keras_build *b, const struct keras_place *at,
                          const struct c2s_json *model, const struct keras_values *in,
                          struct keras_values *out, struct c2s_error *err)
{
    const struct c2s_json *config = keras_config_of(model);
    struct functional g;
    struct input_walk inputs = {&g, b, in, 0};
    struct walk w = {bind_input, &inputs, true};
    bool ok = start_functional(&g, keras_layers_of(model), err);
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
        g.found = (struct keras_values){0};
    }
    finish_functional(&g);
    return ok;
}
