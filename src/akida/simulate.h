/* How one Akida layer computes, shared by the naive loops, the fast ones and the runner. */
#ifndef C2S_AKIDA_SIMULATE_H
#define C2S_AKIDA_SIMULATE_H

#include <c2s/akida.h>

/* Where a layer's numbers lie. Shapes are H, W, C; conv is the output of the convolution before
 * pooling. Padding is what lies in front (top, left). */
struct akida_geometry {
    int64_t in[3], conv[3], out[3];
    int64_t pad[2], pool_pad[2];
    int pool_size[2], pool_strides[2]; /* resolved: no -1 left */
};
void akida_geometry(const struct c2s_akida_layer *l, struct akida_geometry *g);

/* Weights of a layer as plain cross-correlation kernels, whatever their storage:
 *   KH,KW,C,N for convolutions, KH,KW,C for a depthwise kernel,
 *   for FULLY_CONNECTED the input's own order H,W,C times N. New int8 data in *out (c2s_free). */
bool akida_plain_weights(const struct c2s_akida_layer *l, int8_t **out, struct c2s_error *err);

/* *to = value. Fails: RANGE when it leaves int32. */
bool akida_put_potential(int64_t value, int32_t *to, const struct c2s_akida_layer *l,
                         struct c2s_error *err);

/* Naive loops, the judge of everything else. x: uint8 [batch, in]; y: int32 [batch, out], the
 * potentials after pooling (before the activation). plain: from akida_plain_weights.
 * Fails: RANGE when a potential leaves int32. */
bool akida_naive_potentials(const struct c2s_akida_layer *l, const int8_t *plain, const uint8_t *x,
                            int64_t batch, int32_t *y, struct c2s_error *err);
/* The same for a convolution already done: pools int32 [batch, conv] into [batch, out]. */
bool akida_naive_pool(const struct c2s_akida_layer *l, const int32_t *x, int64_t batch, int32_t *y,
                      struct c2s_error *err);
/* Level of each potential: clip(ceil((p - T) / S), 0, 2^bits - 1). n is a multiple of filters. */
void akida_naive_activation(const struct c2s_akida_layer *l, const int32_t *p, int64_t n,
                            uint8_t *y);

#endif
