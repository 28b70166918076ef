/* Private to src/keras: what the two kinds of model config share while they become one graph. */
#ifndef C2S_KERAS_GRAPH_H
#define C2S_KERAS_GRAPH_H

#include "keras/keras.h"

/* Model indices of what a call of a layer gives. */
struct keras_values {
    int *items; /* owned */
    int n;
};

/* A submodel being added: where its layers' names begin, and whose weights they have. */
struct keras_place {
    const char *prefix; /* "" or "outer/" */
    const char *group;  /* NULL at the top: each layer is its own group */
    bool is_trainable;
    int depth;
};

bool keras_append(struct keras_values *list, int value, struct c2s_error *err) C2S_MUST_CHECK;

/* What a layer's entry says: {"class_name", "name", "config", ...}; borrowed, "" when absent. */
const char *keras_class_of(const struct c2s_json *layer);
const char *keras_name_of(const struct c2s_json *layer);
const struct c2s_json *keras_config_of(const struct c2s_json *layer);
/* The list of layers of a model's entry; NULL when it is a plain layer. */
const struct c2s_json *keras_layers_of(const struct c2s_json *layer);
/* Its input shape under any of its keys, or NULL. */
const struct c2s_json *keras_shape_of(const struct c2s_json *layer);
bool keras_is_input(const struct c2s_json *layer);
/* An operation of Keras 3 on tensors ("x + 1"), listed among the layers but none of them. */
bool keras_is_operation(const struct c2s_json *layer);

/* Fails when two of them have the same name. */
bool keras_check_names(const struct c2s_json *layers, struct c2s_error *err) C2S_MUST_CHECK;

/* Adds an input of the whole model; layer is its InputLayer, or NULL when the file has none. */
bool keras_add_input(struct keras_build *b, const struct c2s_json *layer, const char *name,
                     const struct c2s_json *shape, int *index,
                     struct c2s_error *err) C2S_MUST_CHECK;
/* Applies a layer or a whole submodel to in; *out gets what it gives. */
bool keras_apply(struct keras_build *b, const struct keras_place *at, const struct c2s_json *layer,
                 const struct keras_values *in, struct keras_values *out,
                 struct c2s_error *err) C2S_MUST_CHECK;
/* Adds a Functional model; in is NULL at the top. */
bool keras_add_functional(struct keras_build *b, const struct keras_place *at,
                          const struct c2s_json *model, const struct keras_values *in,
                          struct keras_values *out, struct c2s_error *err) C2S_MUST_CHECK;

#endif
