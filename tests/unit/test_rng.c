/* Repeatable random numbers. */
#include "support.h"

#include "base/rng.h"

/* First outputs of the authors' own C code (prng.di.unimi.it, xoshiro256starstar.c) from the state
 * 1, 2, 3, 4. */
static void generator_is_xoshiro256(void **state)
{
    (void)state;
    struct c2s_rng r = {{1, 2, 3, 4}};
    assert_int_equal(c2s_rng_next(&r), 11520);
    assert_int_equal(c2s_rng_next(&r), 0);
    assert_int_equal(c2s_rng_next(&r), 1509978240);
    assert_int_equal(c2s_rng_next(&r), 1215971899390074240);
}

/* splitmix64 from 0 gives e220a8397b1dcdaf first (Vigna's splitmix64.c). */
static void seed_goes_through_splitmix64(void **state)
{
    (void)state;
    struct c2s_rng r;
    c2s_rng_seed(&r, 0);
    assert_true(r.state[0] == 0xe220a8397b1dcdafu);
    assert_true(r.state[1] == 0x6e789e6aa1b965f4u);
}

static void below_covers_its_range_evenly(void **state)
{
    (void)state;
    struct c2s_rng r;
    int counts[7] = {0};
    c2s_rng_seed(&r, 42);
    for (int i = 0; i < 70000; i++) {
        uint64_t v = c2s_rng_below(&r, 7);
        assert_true(v < 7);
        counts[v]++;
    }
    for (int i = 0; i < 7; i++) /* 10,000 expected, standard deviation 93: five of them */
        assert_in_range(counts[i], 9535, 10465);
}

static void unit_is_in_its_interval(void **state)
{
    (void)state;
    struct c2s_rng r;
    double sum = 0;
    c2s_rng_seed(&r, 1);
    for (int i = 0; i < 10000; i++) {
        double v = c2s_rng_unit(&r);
        assert_true(v >= 0 && v < 1);
        sum += v;
    }
    assert_true(sum > 4856 && sum < 5144); /* standard deviation 28.9: five of them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generator_is_xoshiro256),
        cmocka_unit_test(seed_goes_through_splitmix64),
        cmocka_unit_test(below_covers_its_range_evenly),
        cmocka_unit_test(unit_is_in_its_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
