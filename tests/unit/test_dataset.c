/* Datasets: every format, labels of every form, subsets, scaling, hashes, clear errors. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <c2s/dataset.h>

enum { N = 5, ROWS = 4, COLUMNS = 3, PIXELS = ROWS * COLUMNS };

/* What tests/data/datasets/make.py puts in. */
static uint8_t pixel(int64_t sample, int64_t place)
{
    return (uint8_t)(37 * sample + 11 * (place / COLUMNS) + 5 * (place % COLUMNS));
}

static struct c2s_dataset *open_data(const char *path, const struct c2s_dataset_options *options)
{
    struct c2s_error err = {0};
    struct c2s_dataset *d = NULL;
    assert_ok(c2s_dataset_open(path, options, &d, &err), &err);
    return d;
}

static void assert_fails(const char *path, const struct c2s_dataset_options *options,
                         enum c2s_code code, const char *part)
{
    struct c2s_error err = {0};
    struct c2s_dataset *d = NULL;
    if (c2s_dataset_open(path, options, &d, &err))
        fail_msg("%s opens", path);
    assert_null(d);
    if (err.code != code || !strstr(err.text, part))
        fail_msg("%s: %s (%s), not '%s'", err.where, err.text, c2s_code_name(err.code), part);
}

/* The five samples, in the form the scale of the file calls for. */
static void assert_contents(const char *path, const char *format, enum c2s_dtype dtype,
                            float file_scale)
{
    struct c2s_error err = {0};
    struct c2s_dataset *d = open_data(path, NULL);
    const struct c2s_dataset_info *info = c2s_dataset_info(d);
    assert_string_equal(info->format, format);
    assert_int_equal(info->n, N);
    assert_int_equal(info->n_available, N);
    assert_int_equal(info->rank, 3);
    assert_int_equal(info->dims[0] * 100 + info->dims[1] * 10 + info->dims[2], 431);
    assert_int_equal(info->dtype, dtype);
    assert_int_equal(info->n_classes, 3);
    struct c2s_tensor *x = NULL;
    assert_ok(c2s_dataset_keras(d, 0, N, &x, &err), &err);
    assert_int_equal(x->rank, 4);
    for (int i = 0; i < N; i++) {
        assert_int_equal(c2s_dataset_labels(d)[i], i % 3);
        for (int p = 0; p < PIXELS; p++)
            assert_true(c2s_f32(x)[i * PIXELS + p] == (float)pixel(i, p) / file_scale);
    }
    c2s_tensor_unref(x);
    c2s_dataset_close(d);
}

static void every_format_gives_the_same_samples(void **state)
{
    (void)state;
    assert_contents(data_path("datasets/stored.npz"), "npz", C2S_U8, 1);
    assert_contents(data_path("datasets/deflated.npz"), "npz", C2S_F32, 255);
    assert_contents(data_path("datasets/plain.npz"), "npz", C2S_F32, 1); /* column-major, one-hot */
    assert_contents(data_path("datasets/x_big_endian.npy"), "npy", C2S_F32, 1);
    assert_contents(data_path("datasets/both.h5"), "hdf5", C2S_U8, 1);
}

/* The same pixels as bytes, as floats, and as floats that were divided by 255 before. */
static void shared_samples_are_found_across_files(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    const struct c2s_dataset_options scaled = {.scale = 255, .limit = 4};
    struct c2s_dataset *bytes = open_data(data_path("datasets/stored.npz"), &scaled);
    const struct {
        const char *file;
        double scale;
        int64_t n_shared;
    } cases[] = {{"datasets/both.h5", 1, 4}, /* bytes: the scale does not count */
                 {"datasets/x_big_endian.npy", 255, 4},
                 {"datasets/x_big_endian.npy", 1, 0},
                 {"datasets/deflated.npz", 1, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t n = -1;
        struct c2s_dataset_options options = {.scale = cases[i].scale};
        struct c2s_dataset *other = open_data(data_path("%s", cases[i].file), &options);
        assert_ok(c2s_dataset_count_shared(bytes, other, &n, &err), &err);
        assert_int_equal(n, cases[i].n_shared);
        assert_ok(c2s_dataset_count_shared(other, bytes, &n, &err), &err);
        assert_int_equal(n, cases[i].n_shared);
        c2s_dataset_close(other);
    }
    c2s_dataset_close(bytes);
}

static void npy_versions_2_and_3(void **state)
{
    (void)state;
    assert_contents(data_path("datasets/images_v2.npy"), "npy", C2S_U8, 1);
    struct c2s_dataset_options labels = {.labels = data_path("datasets/labels_v2.npy")};
    struct c2s_dataset *d = open_data(data_path("datasets/images_v3.npy"), &labels);
    assert_int_equal(c2s_dataset_labels(d)[4], 1);
    c2s_dataset_close(d);
}

static FILE *create(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    return f;
}

static void write_idx(const char *folder, const char *name, int n, int rank)
{
    FILE *f = create(folder, name);
    const uint8_t head[16] = {0, 0, 8, (uint8_t)rank, 0, 0, 0, (uint8_t)n,
                              0, 0, 0, ROWS,          0, 0, 0, COLUMNS};
    fwrite(head, 1, 4 + 4 * (size_t)rank, f);
    for (int i = 0; i < n; i++)
        for (int p = 0; p < (rank == 3 ? PIXELS : 1); p++)
            fputc(rank == 3 ? pixel(i, p) : i % 3, f);
    fclose(f);
}

static const char *inside(const char *folder, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void idx_folders_and_lone_images(void **state)
{
    (void)state;
    char *dir = make_temp_dir();
    struct c2s_dataset_options train = {.split = "train"};
    write_idx(dir, "t10k-images.idx3-ubyte", N, 3);
    assert_fails(dir, NULL, C2S_NOT_FOUND, "t10k-labels-idx1-ubyte");
    write_idx(dir, "t10k-labels.idx1-ubyte", N, 1);
    assert_contents(dir, "idx", C2S_U8, 1);
    assert_contents(inside(dir, "t10k-images.idx3-ubyte"), "idx", C2S_U8, 1);
    assert_fails(dir, &train, C2S_NOT_FOUND, "t10k-images.idx3-ubyte");
    write_idx(dir, "train-images-idx3-ubyte", 2, 3);
    write_idx(dir, "train-labels-idx1-ubyte", 2, 1);
    struct c2s_dataset *d = open_data(dir, &train);
    assert_int_equal(c2s_dataset_info(d)->n, 2);
    assert_string_equal(c2s_dataset_info(d)->split, "train");
    c2s_dataset_close(d);
    struct c2s_dataset_options other = {.labels = inside(dir, "train-labels-idx1-ubyte")};
    assert_fails(dir, &other, C2S_SHAPE, "5 samples but 2 labels");
    assert_fails(inside(dir, "t10k-labels.idx1-ubyte"), &other, C2S_SHAPE, "file of the labels");
    remove_temp_dir(dir);
}

/* Truth: the IDX files of the Fashion-MNIST test set begin with an ankle boot (9), a pullover (2)
 * and two trousers (1, 1), and hold 1,000 of its 10,000 samples. */
static void gzip_folder(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_dataset_options options = {.scale = 255};
    struct c2s_dataset *d = open_data(data_path("fashion-mnist-1k"), &options);
    const struct c2s_dataset_info *info = c2s_dataset_info(d);
    const int32_t *labels = c2s_dataset_labels(d);
    assert_int_equal(info->n, 1000);
    assert_int_equal(info->n_classes, 10);
    assert_string_equal(info->name, "fashion-mnist-1k");
    assert_true(labels[0] == 9 && labels[1] == 2 && labels[2] == 1 && labels[3] == 1);
    struct c2s_tensor *x = NULL, *raw = NULL;
    assert_ok(c2s_dataset_keras(d, 990, 10, &x, &err), &err);
    assert_ok(c2s_dataset_raw(d, 990, 10, &raw, &err), &err);
    for (int64_t i = 0; i < c2s_tensor_count(x); i++)
        assert_true(c2s_f32(x)[i] == (float)c2s_u8(raw)[i] / 255.0f);
    assert_false(c2s_dataset_keras(d, 995, 6, &x, &err));
    assert_int_equal(err.code, C2S_RANGE);
    c2s_tensor_unref(x);
    c2s_tensor_unref(raw);
    c2s_dataset_close(d);
}

static void npy_pairs_in_a_folder(void **state)
{
    (void)state;
    char *dir = make_temp_dir();
    char command[2048];
    snprintf(command, sizeof command, "cp '%s' '%s/x_test.npy' && cp '%s' '%s/y_test.npy'",
             data_path("datasets/images_v3.npy"), dir, data_path("datasets/labels_v2.npy"), dir);
    assert_int_equal(system(command), 0);
    assert_contents(dir, "npy", C2S_U8, 1);
    unlink(inside(dir, "y_test.npy"));
    assert_fails(dir, NULL, C2S_NOT_FOUND, "there is: x_test.npy");
    assert_fails(inside(dir, "x_test.npy"), NULL, C2S_NOT_FOUND, "--labels");
    remove_temp_dir(dir);
}

static void hash_depends_on_contents_not_on_the_file(void **state)
{
    (void)state;
    char *dir = make_temp_dir();
    write_idx(dir, "t10k-images-idx3-ubyte", N, 3);
    write_idx(dir, "t10k-labels-idx1-ubyte", N, 1);
    struct c2s_dataset_options scaled = {.scale = 255}, shifted = {.shift = 1}, four = {.limit = 4};
    struct c2s_dataset *d[] = {
        open_data(dir, NULL),
        open_data(data_path("datasets/stored.npz"), NULL),
        open_data(data_path("datasets/both.h5"), NULL),
        open_data(dir, &scaled),
        open_data(dir, &shifted),
        open_data(dir, &four),
        open_data(data_path("datasets/plain.npz"), NULL),
    };
    for (int i = 1; i < 3; i++)
        assert_string_equal(c2s_dataset_info(d[i])->hash, c2s_dataset_info(d[0])->hash);
    for (int i = 3; i < 7; i++)
        for (int k = 0; k < i; k++)
            if (k == 0 || k > 2)
                assert_string_not_equal(c2s_dataset_info(d[i])->hash, c2s_dataset_info(d[k])->hash);
    for (int i = 0; i < 7; i++)
        c2s_dataset_close(d[i]);
    remove_temp_dir(dir);
}

static void subsets(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_dataset *all = open_data(data_path("fashion-mnist-1k"), NULL);
    struct c2s_dataset_options first = {.limit = 20}, seeded = {.limit = 300, .seed = 5};
    struct c2s_dataset *d = open_data(data_path("fashion-mnist-1k"), &first);
    assert_int_equal(c2s_dataset_info(d)->n, 20);
    assert_int_equal(c2s_dataset_info(d)->n_available, 1000);
    assert_int_equal(c2s_dataset_source_index(d, 19), 19);
    c2s_dataset_close(d);
    d = open_data(data_path("fashion-mnist-1k"), &seeded);
    struct c2s_dataset *again = open_data(data_path("fashion-mnist-1k"), &seeded);
    seeded.seed = 6;
    struct c2s_dataset *other = open_data(data_path("fashion-mnist-1k"), &seeded);
    assert_string_equal(c2s_dataset_info(d)->hash, c2s_dataset_info(again)->hash);
    assert_string_not_equal(c2s_dataset_info(d)->hash, c2s_dataset_info(other)->hash);
    struct c2s_tensor *x = NULL, *one = NULL;
    assert_ok(c2s_dataset_raw(d, 0, 300, &x, &err), &err);
    for (int64_t k = 0; k < 300; k++) {
        int64_t source = c2s_dataset_source_index(d, k);
        assert_true(k == 0 || source > c2s_dataset_source_index(d, k - 1));
        assert_int_equal(c2s_dataset_labels(d)[k], c2s_dataset_labels(all)[source]);
        assert_ok(c2s_dataset_raw(all, source, 1, &one, &err), &err);
        assert_memory_equal(c2s_u8(x) + k * 784, one->data, 784);
        c2s_tensor_unref(one);
    }
    assert_true(c2s_dataset_source_index(d, 299) > 700); /* not just the first ones */
    c2s_tensor_unref(x);
    c2s_dataset_close(d);
    c2s_dataset_close(again);
    c2s_dataset_close(other);
    c2s_dataset_close(all);
}

static void raw_form_takes_bytes_only(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_tensor *x = NULL;
    struct c2s_dataset *d = open_data(data_path("datasets/plain.npz"), NULL); /* whole floats */
    assert_ok(c2s_dataset_raw(d, 1, 2, &x, &err), &err);
    assert_int_equal(c2s_u8(x)[5], pixel(1, 5));
    c2s_tensor_unref(x);
    c2s_dataset_close(d);
    d = open_data(data_path("datasets/deflated.npz"), NULL);
    assert_false(c2s_dataset_raw(d, 0, 1, &x, &err));
    assert_int_equal(err.code, C2S_RANGE);
    c2s_dataset_close(d);
}

static void wrong_files_say_what_is_wrong(void **state)
{
    (void)state;
    char *dir = make_temp_dir();
    struct c2s_dataset_options train = {.split = "train"}, valid = {.split = "valid"};
    assert_fails(inside(dir, "none"), NULL, C2S_IO, "No such file");
    assert_fails(data_path("datasets/train_only.npz"), NULL, C2S_NOT_FOUND,
                 "there is: x_train, y_train");
    struct c2s_dataset *d = open_data(data_path("datasets/train_only.npz"), &train);
    c2s_dataset_close(d);
    assert_fails(data_path("datasets/train_only.npz"), &valid, C2S_RANGE, "valid");
    assert_fails(data_path("datasets/no_labels.npz"), NULL, C2S_NOT_FOUND, "x_test, names");
    assert_fails(data_path("datasets/objects.npz"), NULL, C2S_UNSUPPORTED, "'|O'");
    assert_fails(data_path("fm_sep.h5"), NULL, C2S_NOT_FOUND, "wanted is a pair");
    assert_fails(data_path("README.md"), NULL, C2S_FORMAT, "neither IDX");
    assert_fails(dir, NULL, C2S_NOT_FOUND, "nothing");
    fclose(create(dir, "empty"));
    assert_fails(inside(dir, "empty"), NULL, C2S_FORMAT, "first 4 bytes");
    FILE *f = create(dir, "bomb-images-idx3-ubyte");
    fwrite("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1, 16, f);
    fclose(f);
    assert_fails(inside(dir, "bomb-images-idx3-ubyte"), NULL, C2S_FORMAT, "impossible size");
    write_idx(dir, "few-images-idx3-ubyte", N, 3);
    f = create(dir, "few-labels-idx1-ubyte");
    fwrite("\0\0\x08\x01\0\0\0\x06\0\1\2\0\1\2\3", 1, 15, f);
    fclose(f);
    assert_fails(inside(dir, "few-images-idx3-ubyte"), NULL, C2S_FORMAT, "declares 6");
    assert_fails("/dev/null", NULL, C2S_IO, "no regular file");
    remove_temp_dir(dir);
}

static void write_float_pair(const char *dir, const float *x, const float *y, int n, int columns)
{
    const struct {
        const char *name;
        const float *values;
        int columns;
    } files[] = {{"x.npy", x, 2}, {"y.npy", y, columns}};
    for (int i = 0; i < 2; i++) {
        FILE *f = create(dir, files[i].name);
        char header[119];
        int used = snprintf(header, sizeof header,
                            "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", n,
                            files[i].columns);
        fwrite("\x93NUMPY\1\0\x76\0", 1, 10, f);
        fprintf(f, "%s%*s\n", header, 117 - used, "");
        fwrite(files[i].values, 4, (size_t)(n * files[i].columns), f);
        fclose(f);
    }
}

static void labels_and_values_are_checked(void **state)
{
    (void)state;
    char *dir = make_temp_dir();
    const float x[6] = {0, 1, 2, 3, 4, 5}, bad[6] = {0, 1, 2, 0.0f / 0.0f, 4, 5};
    write_float_pair(dir, x, (float[]){0, 1, 2}, 3, 1);
    struct c2s_dataset *d = open_data(dir, NULL);
    assert_int_equal(c2s_dataset_info(d)->rank, 1); /* features: no channel axis is added */
    c2s_dataset_close(d);
    write_float_pair(dir, x, (float[]){0, 1.5f, 2}, 3, 1);
    assert_fails(dir, NULL, C2S_RANGE, "label 1.5 of sample 1");
    write_float_pair(dir, x, (float[]){0, 1, -1}, 3, 1);
    assert_fails(dir, NULL, C2S_RANGE, "label -1 of sample 2");
    write_float_pair(dir, x, (float[]){0, 1, 1, 0, 0.5f, 0.5f}, 3, 2);
    assert_fails(dir, NULL, C2S_RANGE, "sample 2 are not one-hot");
    write_float_pair(dir, x, (float[]){0, 1, 1, 1, 1, 0}, 3, 2);
    assert_fails(dir, NULL, C2S_RANGE, "sample 1 are not one-hot");
    write_float_pair(dir, bad, (float[]){0, 1, 2}, 3, 1);
    assert_fails(dir, NULL, C2S_RANGE, "sample 1");
    struct c2s_dataset_options infinite = {.scale = 1.0 / 0.0}, negative = {.limit = -1};
    assert_fails(dir, &infinite, C2S_RANGE, "finite");
    struct c2s_dataset_options tiny = {.scale = 1e-300}, small = {.scale = 1e-37};
    assert_fails(dir, &tiny, C2S_RANGE, "infinite inputs");
    assert_fails(dir, &small, C2S_RANGE, "infinite inputs"); /* 255 / 1e-37 is beyond float32 */
    write_float_pair(dir, x, (float[]){0, 1, 2}, 3, 1);
    small.scale = 1e-35;
    c2s_dataset_close(open_data(dir, &small));
    assert_fails(dir, &negative, C2S_RANGE, "limit");
    remove_temp_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_gives_the_same_samples),
        cmocka_unit_test(shared_samples_are_found_across_files),
        cmocka_unit_test(npy_versions_2_and_3),
        cmocka_unit_test(idx_folders_and_lone_images),
        cmocka_unit_test(gzip_folder),
        cmocka_unit_test(npy_pairs_in_a_folder),
        cmocka_unit_test(hash_depends_on_contents_not_on_the_file),
        cmocka_unit_test(subsets),
        cmocka_unit_test(raw_form_takes_bytes_only),
        cmocka_unit_test(wrong_files_say_what_is_wrong),
        cmocka_unit_test(labels_and_values_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
