/* Training as a step: its data by name, its canonical form, its run in the journal, its version. */
#include "session/private.h"

#include <c2s/keras.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

struct training {
    struct c2s_session *session;
    const struct c2s_version *from; /* that is trained */
    struct c2s_train_options options;
    struct c2s_dataset *data, *validation; /* owned; validation may be NULL */
    char *data_text, *validation_text;     /* owned */
    const struct c2s_model *teacher;       /* or NULL */
    struct step_training step;             /* what the canonical form is made of */
    char *text;                            /* owned: the canonical form of the whole training */
    struct c2s_run run;                    /* id 0 = nothing is kept yet */
    struct c2s_checkpoint resume;
    char what[40]; /* "training v2" */
    bool is_resumed;
    int n_kept; /* epochs that are in the journal */
};

static void finish(struct training *t)
{
    c2s_dataset_close(t->data);
    c2s_dataset_close(t->validation);
    c2s_text_free(t->data_text);
    c2s_text_free(t->validation_text);
    c2s_text_free(t->text);
    c2s_checkpoint_finish(&t->resume);
}

void c2s_retrained_finish(struct c2s_retrained *r)
{
    c2s_train_report_finish(&r->report);
    *r = (struct c2s_retrained){0};
}

/* ---- data ---- */

/* What was begun with data that is no longer there. */
static bool fail_open(const struct training *t, const struct c2s_dataset_spec *spec,
                      const struct c2s_error *inner, struct c2s_error *err)
{
    if (!t->is_resumed || (inner->code != C2S_IO && inner->code != C2S_NOT_FOUND)) {
        *err = *inner;
        return false;
    }
    c2s_fail(err, inner->code,
             "%.300s; it is the data of the interrupted training: put it back where it "
             "was%s, or begin anew without --resume",
             inner->text,
             spec->path[0] == '/' ? "" : ", or go to the folder that the training was begun in");
    return c2s_fail_at(err, "%s", inner->where);
}

static bool open_data(struct training *t, const char *dataset, const char *split,
                      struct c2s_dataset **data, char **text, struct c2s_error *err)
{
    struct c2s_dataset_spec spec = {0};
    if (!session_training_spec(t->session, dataset, &spec, err))
        return false;
    if (!spec.options.split)
        spec.options.split = split;
    struct c2s_error inner = {0};
    bool ok = session_open_spec(&spec, data, text, &inner)
                  ? session_check_scaling(t->from->model, c2s_dataset_info(*data), err)
                  : fail_open(t, &spec, &inner, err);
    c2s_dataset_spec_finish(&spec);
    return ok;
}

/* What the result depends on besides the step: the samples themselves. */
static bool hash_data(struct training *t, struct c2s_error *err)
{
    struct c2s_hasher *h = c2s_hasher_create(err);
    if (!h)
        return false;
    c2s_hasher_add(h, c2s_dataset_info(t->data)->hash, C2S_HASH_LENGTH);
    if (t->validation)
        c2s_hasher_add(h, c2s_dataset_info(t->validation)->hash, C2S_HASH_LENGTH);
    c2s_hasher_finish(h, t->run.data);
    return true;
}

static bool find_teacher(struct training *t, const char *name, struct c2s_error *err)
{
    const struct c2s_version *v;
    if (!name)
        return true;
    if (!c2s_session_version(t->session, name, &v, err))
        return false;
    t->teacher = v->model;
    t->step.teacher = v->info.id;
    return true;
}

static bool prepare(struct training *t, const struct c2s_retrain_plan *plan, struct c2s_error *err)
{
    t->options = plan->train;
    t->is_resumed = plan->resume;
    t->from = t->session->current;
    if (plan->version && !session_hold(t->session, plan->version, &t->from, err))
        return false;
    snprintf(t->what, sizeof t->what, "training v%lld", (long long)t->from->info.id);
    if (!open_data(t, plan->data, NULL, &t->data, &t->data_text, err) ||
        (plan->validation &&
         !open_data(t, plan->validation, "test", &t->validation, &t->validation_text, err)) ||
        !hash_data(t, err) || !find_teacher(t, plan->teacher, err))
        return false;
    t->step.data = t->data_text;
    t->step.validation = t->validation_text;
    t->step.options = &t->options;
    if (!step_retrain(&t->step, &t->text, err))
        return false;
    t->run.parent = t->from->info.id;
    t->run.step = t->text;
    return true;
}

/* ---- the same step before, and trainings that were interrupted ---- */

/* What is known of a training that ended some time ago. */
static void tell_story(struct c2s_train_report *r, const struct c2s_train_options *o,
                       struct c2s_checkpoint *story)
{
    *r = (struct c2s_train_report){
        .epochs = story->epochs,
        .n_epochs = story->n_epochs,
        .best_epoch = c2s_best_epoch(story->epochs, story->n_epochs),
        .last_epoch = story->n_epochs > 0 ? story->epochs[story->n_epochs - 1].epoch : 0};
    r->was_stopped = o->stop_after > 0 && o->stop_after == r->last_epoch;
    story->epochs = NULL;
    story->n_epochs = 0;
}

static bool use_version(struct training *t, int64_t id, struct c2s_retrained *out,
                        struct c2s_error *err)
{
    char name[32];
    struct c2s_checkpoint story = {0};
    snprintf(name, sizeof name, "v%lld", (long long)id);
    if (!c2s_session_checkout(t->session, name, err))
        return false;
    const struct c2s_version *v = t->session->current;
    if (!c2s_checkpoint_set_epochs(&story, v->epochs, v->n_epochs, err))
        return false;
    tell_story(&out->report, &t->options, &story);
    out->was_cached = true;
    return true;
}

static bool use_ended(struct training *t, const struct session_trained *before,
                      struct c2s_retrained *out, struct c2s_error *err)
{
    struct c2s_journal *j = t->session->journal;
    struct c2s_checkpoint story = {0};
    if (!j->ops->fetch_run(j, before->ended, &story, err))
        return false;
    tell_story(&out->report, &t->options, &story);
    snprintf(out->report.trouble, sizeof out->report.trouble, "%s", before->note);
    c2s_checkpoint_finish(&story);
    out->was_cached = true;
    return true;
}

static bool fetch_open(struct training *t, const struct session_trained *before,
                       struct c2s_error *err)
{
    struct c2s_journal *j = t->session->journal;
    if (!before->open)
        return c2s_fail(err, C2S_STATE,
                        "no training of v%lld by '%s' was interrupted; begin one without --resume",
                        (long long)t->run.parent, t->text);
    if (before->is_of_other_data)
        return c2s_fail(err, C2S_STATE,
                        "the data of the interrupted training has changed since; begin anew "
                        "without --resume");
    t->run.id = before->open;
    return j->ops->fetch_run(j, before->open, &t->resume, err);
}

/* ---- while it runs ---- */

static bool watch(void *arg, const struct c2s_train_now *now)
{
    struct training *t = arg;
    struct c2s_progress_event event = {
        .what = t->what, .done = now->done, .total = now->total, .training = now};
    return c2s_progress_tell(&t->session->progress, &event);
}

/* What a failure advises ("nothing was changed; repeat the command") does not hold for a training
 * of which epochs are kept. */
static int cause_length(const struct c2s_error *failure)
{
    return failure->n_cause < 300 ? failure->n_cause : 300;
}

static bool keep(void *arg, const struct c2s_checkpoint *c, struct c2s_error *err)
{
    struct training *t = arg;
    struct c2s_journal *j = t->session->journal;
    struct c2s_error failure = {0};
    int epoch = c->epochs[c->n_epochs - 1].epoch;
    if (j->ops->put_run(j, &t->run, c, &t->run.id, &failure)) {
        t->n_kept = epoch;
        return true;
    }
    if (t->n_kept == 0) {
        *err = failure;
        return false;
    }
    return c2s_fail(
        err, failure.code,
        "epoch %d is trained but cannot be kept: %.*s; up to epoch %d all is kept: when "
        "that is mended, retrain --resume goes on from there",
        epoch, cause_length(&failure), failure.text, t->n_kept);
}

static bool train(struct training *t, struct c2s_model **model, struct c2s_train_report *report,
                  struct c2s_error *err)
{
    struct c2s_train_request request = {.model = t->from->model,
                                        .data = t->data,
                                        .validation = t->validation,
                                        .teacher = t->teacher,
                                        .options = &t->options,
                                        .resume = t->resume.n_epochs > 0 ? &t->resume : NULL,
                                        .watcher = {.now = watch, .checkpoint = keep, .arg = t}};
    return c2s_train(&request, model, report, err);
}

/* ---- its version ---- */

static void describe(const struct c2s_train_report *r, char *out, size_t size)
{
    const struct c2s_epoch *best = NULL;
    for (int i = 0; i < r->n_epochs; i++)
        if (r->epochs[i].epoch == r->best_epoch)
            best = &r->epochs[i];
    size_t used = (size_t)snprintf(out, size, "epoch %d of %d kept", r->best_epoch, r->last_epoch);
    if (best && r->n_validation > 0 && used < size)
        snprintf(out + used, size - used, ", %.2f %% of %lld validation samples right",
                 100 * best->validation_accuracy, (long long)r->n_validation);
}

/* model is taken. */
static bool make_version(struct training *t, struct c2s_model *model, struct c2s_retrained *out,
                         struct c2s_error *err)
{
    const struct c2s_train_report *report = &out->report;
    char note[200], *text = NULL;
    const struct c2s_version_info *parent = &t->from->info;
    t->options.stop_after = report->was_stopped ? report->last_epoch : 0;
    if (!step_retrain(&t->step, &text, err)) {
        c2s_model_destroy(model);
        return false;
    }
    describe(report, note, sizeof note);
    struct c2s_version_info info = {.parent = parent->id,
                                    .step = text,
                                    .name = parent->name,
                                    .tool = SESSION_TOOL,
                                    .note = note,
                                    .source = c2s_dataset_info(t->data)->path};
    memcpy(info.source_hash, t->run.data, sizeof info.source_hash);
    struct c2s_version *v = c2s_version_create(&info, model, err);
    bool ok = v && c2s_version_set_epochs(v, report->epochs, report->n_epochs, err);
    if (ok) {
        v->run = out->can_go_on ? 0 : t->run.id;
        ok = session_adopt_version(t->session, v, &out->is_new, err);
    } else {
        c2s_version_destroy(v);
    }
    c2s_text_free(text);
    return ok;
}

/* A training that was stopped before the end it was asked for can be gone on with; one without a
 * better epoch leaves its story. */
static bool leave(struct training *t, struct c2s_retrained *out, struct c2s_error *err)
{
    struct c2s_journal *j = t->session->journal;
    const struct c2s_train_report *r = &out->report;
    out->can_go_on = r->was_stopped && t->run.id && t->options.stop_after != r->last_epoch;
    if (out->can_go_on)
        return j->ops->leave_run(j, t->run.id, C2S_RUN_OPEN, "", err);
    return r->best_epoch > 0 || !t->run.id ||
           j->ops->leave_run(j, t->run.id, C2S_RUN_ENDED, r->trouble, err);
}

static bool run(struct training *t, struct c2s_retrained *out, struct c2s_error *err)
{
    struct c2s_journal *j = t->session->journal;
    struct c2s_model *model = NULL;
    struct c2s_error failure = {0};
    out->resumed_after =
        t->resume.n_epochs > 0 ? t->resume.epochs[t->resume.n_epochs - 1].epoch : 0;
    t->n_kept = out->resumed_after;
    if (!train(t, &model, &out->report, err)) {
        /* So that another shell may go on; if it cannot be said, it may when this one ends. */
        if (t->run.id)
            (void)!j->ops->leave_run(j, t->run.id, C2S_RUN_OPEN, "", &failure);
        return false;
    }
    bool ok = leave(t, out, &failure);
    if (ok && out->report.best_epoch > 0)
        ok = make_version(t, model, out, &failure);
    else
        c2s_model_destroy(model);
    return ok || c2s_fail(err, failure.code,
                          "the training is done but its end cannot be kept: %.*s; every epoch is: "
                          "when that is mended, retrain --resume goes on from there",
                          cause_length(&failure), failure.text);
}

/* Said before anything is trained: the user may have meant to go on. */
static bool tell_begun_anew(struct training *t, const struct session_trained *before,
                            struct c2s_error *err)
{
    char note[160];
    if (!before->open)
        return true;
    snprintf(note, sizeof note,
             "an interrupted training by the same step is begun anew; retrain --resume would have "
             "gone on after epoch %d",
             before->n_open_epochs);
    struct c2s_progress_event event = {.what = t->what, .note = note};
    return c2s_progress_tell(&t->session->progress, &event) ||
           c2s_fail(err, C2S_CANCELLED, "stopped before it began; nothing was changed");
}

static bool retrain(struct training *t, const struct c2s_retrain_plan *plan,
                    struct c2s_retrained *out, struct c2s_error *err)
{
    struct c2s_journal *j = t->session->journal;
    struct session_trained before;
    if (j->ops->is_read_only(j))
        return c2s_fail(err, C2S_STORE,
                        "workspace '%s' is read-only, so a training could not be kept; name "
                        "another one with -w FILE",
                        j->ops->place(j));
    if (!prepare(t, plan, err) || !session_find_training(t->session, &t->run, &before, err) ||
        !session_count_learned(t->session, t->data, t->validation, &out->learned, err))
        return false;
    out->parent = t->run.parent;
    if (before.version)
        return use_version(t, before.version, out, err);
    if (before.ended)
        return use_ended(t, &before, out, err);
    return (plan->resume ? fetch_open(t, &before, err) : tell_begun_anew(t, &before, err)) &&
           run(t, out, err);
}

bool c2s_session_retrain(struct c2s_session *s, const struct c2s_retrain_plan *plan,
                         struct c2s_retrained *out, struct c2s_error *err)
{
    struct training t = {.session = s};
    struct c2s_retrained made = {0};
    bool ok = session_require_current(s, err) && retrain(&t, plan, &made, err);
    finish(&t);
    if (!ok) {
        c2s_retrained_finish(&made);
        return false;
    }
    made.id = s->current->info.id;
    *out = made;
    return true;
}
