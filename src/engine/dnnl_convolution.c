/* A Keras convolution as oneDNN counts it: weights, strides and padding. */
#include "engine/dnnl_plan.h"

/* Keras [KH, KW, CI / G, CO] as oneDNN's (G,) CO / G, CI / G, KH, KW */
void plan_set_kernel(struct plan_convolution *v, const struct c2s_tensor *kernel, int64_t groups)
{
    int64_t kh = kernel->dims[0], kw = kernel->dims[1], ci = kernel->dims[2], co = kernel->dims[3];
    int64_t dims[] = {groups, co / groups, ci, kh, kw};
    int64_t order[] = {co / groups, 1, co, kw * ci * co, ci * co};
    int skip = groups == 1;
    v->kernel = kernel;
    v->rank = 5 - skip;
    for (int i = 0; i < v->rank; i++) {
        v->dims[i] = dims[i + skip];
        v->order[i] = order[i + skip];
    }
}

/* Keras [KH, KW, C, M] as C groups of M filters over one channel */
void plan_set_depthwise_kernel(struct plan_convolution *v, const struct c2s_tensor *kernel)
{
    int64_t kh = kernel->dims[0], kw = kernel->dims[1], c = kernel->dims[2], m = kernel->dims[3];
    int64_t dims[] = {c, m, 1, kh, kw}, order[] = {m, 1, 1, kw * c * m, c * m};
    v->kernel = kernel;
    v->rank = 5;
    for (int i = 0; i < 5; i++) {
        v->dims[i] = dims[i];
        v->order[i] = order[i];
    }
}

void plan_set_window(struct plan_convolution *v, const struct c2s_conv_attr *a, const int64_t *in)
{
    for (int i = 0; i < 2; i++) {
        int64_t pad;
        int64_t out =
            c2s_window_length(in[i], a->kernel[i], a->strides[i], a->dilation[i], a->padding, &pad);
        int64_t extent = (int64_t)(a->kernel[i] - 1) * a->dilation[i] + 1;
        int64_t covered = (out - 1) * a->strides[i] + extent - pad;
        v->strides[i] = a->strides[i];
        v->dilates[i] = a->dilation[i] - 1;
        v->front[i] = pad;
        v->behind[i] = covered > in[i] ? covered - in[i] : 0;
    }
}
