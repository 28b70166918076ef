/* Calibration when memory runs out at any allocation: NOMEM, nothing leaked, the model untouched.
 */
#include "files.h"
#include "series.h"
#include "support.h"

#include <c2s/calibrate.h>

#include "base/alloc.h"

/* The usual layers, for the images at hand. */
static struct c2s_model *small_model(void)
{
    struct c2s_model *m = series_start(3, 28, 28, 1);
    series_add_conv(m, C2S_OP_CONV2D, "conv", 2, false);
    series_add_norm(m, "bn", true, true);
    series_add(m, C2S_OP_RELU, "relu");
    series_add_conv(m, C2S_OP_SEPARABLE_CONV2D, "sep", 2, true);
    series_add(m, C2S_OP_FLATTEN, "flatten");
    series_add_dense(m, "dense", 3, true);
    return series_end(m);
}

static void fail_each(const struct c2s_calibrate_request *r, long at_least)
{
    long n_failures = 0;
    for (long n = 1;; n++) {
        struct c2s_error err = {0};
        struct c2s_model *out = NULL;
        struct c2s_calibrate_report report = {0};
        c2s_alloc_fail_after(n);
        bool ok = c2s_calibrate(r, &out, &report, &err);
        c2s_alloc_fail_after(0);
        if (ok) {
            assert_non_null(out);
            c2s_calibrate_report_finish(&report);
            c2s_model_destroy(out);
            break;
        }
        assert_null(out);
        assert_null(report.rows);
        assert_int_equal(err.code, C2S_NOMEM);
        n_failures++;
    }
    assert_true(n_failures > at_least);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct c2s_dataset *d = fashion_images(3);
    struct c2s_model *m = small_model();
    const struct c2s_quantize_plan plan = {C2S_RULE_22, 4, 4, 8, NULL, false};
    struct c2s_model *q = series_quantized(m, &plan, NULL);
    fail_each(&(struct c2s_calibrate_request){.model = m, .data = d}, 100);
    fail_each(
        &(struct c2s_calibrate_request){.model = m, .data = d, .what = C2S_CALIBRATE_BATCH_NORM},
        100);
    fail_each(
        &(struct c2s_calibrate_request){
            .model = q, .data = d, .what = C2S_CALIBRATE_BIAS, .reference = m},
        100);
    fail_each(&(struct c2s_calibrate_request){.model = m, .what = C2S_CALIBRATE_EQUALIZE}, 50);
    assert_int_equal(series_count_op(m, C2S_OP_BATCH_NORM), 1);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
    c2s_dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
