/* Pooling and layers that move numbers about, forward and back, in double. Each is a list of terms
 * "output += factor * input", which backward runs the other way round. */
#include "engine/ref.h"
#include "engine/ref_train.h"

/* One term, by offsets of input k and output, forward or back. */
struct terms {
    const double *x, *dy; /* back when dy is set */
    double *y, *dx;
};

static struct terms forward_terms(const struct ref_train *t, int layer, int k)
{
    return (struct terms){.x = ref_train_in(t, layer, k), .y = t->values[layer]};
}

static struct terms backward_terms(const struct ref_train *t, int layer, int k)
{
    return (struct terms){
        .x = ref_train_in(t, layer, k), .dy = t->slopes[layer], .dx = ref_train_d_in(t, layer, k)};
}

static void term(const struct terms *s, int64_t in, int64_t out, double factor)
{
    if (s->y)
        s->y[out] += factor * s->x[in];
    if (s->dx)
        s->dx[in] += factor * s->dy[out];
}

/* A layer that is nothing but terms. */
#define TERMS_OP(name)                                                                             \
    static void forward_##name(struct ref_train *t, int layer)                                     \
    {                                                                                              \
        for (int k = 0; k < ref_train_layer(t, layer)->n_inputs; k++) {                            \
            struct terms s = forward_terms(t, layer, k);                                           \
            name(t, layer, k, &s);                                                                 \
        }                                                                                          \
    }                                                                                              \
    static bool backward_##name(struct ref_train *t, int layer, struct c2s_error *err)             \
    {                                                                                              \
        (void)err;                                                                                 \
        for (int k = 0; k < ref_train_layer(t, layer)->n_inputs; k++) {                            \
            struct terms s = backward_terms(t, layer, k);                                          \
            name(t, layer, k, &s);                                                                 \
        }                                                                                          \
        return true;                                                                               \
    }                                                                                              \
    const struct ref_train_op ref_train_##name = {.forward = forward_##name,                       \
                                                  .backward = backward_##name};

static void copy(const struct ref_train *t, int layer, int k, const struct terms *s)
{
    (void)k;
    for (int64_t i = 0; i < ref_train_count(t, layer); i++)
        term(s, i, i, 1);
}

static void zero_padding(const struct ref_train *t, int layer, int k, const struct terms *s)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    const int64_t *in = ref_train_source(t, layer, k)->dims, *out = l->dims;
    for (int64_t i = 0; i < t->batch * in[0] * in[1] * in[2]; i++) {
        int64_t c = i % in[2], x = i / in[2] % in[1], y = i / in[2] / in[1] % in[0];
        int64_t n = i / in[2] / in[1] / in[0];
        int64_t row = n * out[0] + y + l->attr.zero_padding.top;
        term(s, i, (row * out[1] + x + l->attr.zero_padding.left) * out[2] + c, 1);
    }
}

static void concatenate(const struct ref_train *t, int layer, int k, const struct terms *s)
{
    const struct c2s_layer *l = ref_train_layer(t, layer), *in = ref_train_source(t, layer, k);
    int axis = engine_axis(l->attr.concatenate.axis, l->rank + 1) - 1;
    int64_t inner = 1, before = 0, own = in->dims[axis], all = l->dims[axis];
    for (int i = axis + 1; i < l->rank; i++)
        inner *= l->dims[i];
    for (int i = 0; i < k; i++)
        before += ref_train_source(t, layer, i)->dims[axis];
    for (int64_t i = 0; i < ref_train_count(t, l->inputs[k]); i++) {
        int64_t at = i / inner % own, outer = i / inner / own;
        term(s, i, (outer * all + before + at) * inner + i % inner, 1);
    }
}

static void upsampling(const struct ref_train *t, int layer, int k, const struct terms *s)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    const int64_t *in = ref_train_source(t, layer, k)->dims, *out = l->dims;
    bool is_bilinear = l->attr.upsampling.is_bilinear;
    for (int64_t i = 0; i < ref_train_count(t, layer); i++) {
        int64_t c = i % out[2], x = i / out[2] % out[1], y = i / out[2] / out[1] % out[0];
        int64_t n = i / out[2] / out[1] / out[0];
        struct ref_blend v = ref_blend_at(y, l->attr.upsampling.size[0], in[0], is_bilinear);
        struct ref_blend h = ref_blend_at(x, l->attr.upsampling.size[1], in[1], is_bilinear);
        for (int corner = 0; corner < 4; corner++) {
            int64_t row = n * in[0] + (corner / 2 ? v.second : v.first);
            int64_t column = corner % 2 ? h.second : h.first;
            double share = (corner / 2 ? (double)v.share : 1 - (double)v.share) *
                           (corner % 2 ? (double)h.share : 1 - (double)h.share);
            term(s, (row * in[1] + column) * in[2] + c, i, share);
        }
    }
}

/* The part of the image under output number i of a pool: rows, columns, and the offset of their
 * sample and channel. */
struct under {
    struct ref_range rows, columns;
    int64_t sample, width, channels;
};

static struct under under(const struct ref_train *t, int layer, int64_t i)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    const struct c2s_pool_attr *a = &l->attr.pool;
    const int64_t *in = ref_train_source(t, layer, 0)->dims;
    struct under u = {.width = in[1], .channels = in[2]};
    int64_t c = i % in[2];
    if (l->op == C2S_OP_GLOBAL_AVERAGE_POOL) {
        u.rows = (struct ref_range){0, in[0]};
        u.columns = (struct ref_range){0, in[1]};
        u.sample = i / in[2] * in[0] * in[1] * in[2] + c;
        return u;
    }
    int64_t top, left, oh, ow;
    oh = c2s_window_length(in[0], a->size[0], a->strides[0], 1, a->padding, &top);
    ow = c2s_window_length(in[1], a->size[1], a->strides[1], 1, a->padding, &left);
    u.rows = ref_covered(i / in[2] / ow % oh, a->strides[0], a->size[0], top, in[0]);
    u.columns = ref_covered(i / in[2] % ow, a->strides[1], a->size[1], left, in[1]);
    u.sample = i / in[2] / ow / oh * in[0] * in[1] * in[2] + c;
    return u;
}

static int64_t offset_under(const struct under *u, int64_t y, int64_t x)
{
    return u->sample + (y * u->width + x) * u->channels;
}

/* The gradient goes to the first of the largest numbers, in the order of rows. */
static void max_pool(const struct ref_train *t, int layer, int k, const struct terms *s)
{
    (void)k;
    for (int64_t i = 0; i < ref_train_count(t, layer); i++) {
        struct under u = under(t, layer, i);
        int64_t best = offset_under(&u, u.rows.first, u.columns.first);
        for (int64_t y = u.rows.first; y < u.rows.end; y++)
            for (int64_t x = u.columns.first; x < u.columns.end; x++)
                if (s->x[offset_under(&u, y, x)] > s->x[best])
                    best = offset_under(&u, y, x);
        term(s, best, i, 1);
    }
}

static void average_pool(const struct ref_train *t, int layer, int k, const struct terms *s)
{
    (void)k;
    for (int64_t i = 0; i < ref_train_count(t, layer); i++) {
        struct under u = under(t, layer, i);
        int64_t n = (u.rows.end - u.rows.first) * (u.columns.end - u.columns.first);
        for (int64_t y = u.rows.first; y < u.rows.end; y++)
            for (int64_t x = u.columns.first; x < u.columns.end; x++)
                term(s, offset_under(&u, y, x), i, 1.0 / (double)n);
    }
}

TERMS_OP(copy)
TERMS_OP(zero_padding)
TERMS_OP(concatenate)
TERMS_OP(upsampling)
TERMS_OP(max_pool)
TERMS_OP(average_pool)
