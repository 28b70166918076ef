/* Pooling as oneDNN primitives. */
#include "engine/dnnl_plan.h"

bool plan_pool(struct plan *p, struct plan_step *s, struct c2s_error *err)
{
    const struct c2s_layer *l = s->layer, *in = p->model->layers[l->inputs[0]];
    struct plan_primitive *q = &s->primitives[0];
    struct c2s_pool_attr a = l->attr.pool;
    if (l->op == C2S_OP_GLOBAL_AVERAGE_POOL)
        a = (struct c2s_pool_attr){.size = {(int)in->dims[0], (int)in->dims[1]}, .strides = {1, 1}};
    dnnl_dims_t strides, size, front, behind;
    int64_t out[2];
    for (int i = 0; i < 2; i++) {
        int64_t pad;
        out[i] = c2s_window_length(in->dims[i], a.size[i], a.strides[i], 1, a.padding, &pad);
        strides[i] = a.strides[i];
        size[i] = a.size[i];
        front[i] = pad;
        int64_t covered = (out[i] - 1) * a.strides[i] + a.size[i] - pad;
        behind[i] = covered > in->dims[i] ? covered - in->dims[i] : 0;
    }
    q->source = plan_image_desc(p->chunk, in->dims[0], in->dims[1], in->dims[2]);
    q->dest = plan_image_desc(p->chunk, out[0], out[1], in->dims[2]);
    q->from = l->inputs[0];
    q->to = s->value;
    s->n_primitives = 1;
    dnnl_alg_kind_t kind =
        l->op == C2S_OP_MAX_POOL ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
    dnnl_pooling_desc_t d;
    dnnl_primitive_desc_t pd = NULL;
    bool ok = plan_ok(dnnl_pooling_forward_desc_init(&d, dnnl_forward_inference, kind, &q->source,
                                                     &q->dest, strides, size, front, behind),
                      l, err) &&
              plan_describe(p->engine, l, &(struct plan_request){.op = &d}, &pd, err) &&
              plan_primitive_init(q, l, pd, err);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    return ok;
}
