/* Files made to do harm, and files of other kinds: each is refused by name, in memory bounded by
 * twice its size plus 64 MB. */
#include "support.h"
#include "files.h"

#include <c2s/keras.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

/* HDF5 loses some of its own memory when a file is damaged. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

static void refuse(const char *path, const char *word)
{
    struct c2s_error err = {0};
    struct c2s_model *m;
    if (c2s_keras_read(path, NULL, &m, &err))
        fail_msg("a file loads that must be refused: '%s'", word);
    if (!strstr(err.text, word))
        fail_msg("'%s' does not say '%s'", err.text, word);
}

/* ---- HDF5 */

#define DENSE                                                                                      \
    "{\"class_name\": \"Sequential\", \"config\": {\"layers\": [{\"class_name\": \"Dense\", "      \
    "\"config\": {\"name\": \"d\", \"units\": %d, \"use_bias\": false, \"batch_input_shape\": "    \
    "[null, 4]}}]}}"

static void put_text(hid_t at, const char *name, const char *text, size_t n)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, n);
    hid_t id = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(id >= 0 && H5Awrite(id, type, text) >= 0);
    H5Aclose(id);
    H5Sclose(space);
    H5Tclose(type);
}

/* A new file with a config and the group of a layer 'd', whose one weight is named "x". */
static hid_t start_file(const char *path, const char *config, size_t n, hid_t *group)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110); /* attributes of any size */
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    put_text(file, "model_config", config, n);
    hid_t root = H5Gcreate2(file, "model_weights", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    *group = H5Gcreate2(root, "d", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put_text(*group, "weight_names", "x", 1);
    H5Gclose(root);
    return file;
}

static void put_dataset(hid_t group, hsize_t columns, hid_t creation, const float *values)
{
    hsize_t dims[] = {4, columns};
    hid_t space = H5Screate_simple(2, dims, NULL);
    hid_t id = H5Dcreate2(group, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(id >= 0);
    if (values)
        assert_true(H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(id);
    H5Sclose(space);
    H5Pclose(creation);
}

enum trick { SOFT, EXTERNAL, OUTSIDE, VIRTUAL, UNWRITTEN, SPARSE, WIDE_CHUNK, INTEGERS };

static void put_trick(hid_t group, enum trick trick)
{
    static const float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t dims[] = {4, 2}, chunk[] = {4, 1 << 24}, most[] = {4, H5S_UNLIMITED};
    hid_t space = H5Screate_simple(2, dims, most);
    switch (trick) {
    case SOFT:
        H5Lcreate_soft("/elsewhere", group, "x", H5P_DEFAULT, H5P_DEFAULT);
        break;
    case EXTERNAL:
        H5Lcreate_external("/etc/passwd", "/", group, "x", H5P_DEFAULT, H5P_DEFAULT);
        break;
    case OUTSIDE:
        H5Pset_external(creation, "/etc/passwd", 0, 32);
        put_dataset(group, 2, H5Pcopy(creation), NULL);
        break;
    case VIRTUAL:
        H5Sset_extent_simple(space, 2, dims, dims);
        H5Pset_virtual(creation, space, "other.h5", "x", space);
        put_dataset(group, 2, H5Pcopy(creation), NULL);
        break;
    case UNWRITTEN:
        put_dataset(group, 1 << 24, H5Pcopy(creation), NULL);
        break;
    case SPARSE: /* 256 MB of which nothing is stored */
        chunk[1] = 1000;
        H5Pset_chunk(creation, 2, chunk);
        H5Pset_deflate(creation, 9);
        put_dataset(group, 1 << 24, H5Pcopy(creation), NULL);
        break;
    case WIDE_CHUNK: { /* 8 numbers in a chunk of 256 MB */
        H5Pset_chunk(creation, 2, chunk);
        H5Pset_deflate(creation, 9);
        hid_t id =
            H5Dcreate2(group, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
        assert_true(id >= 0);
        H5Dclose(id);
        break;
    }
    case INTEGERS: {
        H5Sset_extent_simple(space, 2, dims, dims);
        hid_t id =
            H5Dcreate2(group, "x", H5T_STD_I8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
        H5Dclose(id);
        break;
    }
    }
    H5Sclose(space);
    H5Pclose(creation);
}

static void tricks_of_hdf5(void **state)
{
    (void)state;
    static const char *const words[] = {
        [SOFT] = "'/model_weights/d/x'", [EXTERNAL] = "is a soft or external link",
        [OUTSIDE] = "in another file",   [VIRTUAL] = "in another file",
        [UNWRITTEN] = "not written",     [SPARSE] = "far more data",
        [WIDE_CHUNK] = "far more data",  [INTEGERS] = "whole numbers",
    };
    for (enum trick trick = SOFT; trick <= INTEGERS; trick++) {
        char config[400];
        hid_t group;
        bool is_wide = trick == UNWRITTEN || trick == SPARSE;
        int n = snprintf(config, sizeof config, DENSE, is_wide ? 1 << 24 : 2);
        hid_t file = start_file(in_test_folder("trick.h5"), config, (size_t)n, &group);
        put_trick(group, trick);
        H5Gclose(group);
        H5Fclose(file);
        refuse(in_test_folder("trick.h5"), words[trick]);
    }
}

/* ---- the structure */

static void refuse_config(const char *config, size_t n, const char *word)
{
    hid_t group, file = start_file(in_test_folder("config.h5"), config, n, &group);
    H5Gclose(group);
    H5Fclose(file);
    refuse(in_test_folder("config.h5"), word);
}

static char *repeat(const char *head, const char *text, size_t times, const char *tail)
{
    size_t n = strlen(text);
    char *out = malloc(strlen(head) + n * times + strlen(tail) + 1), *p = stpcpy(out, head);
    for (size_t i = 0; i < times; i++)
        p = stpcpy(p, text);
    stpcpy(p, tail);
    return out;
}

static void configs_that_harm(void **state)
{
    (void)state;
#define RELU(name, from)                                                                           \
    "{\"class_name\": \"ReLU\", \"name\": \"" name "\", \"config\": {\"name\": \"" name            \
    "\"}, \"inbound_nodes\": [[[\"" from "\", 0, 0, {}]]]}"
#define GRAPH(layers, output)                                                                      \
    "{\"class_name\": \"Functional\", \"config\": {\"layers\": [{\"class_name\": \"InputLayer\", " \
    "\"name\": \"i\", \"config\": {\"name\": \"i\", \"batch_input_shape\": [null, 4]}, "           \
    "\"inbound_nodes\": []}, " layers                                                              \
    "], \"input_layers\": [[\"i\", 0, 0]], \"output_layers\": [[\"" output "\", 0, 0]]}}"
    static const struct {
        const char *config, *word;
    } cases[] = {
        {GRAPH(RELU("a", "b") ", " RELU("b", "a"), "b"), "cannot be reached"},
        {GRAPH(RELU("a", "a"), "a"), "cannot be reached"},
        {GRAPH(RELU("a", "i") ", " RELU("a", "i"), "a"), "two layers have the name 'a'"},
        {GRAPH(RELU("i", "i"), "i"), "two layers have the name 'i'"},
        {"{\"class_name\": \"Sequential\", \"config\": {\"name\": \"\xff\xfe\"}}",
         "unable to decode byte 0xff"},
        {"{\"class_name\": \"Sequential\", \"config\": {\"layers\": [1, 2, null]}}", "shape"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse_config(cases[i].config, strlen(cases[i].config), cases[i].word);
    char *deep = repeat("", "[", 100000, ""), *wide = repeat("[", "[],", 1000000, "0]");
    refuse_config(deep, strlen(deep), "depth");
    refuse_config(wide, strlen(wide), "too many values");
    free(deep);
    free(wide);
}

/* ---- archives, written byte by byte */

struct entry {
    const char *name, *bytes;
    size_t n;               /* stored as they are, unless packed */
    size_t packed_bytes;    /* 0 = stored */
    uint32_t claims, crc;   /* unpacked size and checksum; 0 = the true ones */
    unsigned flags, method; /* 0 = by packed_bytes */
};

static char *put(char *p, uint64_t value, int n)
{
    for (int i = 0; i < n; i++)
        *p++ = i < 8 ? (char)(value >> 8 * i) : 0;
    return p;
}

/* The part that the local header and the directory share, behind their signatures. */
static char *put_head(char *p, const struct entry *e)
{
    size_t stored = e->packed_bytes ? e->packed_bytes : e->n;
    uint32_t crc = e->crc ? e->crc : (uint32_t)crc32_z(0, (const Bytef *)e->bytes, e->n);
    p = put(p, 20, 2);
    p = put(p, e->flags, 2);
    p = put(p, e->method ? e->method : e->packed_bytes ? 8 : 0, 2);
    p = put(p, 0, 4);
    p = put(p, crc, 4);
    p = put(p, stored, 4);
    p = put(p, e->claims ? e->claims : e->n, 4);
    p = put(p, strlen(e->name), 2);
    return put(p, 0, 2);
}

static void write_archive(const char *path, const struct entry *entries, int n)
{
    size_t total = 100;
    for (int i = 0; i < n; i++)
        total += 300 + 2 * strlen(entries[i].name) + entries[i].n + entries[i].packed_bytes;
    char *bytes = malloc(total), *p = bytes;
    size_t at[8];
    for (int i = 0; i < n; i++) {
        const struct entry *e = &entries[i];
        at[i] = (size_t)(p - bytes);
        p = stpcpy(put_head(put(p, 0x04034b50, 4), e), e->name);
        p = mempcpy(p, e->bytes, e->packed_bytes ? e->packed_bytes : e->n);
    }
    size_t directory = (size_t)(p - bytes);
    for (int i = 0; i < n; i++) {
        p = put_head(put(put(p, 0x02014b50, 4), 20, 2), &entries[i]);
        p = put(p, 0, 10);
        p = stpcpy(put(p, at[i], 4), entries[i].name);
    }
    size_t end = (size_t)(p - bytes);
    p = put(put(put(put(p, 0x06054b50, 4), 0, 4), (uint64_t)n, 2), (uint64_t)n, 2);
    p = put(put(put(p, end - directory, 4), directory, 4), 0, 2);
    write_file(path, bytes, (size_t)(p - bytes));
    free(bytes);
}

#define TEXT(member, text)                                                                         \
    {                                                                                              \
        .name = member, .bytes = text, .n = sizeof text - 1                                        \
    }

static void refuse_archive(const struct entry *entries, int n, const char *word)
{
    write_archive(in_test_folder("made.keras"), entries, n);
    refuse(in_test_folder("made.keras"), word);
}

/* 200 MB of zeros in 200 kB; *n is their packed size. */
static char *pack_zeros(size_t bytes, size_t *n)
{
    z_stream z = {0};
    static char zeros[1 << 16];
    char *out = malloc(bytes / 500);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)(bytes / 500);
    for (size_t done = 0; done < bytes; done += sizeof zeros) {
        z.next_in = (Bytef *)zeros;
        z.avail_in = sizeof zeros;
        assert_int_equal(deflate(&z, done + sizeof zeros < bytes ? Z_NO_FLUSH : Z_FINISH),
                         done + sizeof zeros < bytes ? Z_OK : Z_STREAM_END);
    }
    *n = z.total_out;
    deflateEnd(&z);
    return out;
}

#define SMALL_CONFIG "{\"class_name\": \"Sequential\", \"config\": {\"layers\": []}}"

static void archives_that_harm(void **state)
{
    (void)state;
    size_t packed;
    char *zeros = pack_zeros(200u << 20, &packed);
    struct entry config = TEXT("config.json", SMALL_CONFIG);
    struct entry weights = TEXT("model.weights.h5", "no HDF5 file at all");
    struct entry odd[] = {TEXT("../config.json", SMALL_CONFIG), TEXT("/config.json", "{}")};
    struct entry bomb = {.name = "model.weights.h5",
                         .bytes = zeros,
                         .packed_bytes = packed,
                         .claims = 200u << 20,
                         .crc = 1};
    struct entry liar = bomb, locked = weights, strange = weights, wrong = weights;
    liar.claims = 1000;
    locked.flags = 1;
    strange.method = 99;
    wrong.crc = 7;
    refuse_archive((struct entry[]){config, bomb}, 2, "out of proportion");
    refuse_archive((struct entry[]){config, liar}, 2, "checksum");
    refuse_archive((struct entry[]){config, locked}, 2, "encrypted");
    refuse_archive((struct entry[]){config, strange}, 2, "method 99");
    refuse_archive((struct entry[]){config, wrong}, 2, "checksum");
    refuse_archive((struct entry[]){config, config, weights}, 3, "'config.json' twice");
    refuse_archive((struct entry[]){config, weights}, 2, "not an HDF5 file");
    refuse_archive((struct entry[]){config}, 1, "without model.weights.h5");
    refuse_archive((struct entry[]){odd[0], odd[1], weights}, 3, "inside a folder");
    refuse_archive(NULL, 0, "truncated or damaged");
    free(zeros);
}

static void archives_of_other_kinds(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"model.weights.json", "split over several files"},
        {"m/saved_model.pb", "SavedModel"},
        {"archive/data.pkl", "PyTorch"},
        {"x.npy", "data use"},
        {"model.h5", "unzip"},
        {"m/config.json", "inside a folder"},
        {"readme.txt", "without config.json"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct entry e = {.name = names[i][0], .bytes = "x", .n = 1};
        refuse_archive(&e, 1, names[i][1]);
    }
}

/* H14 */
static void files_of_other_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *word;
    } heads[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "git lfs pull"},
        {"<!DOCTYPE html><html></html>", "web page"},
        {"\x1c\x01\x01\x01TFL3", "TensorFlow Lite"},
        {"\x08\x07\x12\x07pytorch", "ONNX"},
        {"\x1f\x8b\x08\x01", "gunzip"},
        {"{\"metadata\": {}, \"weight_map\": {\"a\": \"b\"}}", "max_shard_size"},
        {"{\"class_name\": \"Sequential\"}", "--config"},
        {"{\"class_name\": ", "line 1"},
        {"some words", "not an HDF5 file"},
        {"\x89HDF\r\n", "cut short"},
        {"", "empty"},
    };
    const char *path = in_test_folder("other");
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        write_file(path, heads[i].bytes, strlen(heads[i].bytes));
        refuse(path, heads[i].word);
    }
    refuse(test_folder(), "folder");
    refuse(in_test_folder("nothing.keras"), "no file");
    write_file(in_test_folder("saved_model.pb"), "x", 1);
    refuse(test_folder(), "SavedModel");
    unlink(in_test_folder("saved_model.pb"));
}

static void cut_archives_are_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"variants/deflated.keras", "corpus/k3_nest.keras"};
    for (int i = 0; i < 2; i++) {
        size_t n;
        char *bytes = read_file(data_path("%s", files[i]), &n);
        for (size_t cut = 1; cut < n; cut += 61) {
            struct c2s_error err = {0};
            struct c2s_model *m;
            write_file(in_test_folder("cut.keras"), bytes, cut);
            assert_false(c2s_keras_read(in_test_folder("cut.keras"), NULL, &m, &err));
            assert_int_not_equal(err.code, C2S_OK);
        }
        free(bytes);
    }
}

/* ---- memory */

static long peak_kb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* The growth of a process that reads the file, in kB. */
static long growth_of_reading(const char *path)
{
    int ends[2];
    long growth = -1;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct c2s_error err = {0};
        struct c2s_model *m;
        long before = peak_kb();
        bool ok = c2s_keras_read(path, NULL, &m, &err);
        growth = ok ? -1 : peak_kb() - before;
        _exit(write(ends[1], &growth, sizeof growth) != sizeof growth);
    }
    assert_int_equal(read(ends[0], &growth, sizeof growth), sizeof growth);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    return growth;
}

static void assert_bounded(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    long growth = growth_of_reading(path), limit = (long)(2 * info.st_size >> 10) + (64 << 10);
#if defined(__SANITIZE_ADDRESS__)
    limit *= 3; /* its own bookkeeping */
#endif
    if (growth < 0 || growth > limit)
        fail_msg("%s takes %ld kB, not at most %ld", path, growth, limit);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    size_t packed;
    char *zeros = pack_zeros(60u << 20, &packed);
    struct entry config = TEXT("config.json", SMALL_CONFIG);
    struct entry bomb = {.name = "model.weights.h5",
                         .bytes = zeros,
                         .packed_bytes = packed,
                         .claims = 60u << 20,
                         .crc = 1}; /* small enough to be unpacked */
    write_archive(in_test_folder("bomb.keras"), (struct entry[]){config, bomb}, 2);
    assert_bounded(in_test_folder("bomb.keras"));
    free(zeros);
    static const char *const pieces[] = {"[],", "{},", "0,", "\"\",", "{\"a\":[{}]},"};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        char *text = repeat("[", pieces[i], 300000, "0]");
        write_file(in_test_folder("wide.json"), text, strlen(text));
        assert_bounded(in_test_folder("wide.json"));
        free(text);
    }
    for (enum trick trick = UNWRITTEN; trick <= WIDE_CHUNK; trick++) {
        char text[400];
        hid_t group;
        int n = snprintf(text, sizeof text, DENSE, trick == WIDE_CHUNK ? 2 : 1 << 24);
        hid_t file = start_file(in_test_folder("trick.h5"), text, (size_t)n, &group);
        put_trick(group, trick);
        H5Gclose(group);
        H5Fclose(file);
        assert_bounded(in_test_folder("trick.h5"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tricks_of_hdf5),       cmocka_unit_test(configs_that_harm),
        cmocka_unit_test(archives_that_harm),   cmocka_unit_test(archives_of_other_kinds),
        cmocka_unit_test(files_of_other_kinds), cmocka_unit_test(cut_archives_are_refused),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
