/* A model from its JSON form (describe.c). The text comes from a workspace, which can be damaged:
 * every field is checked. */
#include <c2s/keras.h>
#include <c2s/quantizer.h>
#include <math.h>
#include <string.h>

#include "keras/fields.h"
#include "keras/keras.h"

struct source {
    bool (*tensor)(void *arg, const char *hash, struct c2s_tensor **out, struct c2s_error *err);
    void *arg;
    struct c2s_error *err;
};

static bool fail_field(struct c2s_error *err, const char *key)
{
    return c2s_fail(err, C2S_FORMAT,
                    "the stored model's '%s' is missing or wrong; the workspace is damaged, load "
                    "the model file again",
                    key);
}

static bool read_int(const struct c2s_json *v, int *out)
{
    int64_t value = c2s_json_integer(v, INT64_MIN);
    *out = (int)value;
    return c2s_json_kind(v) == C2S_JSON_INTEGER && value >= INT32_MIN && value <= INT32_MAX;
}

static bool read_real(const struct c2s_json *v, float *out)
{
    const char *word = c2s_json_text(v, "");
    *out = (float)c2s_json_real(v, 0);
    if (c2s_json_is_number(v))
        return true;
    if (strcmp(word, "nan") == 0)
        *out = NAN;
    else if (strcmp(word, "inf") == 0)
        *out = INFINITY;
    else if (strcmp(word, "-inf") == 0)
        *out = -INFINITY;
    else
        return false;
    return true;
}

static bool read_name(const struct c2s_json *v, const char *const *names, unsigned *out)
{
    for (*out = 0; names[*out]; (*out)++)
        if (strcmp(names[*out], c2s_json_text(v, "")) == 0)
            return true;
    return false;
}

static bool read_dims(const struct c2s_json *v, int *rank, int64_t *dims)
{
    size_t n = c2s_json_size(v);
    if (c2s_json_kind(v) != C2S_JSON_ARRAY || n > C2S_MAX_RANK)
        return false;
    *rank = (int)n;
    for (size_t i = 0; i < n; i++) {
        dims[i] = c2s_json_integer(c2s_json_at(v, i), INT64_MIN);
        if (dims[i] < -1)
            return false;
    }
    return true;
}

static bool read_field(struct c2s_layer *l, const struct field *f, const struct c2s_json *v)
{
    void *at = (char *)l + f->offset;
    int rank;
    switch (f->kind) {
    case FIELD_INT:
        return read_int(v, at);
    case FIELD_PAIR:
        return c2s_json_size(v) == 2 && read_int(c2s_json_at(v, 0), at) &&
               read_int(c2s_json_at(v, 1), (int *)at + 1);
    case FIELD_REAL:
        return read_real(v, at);
    case FIELD_BOOL:
        *(bool *)at = c2s_json_bool(v, false);
        return c2s_json_kind(v) == C2S_JSON_BOOL;
    case FIELD_ENUM:
        return read_name(v, f->names, at);
    case FIELD_DIMS:
        return read_dims(v, &rank, at) && rank == l->attr.reshape.rank;
    }
    return false;
}

static bool read_quantizer(const struct c2s_json *v, struct c2s_quantizer_spec *out)
{
    *out = (struct c2s_quantizer_spec){0};
    if (c2s_json_kind(v) == C2S_JSON_NULL)
        return true;
    out->id = c2s_quantizer_from_class(c2s_json_text(c2s_json_get(v, "class"), ""));
    out->is_limited = c2s_json_bool(c2s_json_get(v, "is_limited"), false);
    return out->id != C2S_QUANTIZER_NONE && read_int(c2s_json_get(v, "bitwidth"), &out->bitwidth) &&
           out->bitwidth >= 2 && out->bitwidth <= 8 &&
           read_real(c2s_json_get(v, "threshold"), &out->threshold);
}

static enum c2s_op op_from_id(const char *id)
{
    for (int op = 0; op < C2S_OP_COUNT; op++)
        if (strcmp(c2s_op_info((enum c2s_op)op)->id, id) == 0)
            return (enum c2s_op)op;
    return C2S_OP_COUNT;
}

static bool fill_attributes(struct c2s_layer *l, const struct c2s_json *v, struct c2s_error *err)
{
    const struct c2s_json *attr = c2s_json_get(v, "attr"), *shape = c2s_json_get(v, "shape");
    for (const struct field *f = keras_fields; f->key; f++)
        if (f->op == l->op && !read_field(l, f, c2s_json_get(attr, strchr(f->key, '.') + 1)))
            return fail_field(err, f->key);
    if (c2s_layer_is_quantized_activation(l) &&
        (l->attr.quantized_relu.bitwidth < 1 || l->attr.quantized_relu.bitwidth > 8))
        return fail_field(err, "bitwidth");
    if (!read_quantizer(c2s_json_get(v, "quantizer"), &l->quantizer) ||
        !read_quantizer(c2s_json_get(v, "quantizer_dw"), &l->quantizer_dw))
        return fail_field(err, "quantizer");
    l->rank = -1;
    if (c2s_json_kind(shape) != C2S_JSON_NULL && !read_dims(shape, &l->rank, l->dims))
        return fail_field(err, "shape");
    return true;
}

static bool fill_params(struct c2s_layer *l, const struct c2s_json *v, const struct source *from)
{
    for (int role = 0; role < C2S_ROLE_COUNT; role++) {
        struct c2s_tensor *t = NULL;
        const char *hash = c2s_json_text(c2s_json_get(v, c2s_role_name((enum c2s_role)role)), NULL);
        if (hash && !from->tensor(from->arg, hash, &t, from->err))
            return false;
        if (hash)
            c2s_layer_set_param(l, (enum c2s_role)role, t);
    }
    return true;
}

static bool fill_layer(struct c2s_layer *l, const struct c2s_json *v, const struct source *from)
{
    struct c2s_error *err = from->err;
    const struct c2s_json *inputs = c2s_json_get(v, "inputs");
    const char *class_name = c2s_json_text(c2s_json_get(v, "class_name"), NULL);
    if (!class_name || c2s_json_kind(inputs) != C2S_JSON_ARRAY)
        return fail_field(err, "inputs");
    if (!c2s_layer_set_text(&l->class_name, class_name, err) ||
        !c2s_layer_set_text(&l->config, c2s_json_text(c2s_json_get(v, "config"), NULL), err))
        return false;
    for (size_t i = 0; i < c2s_json_size(inputs); i++) {
        int index;
        if (!read_int(c2s_json_at(inputs, i), &index))
            return fail_field(err, "inputs");
        if (!c2s_layer_add_input(l, index, err))
            return false;
    }
    return fill_attributes(l, v, err) && fill_params(l, c2s_json_get(v, "params"), from);
}

static bool add_layer(struct c2s_model *m, const struct c2s_json *v, const struct source *from)
{
    const char *name = c2s_json_text(c2s_json_get(v, "name"), NULL);
    enum c2s_op op = op_from_id(c2s_json_text(c2s_json_get(v, "op"), ""));
    if (!name || op == C2S_OP_COUNT)
        return fail_field(from->err, "op");
    struct c2s_layer *l = c2s_layer_create(op, name, from->err);
    if (!l)
        return false;
    if (!fill_layer(l, v, from)) {
        c2s_layer_destroy(l);
        return c2s_fail_at(from->err, "layer %s", name);
    }
    return c2s_model_add(m, l, NULL, from->err);
}

/* Calls add with each index of the list. */
static bool add_indices(struct c2s_model *m, const struct c2s_json *list, const char *key,
                        bool (*add)(struct c2s_model *, int, struct c2s_error *),
                        struct c2s_error *err)
{
    if (c2s_json_kind(list) != C2S_JSON_ARRAY)
        return fail_field(err, key);
    for (size_t i = 0; i < c2s_json_size(list); i++) {
        int index;
        if (!read_int(c2s_json_at(list, i), &index) || index < 0 || index >= m->n_layers)
            return fail_field(err, key);
        if (!add(m, index, err))
            return false;
    }
    return true;
}

/* Workspaces of release 0.1.0 have the text alone. */
static bool add_note(struct c2s_model *m, const struct c2s_json *v, struct c2s_error *err)
{
    unsigned kind = C2S_NOTE_READ;
    if (c2s_json_kind(v) == C2S_JSON_OBJECT &&
        !read_name(c2s_json_get(v, "kind"), keras_note_kind_names, &kind))
        return fail_field(err, "notes");
    const struct c2s_json *text = c2s_json_get(v, "text");
    return c2s_model_add_note(m, (enum c2s_note_kind)kind, err, "%s",
                              c2s_json_text(text ? text : v, ""));
}

static bool fill_model(struct c2s_model *m, const struct c2s_json *v, const struct source *from)
{
    struct c2s_error *err = from->err;
    const struct c2s_json *layers = c2s_json_get(v, "layers"), *notes = c2s_json_get(v, "notes");
    unsigned dialect;
    if (!c2s_layer_set_text(&m->keras_version, c2s_json_text(c2s_json_get(v, "keras_version"), ""),
                            err))
        return false;
    m->is_sequential = c2s_json_bool(c2s_json_get(v, "is_sequential"), false);
    if (!read_name(c2s_json_get(v, "dialect"), keras_dialect_names, &dialect))
        return fail_field(err, "dialect");
    m->dialect = (enum c2s_dialect)dialect;
    if (!read_int(c2s_json_get(v, "n_tensors_read"), &m->n_tensors_read) ||
        !read_int(c2s_json_get(v, "n_tensors_expected"), &m->n_tensors_expected))
        return fail_field(err, "n_tensors_read");
    for (size_t i = 0; i < c2s_json_size(notes); i++)
        if (!add_note(m, c2s_json_at(notes, i), err))
            return false;
    for (size_t i = 0; i < c2s_json_size(layers); i++)
        if (!add_layer(m, c2s_json_at(layers, i), from))
            return false;
    return add_indices(m, c2s_json_get(v, "inputs"), "inputs", c2s_model_add_input, err) &&
           add_indices(m, c2s_json_get(v, "outputs"), "outputs", c2s_model_add_output, err);
}

bool c2s_model_from_description(const char *json,
                                bool (*tensor)(void *arg, const char *hash, struct c2s_tensor **out,
                                               struct c2s_error *err),
                                void *arg, struct c2s_model **out, struct c2s_error *err)
{
    struct source from = {tensor, arg, err};
    struct c2s_json *v = c2s_json_parse(json, strlen(json), err);
    const char *name = c2s_json_text(c2s_json_get(v, "name"), NULL);
    struct c2s_model *m = NULL;
    if (!v)
        return c2s_fail_at(err, "stored model");
    bool ok = name ? (m = c2s_model_create(name, err)) != NULL : fail_field(err, "name");
    ok = ok && fill_model(m, v, &from);
    c2s_json_free(v);
    if (ok)
        *out = m;
    else
        c2s_model_destroy(m);
    return ok;
}
