/* Fixes that write a convolution with a larger kernel, whose new weights are 0, or with another
 * padding that makes no difference. */
#include "fix/windows.h"

#include <stdio.h>
#include <string.h>

static const int *window_of(const struct c2s_layer *l)
{
    bool is_pool = c2s_op_info(l->op)->family == C2S_FAMILY_POOL;
    return is_pool ? l->attr.pool.size : l->attr.conv.kernel;
}

void fix_axes_of(const struct c2s_layer *l, const struct c2s_layer *in, struct fix_axis axes[2])
{
    bool is_pool = c2s_op_info(l->op)->family == C2S_FAMILY_POOL;
    const int *strides = is_pool ? l->attr.pool.strides : l->attr.conv.strides;
    enum c2s_padding padding = is_pool ? l->attr.pool.padding : l->attr.conv.padding;
    for (int i = 0; i < 2; i++) {
        axes[i] =
            (struct fix_axis){.in = in->dims[i], .window = window_of(l)[i], .stride = strides[i]};
        axes[i].n = c2s_window_length(axes[i].in, axes[i].window, axes[i].stride, 1, padding,
                                      &axes[i].front);
    }
}

int fix_place_in_window(const struct fix_axis *axis, int window, enum c2s_padding padding)
{
    int64_t front, n = c2s_window_length(axis->in, window, axis->stride, 1, padding, &front);
    int64_t at = front - axis->front;
    return n == axis->n && at >= 0 && at <= window - axis->window ? (int)at : -1;
}

static bool fits(const struct fix_axis axes[2], int size, enum c2s_padding padding,
                 struct fix_window *out)
{
    for (int i = 0; i < 2; i++) {
        out->size[i] = size;
        out->at[i] = fix_place_in_window(&axes[i], size, padding);
        if (out->at[i] < 0)
            return false;
    }
    out->padding = padding;
    return true;
}

bool fix_find_window(const struct fix_place *p, int layer, const struct fix_axis axes[2],
                     struct fix_window *out)
{
    const struct c2s_layer *l = p->m->layers[layer];
    bool is_first = fix_is_input_convolution(p, layer);
    int least = l->op == C2S_OP_CONV2D && !is_first ? 1 : 3;
    for (int size = least; size <= 7; size += 2) {
        bool strides_are_taken =
            is_first || (axes[0].stride == 1 && axes[1].stride == 1) || size == 3;
        if (size < axes[0].stride || size < axes[1].stride || !strides_are_taken)
            continue;
        if ((is_first && fits(axes, size, l->attr.conv.padding, out)) ||
            fits(axes, size, C2S_SAME, out))
            return true;
    }
    return false;
}

bool fix_set_window(struct c2s_layer *l, const struct fix_window *w, struct c2s_error *err)
{
    l->attr.conv.padding = w->padding;
    return fix_embed(l, w->size, w->at, err);
}

static bool is_convolution(const struct c2s_layer *l)
{
    return l->op == C2S_OP_CONV2D || l->op == C2S_OP_SEPARABLE_CONV2D ||
           l->op == C2S_OP_DEPTHWISE_CONV2D;
}

/* A convolution without dilation, on an image of known size, whose kernel may get zeros. *in is
 * what it reads. */
static bool may_enlarge(struct fix_place *p, int layer, const struct c2s_layer **in)
{
    const struct c2s_layer *l = p->m->layers[layer];
    if (!is_convolution(l) || l->n_inputs != 1 || !l->params[fix_spatial_role(l)])
        return false;
    *in = p->m->layers[l->inputs[0]];
    if ((*in)->rank != 3 || (*in)->dims[0] < 1 || (*in)->dims[1] < 1)
        return fix_cannot(p, "the size of the image it reads is not known");
    if (l->attr.conv.dilation[0] != 1 || l->attr.conv.dilation[1] != 1)
        return fix_cannot(p, "its kernel is dilated");
    if (fix_is_std(l))
        return fix_cannot(p, "its quantizer goes by the deviation of the weights, which zeros "
                             "would change; fix the float version");
    return true;
}

static const char *padding_name(enum c2s_padding padding)
{
    return padding == C2S_SAME ? "same" : "valid";
}

bool fix_enlarge_kernel(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    const struct c2s_layer *in;
    struct fix_axis axes[2];
    struct fix_window window;
    if (!l || !may_enlarge(p, p->layer, &in))
        return true;
    fix_axes_of(l, in, axes);
    if (!fix_find_window(p, p->layer, axes, &window))
        return fix_refused(p,
                           "no kernel of 3x3, 5x5 or 7x7 with zeros in it covers the same pixels");
    int old[2] = {l->attr.conv.kernel[0], l->attr.conv.kernel[1]};
    enum c2s_padding was = l->attr.conv.padding;
    bool is_larger = window.size[0] != old[0] || window.size[1] != old[1];
    if (!is_larger && window.padding == was)
        return fix_refused(p,
                           "no kernel of 3x3, 5x5 or 7x7 with zeros in it covers the same pixels");
    if (!fix_set_window(l, &window, err))
        return false;
    if (!is_larger)
        return fix_applied(p, "padding '%s' becomes '%s': the same here", padding_name(was),
                           padding_name(window.padding));
    return fix_applied(p, "kernel %dx%d becomes %dx%d with zeros%s%s", old[0], old[1],
                       window.size[0], window.size[1], window.padding == was ? "" : ", padding ",
                       window.padding == was ? "" : padding_name(window.padding));
}

bool fix_spread_dilation(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    if (!l || !is_convolution(l) || !l->params[fix_spatial_role(l)])
        return true;
    int size[2], *dilation = l->attr.conv.dilation;
    for (int i = 0; i < 2; i++)
        size[i] = (l->attr.conv.kernel[i] - 1) * dilation[i] + 1;
    if (size[0] > 7 || size[1] > 7)
        return fix_refused(p, "without dilation its kernel is %dx%d, larger than the chip's 7x7",
                           size[0], size[1]);
    if (fix_is_std(l))
        return fix_refused(p, "its quantizer goes by the deviation of the weights, which zeros "
                              "would change; fix the float version");
    const struct c2s_tensor *old = l->params[fix_spatial_role(l)];
    int64_t kw = old->dims[1], row = old->dims[2] * old->dims[3];
    struct c2s_tensor *kernel = c2s_tensor_create(
        C2S_F32, 4, (int64_t[]){size[0], size[1], old->dims[2], old->dims[3]}, err);
    if (!kernel)
        return false;
    for (int64_t i = 0; i < old->dims[0] * kw; i++)
        memcpy(c2s_f32(kernel) + (i / kw * dilation[0] * size[1] + i % kw * dilation[1]) * row,
               c2s_f32(old) + i * row, sizeof(float) * (size_t)row);
    c2s_layer_set_param(l, fix_spatial_role(l), kernel);
    dilation[0] = dilation[1] = 1;
    memcpy(l->attr.conv.kernel, size, sizeof size);
    return fix_applied(p, "the kernel becomes %dx%d with zeros, without dilation", size[0],
                       size[1]);
}

/* The convolution behind sees the padded image: its windows, moved by what is padded in front. */
bool fix_merge_padding(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_model *m = p->m;
    const struct c2s_layer *pad = fix_layer(p), *in;
    if (!pad || pad->op != C2S_OP_ZERO_PADDING || pad->n_inputs != 1)
        return true;
    int next = fix_only_reader(m, p->layer);
    struct c2s_layer *conv = next >= 0 ? m->layers[next] : NULL;
    if (!conv || !is_convolution(conv))
        return fix_refused(p, "no convolution follows it directly");
    if (!may_enlarge(p, next, &in))
        return true;
    const struct c2s_layer *source = m->layers[pad->inputs[0]];
    if (conv->attr.conv.padding != C2S_VALID)
        return fix_refused(p, "'%s' pads once more", conv->name);
    struct fix_axis axes[2];
    struct fix_window window;
    fix_axes_of(conv, in, axes);
    axes[0].front += pad->attr.zero_padding.top;
    axes[1].front += pad->attr.zero_padding.left;
    for (int i = 0; i < 2; i++)
        axes[i].in = source->dims[i];
    if (!fix_find_window(p, next, axes, &window))
        return fix_refused(p, "no kernel of '%s' with padding 'same' covers the same pixels",
                           conv->name);
    int old[2] = {conv->attr.conv.kernel[0], conv->attr.conv.kernel[1]};
    char name[128], kernel[48] = "";
    snprintf(name, sizeof name, "%s", conv->name);
    if (window.size[0] != old[0] || window.size[1] != old[1])
        snprintf(kernel, sizeof kernel, ", its kernel %dx%d with zeros", window.size[0],
                 window.size[1]);
    return fix_set_window(conv, &window, err) && c2s_model_remove(m, p->layer, err) &&
           fix_applied(p, "'%s' pads '%s' itself%s", name, padding_name(window.padding), kernel);
}

bool fix_pool_padding(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    (void)err;
    if (!l || l->op != C2S_OP_MAX_POOL || l->n_inputs != 1)
        return true;
    const struct c2s_layer *in = p->m->layers[l->inputs[0]];
    enum c2s_padding other = l->attr.pool.padding == C2S_SAME ? C2S_VALID : C2S_SAME;
    struct fix_axis axes[2];
    if (in->rank != 3 || in->dims[0] < 1 || in->dims[1] < 1)
        return fix_refused(p, "the size of the image it reads is not known");
    fix_axes_of(l, in, axes);
    for (int i = 0; i < 2; i++)
        if (fix_place_in_window(&axes[i], axes[i].window, other) != 0)
            return fix_refused(p,
                               "its %lldx%lld input does not divide into its windows, so the "
                               "padding makes a difference",
                               (long long)in->dims[0], (long long)in->dims[1]);
    l->attr.pool.padding = other;
    return fix_applied(p, "padding becomes '%s': the same here", padding_name(other));
}
