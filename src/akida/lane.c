/* One lane: a converted network prepared for batches of one size, and the run of such a batch. It
 * chooses for each layer the loops that give its exact integers fastest; what a layer means is in
 * simulate.c. */
#include <string.h>

#include "akida/dnnl_integer.h"
#include "akida/lane.h"
#include "akida/routes.h"
#include "base/alloc.h"

struct stage {
    const struct c2s_akida_layer *l;
    struct akida_geometry g;
    int8_t *plain;   /* owned */
    int32_t *levels; /* owned; NULL without activation */
    enum route route;
    bool pads_input;                      /* with another value than 0 */
    struct akida_product *first, *second; /* second: the pointwise half of a separable layer */
};

struct buffer {
    void *data;
    size_t bytes;
};

struct akida_lane {
    const struct c2s_akida_net *net;
    struct stage *stages;
    struct akida_dnnl *dnnl;
    int64_t batch; /* the products are prepared for */
    struct buffer levels[2], padded, source, middle, destination, convolved, potentials;
};

static bool reserve(struct buffer *b, size_t bytes, struct c2s_error *err)
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

static int64_t volume(const int64_t dims[3])
{
    return dims[0] * dims[1] * dims[2];
}

/* ---- preparation ---- */

static bool prepare_products(struct akida_lane *lane, struct stage *s, int64_t batch,
                             struct c2s_error *err)
{
    const struct c2s_akida_layer *l = s->l;
    bool is_separable = l->type == C2S_AKIDA_SEPARABLE_CONVOLUTIONAL;
    enum akida_numbers numbers = s->route == ROUTE_FLOAT ? AKIDA_F32_TO_F32
                                 : is_separable          ? AKIDA_U8_TO_F32
                                                         : AKIDA_U8_TO_I32;
    if (l->type == C2S_AKIDA_FULLY_CONNECTED)
        return akida_product_matrix(lane->dnnl, (int64_t[]){batch, volume(s->g.in), l->filters},
                                    numbers, s->plain, &s->first, err);
    struct akida_window w = {.batch = batch,
                             .in = {s->g.in[0], s->g.in[1], s->g.in[2]},
                             .out = {s->g.conv[0], s->g.conv[1]},
                             .pad = {s->g.pad[0], s->g.pad[1]},
                             .kernel = {l->kernel[0], l->kernel[1]},
                             .strides = {l->strides[0], l->strides[1]},
                             .filters = l->filters,
                             .is_depthwise = is_separable};
    for (int i = 0; s->pads_input && i < 2; i++) { /* run_stage lays the padding itself */
        w.in[i] = (w.out[i] - 1) * w.strides[i] + w.kernel[i];
        w.pad[i] = 0;
    }
    if (!akida_product_window(lane->dnnl, &w, numbers, s->plain, &s->first, err))
        return false;
    int64_t rows = batch * s->g.conv[0] * s->g.conv[1];
    return !is_separable ||
           akida_product_matrix(lane->dnnl, (int64_t[]){rows, s->g.in[2], l->filters},
                                AKIDA_F32_TO_F32, c2s_i8(l->weights_pw), &s->second, err);
}

static void release_products(struct stage *s)
{
    akida_product_destroy(s->first);
    akida_product_destroy(s->second);
    s->first = s->second = NULL;
}

bool akida_lane_prepare(struct akida_lane *lane, int64_t batch, struct c2s_error *err)
{
    if (lane->batch == batch)
        return true;
    lane->batch = 0;
    for (int i = 0; i < lane->net->n_layers; i++) {
        struct stage *s = &lane->stages[i];
        struct c2s_error problem = {0};
        release_products(s);
        if (s->route == ROUTE_LOOPS || prepare_products(lane, s, batch, &problem))
            continue;
        if (problem.code != C2S_UNSUPPORTED)
            return c2s_fail(err, problem.code, "%s", problem.text);
        release_products(s);
        s->route = ROUTE_LOOPS;
    }
    lane->batch = batch;
    return true;
}

static bool prepare_stage(struct stage *s, const struct c2s_akida_layer *l, bool fast,
                          struct c2s_error *err)
{
    s->l = l;
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
    if (!l->has_activation)
        return true;
    s->levels =
        c2s_aligned(sizeof *s->levels * (size_t)((1 << l->act_bits) - 1) * (size_t)l->filters);
    if (!s->levels)
        return c2s_fail_nomem(err);
    akida_levels(l, s->levels);
    return true;
}

bool akida_lane_create(const struct c2s_akida_net *net, bool fast, struct akida_lane **out,
                       struct c2s_error *err)
{
    struct akida_lane *lane = *out = c2s_calloc(1, sizeof *lane);
    if (!lane)
        return c2s_fail_nomem(err);
    lane->net = net;
    lane->stages = c2s_calloc((size_t)net->n_layers, sizeof *lane->stages);
    bool ok = lane->stages ? true : c2s_fail_nomem(err);
    if (ok && fast)
        ok = akida_dnnl_create(&lane->dnnl, err);
    for (int i = 0; ok && i < net->n_layers; i++)
        ok = prepare_stage(&lane->stages[i], &net->layers[i], fast, err);
    if (!ok) {
        akida_lane_destroy(lane);
        *out = NULL;
    }
    return ok;
}

void akida_lane_destroy(struct akida_lane *lane)
{
    if (!lane)
        return;
    for (int i = 0; lane->stages && i < lane->net->n_layers; i++) {
        release_products(&lane->stages[i]);
        c2s_free(lane->stages[i].plain);
        c2s_free(lane->stages[i].levels);
    }
    struct buffer *buffers[] = {&lane->levels[0], &lane->levels[1], &lane->padded,
                                &lane->source,    &lane->middle,    &lane->destination,
                                &lane->convolved, &lane->potentials};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        c2s_free(buffers[i]->data);
    c2s_free(lane->stages);
    akida_dnnl_destroy(lane->dnnl);
    c2s_free(lane);
}

/* ---- running ---- */

/* Lays each sample into a frame of the padding value. */
static bool pad_input(struct akida_lane *lane, const struct stage *s, const uint8_t **x,
                      int64_t *size, struct c2s_error *err)
{
    const struct akida_geometry *g = &s->g;
    int64_t frame[2];
    for (int i = 0; i < 2; i++)
        frame[i] = (g->conv[i] - 1) * s->l->strides[i] + s->l->kernel[i];
    int64_t row = g->in[1] * g->in[2], framed_row = frame[1] * g->in[2];
    *size = frame[0] * framed_row;
    if (!reserve(&lane->padded, (size_t)(lane->batch * *size), err))
        return false;
    uint8_t *to = lane->padded.data;
    memset(to, s->l->padding_value, (size_t)(lane->batch * *size));
    /* A stride may leave the last rows or columns out of every window. */
    int64_t rows = g->in[0] < frame[0] - g->pad[0] ? g->in[0] : frame[0] - g->pad[0];
    int64_t columns = g->in[1] < frame[1] - g->pad[1] ? g->in[1] : frame[1] - g->pad[1];
    for (int64_t b = 0; b < lane->batch; b++)
        for (int64_t h = 0; h < rows; h++)
            memcpy(to + b * *size + (h + g->pad[0]) * framed_row + g->pad[1] * g->in[2],
                   *x + (b * g->in[0] + h) * row, (size_t)(columns * g->in[2]));
    *x = to;
    return true;
}

static bool to_float(struct akida_lane *lane, const uint8_t *x, int64_t n, struct c2s_error *err)
{
    if (!reserve(&lane->source, sizeof(float) * (size_t)n, err))
        return false;
    float *to = lane->source.data;
    for (int64_t i = 0; i < n; i++)
        to[i] = x[i];
    return true;
}

/* The convolution of a fast stage into y (int32 [batch, conv]). */
static bool fast_products(struct akida_lane *lane, const struct stage *s, const uint8_t *x,
                          int32_t *y, struct c2s_error *err)
{
    int64_t in_size = volume(s->g.in), n = lane->batch * volume(s->g.conv);
    const void *source = x;
    if (s->pads_input) {
        if (!pad_input(lane, s, &x, &in_size, err))
            return false;
        source = x;
    }
    if (s->route == ROUTE_FLOAT) {
        if (!to_float(lane, x, lane->batch * in_size, err))
            return false;
        source = lane->source.data;
    }
    if (s->route == ROUTE_INTEGER && !s->second)
        return akida_product_run(s->first, source, y, err);
    int64_t middle = lane->batch * s->g.conv[0] * s->g.conv[1] * s->g.in[2];
    if (!reserve(&lane->destination, sizeof(float) * (size_t)n, err) ||
        (s->second && !reserve(&lane->middle, sizeof(float) * (size_t)middle, err)))
        return false;
    bool ok = s->second
                  ? akida_product_run(s->first, source, lane->middle.data, err) &&
                        akida_product_run(s->second, lane->middle.data, lane->destination.data, err)
                  : akida_product_run(s->first, source, lane->destination.data, err);
    const float *sums = lane->destination.data;
    for (int64_t i = 0; ok && i < n; i++)
        y[i] = (int32_t)sums[i];
    return ok;
}

/* Leaves the stage's potentials after pooling in lane->potentials. */
static bool run_potentials(struct akida_lane *lane, const struct stage *s, const uint8_t *x,
                           struct c2s_error *err)
{
    size_t each = sizeof(int32_t) * (size_t)lane->batch;
    if (!reserve(&lane->potentials, each * (size_t)volume(s->g.out), err))
        return false;
    int32_t *y = lane->potentials.data;
    if (s->route == ROUTE_LOOPS)
        return akida_naive_potentials(s->l, s->plain, x, lane->batch, y, err);
    if (s->l->pool == C2S_AKIDA_NO_POOL)
        return fast_products(lane, s, x, y, err);
    return reserve(&lane->convolved, each * (size_t)volume(s->g.conv), err) &&
           fast_products(lane, s, x, lane->convolved.data, err) &&
           akida_fast_pool(s->l, lane->convolved.data, lane->batch, y, err);
}

static bool run_stage(struct akida_lane *lane, const struct stage *s, const uint8_t *x,
                      struct buffer *levels, struct c2s_error *err)
{
    int64_t n = lane->batch * volume(s->g.out);
    if (!run_potentials(lane, s, x, err))
        return false;
    if (!s->l->has_activation)
        return true;
    if (!reserve(levels, (size_t)n, err))
        return false;
    if (s->levels)
        akida_fast_activation(s->levels, (1 << s->l->act_bits) - 1, s->l->filters,
                              lane->potentials.data, n, levels->data);
    else
        akida_naive_activation(s->l, lane->potentials.data, n, levels->data);
    return true;
}

/* What a layer gives, as int32: its levels, or its potentials when it has no activation. */
static void widen(const struct stage *s, const struct akida_lane *lane, const uint8_t *levels,
                  int32_t *to)
{
    int64_t n = lane->batch * volume(s->g.out);
    if (s->l->type != C2S_AKIDA_INPUT_DATA && !s->l->has_activation) {
        memcpy(to, lane->potentials.data, sizeof *to * (size_t)n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        to[i] = levels[i];
}

static bool tell(const struct akida_lane *lane, int layer, const uint8_t *levels,
                 const struct akida_watch *watch, struct c2s_error *err)
{
    const int *d = lane->net->layers[layer].output_dims;
    struct c2s_tensor *t =
        c2s_tensor_create(C2S_I32, 4, (int64_t[]){lane->batch, d[0], d[1], d[2]}, err);
    if (!t)
        return false;
    widen(&lane->stages[layer], lane, levels, c2s_i32(t));
    bool goes_on = watch->each(watch->arg, layer, t);
    c2s_tensor_unref(t);
    return goes_on || c2s_fail(err, C2S_CANCELLED, "cancelled after layer '%s'",
                               lane->net->layers[layer].name);
}

bool akida_lane_run(struct akida_lane *lane, const uint8_t *x, const struct akida_watch *watch,
                    int32_t *y, struct c2s_error *err)
{
    for (int i = 0; i < lane->net->n_layers; i++) {
        struct stage *s = &lane->stages[i];
        struct buffer *levels = &lane->levels[i % 2];
        bool passes = s->l->type == C2S_AKIDA_INPUT_DATA;
        if (!passes && !run_stage(lane, s, x, levels, err))
            return c2s_fail_at(err, "layer %s", s->l->name);
        if (!passes)
            x = levels->data;
        if (watch && !tell(lane, i, x, watch, err))
            return false;
    }
    widen(&lane->stages[lane->net->n_layers - 1], lane, x, y);
    return true;
}
