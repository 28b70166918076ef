/* Data named in one word, and samples gathered by their places. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/dataset.h>
#include <c2s/keras.h>

static struct c2s_dataset_spec parse(const char *text)
{
    struct c2s_error err = {0};
    struct c2s_dataset_spec s = {0};
    assert_ok(c2s_dataset_parse(text, &s, &err), &err);
    return s;
}

static void assert_refused(const char *text, const char *part)
{
    struct c2s_error err = {0};
    struct c2s_dataset_spec s = {0};
    assert_false(c2s_dataset_parse(text, &s, &err));
    assert_int_equal(err.code, C2S_USAGE);
    if (!strstr(err.text, part))
        fail_msg("'%s': %s, not '%s'", text, err.text, part);
    assert_null(s.path);
}

static void every_option_is_read(void **state)
{
    (void)state;
    struct c2s_dataset_spec s =
        parse("a b/c,split=train,scale=127.5,shift=-1e-3,limit=1000,seed=7,labels=d e");
    assert_string_equal(s.path, "a b/c");
    assert_string_equal(s.options.split, "train");
    assert_true(s.options.scale == 127.5 && s.options.shift == -1e-3);
    assert_int_equal(s.options.limit, 1000);
    assert_int_equal(s.options.seed, 7);
    assert_string_equal(s.options.labels, "d e");
    c2s_dataset_spec_finish(&s);
    s = parse("plain");
    assert_string_equal(s.path, "plain");
    assert_true(!s.options.split && !s.options.labels && s.options.scale == 0);
    c2s_dataset_spec_finish(&s);
}

static void text_is_the_inverse(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "plain",
        "a=b",
        "x,split=test,scale=1",
        "x,split=train,scale=0.1,shift=0.5,limit=9000000000000000,seed=3,labels=y\\,z",
        "odd\\,split=train\\\\,seed=2",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct c2s_error err = {0};
        char *text = NULL;
        struct c2s_dataset_spec s = parse(texts[i]);
        assert_ok(c2s_dataset_text(s.path, &s.options, &text, &err), &err);
        assert_string_equal(text, texts[i]);
        c2s_text_free(text);
        c2s_dataset_spec_finish(&s);
    }
    struct c2s_dataset_spec s = parse("odd\\,split=train\\\\,seed=2");
    assert_string_equal(s.path, "odd,split=train\\");
    c2s_dataset_spec_finish(&s);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_refused("", "path is missing");
    assert_refused(",split=test", "path is missing");
    assert_refused("x,", "no key=value");
    assert_refused("x,train", "no key=value");
    assert_refused("x,splt=train", "'splt=train' is unknown");
    assert_refused("x,split=valid", "split=valid is unknown");
    assert_refused("x,scale=0", "divides by nothing");
    assert_refused("x,scale=two", "no number");
    assert_refused("x,shift=inf", "no number");
    assert_refused("x,limit=-1", "no whole number");
    assert_refused("x,seed=1.5", "no whole number");
    assert_refused("x,labels=", "is unknown");
    assert_refused("x,limit=10,limit=20", "limit= is given twice");
    assert_refused("x,split=test,seed=1,split=test", "split= is given twice");
    assert_refused("x,labels=a,labels=b", "labels= is given twice");
}

static void gathering_gives_the_same_as_reading(void **state)
{
    (void)state;
    static const char *const files[] = {"datasets/stored.npz", "datasets/deflated.npz",
                                        "datasets/x_big_endian.npy"};
    const int64_t places[] = {3, 0, 3, 2};
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        struct c2s_error err = {0};
        struct c2s_dataset_options options = {.scale = 3, .shift = 7};
        struct c2s_dataset *d = NULL;
        struct c2s_tensor *x = NULL;
        float gathered[4 * 12];
        assert_ok(c2s_dataset_open(data_path("%s", files[f]), &options, &d, &err), &err);
        assert_ok(c2s_dataset_gather(d, places, 4, gathered, &err), &err);
        for (int i = 0; i < 4; i++) {
            assert_ok(c2s_dataset_keras(d, places[i], 1, &x, &err), &err);
            assert_memory_equal(gathered + 12 * i, c2s_f32(x), sizeof(float) * 12);
            c2s_tensor_unref(x);
        }
        const int64_t beyond = 5;
        assert_false(c2s_dataset_gather(d, &beyond, 1, gathered, &err));
        assert_int_equal(err.code, C2S_RANGE);
        c2s_dataset_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_is_read),
        cmocka_unit_test(text_is_the_inverse),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(gathering_gives_the_same_as_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
