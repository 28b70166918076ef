/* Accuracy and loss of a model on labelled data. */
#include <c2s/metrics.h>

#include <math.h>
#include <time.h>

/* What the model's last layer makes of its numbers. */
enum ending { ENDS_PLAIN, ENDS_SOFTMAX, ENDS_SIGMOID };

struct evaluation {
    struct c2s_engine *engine;
    const struct c2s_dataset *data;
    const struct c2s_layer *input; /* the model's */
    int64_t n_classes;             /* numbers per sample of its output */
    enum ending ending;            /* of what the engine gives */
    bool wants_sigmoid;            /* the engine leaves out the model's last sigmoid */
    double loss;                   /* sum so far */
    int64_t correct;
    int32_t *predictions; /* or NULL */
};

static enum ending ending_of(const struct c2s_model *m)
{
    const struct c2s_layer *l = m->layers[m->outputs[0]];
    for (enum c2s_family family = c2s_op_info(l->op)->family;
         l->n_inputs == 1 && (family == C2S_FAMILY_SHAPE || family == C2S_FAMILY_TRAINING);
         family = c2s_op_info(l->op)->family)
        l = m->layers[l->inputs[0]];
    switch (c2s_layer_function(l)) {
    case C2S_FN_SOFTMAX:
        return ENDS_SOFTMAX;
    case C2S_FN_SIGMOID:
        return ENDS_SIGMOID;
    default:
        return ENDS_PLAIN;
    }
}

/* The dataset gives grey images a channel axis, which a model may not have. */
static bool fits(const struct c2s_layer *input, const struct c2s_dataset_info *info)
{
    if (input->rank != info->rank &&
        !(input->rank == info->rank - 1 && info->dims[input->rank] == 1))
        return false;
    for (int i = 0; i < input->rank; i++)
        if (input->dims[i] != info->dims[i])
            return false;
    return true;
}

static bool begin(struct evaluation *v, struct c2s_error *err)
{
    const struct c2s_model *m = v->engine->model;
    const struct c2s_dataset_info *info = c2s_dataset_info(v->data);
    char wants[96], has[96];
    if (m->n_inputs != 1 || m->n_outputs != 1)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "the model has several ends (inputs: %d, outputs: %d); only a model with "
                        "one of each can "
                        "be evaluated on labelled samples",
                        m->n_inputs, m->n_outputs);
    v->input = m->layers[m->inputs[0]];
    const struct c2s_layer *output = m->layers[m->outputs[0]];
    if (!fits(v->input, info))
        return c2s_fail(err, C2S_SHAPE,
                        "the model takes samples of %s, the data '%s' has samples of %s; choose "
                        "data or a model that fits",
                        c2s_shape_text(v->input->rank, v->input->dims, wants, sizeof wants),
                        info->name, c2s_shape_text(info->rank, info->dims, has, sizeof has));
    v->n_classes = 1;
    for (int i = 0; i < output->rank; i++)
        v->n_classes *= output->dims[i];
    if (info->n_classes > (v->n_classes == 1 ? 2 : v->n_classes))
        return c2s_fail(err, C2S_SHAPE,
                        "the model tells %lld classes apart, the labels of '%s' go up to %d; "
                        "choose data or a model that fits",
                        (long long)(v->n_classes == 1 ? 2 : v->n_classes), info->name,
                        info->n_classes - 1);
    enum ending ending = ending_of(m);
    v->ending =
        v->engine->ops->takes_integers ? ENDS_PLAIN : ending; /* akida ends with potentials */
    v->wants_sigmoid = v->ending != ending && ending == ENDS_SIGMOID;
    return true;
}

/* Keras' epsilon: what a probability of 0 costs is large, not infinite. */
static double cost_of(double probability)
{
    return -log(fmax(probability, 1e-7));
}

/* One output unit: the probability of class 1. */
static int32_t count_one_unit(struct evaluation *v, double y, int32_t label)
{
    double sigmoid = 1 / (1 + exp(-y));
    double p = v->ending == ENDS_PLAIN ? sigmoid : y;
    v->loss += cost_of(label == 1 ? p : 1 - p);
    return (v->wants_sigmoid ? sigmoid : y) > 0.5;
}

static int32_t count_classes(struct evaluation *v, const float *y, int32_t label)
{
    int32_t best = 0;
    double sum = 0;
    for (int32_t i = 1; i < v->n_classes; i++)
        if (y[i] > y[best])
            best = i;
    if (v->ending == ENDS_SOFTMAX) {
        v->loss += cost_of((double)y[label]);
        return best;
    }
    for (int64_t i = 0; i < v->n_classes; i++)
        sum += exp((double)y[i] - (double)y[best]);
    v->loss += log(sum) + (double)y[best] - (double)y[label];
    return best;
}

static bool count(struct evaluation *v, const struct c2s_tensor *out, int64_t first,
                  struct c2s_error *err)
{
    for (int64_t k = 0; k < out->dims[0]; k++) {
        const float *y = c2s_f32(out) + k * v->n_classes;
        int32_t label = c2s_dataset_labels(v->data)[first + k];
        if (label < 0)
            return c2s_fail(err, C2S_RANGE, "sample %lld has the label %d, below 0",
                            (long long)(first + k), label);
        for (int64_t i = 0; i < v->n_classes; i++)
            if (isnan(y[i]))
                return c2s_fail(err, C2S_RANGE,
                                "the model's output for sample %lld is not a number; look for NaN "
                                "weights with check",
                                (long long)(first + k));
        int32_t class =
            v->n_classes == 1 ? count_one_unit(v, (double)y[0], label) : count_classes(v, y, label);
        v->correct += class == label;
        if (v->predictions)
            v->predictions[first + k] = class;
    }
    return true;
}

static bool one_batch(struct evaluation *v, int64_t first, int64_t n, struct c2s_error *err)
{
    struct c2s_tensor *x = NULL, *out = NULL;
    bool ok = v->engine->ops->takes_integers ? c2s_dataset_raw(v->data, first, n, &x, err)
                                             : c2s_dataset_keras(v->data, first, n, &x, err);
    if (ok) {
        x->rank = v->input->rank + 1;
        ok = c2s_engine_run(v->engine, (const struct c2s_tensor *const[]){x}, &out, NULL, err) &&
             count(v, out, first, err);
    }
    c2s_tensor_unref(x);
    c2s_tensor_unref(out);
    return ok;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool c2s_evaluate(struct c2s_engine *e, const struct c2s_dataset *d,
                  const struct c2s_progress *progress, struct c2s_metrics *out,
                  int32_t *predictions, struct c2s_error *err)
{
    struct evaluation v = {.engine = e, .data = d, .predictions = predictions};
    int64_t total = c2s_dataset_info(d)->n, batch = e->options.max_batch;
    double started = now();
    if (!begin(&v, err))
        return false;
    for (int64_t first = 0; first < total; first += batch) {
        int64_t n = total - first < batch ? total - first : batch;
        if (!c2s_progress_report(progress, "evaluating", first, total))
            return c2s_fail(err, C2S_CANCELLED, "evaluation cancelled after %lld of %lld samples",
                            (long long)first, (long long)total);
        if (!one_batch(&v, first, n, err))
            return false;
    }
    c2s_progress_report(progress, "evaluating", total, total);
    *out = (struct c2s_metrics){.n = total,
                                .correct = v.correct,
                                .loss = total ? v.loss / (double)total : 0,
                                .seconds = now() - started};
    return true;
}
