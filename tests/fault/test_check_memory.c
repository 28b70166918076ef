/* A check under every failing allocation: it fails as a whole with NOMEM, or finds all it finds. */
#include "support.h"
#include "check_cases.h"
#include "chains.h"

#include <string.h>

#include "base/alloc.h"

/* Float in part, with a Dropout and a pooled last convolution: quantize and convert run on the
 * side, and errors, warnings and notes come up. */
static struct c2s_model *build(void)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_add(m, C2S_OP_DROPOUT, "drop");
    chain_quantize(chain_conv(m, "conv_1", 8, 3), 4);
    chain_max_pool(m, "pool", 2);
    chain_quantized_relu(m, "act", 4);
    chain_rear(m);
    chain_finish(m);
    return m;
}

static void every_failing_allocation_fails_the_check(void **state)
{
    (void)state;
    struct c2s_model *m = build();
    struct c2s_findings all = run_check(m, C2S_LEVEL_AKD1000, false);
    assert_true(all.n_errors > 0 && all.n_warnings > 0 && all.n_notes > 0);
    const struct c2s_check_options options = {.level = C2S_LEVEL_AKD1000};
    bool ok = false;
    for (long n = 1; !ok; n++) {
        struct c2s_findings f;
        struct c2s_error err = {0};
        c2s_alloc_fail_after(n);
        ok = c2s_check(m, &options, &f, &err);
        c2s_alloc_fail_after(0);
        assert_true(n < 100000);
        if (!ok) {
            assert_int_equal(err.code, C2S_NOMEM);
            assert_null(f.rows);
            continue;
        }
        assert_true(n > 10);
        assert_int_equal(f.n_rows, all.n_rows);
        for (int i = 0; i < f.n_rows; i++)
            assert_string_equal(f.rows[i].text, all.rows[i].text);
        c2s_findings_finish(&f);
    }
    c2s_findings_finish(&all);
    c2s_model_destroy(m);
}

static void a_map_without_memory_is_empty(void **state)
{
    (void)state;
    struct c2s_model *m = build();
    int index[16];
    const char *role[16];
    assert_true(m->n_layers <= 16);
    for (long n = 1; n <= 2; n++) {
        c2s_alloc_fail_after(n);
        c2s_check_map(m, false, index, role);
        c2s_alloc_fail_after(0);
        assert_int_equal(index[1], -1);
        assert_string_equal(role[1], "?");
    }
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failing_allocation_fails_the_check),
        cmocka_unit_test(a_map_without_memory_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
