/* Pooling and activation of integer potentials in the order that vectorizes: the innermost loop
 * runs over filters. Results equal those of simulate.c. */
#include "akida/simulate.h"

#include <string.h>

/* The project is built with -O2, where gcc leaves loops of unknown length alone. */
#if defined(__GNUC__) && !defined(__clang__)
#define VECTORIZED __attribute__((optimize("O3")))
#else
#define VECTORIZED
#endif

VECTORIZED static void keep_larger(int32_t *restrict y, const int32_t *restrict x, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = x[i] > y[i] ? x[i] : y[i];
}

VECTORIZED static void add(int64_t *restrict y, const int32_t *restrict x, int n)
{
    for (int i = 0; i < n; i++)
        y[i] += x[i];
}

static void max_pool_pixel(const struct akida_geometry *g, const int32_t *x, const int64_t at[2],
                           int32_t *y)
{
    int n = (int)g->conv[2];
    bool is_first = true;
    for (int64_t h = at[0] < 0 ? 0 : at[0]; h < at[0] + g->pool_size[0] && h < g->conv[0]; h++)
        for (int64_t v = at[1] < 0 ? 0 : at[1]; v < at[1] + g->pool_size[1] && v < g->conv[1];
             v++) {
            const int32_t *p = x + (h * g->conv[1] + v) * n;
            if (is_first)
                memcpy(y, p, sizeof *y * (size_t)n);
            else
                keep_larger(y, p, n);
            is_first = false;
        }
}

enum { CHUNK = 64 };

static bool sum_pool(const struct c2s_akida_layer *l, const int32_t *x, int64_t n_pixels,
                     int32_t *y, struct c2s_error *err)
{
    for (int first = 0; first < l->filters; first += CHUNK) {
        int n = l->filters - first < CHUNK ? l->filters - first : CHUNK;
        int64_t sums[CHUNK] = {0};
        for (int64_t i = 0; i < n_pixels; i++)
            add(sums, x + i * l->filters + first, n);
        for (int i = 0; i < n; i++)
            if (!akida_put_potential(sums[i], &y[first + i], l, err))
                return false;
    }
    return true;
}

bool akida_fast_pool(const struct c2s_akida_layer *l, const int32_t *x, int64_t batch, int32_t *y,
                     struct c2s_error *err)
{
    struct akida_geometry g;
    akida_geometry(l, &g);
    for (int64_t b = 0; b < batch; b++, x += g.conv[0] * g.conv[1] * g.conv[2]) {
        if (l->pool == C2S_AKIDA_AVERAGE_POOL) {
            if (!sum_pool(l, x, g.conv[0] * g.conv[1], y, err))
                return false;
            y += l->filters;
            continue;
        }
        for (int64_t h = 0; h < g.out[0]; h++)
            for (int64_t v = 0; v < g.out[1]; v++, y += l->filters) {
                int64_t at[2] = {h * g.pool_strides[0] - g.pool_pad[0],
                                 v * g.pool_strides[1] - g.pool_pad[1]};
                max_pool_pixel(&g, x, at, y);
            }
    }
    return true;
}

/* A potential p reaches level k + 1 when (p - T) * 2^bits > k * step, that is when
 * p > T + floor(k * step / 2^bits). */
void akida_levels(const struct c2s_akida_layer *l, int32_t *levels)
{
    int n_levels = (1 << l->act_bits) - 1;
    for (int n = 0; n < l->filters; n++) {
        int64_t step = c2s_akida_step(l, n);
        for (int k = 0; k < n_levels; k++) {
            int64_t bound = c2s_i32(l->threshold)[n] + ((k * step) >> l->act_bits);
            levels[(size_t)k * l->filters + n] = bound > INT32_MAX ? INT32_MAX : (int32_t)bound;
        }
    }
}

VECTORIZED static void count_levels(const int32_t *restrict levels, int n_levels, int filters,
                                    const int32_t *restrict p, int32_t *restrict count, int n)
{
    for (int i = 0; i < n; i++)
        count[i] = 0;
    for (int k = 0; k < n_levels; k++)
        for (int i = 0; i < n; i++)
            count[i] += p[i] > levels[(size_t)k * filters + i];
}

void akida_fast_activation(const int32_t *levels, int n_levels, int filters, const int32_t *p,
                           int64_t n, uint8_t *y)
{
    int32_t count[CHUNK];
    for (int64_t at = 0; at < n; at += filters)
        for (int first = 0; first < filters; first += CHUNK) {
            int width = filters - first < CHUNK ? filters - first : CHUNK;
            count_levels(levels + first, n_levels, filters, p + at + first, count, width);
            for (int i = 0; i < width; i++)
                y[at + first + i] = (uint8_t)count[i];
        }
}
