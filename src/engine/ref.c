/* Engine "ref": walks the graph with the naive kernels, one layer after the other. */
#include "engine/ref.h"

#include "base/alloc.h"

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

struct ref_state {
    struct engine_weights *weights; /* [n_layers] */
    int *last_reader; /* [n_layers]: index of the last layer that reads it; outputs: n_layers */
};

static bool ref_prepare(struct c2s_engine *e, struct c2s_error *err)
{
    const struct c2s_model *m = e->model;
    if (!engine_check_float(m, err))
        return false;
    struct ref_state *s = e->state = c2s_calloc(1, sizeof *s);
    if (!s)
        return c2s_fail_nomem(err);
    s->weights = c2s_calloc((size_t)m->n_layers, sizeof *s->weights);
    s->last_reader = c2s_calloc((size_t)m->n_layers, sizeof *s->last_reader);
    if (!s->weights || !s->last_reader)
        return c2s_fail_nomem(err);
    for (int i = 0; i < m->n_layers; i++) {
        if (!engine_weights_init(&s->weights[i], m->layers[i], err))
            return false;
        s->last_reader[i] = i;
        for (int k = 0; k < m->layers[i]->n_inputs; k++)
            s->last_reader[m->layers[i]->inputs[k]] = i;
    }
    for (int i = 0; i < m->n_outputs; i++)
        s->last_reader[m->outputs[i]] = m->n_layers;
    return true;
}

static void ref_finish(struct c2s_engine *e)
{
    struct ref_state *s = e->state;
    if (!s)
        return;
    for (int i = 0; s->weights && i < e->model->n_layers; i++)
        engine_weights_finish(&s->weights[i]);
    c2s_free(s->weights);
    c2s_free(s->last_reader);
    c2s_free(s);
    e->state = NULL;
}

static struct c2s_tensor *compute(const struct c2s_engine *e, int index,
                                  struct c2s_tensor *const *values, struct c2s_error *err)
{
    const struct ref_state *s = e->state;
    const struct c2s_layer *l = e->model->layers[index];
    const struct c2s_tensor **in = c2s_calloc((size_t)l->n_inputs, sizeof *in);
    if (!in) {
        c2s_fail_nomem(err);
        return NULL;
    }
    for (int k = 0; k < l->n_inputs; k++)
        in[k] = values[l->inputs[k]];
    struct c2s_tensor *out = engine_output_create(l, in[0]->dims[0], err);
    struct ref_call call = {l, &s->weights[index], in, out};
    if (out && !ref_forward(&call, err)) {
        c2s_tensor_unref(out);
        out = NULL;
    }
    c2s_free(in);
    return out;
}

static bool walk(const struct c2s_engine *e, struct c2s_tensor **values,
                 const struct c2s_observer *observer, struct c2s_error *err)
{
    const struct ref_state *s = e->state;
    for (int i = 0; i < e->model->n_layers; i++) {
        const struct c2s_layer *l = e->model->layers[i];
        if (l->op != C2S_OP_INPUT && !(values[i] = compute(e, i, values, err)))
            return c2s_fail_at(err, "layer %s", l->name);
        if (observer && values[i] && !observer->layer(observer->arg, i, values[i]))
            return c2s_fail(err, C2S_CANCELLED, "cancelled in layer '%s'", l->name);
        for (int k = 0; k < l->n_inputs; k++)
            if (s->last_reader[l->inputs[k]] == i) {
                c2s_tensor_unref(values[l->inputs[k]]);
                values[l->inputs[k]] = NULL;
            }
    }
    return true;
}

static bool ref_run(struct c2s_engine *e, const struct c2s_tensor *const *inputs,
                    struct c2s_tensor **outputs, const struct c2s_observer *observer,
                    struct c2s_error *err)
{
    const struct c2s_model *m = e->model;
    struct c2s_tensor **values = c2s_calloc((size_t)m->n_layers, sizeof *values);
    if (!values)
        return c2s_fail_nomem(err);
    for (int i = 0; i < m->n_inputs; i++)
        values[m->inputs[i]] = c2s_tensor_ref(inputs[i]);
    bool ok = walk(e, values, observer, err);
    for (int i = 0; ok && i < m->n_outputs; i++)
        outputs[i] = c2s_tensor_ref(values[m->outputs[i]]);
    for (int i = 0; i < m->n_layers; i++)
        c2s_tensor_unref(values[i]);
    c2s_free(values);
    return ok;
}

const struct c2s_engine_ops c2s_engine_ref = {
    .name = "ref",
    .prepare = ref_prepare,
    .run = ref_run,
    .finish = ref_finish,
};
