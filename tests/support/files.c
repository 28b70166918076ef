/* Files and folders of tests. */
#include "support.h"
#include "files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *folder;

int make_test_folder(void **state)
{
    (void)state;
    folder = make_temp_dir();
    return 0;
}

int remove_test_folder(void **state)
{
    (void)state;
    remove_temp_dir(folder);
    folder = NULL;
    return 0;
}

const char *test_folder(void)
{
    return folder;
}

const char *in_test_folder(const char *name)
{
    static char paths[8][600];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

int count_files(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

void *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    struct stat info;
    if (!f || fstat(fileno(f), &info) != 0)
        fail_msg("cannot read %s", path);
    size_t size = (size_t)info.st_size;
    char *bytes = calloc(1, size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, size, f), size);
    fclose(f);
    if (n)
        *n = size;
    return bytes;
}

void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        fail_msg("cannot write %s", path);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

struct c2s_json *read_json(const char *path)
{
    struct c2s_error err = {0};
    char *text = read_file(path, NULL);
    struct c2s_json *json = c2s_json_parse(text, strlen(text), &err);
    assert_ok(json != NULL, &err);
    free(text);
    return json;
}

void write_npy(const char *path, const char *type, const char *shape, const void *data, size_t n)
{
    char *file = malloc(128 + n);
    assert_non_null(file);
    memcpy(file, "\x93NUMPY\x01\0\x76\0", 10);
    int used = snprintf(file + 10, 118, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                        type, shape);
    memset(file + 10 + used, ' ', (size_t)(117 - used));
    file[127] = '\n';
    memcpy(file + 128, data, n);
    write_file(path, file, 128 + n);
    free(file);
}

void write_npy_counting(const char *path, const char *shape, size_t n, int modulus)
{
    unsigned char *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(i % (size_t)modulus);
    write_npy(path, "|u1", shape, bytes, n);
    free(bytes);
}

struct c2s_dataset *fashion_images(int64_t limit)
{
    struct c2s_error err = {0};
    struct c2s_dataset *d = NULL;
    struct c2s_dataset_options options = {.scale = 255, .limit = limit};
    assert_ok(c2s_dataset_open(data_path("fashion-mnist-1k"), &options, &d, &err), &err);
    return d;
}
