/* Retraining through the session, on tiny images: which data, the same step again, going on,
 * stopping, replay with a teacher. */
#include "support.h"
#include "training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/keras.h>
#include <c2s/session_learn.h>

#include "memory_journal.h"

struct bench {
    struct c2s_journal *journal;
    struct c2s_session *session;
    char *folder;
    char model[600];
    int64_t cancel_at; /* samples done; 0 = never */
};

static struct bench bench;

static bool report(void *arg, const struct c2s_progress_event *event)
{
    struct bench *b = arg;
    return b->cancel_at == 0 || !event->training || event->done < b->cancel_at;
}

static void start(struct bench *b)
{
    struct c2s_error err = {0};
    struct c2s_progress progress = {.report = report, .arg = b};
    struct c2s_dataset_options options = {.scale = 255};
    b->journal = memory_journal_create();
    assert_ok(c2s_session_create(b->journal, &progress, &b->session, &err), &err);
    assert_ok(c2s_session_use_data(b->session, b->folder, &options, &err), &err);
    assert_ok(c2s_session_load(b->session, b->model, NULL, NULL, NULL, &err), &err);
}

static void leave(struct bench *b)
{
    c2s_session_destroy(b->session);
    b->journal->ops->close(b->journal);
}

static int prepare(void **state)
{
    struct c2s_error err = {0};
    struct c2s_model *m = tiny_model(5);
    bench = (struct bench){.folder = tiny_folder(80)};
    snprintf(bench.model, sizeof bench.model, "%s/tiny.h5", bench.folder);
    assert_ok(c2s_keras_write(m, bench.model, &(struct c2s_keras_write_options){0}, &err), &err);
    c2s_model_destroy(m);
    start(&bench);
    *state = &bench;
    return 0;
}

static int clean_up(void **state)
{
    struct bench *b = *state;
    leave(b);
    remove_temp_dir(b->folder);
    return 0;
}

static struct c2s_retrain_plan tiny_plan(void)
{
    return (struct c2s_retrain_plan){.train = tiny_options()};
}

static struct c2s_retrained retrain(struct bench *b, const struct c2s_retrain_plan *plan)
{
    struct c2s_error err = {0};
    struct c2s_retrained result = {0};
    assert_ok(c2s_session_retrain(b->session, plan, &result, &err), &err);
    return result;
}

static const char *current_hash(struct bench *b)
{
    return c2s_session_current(b->session)->info.model_hash;
}

static void refuses(struct bench *b, const struct c2s_retrain_plan *plan, enum c2s_code code,
                    const char *part)
{
    struct c2s_error err = {0};
    struct c2s_retrained result = {0};
    const struct c2s_version *before = c2s_session_current(b->session);
    assert_false(c2s_session_retrain(b->session, plan, &result, &err));
    if (err.code != code || !strstr(err.text, part))
        fail_msg("%s: %s (%s), not '%s'", err.where, err.text, c2s_code_name(err.code), part);
    assert_ptr_equal(before, c2s_session_current(b->session));
}

static bool copy_run(void *arg, const struct c2s_run *run)
{
    *(struct c2s_run *)arg = *run;
    return true;
}

static void it_trains_on_the_training_part(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    struct c2s_retrain_plan plan = tiny_plan();
    struct c2s_retrained r = retrain(b, &plan);
    const struct c2s_version *v = c2s_session_current(b->session);
    assert_true(r.is_new && !r.was_cached && !r.learned.is_measured);
    assert_int_equal(r.id, 2);
    assert_int_equal(v->info.parent, 1);
    assert_int_equal(v->n_epochs, 4);
    assert_non_null(strstr(v->info.step, ",split=train,scale=255"));
    assert_non_null(strstr(v->info.step, " --epochs 3 --lr 0.01 --batch 16 --engine ref"));
    c2s_retrained_finish(&r);
    assert_ok(c2s_session_checkout(b->session, "v1", &err), &err);
    plan.data = b->folder; /* says the same */
    r = retrain(b, &plan);
    assert_true(r.was_cached && !r.is_new);
    assert_int_equal(r.id, 2);
    assert_int_equal(r.report.n_epochs, 4);
    assert_true(r.report.best_epoch > 0);
    c2s_retrained_finish(&r);
}

static void training_data_in_use_is_taken_as_it_is(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    struct c2s_dataset_options options = {.scale = 255, .split = "train", .limit = 60, .seed = 4};
    struct c2s_retrain_plan plan = tiny_plan();
    assert_ok(c2s_session_use_data(b->session, b->folder, &options, &err), &err);
    struct c2s_retrained r = retrain(b, &plan);
    assert_non_null(strstr(c2s_session_current(b->session)->info.step, ",limit=60,seed=4"));
    assert_true(r.learned.is_measured);
    assert_int_equal(r.report.n_data, 45);
    c2s_retrained_finish(&r);
}

static void without_training_data_nothing_is_trained(void **state)
{
    struct bench *b = *state;
    char path[700];
    struct c2s_retrain_plan plan = tiny_plan();
    snprintf(path, sizeof path, "%s/train-images-idx3-ubyte", b->folder);
    assert_int_equal(remove(path), 0);
    refuses(b, &plan, C2S_STATE, "has no training part");
    plan.data = "nowhere";
    refuses(b, &plan, C2S_IO, "nowhere");
    plan.data = b->folder;
    plan.validation = "nowhere";
    refuses(b, &plan, C2S_IO, "nowhere");
}

/* A replay must not take the scale of whatever data is in use then. */
static void the_scale_is_always_said(void **state)
{
    struct bench *b = *state;
    char data[700];
    struct c2s_retrain_plan plan = tiny_plan();
    snprintf(data, sizeof data, "%s,scale=1", b->folder);
    plan.data = data;
    plan.train.learning_rate = 1e-4;
    plan.train.validation = 0;
    struct c2s_retrained r = retrain(b, &plan);
    assert_non_null(strstr(c2s_session_current(b->session)->info.step, ",split=train,scale=1 "));
    c2s_retrained_finish(&r);
}

static void validation_data_decides(void **state)
{
    struct bench *b = *state;
    struct c2s_retrain_plan plan = tiny_plan();
    plan.validation = b->folder;
    struct c2s_retrained r = retrain(b, &plan);
    assert_int_equal(r.report.n_data, 80);
    assert_int_equal(r.report.n_validation, 80);
    assert_non_null(strstr(c2s_session_current(b->session)->info.step, ",split=test,scale=255"));
    c2s_retrained_finish(&r);
}

/* ---- interruption ---- */

static struct c2s_journal_ops failing_ops;
static bool (*real_put)(struct c2s_journal *, const struct c2s_run *, const struct c2s_checkpoint *,
                        int64_t *, struct c2s_error *);

/* The disk is full from the third epoch on. */
static bool put_two(struct c2s_journal *j, const struct c2s_run *run,
                    const struct c2s_checkpoint *c, int64_t *id, struct c2s_error *err)
{
    return c->epochs[c->n_epochs - 1].epoch > 2
               ? c2s_fail_advising(err, C2S_STORE, "nothing was changed; repeat the command",
                                   "the disk is full")
               : real_put(j, run, c, id, err);
}

static void a_full_disk_loses_no_epoch_before(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    struct c2s_retrain_plan plan = tiny_plan();
    char whole[C2S_HASH_LENGTH + 1];
    plan.train.epochs = 4;
    struct c2s_retrained r = retrain(b, &plan);
    snprintf(whole, sizeof whole, "%s", current_hash(b));
    c2s_retrained_finish(&r);
    leave(b);
    start(b);
    const struct c2s_journal_ops *ops = b->journal->ops;
    failing_ops = *ops;
    real_put = ops->put_run;
    failing_ops.put_run = put_two;
    b->journal->ops = &failing_ops;
    refuses(
        b, &plan, C2S_STORE,
        "epoch 3 is trained but cannot be kept: the disk is full; up to epoch 2 all is kept: when "
        "that is mended, retrain --resume");
    b->journal->ops = ops;
    struct c2s_interrupted i = {0};
    assert_ok(c2s_session_interrupted(b->session, &i, &err), &err);
    assert_non_null(strstr(i.step, " --epochs 4 "));
    assert_int_equal(i.version, 1);
    assert_int_equal(i.n_epochs, 2);
    c2s_interrupted_finish(&i);
    plan.resume = true;
    plan.train.seed++;
    refuses(b, &plan, C2S_STATE, "was interrupted");
    plan.train.seed--;
    r = retrain(b, &plan);
    assert_int_equal(r.resumed_after, 2);
    assert_string_equal(current_hash(b), whole);
    assert_false(c2s_session_interrupted(b->session, &i, &err));
    assert_int_equal(err.code, C2S_STATE);
    c2s_retrained_finish(&r);
}

static bool append_nothing(struct c2s_journal *j, const struct c2s_version *v, int64_t *id,
                           bool *is_new, struct c2s_error *err)
{
    (void)j, (void)v, (void)id, (void)is_new;
    return c2s_fail_advising(err, C2S_STORE, "nothing was changed", "the disk is full");
}

static void a_version_that_cannot_be_made_is_made_later(void **state)
{
    struct bench *b = *state;
    struct c2s_retrain_plan plan = tiny_plan();
    const struct c2s_journal_ops *ops = b->journal->ops;
    failing_ops = *ops;
    failing_ops.append = append_nothing;
    b->journal->ops = &failing_ops;
    refuses(
        b, &plan, C2S_STORE,
        "its end cannot be kept: the disk is full; every epoch is: when that is mended, retrain "
        "--resume");
    b->journal->ops = ops;
    plan.resume = true;
    struct c2s_retrained r = retrain(b, &plan);
    assert_int_equal(r.resumed_after, plan.train.epochs);
    assert_true(r.is_new && r.report.best_epoch > 0);
    c2s_retrained_finish(&r);
}

static void changed_data_cannot_be_gone_on_with(void **state)
{
    struct bench *b = *state;
    struct c2s_retrain_plan plan = tiny_plan();
    char path[700];
    const struct c2s_journal_ops *ops = b->journal->ops;
    plan.train.epochs = 4;
    failing_ops = *ops;
    real_put = ops->put_run;
    failing_ops.put_run = put_two;
    b->journal->ops = &failing_ops;
    refuses(b, &plan, C2S_STORE, "cannot be kept");
    b->journal->ops = ops;
    snprintf(path, sizeof path, "%s/train-images-idx3-ubyte", b->folder);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, 100, SEEK_SET);
    fputc(255, f);
    fclose(f);
    plan.resume = true;
    refuses(b, &plan, C2S_STATE, "has changed");
}

static void cancelling_keeps_the_best_and_can_be_replayed(void **state)
{
    struct bench *b = *state;
    struct c2s_retrain_plan plan = tiny_plan();
    char stopped[C2S_HASH_LENGTH + 1];
    plan.train.epochs = 6;
    b->cancel_at = 20;
    refuses(b, &plan, C2S_CANCELLED, "before the first epoch");
    b->cancel_at = 60 * 2 + 20;
    struct c2s_retrained r = retrain(b, &plan);
    assert_true(r.is_new && r.report.was_stopped && r.can_go_on);
    const char *said = strstr(c2s_session_current(b->session)->info.step, " --stop-after 2");
    assert_non_null(said);
    assert_int_equal(strlen(said), 15);
    snprintf(stopped, sizeof stopped, "%s", current_hash(b));
    c2s_retrained_finish(&r);
    leave(b);
    b->cancel_at = 0;
    start(b);
    plan.train.stop_after = 2; /* as far as it was asked for: nothing is left to go on with */
    r = retrain(b, &plan);
    struct c2s_interrupted i = {0};
    struct c2s_error err = {0};
    assert_string_equal(current_hash(b), stopped);
    assert_false(r.can_go_on || c2s_session_interrupted(b->session, &i, &err));
    assert_int_equal(err.code, C2S_STATE);
    c2s_retrained_finish(&r);
}

static void what_was_cancelled_goes_on_to_the_same_result(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    struct c2s_retrain_plan plan = tiny_plan();
    struct c2s_interrupted i = {0};
    char whole[C2S_HASH_LENGTH + 1];
    plan.train.epochs = 6;
    struct c2s_retrained r = retrain(b, &plan);
    snprintf(whole, sizeof whole, "%s", current_hash(b));
    c2s_retrained_finish(&r);
    leave(b);
    start(b);
    for (int stop = 2; stop <= 4;
         stop += 2) { /* stopped twice, each time from the version so far */
        b->cancel_at = 60 * stop + 20;
        r = retrain(b, &plan);
        assert_true(r.is_new && r.can_go_on);
        assert_int_equal(r.resumed_after, stop - 2);
        assert_int_equal(r.id, 1 + stop / 2);
        c2s_retrained_finish(&r);
        assert_ok(c2s_session_interrupted(b->session, &i, &err), &err);
        assert_int_equal(i.version, 1);
        assert_int_equal(i.n_epochs, stop);
        plan.version = i.version;
        plan.resume = true;
        c2s_interrupted_finish(&i);
    }
    b->cancel_at = 0;
    r = retrain(b, &plan);
    const struct c2s_version *v = c2s_session_current(b->session);
    assert_int_equal(r.resumed_after, 4);
    assert_int_equal(r.parent, 1);
    assert_int_equal(v->info.parent, 1);
    assert_int_equal(v->n_epochs, 7);
    assert_null(strstr(v->info.step, "--stop-after"));
    assert_string_equal(current_hash(b), whole);
    assert_false(c2s_session_interrupted(b->session, &i, &err));
    c2s_retrained_finish(&r);
}

/* Steps too small to change a number, and statistics that stay. */
static struct c2s_retrain_plan plan_without_gain(int epochs)
{
    struct c2s_retrain_plan plan = tiny_plan();
    plan.train.epochs = epochs;
    plan.train.learning_rate = 1e-30;
    plan.train.freeze = "layer_2"; /* its BatchNormalization */
    return plan;
}

static void find_ended(struct bench *b, struct c2s_run *out)
{
    struct c2s_error err = {0};
    *out = (struct c2s_run){0};
    assert_ok(b->journal->ops->each_run(b->journal, copy_run, out, &err), &err);
    assert_int_equal(out->state, C2S_RUN_ENDED);
}

static void nothing_better_makes_no_version_but_a_story(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    struct c2s_retrain_plan plan = tiny_plan();
    struct c2s_interrupted i = {0};
    struct c2s_run run;
    struct c2s_checkpoint story;
    plan.train.epochs = 8;
    struct c2s_retrained good = retrain(b, &plan);
    plan = plan_without_gain(2);
    struct c2s_retrained r = retrain(b, &plan);
    assert_int_equal(r.report.best_epoch, 0);
    assert_int_equal(r.id, good.id);
    assert_false(r.is_new || r.can_go_on);
    assert_false(c2s_session_interrupted(b->session, &i, &err)); /* it ended */
    find_ended(b, &run);
    assert_int_equal(run.parent, good.id);
    assert_ok(b->journal->ops->fetch_run(b->journal, run.id, &story, &err), &err);
    assert_int_equal(story.n_epochs, 3);
    assert_int_equal(story.n_tensors, 0);
    for (int k = 1; k < 3; k++) {
        assert_float_equal(story.epochs[k].loss, r.report.epochs[k].loss, 0);
        assert_float_equal(story.epochs[k].accuracy, r.report.epochs[k].accuracy, 0);
    }
    c2s_checkpoint_finish(&story);
    c2s_retrained_finish(&r);
    /* The same once more is known: the first batch would cancel it. */
    assert_ok(
        b->journal->ops->leave_run(b->journal, run.id, C2S_RUN_ENDED, "epoch 3: no number", &err),
        &err);
    b->cancel_at = 1;
    r = retrain(b, &plan);
    assert_true(r.was_cached && !r.can_go_on);
    assert_int_equal(r.report.n_epochs, 3);
    assert_int_equal(r.report.last_epoch, 2);
    assert_string_equal(r.report.trouble, "epoch 3: no number");
    c2s_retrained_finish(&r);
    c2s_retrained_finish(&good);
}

static void what_is_no_better_yet_can_go_on(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    struct c2s_retrain_plan plan = tiny_plan();
    struct c2s_interrupted i = {0};
    struct c2s_run run;
    plan.train.epochs = 8;
    struct c2s_retrained good = retrain(b, &plan);
    plan = plan_without_gain(3);
    b->cancel_at = 60 + 20;
    struct c2s_retrained r = retrain(b, &plan);
    assert_true(r.report.was_stopped && r.can_go_on && !r.is_new);
    assert_int_equal(r.report.best_epoch, 0);
    assert_int_equal(r.id, good.id);
    c2s_retrained_finish(&r);
    assert_ok(c2s_session_interrupted(b->session, &i, &err), &err);
    assert_int_equal(i.version, good.id);
    c2s_interrupted_finish(&i);
    b->cancel_at = 0;
    plan.resume = true;
    r = retrain(b, &plan);
    assert_int_equal(r.resumed_after, 1);
    assert_int_equal(r.report.n_epochs, 4);
    find_ended(b, &run);
    assert_int_equal(run.n_epochs, 3);
    c2s_retrained_finish(&r);
    /* Only what could go on is forgotten. */
    plan = plan_without_gain(2);
    b->cancel_at = 60 + 20;
    r = retrain(b, &plan);
    c2s_retrained_finish(&r);
    int n;
    assert_ok(c2s_session_forget_trainings(b->session, &n, &err), &err);
    assert_int_equal(n, 1);
    assert_false(c2s_session_interrupted(b->session, &i, &err));
    find_ended(b, &run);
    c2s_retrained_finish(&good);
}

static void what_a_training_needs_to_go_on_stays(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    struct c2s_retrain_plan plan = tiny_plan();
    int n;
    struct c2s_retrained r = retrain(b, &plan); /* v2, the teacher */
    c2s_retrained_finish(&r);
    assert_ok(c2s_session_checkout(b->session, "v1", &err), &err);
    plan.teacher = "v2";
    b->cancel_at = 60 + 20;
    r = retrain(b, &plan); /* v3 so far */
    assert_true(r.can_go_on);
    c2s_retrained_finish(&r);
    assert_false(c2s_session_remove(b->session, "v2", false, &n, &err));
    assert_int_equal(err.code, C2S_STATE);
    assert_non_null(strstr(err.text, "v2 teaches v1"));
    err = (struct c2s_error){0};
    b->cancel_at = 0;
    plan.version = 1;
    plan.resume = true;
    r = retrain(b, &plan); /* v4 */
    assert_int_equal(r.resumed_after, 1);
    assert_int_equal(r.report.best_epoch,
                     1); /* the same weights as v3, and a version all the same */
    assert_int_equal(r.id, 4);
    c2s_retrained_finish(&r);
    assert_ok(c2s_session_remove(b->session, "v2", false, &n, &err), &err);
    assert_int_equal(n, 0);
    /* A version takes its trainings with it, and says so. */
    plan = tiny_plan();
    b->cancel_at = 60 + 20;
    r = retrain(b, &plan);
    c2s_retrained_finish(&r);
    assert_ok(c2s_session_checkout(b->session, "v1", &err), &err);
    assert_ok(c2s_session_remove(b->session, "v4", true, &n, &err), &err);
    assert_int_equal(n, 1);
}

/* ---- replay ---- */

static bool add_line(void *arg, const char *text)
{
    char *all = arg;
    strcat(strcat(all, text), "\n");
    return true;
}

static void a_teacher_is_counted_anew(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    struct c2s_retrain_plan plan = tiny_plan();
    char script[4000] = "";
    plan.train.validation = 0;
    struct c2s_retrained first = retrain(b, &plan); /* v2 */
    assert_ok(c2s_session_checkout(b->session, "v1", &err), &err);
    plan.train.seed = 2;
    struct c2s_retrained second = retrain(b, &plan); /* v3, the teacher */
    assert_ok(c2s_session_checkout(b->session, "v1", &err), &err);
    plan.train.seed = 3;
    plan.teacher = "v3";
    struct c2s_retrained third = retrain(b, &plan); /* v4 */
    assert_non_null(strstr(c2s_session_current(b->session)->info.step, " --distill v3 "));
    assert_ok(c2s_session_script(b->session, "v4", add_line, script, &err), &err);
    assert_non_null(strstr(script, " --seed 2 ")); /* v3 is needed, v2 is not */
    assert_non_null(strstr(script, " --distill v2 "));
    assert_ok(c2s_session_remove(b->session, "v3", false, NULL, &err), &err);
    script[0] = '\0';
    assert_ok(c2s_session_script(b->session, "v4", add_line, script, &err), &err);
    assert_non_null(strstr(script, "# its teacher v3 was removed"));
    c2s_retrained_finish(&first);
    c2s_retrained_finish(&second);
    c2s_retrained_finish(&third);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, prepare, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BENCH(it_trains_on_the_training_part),
        ON_BENCH(training_data_in_use_is_taken_as_it_is),
        ON_BENCH(without_training_data_nothing_is_trained),
        ON_BENCH(the_scale_is_always_said),
        ON_BENCH(validation_data_decides),
        ON_BENCH(a_full_disk_loses_no_epoch_before),
        ON_BENCH(a_version_that_cannot_be_made_is_made_later),
        ON_BENCH(changed_data_cannot_be_gone_on_with),
        ON_BENCH(cancelling_keeps_the_best_and_can_be_replayed),
        ON_BENCH(what_was_cancelled_goes_on_to_the_same_result),
        ON_BENCH(nothing_better_makes_no_version_but_a_story),
        ON_BENCH(what_is_no_better_yet_can_go_on),
        ON_BENCH(what_a_training_needs_to_go_on_stays),
        ON_BENCH(a_teacher_is_counted_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
