/* Accuracy and loss of a model on labelled data. */
#include <c2s/metrics.h>

#include <math.h>
#include <time.h>

#include "train/fit.h"

struct evaluation {
    struct c2s_engine *engine;
    const struct c2s_dataset *data;
    const struct c2s_layer *input; /* the model's */
    int64_t n_classes;             /* numbers per sample of its output */
    enum train_ending ending;      /* of what the engine gives */
    bool wants_sigmoid;            /* the engine leaves out the model's last sigmoid */
    double loss;                   /* sum so far */
    int64_t correct;
    int32_t *predictions; /* or NULL */
};

static bool begin(struct evaluation *v, struct c2s_error *err)
{
    struct train_fit fit;
    if (!train_fit(v->engine->model, v->data, &fit, err))
        return false;
    v->input = fit.input;
    v->n_classes = fit.units;
    v->ending = v->engine->ops->takes_integers ? TRAIN_ENDS_PLAIN
                                               : fit.ending; /* akida ends with potentials */
    v->wants_sigmoid = v->ending != fit.ending && fit.ending == TRAIN_ENDS_SIGMOID;
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
    double p = v->ending == TRAIN_ENDS_PLAIN ? sigmoid : y;
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
    if (v->ending == TRAIN_ENDS_SOFTMAX) {
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
