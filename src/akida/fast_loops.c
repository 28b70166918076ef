/* Pooling and levels of a convolution's sums, blocks of filters at a time. */
#include "akida/fast_loops.h"

#include <math.h>

#include "base/alloc.h"
#include "base/wide_code.h"

enum { BLOCK = 16 };             /* filters in registers */
#define LIMIT (INT64_C(1) << 24) /* up to where float32 has every integer */

#define INLINE static inline __attribute__((always_inline))

/* Whether a division gives the exact level: ceil((p - T) / S) goes wrong only where the quotient,
 * a multiple of 1 / step, is so close above a whole number below 2^bits that float32 rounds it
 * there. That takes a step of 2^(25 - bits) or more. T must be a float32 itself. */
static bool can_divide(const struct c2s_akida_layer *l)
{
    for (int n = 0; n < l->filters; n++) {
        int32_t t = c2s_i32(l->threshold)[n];
        if (c2s_akida_step(l, n) >= INT64_C(1) << (25 - l->act_bits) || t > LIMIT || t < -LIMIT)
            return false;
    }
    return true;
}

/* A potential p reaches level k + 1 when (p - T) * 2^bits > k * step, that is when
 * p > T + floor(k * step / 2^bits). */
static void set_bounds(struct akida_levels *levels, const struct c2s_akida_layer *l)
{
    for (int n = 0; n < l->filters; n++) {
        int64_t step = c2s_akida_step(l, n);
        for (int k = 0; k < levels->top; k++) {
            int64_t bound = c2s_i32(l->threshold)[n] + ((k * step) >> l->act_bits);
            levels->numbers[(size_t)k * l->filters + n] = bound > LIMIT    ? INFINITY
                                                          : bound < -LIMIT ? -INFINITY
                                                                           : (float)bound;
        }
    }
}

bool akida_levels_init(struct akida_levels *levels, const struct c2s_akida_layer *l,
                       struct c2s_error *err)
{
    levels->top = (1 << l->act_bits) - 1;
    levels->divides = can_divide(l);
    size_t rows = levels->divides ? 2 : (size_t)levels->top;
    levels->numbers = c2s_aligned(sizeof *levels->numbers * rows * (size_t)l->filters);
    if (!levels->numbers)
        return c2s_fail_nomem(err);
    if (!levels->divides)
        set_bounds(levels, l);
    for (int n = 0; levels->divides && n < l->filters; n++) {
        levels->numbers[n] = (float)c2s_i32(l->threshold)[n];
        levels->numbers[l->filters + n] = (float)c2s_akida_step(l, n) / (float)(1 << l->act_bits);
    }
    return true;
}

void akida_levels_finish(struct akida_levels *levels)
{
    c2s_free(levels->numbers);
    *levels = (struct akida_levels){0};
}

/* What all pixels share. */
struct finish {
    const float *sums;
    void *y;
    struct akida_levels levels;
    int64_t filters;
    int64_t row; /* floats from a pixel to that below it */
};

/* Where one output pixel comes from and goes. */
struct window {
    int64_t from, to; /* its first sum under the window, its first result */
    int64_t size[2];  /* without padding */
};

INLINE float larger(float a, float b)
{
    return a > b ? a : b;
}

/* The largest sums under the window, of m filters. */
INLINE void largest(const struct finish *f, const struct window *w, float *p, int m)
{
    const float *x = f->sums + w->from, *right = x + f->filters;
    if (w->size[0] == 2 && w->size[1] == 2) { /* what most networks have */
#pragma omp simd
        for (int i = 0; i < m; i++)
            p[i] = larger(larger(x[i], right[i]), larger(x[f->row + i], right[f->row + i]));
        return;
    }
    for (int i = 0; i < m; i++)
        p[i] = x[i];
    for (int64_t h = 0; h < w->size[0]; h++)
        for (int64_t v = h == 0; v < w->size[1]; v++) {
            const float *other = x + h * f->row + v * f->filters;
#pragma omp simd
            for (int i = 0; i < m; i++)
                p[i] = larger(other[i], p[i]);
        }
}

INLINE void count_levels(const struct finish *f, const float *bound, const float *p, uint8_t *y,
                         int m)
{
    int32_t count[BLOCK] = {0};
    for (int k = 0; k < f->levels.top; k++, bound += f->filters) {
#pragma omp simd
        for (int i = 0; i < m; i++)
            count[i] += p[i] > bound[i];
    }
    for (int i = 0; i < m; i++)
        y[i] = (uint8_t)count[i];
}

/* A step of 0 divides to an infinity, or to NaN where p is the threshold: the top, or 0. */
INLINE void divide_levels(const struct finish *f, const float *threshold, const float *p,
                          uint8_t *y, int m)
{
    const float *step = threshold + f->filters;
    const float top = (float)f->levels.top;
    int32_t level[BLOCK];
#pragma omp simd
    for (int i = 0; i < m; i++) {
        float v = (p[i] - threshold[i]) / step[i];
        v = v > 0.0f ? v : 0.0f;
        v = v < top ? v : top;
        int32_t whole = (int32_t)v;
        level[i] = whole + ((float)whole < v);
    }
    for (int i = 0; i < m; i++)
        y[i] = (uint8_t)level[i];
}

/* m filters of one output pixel. */
INLINE void finish_block(const struct finish *f, struct window w, int64_t filter, int m)
{
    float p[BLOCK];
    w.from += filter;
    w.to += filter;
    largest(f, &w, p, m);
    if (f->levels.divides)
        divide_levels(f, f->levels.numbers + filter, p, (uint8_t *)f->y + w.to, m);
    else if (f->levels.top > 0)
        count_levels(f, f->levels.numbers + filter, p, (uint8_t *)f->y + w.to, m);
    else
        for (int i = 0; i < m; i++)
            ((int32_t *)f->y)[w.to + i] = (int32_t)p[i];
}

/* The last block may begin before the end of the one in front: computed twice, always whole. */
WIDE_CODE static void finish_pixel(const struct finish *f, const struct window *w)
{
    if (f->filters < BLOCK) {
        finish_block(f, *w, 0, (int)f->filters);
        return;
    }
    for (int64_t c = 0; c + BLOCK <= f->filters; c += BLOCK)
        finish_block(f, *w, c, BLOCK);
    if (f->filters % BLOCK)
        finish_block(f, *w, f->filters - BLOCK, BLOCK);
}

/* Rows or columns of the window at `at`, of which *first is the first in the image. */
static int64_t clip(const struct akida_geometry *g, int axis, int64_t at, int64_t *first)
{
    int64_t begin = at * g->pool_strides[axis] - g->pool_pad[axis];
    int64_t end = begin + g->pool_size[axis];
    *first = begin < 0 ? 0 : begin;
    return (end < g->conv[axis] ? end : g->conv[axis]) - *first;
}

/* Pixels as they are, without a window. */
static void finish_all(const struct finish *f, int64_t n_pixels)
{
    struct window w = {.size = {1, 1}};
    for (int64_t i = 0; i < n_pixels; i++, w.from = w.to += f->filters)
        finish_pixel(f, &w);
}

void akida_fast_finish(const struct c2s_akida_layer *l, const struct akida_levels *levels,
                       const float *sums, int64_t batch, void *y)
{
    struct akida_geometry g;
    akida_geometry(l, &g);
    struct finish f = {.sums = sums,
                       .y = y,
                       .levels = *levels,
                       .filters = l->filters,
                       .row = g.conv[1] * l->filters};
    if (l->pool == C2S_AKIDA_NO_POOL) {
        finish_all(&f, batch * g.out[0] * g.out[1]);
        return;
    }
    struct window w = {0};
    for (int64_t b = 0; b < batch; b++)
        for (int64_t h = 0; h < g.out[0]; h++) {
            int64_t row, column;
            w.size[0] = clip(&g, 0, h, &row);
            for (int64_t v = 0; v < g.out[1]; v++, w.to += l->filters) {
                w.size[1] = clip(&g, 1, v, &column);
                w.from = ((b * g.conv[0] + row) * g.conv[1] + column) * l->filters;
                finish_pixel(&f, &w);
            }
        }
}

/* total[m] of n pixels. */
WIDE_CODE static void sum_block(const float *x, int64_t n_pixels, int64_t filters, int64_t *total,
                                int m)
{
    for (int64_t i = 0; i < n_pixels; i++, x += filters) {
#pragma omp simd
        for (int k = 0; k < m; k++)
            total[k] += (int32_t)x[k];
    }
}

bool akida_fast_sum(const struct c2s_akida_layer *l, const float *sums, int64_t batch, int32_t *y,
                    struct c2s_error *err)
{
    struct akida_geometry g;
    akida_geometry(l, &g);
    int64_t n_pixels = g.conv[0] * g.conv[1];
    for (int64_t b = 0; b < batch; b++, sums += n_pixels * l->filters, y += l->filters)
        for (int first = 0; first < l->filters; first += BLOCK) {
            int m = l->filters - first < BLOCK ? l->filters - first : BLOCK;
            int64_t total[BLOCK] = {0};
            sum_block(sums + first, n_pixels, l->filters, total, m);
            for (int i = 0; i < m; i++)
                if (!akida_put_potential(total[i], &y[first + i], l, err))
                    return false;
        }
    return true;
}

WIDE_CODE void akida_fast_to_float(const uint8_t *x, int64_t n, float *y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i];
}
