/* Every allocation of reading, describing and writing a model refused, one after the other: each
 * time out of memory is the answer, nothing leaks and no file is left behind. */
#include "support.h"

#include <c2s/keras.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

static void assert_nomem(const struct c2s_error *err, const char *what, long n)
{
    if (err->code != C2S_NOMEM)
        fail_msg("%s, allocation %ld: %s: %s", what, n, err->where, err->text);
}

static void reading(void **state)
{
    (void)state;
    static const char *const files[] = {"corpus/v18_nest.h5",       "gallery/residual.h5",
                                        "corpus/v18_qt.h5",         "corpus/k3_nest.keras",
                                        "corpus/k3_seq.weights.h5", "corpus/v22_seq_weights.h5"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = data_path("%s", files[i]);
        struct c2s_keras_read_options options = {.config = !strstr(path, "weights") ? NULL
                                                           : strstr(path, "k3")
                                                               ? data_path("corpus/k3_seq.keras")
                                                               : data_path("corpus/v22_seq.h5")};
        bool ok = false;
        for (long n = 1; !ok; n++) {
            struct c2s_error err = {0};
            struct c2s_model *m = NULL;
            c2s_alloc_fail_after(n);
            ok = c2s_keras_read(path, &options, &m, &err);
            c2s_alloc_fail_after(0);
            if (!ok)
                assert_nomem(&err, files[i], n);
            c2s_model_destroy(m);
            assert_true(n < 100000);
        }
    }
}

static void writing(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m;
    struct c2s_keras_write_options options = {C2S_DIALECT_CNN2SNN_18, true};
    char *folder = make_temp_dir(), path[600];
    assert_ok(c2s_keras_read(data_path("expected/mlp.expected_v22_iq4_wq4_aq4.h5"), NULL, &m, &err),
              &err);
    snprintf(path, sizeof path, "%s/out.h5", folder);
    bool ok = false;
    for (long n = 1; !ok; n++) {
        err = (struct c2s_error){0};
        c2s_alloc_fail_after(n);
        ok = c2s_keras_write(m, path, &options, &err);
        c2s_alloc_fail_after(0);
        if (!ok)
            assert_nomem(&err, "writing", n);
        assert_int_equal(access(path, F_OK) == 0, ok);
    }
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
    free(folder);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
