/* Small models built by hand, layer behind layer. */
#include "support.h"
#include "chains.h"

struct c2s_model *chain_create(int height, int width, int channels)
{
    struct c2s_error err = {0};
    struct c2s_model *m = c2s_model_create("net", &err);
    assert_non_null(m);
    struct c2s_layer *in = chain_add(m, C2S_OP_INPUT, "in");
    in->rank = height > 0 ? 3 : 1;
    in->dims[0] = height > 0 ? height : channels;
    in->dims[1] = width;
    in->dims[2] = channels;
    assert_ok(c2s_model_add_input(m, 0, &err), &err);
    return m;
}

struct c2s_layer *chain_add(struct c2s_model *m, enum c2s_op op, const char *name)
{
    struct c2s_error err = {0};
    struct c2s_layer *l = c2s_layer_create(op, name, &err);
    assert_non_null(l);
    if (m->n_layers > 0)
        assert_ok(c2s_layer_add_input(l, m->n_layers - 1, &err), &err);
    assert_ok(c2s_model_add(m, l, NULL, &err), &err);
    return l;
}

static struct c2s_layer *add_conv(struct c2s_model *m, enum c2s_op op, const char *name,
                                  int filters, int kernel)
{
    struct c2s_layer *l = chain_add(m, op, name);
    l->attr.conv.filters = filters;
    l->attr.conv.kernel[0] = l->attr.conv.kernel[1] = kernel;
    l->attr.conv.padding = C2S_SAME;
    return l;
}

struct c2s_layer *chain_conv(struct c2s_model *m, const char *name, int filters, int kernel)
{
    return add_conv(m, C2S_OP_CONV2D, name, filters, kernel);
}

struct c2s_layer *chain_separable(struct c2s_model *m, const char *name, int filters, int kernel)
{
    return add_conv(m, C2S_OP_SEPARABLE_CONV2D, name, filters, kernel);
}

struct c2s_layer *chain_dense(struct c2s_model *m, const char *name, int units)
{
    struct c2s_layer *l = chain_add(m, C2S_OP_DENSE, name);
    l->attr.dense.units = units;
    return l;
}

struct c2s_layer *chain_relu(struct c2s_model *m, const char *name)
{
    struct c2s_layer *l = chain_add(m, C2S_OP_RELU, name);
    l->attr.relu.max_value = 6;
    return l;
}

struct c2s_layer *chain_max_pool(struct c2s_model *m, const char *name, int size)
{
    struct c2s_layer *l = chain_add(m, C2S_OP_MAX_POOL, name);
    for (int i = 0; i < 2; i++)
        l->attr.pool.size[i] = l->attr.pool.strides[i] = size;
    l->attr.pool.padding = C2S_SAME;
    return l;
}

static void give(struct c2s_layer *l, enum c2s_role role, int rank, const int64_t *dims)
{
    struct c2s_error err = {0};
    if (l->params[role])
        return;
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, rank, dims, &err);
    assert_non_null(t);
    bool is_kernel =
        role == C2S_KERNEL || role == C2S_DEPTHWISE_KERNEL || role == C2S_POINTWISE_KERNEL;
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        if (is_kernel)
            c2s_f32(t)[i] = (float)(i * 7 % 23 - 11) / 23.0f + 0.01f;
        else if (role == C2S_GAMMA || role == C2S_MOVING_VARIANCE)
            c2s_f32(t)[i] = 1;
    c2s_layer_set_param(l, role, t);
}

static void give_params(struct c2s_layer *l, const struct c2s_layer *in)
{
    int64_t ci = in->rank > 0 ? in->dims[in->rank - 1] : 1;
    int64_t co = l->rank > 0 ? l->dims[l->rank - 1] : 1;
    const int *kernel = l->attr.conv.kernel;
    switch (l->op) {
    case C2S_OP_CONV2D:
        give(l, C2S_KERNEL, 4, (int64_t[]){kernel[0], kernel[1], ci / l->attr.conv.groups, co});
        give(l, C2S_BIAS, 1, &co);
        break;
    case C2S_OP_SEPARABLE_CONV2D:
        give(l, C2S_DEPTHWISE_KERNEL, 4,
             (int64_t[]){kernel[0], kernel[1], ci, l->attr.conv.depth_multiplier});
        give(l, C2S_POINTWISE_KERNEL, 4, (int64_t[]){1, 1, ci * l->attr.conv.depth_multiplier, co});
        give(l, C2S_BIAS, 1, &co);
        break;
    case C2S_OP_DENSE:
        give(l, C2S_KERNEL, 2, (int64_t[]){ci, co});
        give(l, C2S_BIAS, 1, &co);
        break;
    case C2S_OP_BATCH_NORM:
        for (int role = C2S_GAMMA; role <= C2S_MOVING_VARIANCE; role++)
            give(l, (enum c2s_role)role, 1, &co);
        break;
    default:
        break;
    }
}

void chain_finish(struct c2s_model *m)
{
    struct c2s_error err = {0};
    assert_ok(c2s_model_add_output(m, m->n_layers - 1, &err), &err);
    assert_ok(c2s_model_infer_shapes(m, &err), &err);
    for (int i = 1; i < m->n_layers; i++)
        if (m->layers[i]->n_inputs > 0)
            give_params(m->layers[i], m->layers[m->layers[i]->inputs[0]]);
}

void chain_quantize(struct c2s_layer *l, int bits)
{
    l->quantizer = (struct c2s_quantizer_spec){C2S_QUANTIZER_MAX_PER_AXIS, bits, 3};
    if (l->op == C2S_OP_SEPARABLE_CONV2D)
        l->quantizer_dw = (struct c2s_quantizer_spec){C2S_QUANTIZER_MAX, bits, 3};
}
