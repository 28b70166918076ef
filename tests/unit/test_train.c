/* The training loop on tiny images: it learns, keeps the best, stops, goes on with the same bits,
 * and ends where numbers end. */
#include "support.h"
#include "nets.h"
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/keras.h>

enum { N = 80 };

static char *folder;
static struct c2s_dataset *data;

static int open_tiny(void **state)
{
    (void)state;
    folder = tiny_folder(N);
    data = tiny_data(folder);
    return 0;
}

static int close_tiny(void **state)
{
    (void)state;
    c2s_dataset_close(data);
    remove_temp_dir(folder);
    return 0;
}

/* What a training gave. */
struct outcome {
    struct c2s_train_report report;
    char hash[C2S_HASH_LENGTH + 1];
    struct c2s_model *model;
};

static void forget(struct outcome *o)
{
    c2s_train_report_finish(&o->report);
    c2s_model_destroy(o->model);
}

static struct outcome run(const struct c2s_train_request *r)
{
    struct c2s_error err = {0};
    struct outcome o = {0};
    assert_ok(c2s_train(r, &o.model, &o.report, &err), &err);
    assert_ok(c2s_model_hash(o.model, o.hash, &err), &err);
    return o;
}

static struct outcome train(const struct c2s_train_options *options)
{
    struct c2s_model *m = tiny_model(5);
    struct c2s_train_request r = {.model = m, .data = data, .options = options};
    struct outcome o = run(&r);
    c2s_model_destroy(m);
    return o;
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* The same weights and the same story, apart from the clock. */
static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_string_equal(a->hash, b->hash);
    assert_int_equal(a->report.n_epochs, b->report.n_epochs);
    assert_int_equal(a->report.best_epoch, b->report.best_epoch);
    for (int i = 0; i < a->report.n_epochs; i++) {
        const struct c2s_epoch *x = &a->report.epochs[i], *y = &b->report.epochs[i];
        assert_int_equal(x->epoch, y->epoch);
        assert_true(same(x->loss, y->loss) && same(x->accuracy, y->accuracy));
        assert_true(same(x->validation_loss, y->validation_loss));
        assert_true(same(x->validation_accuracy, y->validation_accuracy));
        assert_true(same(x->learning_rate, y->learning_rate));
        assert_int_equal(x->is_best, y->is_best);
    }
}

static void it_learns_and_keeps_the_best(void **state)
{
    (void)state;
    struct c2s_train_options options = tiny_options();
    options.epochs = 8;
    struct outcome o = train(&options);
    assert_int_equal(o.report.n_epochs, 9);
    assert_int_equal(o.report.n_data, 60);
    assert_int_equal(o.report.n_validation, 20);
    const struct c2s_epoch *before = &o.report.epochs[0];
    const struct c2s_epoch *best = &o.report.epochs[o.report.best_epoch];
    assert_true(isnan(before->loss) && before->validation_accuracy < 0.7);
    assert_true(best->validation_accuracy > 0.9 && best->is_best);
    for (int i = 1; i < o.report.n_epochs; i++)
        assert_true(o.report.epochs[i].validation_accuracy <= best->validation_accuracy);
    assert_true(o.report.epochs[8].loss < o.report.epochs[1].loss);
    assert_false(o.report.was_stopped || o.report.was_patient || o.report.trouble[0]);
    /* The model that came out is the one that was measured: on all data it is as good. */
    struct c2s_error err = {0};
    struct c2s_engine *e = NULL;
    struct c2s_metrics metrics;
    assert_ok(c2s_engine_create("ref", o.model, NULL, &e, &err), &err);
    assert_ok(c2s_evaluate(e, data, NULL, &metrics, NULL, &err), &err);
    assert_true(metrics.correct > N * 8 / 10);
    c2s_engine_destroy(e);
    forget(&o);
}

static void the_number_of_threads_changes_nothing(void **state)
{
    (void)state;
    struct c2s_train_options options = tiny_options();
    options.augment = (struct c2s_augment){.flip = true, .shift = 1};
    options.n_threads = 1;
    struct outcome one = train(&options);
    for (int threads = 2; threads <= 5; threads++) {
        options.n_threads = threads;
        struct outcome more = train(&options);
        assert_same(&one, &more);
        forget(&more);
    }
    options.seed++;
    struct outcome other = train(&options);
    assert_string_not_equal(one.hash, other.hash);
    forget(&other);
    forget(&one);
}

/* Keeps the checkpoint of one epoch; stops when told to. */
struct watch {
    int epoch;
    struct c2s_checkpoint kept;
    int64_t stop_at; /* samples done; 0 = never */
};

static bool keep(void *arg, const struct c2s_checkpoint *c, struct c2s_error *err)
{
    struct watch *w = arg;
    return c->epochs[c->n_epochs - 1].epoch != w->epoch || c2s_checkpoint_copy(c, &w->kept, err);
}

static bool go_on(void *arg, const struct c2s_train_now *now)
{
    struct watch *w = arg;
    assert_true(now->done <= now->total && now->epoch >= 1);
    return w->stop_at == 0 || now->done < w->stop_at;
}

static void check_resume(struct c2s_train_options *options)
{
    for (int epoch = 1; epoch < options->epochs; epoch++) {
        struct watch w = {.epoch = epoch};
        struct c2s_model *m = tiny_model(5);
        struct c2s_train_request r = {.model = m,
                                      .data = data,
                                      .options = options,
                                      .watcher = {.now = go_on, .checkpoint = keep, .arg = &w}};
        struct outcome whole = run(&r);
        r.resume = &w.kept;
        r.watcher = (struct c2s_train_watcher){0};
        struct outcome resumed = run(&r);
        assert_same(&whole, &resumed);
        forget(&whole);
        forget(&resumed);
        c2s_checkpoint_finish(&w.kept);
        c2s_model_destroy(m);
    }
}

static void going_on_gives_the_same_bits(void **state)
{
    (void)state;
    struct c2s_train_options options = tiny_options();
    options.epochs = 4;
    options.augment = (struct c2s_augment){.flip = true, .shift = 2};
    check_resume(&options);
    options.optimizer = (struct c2s_optimizer_options){.kind = C2S_SGD, .momentum = 0.9};
    options.schedule = C2S_SCHEDULE_STEP;
    options.validation = 0;
    check_resume(&options);
}

static void stopping_keeps_what_a_replay_gives(void **state)
{
    (void)state;
    struct c2s_train_options options = tiny_options();
    options.epochs = 6;
    struct c2s_model *m = tiny_model(5);
    struct watch w = {.stop_at = 60 * 2 + 20}; /* inside epoch 3 */
    struct c2s_train_request r = {
        .model = m, .data = data, .options = &options, .watcher = {.now = go_on, .arg = &w}};
    struct outcome stopped = run(&r);
    assert_true(stopped.report.was_stopped);
    assert_int_equal(stopped.report.last_epoch, 2);
    r.watcher = (struct c2s_train_watcher){0};
    options.stop_after = 2;
    struct outcome replayed = run(&r);
    assert_true(replayed.report.was_stopped);
    assert_same(&stopped, &replayed);
    forget(&stopped);
    forget(&replayed);
    r.watcher = (struct c2s_train_watcher){.now = go_on, .arg = &w};
    w.stop_at = 20;
    struct c2s_error err = {0};
    struct outcome o = {0};
    assert_false(c2s_train(&r, &o.model, &o.report, &err));
    assert_int_equal(err.code, C2S_CANCELLED);
    assert_null(o.model);
    c2s_model_destroy(m);
}

static bool refuse(void *arg, const struct c2s_checkpoint *c, struct c2s_error *err)
{
    (void)arg;
    return c->n_epochs < 2 || c2s_fail(err, C2S_STORE, "the disk is full");
}

static void a_checkpoint_that_cannot_be_kept_ends_it(void **state)
{
    (void)state;
    struct c2s_train_options options = tiny_options();
    struct c2s_model *m = tiny_model(5);
    struct c2s_train_request r = {
        .model = m, .data = data, .options = &options, .watcher = {.checkpoint = refuse}};
    struct c2s_error err = {0};
    struct outcome o = {0};
    assert_false(c2s_train(&r, &o.model, &o.report, &err));
    assert_int_equal(err.code, C2S_STORE);
    c2s_model_destroy(m);
}

static void patience_ends_it(void **state)
{
    (void)state;
    struct c2s_train_options options = tiny_options();
    options.epochs = 50;
    options.patience = 2;
    options.learning_rate = 1e-12; /* nothing gets better */
    options.schedule = C2S_SCHEDULE_CONSTANT;
    options.freeze = "layer_2"; /* the moving averages stay, too */
    struct outcome o = train(&options);
    assert_true(o.report.was_patient && o.report.last_epoch < 50);
    assert_int_equal(o.report.last_epoch, o.report.best_epoch + 2);
    forget(&o);
}

static void nothing_better_gives_the_model_as_it_was(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_train_options options = tiny_options();
    options.epochs = 6;
    struct outcome good = train(&options);
    options.learning_rate = 5;
    options.optimizer.kind = C2S_SGD;
    options.epochs = 2;
    struct c2s_train_request r = {.model = good.model, .data = data, .options = &options};
    struct outcome o = run(&r);
    assert_int_equal(o.report.best_epoch, 0);
    assert_string_equal(o.hash, good.hash);
    for (int i = 0; i < good.model->n_layers; i++) /* not even copied */
        assert_ptr_equal(o.model->layers[i]->params[C2S_KERNEL],
                         good.model->layers[i]->params[C2S_KERNEL]);
    assert_int_equal(err.code, C2S_OK);
    forget(&o);
    forget(&good);
}

static void frozen_layers_stay(void **state)
{
    (void)state;
    struct c2s_train_options options = tiny_options();
    options.validation = 0;
    options.freeze = "layer_1,layer_2";
    struct c2s_model *m = tiny_model(5);
    struct c2s_train_request r = {.model = m, .data = data, .options = &options};
    struct outcome o = run(&r);
    for (int i = 0; i < m->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++)
            if (m->layers[i]->params[role])
                assert_int_equal(o.model->layers[i]->params[role] == m->layers[i]->params[role],
                                 i <= 2);
    forget(&o);
    c2s_model_destroy(m);
}

/* Without the last softmax: logits. */
static struct c2s_model *without_softmax(const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_model *cut = c2s_model_clone(m, &err);
    assert_ok(cut != NULL, &err);
    cut->outputs[0]--;
    assert_ok(c2s_model_remove(cut, cut->n_layers - 1, &err), &err);
    assert_ok(c2s_model_infer_shapes(cut, &err), &err);
    return cut;
}

static void a_teacher_is_followed_in_either_form(void **state)
{
    (void)state;
    struct c2s_train_options options = tiny_options();
    options.epochs = 6;
    struct outcome teacher = train(&options);
    struct c2s_model *m = tiny_model(6), *logits = without_softmax(teacher.model);
    struct c2s_model *plain = without_softmax(m);
    options.teacher_share = 1; /* the labels have no say */
    options.epochs = 3;
    struct c2s_train_request r = {
        .model = m, .data = data, .options = &options, .teacher = teacher.model};
    struct outcome o = run(&r);
    double loss = o.report.epochs[3].loss;
    assert_true(loss < o.report.epochs[1].loss);
    assert_true(o.report.epochs[3].validation_accuracy > 0.8);
    r.teacher = logits;
    struct outcome same_teacher = run(&r);
    assert_float_equal(same_teacher.report.epochs[3].loss, loss, 1e-5);
    r.model = plain;
    struct outcome of_logits = run(&r);
    assert_float_equal(of_logits.report.epochs[3].loss, loss, 1e-5);
    r.teacher = teacher.model;
    struct outcome of_both = run(&r);
    assert_float_equal(of_both.report.epochs[3].loss, loss, 1e-5);
    forget(&o);
    forget(&same_teacher);
    forget(&of_logits);
    forget(&of_both);
    forget(&teacher);
    c2s_model_destroy(m);
    c2s_model_destroy(logits);
    c2s_model_destroy(plain);
}

static void every_loss_learns(void **state)
{
    (void)state;
    static const enum c2s_loss_kind kinds[] = {C2S_LOSS_CROSSENTROPY, C2S_LOSS_MSE, C2S_LOSS_HINGE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct c2s_train_options options = tiny_options();
        options.loss = kinds[i];
        options.epochs = 6;
        struct outcome o = train(&options);
        assert_true(o.report.epochs[6].loss < o.report.epochs[1].loss);
        assert_true(o.report.epochs[o.report.best_epoch].validation_accuracy > 0.6);
        forget(&o);
    }
}

static void numbers_that_are_none_end_it(void **state)
{
    (void)state;
    struct c2s_train_options options = tiny_options();
    struct c2s_model *m = tiny_model(5);
    struct c2s_train_request r = {.model = m, .data = data, .options = &options};
    struct c2s_error err = {0};
    struct outcome o = {0};
    options.optimizer.kind = C2S_SGD;
    options.learning_rate = 1e38;
    assert_false(c2s_train(&r, &o.model, &o.report, &err));
    assert_int_equal(err.code, C2S_STATE);
    assert_non_null(strstr(err.text, "epoch 1: "));
    assert_non_null(strstr(err.text, "layer"));
    assert_non_null(strstr(err.text, "--lr 0.0005"));
    options.batch = N; /* one step an epoch: the first is over before the numbers go */
    options.validation = 0;
    options.schedule = C2S_SCHEDULE_CONSTANT;
    o = run(&r);
    assert_int_equal(o.report.best_epoch, 1);
    assert_int_equal(o.report.last_epoch, 1);
    assert_non_null(strstr(o.report.trouble, "epoch 2: "));
    forget(&o);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_and_keeps_the_best),
        cmocka_unit_test(the_number_of_threads_changes_nothing),
        cmocka_unit_test(going_on_gives_the_same_bits),
        cmocka_unit_test(stopping_keeps_what_a_replay_gives),
        cmocka_unit_test(a_checkpoint_that_cannot_be_kept_ends_it),
        cmocka_unit_test(patience_ends_it),
        cmocka_unit_test(nothing_better_gives_the_model_as_it_was),
        cmocka_unit_test(frozen_layers_stay),
        cmocka_unit_test(a_teacher_is_followed_in_either_form),
        cmocka_unit_test(every_loss_learns),
        cmocka_unit_test(numbers_that_are_none_end_it),
    };
    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}
