/* The quantizers of weights in training: cut into blocks of rows that threads share out, without an
 * allocation. Only those that take the largest weight (MAX, MAX_PER_AXIS), which are cnn2snn 2.2's
 * default; equal to quantizer.h to the bit, the gradient up to the order of sums. */
#ifndef C2S_ENGINE_FAST_QUANTIZER_H
#define C2S_ENGINE_FAST_QUANTIZER_H

#include <c2s/quantizer.h>

/* Weights [rows, channels], channels last, and what is known of them at the moment. */
struct fast_quantizer {
    int64_t rows, channels, block_rows, n_blocks;
    bool is_per_axis, is_limited;
    float top;      /* kmax */
    float *largest; /* [n_blocks, channels]: largest |w| of a block; one allocation for all */
    float *row;     /* [n_blocks, channels]: the row it is in, within the block */
    float *count;   /* [n_blocks, channels]: how often it occurs */
    float *scale;   /* [channels] */
    float *range;   /* [channels]: largest |w| of all blocks */
    double *sums;   /* [n_blocks, channels], own allocation */
};

bool fast_quantizer_can(const struct c2s_quantizer_spec *spec);
/* block_rows below 2^24. Fails: NOMEM. */
bool fast_quantizer_init(struct fast_quantizer *q, const struct c2s_quantizer_spec *spec,
                         const struct c2s_tensor *w, int64_t block_rows,
                         struct c2s_error *err) C2S_MUST_CHECK;
void fast_quantizer_finish(struct fast_quantizer *q); /* accepts a zeroed one */

/* First for every block, in any order and on any thread; then scale, once; then fake for blocks. */
void fast_quantizer_measure(const struct fast_quantizer *q, int64_t block, const float *w);
void fast_quantizer_scale(const struct fast_quantizer *q);
void fast_quantizer_fake(const struct fast_quantizer *q, int64_t block, const float *w, float *out);

/* d, gradient by the fake-quantized weights -> by the weights, in place. Clipping and rounding let
 * it pass (no weight is beyond the largest); what the scale gets goes to the largest weight, or in
 * equal parts to the largest ones, as TensorFlow's reduce_max does. First sum for every block, then
 * to_largest, once. fake: what fast_quantizer_fake gave. */
void fast_quantizer_sum(const struct fast_quantizer *q, int64_t block, const float *w,
                        const float *fake, const float *d);
void fast_quantizer_to_largest(const struct fast_quantizer *q, const float *w, float *d);

#endif
