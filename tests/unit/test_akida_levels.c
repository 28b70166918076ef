/* Levels of potentials in floats, by division and by bounds, against the integer rule: potentials
 * on and beside every step, for steps and thresholds up to where float32 no longer has them. */
#include "akida/fast_loops.h"
#include "random_net.h"

enum { FILTERS = 21, PER_LEVEL = 3 };

/* A layer whose potentials are its sums. Filters have steps of some `size_bits` bits, and
 * thresholds up to 2^threshold_bits. */
static struct c2s_akida_layer random_layer(int act_bits, int size_bits, int threshold_bits)
{
    struct c2s_akida_layer l = {.act_bits = act_bits, .filters = FILTERS, .has_activation = true};
    l.type = C2S_AKIDA_FULLY_CONNECTED;
    l.output_dims[0] = l.output_dims[1] = 1;
    l.output_dims[2] = FILTERS;
    l.threshold = random_tensor(C2S_I32, 1, (int64_t[]){FILTERS}, -(1 << threshold_bits),
                                1 << threshold_bits);
    l.act_step = random_tensor(C2S_F32, 1, (int64_t[]){FILTERS}, 0, 0);
    for (int n = 0; n < FILTERS; n++) /* step = 16 x act_step has size_bits bits */
        c2s_f32(l.act_step)[n] = (float)random_int(1 << (size_bits - 1), (1 << size_bits) - 1) / 16;
    c2s_f32(l.act_step)[0] = 0.01f; /* floors to 0 */
    return l;
}

/* One row for each level and each place around its lower bound. */
static void fill_potentials(const struct c2s_akida_layer *l, int row, int32_t *p)
{
    int64_t limit = INT64_C(1) << 24, level = row / PER_LEVEL;
    for (int n = 0; n < FILTERS; n++) {
        int64_t bound = c2s_i32(l->threshold)[n] + ((level * c2s_akida_step(l, n)) >> l->act_bits);
        int64_t value = bound - 1 + row % PER_LEVEL;
        p[n] = (int32_t)(value > limit ? limit : value < -limit ? -limit : value);
    }
}

/* Whether they were divided. */
static bool assert_levels_equal(const struct c2s_akida_layer *l)
{
    struct c2s_error err = {0};
    struct akida_levels levels = {0};
    assert_ok(akida_levels_init(&levels, l, &err), &err);
    bool divides = levels.divides;
    for (int row = 0; row < PER_LEVEL << l->act_bits; row++) {
        int32_t p[FILTERS];
        float sums[FILTERS];
        uint8_t expected[FILTERS], got[FILTERS];
        fill_potentials(l, row, p);
        for (int n = 0; n < FILTERS; n++)
            sums[n] = (float)p[n];
        akida_naive_activation(l, p, FILTERS, expected);
        akida_fast_finish(l, &levels, sums, 1, got);
        for (int n = 0; n < FILTERS; n++)
            if (got[n] != expected[n])
                fail_msg("bits %d step %lld T %d p %d: %d, not %d", l->act_bits,
                         (long long)c2s_akida_step(l, n), c2s_i32(l->threshold)[n], p[n], got[n],
                         expected[n]);
    }
    akida_levels_finish(&levels);
    return divides;
}

static void floats_give_the_exact_levels(void **state)
{
    (void)state;
    int n_divided = 0, n_counted = 0;
    for (int bits = 1; bits <= 4; bits *= 2)
        for (int size = 1; size <= 28; size++)
            for (int threshold = 2; threshold <= 29; threshold += 3) {
                struct c2s_akida_layer l = random_layer(bits, size, threshold);
                bool divides = assert_levels_equal(&l);
                n_divided += divides;
                n_counted += !divides;
                c2s_tensor_unref(l.threshold);
                c2s_tensor_unref(l.act_step);
            }
    assert_true(n_divided > 100 && n_counted > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(floats_give_the_exact_levels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
