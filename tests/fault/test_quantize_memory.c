/* Quantization when memory runs out at any allocation: NOMEM, nothing leaked, the model untouched.
 */
#include "series.h"
#include "support.h"

#include "base/alloc.h"

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const struct c2s_quantize_plan plan = {C2S_RULE_22, 4, 4, 8, NULL, false};
    struct c2s_model *m = series_usual();
    long n_failures = 0;
    for (long n = 1;; n++) {
        struct c2s_error err = {0};
        struct c2s_model *q = NULL;
        c2s_alloc_fail_after(n);
        bool ok = c2s_quantize(m, &plan, NULL, &q, NULL, &err);
        c2s_alloc_fail_after(0);
        if (ok) {
            assert_int_equal(series_count_op(q, C2S_OP_BATCH_NORM), 0);
            c2s_model_destroy(q);
            break;
        }
        assert_null(q);
        assert_int_equal(err.code, C2S_NOMEM);
        n_failures++;
    }
    assert_true(n_failures > 50); /* layers, names, tensors, engines: there are many */
    assert_int_equal(series_count_op(m, C2S_OP_BATCH_NORM), 2);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
