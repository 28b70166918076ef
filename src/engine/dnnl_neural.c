/* Convolutions and dense layers as oneDNN primitives, with a following BatchNormalization and ReLU
 * fused in as post-operations (same arithmetic, number by number, before the result is stored). */
#include "engine/dnnl_plan.h"

#include <math.h>

bool plan_can_fuse_activation(const struct c2s_layer *l)
{
    switch (l->op) {
    case C2S_OP_RELU: /* oneDNN has a slope or a top, not both */
        return l->attr.relu.threshold == 0.0f && l->attr.relu.max_value >= 0.0f &&
               (l->attr.relu.negative_slope == 0.0f || l->attr.relu.max_value == INFINITY);
    case C2S_OP_LEAKY_RELU:
        return true;
    case C2S_OP_ACTIVATION:
        return l->attr.activation.function == C2S_FN_RELU ||
               l->attr.activation.function == C2S_FN_RELU6;
    default:
        return false;
    }
}

/* What is done to each number of the last primitive before it is stored. */
struct epilogue {
    dnnl_post_ops_t ops;
    dnnl_primitive_attr_t attr;
    struct fast_map normalize; /* kind FAST_NONE: none */
    dnnl_memory_desc_t per_channel;
    int n;
};

static dnnl_status_t append_relu(struct epilogue *e, float slope, float top)
{
    if (isinf(top))
        return dnnl_post_ops_append_eltwise(e->ops, 1, dnnl_eltwise_relu, slope, 0);
    return dnnl_post_ops_append_eltwise(e->ops, 1, dnnl_eltwise_clip, 0, top);
}

static dnnl_status_t append_activation(struct epilogue *e, const struct c2s_layer *l)
{
    if (l->op == C2S_OP_ACTIVATION)
        return append_relu(e, 0, l->attr.activation.function == C2S_FN_RELU6 ? 6 : INFINITY);
    return append_relu(e, l->attr.relu.negative_slope,
                       l->op == C2S_OP_RELU ? l->attr.relu.max_value : INFINITY);
}

static dnnl_status_t append_normalize(struct epilogue *e, int rank, int64_t channels)
{
    static const dnnl_alg_kind_t kinds[] = {dnnl_binary_sub, dnnl_binary_mul, dnnl_binary_add};
    dnnl_dims_t dims = {1, channels, 1, 1};
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&e->per_channel, rank, dims, dnnl_f32,
                                                        rank == 4 ? dnnl_nchw : dnnl_nc);
    for (int i = 0; i < 3 && status == dnnl_success; i++)
        status = dnnl_post_ops_append_binary(e->ops, kinds[i], &e->per_channel);
    return status;
}

static void epilogue_finish(struct epilogue *e)
{
    if (e->ops)
        dnnl_post_ops_destroy(e->ops);
    if (e->attr)
        dnnl_primitive_attr_destroy(e->attr);
    fast_map_finish(&e->normalize);
}

static bool epilogue_init(struct epilogue *e, const struct plan_step *s, int rank,
                          struct c2s_error *err)
{
    const struct c2s_layer *l = s->layer;
    dnnl_status_t status = dnnl_post_ops_create(&e->ops);
    if (status == dnnl_success && (s->function == C2S_FN_RELU || s->function == C2S_FN_RELU6))
        status = append_relu(e, 0, s->function == C2S_FN_RELU6 ? 6 : INFINITY);
    if (s->normalize) {
        if (!fast_map_init(&e->normalize, s->normalize, err))
            return false;
        e->n = dnnl_post_ops_len(e->ops);
        if (status == dnnl_success)
            status = append_normalize(e, rank, e->normalize.channels);
    }
    if (status == dnnl_success && s->activate)
        status = append_activation(e, s->activate);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_create(&e->attr);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(e->attr, e->ops);
    return plan_ok(status, l, err);
}

static bool add_epilogue(struct plan_primitive *q, const struct epilogue *e, struct c2s_error *err)
{
    const float *data[] = {e->normalize.mean, e->normalize.factor, e->normalize.beta};
    for (int i = 0; e->normalize.kind != FAST_NONE && i < 3; i++)
        if (!plan_add_fixed(q, DNNL_ARG_ATTR_MULTIPLE_POST_OP(e->n + i) | DNNL_ARG_SRC_1,
                            &e->per_channel, &e->per_channel, data[i], err))
            return false;
    return true;
}

static bool add_weights(struct plan_primitive *q, dnnl_primitive_desc_t pd,
                        const dnnl_memory_desc_t *plain, const struct c2s_tensor *kernel,
                        const struct c2s_tensor *bias, struct c2s_error *err)
{
    if (!plan_add_fixed(q, DNNL_ARG_WEIGHTS, plain,
                        dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0), c2s_f32(kernel),
                        err))
        return false;
    if (!bias)
        return true;
    dnnl_memory_desc_t flat = plan_vector_desc(bias->dims[0]);
    return plan_add_fixed(q, DNNL_ARG_BIAS, &flat, &flat, c2s_f32(bias), err);
}

static bool build_convolution(const struct plan *p, struct plan_step *s, struct plan_primitive *q,
                              const struct plan_convolution *v, const struct epilogue *e,
                              struct c2s_error *err)
{
    const struct c2s_layer *l = s->layer;
    dnnl_memory_desc_t plain, any = plan_any_desc(v->rank, v->dims);
    dnnl_memory_desc_t bias = plan_vector_desc(v->bias ? v->bias->dims[0] : 1);
    dnnl_convolution_desc_t d;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status =
        dnnl_memory_desc_init_by_strides(&plain, v->rank, v->dims, dnnl_f32, v->order);
    if (status == dnnl_success)
        status = dnnl_dilated_convolution_forward_desc_init(
            &d, dnnl_forward_inference, dnnl_convolution_direct, &q->source, &any,
            v->bias ? &bias : NULL, &q->dest, v->strides, v->dilates, v->front, v->behind);
    bool ok = plan_ok(status, l, err) &&
              plan_describe(p->engine, l, &(struct plan_request){&d, e ? e->attr : NULL, NULL}, &pd,
                            err) &&
              plan_primitive_init(q, l, pd, err) &&
              add_weights(q, pd, &plain, v->kernel, v->bias, err) &&
              (!e || add_epilogue(q, e, err));
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    s->n_primitives++;
    return ok;
}

static bool build_conv_layer(struct plan *p, struct plan_step *s, const struct epilogue *e,
                             struct c2s_error *err)
{
    const struct c2s_layer *l = s->layer, *in = p->model->layers[l->inputs[0]];
    const struct engine_weights *w = &p->weights[s->index];
    const struct c2s_conv_attr *a = &l->attr.conv;
    const struct c2s_tensor *bias = a->use_bias ? l->params[C2S_BIAS] : NULL;
    struct plan_convolution v = {0};
    struct plan_primitive *q = &s->primitives[0];
    q->source = plan_image_desc(p->chunk, in->dims[0], in->dims[1], in->dims[2]);
    q->dest = plan_image_desc(p->chunk, l->dims[0], l->dims[1], l->dims[2]);
    q->from = l->inputs[0];
    q->to = s->value;
    plan_set_window(&v, a, in->dims);
    if (l->op == C2S_OP_CONV2D)
        plan_set_kernel(&v, w->kernel, a->groups);
    else
        plan_set_depthwise_kernel(&v, w->depthwise);
    if (l->op != C2S_OP_SEPARABLE_CONV2D) {
        v.bias = bias;
        return build_convolution(p, s, q, &v, e, err);
    }
    struct plan_primitive *pointwise = &s->primitives[1];
    *pointwise = (struct plan_primitive){.dest = q->dest, .from = s->between, .to = q->to};
    q->to = s->between;
    q->dest = pointwise->source =
        plan_image_desc(p->chunk, l->dims[0], l->dims[1], in->dims[2] * a->depth_multiplier);
    struct plan_convolution flat = {.bias = bias, .strides = {1, 1}};
    plan_set_kernel(&flat, w->kernel, 1);
    return build_convolution(p, s, q, &v, NULL, err) &&
           build_convolution(p, s, pointwise, &flat, e, err);
}

/* Dense works on the last axis: all other axes count as samples. */
static bool build_dense(struct plan *p, struct plan_step *s, const struct epilogue *e,
                        struct c2s_error *err)
{
    const struct c2s_layer *l = s->layer;
    const struct c2s_tensor *kernel = p->weights[s->index].kernel;
    const struct c2s_tensor *bias = l->attr.dense.use_bias ? l->params[C2S_BIAS] : NULL;
    struct plan_primitive *q = &s->primitives[0];
    int64_t ci = kernel->dims[0], co = kernel->dims[1], rows = p->chunk;
    for (int i = 0; i < l->rank - 1; i++)
        rows *= l->dims[i];
    const dnnl_dims_t weights = {co, ci}, keras_order = {1, co};
    dnnl_memory_desc_t plain, any = plan_any_desc(2, weights), flat = plan_vector_desc(co);
    dnnl_inner_product_desc_t d;
    dnnl_primitive_desc_t pd = NULL;
    q->source = plan_matrix_desc(rows, ci);
    q->dest = plan_matrix_desc(rows, co);
    q->from = l->inputs[0];
    q->to = s->value;
    s->n_primitives = 1;
    dnnl_status_t status =
        dnnl_memory_desc_init_by_strides(&plain, 2, weights, dnnl_f32, keras_order);
    if (status == dnnl_success)
        status = dnnl_inner_product_forward_desc_init(&d, dnnl_forward_inference, &q->source, &any,
                                                      bias ? &flat : NULL, &q->dest);
    bool ok = plan_ok(status, l, err) &&
              plan_describe(p->engine, l, &(struct plan_request){&d, e->attr, NULL}, &pd, err) &&
              plan_primitive_init(q, l, pd, err) && add_weights(q, pd, &plain, kernel, bias, err) &&
              add_epilogue(q, e, err);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    return ok;
}

bool plan_neural(struct plan *p, struct plan_step *s, struct c2s_error *err)
{
    bool is_dense = s->layer->op == C2S_OP_DENSE;
    struct epilogue e = {0};
    s->function = c2s_layer_function(s->layer);
    bool ok = epilogue_init(&e, s, is_dense ? 2 : 4, err) &&
              (is_dense ? build_dense(p, s, &e, err) : build_conv_layer(p, s, &e, err));
    if (s->function == C2S_FN_RELU || s->function == C2S_FN_RELU6)
        s->function = C2S_FN_LINEAR; /* done by the primitive */
    epilogue_finish(&e);
    return ok;
}
