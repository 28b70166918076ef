/* Writes the fuzzers' seeds: OUT/fuzz_NAME/..., from the test data and the scripts of the
 * repository, so that no input is kept twice. usage: make_seeds SOURCE_ROOT OUT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <c2s/akida.h>
#include <c2s/keras.h>

#include "base/alloc.h"
#include "cmd/cmd.h"
#include "h5/h5.h"

enum { LARGEST = 40000 }; /* small seeds are changed where it matters, more often */

static const char *root, *out;

static _Noreturn void stop(const char *what, const char *why)
{
    fprintf(stderr, "make_seeds: %s: %s\n", what, why);
    exit(1);
}

static void put(const char *target, const char *name, const void *bytes, size_t n)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", out, target);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        stop(path, strerror(errno));
    snprintf(path, sizeof path, "%s/%s/%s", out, target, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        stop(path, strerror(errno));
}

/* New bytes with a NUL behind them; NULL when the file is too large for a seed. */
static char *get(const char *path, size_t *n)
{
    struct stat info;
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &info) != 0)
        stop(path, strerror(errno));
    *n = (size_t)info.st_size;
    char *bytes = *n <= LARGEST ? calloc(1, *n + 1) : NULL;
    if (bytes && fread(bytes, 1, *n, f) != *n)
        stop(path, "cannot be read");
    fclose(f);
    return bytes;
}

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n >= k && strcmp(name + n - k, end) == 0;
}

/* Copies what fits; returns the number of files. */
static int copy_all(const char *folder, const char *end, const char *target)
{
    char path[4096];
    int n_copied = 0;
    snprintf(path, sizeof path, "%s/%s", root, folder);
    DIR *d = opendir(path);
    if (!d)
        stop(path, strerror(errno));
    for (struct dirent *e; (e = readdir(d));) {
        size_t n;
        if (e->d_name[0] == '.' || !ends_in(e->d_name, end))
            continue;
        snprintf(path, sizeof path, "%s/%s/%s", root, folder, e->d_name);
        char *bytes = get(path, &n);
        if (bytes)
            put(target, e->d_name, bytes, n);
        n_copied += bytes != NULL;
        free(bytes);
    }
    closedir(d);
    if (n_copied == 0)
        stop(folder, "no seed there");
    return n_copied;
}

static void put_config(const char *path, const char *name)
{
    struct c2s_error err = {0};
    struct h5_file *f;
    char *text;
    bool found;
    if (!h5_open(path, &f, &err) || !h5_attr_text(f, "/", "model_config", &text, &found, &err))
        stop(path, err.text);
    if (found) {
        put("fuzz_config", name, text, strlen(text));
        put("fuzz_json", name, text, strlen(text));
        c2s_free(text);
    }
    h5_close(f);
}

static void put_description(const char *path, const char *name)
{
    struct c2s_error err = {0};
    struct c2s_model *m;
    char *text;
    if (!c2s_keras_read(path, NULL, &m, &err))
        return; /* files with weights only */
    if (!c2s_model_describe(m, &text, &err))
        stop(path, err.text);
    put("fuzz_description", name, text, strlen(text));
    c2s_text_free(text);
    c2s_model_destroy(m);
}

/* The Akida image of a quantized file. */
static void put_image(const char *name, bool input_is_integers)
{
    struct c2s_error err = {0};
    struct c2s_model *m;
    struct c2s_akida_net *net;
    const struct c2s_convert_options options = {.input_scale = input_is_integers ? 1 : 255,
                                                .input_is_integers = input_is_integers};
    char path[4096], image[4096];
    snprintf(path, sizeof path, "%s/tests/data/expected/%s.h5", root, name);
    put("fuzz_image", name, "", 0); /* makes the folder */
    snprintf(image, sizeof image, "%s/fuzz_image/%s", out, name);
    if (!c2s_keras_read(path, NULL, &m, &err) || !c2s_akida_convert(m, &options, &net, &err) ||
        !c2s_akida_image_write(net, image, true, NULL, NULL, &err))
        stop(name, err.text);
    c2s_akida_net_destroy(net);
    c2s_model_destroy(m);
}

static void put_models(void)
{
    char folder[4096], path[4400];
    snprintf(folder, sizeof folder, "%s/fuzz_keras", out);
    DIR *d = opendir(folder);
    if (!d)
        stop(folder, strerror(errno));
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        put_config(path, e->d_name);
        put_description(path, e->d_name);
    }
    closedir(d);
}

/* Each command's example, and what tells each option. */
static void put_examples(void)
{
    for (int i = 0; cmd_table[i]; i++) {
        const struct cmd_entry *entry = cmd_table[i];
        char text[4000];
        int n = snprintf(text, sizeof text, "%s\n%s", entry->example, entry->name);
        for (const struct cmd_arg *arg = entry->args; arg->name && n < (int)sizeof text; arg++)
            n += snprintf(text + n, sizeof text - (size_t)n, " %s", arg->name);
        put("fuzz_lex", entry->name, text, strlen(text));
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        stop("usage", "make_seeds SOURCE_ROOT OUT");
    root = argv[1];
    out = argv[2];
    if (mkdir(out, 0777) != 0 && errno != EEXIST)
        stop(out, strerror(errno));
    copy_all("tests/data/corpus", ".h5", "fuzz_keras");
    copy_all("tests/data/gallery", ".h5", "fuzz_keras");
    copy_all("tests/data/corpus", ".keras", "fuzz_keras_archive");
    copy_all("tests/data/gallery", ".json", "fuzz_json");
    copy_all("tests/data/datasets", ".npy", "fuzz_npy");
    copy_all("tests/data/datasets", ".npy.gz", "fuzz_npy");
    copy_all("tests/data/datasets", "ubyte", "fuzz_idx");
    copy_all("tests/data/datasets", ".npz", "fuzz_npz");
    copy_all("tests/data/datasets", ".h5", "fuzz_hdf5_data");
    copy_all("tests/session", ".c2s", "fuzz_lex");
    put_models();
    put_image("ds_cnn.expected_v22_iq8_wq4_aq4", false);
    put_image("mlp.expected_v18_iq4_wq4_aq4", true);
    put_examples();
    return 0;
}
