/* Gradients of activations and sums per channel, in loops that compilers vectorize. */
#include "engine/fast_backward.h"

#include <math.h>

#include "base/wide_code.h"
#include "engine/gradient_engine.h"

WIDE_CODE void fast_relu_backward(float slope, float top, const float *y, const float *dy,
                                  float *dx, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        float below = slope * dy[i], inside = y[i] < top ? dy[i] : 0.0f;
        dx[i] = y[i] > 0.0f ? inside : below;
    }
}

WIDE_CODE void fast_any_relu_backward(const struct c2s_relu_attr *a, const float *x, float *d,
                                      int64_t count)
{
    float threshold = a->threshold, top = a->max_value, slope = a->negative_slope;
    bool has_top = top != INFINITY, is_leaky = slope != 0.0f && !has_top && threshold == 0.0f;
    bool is_open = threshold == 0.0f && top == 6.0f; /* relu6: its upper end does not pass */
#pragma omp simd
    for (int64_t i = 0; i < count; i++) {
        bool passes = x[i] > threshold && (!has_top || (x[i] >= 0.0f && x[i] <= top)) &&
                      !(is_open && x[i] == top);
        bool is_below = is_leaky ? x[i] <= 0.0f : x[i] < threshold;
        d[i] = (passes ? d[i] : 0.0f) + (is_below ? slope * d[i] : 0.0f);
    }
}

/* Rows summed in float32 before they are added in float64. */
enum { ROWS = 32, BLOCK = 16 };

/* Calls body with `first` and `m` for stretches of at most ROWS rows and BLOCK channels. */
#define FOR_TILES(rows, channels)                                                                  \
    for (int64_t row = 0; row < (rows); row += ROWS)                                               \
        for (int64_t first = 0, end_ = row + ROWS < (rows) ? row + ROWS : (rows), end = end_;      \
             first < (channels); first += BLOCK)

static inline __attribute__((always_inline)) void add_tile(const float *x, int64_t rows,
                                                           int64_t channels, double *sums, int m)
{
    float sum[BLOCK] = {0};
    for (int64_t r = 0; r < rows; r++)
#pragma omp simd
        for (int c = 0; c < m; c++)
            sum[c] += x[r * channels + c];
    for (int c = 0; c < m; c++)
        sums[c] += (double)sum[c];
}

WIDE_CODE void fast_sum_rows(const float *x, int64_t rows, int64_t channels, double *sums)
{
    FOR_TILES(rows, channels)
    {
        const float *from = x + row * channels + first;
        if (first + BLOCK <= channels)
            add_tile(from, end - row, channels, sums + first, BLOCK);
        else
            add_tile(from, end - row, channels, sums + first, (int)(channels - first));
    }
}

/* Sums of a and of a * d, a = dy (or d itself when dy is NULL), d = x - shift. */
static inline __attribute__((always_inline)) void add_products(const float *dy, const float *x,
                                                               const float *shift, int64_t rows,
                                                               int64_t channels, double *sums,
                                                               double *products, int m)
{
    float sum[BLOCK] = {0}, product[BLOCK] = {0};
    for (int64_t r = 0; r < rows; r++)
#pragma omp simd
        for (int c = 0; c < m; c++) {
            float d = x[r * channels + c] - shift[c];
            float a = dy ? dy[r * channels + c] : d;
            sum[c] += a;
            product[c] += a * d;
        }
    for (int c = 0; c < m; c++) {
        sums[c] += (double)sum[c];
        products[c] += (double)product[c];
    }
}

WIDE_CODE void fast_sum_moments(const float *x, const float *shift, int64_t rows, int64_t channels,
                                double *sums, double *squares)
{
    FOR_TILES(rows, channels)
    {
        const float *from = x + row * channels + first;
        int64_t m = channels - first;
        if (m >= BLOCK)
            add_products(0, from, shift + first, end - row, channels, sums + first, squares + first,
                         BLOCK);
        else
            add_products(0, from, shift + first, end - row, channels, sums + first, squares + first,
                         (int)m);
    }
}

WIDE_CODE void fast_sum_products(const struct fast_product *p, int64_t rows, int64_t channels,
                                 double *sums, double *products)
{
    FOR_TILES(rows, channels)
    {
        int64_t at = row * channels + first, m = channels - first;
        if (m >= BLOCK)
            add_products(p->dy + at, p->x + at, p->mean + first, end - row, channels, sums + first,
                         products + first, BLOCK);
        else
            add_products(p->dy + at, p->x + at, p->mean + first, end - row, channels, sums + first,
                         products + first, (int)m);
    }
}

WIDE_CODE void fast_combine(const struct fast_combination *f, const float *x, float *d,
                            int64_t rows, int64_t channels)
{
    const float *factor = f->factor, *slope = f->slope, *mean = f->mean, *offset = f->offset;
    for (int64_t r = 0; r < rows; r++, x += channels, d += channels)
#pragma omp simd
        for (int64_t k = 0; k < channels; k++)
            d[k] = factor[k] * d[k] + slope[k] * (x[k] - mean[k]) + offset[k];
}

WIDE_CODE void fast_scale_channels(const float *dy, const float *a, int64_t rows, int64_t channels,
                                   float *dx)
{
    for (int64_t r = 0; r < rows; r++, dy += channels, dx += channels)
#pragma omp simd
        for (int64_t k = 0; k < channels; k++)
            dx[k] = a[k] * dy[k];
}

WIDE_CODE void fast_add(const float *x, float *y, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        y[i] += x[i];
}

WIDE_CODE void fast_multiply(const float *x, const float *factor, float *y, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        y[i] = x[i] * factor[i];
}

WIDE_CODE bool fast_is_finite(const float *x, int64_t count)
{
    int bad = 0;
#pragma omp simd reduction(| : bad)
    for (int64_t i = 0; i < count; i++)
        bad |= !(x[i] - x[i] == 0.0f);
    return !bad;
}

WIDE_CODE void fast_dropout(uint64_t key, int64_t first, float rate, float *factors, int64_t count)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++)
        factors[i] = gradient_dropout(key, first + i, rate);
}
