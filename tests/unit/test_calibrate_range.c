/* Ranges of one activation from known distributions: percentiles against a sort, least squared
 * error against trying every value, errors against the levels themselves. */
#include "nets.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/calibrate.h"

/* Both looks over the values, in pieces. */
static struct range range_of(const float *values, int64_t n, double percentile)
{
    struct c2s_error err = {0};
    struct range r;
    assert_ok(range_begin(&r, &err), &err);
    for (int look = 0; look < 2; look++) {
        if (look == 1)
            assert_ok(range_look_again(&r, percentile, &err), &err);
        for (int64_t first = 0; first < n; first += 1000) {
            int64_t size = n - first < 1000 ? n - first : 1000;
            struct c2s_tensor *t = tensor_of(1, &size, values + first);
            if (look == 0)
                range_add(&r, t);
            else
                range_add_again(&r, t);
            c2s_tensor_unref(t);
        }
    }
    range_end(&r);
    return r;
}

/* Of both signs, with a long tail. */
static float *long_tailed(int64_t n, uint64_t seed)
{
    struct random r = {seed};
    float *values = malloc(sizeof *values * (size_t)n);
    for (int64_t i = 0; i < n; i++) {
        float u = random_real(&r, 0.0001f, 1);
        values[i] = random_int(&r, 0, 2) == 0 ? -u : -logf(u) / sqrtf(u);
    }
    return values;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* What cnn2snn's QuantizedReLU gives; float64. */
static double level_of(double x, double max_value, int bits)
{
    double levels = (1 << bits) - 1, step = max_value / levels;
    double k = ceil((x - step / 2) / step);
    return step * (k < 0 ? 0 : k > levels ? levels : k);
}

static double naive_error(const float *values, int64_t n, double max_value, int bits)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = values[i] > 0 ? (double)values[i] : 0, d = level_of(x, max_value, bits) - x;
        sum += d * d;
    }
    return sum;
}

static void percentile_of_whole_numbers(void **state)
{
    (void)state;
    float values[1100];
    for (int i = 0; i < 1100; i++)
        values[i] = (float)((i * 7) % 1100 - 99); /* -99..1000, each once: 1..1000 are above 0 */
    static const struct {
        double percentile, value;
    } cases[] = {{99.9, 999}, {100, 1000}, {50, 500}, {50.01, 501}, {0.05, 1}, {0.1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct range r = range_of(values, 1100, cases[i].percentile);
        assert_int_equal(r.n, 1000);
        assert_float_equal(r.largest, 1000, 0);
        assert_float_equal(r.squares, 1000.0 * 1001 * 2001 / 6, 0);
        assert_float_equal(range_percentile(&r), cases[i].value, 0);
        range_finish(&r);
    }
}

static void percentiles_are_those_of_a_sort(void **state)
{
    (void)state;
    enum { N = 20000 };
    static const int hundredths[] = {100, 3333, 9000, 9900, 9990, 9999, 10000};
    float *values = long_tailed(N, 5), *above = malloc(sizeof *above * N);
    int n = 0;
    for (int i = 0; i < N; i++)
        if (values[i] > 0)
            above[n++] = values[i];
    assert_true(n > N / 2);
    qsort(above, (size_t)n, sizeof *above, by_value);
    for (size_t i = 0; i < sizeof hundredths / sizeof hundredths[0]; i++) {
        struct range r = range_of(values, N, hundredths[i] / 100.0);
        int rank = (hundredths[i] * n + 9999) / 10000;
        float expected = above[rank - 1];
        assert_float_equal(range_percentile(&r), expected, 0);
        /* Values above it, to those in one of 65536 bins. */
        int n_above = 0, n_near = 0;
        for (int k = 0; k < n; k++) {
            n_above += above[k] > expected;
            n_near += fabs((double)above[k] - (double)expected) <= r.largest / 65536;
        }
        assert_true(fabs(range_clipped(&r, expected) * n - n_above) <= n_near);
        range_finish(&r);
    }
    free(values);
    free(above);
}

static void errors_are_those_of_the_levels(void **state)
{
    (void)state;
    enum { N = 20000 };
    float *values = long_tailed(N, 6);
    struct range r = range_of(values, N, 100);
    for (int bits = 1; bits <= 8; bits++)
        for (double share = 2; share > 0.01; share *= 0.7) {
            double m = r.largest * share, step = m / ((1 << bits) - 1);
            double expected = naive_error(values, N, m, bits);
            /* Only values within half a bin of an edge are taken for the other level, which costs
             * each at most step times its distance from the edge. */
            double bin = r.largest / 65536, bound = N * step * bin;
            assert_true(fabs(range_error(&r, m, bits) - expected) <= bound);
            assert_float_equal(range_sqnr(&r, m, bits),
                               10 * log10(r.squares / range_error(&r, m, bits)), 1e-12);
        }
    range_finish(&r);
    free(values);
}

static void least_error_is_least(void **state)
{
    (void)state;
    enum { N = 3000 };
    for (int bits = 1; bits <= 8; bits++) {
        float *values = long_tailed(N, 7 + (uint64_t)bits);
        struct range r = range_of(values, N, 100);
        double found = naive_error(values, N, range_least_error(&r, bits), bits), least = INFINITY;
        for (int i = 1; i <= 2000; i++)
            least = fmin(least, naive_error(values, N, r.largest * i / 2000, bits));
        assert_true(found <= least * 1.02); /* between two of the ranges tried */
        assert_true(found < naive_error(values, N, r.largest, bits) || bits == 8);
        range_finish(&r);
        free(values);
    }
}

static void one_value_is_its_own_level(void **state)
{
    (void)state;
    float values[10] = {-1, 0, 3, 3, 3, 3, 3, 3, 3, 3};
    struct range r = range_of(values, 10, 99.9);
    assert_int_equal(r.n, 8);
    assert_float_equal(range_percentile(&r), 3, 0);
    assert_float_equal(range_least_error(&r, 4), 3, 1e-9);
    assert_float_equal(range_error(&r, 3, 4), 0, 1e-12);
    assert_float_equal(range_clipped(&r, 3), 0, 0);
    range_finish(&r);
}

static void nothing_above_zero(void **state)
{
    (void)state;
    const float values[4] = {0, -1, -2, -0.0f};
    struct range r = range_of(values, 4, 99);
    assert_int_equal(r.n, 0);
    assert_false(r.has_odd);
    assert_float_equal(r.largest, 0, 0);
    range_finish(&r);
    const float odd[3] = {1, NAN, INFINITY};
    r = range_of(odd, 3, 99);
    assert_true(r.has_odd);
    range_finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentile_of_whole_numbers),
        cmocka_unit_test(percentiles_are_those_of_a_sort),
        cmocka_unit_test(errors_are_those_of_the_levels),
        cmocka_unit_test(least_error_is_least),
        cmocka_unit_test(one_value_is_its_own_level),
        cmocka_unit_test(nothing_above_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
