/* The loops of training that have no primitive in oneDNN or need none: pooling with the place of
 * the largest, activations and their gradients, sums per channel. Compilers turn them into vector
 * code; results do not depend on the width of the vectors. Images are N,H,W,C. */
#ifndef C2S_ENGINE_FAST_BACKWARD_H
#define C2S_ENGINE_FAST_BACKWARD_H

#include <c2s/layer.h>

/* One pooling: pairs are vertical, horizontal. */
struct fast_pool {
    int64_t in[2], out[2], channels;
    int size[2], strides[2];
    int64_t front[2]; /* padding, which takes no part */
};

/* y gets the largest of each window, taps which of the window's places it was, counted row by row
 * and, among equals, the first, as in TensorFlow. Both [n, out, channels]. */
void fast_max_pool(const struct fast_pool *p, int64_t n, const float *x, float *y, uint16_t *taps);
void fast_max_pool_backward(const struct fast_pool *p, int64_t n, const float *dy,
                            const uint16_t *taps, float *dx);
/* The mean of the places inside the image. */
void fast_average_pool(const struct fast_pool *p, int64_t n, const float *x, float *y);
void fast_average_pool_backward(const struct fast_pool *p, int64_t n, const float *dy, float *dx);

/* Behind y = x < 0 ? slope * x : min(x, top): dx = dy where 0 < y < top, slope * dy where y <= 0.
 * slope >= 0; dx may be dy. */
void fast_relu_backward(float slope, float top, const float *y, const float *dy, float *dx,
                        int64_t count);

/* Any ReLU(max_value, negative_slope, threshold): d, of its output, becomes that of its input x. At
 * the kinks as TensorFlow: see ref_train_elementwise.c. */
void fast_any_relu_backward(const struct c2s_relu_attr *a, const float *x, float *d, int64_t count);

/* Sums over rows of [rows, channels], added to sums [channels]. */
void fast_sum_rows(const float *x, int64_t rows, int64_t channels, double *sums);
/* Sums of d and of d * d, d = x - shift[channel]. */
void fast_sum_moments(const float *x, const float *shift, int64_t rows, int64_t channels,
                      double *sums, double *squares);
/* Sums of dy and of dy * (x - mean[channel]). */
struct fast_product {
    const float *dy, *x, *mean;
};
void fast_sum_products(const struct fast_product *p, int64_t rows, int64_t channels, double *sums,
                       double *products);

/* d = factor * d + slope * (x - mean) + offset, per channel. */
struct fast_combination {
    const float *factor, *slope, *mean, *offset;
};
void fast_combine(const struct fast_combination *f, const float *x, float *d, int64_t rows,
                  int64_t channels);
/* dx = a[channel] * dy; dx may be dy. */
void fast_scale_channels(const float *dy, const float *a, int64_t rows, int64_t channels,
                         float *dx);

/* Factors of Dropout for the numbers at `first` and behind: 0 or 1 / (1 - rate), as
 * gradient_dropout. */
void fast_dropout(uint64_t key, int64_t first, float rate, float *factors, int64_t count);

bool fast_is_finite(const float *x, int64_t count);
void fast_add(const float *x, float *y, int64_t count);                           /* y += x */
void fast_multiply(const float *x, const float *factor, float *y, int64_t count); /* y = x*factor */

#endif
