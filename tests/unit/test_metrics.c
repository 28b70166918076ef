/* Wilson interval and McNemar's test against their definitions. */
#include "support.h"

#include <c2s/metrics.h>

#include <math.h>

/* Wilson's limits are the p for which the observed share lies z standard deviations away. */
static void wilson_limits_solve_their_equation(void **state)
{
    (void)state;
    static const int64_t cases[][2] = {
        {1, 10}, {5, 10}, {861, 1000}, {9109, 10000}, {59999, 60000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double n = (double)cases[i][1], share = (double)cases[i][0] / n, limit[2];
        c2s_wilson_interval(cases[i][0], cases[i][1], &limit[0], &limit[1]);
        for (int k = 0; k < 2; k++) {
            double distance = fabs(share - limit[k]) / sqrt(limit[k] * (1 - limit[k]) / n);
            assert_float_equal(distance, 1.959964, 1e-5); /* 7 digits of the quantile */
        }
        assert_true(limit[0] < share && share < limit[1]);
    }
}

static void wilson_ends_are_exact(void **state)
{
    (void)state;
    double low, high;
    c2s_wilson_interval(0, 10, &low, &high);
    assert_true(low == 0);
    assert_float_equal(high, 0.2775328, 1e-6); /* z^2 / (n + z^2) */
    c2s_wilson_interval(10, 10, &low, &high);
    assert_true(high == 1);
    assert_float_equal(low, 0.7224672, 1e-6);
    c2s_wilson_interval(0, 0, &low, &high);
    assert_true(low == 0 && high == 1);
}

static void mcnemar_counts_coin_tosses(void **state)
{
    (void)state;
    /* Sums of exp(lgamma) of small numbers: a few float64 roundings. */
    assert_true(c2s_mcnemar(0, 0) == 1);
    assert_true(fabs(c2s_mcnemar(0, 5) - 2.0 / 32) < 1e-12);
    assert_true(fabs(c2s_mcnemar(9, 1) - 2.0 * (1 + 10) / 1024) < 1e-12);
    assert_true(c2s_mcnemar(4, 4) == 1);
    /* 3 sigma of a large even split: the normal approximation with continuity correction, whose own
     * error is of the order 1 / n */
    double normal = erfc(299 / sqrt(10000.0) / sqrt(2));
    assert_true(fabs(c2s_mcnemar(4850, 5150) - normal) < 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilson_limits_solve_their_equation),
        cmocka_unit_test(wilson_ends_are_exact),
        cmocka_unit_test(mcnemar_counts_coin_tosses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
