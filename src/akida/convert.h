/* Between Keras layers and Akida layers: which become one, and their numbers. */
#ifndef C2S_AKIDA_CONVERT_H
#define C2S_AKIDA_CONVERT_H

#include <c2s/akida.h>

#include "graph/batch_norm.h"

/* The Keras layers of one Akida layer, as indices into model->layers; -1 = none. */
struct akida_block {
    int first, last; /* all of them, what is in front (Flatten, Reshape, ...) included */
    int neural, batch_norm, pool, activation;
};

struct akida_map {
    struct akida_block *blocks; /* owned */
    int n;
    double scale, shift; /* akida_x = scale * keras_x + shift */
};

/* Finds the blocks of m. Fails: UNSUPPORTED naming the layer, what is wrong with it and what to
 * do; RANGE (input scaling). Source: cnn2snn 1.8.13 mapping_generator.py, 2.2.6
 * compatibility_checks.py and transforms/sequential.py. */
bool akida_map(const struct c2s_model *m, const struct c2s_convert_options *options,
               struct akida_map *map, struct c2s_error *err) C2S_MUST_CHECK;
void akida_map_finish(struct akida_map *map);

/* One convolution or dense layer in Keras' own layouts and float types, with everything the
 * thresholds need. BatchNormalization is folded into kernel and bias under rule 2.2. */
struct akida_neural {
    struct c2s_tensor *integers, *integers_pw; /* int8, Keras layout; owned */
    float *bias;                               /* [filters]; owned */
    float *delta;     /* integer steps per weight unit; [filters], or [1]; owned */
    bool is_per_axis; /* numpy keeps float32 for an array, widens a scalar: see thresholds.c */
    int filters;
};
bool akida_neural_init(struct akida_neural *n, const struct c2s_model *m,
                       const struct akida_block *b, enum c2s_rule_of_conversion rule,
                       struct c2s_error *err) C2S_MUST_CHECK;
void akida_neural_finish(struct akida_neural *n); /* accepts a zeroed one */

/* Fills out->weights and weights_pw (new) in Akida's layouts; out->type, input_dims and filters are
 * set already. Negates the filters for which negate (or NULL) is true. */
bool akida_weights(const struct akida_neural *n, const bool *negate, struct c2s_akida_layer *out,
                   struct c2s_error *err) C2S_MUST_CHECK;

struct akida_scaling {
    double scale, shift; /* akida_x = scale * keras_x + shift */
};
/* What thresholds and steps follow from. All borrowed. */
struct akida_threshold_inputs {
    const struct c2s_model *m;
    const struct akida_block *block;
    const struct akida_neural *neural;
    struct akida_scaling input; /* of the layer's input */
    enum c2s_rule_of_conversion rule;
};
/* Fills out->threshold and act_step; *negate is new ([filters], c2s_free, also after a failure):
 * the filters whose step would be negative, so that their weights must change sign. Fails: SHAPE,
 * RANGE (beyond int32, not finite), NOMEM. Source: cnn2snn 1.8.13 and 2.2.6 weights_ops.py. */
bool akida_thresholds(const struct akida_threshold_inputs *from, struct c2s_akida_layer *out,
                      bool **negate, struct c2s_error *err) C2S_MUST_CHECK;

#endif
