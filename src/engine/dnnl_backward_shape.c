/* Layers in training that move numbers about or add them: additions, concatenation, padding,
 * upsampling. */
#include <string.h>

#include "engine/dnnl_backward.h"

static const struct c2s_layer *source(const struct backward_piece *p,
                                      const struct backward_layer *l, int k)
{
    return p->b->model->layers[l->layer->inputs[k]];
}

/* Where input k's gradient is written, and whether it has to be added to: zeroed when it is new. */
static float *sum_of(const struct backward_piece *p, const struct backward_layer *l, int k)
{
    float *d = backward_part(p, BACKWARD_GRADIENT, l->layer->inputs[k]);
    if (!p->b->adds[l->edge + k])
        memset(d, 0, sizeof *d * (size_t)(p->b->piece * backward_count(source(p, l, k))));
    return d;
}

static bool add_forward(const struct backward_piece *p, const struct backward_layer *l,
                        struct c2s_error *err)
{
    float *y = backward_part(p, BACKWARD_DATA, l->index);
    int64_t sample = backward_count(l->layer);
    (void)err;
    for (int k = 0; k < l->layer->n_inputs; k++) {
        const struct c2s_layer *in = source(p, l, k);
        const float *x = backward_part(p, BACKWARD_DATA, l->layer->inputs[k]);
        int64_t own = backward_count(in);
        if (own == sample && k == 0)
            memcpy(y, x, sizeof *y * (size_t)(p->b->piece * sample));
        else if (own == sample)
            fast_add(x, y, p->b->piece * sample);
        else
            for (int64_t i = 0; i < p->b->piece * sample; i++) {
                int64_t at = ref_broadcast(i % sample, l->layer->rank, l->layer->dims, in->dims);
                y[i] = (k ? y[i] : 0.0f) + x[i / sample * own + at];
            }
    }
    return true;
}

static bool add_back(const struct backward_piece *p, const struct backward_layer *l,
                     struct c2s_error *err)
{
    const float *dy = backward_part(p, BACKWARD_GRADIENT, l->index);
    int64_t sample = backward_count(l->layer);
    (void)err;
    for (int k = 0; k < l->layer->n_inputs; k++) {
        const struct c2s_layer *in = source(p, l, k);
        int64_t own = backward_count(in);
        if (!backward_wants(p->b, l, k))
            continue;
        float *d = sum_of(p, l, k);
        if (own == sample)
            fast_add(dy, d, p->b->piece * sample);
        else
            for (int64_t i = 0; i < p->b->piece * sample; i++)
                d[i / sample * own +
                  ref_broadcast(i % sample, l->layer->rank, l->layer->dims, in->dims)] += dy[i];
    }
    return true;
}

/* Stretches of numbers that lie together in the output and in an input. */
struct stretches {
    int64_t outer, run, all; /* how many in a sample, how long each; distance in the output */
};

static struct stretches stretches_of(const struct c2s_layer *l, const struct c2s_layer *in)
{
    int axis = engine_axis(l->attr.concatenate.axis, l->rank + 1) - 1;
    struct stretches s = {1, 1, 1};
    for (int i = 0; i < axis; i++)
        s.outer *= l->dims[i];
    for (int i = axis + 1; i < l->rank; i++)
        s.run *= l->dims[i];
    s.all = s.run * l->dims[axis];
    s.run *= in->dims[axis];
    return s;
}

static bool concatenate_forward(const struct backward_piece *p, const struct backward_layer *l,
                                struct c2s_error *err)
{
    float *y = backward_part(p, BACKWARD_DATA, l->index);
    (void)err;
    for (int k = 0; k < l->layer->n_inputs; k++) {
        const float *x = backward_part(p, BACKWARD_DATA, l->layer->inputs[k]);
        struct stretches s = stretches_of(l->layer, source(p, l, k));
        for (int64_t i = 0; i < p->b->piece * s.outer; i++)
            memcpy(y + i * s.all, x + i * s.run, sizeof *y * (size_t)s.run);
        y += s.run;
    }
    return true;
}

static bool concatenate_back(const struct backward_piece *p, const struct backward_layer *l,
                             struct c2s_error *err)
{
    const float *dy = backward_part(p, BACKWARD_GRADIENT, l->index);
    (void)err;
    for (int k = 0; k < l->layer->n_inputs; k++) {
        struct stretches s = stretches_of(l->layer, source(p, l, k));
        float *d = backward_wants(p->b, l, k) ? sum_of(p, l, k) : NULL;
        for (int64_t i = 0; d && i < p->b->piece * s.outer; i++)
            fast_add(dy + i * s.all, d + i * s.run, s.run);
        dy += s.run;
    }
    return true;
}

static bool padding_forward(const struct backward_piece *p, const struct backward_layer *l,
                            struct c2s_error *err)
{
    const int64_t *in = source(p, l, 0)->dims, *out = l->layer->dims;
    const float *x = backward_input(p, l);
    float *y = backward_part(p, BACKWARD_DATA, l->index);
    (void)err;
    memset(y, 0, sizeof *y * (size_t)(p->b->piece * backward_count(l->layer)));
    for (int64_t i = 0; i < p->b->piece * in[0]; i++) {
        int64_t row = i / in[0] * out[0] + i % in[0] + l->layer->attr.zero_padding.top;
        memcpy(y + (row * out[1] + l->layer->attr.zero_padding.left) * out[2],
               x + i * in[1] * in[2], sizeof *y * (size_t)(in[1] * in[2]));
    }
    return true;
}

static bool padding_back(const struct backward_piece *p, const struct backward_layer *l,
                         struct c2s_error *err)
{
    const int64_t *in = source(p, l, 0)->dims, *out = l->layer->dims;
    const float *dy = backward_part(p, BACKWARD_GRADIENT, l->index);
    float *d = sum_of(p, l, 0);
    (void)err;
    for (int64_t i = 0; i < p->b->piece * in[0]; i++) {
        int64_t row = i / in[0] * out[0] + i % in[0] + l->layer->attr.zero_padding.top;
        fast_add(dy + (row * out[1] + l->layer->attr.zero_padding.left) * out[2],
                 d + i * in[1] * in[2], in[1] * in[2]);
    }
    return true;
}

/* Calls for every corner that output pixel i (of one piece) reads: its pixel and its share. */
struct corner {
    int64_t pixel;
    float share;
};

static void corners_of(const struct c2s_layer *l, const int64_t *in, int64_t i,
                       struct corner corners[4])
{
    const int64_t *out = l->dims;
    bool is_bilinear = l->attr.upsampling.is_bilinear;
    struct ref_blend v =
        ref_blend_at(i / out[1] % out[0], l->attr.upsampling.size[0], in[0], is_bilinear);
    struct ref_blend h = ref_blend_at(i % out[1], l->attr.upsampling.size[1], in[1], is_bilinear);
    for (int k = 0; k < 4; k++) {
        int64_t row = i / out[1] / out[0] * in[0] + (k / 2 ? v.second : v.first);
        corners[k].pixel = row * in[1] + (k % 2 ? h.second : h.first);
        corners[k].share = (k / 2 ? v.share : 1.0f - v.share) * (k % 2 ? h.share : 1.0f - h.share);
    }
}

static bool upsampling_forward(const struct backward_piece *p, const struct backward_layer *l,
                               struct c2s_error *err)
{
    const int64_t *in = source(p, l, 0)->dims, *out = l->layer->dims;
    const float *x = backward_input(p, l);
    float *y = backward_part(p, BACKWARD_DATA, l->index);
    (void)err;
    memset(y, 0, sizeof *y * (size_t)(p->b->piece * backward_count(l->layer)));
    for (int64_t i = 0; i < p->b->piece * out[0] * out[1]; i++, y += out[2]) {
        struct corner corners[4];
        corners_of(l->layer, in, i, corners);
        for (int k = 0; k < 4; k++)
            for (int64_t c = 0; corners[k].share != 0.0f && c < out[2]; c++)
                y[c] += corners[k].share * x[corners[k].pixel * out[2] + c];
    }
    return true;
}

static bool upsampling_back(const struct backward_piece *p, const struct backward_layer *l,
                            struct c2s_error *err)
{
    const int64_t *in = source(p, l, 0)->dims, *out = l->layer->dims;
    const float *dy = backward_part(p, BACKWARD_GRADIENT, l->index);
    float *d = sum_of(p, l, 0);
    (void)err;
    for (int64_t i = 0; i < p->b->piece * out[0] * out[1]; i++, dy += out[2]) {
        struct corner corners[4];
        corners_of(l->layer, in, i, corners);
        for (int k = 0; k < 4; k++)
            for (int64_t c = 0; corners[k].share != 0.0f && c < out[2]; c++)
                d[corners[k].pixel * out[2] + c] += corners[k].share * dy[c];
    }
    return true;
}

const struct backward_kind backward_add = {.forward = add_forward, .backward = add_back};
const struct backward_kind backward_concatenate = {.forward = concatenate_forward,
                                                   .backward = concatenate_back};
const struct backward_kind backward_padding = {.forward = padding_forward,
                                               .backward = padding_back};
const struct backward_kind backward_upsampling = {.forward = upsampling_forward,
                                                  .backward = upsampling_back};
