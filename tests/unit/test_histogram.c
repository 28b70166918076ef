/* Histograms, moments and the signal to noise ratio. */
#include "support.h"

#include <math.h>

#include <c2s/histogram.h>

#include "base/rng.h"

static struct c2s_tensor *floats(const float *values, int64_t n)
{
    struct c2s_error err = {0};
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, 1, &n, &err);
    assert_non_null(t);
    for (int64_t i = 0; i < n; i++)
        c2s_f32(t)[i] = values[i];
    return t;
}

static void add(struct c2s_histogram *h, const float *values, int64_t n)
{
    struct c2s_tensor *t = floats(values, n);
    c2s_histogram_add(h, t);
    c2s_tensor_unref(t);
}

static void init(struct c2s_histogram *h, double low, double high, int n_bins)
{
    struct c2s_error err = {0};
    assert_ok(c2s_histogram_init(h, low, high, n_bins, &err), &err);
}

static void bins_hold_their_lower_edge_and_the_last_its_upper(void **state)
{
    (void)state;
    struct c2s_histogram h;
    init(&h, 0, 4, 4);
    add(&h, (float[]){0, 0.5f, 1, 2, 3.999f, 4, -0.001f, 4.001f}, 8);
    assert_int_equal(h.counts[0], 2);
    assert_int_equal(h.counts[1], 1);
    assert_int_equal(h.counts[2], 1);
    assert_int_equal(h.counts[3], 2);
    assert_int_equal(h.below, 1);
    assert_int_equal(h.above, 1);
    assert_int_equal(h.n_zero, 1);
    assert_int_equal(h.n, 8);
    c2s_histogram_finish(&h);
}

static void nan_and_infinity_are_counted_apart(void **state)
{
    (void)state;
    struct c2s_histogram h;
    init(&h, -1, 1, 2);
    add(&h, (float[]){NAN, INFINITY, -INFINITY, 0.5f, -0.5f}, 5);
    assert_int_equal(h.n_nan, 1);
    assert_int_equal(h.n_inf, 2);
    assert_int_equal(h.below + h.above, 0);
    assert_int_equal(h.counts[0] + h.counts[1] + h.n_nan + h.n_inf, h.n);
    assert_true(h.min == -0.5 && h.max == 0.5 && h.mean == 0 && h.stddev == 0.5);
    c2s_histogram_finish(&h);
}

static void a_constant_has_no_spread(void **state)
{
    (void)state;
    struct c2s_histogram h;
    init(&h, 0.1f, 0.1f, 5);
    for (int i = 0; i < 1000; i++)
        add(&h, (float[]){0.1f, 0.1f, 0.1f}, 3);
    assert_int_equal(h.counts[0], 3000);
    assert_true(h.mean == (double)0.1f && h.stddev == 0 && h.min == h.max);
    c2s_histogram_finish(&h);
}

static void huge_edges_do_not_overflow(void **state)
{
    (void)state;
    struct c2s_histogram h;
    init(&h, -1.7e308, 1.7e308, 2);
    add(&h, (float[]){-3e38f, 3e38f}, 2);
    assert_int_equal(h.counts[0] + h.counts[1], 2);
    c2s_histogram_finish(&h);
}

/* Values around 10,000 with a spread of 0.01: sums of squares would lose it, two passes do not. */
static void merged_moments_equal_two_passes(void **state)
{
    (void)state;
    enum { N = 30000, PIECE = 700 };
    static float values[N];
    struct c2s_rng rng;
    c2s_rng_seed(&rng, 7);
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        values[i] = (float)(10000 + 0.01 * c2s_rng_unit(&rng));
        sum += values[i];
    }
    for (int i = 0; i < N; i++)
        squares += (values[i] - sum / N) * (values[i] - sum / N);
    struct c2s_histogram h;
    init(&h, 10000, 10000.01, 10);
    for (int i = 0; i < N; i += PIECE)
        add(&h, values + i, N - i < PIECE ? N - i : PIECE);
    assert_int_equal(h.n, N);
    /* float64 has 1.8e-12 around 10,000; the sum of the reference above loses about N times that */
    assert_true(fabs(h.mean - sum / N) < 1e-9);
    assert_true(fabs(h.stddev / sqrt(squares / N) - 1) < 1e-6);
    c2s_histogram_finish(&h);
}

static void every_dtype_is_counted(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    for (enum c2s_dtype dtype = 0; dtype < C2S_DTYPE_COUNT; dtype++) {
        struct c2s_histogram h;
        struct c2s_tensor *t = c2s_tensor_create(dtype, 1, (int64_t[]){4}, &err);
        assert_non_null(t);
        for (int i = 0; i < 4; i++) {
            if (dtype == C2S_F32)
                c2s_f32(t)[i] = (float)i;
            else if (dtype == C2S_I32)
                c2s_i32(t)[i] = i;
            else
                c2s_u8(t)[i] = (uint8_t)i;
        }
        init(&h, 0, 4, 4);
        c2s_histogram_add(&h, t);
        for (int i = 0; i < 4; i++)
            assert_int_equal(h.counts[i], 1);
        assert_true(h.mean == 1.5 && h.max == 3);
        c2s_histogram_finish(&h);
        c2s_tensor_unref(t);
    }
}

static void an_empty_tensor_changes_nothing(void **state)
{
    (void)state;
    struct c2s_histogram h;
    double min, max;
    init(&h, 0, 1, 3);
    struct c2s_tensor *none = floats(NULL, 0), *nan = floats((float[]){NAN}, 1);
    c2s_histogram_add(&h, none);
    assert_int_equal(h.n, 0);
    assert_true(h.mean == 0 && h.stddev == 0);
    assert_false(c2s_tensor_range(none, &min, &max));
    assert_false(c2s_tensor_range(nan, &min, &max));
    c2s_histogram_finish(&h);
    c2s_histogram_finish(&h);
    c2s_tensor_unref(none);
    c2s_tensor_unref(nan);
}

static void impossible_histograms_fail(void **state)
{
    (void)state;
    const struct {
        double low, high;
        int n_bins;
    } wrong[] = {{0, 1, 0}, {1, 0, 4}, {NAN, 1, 4}, {0, INFINITY, 4}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct c2s_histogram h;
        struct c2s_error err = {0};
        assert_false(c2s_histogram_init(&h, wrong[i].low, wrong[i].high, wrong[i].n_bins, &err));
        assert_int_equal(err.code, C2S_RANGE);
        c2s_histogram_finish(&h);
    }
}

static void range_and_sqnr(void **state)
{
    (void)state;
    double min, max;
    struct c2s_tensor *x = floats((float[]){3, -4, NAN, INFINITY}, 4);
    assert_true(c2s_tensor_range(x, &min, &max));
    assert_true(min == -4 && max == 3);
    struct c2s_tensor *a = floats((float[]){3, 4}, 2), *b = floats((float[]){3, 3.5f}, 2);
    assert_true(isinf(c2s_sqnr(a, a)));
    assert_true(fabs(c2s_sqnr(a, b) - 20) < 1e-12); /* 25 : 0.25 is 20 dB */
    c2s_tensor_unref(x);
    c2s_tensor_unref(a);
    c2s_tensor_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_hold_their_lower_edge_and_the_last_its_upper),
        cmocka_unit_test(nan_and_infinity_are_counted_apart),
        cmocka_unit_test(a_constant_has_no_spread),
        cmocka_unit_test(huge_edges_do_not_overflow),
        cmocka_unit_test(merged_moments_equal_two_passes),
        cmocka_unit_test(every_dtype_is_counted),
        cmocka_unit_test(an_empty_tensor_changes_nothing),
        cmocka_unit_test(impossible_histograms_fail),
        cmocka_unit_test(range_and_sqnr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
