/* Fixes that write one kind of neural layer as another: groups, separable and depthwise
 * convolutions, Dense on images, two linear layers in a row. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "fix/place.h"

static bool is_quantized(struct fix_place *p, const struct c2s_layer *l)
{
    return c2s_layer_is_quantized(l) &&
           fix_refused(p, "'%s' is quantized already; fix the float version", l->name);
}

bool fix_join_groups(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    const struct c2s_tensor *old = l ? l->params[C2S_KERNEL] : NULL;
    if (!l || l->op != C2S_OP_CONV2D || l->attr.conv.groups < 2 || !old)
        return true;
    if (fix_is_std(l))
        return fix_refused(p, "its quantizer goes by the deviation of the weights, which zeros "
                              "would change; fix the float version");
    int64_t groups = l->attr.conv.groups, ci = old->dims[2], co = old->dims[3];
    if (co % groups != 0)
        return fix_refused(p, "its filters do not divide into its groups");
    struct c2s_tensor *kernel = c2s_tensor_create(
        C2S_F32, 4, (int64_t[]){old->dims[0], old->dims[1], ci * groups, co}, err);
    if (!kernel)
        return false;
    for (int64_t k = 0; k < old->dims[0] * old->dims[1]; k++)
        for (int64_t i = 0; i < ci; i++)
            for (int64_t o = 0; o < co; o++) {
                int64_t channel = o / (co / groups) * ci + i;
                c2s_f32(kernel)[(k * ci * groups + channel) * co + o] =
                    c2s_f32(old)[(k * ci + i) * co + o];
            }
    c2s_layer_set_param(l, C2S_KERNEL, kernel);
    l->attr.conv.groups = 1;
    return fix_applied(p, "its %lld groups become one, with zeros between them", (long long)groups);
}

/* [KH,KW,C,M] and [1,1,C*M,F] to [KH,KW,C,F]: sums in double. */
static struct c2s_tensor *multiply_out(const struct c2s_tensor *dw, const struct c2s_tensor *pw,
                                       struct c2s_error *err)
{
    int64_t channels = dw->dims[2], m = dw->dims[3], filters = pw->dims[3];
    struct c2s_tensor *kernel = c2s_tensor_create(
        C2S_F32, 4, (int64_t[]){dw->dims[0], dw->dims[1], channels, filters}, err);
    int64_t n = kernel ? dw->dims[0] * dw->dims[1] * channels : 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t f = 0; f < filters; f++) {
            double sum = 0;
            for (int64_t k = 0; k < m; k++)
                sum += (double)c2s_f32(dw)[i * m + k] *
                       (double)c2s_f32(pw)[(i % channels * m + k) * filters + f];
            c2s_f32(kernel)[i * filters + f] = (float)sum;
        }
    return kernel;
}

/* The layer becomes an op of the same geometry. */
static bool set_conv_op(struct c2s_layer *l, enum c2s_op op, struct c2s_error *err)
{
    struct c2s_conv_attr attr = l->attr.conv;
    if (!fix_set_op(l, op, err))
        return false;
    l->attr.conv = attr;
    return true;
}

/* A layer with a depthwise and a pointwise kernel becomes a Conv2D. */
static bool become_conv(struct c2s_layer *l, struct c2s_error *err)
{
    struct c2s_tensor *kernel =
        multiply_out(l->params[C2S_DEPTHWISE_KERNEL], l->params[C2S_POINTWISE_KERNEL], err);
    if (!kernel)
        return false;
    c2s_layer_set_param(l, C2S_DEPTHWISE_KERNEL, NULL);
    c2s_layer_set_param(l, C2S_POINTWISE_KERNEL, NULL);
    c2s_layer_set_param(l, C2S_KERNEL, kernel);
    l->attr.conv.depth_multiplier = 1;
    return set_conv_op(l, C2S_OP_CONV2D, err);
}

bool fix_separable_to_conv(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    if (!l || l->op != C2S_OP_SEPARABLE_CONV2D || !l->params[C2S_DEPTHWISE_KERNEL] ||
        !l->params[C2S_POINTWISE_KERNEL] || is_quantized(p, l))
        return true;
    bool is_small = l->attr.conv.kernel[0] == 1 && l->attr.conv.kernel[1] == 1;
    if (fix_is_rule(p, "E047") && !is_small)
        return true;
    return become_conv(l, err) &&
           fix_applied(p, "both kernels are multiplied: it becomes a Conv2D");
}

static struct c2s_tensor *identity(int64_t n, struct c2s_error *err)
{
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, 4, (int64_t[]){1, 1, n, n}, err);
    for (int64_t i = 0; t && i < n; i++)
        c2s_f32(t)[i * n + i] = 1;
    return t;
}

/* The 1x1 Conv2D that reads the sums of l directly, so that both are one separable layer; or -1. */
static int pointwise_behind(const struct c2s_model *m, int index)
{
    int next = fix_only_reader(m, index);
    const struct c2s_layer *l = next >= 0 ? m->layers[next] : NULL;
    bool is_it = l && l->op == C2S_OP_CONV2D && l->attr.conv.kernel[0] == 1 &&
                 l->attr.conv.kernel[1] == 1 && l->attr.conv.strides[0] == 1 &&
                 l->attr.conv.strides[1] == 1 && l->attr.conv.groups == 1 &&
                 l->params[C2S_KERNEL] && !c2s_layer_is_quantized(l) &&
                 c2s_layer_function(m->layers[index]) == C2S_FN_LINEAR;
    return is_it ? next : -1;
}

/* bias of `second` += bias of `first` through the kernel [.., N, F] of second. */
static bool push_bias(const struct c2s_layer *first, struct c2s_layer *second,
                      struct c2s_error *err)
{
    const struct c2s_tensor *kernel = second->params[C2S_KERNEL], *b = first->params[C2S_BIAS];
    if (!b)
        return true;
    int64_t filters = kernel->dims[kernel->rank - 1], n = c2s_tensor_count(b);
    struct c2s_tensor *bias = fix_own_bias(second, filters, err);
    for (int64_t f = 0; bias && f < filters; f++) {
        double sum = (double)c2s_f32(bias)[f];
        for (int64_t i = 0; i < n; i++)
            sum += (double)c2s_f32(b)[i] * (double)c2s_f32(kernel)[i * filters + f];
        c2s_f32(bias)[f] = (float)sum;
    }
    return bias != NULL;
}

static bool join_pointwise(struct fix_place *p, int next, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p), *pointwise = p->m->layers[next];
    char name[128];
    snprintf(name, sizeof name, "%s", pointwise->name);
    if (!push_bias(l, pointwise, err))
        return false;
    c2s_layer_set_param(l, C2S_POINTWISE_KERNEL, c2s_tensor_ref(pointwise->params[C2S_KERNEL]));
    c2s_layer_set_param(l, C2S_BIAS, c2s_tensor_ref(pointwise->params[C2S_BIAS]));
    l->attr.conv.use_bias = pointwise->attr.conv.use_bias;
    l->attr.conv.function = pointwise->attr.conv.function;
    l->attr.conv.filters = pointwise->attr.conv.filters;
    bool is_multiplied = l->attr.conv.depth_multiplier > 1;
    if (!c2s_model_remove(p->m, next, err) ||
        !(is_multiplied ? become_conv(l, err) : set_conv_op(l, C2S_OP_SEPARABLE_CONV2D, err)))
        return false;
    return fix_applied(p, "it becomes a %s together with '%s'", l->class_name, name);
}

bool fix_depthwise_to_separable(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    if (!l || l->op != C2S_OP_DEPTHWISE_CONV2D || !l->params[C2S_DEPTHWISE_KERNEL] ||
        is_quantized(p, l))
        return true;
    int next = pointwise_behind(p->m, p->layer);
    if (next >= 0)
        return join_pointwise(p, next, err);
    int64_t n = (int64_t)l->params[C2S_DEPTHWISE_KERNEL]->dims[2] *
                l->params[C2S_DEPTHWISE_KERNEL]->dims[3];
    struct c2s_tensor *pointwise = identity(n, err);
    if (!pointwise)
        return false;
    c2s_layer_set_param(l, C2S_POINTWISE_KERNEL, pointwise);
    l->attr.conv.filters = (int)n;
    if (l->attr.conv.depth_multiplier > 1)
        return become_conv(l, err) &&
               fix_applied(p, "it becomes a Conv2D with zeros between the channels");
    return set_conv_op(l, C2S_OP_SEPARABLE_CONV2D, err) &&
           fix_applied(p, "it becomes a SeparableConv2D whose pointwise part is the identity");
}

bool fix_dense_to_conv(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    const struct c2s_layer *in = l && l->n_inputs == 1 ? p->m->layers[l->inputs[0]] : NULL;
    const struct c2s_tensor *old = l ? l->params[C2S_KERNEL] : NULL;
    if (!in || l->op != C2S_OP_DENSE || !old)
        return true;
    if (in->rank != 3)
        return fix_refused(p, "its input has %d axes, and is no image", in->rank);
    struct c2s_dense_attr attr = l->attr.dense;
    struct c2s_tensor *kernel =
        c2s_tensor_create(C2S_F32, 4, (int64_t[]){1, 1, old->dims[0], old->dims[1]}, err);
    if (!kernel)
        return false;
    memcpy(kernel->data, old->data, c2s_tensor_bytes(old));
    c2s_layer_set_param(l, C2S_KERNEL, kernel);
    if (!fix_set_op(l, C2S_OP_CONV2D, err) ||
        (c2s_layer_is_quantized(l) &&
         !c2s_layer_set_text(&l->class_name, c2s_op_info(l->op)->quantized_class, err)))
        return false;
    l->attr.conv.filters = attr.units;
    l->attr.conv.kernel[0] = l->attr.conv.kernel[1] = 1;
    l->attr.conv.padding = C2S_SAME;
    l->attr.conv.use_bias = attr.use_bias;
    l->attr.conv.function = attr.function;
    return fix_applied(p, "it becomes a 1x1 Conv2D, which does the same to each pixel");
}

/* [rows, N] times [N, F] */
static struct c2s_tensor *product(const struct c2s_tensor *a, const struct c2s_tensor *b,
                                  struct c2s_error *err)
{
    int64_t dims[C2S_MAX_RANK], n = a->dims[a->rank - 1], filters = b->dims[b->rank - 1];
    memcpy(dims, a->dims, sizeof dims);
    dims[a->rank - 1] = filters;
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, a->rank, dims, err);
    int64_t rows = t ? c2s_tensor_count(a) / n : 0;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t f = 0; f < filters; f++) {
            double sum = 0;
            for (int64_t i = 0; i < n; i++)
                sum += (double)c2s_f32(a)[r * n + i] * (double)c2s_f32(b)[i * filters + f];
            c2s_f32(t)[r * filters + f] = (float)sum;
        }
    return t;
}

/* Two layers of which the second looks at each position alone, or both at vectors. */
static const char *why_not_one(const struct c2s_layer *a, const struct c2s_layer *b)
{
    if (c2s_layer_is_quantized(a) || c2s_layer_is_quantized(b))
        return "they are quantized already; fix the float version";
    if (!a->params[C2S_KERNEL] || !b->params[C2S_KERNEL] || a->op != b->op)
        return "they are of different kinds";
    bool is_pointwise =
        b->op == C2S_OP_DENSE || (b->attr.conv.kernel[0] == 1 && b->attr.conv.kernel[1] == 1 &&
                                  b->attr.conv.strides[0] == 1 && b->attr.conv.strides[1] == 1 &&
                                  b->attr.conv.groups == 1 && a->attr.conv.groups == 1);
    return is_pointwise ? NULL : "the second looks at more than one pixel";
}

bool fix_merge_linear(struct fix_place *p, struct c2s_error *err)
{
    static const enum c2s_op over[] = {C2S_OP_DROPOUT, C2S_OP_COUNT};
    struct c2s_model *m = p->m;
    struct c2s_layer *a = fix_layer(p);
    if (!a || c2s_layer_function(a) != C2S_FN_LINEAR)
        return true;
    int next = fix_forward_over(m, p->layer, over);
    struct c2s_layer *b = next >= 0 ? m->layers[next] : NULL;
    if (!b || !c2s_layer_is_neural(b))
        return fix_refused(p, "what stands between it and the next neural layer keeps them apart");
    const char *why = why_not_one(a, b);
    if (why)
        return fix_refused(p, "it and '%s' cannot become one layer: %s", b->name, why);
    struct c2s_tensor *kernel = product(a->params[C2S_KERNEL], b->params[C2S_KERNEL], err);
    if (!kernel)
        return false;
    char name[128];
    snprintf(name, sizeof name, "%s", b->name);
    bool ok = push_bias(a, b, err);
    c2s_layer_set_param(a, C2S_KERNEL, kernel);
    if (!ok)
        return false;
    c2s_layer_set_param(a, C2S_BIAS, c2s_tensor_ref(b->params[C2S_BIAS]));
    if (a->op == C2S_OP_DENSE)
        a->attr.dense = b->attr.dense;
    else {
        a->attr.conv.filters = b->attr.conv.filters;
        a->attr.conv.use_bias = b->attr.conv.use_bias;
        a->attr.conv.function = b->attr.conv.function;
    }
    return c2s_model_remove(m, next, err) &&
           fix_applied(p, "it and '%s' become one layer: their kernels are multiplied", name);
}
