/* Distribution of the numbers in a tensor: counts, range, moments, zeros, NaN. */
#ifndef C2S_HISTOGRAM_H
#define C2S_HISTOGRAM_H

#include <c2s/tensor.h>

struct c2s_histogram {
    double low, high; /* edges of the first and last bin; a value equal to high is in the last */
    int n_bins;
    int64_t *counts; /* owned, [n_bins] */
    /* Every value is in one bin, or in below, above, n_nan or n_inf: together they are n. */
    int64_t below, above, n_nan, n_inf, n;
    int64_t n_zero;                /* counted above as well */
    double min, max, mean, stddev; /* of the finite values; population standard deviation */
};

/* Fails: RANGE when n_bins < 1, low > high or an edge is no finite number; NOMEM. With low == high
 * the values equal to it are in the first bin. */
bool c2s_histogram_init(struct c2s_histogram *h, double low, double high, int n_bins,
                        struct c2s_error *err) C2S_MUST_CHECK;
void c2s_histogram_finish(struct c2s_histogram *h); /* accepts a zeroed one */
/* Adds every element of t (any dtype). May be called again and again (moments are merged stably).
 */
void c2s_histogram_add(struct c2s_histogram *h, const struct c2s_tensor *t);
/* Range of the finite values of t; false when there are none (min and max stay as they are). */
bool c2s_tensor_range(const struct c2s_tensor *t, double *min, double *max);
/* Signal to quantization noise, dB: 10 log10(sum x^2 / sum (x - y)^2), x and y of one shape and any
 * dtype. INFINITY when equal, -INFINITY when only x is all zeros, NAN with NaN in one of them. */
double c2s_sqnr(const struct c2s_tensor *x, const struct c2s_tensor *y);
/* The same of the two sums; INFINITY also when noise is below 0, as a difference of sums may be. */
double c2s_sqnr_of(double signal, double noise);

#endif
