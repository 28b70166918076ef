/* Walking the graph layer by layer over a whole batch, with an observer. */
#include "engine/walk.h"

#include "base/alloc.h"

struct walk {
    struct c2s_engine *engine;
    bool (*compute)(struct c2s_engine *, int, struct c2s_tensor *const *, struct c2s_tensor *,
                    struct c2s_error *);
    struct c2s_tensor **values; /* [n_layers]: outputs still needed */
    int *n_readers;             /* [n_layers]: how often each will still be read */
    const struct c2s_observer *observer;
};

static bool compute(struct walk *w, int index, struct c2s_error *err)
{
    const struct c2s_layer *l = w->engine->model->layers[index];
    struct c2s_tensor **in = c2s_calloc((size_t)l->n_inputs, sizeof *in);
    if (!in)
        return c2s_fail_nomem(err);
    for (int k = 0; k < l->n_inputs; k++)
        in[k] = w->values[l->inputs[k]];
    struct c2s_tensor *out = w->values[index] = engine_output_create(l, in[0]->dims[0], err);
    bool ok = out && w->compute(w->engine, index, in, out, err);
    c2s_free(in);
    return ok;
}

static bool walk(struct walk *w, struct c2s_error *err)
{
    for (int i = 0; i < w->engine->model->n_layers; i++) {
        const struct c2s_layer *l = w->engine->model->layers[i];
        if (l->op != C2S_OP_INPUT && !compute(w, i, err))
            return c2s_fail_at(err, "layer %s", l->name);
        if (w->observer && w->values[i] && !w->observer->layer(w->observer->arg, i, w->values[i]))
            return c2s_fail(err, C2S_CANCELLED, "cancelled after layer '%s'", l->name);
        for (int k = 0; k < l->n_inputs; k++)
            if (--w->n_readers[l->inputs[k]] == 0) {
                c2s_tensor_unref(w->values[l->inputs[k]]);
                w->values[l->inputs[k]] = NULL;
            }
    }
    return true;
}

static void count_readers(struct walk *w)
{
    const struct c2s_model *m = w->engine->model;
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layers[i]->n_inputs; k++)
            w->n_readers[m->layers[i]->inputs[k]]++;
    for (int i = 0; i < m->n_outputs; i++)
        w->n_readers[m->outputs[i]]++; /* the caller */
}

bool engine_walk(struct c2s_engine *e,
                 bool (*compute_layer)(struct c2s_engine *e, int index,
                                       struct c2s_tensor *const *in, struct c2s_tensor *out,
                                       struct c2s_error *err),
                 const struct c2s_tensor *const *inputs, struct c2s_tensor **outputs,
                 const struct c2s_observer *observer, struct c2s_error *err)
{
    const struct c2s_model *m = e->model;
    size_t n = (size_t)m->n_layers;
    struct walk w = {.engine = e, .compute = compute_layer, .observer = observer};
    w.values = c2s_calloc(n, sizeof *w.values);
    w.n_readers = c2s_calloc(n, sizeof *w.n_readers);
    bool ok = w.values && w.n_readers;
    if (ok) {
        count_readers(&w);
        for (int i = 0; i < m->n_inputs; i++)
            w.values[m->inputs[i]] = c2s_tensor_ref(inputs[i]);
        ok = walk(&w, err);
    } else {
        c2s_fail_nomem(err);
    }
    for (int i = 0; ok && i < m->n_outputs; i++)
        outputs[i] = c2s_tensor_ref(w.values[m->outputs[i]]);
    for (size_t i = 0; w.values && i < n; i++)
        c2s_tensor_unref(w.values[i]);
    c2s_free(w.values);
    c2s_free(w.n_readers);
    return ok;
}
