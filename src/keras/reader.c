/* Reads a Keras .h5 file: config, graph, shapes, weights, and a report of what was found. */
#include <c2s/keras.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "keras/keras.h"

static bool read_config(struct h5_file *f, struct c2s_json **config, struct c2s_error *err)
{
    char *text;
    bool found;
    if (!h5_attr_text(f, "/", "model_config", &text, &found, err))
        return false;
    if (found) {
        *config = c2s_json_parse(text, strlen(text), err);
        c2s_free(text);
        if (!*config)
            return c2s_fail_at(err, "model_config of '%s'", h5_path(f));
        return true;
    }
    struct h5_names names;
    if (!h5_attr_names(f, "/", "layer_names", &names, &found, err))
        return false;
    h5_names_finish(&names);
    if (found || h5_exists(f, "/layers") || h5_exists(f, "/_layer_checkpoint_dependencies"))
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' holds weights only, without the model; in Python build the model, "
                        "load_weights() and save it whole: model.save('model.h5')",
                        h5_path(f));
    return c2s_fail(err, C2S_FORMAT,
                    "'%s' is an HDF5 file without a Keras model; give a model saved by "
                    "model.save('model.h5')",
                    h5_path(f));
}

static bool read_version(struct h5_file *f, struct c2s_model *m, struct c2s_error *err)
{
    char *text;
    bool found;
    if (!h5_attr_text(f, "/", "keras_version", &text, &found, err))
        return false;
    if (!found && h5_exists(f, "/model_weights") &&
        !h5_attr_text(f, "/model_weights", "keras_version", &text, &found, err))
        return false;
    if (!found)
        return true;
    bool ok = c2s_layer_set_text(&m->keras_version, text, err);
    c2s_free(text);
    return ok;
}

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

static bool note_origin(struct c2s_model *m, struct c2s_error *err)
{
    static const char *const dialects[] = {"float", "quantized by cnn2snn 1.8",
                                           "quantized by cnn2snn 2.2"};
    return c2s_model_add_note(m, C2S_NOTE_READ, err,
                              "%s model '%s' of Keras %s, %s; %d of %d tensors read",
                              m->is_sequential ? "Sequential" : "Functional", m->name,
                              *m->keras_version ? m->keras_version : "(release unknown)",
                              dialects[m->dialect], m->n_tensors_read, m->n_tensors_expected);
}

static bool read_model(struct h5_file *f, const struct c2s_json *config,
                       const struct c2s_keras_read_options *options, struct c2s_model **out,
                       struct c2s_error *err)
{
    const char *name = c2s_json_text(c2s_json_get(c2s_json_get(config, "config"), "name"), "model");
    struct keras_build b = {.model = c2s_model_create(name, err),
                            .config = config,
                            .weights = f,
                            .root = "/model_weights",
                            .options = options};
    bool ok = b.model && read_version(f, b.model, err) && keras_build_graph(&b, err) &&
              c2s_model_infer_shapes(b.model, err) && check_axes(b.model, err) &&
              c2s_model_infer_shapes(b.model, err) && keras_read_weights(&b, err);
    if (ok) {
        b.model->dialect = find_dialect(b.model);
        limit_scales(b.model);
        ok = note_origin(b.model, err);
    }
    c2s_free(b.origins);
    if (ok)
        *out = b.model;
    else
        c2s_model_destroy(b.model);
    return ok;
}

bool c2s_keras_read(const char *path, const struct c2s_keras_read_options *options,
                    struct c2s_model **out, struct c2s_error *err)
{
    struct h5_file *f;
    struct c2s_json *config = NULL;
    static const struct c2s_keras_read_options none;
    if (!h5_open(path, &f, err))
        return false;
    bool ok =
        read_config(f, &config, err) && read_model(f, config, options ? options : &none, out, err);
    c2s_json_free(config);
    h5_close(f);
    return ok;
}
