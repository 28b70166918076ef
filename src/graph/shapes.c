/* Shape inference: one rule for each op. Shapes here have no batch axis. */
#include <c2s/model.h>

#include <string.h>

#define MAX_LENGTH   ((int64_t)1 << 30) /* of one axis */
#define MAX_ELEMENTS ((int64_t)1 << 40)

int64_t c2s_window_length(int64_t in, int window, int stride, int dilation, enum c2s_padding mode,
                          int64_t *pad_front)
{
    int64_t extent = (int64_t)(window - 1) * dilation + 1;
    int64_t out = 0, pad = 0;
    if (mode == C2S_SAME) {
        out = (in + stride - 1) / stride;
        pad = (out - 1) * stride + extent - in;
        pad = pad > 0 ? pad / 2 : 0;
    } else if (in >= extent) {
        out = (in - extent) / stride + 1;
    }
    if (pad_front)
        *pad_front = pad;
    return out;
}

static bool fail_shape(const struct c2s_layer *l, const struct c2s_layer *in, const char *wants,
                       struct c2s_error *err)
{
    char text[96];
    return c2s_fail(err, C2S_SHAPE, "layer '%s' (%s) wants %s, not the %s of '%s'", l->name,
                    l->class_name, wants, c2s_shape_text(in->rank, in->dims, text, sizeof text),
                    in->name);
}

static void set_shape(struct c2s_layer *l, int rank, const int64_t *dims)
{
    l->rank = rank;
    memcpy(l->dims, dims, sizeof *dims * (size_t)rank);
}

static bool windowed(struct c2s_layer *l, const struct c2s_layer *in, int64_t channels,
                     struct c2s_error *err)
{
    bool is_pool = c2s_op_info(l->op)->family == C2S_FAMILY_POOL;
    const int *window = is_pool ? l->attr.pool.size : l->attr.conv.kernel;
    const int *strides = is_pool ? l->attr.pool.strides : l->attr.conv.strides;
    enum c2s_padding mode = is_pool ? l->attr.pool.padding : l->attr.conv.padding;
    if (in->rank != 3)
        return fail_shape(l, in, "height, width, channels", err);
    int64_t dims[3] = {0, 0, channels};
    for (int i = 0; i < 2; i++) {
        int dilation = is_pool ? 1 : l->attr.conv.dilation[i];
        if (window[i] < 1 || strides[i] < 1 || dilation < 1)
            return c2s_fail(err, C2S_RANGE, "layer '%s' has a window, stride or dilation below 1",
                            l->name);
        dims[i] = in->dims[i] < 0
                      ? -1
                      : c2s_window_length(in->dims[i], window[i], strides[i], dilation, mode, NULL);
        if (dims[i] == 0)
            return fail_shape(l, in, "an input at least as large as its window", err);
    }
    set_shape(l, 3, dims);
    return true;
}

static int64_t product(const struct c2s_layer *l)
{
    int64_t n = 1;
    for (int i = 0; i < l->rank; i++) {
        if (l->dims[i] < 0)
            return -1;
        if (__builtin_mul_overflow(n, l->dims[i], &n))
            return INT64_MAX;
    }
    return n;
}

static bool reshape(struct c2s_layer *l, const struct c2s_layer *in, struct c2s_error *err)
{
    int64_t total = product(in), known = 1;
    int free_axis = -1;
    set_shape(l, l->attr.reshape.rank, l->attr.reshape.dims);
    for (int i = 0; i < l->rank; i++) {
        if (l->dims[i] >= 0 && __builtin_mul_overflow(known, l->dims[i], &known))
            return fail_shape(l, in, "fewer elements", err);
        else if (l->dims[i] >= 0)
            continue;
        else if (free_axis >= 0)
            return c2s_fail(err, C2S_SHAPE, "layer '%s' leaves two dimensions open", l->name);
        else
            free_axis = i;
    }
    if (total < 0)
        return true;
    if (free_axis >= 0 && known > 0 && total % known == 0)
        l->dims[free_axis] = total / known;
    return product(l) == total ? true : fail_shape(l, in, "as many elements as it gives", err);
}

static bool merge(struct c2s_model *m, struct c2s_layer *l, struct c2s_error *err)
{
    const struct c2s_layer *a = m->layers[l->inputs[0]];
    int64_t dims[C2S_MAX_RANK];
    memcpy(dims, a->dims, sizeof dims);
    int axis = -1;                   /* of dims; none for Add */
    if (l->op == C2S_OP_CONCATENATE) /* Keras counts the batch as axis 0 */
        axis = l->attr.concatenate.axis < 0 ? a->rank + l->attr.concatenate.axis
                                            : l->attr.concatenate.axis - 1;
    for (int k = 1; k < l->n_inputs; k++) {
        const struct c2s_layer *b = m->layers[l->inputs[k]];
        if (b->rank != a->rank)
            return fail_shape(l, b, "inputs of one rank", err);
        for (int i = 0; i < a->rank; i++) {
            if (i == axis)
                dims[i] = dims[i] < 0 || b->dims[i] < 0 ? -1 : dims[i] + b->dims[i];
            else if (b->dims[i] != dims[i] && l->op == C2S_OP_ADD &&
                     (b->dims[i] == 1 || dims[i] == 1))
                dims[i] = b->dims[i] == 1 ? dims[i] : b->dims[i];
            else if (b->dims[i] != dims[i])
                return fail_shape(l, b, "inputs that agree in the other dimensions", err);
        }
    }
    set_shape(l, a->rank, dims);
    return true;
}

static bool depthwise(struct c2s_layer *l, const struct c2s_layer *in, struct c2s_error *err)
{
    if (in->rank == 3 && in->dims[2] > 0) {
        int64_t filters = in->dims[2] * l->attr.conv.depth_multiplier;
        if (filters > MAX_LENGTH)
            return fail_shape(l, in, "fewer channels", err);
        l->attr.conv.filters = (int)filters;
    }
    return windowed(l, in, l->attr.conv.filters, err);
}

static bool global_average(struct c2s_layer *l, const struct c2s_layer *in, struct c2s_error *err)
{
    if (in->rank != 3)
        return fail_shape(l, in, "height, width, channels", err);
    const int64_t dims[3] = {1, 1, in->dims[2]};
    if (l->attr.pool.keepdims)
        set_shape(l, 3, dims);
    else
        set_shape(l, 1, dims + 2);
    return true;
}

static bool dense(struct c2s_layer *l, const struct c2s_layer *in, struct c2s_error *err)
{
    if (in->rank < 1)
        return fail_shape(l, in, "a vector", err);
    set_shape(l, in->rank, in->dims);
    l->dims[in->rank - 1] = l->attr.dense.units;
    return true;
}

/* Zero padding and upsampling: an axis of n becomes n * factor + more. */
static bool enlarged(struct c2s_layer *l, const struct c2s_layer *in, const int factor[2],
                     const int64_t more[2], struct c2s_error *err)
{
    if (in->rank != 3)
        return fail_shape(l, in, "height, width, channels", err);
    set_shape(l, 3, in->dims);
    for (int i = 0; i < 2; i++)
        l->dims[i] = in->dims[i] < 0 ? -1 : in->dims[i] * factor[i] + more[i];
    return true;
}

static bool infer_layer(struct c2s_model *m, struct c2s_layer *l, struct c2s_error *err)
{
    if (l->op == C2S_OP_INPUT)
        return true;
    const struct c2s_layer *in = m->layers[l->inputs[0]];
    switch (l->op) {
    case C2S_OP_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
        return windowed(l, in, l->attr.conv.filters, err);
    case C2S_OP_DEPTHWISE_CONV2D:
        return depthwise(l, in, err);
    case C2S_OP_MAX_POOL:
    case C2S_OP_AVERAGE_POOL:
        return windowed(l, in, in->dims[2], err);
    case C2S_OP_GLOBAL_AVERAGE_POOL:
        return global_average(l, in, err);
    case C2S_OP_DENSE:
        return dense(l, in, err);
    case C2S_OP_FLATTEN:
        set_shape(l, 1, (int64_t[]){product(in)});
        return true;
    case C2S_OP_RESHAPE:
        return reshape(l, in, err);
    case C2S_OP_ZERO_PADDING:
        return enlarged(
            l, in, (int[]){1, 1},
            (int64_t[]){(int64_t)l->attr.zero_padding.top + l->attr.zero_padding.bottom,
                        (int64_t)l->attr.zero_padding.left + l->attr.zero_padding.right},
            err);
    case C2S_OP_UPSAMPLING:
        return enlarged(l, in, l->attr.upsampling.size, (int64_t[]){0, 0}, err);
    case C2S_OP_ADD:
    case C2S_OP_CONCATENATE:
        return merge(m, l, err);
    default:
        set_shape(l, in->rank, in->dims);
        return true;
    }
}

/* Sizes no machine could hold would overflow what is computed from them. */
static bool check_size(const struct c2s_layer *l, struct c2s_error *err)
{
    bool ok = product(l) <= MAX_ELEMENTS;
    for (int i = 0; i < l->rank; i++)
        ok = ok && l->dims[i] <= MAX_LENGTH;
    return ok ? true
              : c2s_fail(err, C2S_SHAPE, "the output of layer '%s' is too large to compute",
                         l->name);
}

bool c2s_model_infer_shapes(struct c2s_model *m, struct c2s_error *err)
{
    for (int i = 0; i < m->n_layers; i++) {
        struct c2s_layer *l = m->layers[i];
        bool is_known = l->op != C2S_OP_UNKNOWN;
        for (int k = 0; k < l->n_inputs; k++)
            is_known = is_known && m->layers[l->inputs[k]]->rank >= 0;
        if (!is_known)
            l->rank = -1;
        else if (l->op != C2S_OP_INPUT && l->n_inputs == 0)
            return c2s_fail(err, C2S_SHAPE, "layer '%s' has no input", l->name);
        else if (!infer_layer(m, l, err) || !check_size(l, err))
            return false;
    }
    return true;
}
