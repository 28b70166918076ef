/* Naive convolutions and dense layers.
 * Letters: N batch; H W C input; OH OW output; KH KW kernel; CI CO channels in and out. */
#include "engine/ref.h"

struct ref_window ref_window_of(const struct c2s_conv_attr *a, const int64_t *image)
{
    struct ref_window v = {.h = image[0], .w = image[1], .c = image[2], .attr = a};
    v.oh = c2s_window_length(v.h, a->kernel[0], a->strides[0], a->dilation[0], a->padding, &v.top);
    v.ow = c2s_window_length(v.w, a->kernel[1], a->strides[1], a->dilation[1], a->padding, &v.left);
    return v;
}

int64_t ref_pixel(const struct ref_window *v, int64_t y, int64_t x, int ky, int kx)
{
    int64_t iy = y * v->attr->strides[0] - v->top + (int64_t)ky * v->attr->dilation[0];
    int64_t ix = x * v->attr->strides[1] - v->left + (int64_t)kx * v->attr->dilation[1];
    if (iy < 0 || iy >= v->h || ix < 0 || ix >= v->w)
        return -1;
    return (iy * v->w + ix) * v->c;
}

/* One output number of a convolution whose kernel is [KH, KW, CI of the group, CO]. */
static float conv2d_at(const struct ref_window *v, const float *image, const float *kernel,
                       int64_t y, int64_t x, int64_t filter)
{
    int64_t filters = v->attr->filters, channels = v->c / v->attr->groups;
    int64_t first = filter / (filters / v->attr->groups) * channels;
    double sum = 0;
    for (int ky = 0; ky < v->attr->kernel[0]; ky++)
        for (int kx = 0; kx < v->attr->kernel[1]; kx++) {
            int64_t p = ref_pixel(v, y, x, ky, kx);
            const float *k = kernel + (ky * v->attr->kernel[1] + kx) * channels * filters + filter;
            for (int64_t i = 0; p >= 0 && i < channels; i++)
                sum += (double)image[p + first + i] * (double)k[i * filters];
        }
    return (float)sum;
}

/* Kernel [KH, KW, C, M]; output channel c * M + m. */
static float depthwise_at(const struct ref_window *v, const float *image, const float *kernel,
                          int64_t y, int64_t x, int64_t channel)
{
    int64_t multiplier = v->attr->depth_multiplier, channels = v->c * multiplier;
    double sum = 0;
    for (int ky = 0; ky < v->attr->kernel[0]; ky++)
        for (int kx = 0; kx < v->attr->kernel[1]; kx++) {
            int64_t p = ref_pixel(v, y, x, ky, kx);
            if (p >= 0)
                sum += (double)image[p + channel / multiplier] *
                       (double)kernel[(ky * v->attr->kernel[1] + kx) * channels + channel];
        }
    return (float)sum;
}

static void convolve(const struct ref_call *c, const float *kernel, float *out, int64_t filters,
                     float (*at)(const struct ref_window *, const float *, const float *, int64_t,
                                 int64_t, int64_t))
{
    struct ref_window v = ref_window_of(&c->layer->attr.conv, c->in[0]->dims + 1);
    for (int64_t n = 0; n < c->in[0]->dims[0]; n++) {
        const float *image = c2s_f32(c->in[0]) + n * v.h * v.w * v.c;
        for (int64_t y = 0; y < v.oh; y++)
            for (int64_t x = 0; x < v.ow; x++)
                for (int64_t f = 0; f < filters; f++)
                    *out++ = at(&v, image, kernel, y, x, f);
    }
}

/* y[rows, CO] = x[rows, CI] kernel[CI, CO] */
static void multiply(const float *x, const struct c2s_tensor *kernel, float *y, int64_t rows)
{
    int64_t outs = kernel->dims[kernel->rank - 1], ins = c2s_tensor_count(kernel) / outs;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t o = 0; o < outs; o++) {
            double sum = 0;
            for (int64_t i = 0; i < ins; i++)
                sum += (double)x[r * ins + i] * (double)c2s_f32(kernel)[i * outs + o];
            y[r * outs + o] = (float)sum;
        }
}

static void finish(const struct ref_call *c, bool use_bias, enum c2s_function function)
{
    int64_t channels = c->out->dims[c->out->rank - 1];
    int64_t count = c2s_tensor_count(c->out);
    float *y = c2s_f32(c->out);
    if (use_bias)
        for (int64_t i = 0; i < count; i++)
            y[i] += c2s_f32(c->layer->params[C2S_BIAS])[i % channels];
    ref_function(function, y, y, count / channels, channels);
}

void ref_conv2d(const struct ref_call *c)
{
    const struct c2s_conv_attr *a = &c->layer->attr.conv;
    convolve(c, c2s_f32(c->weights->kernel), c2s_f32(c->out), a->filters, conv2d_at);
    finish(c, a->use_bias, a->function);
}

void ref_depthwise(const struct ref_call *c)
{
    const struct c2s_conv_attr *a = &c->layer->attr.conv;
    convolve(c, c2s_f32(c->weights->depthwise), c2s_f32(c->out), a->filters, depthwise_at);
    finish(c, a->use_bias, a->function);
}

bool ref_separable(const struct ref_call *c, struct c2s_error *err)
{
    const struct c2s_conv_attr *a = &c->layer->attr.conv;
    int64_t channels = c->in[0]->dims[3] * a->depth_multiplier;
    int64_t dims[] = {c->out->dims[0], c->out->dims[1], c->out->dims[2], channels};
    struct c2s_tensor *between = c2s_tensor_create(C2S_F32, 4, dims, err);
    if (!between)
        return false;
    convolve(c, c2s_f32(c->weights->depthwise), c2s_f32(between), channels, depthwise_at);
    multiply(c2s_f32(between), c->weights->kernel, c2s_f32(c->out), dims[0] * dims[1] * dims[2]);
    c2s_tensor_unref(between);
    finish(c, a->use_bias, a->function);
    return true;
}

void ref_dense(const struct ref_call *c)
{
    const struct c2s_dense_attr *a = &c->layer->attr.dense;
    multiply(c2s_f32(c->in[0]), c->weights->kernel, c2s_f32(c->out),
             c2s_tensor_count(c->out) / a->units);
    finish(c, a->use_bias, a->function);
}
