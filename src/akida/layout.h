/* Orders of weights: between Keras, which correlates and flattens H,W,C, and Akida, which convolves
 * and flattens C,W,H. */
#ifndef C2S_AKIDA_LAYOUT_H
#define C2S_AKIDA_LAYOUT_H

#include <stdint.h>

/* Kernel [taps][each] turned by half a turn in both spatial axes, which reverses the order of its
 * taps; the way there and back. */
void akida_flip(int8_t *to, const int8_t *from, int64_t taps, int64_t each);
/* Dense weights; dims are H, W, C of the input: [H,W,C][units] to [C,W,H][units], and back. */
void akida_dense_from_keras(int8_t *to, const int8_t *from, const int dims[3], int units);
void akida_dense_to_keras(int8_t *to, const int8_t *from, const int dims[3], int units);

#endif
