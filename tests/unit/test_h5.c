/* The HDF5 cover: round trips, every kind of string, hostile and damaged files, atomic writes. */
#include "support.h"
#include "files.h"

#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "h5/h5.h"

static struct c2s_tensor *ramp(enum c2s_dtype dtype, int rank, const int64_t *dims)
{
    struct c2s_error err = {0};
    struct c2s_tensor *t = c2s_tensor_create(dtype, rank, dims, &err);
    assert_non_null(t);
    for (int64_t i = 0; i < c2s_tensor_count(t); i++) {
        if (dtype == C2S_F32)
            c2s_f32(t)[i] = (float)i / 3;
        else if (dtype == C2S_I32)
            c2s_i32(t)[i] = (int32_t)(i - 70000);
        else
            c2s_u8(t)[i] = (uint8_t)(i * 5);
    }
    return t;
}

static void tensors_come_back(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    const char *path = in_test_folder("round.h5");
    static const int64_t dims[] = {4, 3, 2};
    struct h5_writer *w;
    assert_ok(h5_create(path, false, &w, &err), &err);
    struct c2s_tensor *sent[C2S_DTYPE_COUNT + 1];
    for (int d = 0; d <= C2S_DTYPE_COUNT; d++) {
        sent[d] = ramp(d < C2S_DTYPE_COUNT ? (enum c2s_dtype)d : C2S_F32,
                       d < C2S_DTYPE_COUNT ? 3 : 0, dims);
        char name[32];
        snprintf(name, sizeof name, "/a/b%d/kernel:0", d);
        assert_ok(h5_write(w, name, sent[d], &err), &err);
    }
    assert_int_equal(count_files(test_folder()), 0); /* nothing is there before the commit */
    assert_ok(h5_commit(w, &err), &err);
    assert_int_equal(count_files(test_folder()), 1);

    struct h5_file *f;
    assert_ok(h5_open(path, &f, &err), &err);
    assert_string_equal(h5_path(f), path);
    for (int d = 0; d <= C2S_DTYPE_COUNT; d++) {
        char name[32];
        struct h5_shape shape;
        struct c2s_tensor *t;
        snprintf(name, sizeof name, "/a/b%d/kernel:0", d);
        assert_ok(h5_shape(f, name, &shape, &err), &err);
        assert_int_equal(shape.dtype, sent[d]->dtype);
        assert_int_equal(shape.is_float, sent[d]->dtype == C2S_F32);
        assert_ok(h5_read(f, name, shape.dtype, &t, &err), &err);
        assert_true(c2s_tensor_same_shape(t, sent[d]));
        assert_memory_equal(t->data, sent[d]->data, c2s_tensor_bytes(t));
        c2s_tensor_unref(t);
        c2s_tensor_unref(sent[d]);
    }
    h5_close(f);
    unlink(path);
}

static void rows_are_a_part(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    const char *path = in_test_folder("rows.h5");
    static const int64_t dims[] = {5, 2};
    struct c2s_tensor *sent = ramp(C2S_U8, 2, dims), *t;
    struct h5_writer *w;
    assert_ok(h5_create(path, false, &w, &err) && h5_write(w, "/x", sent, &err), &err);
    assert_ok(h5_commit(w, &err), &err);
    struct h5_file *f;
    assert_ok(h5_open(path, &f, &err), &err);
    assert_ok(h5_read_rows(f, "/x", C2S_F32, 2, 3, &t, &err), &err);
    assert_int_equal(t->dims[0], 3);
    for (int i = 0; i < 6; i++)
        assert_true(c2s_f32(t)[i] == (float)c2s_u8(sent)[4 + i]);
    c2s_tensor_unref(t);
    assert_ok(h5_read_rows(f, "/x", C2S_U8, 5, 0, &t, &err), &err);
    assert_int_equal(t->dims[0], 0);
    c2s_tensor_unref(t);
    assert_false(h5_read_rows(f, "/x", C2S_U8, 3, 3, &t, &err));
    assert_int_equal(err.code, C2S_RANGE);
    h5_close(f);
    c2s_tensor_unref(sent);
    unlink(path);
}

static void attributes_come_back(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    const char *path = in_test_folder("attr.h5");
    static const char *const names[] = {"dense", "conv2d_10", "h\xc3\xa4user"};
    struct h5_writer *w;
    assert_ok(h5_create(path, false, &w, &err), &err);
    assert_ok(h5_write_group(w, "/model_weights/dense", &err), &err);
    assert_ok(h5_write_text(w, "/", "model_config", "{\"a\": 1}", &err), &err);
    assert_ok(h5_write_names(w, "/model_weights", "layer_names", names, 3, &err), &err);
    assert_ok(h5_write_names(w, "/model_weights/dense", "weight_names", NULL, 0, &err), &err);
    assert_ok(h5_write_integer(w, "/", "filters", -7, &err), &err);
    assert_ok(h5_write_real(w, "/", "scale", 0.1, &err), &err);
    assert_ok(h5_commit(w, &err), &err);

    struct h5_file *f;
    struct h5_names list;
    char *text;
    double value;
    bool found;
    assert_ok(h5_open(path, &f, &err), &err);
    assert_ok(h5_attr_text(f, "/", "model_config", &text, &found, &err), &err);
    assert_true(found);
    assert_string_equal(text, "{\"a\": 1}");
    c2s_free(text);
    assert_ok(h5_attr_names(f, "/model_weights", "layer_names", &list, &found, &err), &err);
    assert_int_equal(list.n, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(list.items[i], names[i]);
    h5_names_finish(&list);
    assert_ok(h5_attr_names(f, "/model_weights/dense", "weight_names", &list, &found, &err), &err);
    assert_true(found);
    assert_int_equal(list.n, 0);
    assert_ok(h5_attr_names(f, "/", "layer_names", &list, &found, &err), &err);
    assert_false(found);
    assert_ok(h5_attr_real(f, "/", "filters", &value, &found, &err), &err);
    assert_true(found && value == -7);
    assert_ok(h5_attr_real(f, "/", "scale", &value, &found, &err), &err);
    assert_true(found && value == 0.1);
    assert_false(h5_attr_real(f, "/", "model_config", &value, &found, &err));
    assert_int_equal(err.code, C2S_FORMAT);
    h5_close(f);
    unlink(path);
}

static void long_lists_are_split(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    const char *path = in_test_folder("split.h5");
    enum { N = 9000 };
    const char **names = calloc(N, sizeof *names);
    for (int i = 0; i < N; i++) {
        char *name = malloc(16);
        snprintf(name, 16, "layer_%d", i);
        names[i] = name;
    }
    struct h5_writer *w;
    struct h5_file *f;
    struct h5_names list;
    bool found;
    assert_ok(h5_create(path, false, &w, &err), &err);
    assert_ok(h5_write_names(w, "/m", "layer_names", names, N, &err), &err);
    assert_ok(h5_commit(w, &err), &err);
    assert_ok(h5_open(path, &f, &err), &err);
    assert_ok(h5_attr_names(f, "/m", "layer_names", &list, &found, &err), &err);
    assert_int_equal(list.n, N);
    for (int i = 0; i < N; i++) {
        assert_string_equal(list.items[i], names[i]);
        free((char *)names[i]);
    }
    h5_names_finish(&list);
    h5_close(f);
    free(names);
    unlink(path);
}

static void keras_split_list_is_joined(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct h5_file *f;
    struct h5_names list;
    bool found;
    assert_ok(h5_open(data_path("corpus/chunk.h5"), &f, &err), &err);
    assert_ok(h5_attr_names(f, "/model_weights", "layer_names", &list, &found, &err), &err);
    assert_true(found);
    assert_int_equal(list.n, 400);
    for (int i = 0; i < list.n; i++) {
        char path[600];
        snprintf(path, sizeof path, "/model_weights/%s", list.items[i]);
        assert_true(h5_exists(f, path));
        assert_false(h5_is_dataset(f, path));
    }
    h5_names_finish(&list);
    h5_close(f);
}

/* One string attribute as other writers store it. */
static void put_string(hid_t file, const char *name, H5T_cset_t cset, H5T_str_t pad, size_t size,
                       bool is_array, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    hsize_t one = 1;
    hid_t space = is_array ? H5Screate_simple(1, &one, NULL) : H5Screate(H5S_SCALAR);
    H5Tset_size(type, size ? size : H5T_VARIABLE);
    H5Tset_cset(type, cset);
    H5Tset_strpad(type, pad);
    hid_t id = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    char padded[64];
    memset(padded, pad == H5T_STR_SPACEPAD ? ' ' : 0, sizeof padded);
    memcpy(padded, text, strlen(text));
    assert_true(H5Awrite(id, type, size ? (const void *)padded : (const void *)&text) >= 0);
    H5Aclose(id);
    H5Sclose(space);
    H5Tclose(type);
}

static void strings_of_every_kind_are_read(void **state)
{
    (void)state;
    static const struct {
        H5T_cset_t cset;
        H5T_str_t pad;
        size_t size;
        bool is_array;
    } kinds[] = {
        {H5T_CSET_ASCII, H5T_STR_NULLTERM, 0, false}, {H5T_CSET_UTF8, H5T_STR_NULLTERM, 0, false},
        {H5T_CSET_UTF8, H5T_STR_NULLTERM, 0, true},   {H5T_CSET_ASCII, H5T_STR_NULLPAD, 6, false},
        {H5T_CSET_UTF8, H5T_STR_NULLPAD, 6, true},    {H5T_CSET_ASCII, H5T_STR_NULLPAD, 9, false},
        {H5T_CSET_ASCII, H5T_STR_SPACEPAD, 6, false}, {H5T_CSET_UTF8, H5T_STR_SPACEPAD, 12, false},
        {H5T_CSET_ASCII, H5T_STR_NULLTERM, 7, false}, {H5T_CSET_UTF8, H5T_STR_NULLTERM, 30, true},
    };
    struct c2s_error err = {0};
    const char *path = in_test_folder("strings.h5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    char name[16];
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        snprintf(name, sizeof name, "kind%zu", i);
        put_string(file, name, kinds[i].cset, kinds[i].pad, kinds[i].size, kinds[i].is_array,
                   "2.10.1");
    }
    H5Fclose(file);
    struct h5_file *f;
    assert_ok(h5_open(path, &f, &err), &err);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char *text;
        bool found;
        snprintf(name, sizeof name, "kind%zu", i);
        assert_ok(h5_attr_text(f, "/", name, &text, &found, &err), &err);
        assert_true(found);
        assert_string_equal(text, "2.10.1");
        c2s_free(text);
    }
    h5_close(f);
    unlink(path);
}

static void refuse_read(struct h5_file *f, const char *path, const char *word)
{
    struct c2s_error err = {0};
    struct c2s_tensor *t;
    assert_false(h5_read(f, path, C2S_F32, &t, &err));
    assert_int_equal(err.code, C2S_FORMAT);
    if (!strstr(err.text, word))
        fail_msg("'%s' does not say '%s'", err.text, word);
}

static void put_dataset(hid_t file, const char *name, hid_t space, hid_t creation)
{
    hid_t id = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(id >= 0);
    float values[4] = {1, 2, 3, 4};
    if (strcmp(name, "real/x") == 0)
        assert_true(H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(id);
    H5Pclose(creation);
}

static void hostile_objects_are_refused(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    const char *path = in_test_folder("hostile.h5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hsize_t few[] = {4}, many[] = {1000000, 1000000, 1000}, chunk[] = {1000, 1, 1};
    hid_t small = H5Screate_simple(1, few, NULL), huge = H5Screate_simple(3, many, NULL);
    H5Gclose(H5Gcreate2(file, "real", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    put_dataset(file, "real/x", small, H5Pcreate(H5P_DATASET_CREATE));
    H5Lcreate_soft("/real", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("/etc/passwd", "/", file, "outside", H5P_DEFAULT, H5P_DEFAULT);
    hid_t external = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(external, "/etc/passwd", 0, 16);
    put_dataset(file, "external", small, external);
    hid_t virtual = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(virtual, small, "other.h5", "x", small);
    put_dataset(file, "virtual", small, virtual);
    hid_t sparse = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(sparse, 3, chunk);
    put_dataset(file, "sparse", huge, sparse);
    H5Sclose(small);
    H5Sclose(huge);
    H5Fclose(file);

    struct h5_file *f;
    struct c2s_tensor *t;
    assert_ok(h5_open(path, &f, &err), &err);
    assert_true(h5_exists(f, "/real/x"));
    assert_false(h5_exists(f, "/soft"));
    assert_false(h5_exists(f, "/soft/x"));
    assert_false(h5_exists(f, "/outside"));
    assert_ok(h5_read(f, "/real/x", C2S_F32, &t, &err), &err);
    c2s_tensor_unref(t);
    refuse_read(f, "/soft/x", "link");
    refuse_read(f, "/outside", "link");
    refuse_read(f, "/external", "another file");
    refuse_read(f, "/virtual", "another file");
    refuse_read(f, "/sparse", "not written");
    refuse_read(f, "/real", "group");
    refuse_read(f, "/real/x/y", "no '/real/x/y'");
    refuse_read(f, "/missing", "no '/missing'");
    struct h5_names names;
    assert_ok(h5_members(f, "/", &names, &err), &err);
    assert_int_equal(names.n, 6);
    assert_string_equal(names.items[0], "external");
    h5_names_finish(&names);
    assert_false(h5_members(f, "/real/x", &names, &err));
    h5_close(f);
    unlink(path);
}

static void compressed_data_are_read(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    const char *path = in_test_folder("gzip.h5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hsize_t dims[] = {3000}, chunk[] = {1000};
    double values[3000];
    for (int i = 0; i < 3000; i++)
        values[i] = i * 0.25;
    hid_t space = H5Screate_simple(1, dims, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, chunk);
    H5Pset_shuffle(creation);
    H5Pset_deflate(creation, 6);
    hid_t id = H5Dcreate2(file, "x", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    H5Dwrite(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(id);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
    struct h5_file *f;
    struct c2s_tensor *t;
    assert_ok(h5_open(path, &f, &err), &err);
    assert_ok(h5_read(f, "/x", C2S_F32, &t, &err), &err);
    for (int i = 0; i < 3000; i++)
        assert_true(c2s_f32(t)[i] == (float)values[i]);
    c2s_tensor_unref(t);
    h5_close(f);
    unlink(path);
}

static void refuse_open(const char *path, enum c2s_code code, const char *word)
{
    struct c2s_error err = {0};
    struct h5_file *f;
    assert_false(h5_open(path, &f, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.text, word))
        fail_msg("'%s' does not say '%s'", err.text, word);
}

static void other_formats_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *word;
    } heads[] = {
        {"PK\x03\x04zip", ".keras"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "git lfs pull"},
        {"<!DOCTYPE html><html></html>", "web page"},
        {"<HTML><body>404</body></HTML>", "web page"},
        {"\x1c\x01\x01\x01TFL3", "TensorFlow Lite"},
        {"\x08\x07\x12\x07pytorch", "ONNX"},
        {"\x89HDF\r", "cut short"},
        {"some words", "not an HDF5 file"},
        {"", "empty"},
    };
    const char *path = in_test_folder("other");
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        write_file(path, heads[i].bytes, strlen(heads[i].bytes));
        refuse_open(path, C2S_FORMAT, heads[i].word);
    }
    unlink(path);
    path = in_test_folder("saved_model.pb");
    write_file(path, "\x08\x01", 2);
    refuse_open(path, C2S_FORMAT, "SavedModel");
    unlink(path);
    refuse_open(path, C2S_IO, "no file");
    refuse_open(test_folder(), C2S_FORMAT, "folder");
    refuse_open("/dev/null", C2S_FORMAT, "device");
    refuse_open(data_path("corpus/k3_seq.keras"), C2S_FORMAT, ".keras");
    write_file(in_test_folder("saved_model.pb"), "x", 1);
    refuse_open(test_folder(), C2S_FORMAT, "SavedModel");
    unlink(in_test_folder("saved_model.pb"));
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    size_t n;
    char *bytes = read_file(data_path("gallery/two_inputs.h5"), &n);
    const char *path = in_test_folder("cut.h5");
    for (size_t cut = 8; cut < n; cut = cut * 2) {
        write_file(path, bytes, cut);
        refuse_open(path, C2S_FORMAT, "cut short or damaged");
    }
    free(bytes);
    unlink(path);
}

static struct h5_writer *small_writer(const char *path, bool overwrite)
{
    struct c2s_error err = {0};
    struct h5_writer *w;
    static const int64_t dims[] = {100, 100};
    struct c2s_tensor *t = ramp(C2S_F32, 2, dims);
    assert_ok(h5_create(path, overwrite, &w, &err), &err);
    assert_ok(h5_write(w, "/x", t, &err), &err);
    c2s_tensor_unref(t);
    return w;
}

static void targets_are_checked_first(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct h5_writer *w;
    const char *path = in_test_folder("old.h5");
    write_file(path, "old", 3);
    assert_false(h5_create(path, false, &w, &err));
    assert_int_equal(err.code, C2S_EXISTS);
    err = (struct c2s_error){0};
    assert_false(h5_create(in_test_folder("none/x.h5"), false, &w, &err));
    assert_int_equal(err.code, C2S_IO);
    assert_non_null(strstr(err.text, "no folder"));
    err = (struct c2s_error){0};
    assert_false(h5_create(test_folder(), true, &w, &err));
    assert_int_equal(err.code, C2S_IO);
    h5_discard(small_writer(path, true));
    assert_int_equal(count_files(test_folder()), 1);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 3); /* discarding leaves the old file as it was */
    err = (struct c2s_error){0};
    assert_ok(h5_commit(small_writer(path, true), &err), &err);
    assert_int_equal(count_files(test_folder()), 1);
    struct h5_file *f;
    assert_ok(h5_open(path, &f, &err), &err);
    h5_close(f);
    unlink(path);
    w = small_writer(path, false);
    write_file(path, "new", 3); /* somebody was faster */
    assert_false(h5_commit(w, &err));
    assert_int_equal(err.code, C2S_EXISTS);
    assert_int_equal(count_files(test_folder()), 1);
    unlink(path);
}

/* The size limit of a process stands in for a full disk: write() fails half-way. */
static void full_disk_loses_nothing(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    const char *path = in_test_folder("full.h5");
    write_file(path, "old", 3);
    struct h5_writer *w = small_writer(path, true);
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 10000;
    setrlimit(RLIMIT_FSIZE, &small);
    bool ok = h5_commit(w, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_false(ok);
    assert_int_equal(err.code, C2S_IO);
    assert_int_equal(count_files(test_folder()), 1);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 3);
    unlink(path);
}

static void equal_contents_give_equal_bytes(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    char *bytes[2] = {0};
    size_t sizes[2] = {0};
    for (int i = 0; i < 2; i++) {
        const char *path = in_test_folder("same.h5");
        assert_ok(h5_commit(small_writer(path, true), &err), &err);
        bytes[i] = read_file(path, &sizes[i]);
        sleep(i == 0); /* the clock moves on */
        unlink(path);
    }
    assert_true(sizes[0] > 40000);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_come_back),
        cmocka_unit_test(rows_are_a_part),
        cmocka_unit_test(attributes_come_back),
        cmocka_unit_test(long_lists_are_split),
        cmocka_unit_test(keras_split_list_is_joined),
        cmocka_unit_test(strings_of_every_kind_are_read),
        cmocka_unit_test(hostile_objects_are_refused),
        cmocka_unit_test(compressed_data_are_read),
        cmocka_unit_test(other_formats_are_named),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(targets_are_checked_first),
        cmocka_unit_test(full_disk_loses_nothing),
        cmocka_unit_test(equal_contents_give_equal_bytes),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
