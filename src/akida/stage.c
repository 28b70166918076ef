/* One prepared Akida layer. A batch goes through it in tiles of few samples, so that the sums of a
 * convolution, many times the size of the levels made of them, never leave a core's cache. */
#include "akida/stage.h"

#include <string.h>

#include "base/alloc.h"

/* Bytes of sums that a tile should have at most: part of what a core's second cache keeps. */
#define TILE_BYTES (256 * 1024)

bool akida_reserve(struct akida_buffer *b, size_t bytes, struct c2s_error *err)
{
    if (b->bytes >= bytes)
        return true;
    c2s_free(b->data);
    b->bytes = 0;
    b->data = c2s_aligned(bytes);
    if (!b->data)
        return c2s_fail_nomem(err);
    b->bytes = bytes;
    return true;
}

void akida_scratch_finish(struct akida_scratch *scratch)
{
    struct akida_buffer *all[] = {&scratch->padded, &scratch->source, &scratch->middle,
                                  &scratch->sums, &scratch->pooled};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        c2s_free(all[i]->data);
}

static int64_t volume(const int64_t dims[3])
{
    return dims[0] * dims[1] * dims[2];
}

/* ---- preparation ---- */

bool akida_stage_init(struct akida_stage *s, const struct c2s_akida_layer *l, bool fast,
                      struct c2s_error *err)
{
    *s = (struct akida_stage){.l = l};
    akida_geometry(l, &s->g);
    if (l->type == C2S_AKIDA_INPUT_DATA)
        return true;
    if (!akida_plain_weights(l, &s->plain, err))
        return false;
    if (!fast)
        return true;
    s->pads_input =
        l->type == C2S_AKIDA_INPUT_CONVOLUTIONAL && l->padding_value != 0 && l->padding == C2S_SAME;
    s->route = akida_choose_route(l, s->plain, s->pads_input);
    return !l->has_activation || akida_levels_init(&s->levels, l, err);
}

static void release_products(struct akida_stage *s)
{
    akida_product_destroy(s->first);
    akida_product_destroy(s->second);
    s->first = s->second = NULL;
}

void akida_stage_finish(struct akida_stage *s)
{
    release_products(s);
    c2s_free(s->plain);
    akida_levels_finish(&s->levels);
}

static int64_t choose_tile(const struct akida_stage *s, int64_t batch)
{
    int64_t numbers = volume(s->g.conv);
    if (s->l->type == C2S_AKIDA_SEPARABLE_CONVOLUTIONAL)
        numbers += s->g.conv[0] * s->g.conv[1] * s->g.in[2];
    int64_t fit = TILE_BYTES / (int64_t)sizeof(int32_t) / numbers;
    return fit < 1 ? 1 : fit < batch ? fit : batch;
}

static bool prepare_products(struct akida_stage *s, struct akida_dnnl *d, struct c2s_error *err)
{
    const struct c2s_akida_layer *l = s->l;
    bool is_separable = l->type == C2S_AKIDA_SEPARABLE_CONVOLUTIONAL;
    enum akida_numbers numbers = s->route == ROUTE_FLOAT  ? AKIDA_F32_TO_F32
                                 : s->route == ROUTE_WIDE ? AKIDA_U8_TO_I32
                                                          : AKIDA_U8_TO_F32;
    if (l->type == C2S_AKIDA_FULLY_CONNECTED)
        return akida_product_matrix(d, (int64_t[]){s->tile, volume(s->g.in), l->filters}, numbers,
                                    s->plain, &s->first, err);
    struct akida_window w = {.batch = s->tile,
                             .in = {s->g.in[0], s->g.in[1], s->g.in[2]},
                             .out = {s->g.conv[0], s->g.conv[1]},
                             .pad = {s->g.pad[0], s->g.pad[1]},
                             .kernel = {l->kernel[0], l->kernel[1]},
                             .strides = {l->strides[0], l->strides[1]},
                             .filters = l->filters,
                             .is_depthwise = is_separable};
    for (int i = 0; s->pads_input && i < 2; i++) { /* pad_input lays the padding itself */
        w.in[i] = (w.out[i] - 1) * w.strides[i] + w.kernel[i];
        w.pad[i] = 0;
    }
    if (!akida_product_window(d, &w, numbers, s->plain, &s->first, err))
        return false;
    int64_t rows = s->tile * s->g.conv[0] * s->g.conv[1];
    return !is_separable ||
           akida_product_matrix(d, (int64_t[]){rows, s->g.in[2], l->filters}, AKIDA_F32_TO_F32,
                                c2s_i8(l->weights_pw), &s->second, err);
}

bool akida_stage_prepare(struct akida_stage *s, struct akida_dnnl *d, int64_t batch,
                         struct c2s_error *err)
{
    struct c2s_error problem = {0};
    release_products(s);
    s->batch = s->tile = batch;
    if (s->route == ROUTE_LOOPS)
        return true;
    s->tile = choose_tile(s, batch);
    if (prepare_products(s, d, &problem))
        return true;
    if (problem.code != C2S_UNSUPPORTED)
        return c2s_fail(err, problem.code, "%s", problem.text);
    release_products(s);
    s->route = ROUTE_LOOPS;
    return true;
}

/* ---- running ---- */

/* Lays each sample of a tile into a frame of the padding value. */
static bool pad_input(const struct akida_stage *s, struct akida_scratch *scratch, const uint8_t **x,
                      int64_t *size, struct c2s_error *err)
{
    const struct akida_geometry *g = &s->g;
    int64_t frame[2];
    for (int i = 0; i < 2; i++)
        frame[i] = (g->conv[i] - 1) * s->l->strides[i] + s->l->kernel[i];
    int64_t row = g->in[1] * g->in[2], framed_row = frame[1] * g->in[2];
    *size = frame[0] * framed_row;
    if (!akida_reserve(&scratch->padded, (size_t)(s->tile * *size), err))
        return false;
    uint8_t *to = scratch->padded.data;
    memset(to, s->l->padding_value, (size_t)(s->tile * *size));
    /* A stride may leave the last rows or columns out of every window. */
    int64_t rows = g->in[0] < frame[0] - g->pad[0] ? g->in[0] : frame[0] - g->pad[0];
    int64_t columns = g->in[1] < frame[1] - g->pad[1] ? g->in[1] : frame[1] - g->pad[1];
    for (int64_t b = 0; b < s->tile; b++)
        for (int64_t h = 0; h < rows; h++)
            memcpy(to + b * *size + (h + g->pad[0]) * framed_row + g->pad[1] * g->in[2],
                   *x + (b * g->in[0] + h) * row, (size_t)(columns * g->in[2]));
    *x = to;
    return true;
}

/* The convolution of a tile into scratch->sums. */
static bool run_products(const struct akida_stage *s, struct akida_scratch *scratch,
                         const uint8_t *x, struct c2s_error *err)
{
    int64_t in_size = volume(s->g.in), middle = s->tile * s->g.conv[0] * s->g.conv[1] * s->g.in[2];
    const void *source = x;
    if (s->pads_input) {
        if (!pad_input(s, scratch, &x, &in_size, err))
            return false;
        source = x;
    }
    if (s->route == ROUTE_FLOAT) {
        if (!akida_reserve(&scratch->source, sizeof(float) * (size_t)(s->tile * in_size), err))
            return false;
        akida_fast_to_float(x, s->tile * in_size, scratch->source.data);
        source = scratch->source.data;
    }
    if (!akida_reserve(&scratch->sums, sizeof(int32_t) * (size_t)(s->tile * volume(s->g.conv)),
                       err))
        return false;
    if (!s->second)
        return akida_product_run(s->first, source, scratch->sums.data, err);
    return akida_reserve(&scratch->middle, sizeof(float) * (size_t)middle, err) &&
           akida_product_run(s->first, source, scratch->middle.data, err) &&
           akida_product_run(s->second, scratch->middle.data, scratch->sums.data, err);
}

/* Potentials of a tile after pooling, int32 [tile, out]; *pooled is borrowed from the scratch. */
static bool pool_tile(const struct akida_stage *s, struct akida_scratch *scratch, const uint8_t *x,
                      const int32_t **pooled, struct c2s_error *err)
{
    const void *sums = scratch->sums.data;
    size_t bytes = sizeof **pooled * (size_t)(s->tile * volume(s->g.out));
    if (s->route == ROUTE_WIDE && s->l->pool == C2S_AKIDA_NO_POOL) {
        *pooled = sums;
        return true;
    }
    if (!akida_reserve(&scratch->pooled, bytes, err))
        return false;
    *pooled = scratch->pooled.data;
    if (s->route == ROUTE_LOOPS)
        return akida_naive_potentials(s->l, s->plain, x, s->tile, scratch->pooled.data, err);
    if (s->route == ROUTE_WIDE)
        return akida_naive_pool(s->l, sums, s->tile, scratch->pooled.data, err);
    return akida_fast_sum(s->l, sums, s->tile, scratch->pooled.data, err);
}

static bool run_tile(const struct akida_stage *s, struct akida_scratch *scratch, const uint8_t *x,
                     void *y, struct c2s_error *err)
{
    bool is_float = s->route == ROUTE_FLOAT || s->route == ROUTE_INTEGER;
    int64_t n = s->tile * volume(s->g.out);
    const int32_t *pooled;
    if (s->route != ROUTE_LOOPS && !run_products(s, scratch, x, err))
        return false;
    if (is_float && s->l->pool != C2S_AKIDA_AVERAGE_POOL) {
        akida_fast_finish(s->l, &s->levels, scratch->sums.data, s->tile, y);
        return true;
    }
    if (!pool_tile(s, scratch, x, &pooled, err))
        return false;
    if (s->l->has_activation)
        akida_naive_activation(s->l, pooled, n, y);
    else
        memcpy(y, pooled, sizeof *pooled * (size_t)n);
    return true;
}

bool akida_stage_run(const struct akida_stage *s, struct akida_scratch *scratch, const uint8_t *x,
                     void *y, struct c2s_error *err)
{
    size_t out_bytes = s->l->has_activation ? sizeof(uint8_t) : sizeof(int32_t);
    out_bytes *= (size_t)volume(s->g.out);
    bool ok = true;
    for (int64_t at = 0; ok && at < s->batch; at += s->tile) {
        /* The last tile may begin before the end of the one in front: tiles are always whole. */
        int64_t first = at < s->batch - s->tile ? at : s->batch - s->tile;
        ok = run_tile(s, scratch, x + first * volume(s->g.in),
                      (char *)y + first * (int64_t)out_bytes, err);
    }
    return ok;
}
