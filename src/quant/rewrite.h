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

/* Largest difference of the outputs of two models that should compute the same but for rounding,
 * over the largest output, on a random batch of fixed seed. Quantization is left out of both, and
 * so are saturating output activations. NAN when no engine can run the models or their input size
 * is unknown. Fails: NOMEM, CANCELLED, STATE. */
bool quant_difference(const struct c2s_model *a, const struct c2s_model *b, double *difference,
                      struct c2s_error *err) C2S_MUST_CHECK;

#endif
