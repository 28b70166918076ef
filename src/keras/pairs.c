/* Weights of one file for the structure of another whose layers have other names: Keras goes by
 * their order alone, and so do we where the names do not tell. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "keras/graph.h"
#include "keras/wanted.h"

/* Whether a layer of the config needs weights from the file. */
static bool needs_weights(const struct keras_build *b, const char *layer)
{
    struct keras_wanted unused[KERAS_MOST_WANTED];
    for (int i = 0; i < b->model->n_layers; i++)
        if (strcmp(b->origins[i].group, layer) == 0 && keras_wanted(b->model, i, unused) > 0)
            return true;
    return false;
}

/* The groups of the file that hold weights, in the order of its layers. */
static bool list_groups(const struct keras_build *b, struct h5_names *out, struct c2s_error *err)
{
    struct h5_file *f = b->source->weights;
    struct h5_names all;
    bool found;
    *out = (struct h5_names){0};
    if (!h5_attr_names(f, *b->source->root ? b->source->root : "/", "layer_names", &all, &found,
                       err))
        return false;
    bool ok = true;
    for (int i = 0; ok && i < all.n; i++) {
        struct h5_names names = {0};
        char path[2048];
        snprintf(path, sizeof path, "%s/%s", b->source->root, all.items[i]);
        ok = h5_attr_names(f, path, "weight_names", &names, &found, err);
        if (ok && names.n > 0)
            ok = h5_names_add(out, all.items[i], strlen(all.items[i]), err);
        h5_names_finish(&names);
    }
    h5_names_finish(&all);
    return ok;
}

static bool has_group(const struct h5_names *groups, const char *name)
{
    for (int i = 0; i < groups->n; i++)
        if (strcmp(groups->items[i], name) == 0)
            return true;
    return false;
}

static bool pair(struct keras_build *b, const char *layer, const char *group, struct c2s_error *err)
{
    struct keras_pair *p = &b->pairs[b->n_pairs];
    *p = (struct keras_pair){layer, c2s_strdup(group)};
    if (!p->group)
        return c2s_fail_nomem(err);
    b->n_pairs++;
    return strcmp(layer, group) == 0 ||
           c2s_model_add_note(b->model, C2S_NOTE_RENAMED, err,
                              "layer '%s' has the weights of '%s', which is in its place in the "
                              "file",
                              layer, group);
}

/* Every layer with weights gets the group in its place. */
static bool pair_in_order(struct keras_build *b, const struct h5_names *groups,
                          struct c2s_error *err)
{
    const struct c2s_json *layers = keras_layers_of(b->config);
    b->pairs = c2s_calloc((size_t)groups->n, sizeof *b->pairs);
    bool ok = b->pairs ? true : c2s_fail_nomem(err);
    for (size_t i = 0; ok && i < c2s_json_size(layers) && b->n_pairs < groups->n; i++) {
        const char *name = keras_name_of(c2s_json_at(layers, i));
        ok = !needs_weights(b, name) || pair(b, name, groups->items[b->n_pairs], err);
    }
    return ok;
}

bool keras_pair_groups(struct keras_build *b, struct c2s_error *err)
{
    const struct c2s_json *layers = keras_layers_of(b->config);
    struct h5_names groups;
    const char *missing = NULL;
    int n = 0;
    bool ok = list_groups(b, &groups, err);
    for (size_t i = 0; ok && i < c2s_json_size(layers); i++) {
        const char *name = keras_name_of(c2s_json_at(layers, i));
        bool is_needed = needs_weights(b, name);
        n += is_needed;
        if (is_needed && !missing && !has_group(&groups, name))
            missing = name;
    }
    if (ok && missing && n != groups.n)
        ok = c2s_fail(err, C2S_FORMAT,
                      "%d layers of the structure have weights, %d in '%s', which has none for "
                      "'%s'; give --config the model that the weights were saved from",
                      n, groups.n, h5_path(b->source->weights), missing);
    ok = ok && (!missing || pair_in_order(b, &groups, err));
    h5_names_finish(&groups);
    return ok;
}
