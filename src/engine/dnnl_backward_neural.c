/* Convolutions as oneDNN primitives and dense layers as its matrix products, forward and back. */
#include <assert.h>
#include <string.h>

#include "engine/dnnl_backward.h"
#include "base/alloc.h"

static void add_argument(struct backward_primitive *q, int arg, const dnnl_memory_desc_t *desc)
{
    assert(q->n_args < BACKWARD_MAX_ARGS);
    q->arg[q->n_args] = arg;
    q->desc[q->n_args++] = *desc;
}

/* Makes the primitive of pd, which is destroyed, with a scratchpad as last argument. */
static bool finish_primitive(struct backward *b, const struct c2s_layer *l,
                             struct backward_primitive *q, dnnl_primitive_desc_t pd,
                             struct c2s_error *err)
{
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    size_t bytes = dnnl_memory_desc_get_size(scratch);
    add_argument(q, DNNL_ARG_SCRATCHPAD, scratch);
    b->scratch_bytes = bytes > b->scratch_bytes ? bytes : b->scratch_bytes;
    q->first_memory = b->n_memories;
    b->n_memories += q->n_args;
    return plan_ok(dnnl_primitive_create(&q->primitive, pd), l, err);
}

/* What the three primitives of a convolution share. */
struct description {
    const struct c2s_layer *layer;
    struct plan_convolution shape;
    dnnl_memory_desc_t plain, any, bias, source, dest; /* plain: Keras' order of weights */
    dnnl_primitive_desc_t forward;
};

static bool init_forward(struct backward *b, struct description *d, struct backward_convolution *c,
                         struct c2s_error *err)
{
    const struct plan_convolution *v = &d->shape;
    dnnl_convolution_desc_t op;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &op, dnnl_forward_training, dnnl_convolution_direct, &d->source, &d->any,
        v->bias ? &d->bias : NULL, &d->dest, v->strides, v->dilates, v->front, v->behind);
    if (!plan_ok(status, d->layer, err) ||
        !plan_describe(b->engine, d->layer, &(struct plan_request){.op = &op}, &d->forward, err))
        return false;
    const dnnl_memory_desc_t *weights =
        dnnl_primitive_desc_query_md(d->forward, dnnl_query_weights_md, 0);
    add_argument(&c->forward, DNNL_ARG_SRC, &d->source);
    add_argument(&c->forward, DNNL_ARG_WEIGHTS, weights);
    add_argument(&c->forward, DNNL_ARG_DST, &d->dest);
    if (v->bias)
        add_argument(&c->forward, DNNL_ARG_BIAS, &d->bias);
    return finish_primitive(b, d->layer, &c->forward, d->forward, err) &&
           backward_lay_out(b, c->kernel, &c->kernel->forward, &d->plain, weights, err);
}

static bool init_data(struct backward *b, const struct description *d,
                      struct backward_convolution *c, struct c2s_error *err)
{
    const struct plan_convolution *v = &d->shape;
    dnnl_convolution_desc_t op;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_dilated_convolution_backward_data_desc_init(
        &op, dnnl_convolution_direct, &d->source, &d->any, &d->dest, v->strides, v->dilates,
        v->front, v->behind);
    if (!plan_ok(status, d->layer, err) ||
        !plan_describe(b->engine, d->layer, &(struct plan_request){&op, NULL, d->forward}, &pd,
                       err))
        return false;
    const dnnl_memory_desc_t *weights = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    add_argument(&c->data, DNNL_ARG_DIFF_DST, &d->dest);
    add_argument(&c->data, DNNL_ARG_WEIGHTS, weights);
    add_argument(&c->data, DNNL_ARG_DIFF_SRC, &d->source);
    bool ok = finish_primitive(b, d->layer, &c->data, pd, err) &&
              backward_lay_out(b, c->kernel, &c->kernel->data, &d->plain, weights, err);
    dnnl_primitive_desc_destroy(pd);
    return ok;
}

static bool init_weights(struct backward *b, const struct description *d,
                         struct backward_convolution *c, struct c2s_error *err)
{
    const struct plan_convolution *v = &d->shape;
    struct backward_kernel *k = c->kernel;
    dnnl_convolution_desc_t op;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_dilated_convolution_backward_weights_desc_init(
        &op, dnnl_convolution_direct, &d->source, &d->any, NULL, &d->dest, v->strides, v->dilates,
        v->front, v->behind);
    if (!plan_ok(status, d->layer, err) ||
        !plan_describe(b->engine, d->layer, &(struct plan_request){&op, NULL, d->forward}, &pd,
                       err))
        return false;
    const dnnl_memory_desc_t *sums =
        dnnl_primitive_desc_query_md(pd, dnnl_query_diff_weights_md, 0);
    size_t bytes = (dnnl_memory_desc_get_size(sums) + 63) / 64 * 64;
    k->first_sum = b->n_floats;
    k->n_sums = bytes / sizeof(float);
    b->n_floats += k->n_sums;
    b->sums_bytes = bytes > b->sums_bytes ? bytes : b->sums_bytes;
    add_argument(&c->weights, DNNL_ARG_SRC, &d->source);
    add_argument(&c->weights, DNNL_ARG_DIFF_DST, &d->dest);
    add_argument(&c->weights, DNNL_ARG_DIFF_WEIGHTS, sums);
    bool ok = finish_primitive(b, d->layer, &c->weights, pd, err) &&
              backward_reorder_init(b, &k->sums, d->layer, sums, &d->plain, err);
    dnnl_primitive_desc_destroy(pd);
    return ok;
}

static bool init_convolution(struct backward *b, struct description *d,
                             struct backward_convolution *c, bool wants_data, struct c2s_error *err)
{
    const struct plan_convolution *v = &d->shape;
    d->any = plan_any_desc(v->rank, v->dims);
    d->bias = plan_vector_desc(v->bias ? v->bias->dims[0] : 1);
    bool ok =
        plan_ok(dnnl_memory_desc_init_by_strides(&d->plain, v->rank, v->dims, dnnl_f32, v->order),
                d->layer, err) &&
        init_forward(b, d, c, err) && (!wants_data || init_data(b, d, c, err)) &&
        (!c->kernel->is_trained || init_weights(b, d, c, err));
    if (d->forward)
        dnnl_primitive_desc_destroy(d->forward);
    return ok;
}

static const struct c2s_tensor *bias_of(const struct c2s_layer *l)
{
    bool has = l->op == C2S_OP_DENSE ? l->attr.dense.use_bias : l->attr.conv.use_bias;
    return has ? l->params[C2S_BIAS] : NULL;
}

bool backward_neural_init(struct backward *b, struct backward_layer *l, struct c2s_error *err)
{
    const struct c2s_layer *layer = l->layer, *in = b->model->layers[layer->inputs[0]];
    const struct c2s_conv_attr *a = &layer->attr.conv;
    bool wants_data = backward_wants(b, l, 0);
    struct description d = {.layer = layer};
    if (layer->op == C2S_OP_DENSE)
        return true;
    d.source = plan_image_desc(b->piece, in->dims[0], in->dims[1], in->dims[2]);
    d.dest = plan_image_desc(b->piece, layer->dims[0], layer->dims[1], layer->dims[2]);
    plan_set_window(&d.shape, a, in->dims);
    if (layer->op == C2S_OP_CONV2D)
        plan_set_kernel(&d.shape, l->kernels[0]->master, a->groups);
    else
        plan_set_depthwise_kernel(&d.shape, l->kernels[0]->master);
    for (int k = 0; k < l->n_kernels; k++)
        l->convolutions[k].kernel = l->kernels[k];
    if (layer->op != C2S_OP_SEPARABLE_CONV2D) {
        d.shape.bias = bias_of(layer);
        return init_convolution(b, &d, &l->convolutions[0], wants_data, err);
    }
    struct description flat = {.layer = layer, .dest = d.dest};
    flat.shape = (struct plan_convolution){.bias = bias_of(layer), .strides = {1, 1}};
    plan_set_kernel(&flat.shape, l->kernels[1]->master, 1);
    flat.source = d.dest = plan_image_desc(b->piece, layer->dims[0], layer->dims[1],
                                           in->dims[2] * a->depth_multiplier);
    wants_data = wants_data || l->kernels[0]->is_trained;
    return init_convolution(b, &d, &l->convolutions[0], backward_wants(b, l, 0), err) &&
           init_convolution(b, &flat, &l->convolutions[1], l->has_gradient && wants_data, err);
}

static void primitive_finish(struct backward_primitive *q)
{
    if (q->primitive)
        dnnl_primitive_destroy(q->primitive);
}

void backward_neural_finish(struct backward_layer *l)
{
    for (int k = 0; k < 2; k++) {
        primitive_finish(&l->convolutions[k].forward);
        primitive_finish(&l->convolutions[k].data);
        primitive_finish(&l->convolutions[k].weights);
    }
}

static void *scratch_of(const struct backward_piece *p)
{
    return p->lane->arena + p->b->arena_bytes + p->b->sums_bytes;
}

static float *laid_out(const struct backward_kernel *k, const struct backward_reorder *r)
{
    return r->laid_out ? r->laid_out : k->effective;
}

static bool run_forward(const struct backward_piece *p, const struct backward_layer *l,
                        const struct backward_convolution *c, const float *x, float *y,
                        struct c2s_error *err)
{
    const struct c2s_tensor *bias = l->layer->params[C2S_BIAS];
    bool has_bias = c->forward.n_args == 5;
    void *data[] = {(void *)x, laid_out(c->kernel, &c->kernel->forward), y,
                    has_bias ? bias->data : scratch_of(p), scratch_of(p)};
    return backward_execute(p, l, &c->forward, data, err);
}

/* Weights get the piece's part of their gradient in the group's sums, and dx, unless NULL, that of
 * the input. */
static bool run_back(const struct backward_piece *p, const struct backward_layer *l,
                     const struct backward_convolution *c, const float *x, float *dy,
                     struct c2s_error *err)
{
    const struct backward_kernel *k = c->kernel;
    if (!k->is_trained)
        return true;
    float *sums = p->b->floats + (size_t)p->group * p->b->n_floats + k->first_sum;
    float *own = p->is_first ? sums : (float *)(p->lane->arena + p->b->arena_bytes);
    void *data[] = {(void *)x, dy, own, scratch_of(p)};
    if (!backward_execute(p, l, &c->weights, data, err))
        return false;
    if (!p->is_first)
        fast_add(own, sums, (int64_t)k->n_sums);
    return true;
}

static bool run_data(const struct backward_piece *p, const struct backward_layer *l,
                     const struct backward_convolution *c, float *dy, float *dx,
                     struct c2s_error *err)
{
    void *data[] = {dy, laid_out(c->kernel, &c->kernel->data), dx, scratch_of(p)};
    return backward_execute(p, l, &c->data, data, err);
}

bool backward_convolution_forward(const struct backward_piece *p, const struct backward_layer *l,
                                  struct c2s_error *err)
{
    const float *x = backward_input(p, l);
    float *y = backward_part(p, BACKWARD_DATA, l->index), *between = y;
    if (l->n_kernels == 2)
        between = backward_part(p, BACKWARD_EXTRA, l->index);
    if (!run_forward(p, l, &l->convolutions[0], x, between, err) ||
        (l->n_kernels == 2 && !run_forward(p, l, &l->convolutions[1], between, y, err)))
        return false;
    backward_apply_function(p, l);
    return true;
}

static void add_bias_gradient(const struct backward_piece *p, const struct backward_layer *l,
                              const float *dy)
{
    int64_t channels = l->layer->dims[l->layer->rank - 1];
    if (gradient_wants(p->b->base, l->index, C2S_BIAS))
        fast_sum_rows(dy, p->b->piece * backward_count(l->layer) / channels, channels,
                      backward_sums(p, l));
}

bool backward_convolution_back(const struct backward_piece *p, const struct backward_layer *l,
                               struct c2s_error *err)
{
    const struct backward_convolution *first = &l->convolutions[0], *last = first;
    const float *x = backward_input(p, l);
    float *dy = backward_part(p, BACKWARD_GRADIENT, l->index);
    backward_function_back(p, l);
    add_bias_gradient(p, l, dy);
    if (l->n_kernels == 2) {
        last = &l->convolutions[1];
        if (!run_back(p, l, last, backward_part(p, BACKWARD_EXTRA, l->index), dy, err))
            return false;
        if (!last->data.primitive)
            return true;
        float *between = backward_part(p, BACKWARD_EXTRA_GRADIENT, l->index);
        if (!run_data(p, l, last, dy, between, err))
            return false;
        dy = between;
    }
    if (!run_back(p, l, first, x, dy, err))
        return false;
    if (!first->data.primitive)
        return true;
    float *dx = backward_target(p, l);
    if (!run_data(p, l, first, dy, dx, err))
        return false;
    backward_settle(p, l, dx);
    return true;
}

bool backward_dense_forward(const struct backward_piece *p, const struct backward_layer *l,
                            struct c2s_error *err)
{
    const struct backward_kernel *k = l->kernels[0];
    const struct c2s_tensor *bias = bias_of(l->layer);
    int64_t rows = p->b->piece * (backward_count(l->layer) / k->channels);
    float *y = backward_part(p, BACKWARD_DATA, l->index);
    for (int64_t i = 0; bias && i < rows; i++)
        memcpy(y + i * k->channels, bias->data, sizeof *y * (size_t)k->channels);
    dnnl_status_t status =
        dnnl_sgemm('N', 'N', rows, k->channels, k->rows, 1, backward_input(p, l), k->rows,
                   k->effective, k->channels, bias ? 1 : 0, y, k->channels);
    backward_apply_function(p, l);
    return plan_ok(status, l->layer, err);
}

bool backward_dense_back(const struct backward_piece *p, const struct backward_layer *l,
                         struct c2s_error *err)
{
    const struct backward_kernel *k = l->kernels[0];
    int64_t rows = p->b->piece * (backward_count(l->layer) / k->channels);
    float *dy = backward_part(p, BACKWARD_GRADIENT, l->index);
    backward_function_back(p, l);
    add_bias_gradient(p, l, dy);
    if (!backward_wants(p->b, l, 0))
        return true;
    return plan_ok(dnnl_sgemm('N', 'T', rows, k->rows, k->channels, 1, dy, k->channels,
                              k->effective, k->channels, p->b->adds[l->edge] ? 1 : 0,
                              backward_part(p, BACKWARD_GRADIENT, l->layer->inputs[0]), k->rows),
                   l->layer, err);
}
