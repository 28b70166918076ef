/* Elementwise layers as loops that compilers turn into vector code. Same results as the naive
 * kernels, to the bit. */
#ifndef C2S_ENGINE_FAST_H
#define C2S_ENGINE_FAST_H

#include "engine/engines.h"

enum fast_kind {
    FAST_NONE,      /* no fast form */
    FAST_NORMALIZE, /* (x - mean) * factor + beta, per channel */
    FAST_RELU,      /* x < 0 ? slope * x : min(x, top) */
    FAST_QUANTIZE,  /* step * clip(ceil((x - threshold) / step), 0, levels) */
    FAST_SCALE,     /* x * step + threshold: Rescaling */
};

struct fast_map {
    enum fast_kind kind;
    int64_t channels;
    float *mean, *factor, *beta; /* [channels], one allocation, owned by mean */
    float slope, top, step, threshold;
};

/* The fast form of a layer; kind FAST_NONE when there is none. Fails: NOMEM. */
bool fast_map_init(struct fast_map *f, const struct c2s_layer *l,
                   struct c2s_error *err) C2S_MUST_CHECK;
void fast_map_finish(struct fast_map *f); /* accepts a zeroed one */

/* y may be x; count is a multiple of channels for FAST_NORMALIZE. */
void fast_map_run(const struct fast_map *f, const float *x, float *y, int64_t count);

#endif
