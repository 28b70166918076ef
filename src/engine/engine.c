/* The registry of engines, and the checks that hold for all of them. */
#include "engine/engines.h"

#include <string.h>

#include "base/alloc.h"

#define ENGINES(X)                                                                                 \
    X(dnnl) /* the default */                                                                      \
    X(ref)                                                                                         \
    X(akida)

static const struct c2s_engine_ops *const engines[] = {
#define X(name) &c2s_engine_##name,
    ENGINES(X)
#undef X
};

#define N_ENGINES (sizeof engines / sizeof *engines)

const char *const *c2s_engine_names(void)
{
    static const char *const names[] = {
#define X(name) #name,
        ENGINES(X)
#undef X
            NULL};
    return names;
}

static const struct c2s_engine_ops *find(const char *name, struct c2s_error *err)
{
    char list[96] = "";
    for (size_t i = 0; i < N_ENGINES; i++) {
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
        strncat(list, i ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, engines[i]->name, sizeof list - strlen(list) - 1);
    }
    c2s_fail(err, C2S_NOT_FOUND, "there is no engine '%s'; choose one of %s", name, list);
    return NULL;
}

bool c2s_engine_create(const char *name, const struct c2s_model *m,
                       const struct c2s_engine_options *options, struct c2s_engine **out,
                       struct c2s_error *err)
{
    *out = NULL;
    const struct c2s_engine_ops *ops = find(name, err);
    if (!ops)
        return false;
    struct c2s_engine *e = c2s_calloc(1, sizeof *e);
    if (!e)
        return c2s_fail_nomem(err);
    e->ops = ops;
    e->model = m;
    if (options)
        e->options = *options;
    if (e->options.max_batch <= 0)
        e->options.max_batch = 64;
    if (!ops->prepare(e, err)) {
        c2s_engine_destroy(e);
        return false;
    }
    *out = e;
    return true;
}

void c2s_engine_destroy(struct c2s_engine *e)
{
    if (!e)
        return;
    e->ops->finish(e);
    c2s_free(e);
}

static bool check_input(const struct c2s_engine *e, int k, const struct c2s_tensor *x,
                        int64_t batch, struct c2s_error *err)
{
    const struct c2s_layer *l = e->model->layers[e->model->inputs[k]];
    enum c2s_dtype wanted = e->ops->takes_integers ? C2S_U8 : C2S_F32;
    char has[96], wants[96];
    bool fits = x->rank == l->rank + 1 && x->dims[0] == batch;
    for (int i = 0; fits && i < l->rank; i++)
        fits = x->dims[i + 1] == l->dims[i];
    if (!fits)
        return c2s_fail(err, C2S_SHAPE,
                        "the model's input '%s' takes %s for each sample, the data has %s; choose "
                        "data or a model that fits",
                        l->name, c2s_shape_text(l->rank, l->dims, wants, sizeof wants),
                        x->rank > 0 ? c2s_shape_text(x->rank - 1, x->dims + 1, has, sizeof has)
                                    : "one number");
    if (x->dtype != wanted)
        return c2s_fail(err, C2S_SHAPE, "the engine '%s' takes %s inputs, not %s", e->ops->name,
                        c2s_dtype_name(wanted), c2s_dtype_name(x->dtype));
    return true;
}

bool c2s_engine_run(struct c2s_engine *e, const struct c2s_tensor *const *inputs,
                    struct c2s_tensor **outputs, const struct c2s_observer *observer,
                    struct c2s_error *err)
{
    const struct c2s_model *m = e->model;
    for (int i = 0; i < m->n_outputs; i++)
        outputs[i] = NULL;
    int64_t batch = inputs[0]->rank > 0 ? inputs[0]->dims[0] : 0;
    for (int k = 0; k < m->n_inputs; k++)
        if (!check_input(e, k, inputs[k], batch, err))
            return false;
    if (batch < 1 || batch > e->options.max_batch)
        return c2s_fail(err, C2S_RANGE, "a batch of %lld does not fit an engine made for 1 to %d",
                        (long long)batch, e->options.max_batch);
    if (e->ops->run(e, inputs, outputs, observer, err))
        return true;
    for (int i = 0; i < m->n_outputs; i++) {
        c2s_tensor_unref(outputs[i]);
        outputs[i] = NULL;
    }
    return false;
}
