/* What the two rewrites of a model in front of quantization share, and what quantize.c asks of
 * them. */
#ifndef QUANT_REWRITE_H
#define QUANT_REWRITE_H

#include <c2s/model.h>

bool quant_is_output(const struct c2s_model *m, int index);
/* The only input of layer `index` when nothing else reads it, else -1. */
int quant_only_input(const struct c2s_model *m, int index);
/* Fails: UNSUPPORTED when the batch normalization works on another axis than the channels. */
bool quant_is_last_axis(const struct c2s_model *m, const struct c2s_layer *bn,
                        struct c2s_error *err) C2S_MUST_CHECK;

/* Folds the batch normalization at `index` into the neural layer in front of it, which must hand
 * its sums to it alone; *is_folded false = there is none. Fails: as c2s_model_fold_batch_norm. */
bool quant_fold_at(struct c2s_model *m, int index, bool allow_zero_gamma, bool *is_folded,
                   struct c2s_error *err) C2S_MUST_CHECK;

/* How the two models are run. */
struct quant_probe {
    const struct c2s_tensor *samples; /* Keras inputs [n, ...] of the one input, borrowed; NULL = a
                                         random batch */
    bool keep_weights, keep_activations; /* quantized ones stay so */
};
/* Largest difference of the outputs of two models that should compute the same but for rounding,
 * over the largest output, on a random batch of fixed seed unless the probe has another. Saturating
 * output activations are left out of both, and so is quantization unless it is to be kept. NAN when
 * no engine can run the models (a layer it does not know, NaN among the weights), when their input
 * size is unknown or the samples do not fit it. probe may be NULL. Fails: NOMEM, CANCELLED, STATE.
 */
bool quant_difference(const struct c2s_model *a, const struct c2s_model *b,
                      const struct quant_probe *probe, double *difference,
                      struct c2s_error *err) C2S_MUST_CHECK;

#endif
