/* Runs a whole Akida network on a batch: chooses for each layer the loops that give its exact
 * integers fastest. What a layer means is in simulate.c. */
#include <string.h>

#include "akida/dnnl_integer.h"
#include "akida/routes.h"
#include "base/alloc.h"

enum { CHUNK = 64 }; /* samples at a time: bounds memory, keeps intermediate results in caches */

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

struct c2s_akida_runner {
    const struct c2s_akida_net *net;
    bool fast;
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

static bool prepare_products(struct c2s_akida_runner *r, struct stage *s, int64_t batch,
                             struct c2s_error *err)
{
    const struct c2s_akida_layer *l = s->l;
    bool is_separable = l->type == C2S_AKIDA_SEPARABLE_CONVOLUTIONAL;
    enum akida_numbers numbers = s->route == ROUTE_FLOAT ? AKIDA_F32_TO_F32
                                 : is_separable          ? AKIDA_U8_TO_F32
                                                         : AKIDA_U8_TO_I32;
    if (l->type == C2S_AKIDA_FULLY_CONNECTED)
        return akida_product_matrix(r->dnnl, (int64_t[]){batch, volume(s->g.in), l->filters},
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
    if (!akida_product_window(r->dnnl, &w, numbers, s->plain, &s->first, err))
        return false;
    int64_t rows = batch * s->g.conv[0] * s->g.conv[1];
    return !is_separable ||
           akida_product_matrix(r->dnnl, (int64_t[]){rows, s->g.in[2], l->filters},
                                AKIDA_F32_TO_F32, c2s_i8(l->weights_pw), &s->second, err);
}

static void release_products(struct stage *s)
{
    akida_product_destroy(s->first);
    akida_product_destroy(s->second);
    s->first = s->second = NULL;
}

static bool prepare_batch(struct c2s_akida_runner *r, int64_t batch, struct c2s_error *err)
{
    if (r->batch == batch)
        return true;
    r->batch = 0;
    for (int i = 0; i < r->net->n_layers; i++) {
        struct stage *s = &r->stages[i];
        struct c2s_error problem = {0};
        release_products(s);
        if (s->route == ROUTE_LOOPS || prepare_products(r, s, batch, &problem))
            continue;
        if (problem.code != C2S_UNSUPPORTED)
            return c2s_fail(err, problem.code, "%s", problem.text);
        release_products(s);
        s->route = ROUTE_LOOPS;
    }
    r->batch = batch;
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

bool c2s_akida_runner_create(const struct c2s_akida_net *net, bool fast,
                             struct c2s_akida_runner **out, struct c2s_error *err)
{
    struct c2s_akida_runner *r = *out = c2s_calloc(1, sizeof *r);
    if (!r)
        return c2s_fail_nomem(err);
    r->net = net;
    r->fast = fast;
    r->stages = c2s_calloc((size_t)net->n_layers, sizeof *r->stages);
    bool ok = r->stages ? true : c2s_fail_nomem(err);
    if (ok && fast)
        ok = akida_dnnl_create(&r->dnnl, err);
    for (int i = 0; ok && i < net->n_layers; i++)
        ok = prepare_stage(&r->stages[i], &net->layers[i], fast, err);
    if (!ok) {
        c2s_akida_runner_destroy(r);
        *out = NULL;
    }
    return ok;
}

void c2s_akida_runner_destroy(struct c2s_akida_runner *r)
{
    if (!r)
        return;
    for (int i = 0; r->stages && i < r->net->n_layers; i++) {
        release_products(&r->stages[i]);
        c2s_free(r->stages[i].plain);
        c2s_free(r->stages[i].levels);
    }
    struct buffer *buffers[] = {&r->levels[0], &r->levels[1],   &r->padded,    &r->source,
                                &r->middle,    &r->destination, &r->convolved, &r->potentials};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        c2s_free(buffers[i]->data);
    c2s_free(r->stages);
    akida_dnnl_destroy(r->dnnl);
    c2s_free(r);
}

/* ---- running ---- */

/* Lays each sample into a frame of the padding value. */
static bool pad_input(struct c2s_akida_runner *r, const struct stage *s, const uint8_t **x,
                      int64_t *size, struct c2s_error *err)
{
    const struct akida_geometry *g = &s->g;
    int64_t frame[2];
    for (int i = 0; i < 2; i++)
        frame[i] = (g->conv[i] - 1) * s->l->strides[i] + s->l->kernel[i];
    int64_t row = g->in[1] * g->in[2], framed_row = frame[1] * g->in[2];
    *size = frame[0] * framed_row;
    if (!reserve(&r->padded, (size_t)(r->batch * *size), err))
        return false;
    uint8_t *to = r->padded.data;
    memset(to, s->l->padding_value, (size_t)(r->batch * *size));
    /* A stride may leave the last rows or columns out of every window. */
    int64_t rows = g->in[0] < frame[0] - g->pad[0] ? g->in[0] : frame[0] - g->pad[0];
    int64_t columns = g->in[1] < frame[1] - g->pad[1] ? g->in[1] : frame[1] - g->pad[1];
    for (int64_t b = 0; b < r->batch; b++)
        for (int64_t h = 0; h < rows; h++)
            memcpy(to + b * *size + (h + g->pad[0]) * framed_row + g->pad[1] * g->in[2],
                   *x + (b * g->in[0] + h) * row, (size_t)(columns * g->in[2]));
    *x = to;
    return true;
}

static bool to_float(struct c2s_akida_runner *r, const uint8_t *x, int64_t n, struct c2s_error *err)
{
    if (!reserve(&r->source, sizeof(float) * (size_t)n, err))
        return false;
    float *to = r->source.data;
    for (int64_t i = 0; i < n; i++)
        to[i] = x[i];
    return true;
}

/* The convolution of a fast stage into y (int32 [batch, conv]). */
static bool fast_products(struct c2s_akida_runner *r, const struct stage *s, const uint8_t *x,
                          int32_t *y, struct c2s_error *err)
{
    int64_t in_size = volume(s->g.in), n = r->batch * volume(s->g.conv);
    const void *source = x;
    if (s->pads_input) {
        if (!pad_input(r, s, &x, &in_size, err))
            return false;
        source = x;
    }
    if (s->route == ROUTE_FLOAT) {
        if (!to_float(r, x, r->batch * in_size, err))
            return false;
        source = r->source.data;
    }
    if (s->route == ROUTE_INTEGER && !s->second)
        return akida_product_run(s->first, source, y, err);
    int64_t middle = r->batch * s->g.conv[0] * s->g.conv[1] * s->g.in[2];
    if (!reserve(&r->destination, sizeof(float) * (size_t)n, err) ||
        (s->second && !reserve(&r->middle, sizeof(float) * (size_t)middle, err)))
        return false;
    bool ok = s->second ? akida_product_run(s->first, source, r->middle.data, err) &&
                              akida_product_run(s->second, r->middle.data, r->destination.data, err)
                        : akida_product_run(s->first, source, r->destination.data, err);
    const float *sums = r->destination.data;
    for (int64_t i = 0; ok && i < n; i++)
        y[i] = (int32_t)sums[i];
    return ok;
}

/* Leaves the stage's potentials after pooling in r->potentials. */
static bool run_potentials(struct c2s_akida_runner *r, const struct stage *s, const uint8_t *x,
                           struct c2s_error *err)
{
    size_t each = sizeof(int32_t) * (size_t)r->batch;
    if (!reserve(&r->potentials, each * (size_t)volume(s->g.out), err))
        return false;
    int32_t *y = r->potentials.data;
    if (s->route == ROUTE_LOOPS)
        return akida_naive_potentials(s->l, s->plain, x, r->batch, y, err);
    if (s->l->pool == C2S_AKIDA_NO_POOL)
        return fast_products(r, s, x, y, err);
    return reserve(&r->convolved, each * (size_t)volume(s->g.conv), err) &&
           fast_products(r, s, x, r->convolved.data, err) &&
           akida_fast_pool(s->l, r->convolved.data, r->batch, y, err);
}

static bool run_stage(struct c2s_akida_runner *r, const struct stage *s, const uint8_t *x,
                      struct buffer *levels, struct c2s_error *err)
{
    int64_t n = r->batch * volume(s->g.out);
    if (!run_potentials(r, s, x, err))
        return false;
    if (!s->l->has_activation)
        return true;
    if (!reserve(levels, (size_t)n, err))
        return false;
    if (s->levels)
        akida_fast_activation(s->levels, (1 << s->l->act_bits) - 1, s->l->filters,
                              r->potentials.data, n, levels->data);
    else
        akida_naive_activation(s->l, r->potentials.data, n, levels->data);
    return true;
}

/* What a layer gives, as int32: its levels, or its potentials when it has no activation. */
static void widen(const struct stage *s, const struct c2s_akida_runner *r, const uint8_t *levels,
                  int32_t *to)
{
    int64_t n = r->batch * volume(s->g.out);
    if (s->l->type != C2S_AKIDA_INPUT_DATA && !s->l->has_activation) {
        memcpy(to, r->potentials.data, sizeof *to * (size_t)n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        to[i] = levels[i];
}

static bool tell(const struct c2s_akida_runner *r, int layer, const uint8_t *levels,
                 bool (*each)(void *, int, const struct c2s_tensor *), void *arg,
                 struct c2s_error *err)
{
    const int *d = r->net->layers[layer].output_dims;
    struct c2s_tensor *t =
        c2s_tensor_create(C2S_I32, 4, (int64_t[]){r->batch, d[0], d[1], d[2]}, err);
    if (!t)
        return false;
    widen(&r->stages[layer], r, levels, c2s_i32(t));
    bool goes_on = each(arg, layer, t);
    c2s_tensor_unref(t);
    return goes_on ||
           c2s_fail(err, C2S_CANCELLED, "cancelled after layer '%s'", r->net->layers[layer].name);
}

static bool run_chunk(struct c2s_akida_runner *r, const uint8_t *x,
                      bool (*each)(void *, int, const struct c2s_tensor *), void *arg, int32_t *y,
                      struct c2s_error *err)
{
    for (int i = 0; i < r->net->n_layers; i++) {
        struct stage *s = &r->stages[i];
        struct buffer *levels = &r->levels[i % 2];
        bool passes = s->l->type == C2S_AKIDA_INPUT_DATA;
        if (!passes && !run_stage(r, s, x, levels, err))
            return c2s_fail_at(err, "layer %s", s->l->name);
        if (!passes)
            x = levels->data;
        if (each && !tell(r, i, x, each, arg, err))
            return false;
    }
    widen(&r->stages[r->net->n_layers - 1], r, x, y);
    return true;
}

static bool check_input(const struct c2s_akida_net *net, const struct c2s_tensor *x,
                        struct c2s_error *err)
{
    const int *d = net->layers[0].input_dims;
    int64_t size = (int64_t)d[0] * d[1] * d[2];
    char text[96];
    if (x->dtype != C2S_U8 || x->rank < 1 ||
        (x->rank == 4 && (x->dims[1] != d[0] || x->dims[2] != d[1] || x->dims[3] != d[2])) ||
        c2s_tensor_count(x) != x->dims[0] * size)
        return c2s_fail(err, C2S_SHAPE,
                        "Akida network '%s' takes uint8 samples of %d,%d,%d, not %s of %s; use "
                        "raw data of that shape",
                        net->name, d[0], d[1], d[2], c2s_dtype_name(x->dtype),
                        c2s_shape_text(x->rank - 1, x->dims + 1, text, sizeof text));
    int top = (1 << net->layers[0].input_bits) - 1;
    for (int64_t i = 0, n = c2s_tensor_count(x); top < 255 && i < n; i++)
        if (c2s_u8(x)[i] > top)
            return c2s_fail(err, C2S_RANGE,
                            "Akida network '%s' takes integers of 0 to %d, and one is %d; scale "
                            "the raw data to that range",
                            net->name, top, c2s_u8(x)[i]);
    return true;
}

bool c2s_akida_runner_run(struct c2s_akida_runner *r, const struct c2s_tensor *x,
                          bool (*each)(void *arg, int layer, const struct c2s_tensor *y), void *arg,
                          struct c2s_tensor **out, struct c2s_error *err)
{
    *out = NULL;
    if (!check_input(r->net, x, err))
        return false;
    const int *d = r->net->layers[r->net->n_layers - 1].output_dims;
    int64_t n = x->dims[0], size = (int64_t)d[0] * d[1] * d[2];
    int64_t in_size = n > 0 ? c2s_tensor_count(x) / n : 0;
    int64_t step = each || n < CHUNK ? n : CHUNK;
    struct c2s_tensor *y = c2s_tensor_create(C2S_I32, 4, (int64_t[]){n, d[0], d[1], d[2]}, err);
    bool ok = y != NULL;
    for (int64_t at = 0; ok && at < n; at += step)
        ok = prepare_batch(r, n - at < step ? n - at : step, err) &&
             run_chunk(r, c2s_u8(x) + at * in_size, each, arg, c2s_i32(y) + at * size, err);
    if (ok)
        *out = y;
    else
        c2s_tensor_unref(y);
    return ok;
}

bool c2s_akida_forward(const struct c2s_akida_net *net, const struct c2s_tensor *x, bool fast,
                       bool (*each)(void *arg, int layer, const struct c2s_tensor *y), void *arg,
                       struct c2s_tensor **out, struct c2s_error *err)
{
    struct c2s_akida_runner *r = NULL;
    *out = NULL;
    bool ok = c2s_akida_runner_create(net, fast, &r, err) &&
              c2s_akida_runner_run(r, x, each, arg, out, err);
    c2s_akida_runner_destroy(r);
    return ok;
}

bool c2s_akida_rescale(const struct c2s_akida_net *net, const struct c2s_tensor *potentials,
                       struct c2s_tensor **out, struct c2s_error *err)
{
    const struct c2s_akida_layer *last = &net->layers[net->n_layers - 1];
    struct c2s_tensor *y = *out =
        c2s_tensor_create(C2S_F32, potentials->rank, potentials->dims, err);
    if (!y)
        return false;
    const int32_t *p = c2s_i32(potentials);
    bool is_rescaled = last->type != C2S_AKIDA_INPUT_DATA && !last->has_activation;
    for (int64_t i = 0, n = c2s_tensor_count(y); i < n; i++) {
        int filter = (int)(i % last->output_dims[2]);
        c2s_f32(y)[i] = is_rescaled ? (float)((int64_t)p[i] - c2s_i32(last->threshold)[filter]) /
                                          c2s_f32(last->act_step)[filter]
                                    : (float)p[i];
    }
    return true;
}
