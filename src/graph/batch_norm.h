/* The arithmetic of BatchNormalization that quantize and convert share, in float32 and in cnn2snn's
 * order of operations: integer weights and thresholds follow from these numbers to the bit. */
#ifndef C2S_GRAPH_BATCH_NORM_H
#define C2S_GRAPH_BATCH_NORM_H

#include <c2s/layer.h>

/* y = gamma * (x - mean) / sigma + beta. What the layer leaves out (scale, center) has the value
 * that changes nothing. */
struct c2s_batch_norm {
    float *sigma; /* sqrt(moving variance + epsilon); owned */
    float *gamma, *beta, *mean;
    int64_t channels; /* length of each; one allocation, which sigma owns */
};

/* Fails: SHAPE when a parameter of l has another length, NOMEM. */
bool c2s_batch_norm_init(struct c2s_batch_norm *b, const struct c2s_layer *l, int64_t channels,
                         struct c2s_error *err) C2S_MUST_CHECK;
void c2s_batch_norm_finish(struct c2s_batch_norm *b); /* accepts a zeroed one */

/* What folding multiplies a channel's weights by: gamma / sigma. */
float c2s_batch_norm_factor(const struct c2s_batch_norm *b, int64_t channel);
/* In place: kernel [.., channels] * factor, bias [channels] = beta + (bias - mean) * factor.
 * Source: cnn2snn 2.2.6 transforms/batch_normalization.py, _compute_BN_folded_weights. */
void c2s_batch_norm_fold(const struct c2s_batch_norm *b, struct c2s_tensor *kernel, float *bias);

#endif
