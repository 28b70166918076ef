/* The registry of gradient engines, and what holds for all of them: which parameters are trained,
 * and the checks around a batch. */
#include "engine/gradient_engine.h"

#include <math.h>
#include <string.h>

#include <c2s/json.h>

#include "base/alloc.h"

static const struct gradient_ops *const engines[] = {&gradient_dnnl, &gradient_ref};

#define N_ENGINES (sizeof engines / sizeof *engines)

static const struct gradient_ops *find(const char *name, struct c2s_error *err)
{
    char list[96] = "";
    for (size_t i = 0; i < N_ENGINES; i++) {
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
        strncat(list, i ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, engines[i]->name, sizeof list - strlen(list) - 1);
    }
    c2s_fail(err, C2S_NOT_FOUND, "there is no gradient engine '%s'; choose one of %s", name, list);
    return NULL;
}

/* Whether a layer computes with that parameter, and training changes it. */
static bool is_trainable(const struct c2s_layer *l, int role)
{
    switch (role) {
    case C2S_KERNEL:
    case C2S_DEPTHWISE_KERNEL:
    case C2S_POINTWISE_KERNEL:
        return c2s_layer_is_neural(l);
    case C2S_BIAS:
        return l->op == C2S_OP_DENSE ? l->attr.dense.use_bias
                                     : c2s_layer_is_neural(l) && l->attr.conv.use_bias;
    case C2S_GAMMA:
        return l->op == C2S_OP_BATCH_NORM && l->attr.batch_norm.scale;
    case C2S_BETA:
        return l->op == C2S_OP_BATCH_NORM && l->attr.batch_norm.center;
    case C2S_THRESHOLD:
    case C2S_STEP:
        return l->op == C2S_OP_QUANTIZED_RELU && l->attr.quantized_relu.kind == C2S_RELU_TRAINED;
    case C2S_WEIGHT_THRESHOLD:
        return (l->op == C2S_OP_DEPTHWISE_CONV2D ? l->quantizer_dw : l->quantizer).id ==
               C2S_QUANTIZER_TRAINABLE_STD;
    case C2S_DEPTHWISE_THRESHOLD:
        return l->op == C2S_OP_SEPARABLE_CONV2D &&
               l->quantizer_dw.id == C2S_QUANTIZER_TRAINABLE_STD;
    default:
        return false;
    }
}

/* How many slots of the model hold a tensor, and whether one of them is of a frozen layer. */
static int count_slots(const struct c2s_model *m, const struct c2s_tensor *t, const bool *is_frozen,
                       bool *is_held)
{
    int n = 0;
    for (int i = 0; i < m->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++)
            if (m->layers[i]->params[role] == t) {
                n++;
                *is_held = *is_held || (is_frozen && is_frozen[i]);
            }
    return n;
}

bool c2s_model_own_parameters(struct c2s_model *m, struct c2s_error *err)
{
    for (int i = 0; i < m->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++) {
            struct c2s_tensor *t = m->layers[i]->params[role];
            bool ignored = false;
            if (!t || count_slots(m, t, NULL, &ignored) == t->refs)
                continue;
            struct c2s_tensor *copy = c2s_tensor_clone(t, err);
            if (!copy)
                return false;
            for (int k = i; k < m->n_layers; k++)
                for (int r = 0; r < C2S_ROLE_COUNT; r++)
                    if (m->layers[k]->params[r] == t)
                        c2s_layer_set_param(m->layers[k], (enum c2s_role)r, c2s_tensor_ref(copy));
            c2s_tensor_unref(copy);
        }
    return true;
}

static bool check_layer(const struct c2s_layer *l, struct c2s_error *err)
{
    if (l->op == C2S_OP_PRELU)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "layer '%s' (%s) cannot be trained; replace it by a ReLU", l->name,
                        l->class_name);
    return true;
}

static bool check_model(const struct c2s_model *m, struct c2s_error *err)
{
    if (m->n_inputs != 1 || m->n_outputs != 1)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "the model has several ends (inputs: %d, outputs: %d); only a model with "
                        "one of each can be trained",
                        m->n_inputs, m->n_outputs);
    if (!engine_check_float(m, err))
        return false;
    for (int i = 0; i < m->n_layers; i++)
        if (!check_layer(m->layers[i], err))
            return false;
    return true;
}

/* Keras' default when the layer has no config that says otherwise. */
static bool read_momentum(const struct c2s_layer *l, double *momentum, struct c2s_error *err)
{
    *momentum = 0.99;
    if (l->op != C2S_OP_BATCH_NORM || !l->config)
        return true;
    struct c2s_json *config = c2s_json_parse(l->config, strlen(l->config), err);
    if (!config)
        return c2s_fail_at(err, "layer %s", l->name);
    *momentum = c2s_json_real(c2s_json_get(config, "momentum"), 0.99);
    c2s_json_free(config);
    if (*momentum >= 0 && *momentum <= 1)
        return true;
    return c2s_fail(err, C2S_RANGE, "layer '%s' (%s) has the momentum %g; it must be 0 to 1",
                    l->name, l->class_name, *momentum);
}

/* One parameter for each tensor, however many layers share it. */
static bool add_parameter(struct c2s_gradients *g, int layer, int role, struct c2s_error *err)
{
    struct c2s_layer *l = g->model->layers[layer];
    struct c2s_tensor *t = l->params[role];
    bool is_held = false;
    int *slot = &g->slots[layer * C2S_ROLE_COUNT + role];
    *slot = -1;
    if (!t || !is_trainable(l, role))
        return true;
    int n = count_slots(g->model, t, g->is_frozen, &is_held);
    if (n != t->refs)
        return c2s_fail(err, C2S_STATE, "the %s of layer '%s' belongs to another model as well",
                        c2s_role_name((enum c2s_role)role), l->name);
    if (is_held)
        return true;
    for (int i = 0; i < g->n_parameters; i++)
        if (g->parameters[i].value == t)
            *slot = i;
    if (*slot >= 0)
        return true;
    struct c2s_tensor *gradient = c2s_tensor_create(C2S_F32, t->rank, t->dims, err);
    if (!gradient)
        return false;
    *slot = g->n_parameters;
    g->parameters[g->n_parameters++] =
        (struct c2s_parameter){layer, (enum c2s_role)role, t, gradient};
    return true;
}

static bool prepare(struct c2s_gradients *g, struct c2s_error *err)
{
    const struct c2s_model *m = g->model;
    size_t n = (size_t)m->n_layers;
    g->is_frozen = c2s_calloc(n, sizeof *g->is_frozen);
    g->momentum = c2s_calloc(n, sizeof *g->momentum);
    g->slots = c2s_calloc(n * C2S_ROLE_COUNT, sizeof *g->slots);
    g->parameters = c2s_calloc(n * C2S_ROLE_COUNT, sizeof *g->parameters);
    if (!g->is_frozen || !g->momentum || !g->slots || !g->parameters)
        return c2s_fail_nomem(err);
    if (g->options.is_frozen)
        memcpy(g->is_frozen, g->options.is_frozen, n * sizeof *g->is_frozen);
    g->options.is_frozen = g->is_frozen;
    for (int i = 0; i < m->n_layers; i++) {
        if (!read_momentum(m->layers[i], &g->momentum[i], err))
            return false;
        for (int role = 0; role < C2S_ROLE_COUNT; role++)
            if (!add_parameter(g, i, role, err))
                return false;
    }
    return g->ops->prepare(g, err);
}

bool c2s_gradients_create(const char *engine, struct c2s_model *m,
                          const struct c2s_gradients_options *options, struct c2s_gradients **out,
                          struct c2s_error *err)
{
    *out = NULL;
    const struct gradient_ops *ops = find(engine, err);
    if (!ops || !check_model(m, err))
        return false;
    struct c2s_gradients *g = c2s_calloc(1, sizeof *g);
    if (!g)
        return c2s_fail_nomem(err);
    g->ops = ops;
    g->model = m;
    g->options = *options;
    if (!prepare(g, err)) {
        c2s_gradients_destroy(g);
        return false;
    }
    *out = g;
    return true;
}

void c2s_gradients_destroy(struct c2s_gradients *g)
{
    if (!g)
        return;
    g->ops->finish(g);
    for (int i = 0; i < g->n_parameters; i++)
        c2s_tensor_unref(g->parameters[i].gradient);
    c2s_free(g->is_frozen);
    c2s_free(g->momentum);
    c2s_free(g->slots);
    c2s_free(g->parameters);
    c2s_free(g);
}

const struct c2s_parameter *c2s_gradients_parameters(const struct c2s_gradients *g, int *n)
{
    *n = g->n_parameters;
    return g->parameters;
}

static bool check_batch(const struct c2s_gradients *g, const struct c2s_tensor *x,
                        struct c2s_error *err)
{
    const struct c2s_layer *in = g->model->layers[g->model->inputs[0]];
    char has[96], wants[96];
    bool fits = x->dtype == C2S_F32 && x->rank == in->rank + 1;
    for (int i = 0; fits && i < in->rank; i++)
        fits = x->dims[i + 1] == in->dims[i];
    if (!fits)
        return c2s_fail(err, C2S_SHAPE,
                        "the model's input '%s' takes float32 samples of %s, the batch is %s of %s",
                        in->name, c2s_shape_text(in->rank, in->dims, wants, sizeof wants),
                        c2s_dtype_name(x->dtype),
                        c2s_shape_text(x->rank, x->dims, has, sizeof has));
    if (x->dims[0] < 1 || x->dims[0] > g->options.max_batch)
        return c2s_fail(err, C2S_RANGE, "a batch of %lld does not fit a training made for 1 to %d",
                        (long long)x->dims[0], g->options.max_batch);
    return true;
}

bool c2s_gradients_compute(struct c2s_gradients *g, const struct c2s_tensor *x, int64_t step,
                           const struct c2s_batch_loss *loss, struct c2s_loss_sum *sum,
                           struct c2s_error *err)
{
    *sum = (struct c2s_loss_sum){0};
    return check_batch(g, x, err) && g->ops->compute(g, x, step, loss, sum, err);
}
