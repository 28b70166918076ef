/* Finds tensors in the layout of .keras and .weights.h5 files: a tree of groups that mirrors the
 * model, each layer's variables numbered. A group is called after its layer's class and counts up
 * where a class comes again ("conv2d", "conv2d_1"); since Keras 3.6 it also says the layer's name.
 * Source: Keras 3.12 and tf-keras 2.13, saving_lib.py, and files by 2.13, 3.0, 3.5, 3.6, 3.12. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "keras/graph.h"
#include "keras/wanted.h"

enum { MOST_PATH = 2048, MOST_NESTED = 32, MOST_NOTES = 8 };

/* Which group a layer of the config has. */
struct place {
    const struct c2s_json *layer;
    char *path; /* owned */
};

struct tree {
    struct keras_build *b;
    struct place *places;
    int n_places;
    struct h5_names datasets; /* paths of all tensors in the file */
    bool *is_used;            /* parallel to datasets */
};

/* A group's members while the layers of one model are looked up in it. */
struct container {
    char path[MOST_PATH];
    struct h5_names members;
    bool is_counted_twice; /* Keras 2.12 and 2.13 count layers with weights twice */
};

/* The name of the class itself, whose other names a config may use ("Convolution2D"). */
static const char *class_of(const struct c2s_json *layer)
{
    bool is_quantized;
    const char *name = keras_bare_class(keras_class_of(layer));
    const struct c2s_op_info *info = c2s_op_info(c2s_op_from_class(name, &is_quantized));
    return info->roles == 0 ? name : is_quantized ? info->quantized_class : info->keras_class;
}

/* "GlobalAveragePooling2D" -> "global_average_pooling2d", as Keras' to_snake_case. */
static void snake_case(const char *class_name, char *out, size_t size)
{
    size_t n = 0;
    for (const char *p = class_name; *p && n + 2 < size; p++) {
        bool is_after_lower = p > class_name && islower((unsigned char)p[-1]);
        bool is_before_lower = p > class_name && islower((unsigned char)p[1]);
        if (isupper((unsigned char)*p) && (is_after_lower || is_before_lower))
            out[n++] = '_';
        if (isalnum((unsigned char)*p) || *p == '_')
            out[n++] = (char)tolower((unsigned char)*p);
    }
    out[n] = '\0';
}

/* The number behind "conv2d" in "conv2d_1", 0 when there is none, -1 if it is of another class. */
static long number_of(const char *member, const char *snake)
{
    size_t n = strlen(snake);
    char *end;
    if (strncmp(member, snake, n) != 0)
        return -1;
    if (member[n] == '\0')
        return 0;
    if (member[n] != '_' || !isdigit((unsigned char)member[n + 1]))
        return -1;
    long number = strtol(member + n + 1, &end, 10);
    return *end == '\0' ? number : -1;
}

/* The member of the class that has the `rank`-th smallest number, or exactly that number. */
static const char *find_member(const struct container *c, const char *snake, int rank)
{
    for (int i = 0; i < c->members.n; i++) {
        long own = number_of(c->members.items[i], snake);
        int n_before = 0;
        for (int k = 0; own >= 0 && c->is_counted_twice && k < c->members.n; k++) {
            long other = number_of(c->members.items[k], snake);
            n_before += other >= 0 && other < own;
        }
        if (own >= 0 && (c->is_counted_twice ? n_before : own) == rank)
            return c->members.items[i];
    }
    return NULL;
}

/* *name new, NULL when the group does not say. */
static bool name_of_group(struct tree *t, const char *container, const char *member, char **name,
                          struct c2s_error *err)
{
    char path[MOST_PATH];
    bool found = false;
    *name = NULL;
    snprintf(path, sizeof path, "%s/%s/vars", container, member);
    return !h5_exists(t->b->source->weights, path) ||
           h5_attr_text(t->b->source->weights, path, "name", name, &found, err);
}

/* The member that says it is of the layer by that name. */
static bool find_named(struct tree *t, const struct container *c, const char *name,
                       const char **member, struct c2s_error *err)
{
    *member = NULL;
    for (int i = 0; i < c->members.n && !*member; i++) {
        char *own;
        if (!name_of_group(t, c->path, c->members.items[i], &own, err))
            return false;
        if (own && strcmp(own, name) == 0)
            *member = c->members.items[i];
        c2s_free(own);
    }
    return true;
}

static bool note_other_name(struct tree *t, const struct c2s_json *layer, const char *stored,
                            struct c2s_error *err)
{
    return c2s_model_add_note(t->b->model, C2S_NOTE_RENAMED, err,
                              "layer '%s' has the weights of '%s', which is in its place in the "
                              "file",
                              keras_name_of(layer), stored);
}

/* The group of a layer that is the `rank`-th of its class; *member NULL when it has none. */
static bool choose_member(struct tree *t, const struct container *c, const struct c2s_json *layer,
                          int rank, const char **member, struct c2s_error *err)
{
    char snake[256], *stored = NULL;
    const char *name = keras_name_of(layer);
    snake_case(class_of(layer), snake, sizeof snake);
    const char *in_place = find_member(c, snake, rank), *named = NULL;
    if (in_place && !name_of_group(t, c->path, in_place, &stored, err))
        return false;
    bool agrees = in_place && (!stored || !*name || strcmp(stored, name) == 0);
    bool ok = agrees || find_named(t, c, name, &named, err);
    *member = agrees || !named ? in_place : named;
    if (ok && !agrees && !named && in_place)
        ok = note_other_name(t, layer, stored, err);
    c2s_free(stored);
    return ok;
}

static bool add_place(struct tree *t, const struct c2s_json *layer, const char *path,
                      struct c2s_error *err)
{
    if ((t->n_places & (t->n_places - 1)) == 0) { /* doubles at powers of two */
        struct place *grown =
            c2s_realloc(t->places, sizeof *grown * (size_t)(t->n_places ? 2 * t->n_places : 1));
        if (!grown)
            return c2s_fail_nomem(err);
        t->places = grown;
    }
    t->places[t->n_places] = (struct place){layer, c2s_strdup(path)};
    return t->places[t->n_places++].path ? true : c2s_fail_nomem(err);
}

/* How many layers of the same class stand before it in the list; operations have no group. */
static int rank_of(const struct c2s_json *layers, size_t index)
{
    const char *class_name = class_of(c2s_json_at(layers, index));
    int rank = 0;
    for (size_t i = 0; i < index; i++) {
        const struct c2s_json *other = c2s_json_at(layers, i);
        rank += !keras_is_operation(other) && strcmp(class_of(other), class_name) == 0;
    }
    return rank;
}

static bool place_model(struct tree *t, const struct c2s_json *model, const char *group, int depth,
                        struct c2s_error *err);

static bool place_layer(struct tree *t, const struct container *c, const struct c2s_json *layers,
                        size_t index, int depth, struct c2s_error *err)
{
    const struct c2s_json *layer = c2s_json_at(layers, index);
    const char *member;
    char path[MOST_PATH];
    if (keras_is_operation(layer) || keras_is_input(layer))
        return true;
    if (!choose_member(t, c, layer, rank_of(layers, index), &member, err))
        return false;
    if (!member)
        return true; /* whether it needs weights is asked later */
    if ((size_t)snprintf(path, sizeof path, "%s/%s", c->path, member) >= sizeof path)
        return c2s_fail(err, C2S_FORMAT, "the group of layer '%s' has too long a path",
                        keras_name_of(layer));
    return keras_layers_of(layer) ? place_model(t, layer, path, depth + 1, err)
                                  : add_place(t, layer, path, err);
}

static bool place_model(struct tree *t, const struct c2s_json *model, const char *group, int depth,
                        struct c2s_error *err)
{
    struct h5_file *f = t->b->source->weights;
    const struct c2s_json *layers = keras_layers_of(model);
    struct container c = {.members = {0}};
    if (depth >= MOST_NESTED)
        return c2s_fail(err, C2S_FORMAT, "submodels are nested more than %d deep", MOST_NESTED);
    snprintf(c.path, sizeof c.path, "%s/layers", group);
    if (!h5_exists(f, c.path)) {
        snprintf(c.path, sizeof c.path, "%s/_layer_checkpoint_dependencies", group);
        c.is_counted_twice = true;
    }
    if (!h5_exists(f, c.path))
        return true;
    bool ok = h5_members(f, c.path, &c.members, err);
    for (size_t i = 0; ok && i < c2s_json_size(layers); i++)
        ok = place_layer(t, &c, layers, i, depth, err);
    h5_names_finish(&c.members);
    return ok;
}

static const char *path_of(const struct tree *t, const struct c2s_json *layer)
{
    for (int i = 0; i < t->n_places; i++)
        if (t->places[i].layer == layer)
            return t->places[i].path;
    return NULL;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void mark_used(struct tree *t, const char *path)
{
    char **found = bsearch(&path, t->datasets.items, (size_t)t->datasets.n,
                           sizeof *t->datasets.items, compare_texts);
    if (found)
        t->is_used[found - t->datasets.items] = true;
}

/* The variables of one layer, in Keras' order: trained ones first, then statistics. */
static bool read_layer(struct tree *t, int index, struct c2s_error *err)
{
    struct keras_wanted wanted[KERAS_MOST_WANTED];
    struct h5_shape shape;
    struct h5_file *f = t->b->source->weights;
    int n = keras_wanted(t->b->model, index, wanted);
    const char *group = path_of(t, t->b->origins[index].layer);
    for (int i = 0; i < n; i++) {
        char path[MOST_PATH + 32];
        snprintf(path, sizeof path, "%s/vars/%d", group ? group : "", i);
        if (!group || !h5_exists(f, path))
            return keras_fail_missing(t->b, &wanted[i], NULL, err);
        if (!h5_shape(f, path, &shape, err))
            return false;
        if (!keras_fits(&wanted[i], &shape))
            return keras_fail_missing(t->b, &wanted[i], &shape, err);
        if (!keras_take(t->b, &wanted[i], path, &shape, err))
            return false;
        mark_used(t, path);
    }
    return true;
}

/* Random state is no weight: nothing that is computed depends on it. */
static bool is_random_state(const char *path)
{
    return strstr(path, "/seed_generator/") != NULL;
}

/* Every tensor that no layer took, by the group it is in. */
static bool note_unused(struct tree *t, struct c2s_error *err)
{
    int n_notes = 0, n_random = 0, n_left = 0;
    for (int i = 0; i < t->datasets.n; i++) {
        const char *path = t->datasets.items[i];
        n_random += is_random_state(path);
        t->b->model->n_tensors_expected += !is_random_state(path);
        if (t->is_used[i] || is_random_state(path))
            continue;
        if (n_notes < MOST_NOTES &&
            !c2s_model_add_note(t->b->model, C2S_NOTE_SKIPPED, err,
                                "the tensor '%s' in the file, which no layer takes", path))
            return false;
        n_left += n_notes++ >= MOST_NOTES;
    }
    if (n_left > 0 && !c2s_model_add_note(t->b->model, C2S_NOTE_SKIPPED, err,
                                          "%d more tensors that no layer takes", n_left))
        return false;
    return n_random == 0 ||
           c2s_model_add_note(t->b->model, C2S_NOTE_SKIPPED, err, "the random state of %d layer%s",
                              n_random, n_random == 1 ? "" : "s");
}

/* All tensors of the model itself: not those of optimizers and metrics. */
static bool list_datasets(struct tree *t, struct c2s_error *err)
{
    static const char *const roots[] = {"/_layer_checkpoint_dependencies", "/layers", "/vars"};
    struct h5_file *f = t->b->source->weights;
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
        if (h5_exists(f, roots[i]) && !h5_datasets(f, roots[i], &t->datasets, err))
            return false;
    if (t->datasets.n > 0)
        qsort(t->datasets.items, (size_t)t->datasets.n, sizeof *t->datasets.items, compare_texts);
    t->is_used = c2s_calloc((size_t)t->datasets.n, sizeof *t->is_used);
    return t->is_used ? true : c2s_fail_nomem(err);
}

bool keras_read_numbered(struct keras_build *b, struct c2s_error *err)
{
    struct tree t = {.b = b};
    bool ok = list_datasets(&t, err) && place_model(&t, b->config, "", 0, err);
    for (int i = 0; ok && i < b->model->n_layers; i++)
        if (b->origins[i].first_use == i && b->model->layers[i]->op != C2S_OP_INPUT)
            ok = read_layer(&t, i, err);
    ok = ok && note_unused(&t, err);
    if (ok)
        keras_share(b);
    for (int i = 0; i < t.n_places; i++)
        c2s_free(t.places[i].path);
    c2s_free(t.places);
    c2s_free(t.is_used);
    h5_names_finish(&t.datasets);
    return ok;
}
