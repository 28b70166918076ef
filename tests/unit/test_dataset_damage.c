/* Damaged data files: cut at every byte, bits flipped, memory refused. Nothing may crash or leak
 * (the sanitizer build watches), and a cut file must never open. */
#include "support.h"
#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/dataset.h>

#include "base/alloc.h"
#include "base/rng.h"

/* A folder with labels, and a gzip of the images beside them. */
struct place {
    char *dir;
    char file[512];
};

static struct place make_place(const char *name)
{
    struct place p = {.dir = make_temp_dir()};
    char command[2048];
    const char *labels = data_path("datasets/labels_v2.npy");
    snprintf(p.file, sizeof p.file, "%s/%s", p.dir, name);
    snprintf(command, sizeof command,
             "cp '%s' '%s/labels.npy' && cp '%s' '%s/labels.npy.gz' && cp '%s' '%s'", labels, p.dir,
             labels, p.dir, data_path("datasets/labels-idx1-ubyte"), p.dir);
    assert_int_equal(system(command), 0);
    return p;
}

static bool opens(const char *path)
{
    struct c2s_error err = {0};
    struct c2s_dataset *d = NULL;
    bool ok = c2s_dataset_open(path, NULL, &d, &err);
    if (!ok)
        assert_true(err.code != C2S_OK && err.text[0] != '\0');
    c2s_dataset_close(d);
    return ok;
}

static void cut_everywhere(const char *fixture, const char *name)
{
    size_t n_bytes;
    uint8_t *bytes = read_file(data_path("datasets/%s", fixture), &n_bytes);
    struct place p = make_place(name);
    write_file(p.file, bytes, n_bytes);
    assert_true(opens(p.file));
    for (size_t n = 0; n < n_bytes; n++) {
        write_file(p.file, bytes, n);
        if (opens(p.file))
            fail_msg("%s opens after %zu of %zu bytes", fixture, n, n_bytes);
    }
    free(bytes);
    remove_temp_dir(p.dir);
}

static void flip_bits(const char *fixture, const char *name, int n_files)
{
    size_t n_bytes;
    uint8_t *bytes = read_file(data_path("datasets/%s", fixture), &n_bytes);
    struct place p = make_place(name);
    struct c2s_rng rng;
    c2s_rng_seed(&rng, 2024);
    uint8_t *changed = malloc(n_bytes);
    int n_refused = 0;
    for (int i = 0; i < n_files; i++) {
        memcpy(changed, bytes, n_bytes);
        for (uint64_t k = 1 + c2s_rng_below(&rng, 4); k > 0; k--)
            changed[c2s_rng_below(&rng, n_bytes)] ^= (uint8_t)(1u << c2s_rng_below(&rng, 8));
        write_file(p.file, changed, n_bytes);
        n_refused += !opens(p.file);
    }
    assert_true(n_refused > n_files / 10); /* most bytes matter */
    free(changed);
    free(bytes);
    remove_temp_dir(p.dir);
}

static void cut_npz(void **state)
{
    (void)state;
    cut_everywhere("stored.npz", "cut.npz");
    cut_everywhere("deflated.npz", "cut.npz");
    cut_everywhere("plain.npz", "cut.npz");
}

static void cut_npy(void **state)
{
    (void)state;
    cut_everywhere("images_v2.npy", "images.npy");
    cut_everywhere("images_v3.npy", "images.npy");
}

static void cut_gzip(void **state)
{
    (void)state;
    cut_everywhere("images.npy.gz", "images.npy.gz");
}

static void cut_idx(void **state)
{
    (void)state;
    cut_everywhere("images-idx3-ubyte", "images-idx3-ubyte");
}

static void flipped_bits(void **state)
{
    (void)state;
    flip_bits("stored.npz", "flip.npz", 2000);
    flip_bits("deflated.npz", "flip.npz", 2000);
    flip_bits("images_v2.npy", "images.npy", 2000);
    flip_bits("images.npy.gz", "images.npy.gz", 2000);
    flip_bits("images-idx3-ubyte", "images-idx3-ubyte", 1000);
}

/* Stored members are read in place, but their checksum still counts. */
static void a_changed_pixel_in_a_stored_archive_is_noticed(void **state)
{
    (void)state;
    size_t n_bytes;
    uint8_t *bytes = read_file(data_path("datasets/stored.npz"), &n_bytes);
    struct place p = make_place("changed.npz");
    bytes[200] ^= 1;
    write_file(p.file, bytes, n_bytes);
    struct c2s_error err = {0};
    struct c2s_dataset *d = NULL;
    assert_false(c2s_dataset_open(p.file, NULL, &d, &err));
    assert_int_equal(err.code, C2S_FORMAT);
    assert_non_null(strstr(err.text, "checksum"));
    free(bytes);
    remove_temp_dir(p.dir);
}

static void file_cut_while_open_gives_an_error(void **state)
{
    (void)state;
    size_t n_bytes;
    uint8_t *bytes = read_file(data_path("datasets/images_v2.npy"), &n_bytes);
    struct place p = make_place("images.npy");
    struct c2s_error err = {0};
    struct c2s_dataset *d = NULL;
    struct c2s_tensor *x = NULL;
    write_file(p.file, bytes, n_bytes);
    assert_ok(c2s_dataset_open(p.file, NULL, &d, &err), &err);
    write_file(p.file, bytes, n_bytes - 1);
    assert_false(c2s_dataset_raw(d, 4, 1, &x, &err));
    assert_int_equal(err.code, C2S_FORMAT);
    c2s_dataset_close(d);
    free(bytes);
    remove_temp_dir(p.dir);
}

static void every_refused_allocation_is_an_error(void **state)
{
    (void)state;
    static const char *const files[] = {"stored.npz", "deflated.npz", "plain.npz", "both.h5",
                                        "images_v2.npy"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = data_path("datasets/%s", files[i]);
        bool ok = false;
        long n = 1;
        for (; !ok && n < 1000; n++) {
            struct c2s_error err = {0};
            struct c2s_dataset *d = NULL;
            c2s_alloc_fail_after(n);
            ok = c2s_dataset_open(path, NULL, &d, &err);
            c2s_alloc_fail_after(0);
            c2s_dataset_close(d);
            if (!ok && err.code != C2S_NOMEM)
                fail_msg("%s, allocation %ld: %s (%s)", files[i], n, err.text,
                         c2s_code_name(err.code));
        }
        assert_true(ok && n > 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_npz),
        cmocka_unit_test(cut_npy),
        cmocka_unit_test(cut_gzip),
        cmocka_unit_test(cut_idx),
        cmocka_unit_test(flipped_bits),
        cmocka_unit_test(a_changed_pixel_in_a_stored_archive_is_noticed),
        cmocka_unit_test(file_cut_while_open_gives_an_error),
        cmocka_unit_test(every_refused_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
