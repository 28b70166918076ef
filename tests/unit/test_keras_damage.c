/* Damaged Keras files: cut at many places, bytes changed by a fixed seed. Each either loads or
 * fails with a sentence; the process never crashes, hangs or takes memory out of proportion. */
#include "support.h"
#include "files.h"
#include "hdf5_memory.h"

#include <c2s/keras.h>
#include <stdio.h>
#include <stdlib.h>

#define N_CHANGES 400 /* in each file */

/* True when it loads. */
static bool try_load(const char *path, const unsigned char *data, size_t n)
{
    struct c2s_error err = {0};
    struct c2s_model *m;
    write_file(path, data, n);
    if (c2s_keras_read(path, NULL, &m, &err)) {
        c2s_model_destroy(m);
        return true;
    }
    assert_int_not_equal(err.code, C2S_OK);
    assert_true(err.text[0] != '\0');
    return false;
}

static const char *const samples[] = {"gallery/two_inputs.h5", "corpus/k3_mix.h5",
                                      "corpus/v18_nest.h5"};

static void cut_files_fail(void **state)
{
    (void)state;
    char *folder = make_temp_dir(), path[600];
    snprintf(path, sizeof path, "%s/cut.h5", folder);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        size_t n;
        unsigned char *bytes = read_file(data_path("%s", samples[i]), &n);
        assert_true(try_load(path, bytes, n));
        for (size_t cut = 0; cut < n; cut += cut < 200 ? 1 : 97)
            assert_false(try_load(path, bytes, cut));
        free(bytes);
    }
    remove_temp_dir(folder);
}

static void changed_bytes_do_no_harm(void **state)
{
    (void)state;
    char *folder = make_temp_dir(), path[600];
    unsigned seed = 20240607;
    int n_refused = 0, n_loaded = 0;
    snprintf(path, sizeof path, "%s/changed.h5", folder);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        size_t n;
        unsigned char *bytes = read_file(data_path("%s", samples[i]), &n);
        for (int k = 0; k < N_CHANGES; k++) {
            size_t at = (size_t)rand_r(&seed) % n;
            unsigned char old = bytes[at];
            bytes[at] ^= (unsigned char)(1 << (rand_r(&seed) % 8));
            if (k % 3 == 0)
                bytes[at] = 0xff;
            if (try_load(path, bytes, n))
                n_loaded++;
            else
                n_refused++;
            bytes[at] = old;
        }
        free(bytes);
    }
    assert_true(n_refused > 0 && n_loaded > 0);
    remove_temp_dir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_files_fail),
        cmocka_unit_test(changed_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
