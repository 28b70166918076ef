/* How two layers of one name differ in form: kernel, padding, activation, shape. Weights and bits
 * are told by view_difference. */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct changes {
    char *out;
    size_t size, used;
};

static void add(struct changes *c, const char *fmt, ...) C2S_PRINTF(2, 3);
static void add(struct changes *c, const char *fmt, ...)
{
    va_list args;
    if (c->used >= c->size)
        return;
    if (c->used > 0)
        c->used += (size_t)snprintf(c->out + c->used, c->size - c->used, "  ");
    va_start(args, fmt);
    if (c->used < c->size)
        c->used += (size_t)vsnprintf(c->out + c->used, c->size - c->used, fmt, args);
    va_end(args);
}

static void add_pair(struct changes *c, const char *what, const int a[2], const int b[2])
{
    if (memcmp(a, b, 2 * sizeof *a) != 0)
        add(c, "%s %dx%d -> %dx%d", what, a[0], a[1], b[0], b[1]);
}

static void add_padding(struct changes *c, enum c2s_padding a, enum c2s_padding b)
{
    static const char *const names[] = {[C2S_VALID] = "valid", [C2S_SAME] = "same"};
    if (a != b)
        add(c, "padding %s -> %s", names[a], names[b]);
}

static void add_conv(struct changes *c, const struct c2s_conv_attr *a,
                     const struct c2s_conv_attr *b)
{
    if (a->filters != b->filters)
        add(c, "filters %d -> %d", a->filters, b->filters);
    add_pair(c, "kernel", a->kernel, b->kernel);
    add_pair(c, "strides", a->strides, b->strides);
    add_pair(c, "dilation", a->dilation, b->dilation);
    if (a->groups != b->groups)
        add(c, "groups %d -> %d", a->groups, b->groups);
    add_padding(c, a->padding, b->padding);
}

static void add_shape(struct changes *c, const struct c2s_layer *a, const struct c2s_layer *b)
{
    char old[96], new[96];
    if (a->rank != b->rank || memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank) != 0)
        add(c, "shape %s -> %s", c2s_shape_text(a->rank, a->dims, old, sizeof old),
            c2s_shape_text(b->rank, b->dims, new, sizeof new));
}

char *view_form_change(const struct c2s_layer *a, const struct c2s_layer *b, char *out, size_t size)
{
    struct changes c = {out, size, 0};
    out[0] = '\0';
    if (a->op != b->op)
        return out;
    switch (a->op) {
    case C2S_OP_INPUT:
        add_shape(&c, a, b);
        break;
    case C2S_OP_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
    case C2S_OP_DEPTHWISE_CONV2D:
        add_conv(&c, &a->attr.conv, &b->attr.conv);
        break;
    case C2S_OP_DENSE:
        if (a->attr.dense.units != b->attr.dense.units)
            add(&c, "units %d -> %d", a->attr.dense.units, b->attr.dense.units);
        break;
    case C2S_OP_MAX_POOL:
    case C2S_OP_AVERAGE_POOL:
        add_pair(&c, "size", a->attr.pool.size, b->attr.pool.size);
        add_padding(&c, a->attr.pool.padding, b->attr.pool.padding);
        break;
    case C2S_OP_RELU:
        if (a->attr.relu.max_value != b->attr.relu.max_value)
            add(&c, "max_value %g -> %g", (double)a->attr.relu.max_value,
                (double)b->attr.relu.max_value);
        break;
    default:
        break;
    }
    if (c2s_layer_is_neural(a) && c2s_layer_function(a) != c2s_layer_function(b))
        add(&c, "own activation -> %s",
            c2s_layer_function(b) == C2S_FN_LINEAR ? "none" : "another");
    return out;
}
