/* Training when memory runs out at any allocation of ours: NOMEM, nothing leaked, the model's
 * numbers as they were, and training possible afterwards. */
#include "support.h"

#include <string.h>

#include <c2s/keras.h>
#include <c2s/optimizer.h>

#include "base/alloc.h"

/* One step; true when everything went well. */
static bool train(const char *engine, struct c2s_model *m, const struct c2s_tensor *x,
                  struct c2s_error *err)
{
    const int32_t labels[2] = {0, 1};
    struct c2s_loss loss = c2s_loss_of(C2S_LOSS_AUTO, m);
    struct c2s_batch_loss batch_loss = c2s_loss_batch(&loss);
    struct c2s_gradients_options options = {.max_batch = 2};
    struct c2s_optimizer_options adam = {.kind = C2S_ADAM};
    struct c2s_gradients *g = NULL;
    struct c2s_optimizer *o = NULL;
    struct c2s_loss_sum sum;
    int n = 0;
    loss.labels = labels;
    bool ok =
        c2s_model_own_parameters(m, err) && c2s_gradients_create(engine, m, &options, &g, err);
    const struct c2s_parameter *parameters = ok ? c2s_gradients_parameters(g, &n) : NULL;
    ok = ok && c2s_optimizer_create(&adam, parameters, n, &o, err) &&
         c2s_gradients_compute(g, x, 0, &batch_loss, &sum, err);
    assert_true(ok || err->code == C2S_NOMEM);
    c2s_optimizer_destroy(o);
    c2s_gradients_destroy(g);
    return ok;
}

static void every_allocation_may_fail(const char *engine, const char *file)
{
    struct c2s_error err = {0};
    struct c2s_model *kept, *m;
    char before[C2S_HASH_LENGTH + 1], after[C2S_HASH_LENGTH + 1];
    assert_ok(c2s_keras_read(data_path("%s", file), NULL, &kept, &err), &err);
    m = c2s_model_clone(kept, &err); /* so that parameters have two owners */
    assert_non_null(m);
    assert_ok(c2s_model_hash(m, before, &err), &err);
    struct c2s_tensor *x = c2s_tensor_create(C2S_F32, 4, (const int64_t[]){2, 12, 12, 1}, &err);
    assert_non_null(x);
    c2s_f32(x)[40] = 1;
    long n = 1;
    for (bool ok = false; !ok; n++) {
        struct c2s_error failure = {0};
        c2s_alloc_fail_after(n);
        ok = train(engine, m, x, &failure);
        c2s_alloc_fail_after(0);
        assert_ok(c2s_model_hash(m, after, &err), &err);
        if (!ok) /* the step that succeeds moves the batch normalizations */
            assert_string_equal(before, after);
        else
            assert_string_not_equal(before, after);
    }
    assert_true(n > 60);
    c2s_tensor_unref(x);
    c2s_model_destroy(m);
    c2s_model_destroy(kept);
}

static void naive_engine(void **state)
{
    (void)state;
    every_allocation_may_fail("ref", "training/trained.h5");
    every_allocation_may_fail("ref", "training/branched.h5");
}

static void fast_engine(void **state)
{
    (void)state;
    every_allocation_may_fail("dnnl", "training/trained.h5");
    every_allocation_may_fail("dnnl", "training/branched.h5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(naive_engine),
                                       cmocka_unit_test(fast_engine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
