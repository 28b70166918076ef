/* The whole recipe of auto-quantize when memory runs out at any allocation of ours: NOMEM, every
 * stage before stays, and it ends well afterwards. */
#include "support.h"
#include "training.h"

#include <c2s/keras.h>
#include <c2s/session_learn.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "memory_journal.h"

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    char *folder = tiny_folder(40), path[600];
    struct c2s_model *m = tiny_model(5);
    struct c2s_journal *j = memory_journal_create();
    struct c2s_session *s = NULL;
    struct c2s_dataset_options options = {.scale = 255};
    struct c2s_auto_plan plan = {.weights = 4,
                                 .activations = 4,
                                 .retrain = {.train = tiny_options()},
                                 .check = {.level = C2S_LEVEL_AKD1000},
                                 .largest_drop = 1};
    struct c2s_auto_report report;
    snprintf(path, sizeof path, "%s/tiny.h5", folder);
    assert_ok(c2s_keras_write(m, path, &(struct c2s_keras_write_options){0}, &err), &err);
    c2s_model_destroy(m);
    assert_ok(c2s_session_create(j, NULL, &s, &err), &err);
    assert_ok(c2s_session_use_data(s, folder, &options, &err), &err);
    assert_ok(c2s_session_load(s, path, NULL, NULL, NULL, &err), &err);
    plan.retrain.train.epochs = 1;
    plan.retrain.train.n_threads = 1;
    int64_t id = 1;
    long n = 1;
    for (bool ok = false; !ok; n++) {
        struct c2s_error failure = {0};
        c2s_alloc_fail_after(n);
        ok = c2s_session_auto_quantize(s, &plan, &report, &failure);
        c2s_alloc_fail_after(0);
        if (!ok && failure.code != C2S_NOMEM)
            fail_msg("allocation %ld: %s: %s", n, failure.where, failure.text);
        assert_true(c2s_session_current(s)->info.id >= id);
        id = c2s_session_current(s)->info.id;
    }
    assert_true(n > 100);
    assert_int_equal(id, 6); /* calibrate, activations, retrain, weights, retrain */
    assert_true(report.stages[C2S_N_STAGES - 1].has_chip);
    c2s_session_destroy(s);
    j->ops->close(j);
    remove_temp_dir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
