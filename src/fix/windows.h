/* Which windows of a larger kernel with other padding are those of a smaller one. Private to
 * src/fix. */
#ifndef C2S_FIX_WINDOWS_H
#define C2S_FIX_WINDOWS_H

#include "fix/place.h"

/* Along one axis: output i (of n) covers the inputs i * stride - front .. + window - 1, zeros
 * outside of 0..in - 1. */
struct fix_axis {
    int64_t in, n, front;
    int window, stride;
};
/* The two axes of a convolution or pool that reads `in`. */
void fix_axes_of(const struct c2s_layer *l, const struct c2s_layer *in, struct fix_axis axes[2]);
/* Where the old kernel begins inside one of `window` with that padding, so that the same outputs
 * come from the same inputs: 0..window - old, or -1 = nowhere. */
int fix_place_in_window(const struct fix_axis *axis, int window, enum c2s_padding padding);

/* A kernel size, a padding and a place in it for both axes. */
struct fix_window {
    int size[2], at[2];
    enum c2s_padding padding;
};
/* The smallest square window of the chip's (3, 5, 7; 1 where it may) that holds the axes exactly:
 * 'same', or for a first convolution also the padding it has. False = there is none. */
bool fix_find_window(const struct fix_place *p, int layer, const struct fix_axis axes[2],
                     struct fix_window *out);
/* Gives the layer that window. */
bool fix_set_window(struct c2s_layer *l, const struct fix_window *w,
                    struct c2s_error *err) C2S_MUST_CHECK;

#endif
