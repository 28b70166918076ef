/* The engine "akida": the model converted for Akida 1.0 and executed in integers, as the chip does.
 * The conversion and the loops are in src/akida. */
#include "engine/engines.h"

#include <string.h>

#include <c2s/akida.h>

#include "base/alloc.h"

struct state {
    struct c2s_akida_net *net;
    struct c2s_akida_runner *runner;
};

static void finish(struct c2s_engine *e)
{
    struct state *s = e->state;
    if (!s)
        return;
    c2s_akida_runner_destroy(s->runner);
    c2s_akida_net_destroy(s->net);
    c2s_free(s);
    e->state = NULL;
}

static bool prepare(struct c2s_engine *e, struct c2s_error *err)
{
    struct state *s = e->state = c2s_calloc(1, sizeof *s);
    if (!s)
        return c2s_fail_nomem(err);
    struct c2s_convert_options options = {
        .input_scale = e->options.input_scale,
        .input_shift = e->options.input_shift,
        .input_is_integers = e->options.input_is_integers,
        .rule = e->model->dialect == C2S_DIALECT_CNN2SNN_18 ? C2S_CONVERT_18 : C2S_CONVERT_22};
    return c2s_akida_convert(e->model, &options, &s->net, err) &&
           c2s_akida_runner_create(s->net, true, &s->runner, err);
}

struct relay {
    const struct state *state;
    const struct c2s_observer *observer;
};

static bool relay_layer(void *arg, int layer, const struct c2s_tensor *y)
{
    const struct relay *r = arg;
    return r->observer->layer(r->observer->arg, r->state->net->layers[layer].keras_last, y);
}

/* Akida's outputs are N,1,1,C; the model's may be N,C. */
static void take_model_shape(const struct c2s_model *m, struct c2s_tensor *t)
{
    const struct c2s_layer *last = m->layers[m->outputs[0]];
    int64_t count = t->dims[0];
    for (int i = 0; i < last->rank; i++)
        count *= last->dims[i];
    if (count != c2s_tensor_count(t))
        return;
    t->rank = last->rank + 1;
    memcpy(t->dims + 1, last->dims, sizeof *t->dims * (size_t)last->rank);
}

static bool run(struct c2s_engine *e, const struct c2s_tensor *const *inputs,
                struct c2s_tensor **outputs, const struct c2s_observer *observer,
                struct c2s_error *err)
{
    struct state *s = e->state;
    struct relay relay = {s, observer};
    struct c2s_tensor *potentials = NULL;
    bool is_watched = observer && observer->layer;
    if (!c2s_akida_runner_run(s->runner, inputs[0], is_watched ? relay_layer : NULL, &relay,
                              &potentials, err))
        return false;
    take_model_shape(e->model, potentials);
    bool ok = c2s_akida_rescale(s->net, potentials, &outputs[0], err);
    c2s_tensor_unref(potentials);
    return ok;
}

const struct c2s_engine_ops c2s_engine_akida = {
    .name = "akida", .takes_integers = true, .prepare = prepare, .run = run, .finish = finish};
