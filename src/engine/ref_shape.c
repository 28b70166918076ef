/* Naive layers that move numbers about: reshaping, padding, upsampling, concatenation. */
#include "engine/ref.h"

#include <math.h>
#include <string.h>

void ref_copy(const struct ref_call *c)
{
    memcpy(c->out->data, c->in[0]->data, c2s_tensor_bytes(c->out));
}

void ref_zero_padding(const struct ref_call *c)
{
    const int64_t *in = c->in[0]->dims, *out = c->out->dims;
    memset(c->out->data, 0, c2s_tensor_bytes(c->out));
    for (int64_t n = 0; n < in[0]; n++)
        for (int64_t y = 0; y < in[1]; y++) {
            int64_t row = (n * out[1] + y + c->layer->attr.zero_padding.top) * out[2];
            memcpy(c2s_f32(c->out) + (row + c->layer->attr.zero_padding.left) * in[3],
                   c2s_f32(c->in[0]) + (n * in[1] + y) * in[2] * in[3],
                   sizeof(float) * (size_t)(in[2] * in[3]));
        }
}

/* Half-pixel centres, as tf.image.resize: the middle of output pixel o lies at (o + 0.5) / factor.
 */
struct ref_blend ref_blend_at(int64_t o, int factor, int64_t length, bool is_bilinear)
{
    if (!is_bilinear)
        return (struct ref_blend){o / factor, o / factor, 0.0f};
    float scale = (float)length / (float)(length * factor);
    float at = ((float)o + 0.5f) * scale - 0.5f, below = floorf(at);
    int64_t first = (int64_t)below, second = first + 1;
    return (struct ref_blend){first < 0 ? 0 : first, second > length - 1 ? length - 1 : second,
                              at - below};
}

void ref_upsampling(const struct ref_call *c)
{
    const int64_t *in = c->in[0]->dims, *out = c->out->dims;
    const int *size = c->layer->attr.upsampling.size;
    bool is_bilinear = c->layer->attr.upsampling.is_bilinear;
    float *o = c2s_f32(c->out);
    for (int64_t n = 0; n < in[0]; n++)
        for (int64_t y = 0; y < out[1]; y++)
            for (int64_t x = 0; x < out[2]; x++) {
                struct ref_blend v = ref_blend_at(y, size[0], in[1], is_bilinear);
                struct ref_blend h = ref_blend_at(x, size[1], in[2], is_bilinear);
                const float *above = c2s_f32(c->in[0]) + (n * in[1] + v.first) * in[2] * in[3];
                const float *below = c2s_f32(c->in[0]) + (n * in[1] + v.second) * in[2] * in[3];
                for (int64_t k = 0; k < in[3]; k++) {
                    int64_t left = h.first * in[3] + k, right = h.second * in[3] + k;
                    float top = above[left] + (above[right] - above[left]) * h.share;
                    float bottom = below[left] + (below[right] - below[left]) * h.share;
                    *o++ = is_bilinear ? top + (bottom - top) * v.share : above[left];
                }
            }
}

void ref_concatenate(const struct ref_call *c)
{
    int axis = engine_axis(c->layer->attr.concatenate.axis, c->out->rank);
    int64_t outer = 1, inner = 1, done = 0;
    for (int i = 0; i < axis; i++)
        outer *= c->out->dims[i];
    for (int i = axis + 1; i < c->out->rank; i++)
        inner *= c->out->dims[i];
    for (int k = 0; k < c->layer->n_inputs; k++) {
        int64_t run = c->in[k]->dims[axis] * inner;
        for (int64_t o = 0; o < outer; o++)
            memcpy(c2s_f32(c->out) + o * c->out->dims[axis] * inner + done,
                   c2s_f32(c->in[k]) + o * run, sizeof(float) * (size_t)run);
        done += run;
    }
}
