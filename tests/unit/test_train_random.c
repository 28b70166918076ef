/* The random choices of a training: they depend on what they are for alone, and are fair. */
#include "support.h"

#include <string.h>

#include "train/random.h"
#include "train/trainer.h"

static void a_split_covers_everything_once(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    int64_t part[30], rest[70], again[30];
    int seen[100] = {0};
    assert_ok(train_split(3, 100, 30, part, rest, &err), &err);
    for (int i = 0; i < 100; i++)
        seen[i < 30 ? part[i] : rest[i - 30]]++;
    for (int i = 0; i < 100; i++)
        assert_int_equal(seen[i], 1);
    for (int i = 1; i < 30; i++)
        assert_true(part[i] > part[i - 1]);
    assert_ok(train_split(3, 100, 30, again, rest, &err), &err);
    assert_memory_equal(part, again, sizeof part);
    assert_ok(train_split(4, 100, 30, again, rest, &err), &err);
    assert_memory_not_equal(part, again, sizeof part);
}

static void the_order_depends_on_seed_and_epoch(void **state)
{
    (void)state;
    int64_t orders[3][50];
    for (int k = 0; k < 3; k++) {
        int seen[50] = {0};
        for (int i = 0; i < 50; i++)
            orders[k][i] = i;
        train_shuffle(9, k == 2 ? 1 : k + 1, 50, orders[k]);
        for (int i = 0; i < 50; i++)
            seen[orders[k][i]]++;
        for (int i = 0; i < 50; i++)
            assert_int_equal(seen[i], 1);
    }
    assert_memory_equal(orders[0], orders[2], sizeof orders[0]);
    assert_memory_not_equal(orders[0], orders[1], sizeof orders[0]);
}

enum { H = 4, W = 5, C = 2 };

static float *fill(float values[H * W * C])
{
    for (int i = 0; i < H * W * C; i++)
        values[i] = (float)(i + 1);
    return values;
}

static void images_are_flipped_about_half_the_time(void **state)
{
    (void)state;
    float scratch[H * W * C], values[H * W * C], as_was[H * W * C];
    struct train_image image = {H, W, C, 0, scratch};
    struct c2s_augment augment = {.flip = true};
    int n_flipped = 0;
    fill(as_was);
    for (int64_t sample = 0; sample < 1000; sample++) {
        train_augment(&augment, &image, 1, 1, sample, fill(values));
        bool is_flipped = memcmp(values, as_was, sizeof values) != 0;
        n_flipped += is_flipped;
        for (int i = 0; is_flipped && i < H * W * C; i++) {
            int y = i / (W * C), x = i / C % W, c = i % C;
            assert_true(values[i] == as_was[(y * W + W - 1 - x) * C + c]);
        }
    }
    assert_in_range(n_flipped, 430, 570); /* 4.4 standard deviations */
}

/* The shift that explains the image; fails when none does. */
static void find_shift(const float *values, const float *as_was, int *down, int *right)
{
    for (*down = -2; *down <= 2; (*down)++)
        for (*right = -2; *right <= 2; (*right)++) {
            bool fits = true;
            for (int i = 0; fits && i < H * W * C; i++) {
                int y = i / (W * C) - *down, x = i / C % W - *right, c = i % C;
                bool is_inside = y >= 0 && y < H && x >= 0 && x < W;
                fits = values[i] == (is_inside ? as_was[(y * W + x) * C + c] : -7);
            }
            if (fits)
                return;
        }
    fail_msg("no shift gives this image");
}

static void images_are_shifted_every_way(void **state)
{
    (void)state;
    float scratch[H * W * C], values[H * W * C], as_was[H * W * C];
    struct train_image image = {H, W, C, -7, scratch};
    struct c2s_augment augment = {.shift = 2};
    int seen[5][5] = {{0}}, again[2];
    fill(as_was);
    for (int64_t sample = 0; sample < 1000; sample++) {
        int down, right;
        train_augment(&augment, &image, 1, 1, sample, fill(values));
        find_shift(values, as_was, &down, &right);
        seen[down + 2][right + 2]++;
        train_augment(&augment, &image, 1, 1, sample, fill(values));
        find_shift(values, as_was, &again[0], &again[1]);
        assert_true(again[0] == down && again[1] == right);
    }
    for (int i = 0; i < 25; i++)
        assert_in_range(seen[i / 5][i % 5], 12, 75); /* 40 expected */
}

static void the_rate_follows_its_schedule(void **state)
{
    (void)state;
    struct c2s_train_options o = {.learning_rate = 0.5};
    assert_true(train_rate(&o, 0, 100) == 0.5 && train_rate(&o, 99, 100) == 0.5);
    o.schedule = C2S_SCHEDULE_COSINE;
    assert_true(train_rate(&o, 0, 100) == 0.5);
    assert_float_equal(train_rate(&o, 50, 100), 0.25, 1e-12);
    assert_float_equal(train_rate(&o, 100, 100), 0, 1e-12);
    o.schedule = C2S_SCHEDULE_STEP;
    assert_true(train_rate(&o, 49, 100) == 0.5 && train_rate(&o, 50, 100) == 0.05);
    assert_float_equal(train_rate(&o, 75, 100), 0.005, 1e-15);
    for (enum c2s_schedule s = C2S_SCHEDULE_CONSTANT; s <= C2S_SCHEDULE_STEP; s++)
        assert_non_null(c2s_schedule_name(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_split_covers_everything_once),
        cmocka_unit_test(the_order_depends_on_seed_and_epoch),
        cmocka_unit_test(images_are_flipped_about_half_the_time),
        cmocka_unit_test(images_are_shifted_every_way),
        cmocka_unit_test(the_rate_follows_its_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
