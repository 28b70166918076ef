/* From a convolution's sums to what an Akida layer gives, in the order that vectorizes: blocks of
 * filters, each pooled and turned into levels while it lies in registers. Results equal those of
 * simulate.h. */
#ifndef C2S_AKIDA_FAST_LOOPS_H
#define C2S_AKIDA_FAST_LOOPS_H

#include "akida/simulate.h"

/* sums: float32 [batch, conv], integers of at most 2^24. */

/* levels: float32 [2^act_bits - 1][filters]; a potential's level is the number of those below it.
 */
void akida_levels(const struct c2s_akida_layer *l, float *levels);
/* Max pooling or none, then levels: y is uint8 [batch, out], or int32, the potentials themselves,
 * when levels is NULL. */
void akida_fast_finish(const struct c2s_akida_layer *l, const float *levels, const float *sums,
                       int64_t batch, void *y);
/* Global average pooling, which sums: y is int32 [batch, filters]. Fails: RANGE when a sum leaves
 * int32. */
bool akida_fast_sum(const struct c2s_akida_layer *l, const float *sums, int64_t batch, int32_t *y,
                    struct c2s_error *err) C2S_MUST_CHECK;
void akida_fast_to_float(const uint8_t *x, int64_t n, float *y);

#endif
