/* Naive pooling. Padding takes no part: it never wins a maximum and is not counted in an average,
 * as in Keras. */
#include "engine/ref.h"

#include <math.h>

struct ref_range ref_covered(int64_t o, int stride, int window, int64_t pad, int64_t length)
{
    int64_t first = o * stride - pad, end = first + window;
    return (struct ref_range){first < 0 ? 0 : first, end > length ? length : end};
}

struct image {
    const float *data; /* [H, W, C] */
    int64_t w, c;
};

static float largest(const struct image *x, struct ref_range rows, struct ref_range columns,
                     int64_t c)
{
    float best = -INFINITY;
    for (int64_t y = rows.first; y < rows.end; y++)
        for (int64_t i = columns.first; i < columns.end; i++) {
            float value = x->data[(y * x->w + i) * x->c + c];
            best = value > best || isnan(value) ? value : best;
        }
    return best;
}

static float mean(const struct image *x, struct ref_range rows, struct ref_range columns, int64_t c)
{
    double sum = 0;
    for (int64_t y = rows.first; y < rows.end; y++)
        for (int64_t i = columns.first; i < columns.end; i++)
            sum += (double)x->data[(y * x->w + i) * x->c + c];
    return (float)(sum / (double)((rows.end - rows.first) * (columns.end - columns.first)));
}

static void pool(const struct ref_call *c,
                 float (*reduce)(const struct image *, struct ref_range, struct ref_range, int64_t))
{
    const struct c2s_pool_attr *a = &c->layer->attr.pool;
    const int64_t *in = c->in[0]->dims;
    int64_t top, left;
    int64_t oh = c2s_window_length(in[1], a->size[0], a->strides[0], 1, a->padding, &top);
    int64_t ow = c2s_window_length(in[2], a->size[1], a->strides[1], 1, a->padding, &left);
    float *out = c2s_f32(c->out);
    for (int64_t n = 0; n < in[0]; n++) {
        struct image image = {c2s_f32(c->in[0]) + n * in[1] * in[2] * in[3], in[2], in[3]};
        for (int64_t y = 0; y < oh; y++)
            for (int64_t x = 0; x < ow; x++)
                for (int64_t k = 0; k < in[3]; k++)
                    *out++ = reduce(&image, ref_covered(y, a->strides[0], a->size[0], top, in[1]),
                                    ref_covered(x, a->strides[1], a->size[1], left, in[2]), k);
    }
}

void ref_max_pool(const struct ref_call *c)
{
    pool(c, largest);
}

void ref_average_pool(const struct ref_call *c)
{
    pool(c, mean);
}

void ref_global_average_pool(const struct ref_call *c)
{
    const int64_t *in = c->in[0]->dims;
    float *out = c2s_f32(c->out);
    for (int64_t n = 0; n < in[0]; n++) {
        struct image image = {c2s_f32(c->in[0]) + n * in[1] * in[2] * in[3], in[2], in[3]};
        for (int64_t k = 0; k < in[3]; k++)
            *out++ = mean(&image, (struct ref_range){0, in[1]}, (struct ref_range){0, in[2]}, k);
    }
}
