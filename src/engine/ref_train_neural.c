/* Convolutions and dense layers forward and back, in double. All three ways go over the same
 * products: forward y += x * w; back dx += dy * w and dw += dy * x. */
#include <c2s/quantizer.h>

#include "base/alloc.h"
#include "engine/ref.h"
#include "engine/ref_train.h"

/* Forward when y is set, else back; dx and dw may be NULL. */
struct products {
    const double *x, *dy;
    double *y, *dx, *dw;
    const float *w;
    int64_t ins, outs, groups; /* channels of a pixel, and groups of them */
};

/* The products of one input number and n outputs in a row; arguments are offsets. */
static void product_row(const struct products *p, int64_t in, int64_t out, int64_t k, int64_t n)
{
    double x = p->x[in], sum = 0;
    for (int64_t o = 0; p->y && o < n; o++)
        p->y[out + o] += x * (double)p->w[k + o];
    for (int64_t o = 0; p->dw && o < n; o++)
        p->dw[k + o] += p->dy[out + o] * x;
    for (int64_t o = 0; p->dx && o < n; o++)
        sum += p->dy[out + o] * (double)p->w[k + o];
    if (p->dx)
        p->dx[in] += sum;
}

/* Those of one input pixel and one output pixel under one kernel tap [ins / groups, outs]. */
static void full_tap(const struct products *p, int64_t in, int64_t out, int64_t tap)
{
    int64_t ins = p->ins / p->groups, outs = p->outs / p->groups;
    for (int64_t i = 0; i < p->ins; i++)
        product_row(p, in + i, out + i / ins * outs,
                    (tap * ins + i % ins) * p->outs + i / ins * outs, outs);
}

/* Kernel tap [ins, outs / ins]: each input channel has outputs of its own. */
static void depthwise_tap(const struct products *p, int64_t in, int64_t out, int64_t tap)
{
    int64_t outs = p->outs / p->ins;
    for (int64_t i = 0; i < p->ins; i++)
        product_row(p, in + i, out + i * outs, tap * p->outs + i * outs, outs);
}

/* Every product of a convolution of the layer's geometry. */
static void convolve(const struct ref_train *t, int layer, const struct products *p,
                     void (*tap)(const struct products *, int64_t, int64_t, int64_t))
{
    const struct c2s_conv_attr *a = &ref_train_layer(t, layer)->attr.conv;
    struct ref_window v = ref_window_of(a, ref_train_source(t, layer, 0)->dims);
    int64_t out = 0;
    for (int64_t n = 0; n < t->batch; n++)
        for (int64_t y = 0; y < v.oh; y++)
            for (int64_t x = 0; x < v.ow; x++, out += p->outs)
                for (int k = 0; k < a->kernel[0] * a->kernel[1]; k++) {
                    int64_t pixel = ref_pixel(&v, y, x, k / a->kernel[1], k % a->kernel[1]);
                    if (pixel >= 0)
                        tap(p, n * v.h * v.w * v.c + pixel, out, k);
                }
}

static void multiply_rows(const struct products *p, int64_t rows)
{
    for (int64_t r = 0; r < rows; r++)
        full_tap(p, r * p->ins, r * p->outs, 0);
}

static bool has_bias(const struct c2s_layer *l)
{
    return l->op == C2S_OP_DENSE ? l->attr.dense.use_bias : l->attr.conv.use_bias;
}

/* Output channels, and rows of them. */
static int64_t channels_of(const struct ref_train *t, int layer)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    return l->dims[l->rank - 1];
}

/* Bias and inlined function on the sums. */
static void finish_forward(struct ref_train *t, int layer)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    int64_t n = ref_train_count(t, layer), channels = channels_of(t, layer);
    for (int64_t i = 0; has_bias(l) && i < n; i++)
        t->values[layer][i] += (double)c2s_f32(l->params[C2S_BIAS])[i % channels];
    ref_train_function(gradient_function(t->g, layer, t->loss), t->values[layer], n / channels,
                       channels);
}

/* The layer's slope becomes that of its sums; gradient of the bias. */
static bool begin_backward(struct ref_train *t, int layer, struct c2s_error *err)
{
    int64_t n = ref_train_count(t, layer), channels = channels_of(t, layer);
    ref_train_function_back(gradient_function(t->g, layer, t->loss), t->values[layer],
                            t->slopes[layer], n / channels, channels);
    if (!gradient_wants(t->g, layer, C2S_BIAS))
        return true;
    double *d = c2s_calloc((size_t)channels, sizeof *d);
    for (int64_t i = 0; d && i < n; i++)
        d[i % channels] += t->slopes[layer][i];
    return ref_train_add(t, layer, C2S_BIAS, d, channels, err);
}

/* A kernel's gradient is wanted for its weights, or for the threshold of its quantizer. */
static bool wants_kernel(const struct ref_train *t, int layer, enum c2s_role role)
{
    enum c2s_role threshold = c2s_threshold_role(ref_train_layer(t, layer), role);
    return gradient_wants(t->g, layer, role) || gradient_wants(t->g, layer, threshold);
}

static double *new_gradient(const struct c2s_tensor *kernel)
{
    return c2s_calloc((size_t)c2s_tensor_count(kernel), sizeof(double));
}

static struct products products_of(const struct ref_train *t, int layer,
                                   const struct c2s_tensor *kernel)
{
    const struct c2s_layer *l = ref_train_layer(t, layer), *in = ref_train_source(t, layer, 0);
    return (struct products){.x = ref_train_in(t, layer, 0),
                             .w = c2s_f32(kernel),
                             .ins = in->dims[in->rank - 1],
                             .outs = channels_of(t, layer),
                             .groups = l->op == C2S_OP_CONV2D ? l->attr.conv.groups : 1};
}

static void run(const struct ref_train *t, int layer, const struct products *p)
{
    switch (ref_train_layer(t, layer)->op) {
    case C2S_OP_CONV2D:
        convolve(t, layer, p, full_tap);
        break;
    case C2S_OP_DEPTHWISE_CONV2D:
        convolve(t, layer, p, depthwise_tap);
        break;
    default:
        multiply_rows(p, ref_train_count(t, layer) / p->outs);
    }
}

/* Layers with one kernel. */
static void forward(struct ref_train *t, int layer)
{
    const struct engine_weights *w = &t->weights[layer];
    struct products p = products_of(t, layer, w->kernel ? w->kernel : w->depthwise);
    p.y = t->values[layer];
    run(t, layer, &p);
    finish_forward(t, layer);
}

static bool backward(struct ref_train *t, int layer, struct c2s_error *err)
{
    const struct engine_weights *w = &t->weights[layer];
    const struct c2s_tensor *kernel = w->kernel ? w->kernel : w->depthwise;
    enum c2s_role role = w->kernel ? C2S_KERNEL : C2S_DEPTHWISE_KERNEL;
    struct products p = products_of(t, layer, kernel);
    if (!begin_backward(t, layer, err))
        return false;
    bool is_wanted = wants_kernel(t, layer, role);
    p.dy = t->slopes[layer];
    p.dx = ref_train_d_in(t, layer, 0);
    p.dw = is_wanted ? new_gradient(kernel) : NULL;
    if (is_wanted && !p.dw)
        return c2s_fail_nomem(err);
    run(t, layer, &p);
    return !is_wanted || ref_train_add(t, layer, role, p.dw, c2s_tensor_count(kernel), err);
}

/* Separable layers save what is between their two kernels, and its slope behind it. */
static int64_t count_between(const struct ref_train *t, int layer)
{
    const struct c2s_layer *l = ref_train_layer(t, layer), *in = ref_train_source(t, layer, 0);
    return t->batch * l->dims[0] * l->dims[1] * in->dims[2] * l->attr.conv.depth_multiplier;
}

static int64_t count_separable(const struct ref_train *t, int layer)
{
    return 2 * count_between(t, layer);
}

/* The two halves as products; forward when is_forward. */
static void separate(const struct ref_train *t, int layer, struct products *depthwise,
                     struct products *pointwise)
{
    const struct engine_weights *w = &t->weights[layer];
    *depthwise = products_of(t, layer, w->depthwise);
    *pointwise = products_of(t, layer, w->kernel);
    depthwise->outs = pointwise->ins =
        depthwise->ins * ref_train_layer(t, layer)->attr.conv.depth_multiplier;
    pointwise->x = t->saved[layer];
}

static void forward_separable(struct ref_train *t, int layer)
{
    struct products depthwise, pointwise;
    separate(t, layer, &depthwise, &pointwise);
    depthwise.y = t->saved[layer];
    pointwise.y = t->values[layer];
    convolve(t, layer, &depthwise, depthwise_tap);
    multiply_rows(&pointwise, ref_train_count(t, layer) / pointwise.outs);
    finish_forward(t, layer);
}

static bool backward_separable(struct ref_train *t, int layer, struct c2s_error *err)
{
    const struct engine_weights *w = &t->weights[layer];
    struct products depthwise, pointwise;
    if (!begin_backward(t, layer, err))
        return false;
    separate(t, layer, &depthwise, &pointwise);
    pointwise.dy = t->slopes[layer];
    pointwise.dx = t->saved[layer] + count_between(t, layer);
    pointwise.dw = new_gradient(w->kernel);
    depthwise.dy = pointwise.dx;
    depthwise.dx = ref_train_d_in(t, layer, 0);
    depthwise.dw = new_gradient(w->depthwise);
    if (pointwise.dw && depthwise.dw) {
        multiply_rows(&pointwise, ref_train_count(t, layer) / pointwise.outs);
        convolve(t, layer, &depthwise, depthwise_tap);
        if (!ref_train_add(t, layer, C2S_POINTWISE_KERNEL, pointwise.dw,
                           c2s_tensor_count(w->kernel), err)) {
            c2s_free(depthwise.dw);
            return false;
        }
        return ref_train_add(t, layer, C2S_DEPTHWISE_KERNEL, depthwise.dw,
                             c2s_tensor_count(w->depthwise), err);
    }
    c2s_free(pointwise.dw);
    c2s_free(depthwise.dw);
    return c2s_fail_nomem(err);
}

const struct ref_train_op ref_train_conv2d = {.forward = forward, .backward = backward};
const struct ref_train_op ref_train_depthwise = {.forward = forward, .backward = backward};
const struct ref_train_op ref_train_dense = {.forward = forward, .backward = backward};
const struct ref_train_op ref_train_separable = {
    .forward = forward_separable, .backward = backward_separable, .count_saved = count_separable};
