/* Training when memory runs out at any allocation of ours: NOMEM, nothing leaked, the model
 * untouched and trainable afterwards. */
#include "support.h"
#include "training.h"

#include <c2s/keras.h>

#include "base/alloc.h"

static bool keep(void *arg, const struct c2s_checkpoint *c, struct c2s_error *err)
{
    struct c2s_checkpoint *kept = arg;
    if (c->epochs[c->n_epochs - 1].epoch != 1)
        return true;
    c2s_checkpoint_finish(kept);
    return c2s_checkpoint_copy(c, kept, err);
}

/* Trains two epochs and goes on from the first; true when everything went well. */
static bool use(struct c2s_train_request *r, struct c2s_error *err)
{
    struct c2s_checkpoint kept = {0};
    struct c2s_model *first = NULL, *second = NULL;
    struct c2s_train_report report = {0};
    r->resume = NULL;
    r->watcher = (struct c2s_train_watcher){.checkpoint = keep, .arg = &kept};
    bool ok = c2s_train(r, &first, &report, err);
    c2s_train_report_finish(&report);
    r->resume = &kept;
    r->watcher = (struct c2s_train_watcher){0};
    ok = ok && c2s_train(r, &second, &report, err);
    assert_true(ok || err->code == C2S_NOMEM);
    c2s_train_report_finish(&report);
    c2s_model_destroy(first);
    c2s_model_destroy(second);
    c2s_checkpoint_finish(&kept);
    return ok;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    char *folder = tiny_folder(40);
    struct c2s_dataset *data = tiny_data(folder);
    struct c2s_model *m = tiny_model(1), *teacher = tiny_model(2);
    struct c2s_train_options options = tiny_options();
    struct c2s_train_request r = {
        .model = m, .data = data, .teacher = teacher, .options = &options};
    char before[C2S_HASH_LENGTH + 1], after[C2S_HASH_LENGTH + 1];
    options.epochs = 2;
    options.n_threads = 1;
    options.augment = (struct c2s_augment){.flip = true, .shift = 1};
    options.freeze = "layer_2";
    assert_ok(c2s_model_hash(m, before, &err), &err);
    long n = 1;
    for (bool ok = false; !ok; n++) {
        struct c2s_error failure = {0};
        c2s_alloc_fail_after(n);
        ok = use(&r, &failure);
        c2s_alloc_fail_after(0);
    }
    assert_true(n > 100);
    assert_ok(use(&r, &err), &err);
    assert_ok(c2s_model_hash(m, after, &err), &err);
    assert_string_equal(before, after);
    c2s_model_destroy(m);
    c2s_model_destroy(teacher);
    c2s_dataset_close(data);
    remove_temp_dir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
