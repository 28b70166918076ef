/* A check as a whole: everything at once, sorted, and float models without noise. */
#include "support.h"
#include "check_cases.h"
#include "chains.h"

#include <string.h>

/* Three mistakes at once, as users make them. */
static void all_problems_come_at_once_and_sorted(void **state)
{
    (void)state;
    struct c2s_model *m = chain_create(16, 300, 3);
    chain_conv(m, "conv", 200, 4)->attr.conv.function = C2S_FN_TANH;
    chain_add(m, C2S_OP_AVERAGE_POOL, "average")->attr.pool =
        (struct c2s_pool_attr){.size = {2, 2}, .strides = {2, 2}};
    chain_add(m, C2S_OP_LEAKY_RELU, "leaky");
    chain_rear(m);
    chain_finish(m);
    struct c2s_findings f = run_check(m, C2S_LEVEL_AKD1000, false);
    static const char *const expected[] = {"E005", "E029", "E040", "E004", "E004", "E053", "W032"};
    assert_int_equal(f.n_rows, 7);
    for (int i = 0; i < f.n_rows; i++)
        assert_string_equal(f.rows[i].rule->id, expected[i]);
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

static void a_float_model_is_one_warning_for_each_kind(void **state)
{
    (void)state;
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_inner(m);
    chain_rear(m);
    chain_finish(m);
    struct c2s_findings f = run_check(m, C2S_LEVEL_AKD1000, false);
    assert_int_equal(f.n_errors, 0);
    assert_int_equal(f.n_warnings, 2);
    assert_string_equal(f.rows[0].rule->id, "W032");
    assert_non_null(strstr(f.rows[0].text, "2 more layers"));
    assert_string_equal(f.rows[1].rule->id, "W031");
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_problems_come_at_once_and_sorted),
        cmocka_unit_test(a_float_model_is_one_warning_for_each_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
