/* Engine "ref": walks the graph with the naive kernels, one layer after the other. */
#include "engine/ref.h"

#include "base/alloc.h"
#include "engine/walk.h"

bool ref_forward(const struct ref_call *c, struct c2s_error *err)
{
    switch (c->layer->op) {
    case C2S_OP_CONV2D:
        ref_conv2d(c);
        return true;
    case C2S_OP_DEPTHWISE_CONV2D:
        ref_depthwise(c);
        return true;
    case C2S_OP_SEPARABLE_CONV2D:
        return ref_separable(c, err);
    case C2S_OP_DENSE:
        ref_dense(c);
        return true;
    case C2S_OP_BATCH_NORM:
        ref_batch_norm(c);
        return true;
    case C2S_OP_MAX_POOL:
        ref_max_pool(c);
        return true;
    case C2S_OP_AVERAGE_POOL:
        ref_average_pool(c);
        return true;
    case C2S_OP_GLOBAL_AVERAGE_POOL:
        ref_global_average_pool(c);
        return true;
    case C2S_OP_FLATTEN:
    case C2S_OP_RESHAPE:
    case C2S_OP_DROPOUT:
        ref_copy(c);
        return true;
    case C2S_OP_ZERO_PADDING:
        ref_zero_padding(c);
        return true;
    case C2S_OP_UPSAMPLING:
        ref_upsampling(c);
        return true;
    case C2S_OP_RESCALING:
        ref_rescaling(c);
        return true;
    case C2S_OP_ADD:
        ref_add(c);
        return true;
    case C2S_OP_CONCATENATE:
        ref_concatenate(c);
        return true;
    default: /* the activation family: engine_check_float lets nothing else through */
        ref_activation(c);
        return true;
    }
}

static bool ref_prepare(struct c2s_engine *e, struct c2s_error *err)
{
    const struct c2s_model *m = e->model;
    if (!engine_check_float(m, err))
        return false;
    struct engine_weights *weights = e->state = c2s_calloc((size_t)m->n_layers, sizeof *weights);
    if (!weights)
        return c2s_fail_nomem(err);
    for (int i = 0; i < m->n_layers; i++)
        if (!engine_weights_init(&weights[i], m->layers[i], err))
            return false;
    return true;
}

static void ref_finish(struct c2s_engine *e)
{
    struct engine_weights *weights = e->state;
    for (int i = 0; weights && i < e->model->n_layers; i++)
        engine_weights_finish(&weights[i]);
    c2s_free(weights);
    e->state = NULL;
}

static bool compute_layer(struct c2s_engine *e, int index, struct c2s_tensor *const *in,
                          struct c2s_tensor *out, struct c2s_error *err)
{
    const struct engine_weights *weights = e->state;
    return ref_forward(&(struct ref_call){e->model->layers[index], &weights[index],
                                          (const struct c2s_tensor *const *)in, out},
                       err);
}

static bool ref_run(struct c2s_engine *e, const struct c2s_tensor *const *inputs,
                    struct c2s_tensor **outputs, const struct c2s_observer *observer,
                    struct c2s_error *err)
{
    return engine_walk(e, compute_layer, inputs, outputs, observer, err);
}

const struct c2s_engine_ops c2s_engine_ref = {
    .name = "ref",
    .prepare = ref_prepare,
    .run = ref_run,
    .finish = ref_finish,
};
