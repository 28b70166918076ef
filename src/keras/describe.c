/* A model as JSON text: every field but the numbers of its tensors, which appear as hashes. The
 * way back is restore.c. */
#include <c2s/keras.h>
#include <c2s/quantizer.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "keras/fields.h"
#include "keras/keras.h"

void c2s_text_free(char *text)
{
    c2s_json_text_free(text);
}

/* JSON has no infinity, which is a usual max_value. */
static struct c2s_json *real(float value)
{
    if (isnan(value))
        return c2s_json_new_text("nan");
    if (isinf(value))
        return c2s_json_new_text(value > 0 ? "inf" : "-inf");
    return c2s_json_new_real((double)value);
}

static struct c2s_json *ints(const int *values, int n)
{
    struct c2s_json *array = c2s_json_new_array();
    for (int i = 0; i < n; i++)
        if (!c2s_json_append(array, c2s_json_new_integer(values[i]))) {
            c2s_json_free(array);
            return NULL;
        }
    return array;
}

static struct c2s_json *dims(const int64_t *values, int n)
{
    struct c2s_json *array = c2s_json_new_array();
    for (int i = 0; i < n; i++)
        if (!c2s_json_append(array, c2s_json_new_integer(values[i]))) {
            c2s_json_free(array);
            return NULL;
        }
    return array;
}

static struct c2s_json *field_value(const struct c2s_layer *l, const struct field *f)
{
    const void *at = (const char *)l + f->offset;
    switch (f->kind) {
    case FIELD_INT:
        return c2s_json_new_integer(*(const int *)at);
    case FIELD_PAIR:
        return ints(at, 2);
    case FIELD_REAL:
        return real(*(const float *)at);
    case FIELD_BOOL:
        return c2s_json_new_bool(*(const bool *)at);
    case FIELD_ENUM:
        return c2s_json_new_text(f->names[*(const unsigned *)at]);
    case FIELD_DIMS:
        return dims(at, l->attr.reshape.rank);
    }
    return NULL;
}

static struct c2s_json *attributes(const struct c2s_layer *l)
{
    struct c2s_json *object = c2s_json_new_object();
    for (const struct field *f = keras_fields; f->key; f++)
        if (f->op == l->op && !c2s_json_set(object, strchr(f->key, '.') + 1, field_value(l, f))) {
            c2s_json_free(object);
            return NULL;
        }
    return object;
}

static struct c2s_json *params(const struct c2s_layer *l)
{
    struct c2s_json *object = c2s_json_new_object();
    for (int role = 0; role < C2S_ROLE_COUNT; role++) {
        char hash[C2S_HASH_LENGTH + 1];
        if (!l->params[role])
            continue;
        c2s_tensor_hash(l->params[role], hash);
        if (!c2s_json_set(object, c2s_role_name((enum c2s_role)role), c2s_json_new_text(hash))) {
            c2s_json_free(object);
            return NULL;
        }
    }
    return object;
}

static struct c2s_json *quantizer(const struct c2s_quantizer_spec *spec)
{
    if (spec->id == C2S_QUANTIZER_NONE)
        return c2s_json_new_null();
    struct c2s_json *object = c2s_json_new_object();
    if (c2s_json_set(object, "class", c2s_json_new_text(c2s_quantizer_class(spec->id))) &&
        c2s_json_set(object, "bitwidth", c2s_json_new_integer(spec->bitwidth)) &&
        c2s_json_set(object, "threshold", real(spec->threshold)) &&
        c2s_json_set(object, "is_limited", c2s_json_new_bool(spec->is_limited)))
        return object;
    c2s_json_free(object);
    return NULL;
}

static struct c2s_json *layer(const struct c2s_layer *l)
{
    struct c2s_json *object = c2s_json_new_object();
    if (c2s_json_set(object, "op", c2s_json_new_text(c2s_op_info(l->op)->id)) &&
        c2s_json_set(object, "name", c2s_json_new_text(l->name)) &&
        c2s_json_set(object, "class_name", c2s_json_new_text(l->class_name)) &&
        c2s_json_set(object, "inputs", ints(l->inputs, l->n_inputs)) &&
        c2s_json_set(object, "attr", attributes(l)) &&
        c2s_json_set(object, "quantizer", quantizer(&l->quantizer)) &&
        c2s_json_set(object, "quantizer_dw", quantizer(&l->quantizer_dw)) &&
        c2s_json_set(object, "shape", l->rank < 0 ? c2s_json_new_null() : dims(l->dims, l->rank)) &&
        c2s_json_set(object, "params", params(l)) &&
        c2s_json_set(object, "config", c2s_json_new_text(l->config)))
        return object;
    c2s_json_free(object);
    return NULL;
}

static struct c2s_json *layers(const struct c2s_model *m)
{
    struct c2s_json *array = c2s_json_new_array();
    for (int i = 0; i < m->n_layers; i++)
        if (!c2s_json_append(array, layer(m->layers[i]))) {
            c2s_json_free(array);
            return NULL;
        }
    return array;
}

static struct c2s_json *note(const struct c2s_model_note *n)
{
    struct c2s_json *object = c2s_json_new_object();
    if (object && c2s_json_set(object, "kind", c2s_json_new_text(keras_note_kind_names[n->kind])) &&
        c2s_json_set(object, "text", c2s_json_new_text(n->text)))
        return object;
    c2s_json_free(object);
    return NULL;
}

static struct c2s_json *notes(const struct c2s_model *m)
{
    struct c2s_json *array = c2s_json_new_array();
    for (int i = 0; i < m->n_notes; i++)
        if (!c2s_json_append(array, note(&m->notes[i]))) {
            c2s_json_free(array);
            return NULL;
        }
    return array;
}

static bool fill(struct c2s_json *object, const struct c2s_model *m)
{
    return c2s_json_set(object, "name", c2s_json_new_text(m->name)) &&
           c2s_json_set(object, "keras_version", c2s_json_new_text(m->keras_version)) &&
           c2s_json_set(object, "is_sequential", c2s_json_new_bool(m->is_sequential)) &&
           c2s_json_set(object, "dialect", c2s_json_new_text(keras_dialect_names[m->dialect])) &&
           c2s_json_set(object, "inputs", ints(m->inputs, m->n_inputs)) &&
           c2s_json_set(object, "outputs", ints(m->outputs, m->n_outputs)) &&
           c2s_json_set(object, "n_tensors_read", c2s_json_new_integer(m->n_tensors_read)) &&
           c2s_json_set(object, "n_tensors_expected",
                        c2s_json_new_integer(m->n_tensors_expected)) &&
           c2s_json_set(object, "notes", notes(m)) && c2s_json_set(object, "layers", layers(m));
}

bool c2s_model_describe(const struct c2s_model *m, char **json, struct c2s_error *err)
{
    struct c2s_json *object = c2s_json_new_object();
    char *text = object && fill(object, m) ? c2s_json_print(object, 17, false) : NULL;
    c2s_json_free(object);
    if (!text)
        return c2s_fail_nomem(err);
    *json = text;
    return true;
}

bool c2s_model_hash(const struct c2s_model *m, char hex[C2S_HASH_LENGTH + 1], struct c2s_error *err)
{
    char *text;
    if (!c2s_model_describe(m, &text, err))
        return false;
    struct c2s_hasher *h = c2s_hasher_create(err);
    if (h) {
        c2s_hasher_add(h, text, strlen(text));
        c2s_hasher_finish(h, hex);
    }
    c2s_text_free(text);
    return h != NULL;
}
