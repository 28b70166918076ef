/* Gradient engine "ref": forward through the graph, layer by layer over the whole batch, and back.
 */
#include "engine/ref_train.h"

#include <math.h>

#include "base/alloc.h"

static const struct ref_train_op *const ops[C2S_OP_COUNT] = {
    [C2S_OP_CONV2D] = &ref_train_conv2d,
    [C2S_OP_DEPTHWISE_CONV2D] = &ref_train_depthwise,
    [C2S_OP_SEPARABLE_CONV2D] = &ref_train_separable,
    [C2S_OP_DENSE] = &ref_train_dense,
    [C2S_OP_BATCH_NORM] = &ref_train_batch_norm,
    [C2S_OP_RELU] = &ref_train_activation,
    [C2S_OP_LEAKY_RELU] = &ref_train_activation,
    [C2S_OP_ACTIVATION] = &ref_train_activation,
    [C2S_OP_SOFTMAX] = &ref_train_activation,
    [C2S_OP_DISCRETE_RELU] = &ref_train_activation,
    [C2S_OP_QUANTIZED_RELU] = &ref_train_activation,
    [C2S_OP_MAX_POOL] = &ref_train_max_pool,
    [C2S_OP_AVERAGE_POOL] = &ref_train_average_pool,
    [C2S_OP_GLOBAL_AVERAGE_POOL] = &ref_train_average_pool,
    [C2S_OP_FLATTEN] = &ref_train_copy,
    [C2S_OP_RESHAPE] = &ref_train_copy,
    [C2S_OP_DROPOUT] = &ref_train_dropout,
    [C2S_OP_ZERO_PADDING] = &ref_train_zero_padding,
    [C2S_OP_UPSAMPLING] = &ref_train_upsampling,
    [C2S_OP_RESCALING] = &ref_train_rescaling,
    [C2S_OP_ADD] = &ref_train_add_layers,
    [C2S_OP_CONCATENATE] = &ref_train_concatenate,
};

const struct c2s_layer *ref_train_layer(const struct ref_train *t, int layer)
{
    return t->g->model->layers[layer];
}

const struct c2s_layer *ref_train_source(const struct ref_train *t, int layer, int k)
{
    return ref_train_layer(t, ref_train_layer(t, layer)->inputs[k]);
}

const double *ref_train_in(const struct ref_train *t, int layer, int k)
{
    return t->values[ref_train_layer(t, layer)->inputs[k]];
}

double *ref_train_d_in(const struct ref_train *t, int layer, int k)
{
    return t->slopes[ref_train_layer(t, layer)->inputs[k]];
}

int64_t ref_train_count(const struct ref_train *t, int layer)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    int64_t count = t->batch;
    for (int i = 0; i < l->rank; i++)
        count *= l->dims[i];
    return count;
}

bool ref_train_add(struct ref_train *t, int layer, enum c2s_role role, double *d, int64_t n,
                   struct c2s_error *err)
{
    float *rounded = d ? c2s_calloc((size_t)n, sizeof *rounded) : NULL;
    if (!rounded) {
        c2s_free(d);
        return c2s_fail_nomem(err);
    }
    for (int64_t i = 0; i < n; i++)
        rounded[i] = (float)d[i];
    bool ok = gradient_add(t->g, layer, role, rounded, err);
    c2s_free(rounded);
    c2s_free(d);
    return ok;
}

const double *ref_train_output(const struct c2s_gradients *g)
{
    const struct ref_train *t = g->state;
    return t->values[g->model->outputs[0]];
}

/* Frees what belongs to one batch. */
static void drop_batch(struct ref_train *t)
{
    for (int i = 0; i < t->g->model->n_layers; i++) {
        c2s_free(t->values[i]);
        c2s_free(t->slopes[i]);
        c2s_free(t->saved[i]);
        engine_weights_finish(&t->weights[i]);
        t->values[i] = t->slopes[i] = t->saved[i] = NULL;
    }
}

static bool begin_layer(struct ref_train *t, int i, bool is_needed, struct c2s_error *err)
{
    const struct ref_train_op *op = ops[ref_train_layer(t, i)->op];
    int64_t n = ref_train_count(t, i), n_saved = op && op->count_saved ? op->count_saved(t, i) : 0;
    t->values[i] = c2s_calloc((size_t)n, sizeof(double));
    if (is_needed)
        t->slopes[i] = c2s_calloc((size_t)n, sizeof(double));
    if (n_saved)
        t->saved[i] = c2s_calloc((size_t)n_saved, sizeof(double));
    if (!t->values[i] || (is_needed && !t->slopes[i]) || (n_saved && !t->saved[i]))
        return c2s_fail_nomem(err);
    return engine_weights_init(&t->weights[i], ref_train_layer(t, i), err);
}

static bool begin_batch(struct ref_train *t, struct c2s_error *err)
{
    int n = t->g->model->n_layers;
    drop_batch(t);
    bool *is_needed = c2s_calloc((size_t)n, sizeof *is_needed);
    if (!is_needed)
        return c2s_fail_nomem(err);
    gradient_needed(t->g, is_needed);
    bool ok = true;
    for (int i = 0; ok && i < n; i++)
        ok = begin_layer(t, i, is_needed[i], err);
    c2s_free(is_needed);
    return ok;
}

static bool is_finite(const double *values, int64_t n)
{
    for (int64_t i = 0; values && i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static bool forward(struct ref_train *t, const struct c2s_tensor *x, struct c2s_error *err)
{
    const struct c2s_model *m = t->g->model;
    for (int64_t i = 0; i < c2s_tensor_count(x); i++)
        t->values[m->inputs[0]][i] = (double)c2s_f32(x)[i];
    for (int i = 0; i < m->n_layers; i++) {
        if (m->layers[i]->op != C2S_OP_INPUT)
            ops[m->layers[i]->op]->forward(t, i);
        if (!is_finite(t->values[i], ref_train_count(t, i)))
            return gradient_fail_not_finite(t->g, i, "output", t->step, err);
    }
    return true;
}

static bool find_loss(struct ref_train *t, struct c2s_loss_sum *sum, struct c2s_error *err)
{
    int last = t->g->model->outputs[0];
    int64_t n = ref_train_count(t, last);
    float *output = c2s_calloc((size_t)n * 2, sizeof *output), *gradient = output + n;
    if (!output)
        return c2s_fail_nomem(err);
    for (int64_t i = 0; i < n; i++)
        output[i] = (float)t->values[last][i];
    t->loss->samples(t->loss->arg, 0, t->batch, t->batch, output, gradient, sum);
    for (int64_t i = 0; t->slopes[last] && i < n; i++)
        t->slopes[last][i] = (double)gradient[i];
    c2s_free(output);
    if (isfinite(sum->loss) && is_finite(t->slopes[last], n))
        return true;
    return gradient_fail_not_finite(t->g, last, "loss behind the output", t->step, err);
}

static bool backward(struct ref_train *t, struct c2s_error *err)
{
    const struct c2s_model *m = t->g->model;
    for (int i = m->n_layers - 1; i >= 0; i--) {
        if (!t->slopes[i] || m->layers[i]->op == C2S_OP_INPUT)
            continue;
        if (!is_finite(t->slopes[i], ref_train_count(t, i)))
            return gradient_fail_not_finite(t->g, i, "gradient", t->step, err);
        if (!ops[m->layers[i]->op]->backward(t, i, err))
            return false;
    }
    return true;
}

static void move_statistics(struct ref_train *t)
{
    for (int i = 0; i < t->g->model->n_layers; i++) {
        const struct c2s_layer *l = ref_train_layer(t, i);
        if (l->op != C2S_OP_BATCH_NORM || !gradient_uses_batch(t->g, i))
            continue;
        int64_t channels = l->dims[l->rank - 1];
        gradient_move_statistics(t->g, i, t->saved[i], t->saved[i] + channels,
                                 ref_train_count(t, i) / channels);
    }
}

static bool compute(struct c2s_gradients *g, const struct c2s_tensor *x, int64_t step,
                    const struct c2s_batch_loss *loss, struct c2s_loss_sum *sum,
                    struct c2s_error *err)
{
    struct ref_train *t = g->state;
    t->batch = x->dims[0];
    t->step = step;
    t->loss = loss;
    for (int i = 0; i < g->n_parameters; i++)
        gradient_clear(g, i);
    if (!begin_batch(t, err) || !forward(t, x, err) || !find_loss(t, sum, err) || !backward(t, err))
        return false;
    for (int i = 0; i < g->n_parameters; i++)
        if (!gradient_check(g, i, step, err))
            return false;
    move_statistics(t);
    return true;
}

static bool prepare(struct c2s_gradients *g, struct c2s_error *err)
{
    size_t n = (size_t)g->model->n_layers;
    struct ref_train *t = g->state = c2s_calloc(1, sizeof *t);
    if (!t)
        return c2s_fail_nomem(err);
    t->g = g;
    t->values = c2s_calloc(n, sizeof *t->values);
    t->slopes = c2s_calloc(n, sizeof *t->slopes);
    t->saved = c2s_calloc(n, sizeof *t->saved);
    t->weights = c2s_calloc(n, sizeof *t->weights);
    return (t->values && t->slopes && t->saved && t->weights) || c2s_fail_nomem(err);
}

static void finish(struct c2s_gradients *g)
{
    struct ref_train *t = g->state;
    if (!t)
        return;
    if (t->values && t->slopes && t->saved && t->weights)
        drop_batch(t);
    c2s_free(t->values);
    c2s_free(t->slopes);
    c2s_free(t->saved);
    c2s_free(t->weights);
    c2s_free(t);
    g->state = NULL;
}

const struct gradient_ops gradient_ref = {
    .name = "ref",
    .prepare = prepare,
    .compute = compute,
    .finish = finish,
};
