/* From a convolution's sums to what an Akida layer gives, in the order that vectorizes: blocks of
 * filters, each pooled and turned into levels while it lies in registers. Results equal those of
 * simulate.h. */
#ifndef C2S_AKIDA_FAST_LOOPS_H
#define C2S_AKIDA_FAST_LOOPS_H

#include "akida/simulate.h"

/* sums: float32 [batch, conv], integers of at most 2^24. */

/* How a layer's potentials become levels. Zeroed: not at all, the layer has no activation. */
struct akida_levels {
    int top;        /* 2^act_bits - 1 */
    bool divides;   /* by the step; else a level is the number of bounds below the potential */
    float *numbers; /* owned: [threshold, step][filters], or bounds [top][filters] */
};
/* Fails: NOMEM. */
bool akida_levels_init(struct akida_levels *levels, const struct c2s_akida_layer *l,
                       struct c2s_error *err) C2S_MUST_CHECK;
void akida_levels_finish(struct akida_levels *levels); /* accepts a zeroed one */

/* Max pooling or none, then levels: y is uint8 [batch, out], or int32, the potentials themselves,
 * when there are no levels. */
void akida_fast_finish(const struct c2s_akida_layer *l, const struct akida_levels *levels,
                       const float *sums, int64_t batch, void *y);
/* Global average pooling, which sums: y is int32 [batch, filters]. Fails: RANGE when a sum leaves
 * int32. */
bool akida_fast_sum(const struct c2s_akida_layer *l, const float *sums, int64_t batch, int32_t *y,
                    struct c2s_error *err) C2S_MUST_CHECK;
void akida_fast_to_float(const uint8_t *x, int64_t n, float *y);

#endif
