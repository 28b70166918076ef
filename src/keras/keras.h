/* Private to src/keras: how the reader is cut. A file becomes a model in three steps: config.c
 * turns one layer's JSON into attributes, graph.c turns the nested configs into one flat graph,
 * named.c and numbered.c find each layer's numbers. */
#ifndef C2S_KERAS_PRIVATE_H
#define C2S_KERAS_PRIVATE_H

#include <c2s/json.h>
#include <c2s/keras.h>

#include "base/name_index.h"
#include "keras/source.h"

/* Where a layer of the model comes from; parallel to model->layers. */
struct keras_origin {
    const struct c2s_json *layer; /* {"class_name", "config", ...}; the same for every use */
    const char *group;            /* name of the top-level layer: its weights' group in the file */
    const char *name;             /* as in its config, without the submodels it is in */
    int first_use;                /* index of the first use of a shared layer; its own if first */
    bool is_trainable;
};

struct keras_build {
    struct c2s_model *model;
    struct keras_origin *origins; /* owned; strings and JSON borrowed from the config */
    struct c2s_name_index names;  /* taken ones, of layers and "submodel/": how often used; owned */
    size_t config_bytes; /* of all layers' configs: a shared layer has a copy for each use */
    const struct c2s_json *config;
    const struct keras_source *source;            /* borrowed; of the weights */
    bool is_config_foreign;                       /* config is from another file than the weights */
    const struct c2s_keras_read_options *options; /* never NULL */
    struct {
        const char *type; /* in which they are stored: "float16"; NULL = the end */
        int n;
    } converted[4]; /* how many tensors were not stored as float32 */
    int n_turned;   /* kernels of Theano */
    struct keras_pair {
        const char *layer; /* of the config, borrowed */
        char *group;       /* of the file, owned */
    } * pairs;             /* owned; layers whose weights have another name in the file */
    int n_pairs;
};

/* Fills l's attributes from its config. False when l cannot be computed as the file means it; why
 * is then one clause for the user. Not a failure: the caller makes l UNKNOWN. */
bool keras_configure(struct c2s_layer *l, const struct c2s_json *config, char *why, size_t size);
/* The same of the weight quantizers of a quantized layer. */
bool keras_configure_quantizers(struct c2s_layer *l, const struct c2s_json *config, char *why,
                                size_t size);

/* Makes l UNKNOWN and adds a note that it is kept but cannot be computed. */
bool keras_make_unknown(struct c2s_model *m, struct c2s_layer *l, const char *why,
                        struct c2s_error *err) C2S_MUST_CHECK;
/* What to tell about a class that is not known: which toolkit it is of, what to do; borrowed. */
const char *keras_about_class(const char *class_name);
/* class_name without the package in front of '>'; borrowed from it. */
const char *keras_bare_class(const char *class_name);

/* Fails: the file is of Keras 1; what to do. Always false. */
bool keras_fail_old(struct c2s_error *err);

/* Rank and dims of [null, 28, 28, 1] without the batch axis; false if it is no such shape. */
bool keras_shape(const struct c2s_json *shape, int *rank, int64_t *dims);

/* Adds all layers of build->config to build->model. Frees neither model, origins nor names. */
bool keras_build_graph(struct keras_build *build, struct c2s_error *err) C2S_MUST_CHECK;

/* Fills build->pairs when the layers of the config and the groups of the file have other names. */
bool keras_pair_groups(struct keras_build *b, struct c2s_error *err) C2S_MUST_CHECK;
/* Read every layer's tensors, in either layout; shapes must be inferred. */
bool keras_read_named(struct keras_build *b, struct c2s_error *err) C2S_MUST_CHECK;
bool keras_read_numbered(struct keras_build *b, struct c2s_error *err) C2S_MUST_CHECK;

#endif
