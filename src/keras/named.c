/* Finds the tensors of each layer. Keras names them "layer/kernel:0", but the order and the names
 * depend on release, nesting and freezing: the name's tail tells the role, its middle the layer;
 * what is left is matched in Keras' order, and only where the shape fits. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "keras/groups.h"
#include "keras/wanted.h"

#define MAX_PATH 2048

/* One tensor in the file. */
struct stored {
    const char *name; /* as in weight_names, borrowed */
    int role;         /* that the tail of its name says, -1 = none */
    struct h5_shape shape;
    char path[MAX_PATH];
    bool is_used;
};

/* One tensor a layer needs, and which it gets. */
struct wanted {
    struct keras_wanted need;
    struct stored *found;
};

struct group {
    const struct c2s_model *model;
    struct stored *stored;
    int n_stored;
    struct wanted *wanted;
    int n_wanted;
};

/* Which of a layer's roles Keras counts as trainable: it lists those first. */
static bool is_statistic(enum c2s_role role)
{
    return role == C2S_MOVING_MEAN || role == C2S_MOVING_VARIANCE;
}

/* "inner/ic/kernel:0": the tail is "kernel", of length *n. */
static const char *tail_of(const char *name, size_t *n)
{
    const char *slash = strrchr(name, '/');
    const char *tail = slash ? slash + 1 : name;
    *n = strcspn(tail, ":");
    return tail;
}

static int role_of(const char *name)
{
    size_t n;
    const char *tail = tail_of(name, &n);
    for (int role = 0; role < C2S_ROLE_COUNT; role++)
        if (strlen(c2s_role_name((enum c2s_role)role)) == n &&
            strncmp(tail, c2s_role_name((enum c2s_role)role), n) == 0)
            return role;
    return -1;
}

/* The threshold of a quantizer has the same tail as that of an activation; in Keras 3 the kernel of
 * a DepthwiseConv2D has that of a Conv2D (base_depthwise_conv.py: build). */
static bool has_tail(const struct group *g, const struct stored *s, const struct keras_wanted *w)
{
    if (w->role == C2S_DEPTHWISE_KERNEL && s->role == C2S_KERNEL)
        return g->model->layers[w->layer]->op == C2S_OP_DEPTHWISE_CONV2D;
    bool is_of_quantizer = w->role == C2S_WEIGHT_THRESHOLD || w->role == C2S_DEPTHWISE_THRESHOLD;
    return s->role == (int)(is_of_quantizer ? C2S_THRESHOLD : w->role);
}

/* True when the name is ".../path/TAIL", where path is the layer's own name or "outer/layer". */
static bool is_of_layer(const struct stored *s, const char *path)
{
    size_t unused;
    const char *tail = tail_of(s->name, &unused);
    size_t n = strlen(path), before = (size_t)(tail - s->name);
    if (before < n + 1 || strncmp(tail - 1 - n, path, n) != 0)
        return false;
    return before == n + 1 || tail[-2 - (ptrdiff_t)n] == '/';
}

static void match(struct wanted *w, struct stored *s)
{
    w->found = s;
    s->is_used = true;
}

/* Takes the only unused tensor of the role that belongs to the layer by that name. */
static void match_by_name(struct group *g, struct wanted *w, const char *path)
{
    struct stored *only = NULL;
    int n = 0;
    for (int i = 0; i < g->n_stored; i++)
        if (!g->stored[i].is_used && has_tail(g, &g->stored[i], &w->need) &&
            (!path || is_of_layer(&g->stored[i], path))) {
            only = &g->stored[i];
            n++;
        }
    if (n == 1)
        match(w, only);
}

/* Keras' order: what is trained first, then statistics and frozen layers. */
static void match_in_order(struct group *g, const struct keras_build *b)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < g->n_wanted; i++) {
            struct wanted *w = &g->wanted[i];
            bool is_late = is_statistic(w->need.role) || !b->origins[w->need.layer].is_trainable;
            if (w->found || is_late != (pass == 1))
                continue;
            for (int k = 0; k < g->n_stored && !w->found; k++) {
                struct stored *s = &g->stored[k];
                if (!s->is_used && (has_tail(g, s, &w->need) || s->role < 0) &&
                    keras_fits(&w->need, &s->shape))
                    match(w, s);
            }
        }
}

static void match_all(struct group *g, const struct keras_build *b)
{
    const struct c2s_model *m = b->model;
    bool is_single = true;
    for (int i = 1; i < g->n_wanted; i++)
        is_single = is_single && g->wanted[i].need.layer == g->wanted[0].need.layer;
    for (int i = 0; i < g->n_wanted; i++) { /* "outer/inner/conv" tells more than "conv" */
        struct wanted *w = &g->wanted[i];
        if (!is_single)
            match_by_name(g, w, m->layers[w->need.layer]->name);
        const char *inside = strchr(m->layers[w->need.layer]->name, '/');
        if (!w->found && !is_single && inside)
            match_by_name(g, w, inside + 1);
    }
    for (int i = 0; i < g->n_wanted; i++) {
        struct wanted *w = &g->wanted[i];
        if (!w->found)
            match_by_name(g, w, is_single ? NULL : b->origins[w->need.layer].name);
    }
    match_in_order(g, b);
}

/* The unused tensor that the file has by that name, or NULL. */
static const struct stored *unused_of_tail(const struct group *g, const struct keras_wanted *w)
{
    for (int i = 0; i < g->n_stored; i++)
        if (!g->stored[i].is_used && has_tail(g, &g->stored[i], w))
            return &g->stored[i];
    return NULL;
}

/* Reads what was matched. */
static bool read_group(struct group *g, struct keras_build *b, struct c2s_error *err)
{
    for (int i = 0; i < g->n_wanted; i++) {
        struct wanted *w = &g->wanted[i];
        if (w->found && !keras_fits(&w->need, &w->found->shape)) {
            w->found->is_used = false;
            w->found = NULL;
        }
        if (!w->found) {
            const struct stored *other = unused_of_tail(g, &w->need);
            return keras_fail_missing(b, &w->need, other ? &other->shape : NULL, err);
        }
        if (!keras_take(b, &w->need, w->found->path, &w->found->shape, err))
            return false;
    }
    return true;
}

/* Lists the tensors of one top-level layer. */
static bool list_stored(struct group *g, const struct keras_build *b, const char *name,
                        struct h5_names *names, struct c2s_error *err)
{
    struct h5_file *f = b->source->weights;
    char path[MAX_PATH / 2];
    bool found;
    snprintf(path, sizeof path, "%s/%s", b->source->root, name);
    if (!h5_exists(f, path))
        return true;
    if (!h5_attr_names(f, path, "weight_names", names, &found, err))
        return false;
    g->stored = c2s_calloc((size_t)names->n, sizeof *g->stored);
    if (!g->stored)
        return c2s_fail_nomem(err);
    for (int i = 0; i < names->n; i++) {
        struct stored *s = &g->stored[g->n_stored++];
        s->name = names->items[i];
        s->role = role_of(s->name);
        if ((size_t)snprintf(s->path, sizeof s->path, "%s/%s", path, s->name) >= sizeof s->path)
            return c2s_fail(err, C2S_FORMAT, "a weight's name in layer '%s' is too long", name);
        if (!h5_shape(f, s->path, &s->shape, err))
            return false;
    }
    return true;
}

static bool note_unused(const struct group *g, struct keras_build *b, const char *name,
                        struct c2s_error *err)
{
    int n = 0;
    for (int i = 0; i < g->n_stored; i++)
        n += !g->stored[i].is_used;
    return n == 0 ||
           c2s_model_add_note(b->model, C2S_NOTE_SKIPPED, err,
                              "layer '%s': %d of its tensors in the file were not read", name, n);
}

/* All layers whose tensors are in the group of one top-level layer. */
static bool want_group(struct group *g, const struct keras_build *b,
                       const struct keras_groups *groups, const char *name, struct c2s_error *err)
{
    struct keras_wanted of_layer[KERAS_MOST_WANTED];
    int n_layers = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = keras_groups_first(groups, name); i >= 0; i = groups->next[i]) {
            if (b->origins[i].first_use != i)
                continue;
            n_layers++;
            int n = pass == 1 ? keras_wanted(b->model, i, of_layer) : 0;
            for (int k = 0; k < n; k++)
                g->wanted[g->n_wanted++].need = of_layer[k];
        }
        if (pass == 0 &&
            !(g->wanted = c2s_calloc((size_t)n_layers * KERAS_MOST_WANTED, sizeof *g->wanted)))
            return c2s_fail_nomem(err);
    }
    return true;
}

/* The group of the file that has the weights of a top-level layer. */
static const char *stored_group(const struct keras_build *b, const char *name)
{
    for (int i = 0; i < b->n_pairs; i++)
        if (strcmp(b->pairs[i].layer, name) == 0)
            return b->pairs[i].group;
    return name;
}

static bool load_group(struct keras_build *b, const struct keras_groups *groups, const char *name,
                       struct c2s_error *err)
{
    struct group g = {.model = b->model};
    struct h5_names names = {0};
    bool ok = want_group(&g, b, groups, name, err) &&
              list_stored(&g, b, stored_group(b, name), &names, err);
    if (ok) {
        b->model->n_tensors_expected += g.n_stored;
        match_all(&g, b);
        ok = read_group(&g, b, err) && note_unused(&g, b, name, err);
    }
    c2s_free(g.stored);
    c2s_free(g.wanted);
    h5_names_finish(&names);
    return ok;
}

static bool group_names(const struct keras_build *b, const char *group, struct h5_names *out,
                        struct c2s_error *err)
{
    char path[MAX_PATH / 2];
    bool found;
    snprintf(path, sizeof path, "%s/%s", b->source->root, group);
    return h5_attr_names(b->source->weights, path, "weight_names", out, &found, err);
}

static bool is_group_of_model(const struct keras_build *b, const struct keras_groups *groups,
                              const char *group)
{
    for (int i = 0; i < b->n_pairs; i++)
        if (strcmp(b->pairs[i].group, group) == 0 &&
            keras_groups_first(groups, b->pairs[i].layer) >= 0)
            return true;
    return keras_groups_first(groups, group) >= 0 && stored_group(b, group) == group;
}

/* Groups that belong to no layer; Keras lists weights of the model itself in one of those. */
static bool note_other_groups(struct keras_build *b, const struct keras_groups *of_model,
                              struct c2s_error *err)
{
    struct h5_file *f = b->source->weights;
    struct h5_names groups;
    bool ok = h5_members(f, *b->source->root ? b->source->root : "/", &groups, err);
    for (int i = 0; ok && i < groups.n; i++) {
        struct h5_names names = {0};
        if (is_group_of_model(b, of_model, groups.items[i]))
            continue;
        ok = group_names(b, groups.items[i], &names, err);
        b->model->n_tensors_expected += names.n;
        if (ok && names.n > 0)
            ok = c2s_model_add_note(b->model, C2S_NOTE_SKIPPED, err,
                                    "%d tensor%s of '%s' in the file, which no layer takes",
                                    names.n, names.n == 1 ? "" : "s", groups.items[i]);
        h5_names_finish(&names);
    }
    h5_names_finish(&groups);
    return ok;
}

/* An input has no weights, also when it is named like a group. */
static bool is_first_of_group(const struct keras_build *b, const struct keras_groups *groups,
                              int layer)
{
    int i = keras_groups_first(groups, b->origins[layer].group);
    while (i < layer && b->model->layers[i]->op == C2S_OP_INPUT)
        i = groups->next[i];
    return i == layer && b->model->layers[i]->op != C2S_OP_INPUT;
}

bool keras_read_named(struct keras_build *b, struct c2s_error *err)
{
    const struct keras_source *s = b->source;
    if (*s->root && !h5_exists(s->weights, s->root))
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' has a model's config but no weights; save it by model.save()",
                        h5_path(s->weights));
    if (b->is_config_foreign && !keras_pair_groups(b, err))
        return false;
    struct keras_groups groups;
    bool ok = keras_groups_build(b, &groups, err);
    for (int i = 0; ok && i < b->model->n_layers; i++)
        ok = !is_first_of_group(b, &groups, i) || load_group(b, &groups, b->origins[i].group, err);
    if (ok) {
        keras_share(b);
        ok = note_other_groups(b, &groups, err);
    }
    keras_groups_finish(&groups);
    return ok;
}
