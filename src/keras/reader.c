/* Reads a Keras file: config, graph, shapes, weights, and a report of what was found. */
#include <c2s/keras.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "keras/keras.h"

/* The axis counted from 0 without the batch axis, or -1 if it is none of the layer's. */
static int axis_index(int axis, int rank)
{
    int index = axis < 0 ? rank + axis : axis - 1;
    return index >= 0 && index < rank ? index : -1;
}

/* Axes can be judged only once shapes are known. A BatchNormalization over the last axis gets the
 * axis -1, however the file counts it; over any other it cannot be computed. */
static bool check_axes(struct c2s_model *m, struct c2s_error *err)
{
    for (int i = 0; i < m->n_layers; i++) {
        struct c2s_layer *l = m->layers[i];
        int rank = l->n_inputs > 0 ? m->layers[l->inputs[0]]->rank : -1;
        const char *why = NULL;
        if (rank < 0)
            continue;
        if (l->op == C2S_OP_BATCH_NORM) {
            if (axis_index(l->attr.batch_norm.axis, rank) == rank - 1)
                l->attr.batch_norm.axis = -1;
            else
                why = "it normalizes over another axis than the last";
        } else if ((l->op == C2S_OP_SOFTMAX || l->op == C2S_OP_CONCATENATE) &&
                   axis_index(l->attr.softmax.axis, rank) < 0) {
            why = "its axis is none of its input's";
        } else if (l->op == C2S_OP_CONV2D && m->layers[l->inputs[0]]->dims[rank - 1] > 0 &&
                   (m->layers[l->inputs[0]]->dims[rank - 1] % l->attr.conv.groups != 0 ||
                    l->attr.conv.filters % l->attr.conv.groups != 0)) {
            why = "its channels and filters cannot be divided by its groups";
        }
        if (why && !keras_make_unknown(m, l, why, err))
            return false;
    }
    return true;
}

/* Whose quantized file it is: 2.2 has ReLUs with a range, 1.8 trained and fixed ones. Where layers
 * do not tell, the Keras release does: 1.8 needs TF 2.4, 2.2 a later one. */
static enum c2s_dialect find_dialect(const struct c2s_model *m)
{
    bool is_quantized = false, is_18 = false, is_22 = false;
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        bool is_relu = c2s_layer_is_quantized_activation(l);
        is_quantized = is_quantized || is_relu || c2s_layer_is_quantized(l);
        is_22 = is_22 || (is_relu && l->attr.quantized_relu.kind == C2S_RELU_RANGED) ||
                l->quantizer.id == C2S_QUANTIZER_STD_PER_AXIS;
        is_18 = is_18 || (is_relu && l->attr.quantized_relu.kind == C2S_RELU_TRAINED) ||
                l->quantizer.id == C2S_QUANTIZER_TRAINABLE_STD;
    }
    const char *dot = strchr(m->keras_version, '.');
    bool is_late =
        atoi(m->keras_version) > 2 || (atoi(m->keras_version) == 2 && dot && atoi(dot + 1) > 4);
    if (!is_quantized)
        return C2S_DIALECT_KERAS;
    return is_22 || (!is_18 && is_late) ? C2S_DIALECT_CNN2SNN_22 : C2S_DIALECT_CNN2SNN_18;
}

/* cnn2snn 2.2 limits scale factors inside its quantizers; the files do not say so. */
static void limit_scales(struct c2s_model *m)
{
    for (int i = 0; i < m->n_layers && m->dialect == C2S_DIALECT_CNN2SNN_22; i++) {
        struct c2s_layer *l = m->layers[i];
        l->quantizer.is_limited = l->quantizer.id != C2S_QUANTIZER_NONE;
        l->quantizer_dw.is_limited = l->quantizer_dw.id != C2S_QUANTIZER_NONE;
    }
}

/* The name of a dtype policy: "mixed_float16", or a dictionary around it; "" = none. */
static const char *policy_of(const struct c2s_json *layer)
{
    const struct c2s_json *dtype = c2s_json_get(c2s_json_get(layer, "config"), "dtype");
    const char *inside =
        c2s_json_text(c2s_json_get(c2s_json_get(dtype, "config"), "name"), "float32");
    return c2s_json_text(dtype, inside);
}

/* Numbers are computed in float32, whatever Keras computes a layer in. */
static bool note_precision(struct keras_build *b, struct c2s_error *err)
{
    const char *policy = NULL;
    int n = 0;
    for (int i = 0; i < b->model->n_layers; i++) {
        const char *own = policy_of(b->origins[i].layer);
        if (b->model->layers[i]->op == C2S_OP_INPUT || strcmp(own, "float32") == 0)
            continue;
        policy = policy ? policy : own;
        n++;
    }
    return n == 0 || c2s_model_add_note(b->model, C2S_NOTE_ASSUMED, err,
                                        "%d layer%s computed in float32, in Keras by the policy "
                                        "'%s'",
                                        n, n == 1 ? " is" : "s are", policy);
}

/* In what way the numbers in the file are not those in the model. */
static bool note_storage(struct keras_build *b, struct c2s_error *err)
{
    size_t n_types = sizeof b->converted / sizeof b->converted[0];
    for (size_t i = 0; i < n_types && b->converted[i].type; i++)
        if (!c2s_model_add_note(b->model, C2S_NOTE_READ, err, "%d tensor%s stored as %s",
                                b->converted[i].n, b->converted[i].n == 1 ? "" : "s",
                                b->converted[i].type))
            return false;
    return b->n_turned == 0 ||
           c2s_model_add_note(b->model, C2S_NOTE_READ, err,
                              "%d kernel%s turned around: Theano, which wrote them, convolves "
                              "where others correlate",
                              b->n_turned, b->n_turned == 1 ? "" : "s");
}

static bool note_origin(struct keras_build *b, struct c2s_error *err)
{
    static const char *const dialects[] = {"float", "quantized by cnn2snn 1.8",
                                           "quantized by cnn2snn 2.2"};
    struct c2s_model *m = b->model;
    bool ok = c2s_model_add_note(m, C2S_NOTE_READ, err,
                                 "%s model '%s' of Keras %s, %s; %d of %d tensors read",
                                 m->is_sequential ? "Sequential" : "Functional", m->name,
                                 *m->keras_version ? m->keras_version : "(release unknown)",
                                 dialects[m->dialect], m->n_tensors_read, m->n_tensors_expected);
    if (ok && b->is_config_foreign)
        ok = c2s_model_add_note(m, C2S_NOTE_READ, err, "its structure from '%s'",
                                b->options->config);
    ok = ok && note_storage(b, err);
    if (ok && b->source->has_optimizer)
        ok = c2s_model_add_note(m, C2S_NOTE_SKIPPED, err,
                                "the state of the optimizer, which only training needs");
    return ok && note_precision(b, err);
}

/* Weights that the structure of another file has no layer for: it is of another model. */
static bool check_all_read(const struct keras_build *b, struct c2s_error *err)
{
    const struct c2s_model *m = b->model;
    bool is_known = true;
    for (int i = 0; i < m->n_layers; i++)
        is_known = is_known && m->layers[i]->op != C2S_OP_UNKNOWN;
    if (!b->is_config_foreign || !is_known || m->n_tensors_read == m->n_tensors_expected)
        return true;
    return c2s_fail(err, C2S_FORMAT,
                    "'%s' holds %d tensors, but the structure of '%s' takes %d; give --config the "
                    "model that the weights were saved from",
                    h5_path(b->source->weights), m->n_tensors_expected, b->options->config,
                    m->n_tensors_read);
}

static bool is_keras_1(const char *version)
{
    return version && version[0] == '1' && (version[1] == '.' || version[1] == '\0');
}

static bool read_model(struct keras_build *b, const char *version, struct c2s_error *err)
{
    const char *name =
        c2s_json_text(c2s_json_get(c2s_json_get(b->config, "config"), "name"), "model");
    b->model = c2s_model_create(name, err);
    bool is_named = b->source->layout == KERAS_NAMED;
    bool ok = b->model && c2s_layer_set_text(&b->model->keras_version, version ? version : "", err);
    if (ok && is_keras_1(version))
        ok = keras_fail_old(err);
    ok = ok && keras_build_graph(b, err) && c2s_model_infer_shapes(b->model, err) &&
         check_axes(b->model, err) && c2s_model_infer_shapes(b->model, err) &&
         (is_named ? keras_read_named(b, err) : keras_read_numbered(b, err)) &&
         check_all_read(b, err);
    if (!ok)
        return false;
    b->model->dialect = find_dialect(b->model);
    limit_scales(b->model);
    return note_origin(b, err);
}

/* Which of the two files says the structure; the other one is not needed or refused. */
static bool choose_config(const char *path, const char *other_path,
                          const struct keras_source *source, struct keras_source *other,
                          struct c2s_error *err)
{
    if (!source->weights)
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' is JSON, a structure without weights; load the file with the "
                        "weights: load FILE --config %s",
                        path, path);
    if (source->config && other_path)
        return c2s_fail(err, C2S_USAGE, "'%s' holds its own structure; load it without --config",
                        path);
    if (source->config)
        return true;
    if (!other_path)
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' holds weights only; name the file with the structure: load FILE "
                        "--config OTHER, where OTHER is a whole model or the JSON of "
                        "model.to_json()",
                        path);
    if (!keras_source_open(other_path, other, err))
        return false;
    return other->config || c2s_fail(err, C2S_FORMAT,
                                     "'%s' holds weights only, no structure; give --config a whole "
                                     "model or the JSON of model.to_json()",
                                     other_path);
}

bool c2s_keras_read(const char *path, const struct c2s_keras_read_options *options,
                    struct c2s_model **out, struct c2s_error *err)
{
    static const struct c2s_keras_read_options none;
    struct keras_source source, other = {0};
    struct keras_build b = {.source = &source, .options = options ? options : &none};
    if (!keras_source_open(path, &source, err))
        return false;
    bool ok = choose_config(path, b.options->config, &source, &other, err);
    if (ok) {
        b.is_config_foreign = !source.config;
        b.config = source.config ? source.config : other.config;
        ok = read_model(&b, other.keras_version ? other.keras_version : source.keras_version, err);
    }
    if (ok)
        *out = b.model;
    else
        c2s_model_destroy(b.model);
    for (int i = 0; i < b.n_pairs; i++)
        c2s_free(b.pairs[i].group);
    c2s_free(b.pairs);
    c2s_free(b.origins);
    c2s_name_index_finish(&b.names);
    keras_source_close(&source);
    keras_source_close(&other);
    return ok;
}
