/* Training epoch by epoch: the loop around gradients and optimizer. */
#include <c2s/train.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "train/trainer.h"

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void c2s_train_report_finish(struct c2s_train_report *r)
{
    c2s_free(r->epochs);
    *r = (struct c2s_train_report){0};
}

static void finish(struct trainer *t)
{
    train_state_finish(t);
    c2s_optimizer_destroy(t->optimizer);
    c2s_gradients_destroy(t->gradients);
    c2s_engine_destroy(t->teacher);
    c2s_model_destroy(t->model);
    c2s_tensor_unref(t->x);
    c2s_free(t->training.places);
    c2s_free(t->validation.places);
    c2s_free(t->order);
    c2s_free(t->labels);
    c2s_free(t->teacher_outputs);
    c2s_free(t->slopes);
    c2s_free(t->image.scratch);
}

static bool all_places(struct train_set *set, int64_t n, struct c2s_error *err)
{
    set->n = n;
    set->places = c2s_malloc(sizeof *set->places * (size_t)(n + 1));
    for (int64_t i = 0; set->places && i < n; i++)
        set->places[i] = i;
    return set->places || c2s_fail_nomem(err);
}

/* Which samples are trained on and which decide. */
static bool choose_samples(struct trainer *t, struct c2s_error *err)
{
    const struct c2s_train_request *r = t->request;
    int64_t n = c2s_dataset_info(r->data)->n, part = 0;
    t->training.data = t->validation.data = r->data;
    if (r->validation) {
        t->validation.data = r->validation;
        return all_places(&t->validation, c2s_dataset_info(r->validation)->n, err) &&
               all_places(&t->training, n, err);
    }
    if (t->options.validation > 0)
        part = llround(t->options.validation * (double)n);
    if (t->options.validation > 0 && part == 0)
        part = 1;
    t->validation.n = part;
    t->training.n = n - part;
    t->validation.places = c2s_malloc(sizeof(int64_t) * (size_t)(part + 1));
    t->training.places = c2s_malloc(sizeof(int64_t) * (size_t)(n - part + 1));
    if (!t->validation.places || !t->training.places)
        return c2s_fail_nomem(err);
    return train_split(t->options.seed, n, part, t->validation.places, t->training.places, err);
}

static bool check_labels(const struct train_set *set, int64_t n_classes, struct c2s_error *err)
{
    const int32_t *labels = c2s_dataset_labels(set->data);
    for (int64_t i = 0; i < set->n; i++) {
        int64_t place = set->places[i];
        if (labels[place] < 0 || labels[place] >= n_classes)
            return c2s_fail(err, C2S_RANGE,
                            "sample %lld of '%s' has the label %d; the model tells classes 0 to "
                            "%lld apart",
                            (long long)c2s_dataset_source_index(set->data, place),
                            c2s_dataset_info(set->data)->name, labels[place],
                            (long long)n_classes - 1);
    }
    return true;
}

static bool check_samples(const struct trainer *t, struct c2s_error *err)
{
    const struct train_set *set = &t->training;
    const char *name = c2s_dataset_info(set->data)->name;
    const int32_t *labels = c2s_dataset_labels(set->data);
    int64_t n_classes = t->fit.units == 1 ? 2 : t->fit.units, n_same = 0;
    if (!check_labels(set, n_classes, err) || !check_labels(&t->validation, n_classes, err))
        return false;
    if (set->n < t->options.batch)
        return c2s_fail(err, C2S_RANGE,
                        "%lld sample%s of '%s' to train on %s fewer than a batch of %d; give more "
                        "data or a smaller --batch",
                        (long long)set->n, set->n == 1 ? "" : "s", name, set->n == 1 ? "is" : "are",
                        t->options.batch);
    while (n_same < set->n && labels[set->places[n_same]] == labels[set->places[0]])
        n_same++;
    if (n_same == set->n)
        return c2s_fail(err, C2S_RANGE,
                        "%s%lld sample%s of '%s' to train on %s of class %d; there is nothing to "
                        "tell apart, choose other data",
                        set->n == 1 ? "the " : "all ", (long long)set->n, set->n == 1 ? "" : "s",
                        name, set->n == 1 ? "is" : "are", labels[set->places[0]]);
    return true;
}

static bool make_gradients(struct trainer *t, struct c2s_error *err)
{
    const struct c2s_train_options *o = &t->options;
    const struct c2s_model *m = t->request->model;
    bool *is_frozen = c2s_calloc((size_t)m->n_layers + 1, sizeof *is_frozen);
    struct c2s_gradients_options options = {
        .max_batch = o->batch, .n_threads = o->n_threads, .seed = o->seed, .is_frozen = is_frozen};
    int n = 0;
    bool ok = is_frozen ? true : c2s_fail_nomem(err);
    for (int i = 0; ok && o->freeze && i < m->n_layers; i++)
        n += is_frozen[i] = c2s_glob_match(o->freeze, m->layers[i]->name);
    if (ok && o->freeze && n == 0)
        ok =
            c2s_fail(err, C2S_NOT_FOUND, "no layer is called '%s'; 'layers' lists them", o->freeze);
    ok = ok && (t->model = c2s_model_clone(m, err)) && c2s_model_own_parameters(t->model, err) &&
         c2s_gradients_create(o->engine, t->model, &options, &t->gradients, err);
    c2s_free(is_frozen);
    if (!ok)
        return false;
    const struct c2s_parameter *parameters = c2s_gradients_parameters(t->gradients, &n);
    if (n == 0)
        return c2s_fail(err, C2S_STATE, "no layer is left to train; freeze fewer");
    struct c2s_optimizer_options optimizer = o->optimizer;
    optimizer.n_threads = o->n_threads;
    return c2s_optimizer_create(&optimizer, parameters, n, &t->optimizer, err);
}

static bool begin(struct trainer *t, struct c2s_error *err)
{
    const struct c2s_train_request *r = t->request;
    struct train_fit of_validation;
    t->options = *r->options;
    if (!t->options.engine)
        t->options.engine = "dnnl";
    if (!train_check_options(&t->options, err) || !train_fit(r->model, r->data, &t->fit, err) ||
        (r->validation && !train_fit(r->model, r->validation, &of_validation, err)) ||
        !choose_samples(t, err) || !check_samples(t, err) || !train_prepare_batches(t, err) ||
        !train_state_begin(t, err) || !make_gradients(t, err) || !train_prepare_teacher(t, err))
        return false;
    t->steps_per_epoch = (t->training.n + t->options.batch - 1) / t->options.batch;
    t->n_steps = t->steps_per_epoch * t->options.epochs;
    t->now = (struct c2s_train_now){.epoch = 1,
                                    .n_epochs = t->options.epochs,
                                    .total = t->training.n * t->options.epochs,
                                    .learning_rate = train_rate(&t->options, 0, t->n_steps)};
    return !r->resume || train_state_resume(t, err);
}

/* True when the training may go on. */
static bool tell(struct trainer *t, const struct c2s_epoch *ended)
{
    const struct c2s_train_watcher *w = &t->request->watcher;
    t->now.ended = ended;
    bool goes_on = !w->now || w->now(w->arg, &t->now);
    t->now.ended = NULL;
    return goes_on;
}

static bool one_step(struct trainer *t, int64_t first, int64_t n, struct c2s_loss_sum *sum,
                     struct c2s_error *err)
{
    int64_t step = c2s_optimizer_steps(t->optimizer);
    struct c2s_batch_loss loss = c2s_loss_batch(&t->loss);
    struct c2s_loss_sum of_batch;
    if (!train_batch(t, &t->training, t->order + first, n, t->now.epoch, err) ||
        !c2s_gradients_compute(t->gradients, t->x, step, &loss, &of_batch, err))
        return false;
    sum->loss += of_batch.loss;
    sum->correct += of_batch.correct;
    t->now.learning_rate = train_rate(&t->options, step, t->n_steps);
    c2s_optimizer_step(t->optimizer, t->now.learning_rate);
    return true;
}

/* Numbers that are none any more end a training, but not what was reached before. */
static bool is_diverged(const struct trainer *t, const struct c2s_error *failure, char *trouble,
                        size_t size)
{
    if (failure->code != C2S_RANGE)
        return false;
    snprintf(trouble, size, "epoch %d: %s", t->now.epoch, failure->text);
    return true;
}

/* How an epoch ended when it did not end well. */
struct ending {
    bool was_stopped;
    char trouble[256];
};

static bool run_steps(struct trainer *t, struct c2s_epoch *row, struct ending *end,
                      struct c2s_error *err)
{
    struct c2s_loss_sum sum = {0};
    double begun = seconds();
    int64_t n = t->training.n, before = n * (t->now.epoch - 1);
    memcpy(t->order, t->training.places, sizeof *t->order * (size_t)n);
    train_shuffle(t->options.seed, t->now.epoch, n, t->order);
    for (int64_t first = 0, size; first < n; first += size) {
        struct c2s_error failure = {0};
        size = n - first < t->options.batch ? n - first : t->options.batch;
        if (!one_step(t, first, size, &sum, &failure)) {
            if (is_diverged(t, &failure, end->trouble, sizeof end->trouble))
                return true;
            *err = failure;
            return false;
        }
        t->now.done = before + first + size;
        t->now.loss = sum.loss / (double)(first + size);
        t->now.accuracy = (double)sum.correct / (double)(first + size);
        t->now.images_per_s = (double)(first + size) / (seconds() - begun + 1e-9);
        if (!tell(t, NULL)) {
            end->was_stopped = true;
            return true;
        }
    }
    row->learning_rate = t->now.learning_rate;
    row->loss = t->now.loss;
    row->accuracy = t->now.accuracy;
    return true;
}

/* Validation as part of an epoch; without validation samples the row says so. */
static bool judge(struct trainer *t, struct c2s_epoch *row, struct ending *end,
                  struct c2s_error *err)
{
    struct c2s_error failure = {0};
    row->validation_loss = row->validation_accuracy = NAN;
    if (t->validation.n == 0 || train_validate(t, &row->validation_loss, &row->validation_accuracy,
                                               &end->was_stopped, &failure))
        return true;
    if (row->epoch > 0 && is_diverged(t, &failure, end->trouble, sizeof end->trouble))
        return true;
    *err = failure;
    return false;
}

static bool is_better(const struct c2s_epoch *row, const struct c2s_epoch *best)
{
    if (isnan(row->validation_accuracy))
        return row->loss < best->loss;
    if (row->validation_accuracy != best->validation_accuracy)
        return row->validation_accuracy > best->validation_accuracy;
    return row->validation_loss < best->validation_loss;
}

static const struct c2s_epoch *best_row(const struct c2s_checkpoint *story)
{
    for (int i = story->n_epochs - 1; i >= 0; i--)
        if (story->epochs[i].is_best)
            return &story->epochs[i];
    return NULL;
}

/* A finished epoch joins the story. */
static bool add(struct trainer *t, struct c2s_epoch *row, struct ending *end, struct c2s_error *err)
{
    const struct c2s_train_watcher *w = &t->request->watcher;
    const struct c2s_epoch *best = best_row(&t->story);
    row->is_best = !best || is_better(row, best);
    if (!train_state_add(t, row, err) ||
        (row->epoch > 0 && w->checkpoint && !w->checkpoint(w->arg, &t->story, err)))
        return false;
    end->was_stopped = !tell(t, row);
    return true;
}

static bool one_epoch(struct trainer *t, int epoch, struct ending *end, struct c2s_error *err)
{
    struct c2s_epoch row = {.epoch = epoch, .learning_rate = NAN, .loss = NAN, .accuracy = NAN};
    double begun = seconds();
    if (epoch > 0) {
        t->now.epoch = epoch;
        if (!run_steps(t, &row, end, err))
            return false;
    }
    if (!end->was_stopped && !end->trouble[0] && !judge(t, &row, end, err))
        return false;
    if (end->was_stopped || end->trouble[0])
        return true;
    row.seconds = seconds() - begun;
    return add(t, &row, end, err);
}

static int last_epoch(const struct trainer *t)
{
    return t->story.n_epochs > 0 ? t->story.epochs[t->story.n_epochs - 1].epoch : 0;
}

static bool lost_patience(const struct trainer *t)
{
    int best = c2s_best_epoch(t->story.epochs, t->story.n_epochs);
    return t->options.patience > 0 && last_epoch(t) - best >= t->options.patience;
}

static bool run_epochs(struct trainer *t, struct ending *end, struct c2s_train_report *report,
                       struct c2s_error *err)
{
    bool ok = t->story.n_epochs > 0 || t->validation.n == 0 || one_epoch(t, 0, end, err);
    while (ok && !end->was_stopped && !end->trouble[0]) {
        int epoch = last_epoch(t);
        report->was_patient = epoch < t->options.epochs && lost_patience(t);
        if (epoch == t->options.epochs || report->was_patient)
            break;
        if (t->options.stop_after > 0 && epoch >= t->options.stop_after) {
            end->was_stopped = true;
            break;
        }
        ok = one_epoch(t, epoch + 1, end, err);
    }
    return ok;
}

static bool conclude(struct trainer *t, const struct ending *end, struct c2s_train_report *report,
                     struct c2s_model **out, struct c2s_error *err)
{
    if (last_epoch(t) == 0 && end->was_stopped)
        return c2s_fail(err, C2S_CANCELLED,
                        "stopped before the first epoch ended; nothing was changed");
    if (last_epoch(t) == 0 && end->trouble[0])
        return c2s_fail(err, C2S_STATE, "%s, such as --lr %g", end->trouble,
                        c2s_train_gentler_rate(t->options.learning_rate));
    if (!train_state_result(t, out, err))
        return false;
    report->epochs = t->story.epochs;
    report->n_epochs = t->story.n_epochs;
    report->best_epoch = c2s_best_epoch(t->story.epochs, t->story.n_epochs);
    report->last_epoch = last_epoch(t);
    report->n_data = t->training.n;
    report->n_validation = t->validation.n;
    report->was_stopped = end->was_stopped && report->last_epoch < t->options.epochs;
    snprintf(report->trouble, sizeof report->trouble, "%s", end->trouble);
    t->story.epochs = NULL;
    t->story.n_epochs = 0;
    return true;
}

bool c2s_train(const struct c2s_train_request *request, struct c2s_model **out,
               struct c2s_train_report *report, struct c2s_error *err)
{
    struct trainer t = {.request = request};
    struct ending end = {0};
    struct c2s_train_report made = {0};
    bool ok =
        begin(&t, err) && run_epochs(&t, &end, &made, err) && conclude(&t, &end, &made, out, err);
    finish(&t);
    if (ok)
        *report = made;
    return ok;
}
