/* Sequential and Functional configs, nested ones inside each other, as one flat graph. A layer that
 * is used several times becomes several layers of the model that share their tensors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "keras/graph.h"

#define MAX_LAYERS       5000 /* a small file can describe submodels within submodels endlessly */
#define MAX_DEPTH        32
#define MAX_NAME         512
#define MAX_CONFIG_BYTES (1 << 25)

bool keras_append(struct keras_values *list, int value, struct c2s_error *err)
{
    int *grown = c2s_realloc(list->items, sizeof *grown * (size_t)(list->n + 1));
    if (!grown)
        return c2s_fail_nomem(err);
    list->items = grown;
    grown[list->n++] = value;
    return true;
}

const char *keras_class_of(const struct c2s_json *layer)
{
    return c2s_json_text(c2s_json_get(layer, "class_name"), "");
}

const struct c2s_json *keras_config_of(const struct c2s_json *layer)
{
    return c2s_json_get(layer, "config");
}

const char *keras_name_of(const struct c2s_json *layer)
{
    const char *inside = c2s_json_text(c2s_json_get(keras_config_of(layer), "name"), "");
    return c2s_json_text(c2s_json_get(layer, "name"), inside);
}

const struct c2s_json *keras_layers_of(const struct c2s_json *layer)
{
    const struct c2s_json *config = keras_config_of(layer);
    if (c2s_json_kind(config) == C2S_JSON_ARRAY) /* Sequential before Keras 2.2.3 */
        return config;
    const struct c2s_json *layers = c2s_json_get(config, "layers");
    return c2s_json_kind(layers) == C2S_JSON_ARRAY ? layers : NULL;
}

bool keras_is_input(const struct c2s_json *layer)
{
    return strcmp(keras_bare_class(keras_class_of(layer)), "InputLayer") == 0;
}

bool keras_is_operation(const struct c2s_json *layer)
{
    return strstr(c2s_json_text(c2s_json_get(layer, "module"), ""), ".ops.") != NULL;
}

static bool is_functional(const struct c2s_json *layer)
{
    return c2s_json_get(keras_config_of(layer), "output_layers") != NULL;
}

const struct c2s_json *keras_shape_of(const struct c2s_json *layer)
{
    const struct c2s_json *config = keras_config_of(layer);
    const struct c2s_json *shape = c2s_json_get(config, "batch_input_shape");
    if (!shape)
        shape = c2s_json_get(config, "batch_shape");
    if (!shape)
        shape = c2s_json_get(config, "build_input_shape");
    if (!shape)
        shape = c2s_json_get(c2s_json_get(layer, "build_config"), "input_shape");
    return c2s_json_kind(shape) == C2S_JSON_NULL ? NULL : shape;
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

/* "outer/inner", with "@2" behind it when that name is taken: a second use. end: "" for a layer,
 * "/" for the names inside a submodel. */
static bool unique_name(struct keras_build *b, const char *prefix, const char *name,
                        const char *end, char out[MAX_NAME], struct c2s_error *err)
{
    int n = snprintf(out, MAX_NAME, "%s%s%s", prefix, name, end);
    int *uses = n < MAX_NAME ? c2s_name_index_find(&b->names, out) : NULL;
    if (uses)
        do
            n = snprintf(out, MAX_NAME, "%s%s@%d%s", prefix, name, ++*uses, end);
        while (n < MAX_NAME && c2s_name_index_find(&b->names, out));
    if (n >= MAX_NAME)
        return c2s_fail(err, C2S_FORMAT, "the name of layer '%.60s...' is longer than %d bytes",
                        out, MAX_NAME - 1);
    return c2s_name_index_add(&b->names, out, 1, err);
}

bool keras_fail_old(struct c2s_error *err)
{
    return c2s_fail(err, C2S_FORMAT,
                    "the file was written by Keras 1; load it with Keras 2.0 to 2.2 in Python and "
                    "save it again");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool keras_check_names(const struct c2s_json *layers, struct c2s_error *err)
{
    size_t n = c2s_json_size(layers);
    const char **names = c2s_calloc(n, sizeof *names), *twice = NULL;
    if (!names)
        return c2s_fail_nomem(err);
    for (size_t i = 0; i < n; i++)
        names[i] = keras_name_of(c2s_json_at(layers, i));
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++)
        if (*names[i] && strcmp(names[i], names[i - 1]) == 0)
            twice = names[i];
    c2s_free(names);
    return !twice || c2s_fail(err, C2S_FORMAT,
                              "two layers have the name '%s'; give each layer a name of its own "
                              "and save the model again",
                              twice);
}

static bool refuse_keras_1(const struct c2s_json *layer, struct c2s_error *err)
{
    const struct c2s_json *config = keras_config_of(layer);
    static const char *const keys[] = {"nb_filter", "border_mode", "dim_ordering", "output_dim"};
    bool is_old = false;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        is_old = is_old || c2s_json_get(config, keys[i]);
    if (!is_old || strcmp(keras_class_of(layer), "Embedding") == 0) /* which kept output_dim */
        return true;
    return keras_fail_old(err);
}

/* Attributes and inputs; a layer that cannot be computed becomes UNKNOWN with a note. */
static bool fill_layer(struct keras_build *b, struct c2s_layer *l, const struct c2s_json *layer,
                       const struct keras_values *in, struct c2s_error *err)
{
    char why[160] = "";
    bool is_merge = c2s_op_info(l->op)->family == C2S_FAMILY_MERGE;
    char *text = c2s_json_print(keras_config_of(layer), 17, false);
    b->config_bytes += text ? strlen(text) : 0;
    if (b->config_bytes > MAX_CONFIG_BYTES) {
        c2s_json_text_free(text);
        return c2s_fail(err, C2S_FORMAT,
                        "the configs of the model's layers are longer than %d bytes, counted for "
                        "each use",
                        MAX_CONFIG_BYTES);
    }
    bool ok = text && c2s_layer_set_text(&l->config, text, err) &&
              c2s_layer_set_text(&l->class_name, keras_class_of(layer), err);
    c2s_json_text_free(text);
    if (!ok)
        return c2s_fail_nomem(err);
    for (int i = 0; i < in->n; i++)
        if (!c2s_layer_add_input(l, in->items[i], err))
            return false;
    if (keras_is_operation(layer) && (l->op != C2S_OP_ADD || in->n != 2)) /* may hold constants */
        snprintf(why, sizeof why, "%s", keras_about_class("TFOpLambda"));
    else if (l->op == C2S_OP_UNKNOWN)
        snprintf(why, sizeof why, "%s", keras_about_class(l->class_name));
    else if (l->op != C2S_OP_INPUT && (is_merge ? in->n < 2 : in->n != 1))
        snprintf(why, sizeof why, "it has %d inputs", in->n);
    else if (keras_configure(l, keras_config_of(layer), why, sizeof why))
        return true;
    return keras_make_unknown(b->model, l, why, err);
}

static bool add_plain(struct keras_build *b, const struct keras_place *at,
                      const struct c2s_json *layer, const struct keras_values *in,
                      struct keras_values *out, struct c2s_error *err)
{
    char name[MAX_NAME];
    if (!refuse_keras_1(layer, err))
        return false;
    if (!unique_name(b, at->prefix, keras_name_of(layer), "", name, err))
        return false;
    struct c2s_layer *l = c2s_layer_create(
        c2s_op_from_class(keras_bare_class(keras_class_of(layer)), NULL), name, err);
    if (!l)
        return false;
    if (!fill_layer(b, l, layer, in, err)) {
        c2s_layer_destroy(l);
        return false;
    }
    struct keras_origin origin = {
        .layer = layer,
        .group = at->group ? at->group : keras_name_of(layer),
        .name = keras_name_of(layer),
        .is_trainable = at->is_trainable &&
                        c2s_json_bool(c2s_json_get(keras_config_of(layer), "trainable"), true)};
    int index;
    if (!add_layer(b, l, origin, &index, err))
        return false;
    if (b->origins[index].first_use != index &&
        !c2s_model_add_note(b->model, C2S_NOTE_RENAMED, err,
                            "layer '%s' is used more than once; this use is '%s'",
                            b->model->layers[b->origins[index].first_use]->name, name))
        return false;
    return keras_append(out, index, err);
}

/* The shape the file says, or the one that was given where the file leaves it open. */
static bool choose_shape(struct keras_build *b, const struct c2s_json *shape, const char *input,
                         int *rank, int64_t *dims, struct c2s_error *err)
{
    const struct c2s_keras_read_options *given = b->options;
    bool is_open = false, fits = true;
    char text[96], said[96];
    if (!shape && given->input_rank == 0)
        return c2s_fail(err, C2S_FORMAT,
                        "the file does not say the shape of the model's input; give it: "
                        "--input-shape HEIGHT,WIDTH,CHANNELS");
    *rank = given->input_rank;
    memcpy(dims, given->input_dims, sizeof given->input_dims);
    if (shape && !keras_shape(shape, rank, dims))
        return c2s_fail(err, C2S_FORMAT,
                        "the shape of the model's input is not a batch and 1 to %d dimensions",
                        C2S_MAX_RANK - 1);
    if (given->input_rank == 0)
        return true;
    c2s_shape_text(given->input_rank, given->input_dims, text, sizeof text);
    c2s_shape_text(*rank, dims, said, sizeof said);
    fits = *rank == given->input_rank;
    for (int i = 0; fits && i < *rank; i++) {
        is_open = is_open || dims[i] < 0;
        fits = dims[i] < 0 || dims[i] == given->input_dims[i];
        dims[i] = given->input_dims[i];
    }
    if (!fits)
        return c2s_fail(err, C2S_SHAPE,
                        "--input-shape is %s, but the file says that input '%s' has the shape %s",
                        text, input, said);
    return (shape && !is_open) ||
           c2s_model_add_note(b->model, C2S_NOTE_ASSUMED, err,
                              "input '%s' has the shape %s, as --input-shape says", input, text);
}

bool keras_add_input(struct keras_build *b, const struct c2s_json *layer, const char *name,
                     const struct c2s_json *shape, int *index, struct c2s_error *err)
{
    int64_t dims[C2S_MAX_RANK];
    int rank;
    if (!choose_shape(b, shape, name, &rank, dims, err))
        return false;
    struct c2s_layer *l = c2s_layer_create(C2S_OP_INPUT, name, err);
    bool ok = l && c2s_name_index_add(&b->names, name, 1, err);
    char *text = layer ? c2s_json_print(keras_config_of(layer), 17, false) : NULL;
    if (!ok || !c2s_layer_set_text(&l->config, text, err)) {
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

static bool add_model(struct keras_build *b, const struct keras_place *at,
                      const struct c2s_json *layer, const struct keras_values *in,
                      struct keras_values *out, struct c2s_error *err);

bool keras_apply(struct keras_build *b, const struct keras_place *at, const struct c2s_json *layer,
                 const struct keras_values *in, struct keras_values *out, struct c2s_error *err)
{
    if (!keras_layers_of(layer))
        return add_plain(b, at, layer, in, out, err);
    if (at->depth >= MAX_DEPTH)
        return c2s_fail(err, C2S_FORMAT, "submodels are nested more than %d deep", MAX_DEPTH);
    char prefix[MAX_NAME];
    if (!unique_name(b, at->prefix, keras_name_of(layer), "/", prefix, err))
        return false;
    struct keras_place inside = {
        prefix, at->group ? at->group : keras_name_of(layer),
        at->is_trainable && c2s_json_bool(c2s_json_get(keras_config_of(layer), "trainable"), true),
        at->depth + 1};
    return add_model(b, &inside, layer, in, out, err);
}

/* The shape of a Sequential's input when it has no InputLayer: of its first layer, or its own. */
static const struct c2s_json *first_shape(const struct c2s_json *model)
{
    const struct c2s_json *shape = NULL;
    const struct c2s_json *layer = model;
    for (int depth = 0; !shape && layer && depth < MAX_DEPTH; depth++) {
        layer = c2s_json_at(keras_layers_of(layer), 0);
        shape = keras_shape_of(layer);
    }
    return shape ? shape : keras_shape_of(model);
}

static bool add_sequential(struct keras_build *b, const struct keras_place *at,
                           const struct c2s_json *model, const struct keras_values *in,
                           struct keras_values *out, struct c2s_error *err)
{
    const struct c2s_json *layers = keras_layers_of(model);
    const struct c2s_json *first = c2s_json_at(layers, 0);
    struct keras_values current = {0};
    bool ok = keras_check_names(layers, err);
    if (in)
        for (int i = 0; ok && i < in->n; i++)
            ok = keras_append(&current, in->items[i], err);
    else if (ok) {
        int index;
        bool has_input = first && keras_is_input(first);
        ok = keras_add_input(
                 b, has_input ? first : NULL, has_input ? keras_name_of(first) : "input",
                 has_input && keras_shape_of(first) ? keras_shape_of(first) : first_shape(model),
                 &index, err) &&
             keras_append(&current, index, err);
    }
    for (size_t i = 0; ok && i < c2s_json_size(layers); i++) {
        const struct c2s_json *layer = c2s_json_at(layers, i);
        struct keras_values next = {0};
        if (keras_is_input(layer))
            continue;
        ok = keras_apply(b, at, layer, &current, &next, err);
        c2s_free(current.items);
        current = next;
    }
    if (ok)
        *out = current;
    else
        c2s_free(current.items);
    return ok;
}

static bool add_model(struct keras_build *b, const struct keras_place *at,
                      const struct c2s_json *model, const struct keras_values *in,
                      struct keras_values *out, struct c2s_error *err)
{
    if (is_functional(model))
        return keras_add_functional(b, at, model, in, out, err);
    return add_sequential(b, at, model, in, out, err);
}

bool keras_build_graph(struct keras_build *b, struct c2s_error *err)
{
    struct keras_place top = {"", NULL, true, 0};
    struct keras_values out = {0};
    if (!keras_layers_of(b->config))
        return c2s_fail(err, C2S_FORMAT,
                        "the model's config (class '%s') has no list of layers; save a Sequential "
                        "or Functional model",
                        keras_class_of(b->config));
    b->model->is_sequential = !is_functional(b->config);
    bool ok = add_model(b, &top, b->config, NULL, &out, err);
    for (int i = 0; ok && i < out.n; i++)
        ok = c2s_model_add_output(b->model, out.items[i], err);
    c2s_free(out.items);
    return ok;
}
