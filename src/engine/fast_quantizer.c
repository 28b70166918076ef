/* The quantizers of weights in training, in blocks. */
#include "engine/fast_quantizer.h"

#include <math.h>

#include "base/alloc.h"
#include "base/wide_code.h"

enum { ROWS = 32, TILE = 16 };

static const float scale_limit = 1000.0f; /* as in quantizer.c */

bool fast_quantizer_can(const struct c2s_quantizer_spec *spec)
{
    return spec->id == C2S_QUANTIZER_MAX || spec->id == C2S_QUANTIZER_MAX_PER_AXIS;
}

bool fast_quantizer_init(struct fast_quantizer *q, const struct c2s_quantizer_spec *spec,
                         const struct c2s_tensor *w, int64_t block_rows, struct c2s_error *err)
{
    int64_t channels = w->dims[w->rank - 1], rows = c2s_tensor_count(w) / channels;
    int64_t n_blocks = (rows + block_rows - 1) / block_rows, numbers = n_blocks * channels;
    *q = (struct fast_quantizer){.rows = rows,
                                 .channels = channels,
                                 .block_rows = block_rows,
                                 .n_blocks = n_blocks,
                                 .is_per_axis = spec->id == C2S_QUANTIZER_MAX_PER_AXIS,
                                 .is_limited = spec->is_limited,
                                 .top = (float)((1 << (spec->bitwidth - 1)) - 1)};
    q->largest = c2s_calloc((size_t)(3 * numbers + 2 * channels), sizeof *q->largest);
    q->sums = c2s_calloc((size_t)numbers, sizeof *q->sums);
    if (!q->largest || !q->sums) {
        fast_quantizer_finish(q);
        return c2s_fail_nomem(err);
    }
    q->row = q->largest + numbers;
    q->count = q->row + numbers;
    q->scale = q->count + numbers;
    q->range = q->scale + channels;
    return true;
}

void fast_quantizer_finish(struct fast_quantizer *q)
{
    c2s_free(q->largest);
    c2s_free(q->sums);
    *q = (struct fast_quantizer){0};
}

static int64_t rows_of(const struct fast_quantizer *q, int64_t block)
{
    int64_t left = q->rows - block * q->block_rows;
    return left < q->block_rows ? left : q->block_rows;
}

static inline __attribute__((always_inline)) void
measure_tile(const struct fast_quantizer *q, int64_t block, int64_t first, const float *w, int m)
{
    int64_t rows = rows_of(q, block), at = block * q->channels + first;
    float largest[TILE], row[TILE], count[TILE];
    for (int c = 0; c < m; c++) {
        largest[c] = -1.0f;
        row[c] = count[c] = 0.0f;
    }
    for (int64_t r = 0; r < rows; r++) {
        const float *x = w + (block * q->block_rows + r) * q->channels + first;
#pragma omp simd
        for (int c = 0; c < m; c++) {
            float size = x[c] < 0.0f ? -x[c] : x[c];
            float same = size == largest[c] ? count[c] + 1.0f : count[c];
            count[c] = size > largest[c] ? 1.0f : same;
            row[c] = size > largest[c] ? (float)r : row[c];
            largest[c] = size > largest[c] ? size : largest[c];
        }
    }
    for (int c = 0; c < m; c++) {
        q->largest[at + c] = largest[c];
        q->row[at + c] = row[c];
        q->count[at + c] = count[c];
    }
}

WIDE_CODE void fast_quantizer_measure(const struct fast_quantizer *q, int64_t block, const float *w)
{
    int64_t c = 0;
    for (; c + TILE <= q->channels; c += TILE)
        measure_tile(q, block, c, w, TILE);
    if (c < q->channels)
        measure_tile(q, block, c, w, (int)(q->channels - c));
}

void fast_quantizer_scale(const struct fast_quantizer *q)
{
    float all = 0.0f;
    for (int64_t c = 0; c < q->channels; c++)
        q->range[c] = 0.0f;
    for (int64_t i = 0; i < q->n_blocks; i++)
        for (int64_t c = 0; c < q->channels; c++)
            q->range[c] = fmaxf(q->range[c], q->largest[i * q->channels + c]);
    for (int64_t c = 0; c < q->channels; c++)
        all = fmaxf(all, q->range[c]);
    for (int64_t c = 0; c < q->channels; c++) {
        if (!q->is_per_axis)
            q->range[c] = all;
        float scale = q->top / q->range[c];
        if (q->is_limited)
            q->scale[c] = scale < scale_limit ? scale : scale_limit;
        else
            q->scale[c] = isfinite(scale) ? scale : 1.0f;
    }
}

WIDE_CODE void fast_quantizer_fake(const struct fast_quantizer *q, int64_t block, const float *w,
                                   float *out)
{
    const float top = q->top, shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds half to even */
    const float *scale = q->scale;
    int64_t first = block * q->block_rows, rows = rows_of(q, block);
    for (int64_t r = first; r < first + rows; r++) {
        const float *x = w + r * q->channels;
        float *y = out + r * q->channels;
#pragma omp simd
        for (int64_t c = 0; c < q->channels; c++) {
            float v = x[c] * scale[c];
            v = v > top ? top : v;
            v = v < -top ? -top : v;
            y[c] = ((v + shift) - shift) / scale[c];
        }
    }
}

static inline __attribute__((always_inline)) void sum_tile(const struct fast_quantizer *q,
                                                           int64_t block, int64_t first,
                                                           const float *w, const float *fake,
                                                           const float *d, int m)
{
    int64_t begin = block * q->block_rows, end = begin + rows_of(q, block);
    double sums[TILE] = {0};
    for (int64_t r = begin; r < end; r += ROWS) {
        float sum[TILE] = {0};
        for (int64_t k = r; k < r + ROWS && k < end; k++) {
            int64_t at = k * q->channels + first;
#pragma omp simd
            for (int c = 0; c < m; c++)
                sum[c] += d[at + c] * (w[at + c] - fake[at + c]);
        }
        for (int c = 0; c < m; c++)
            sums[c] += (double)sum[c];
    }
    for (int c = 0; c < m; c++)
        q->sums[block * q->channels + first + c] = sums[c];
}

WIDE_CODE void fast_quantizer_sum(const struct fast_quantizer *q, int64_t block, const float *w,
                                  const float *fake, const float *d)
{
    int64_t c = 0;
    for (; c + TILE <= q->channels; c += TILE)
        sum_tile(q, block, c, w, fake, d, TILE);
    if (c < q->channels)
        sum_tile(q, block, c, w, fake, d, (int)(q->channels - c));
}

/* Adds share, with the weight's sign, to every weight of channel c as large as range. */
static void give(const struct fast_quantizer *q, int64_t c, float share, const float *w, float *d)
{
    for (int64_t i = 0; i < q->n_blocks; i++) {
        int64_t at = i * q->channels + c, first = i * q->block_rows, end = first + rows_of(q, i);
        if (q->largest[at] != q->range[c])
            continue;
        first += (int64_t)q->row[at];
        if (q->count[at] == 1.0f)
            end = first + 1;
        for (int64_t r = first; r < end; r++) {
            float x = w[r * q->channels + c];
            if (fabsf(x) == q->range[c])
                d[r * q->channels + c] += x < 0.0f ? -share : share;
        }
    }
}

/* scale = top / range and fake = integer / scale, so that by range: -sum(d * (w - fake)) / range.
 */
void fast_quantizer_to_largest(const struct fast_quantizer *q, const float *w, float *d)
{
    for (int64_t first = 0; first < q->channels;) {
        int64_t end = q->is_per_axis ? first + 1 : q->channels;
        double sum = 0, count = 0;
        for (int64_t c = first; c < end; c++)
            for (int64_t i = 0; i < q->n_blocks; i++) {
                int64_t at = i * q->channels + c;
                sum += q->sums[at];
                count += q->largest[at] == q->range[c] ? (double)q->count[at] : 0;
            }
        bool has_limit = q->is_limited && q->top / q->range[first] > scale_limit;
        for (int64_t c = first; c < end && !has_limit && q->range[c] > 0.0f; c++)
            give(q, c, (float)(-sum / (double)q->range[c] / count), w, d);
        first = end;
    }
}
