/* Pooling in training, forward and backward: sixteen channels at a time. */
#include "engine/fast_backward.h"

#include <string.h>

#include "base/wide_code.h"

enum { BLOCK = 16 };

/* The part of one window that lies in the image. */
struct part {
    int64_t first[2], end[2]; /* pixels */
    int64_t origin[2];        /* of the window, may lie in the padding */
};

static inline struct part part_of(const struct fast_pool *p, int64_t y, int64_t x)
{
    struct part w;
    int64_t at[2] = {y, x};
    for (int i = 0; i < 2; i++) {
        w.origin[i] = at[i] * p->strides[i] - p->front[i];
        w.first[i] = w.origin[i] < 0 ? 0 : w.origin[i];
        w.end[i] = w.origin[i] + p->size[i] < p->in[i] ? w.origin[i] + p->size[i] : p->in[i];
    }
    return w;
}

/* m channels, at most BLOCK, of one output pixel; the image's pixels are `channels` apart. */
static inline __attribute__((always_inline)) void largest(const struct fast_pool *p,
                                                          const struct part *w, const float *image,
                                                          float *y, uint16_t *taps, int m)
{
    float best[BLOCK];
    int32_t place[BLOCK];
    bool is_first = true;
    for (int64_t v = w->first[0]; v < w->end[0]; v++)
        for (int64_t h = w->first[1]; h < w->end[1]; h++) {
            const float *x = image + (v * p->in[1] + h) * p->channels;
            int32_t here = (int32_t)((v - w->origin[0]) * p->size[1] + h - w->origin[1]);
            if (is_first) {
                for (int c = 0; c < m; c++) {
                    best[c] = x[c];
                    place[c] = here;
                }
            } else {
#pragma omp simd
                for (int c = 0; c < m; c++) {
                    bool is_more = !(x[c] <= best[c]) && best[c] == best[c]; /* a NaN stays */
                    best[c] = is_more ? x[c] : best[c];
                    place[c] = is_more ? here : place[c];
                }
            }
            is_first = false;
        }
    for (int c = 0; c < m; c++) {
        y[c] = best[c];
        taps[c] = (uint16_t)place[c];
    }
}

/* The same for a window of 2x2 pixels, all in the image: numbers stay in registers. */
static inline __attribute__((always_inline)) void
largest_of_four(const float *a, int64_t row, int64_t channels, float *y, uint16_t *taps, int m)
{
    const float *b = a + channels, *c = a + row, *d = c + channels;
    float place[BLOCK];
#pragma omp simd
    for (int i = 0; i < m; i++) {
        float best = a[i], here = 0.0f;
        bool is_b = (b[i] > best) | (b[i] != b[i]); /* a NaN comes, and stays */
        best = is_b ? b[i] : best;
        here = is_b ? 1.0f : here;
        bool is_c = (c[i] > best) | (c[i] != c[i]);
        best = is_c ? c[i] : best;
        here = is_c ? 2.0f : here;
        bool is_d = (d[i] > best) | (d[i] != d[i]);
        best = is_d ? d[i] : best;
        here = is_d ? 3.0f : here;
        y[i] = best;
        place[i] = here;
    }
    for (int i = 0; i < m; i++)
        taps[i] = (uint16_t)(int32_t)place[i];
}

static bool is_four(const struct fast_pool *p, const struct part *w)
{
    return p->size[0] == 2 && p->size[1] == 2 && w->end[0] - w->first[0] == 2 &&
           w->end[1] - w->first[1] == 2;
}

WIDE_CODE void fast_max_pool(const struct fast_pool *p, int64_t n, const float *x, float *y,
                             uint16_t *taps)
{
    int64_t channels = p->channels, row = p->in[1] * channels;
    for (int64_t k = 0; k < n; k++, x += p->in[0] * row)
        for (int64_t v = 0; v < p->out[0]; v++)
            for (int64_t h = 0; h < p->out[1]; h++, y += channels, taps += channels) {
                struct part w = part_of(p, v, h);
                int64_t c = 0;
                const float *corner = x + w.first[0] * row + w.first[1] * channels;
                for (; is_four(p, &w) && c + BLOCK <= channels; c += BLOCK)
                    largest_of_four(corner + c, row, channels, y + c, taps + c, BLOCK);
                for (; c + BLOCK <= channels; c += BLOCK)
                    largest(p, &w, x + c, y + c, taps + c, BLOCK);
                if (c < channels)
                    largest(p, &w, x + c, y + c, taps + c, (int)(channels - c));
            }
}

/* Whether windows tile the image: every pixel lies in exactly one. */
static bool is_tiled(const struct fast_pool *p)
{
    for (int i = 0; i < 2; i++)
        if (p->size[i] != p->strides[i] || p->front[i] != 0 || p->out[i] * p->size[i] != p->in[i])
            return false;
    return true;
}

static inline __attribute__((always_inline)) void put(const struct fast_pool *p,
                                                      const struct part *w, const float *dy,
                                                      const uint16_t *taps, float *image, int m,
                                                      bool adds)
{
    float value[BLOCK];
    int32_t place[BLOCK];
    for (int c = 0; c < m; c++) {
        value[c] = dy[c];
        place[c] = taps[c];
    }
    for (int64_t v = w->first[0]; v < w->end[0]; v++)
        for (int64_t h = w->first[1]; h < w->end[1]; h++) {
            float *dx = image + (v * p->in[1] + h) * p->channels;
            int32_t here = (int32_t)((v - w->origin[0]) * p->size[1] + h - w->origin[1]);
#pragma omp simd
            for (int c = 0; c < m; c++) {
                float share = place[c] == here ? value[c] : 0.0f;
                dx[c] = adds ? dx[c] + share : share;
            }
        }
}

static inline __attribute__((always_inline)) void put_all(const struct fast_pool *p, int64_t n,
                                                          const float *dy, const uint16_t *taps,
                                                          float *dx, bool adds)
{
    int64_t channels = p->channels;
    for (int64_t k = 0; k < n; k++, dx += p->in[0] * p->in[1] * channels)
        for (int64_t v = 0; v < p->out[0]; v++)
            for (int64_t h = 0; h < p->out[1]; h++, dy += channels, taps += channels) {
                struct part w = part_of(p, v, h);
                int64_t c = 0;
                for (; c + BLOCK <= channels; c += BLOCK)
                    put(p, &w, dy + c, taps + c, dx + c, BLOCK, adds);
                if (c < channels)
                    put(p, &w, dy + c, taps + c, dx + c, (int)(channels - c), adds);
            }
}

static size_t image_bytes(const struct fast_pool *p, int64_t n)
{
    return sizeof(float) * (size_t)(n * p->in[0] * p->in[1] * p->channels);
}

WIDE_CODE void fast_max_pool_backward(const struct fast_pool *p, int64_t n, const float *dy,
                                      const uint16_t *taps, float *dx)
{
    if (is_tiled(p)) {
        put_all(p, n, dy, taps, dx, false);
    } else {
        memset(dx, 0, image_bytes(p, n));
        put_all(p, n, dy, taps, dx, true);
    }
}

WIDE_CODE void fast_average_pool(const struct fast_pool *p, int64_t n, const float *x, float *y)
{
    int64_t channels = p->channels;
    for (int64_t k = 0; k < n; k++, x += p->in[0] * p->in[1] * channels)
        for (int64_t i = 0; i < p->out[0] * p->out[1]; i++, y += channels) {
            struct part w = part_of(p, i / p->out[1], i % p->out[1]);
            float count = (float)((w.end[0] - w.first[0]) * (w.end[1] - w.first[1]));
            memset(y, 0, sizeof *y * (size_t)channels);
            for (int64_t v = w.first[0]; v < w.end[0]; v++)
                for (int64_t h = w.first[1]; h < w.end[1]; h++) {
                    const float *pixel = x + (v * p->in[1] + h) * channels;
#pragma omp simd
                    for (int64_t c = 0; c < channels; c++)
                        y[c] += pixel[c];
                }
            for (int64_t c = 0; c < channels; c++)
                y[c] /= count;
        }
}

WIDE_CODE void fast_average_pool_backward(const struct fast_pool *p, int64_t n, const float *dy,
                                          float *dx)
{
    int64_t channels = p->channels;
    memset(dx, 0, image_bytes(p, n));
    for (int64_t k = 0; k < n; k++, dx += p->in[0] * p->in[1] * channels)
        for (int64_t i = 0; i < p->out[0] * p->out[1]; i++, dy += channels) {
            struct part w = part_of(p, i / p->out[1], i % p->out[1]);
            float count = (float)((w.end[0] - w.first[0]) * (w.end[1] - w.first[1]));
            for (int64_t v = w.first[0]; v < w.end[0]; v++)
                for (int64_t h = w.first[1]; h < w.end[1]; h++) {
                    float *pixel = dx + (v * p->in[1] + h) * channels;
#pragma omp simd
                    for (int64_t c = 0; c < channels; c++)
                        pixel[c] += dy[c] / count;
                }
        }
}
