/* The staged recipe: its stages are ordinary versions, what is there is not made again, failures
 * and Ctrl-C keep what was made, and every model of the gallery ends well or says why not. */
#include "files.h"
#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/session_learn.h>

#include "journal_support.h"
#include "store.h"

enum { N = 24 };

struct bench {
    struct c2s_journal *journal;
    struct c2s_session *session;
    bool (*report)(void *arg, const struct c2s_progress_event *event);
};

static struct bench bench;

static bool pass_on(void *arg, const struct c2s_progress_event *event)
{
    return !bench.report || bench.report(arg, event);
}

static int start(void **state)
{
    struct c2s_error err = {0};
    const struct c2s_progress progress = {pass_on, NULL};
    make_test_folder(state);
    assert_ok(c2s_store_open(":memory:", &bench.journal, &err), &err);
    assert_ok(c2s_session_create(bench.journal, &progress, &bench.session, &err), &err);
    bench.report = NULL;
    return 0;
}

static int finish(void **state)
{
    c2s_session_destroy(bench.session);
    bench.journal->ops->close(bench.journal);
    return remove_test_folder(state);
}

/* Training and test part for a model of that input: bytes, classes in turn. */
static void write_data(const struct c2s_model *m)
{
    static const char *const parts[] = {"train", "test"};
    char shape[120] = "24,", name[40];
    size_t n = N;
    const struct c2s_layer *input = m->layers[m->inputs[0]];
    const struct c2s_layer *output = m->layers[m->outputs[0]];
    int classes = output->rank > 0 ? (int)output->dims[output->rank - 1] : 1;
    for (int i = 0; i < input->rank; i++) {
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%lld,",
                 (long long)input->dims[i]);
        n *= (size_t)input->dims[i];
    }
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "x_%s.npy", parts[i]);
        write_npy_counting(in_test_folder(name), shape, n, i ? 251 : 241);
        snprintf(name, sizeof name, "y_%s.npy", parts[i]);
        write_npy_counting(in_test_folder(name), "24,", N, classes > 1 ? classes : 2);
    }
}

/* Loads a model of the gallery and uses data of its shape. */
static bool begin(const char *name, struct c2s_error *err)
{
    struct c2s_dataset_options options = {.scale = 255};
    if (!c2s_session_load(bench.session, data_path("gallery/%s", name), NULL, NULL, NULL, err))
        return false;
    write_data(c2s_session_current(bench.session)->model);
    return c2s_session_use_data(bench.session, test_folder(), &options, err);
}

static struct c2s_auto_plan usual_plan(void)
{
    struct c2s_auto_plan plan = {.weights = 4,
                                 .activations = 4,
                                 .retrain = {.train = c2s_train_defaults()},
                                 .check = {.level = C2S_LEVEL_AKD1000},
                                 .largest_drop = 1};
    plan.retrain.train.epochs = 2;
    plan.retrain.train.batch = 8;
    plan.retrain.train.validation = 0;
    return plan;
}

static const struct c2s_version *current(void)
{
    return c2s_session_current(bench.session);
}

static const struct c2s_stage *stage_of(const struct c2s_auto_report *r, const char *name, int nth)
{
    for (int i = 0; i < C2S_N_STAGES; i++)
        if (strcmp(r->stages[i].name, name) == 0 && nth-- == 0)
            return &r->stages[i];
    fail_msg("no stage %s", name);
    return r->stages;
}

static void assert_step(int64_t id, const char *step)
{
    struct c2s_version *v = fetch_version(bench.journal, id);
    if (strncmp(v->info.step, step, strlen(step)) != 0)
        fail_msg("v%d was made by '%s', not '%s'", (int)id, v->info.step, step);
    c2s_version_destroy(v);
}

static void run(const struct c2s_auto_plan *plan, struct c2s_auto_report *r)
{
    struct c2s_error err = {0};
    bool ok = c2s_session_auto_quantize(bench.session, plan, r, &err);
    assert_ok(ok, &err);
}

static void stages_are_versions(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_auto_report r, again;
    struct c2s_auto_plan plan = usual_plan();
    assert_ok(begin("ok_pool_bn.h5", &err), &err);
    run(&plan, &r);
    assert_int_equal(r.begun_at, 1);
    assert_int_equal(r.first, 1);
    assert_int_equal(stage_of(&r, "check", 0)->state, C2S_STAGE_DONE);
    assert_int_equal(stage_of(&r, "calibrate", 0)->state, C2S_STAGE_DONE);
    assert_step(stage_of(&r, "calibrate", 0)->version, "calibrate ranges --data ");
    assert_step(stage_of(&r, "activations", 0)->version, "quantize activations 4");
    assert_step(stage_of(&r, "weights", 0)->version, "quantize weights 4 --input 8");
    for (int i = 0; i < 2; i++) { /* trained without validation: the loss falls */
        assert_int_equal(stage_of(&r, "retrain", i)->state, C2S_STAGE_DONE);
        assert_step(stage_of(&r, "retrain", i)->version, "retrain ");
        assert_true(stage_of(&r, "retrain", i)->has_accuracy);
    }
    const struct c2s_stage *end = stage_of(&r, "verify", 0);
    assert_true(end->has_accuracy && end->has_chip);
    assert_int_equal(end->version, current()->info.id);
    assert_int_equal(end->chip.version, current()->info.id);
    assert_string_equal(end->chip.engine, "akida");
    assert_int_equal(end->chip.metrics.n, N);
    assert_float_equal(r.drop, (double)(r.before.metrics.correct - end->chip.metrics.correct) / N,
                       1e-12);
    assert_true(r.is_gate_met);
    for (int i = 0; i < current()->model->n_layers; i++) {
        const struct c2s_layer *l = current()->model->layers[i];
        assert_true(!c2s_layer_is_akida_neural(l) || c2s_layer_weight_bits(l) > 0);
        assert_int_not_equal(l->op, C2S_OP_RELU);
    }
    /* Once more from where it ended: nothing is to do. */
    int n_versions = count_versions(bench.journal);
    int64_t last = current()->info.id;
    run(&plan, &again);
    for (int i = 1; i < C2S_N_STAGES - 1; i++)
        assert_int_equal(again.stages[i].state, C2S_STAGE_SKIPPED);
    assert_int_equal(current()->info.id, last);
    /* From the beginning: the same versions, and nothing is trained. */
    assert_ok(c2s_session_checkout(bench.session, "v1", &err), &err);
    run(&plan, &again);
    assert_int_equal(current()->info.id, last);
    assert_int_equal(count_versions(bench.journal), n_versions);
    for (int i = 0; i < 2; i++)
        assert_non_null(strstr(stage_of(&again, "retrain", i)->text, "trained before"));
}

static void failures_keep_what_was_made(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_auto_report r;
    struct c2s_auto_plan plan = usual_plan();
    assert_ok(begin("ok_pool_bn.h5", &err), &err);
    int64_t there = current()->info.id;
    /* Data that cannot be had is told before anything is made. */
    plan.retrain.data = "nowhere";
    assert_false(c2s_session_auto_quantize(bench.session, &plan, &r, &err));
    assert_int_equal(err.code, C2S_IO);
    assert_non_null(strstr(err.text, "nowhere"));
    assert_int_equal(r.begun_at, 0);
    assert_int_equal(stage_of(&r, "check", 0)->state, C2S_STAGE_NOT_REACHED);
    assert_int_equal(current()->info.id, there);
    assert_int_equal(count_versions(bench.journal), 1);
    /* Batches larger than the data stop the first training: the stages before it stay. */
    err = (struct c2s_error){0};
    plan.retrain.data = NULL;
    plan.retrain.train.batch = 1000;
    assert_false(c2s_session_auto_quantize(bench.session, &plan, &r, &err));
    assert_string_equal(err.where, "stage 5 of 8, retrain");
    assert_true(current()->info.id > there);
    assert_step(current()->info.id, "quantize activations 4");
    there = current()->info.id;
    /* It goes on from there. */
    plan.retrain.train.batch = 8;
    run(&plan, &r);
    assert_int_equal(r.begun_at, there);
    assert_int_equal(r.first, 1); /* the float model */
    assert_int_equal(stage_of(&r, "calibrate", 0)->state, C2S_STAGE_SKIPPED);
    assert_int_equal(stage_of(&r, "activations", 0)->state, C2S_STAGE_SKIPPED);
    assert_int_equal(stage_of(&r, "retrain", 0)->state, C2S_STAGE_DONE);
}

static int n_ended; /* epochs of the training that goes on */

/* The first of the trainings has one epoch left. */
static bool stop_second_training(void *arg, const struct c2s_progress_event *event)
{
    (void)arg;
    if (!event->training)
        return true;
    n_ended += event->training->ended != NULL;
    return n_ended < 2 || event->training->epoch < 2 || event->training->ended;
}

static bool stop_training(void *arg, const struct c2s_progress_event *event)
{
    (void)arg; /* as the first batch of the second epoch ends */
    return !event->training || event->training->epoch < 2 || event->training->ended;
}

static void a_stopped_training_keeps_its_best_epoch_and_goes_on(void **state)
{
    struct c2s_error err = {0};
    struct c2s_auto_report r;
    struct c2s_auto_plan plan = usual_plan();
    char whole[C2S_HASH_LENGTH + 1];
    assert_ok(begin("ok_pool_bn.h5", &err), &err);
    run(&plan, &r);
    snprintf(whole, sizeof whole, "%s", current()->info.model_hash);
    finish(state);
    start(state);
    assert_ok(begin("ok_pool_bn.h5", &err), &err);
    bench.report = stop_training;
    for (int nth = 0; nth < 2; nth++) { /* each training once; the first then goes on */
        const struct c2s_stage *stage;
        err = (struct c2s_error){0};
        assert_false(c2s_session_auto_quantize(bench.session, &plan, &r, &err));
        assert_int_equal(err.code, C2S_CANCELLED);
        assert_non_null(strstr(err.text, "after epoch 1"));
        stage = stage_of(&r, "retrain", nth);
        assert_int_equal(stage->state, C2S_STAGE_STOPPED);
        assert_string_equal(stage->text, "epoch 1 of 1 is the best so far");
        assert_non_null(strstr(current()->info.step, " --stop-after 1"));
        if (nth == 0) {
            bench.report = stop_second_training;
            n_ended = 0;
        }
    }
    bench.report = NULL;
    run(&plan, &r);
    /* the best epoch of the first, which was stopped and went on */
    const char *told = stage_of(&r, "retrain", 0)->text;
    assert_int_equal(strncmp(told, "trained before: v", 17), 0);
    assert_step(strtoll(told + 17, NULL, 10), "retrain ");
    assert_int_equal(stage_of(&r, "retrain", 1)->state, C2S_STAGE_DONE);
    assert_string_equal(current()->info.model_hash, whole);
}

static void another_plan_takes_a_stopped_training_as_it_is(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_auto_report r;
    struct c2s_auto_plan plan = usual_plan();
    assert_ok(begin("ok_pool_bn.h5", &err), &err);
    bench.report = stop_training;
    assert_false(c2s_session_auto_quantize(bench.session, &plan, &r, &err));
    bench.report = NULL;
    plan.retrain.train.epochs = 1;
    run(&plan, &r);
    assert_string_equal(stage_of(&r, "retrain", 0)->text, "trained since its last quantization");
    assert_int_equal(stage_of(&r, "retrain", 1)->state, C2S_STAGE_DONE);
}

static bool stop_before_weights(void *arg, const struct c2s_progress_event *event)
{
    (void)arg;
    return !strstr(event->what, ": weights");
}

static bool stop_before_activations(void *arg, const struct c2s_progress_event *event)
{
    (void)arg;
    return !strstr(event->what, ": activations");
}

static void stopping_between_stages(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_auto_report r;
    struct c2s_auto_plan plan = usual_plan();
    assert_ok(begin("ok_pool_bn.h5", &err), &err);
    bench.report = stop_before_weights;
    assert_false(c2s_session_auto_quantize(bench.session, &plan, &r, &err));
    assert_int_equal(err.code, C2S_CANCELLED);
    assert_int_equal(stage_of(&r, "retrain", 0)->state, C2S_STAGE_DONE);
    assert_int_equal(stage_of(&r, "weights", 0)->state, C2S_STAGE_NOT_REACHED);
    assert_step(current()->info.id, "retrain ");
    /* Ranges are not calibrated twice. */
    int n = count_versions(bench.journal);
    err = (struct c2s_error){0};
    assert_ok(c2s_session_checkout(bench.session, "v1", &err), &err);
    bench.report = stop_before_activations;
    assert_false(c2s_session_auto_quantize(bench.session, &plan, &r, &err));
    assert_step(current()->info.id, "calibrate ranges ");
    bench.report = NULL;
    run(&plan, &r);
    assert_string_equal(stage_of(&r, "calibrate", 0)->text, "ranges are calibrated already");
    assert_int_equal(count_versions(bench.journal), n + 2); /* weights and their training */
}

static void gates_and_bits(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_auto_report r;
    struct c2s_auto_plan plan = usual_plan();
    assert_ok(begin("ok_gap.h5", &err), &err);
    plan.retrain.train.epochs = 0;
    plan.min_accuracy = 1.01;
    run(&plan, &r);
    assert_false(r.is_gate_met);
    assert_int_equal(stage_of(&r, "retrain", 0)->state, C2S_STAGE_SKIPPED);
    plan.min_accuracy = 0;
    plan.largest_drop = r.drop - 0.001;
    run(&plan, &r);
    assert_false(r.is_gate_met);
    plan.largest_drop = r.drop;
    run(&plan, &r);
    assert_true(r.is_gate_met);
    plan.weights = 9;
    assert_false(c2s_session_auto_quantize(bench.session, &plan, &r, &err));
    assert_int_equal(err.code, C2S_RANGE);
}

/* One model through the recipe; what it ends with stands in the journal. */
static bool try_model(const char *name, struct c2s_error *err)
{
    struct c2s_auto_report r;
    struct c2s_auto_plan plan = usual_plan();
    plan.retrain.train.epochs = 1;
    if (!begin(name, err))
        return false;
    bool ok = c2s_session_auto_quantize(bench.session, &plan, &r, err);
    if (ok)
        assert_true(r.stages[C2S_N_STAGES - 1].has_chip);
    else if (r.begun_at > 0)
        assert_true(strlen(err->text) > 20 && strncmp(err->where, "stage ", 6) == 0);
    return ok;
}

static void every_model_of_the_gallery(void **state)
{
    (void)state;
    int n_good = 0, n_refused = 0;
    DIR *folder = opendir(data_path("gallery"));
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        struct c2s_error err = {0};
        if (!strstr(e->d_name, ".h5"))
            continue;
        bool ok = try_model(e->d_name, &err);
        n_good += ok;
        n_refused += !ok;
        bool is_expected = ok || err.code == C2S_STATE || err.code == C2S_UNSUPPORTED ||
                           err.code == C2S_RANGE || err.code == C2S_SHAPE;
        if (!is_expected)
            fail_msg("%s: %s: %s", e->d_name, err.where, err.text);
        if (strncmp(e->d_name, "ok_", 3) == 0 && !ok)
            fail_msg("%s: %s: %s", e->d_name, err.where, err.text);
    }
    closedir(folder);
    assert_true(n_good >= 10);
    assert_true(n_refused >= 3); /* several ends, NaN among the weights, ... */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stages_are_versions, start, finish),
        cmocka_unit_test_setup_teardown(failures_keep_what_was_made, start, finish),
        cmocka_unit_test_setup_teardown(a_stopped_training_keeps_its_best_epoch_and_goes_on, start,
                                        finish),
        cmocka_unit_test_setup_teardown(another_plan_takes_a_stopped_training_as_it_is, start,
                                        finish),
        cmocka_unit_test_setup_teardown(stopping_between_stages, start, finish),
        cmocka_unit_test_setup_teardown(gates_and_bits, start, finish),
        cmocka_unit_test_setup_teardown(every_model_of_the_gallery, start, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
