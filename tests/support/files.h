/* Files and folders of tests. Everything here fails the running test when it cannot. */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include <stddef.h>

#include <c2s/dataset.h>
#include <c2s/json.h>

/* A folder for the running test or group: setup and teardown of cmocka. */
int make_test_folder(void **state);
int remove_test_folder(void **state);
const char *test_folder(void);                /* borrowed until it is removed */
const char *in_test_folder(const char *name); /* a path; borrowed until the 8th next call */
int count_files(const char *folder);          /* without hidden ones */

/* New bytes (free()), a NUL behind them; n may be NULL. */
void *read_file(const char *path, size_t *n);
void write_file(const char *path, const void *bytes, size_t n);
/* A .npy: type and shape as Python writes them ("|u1", "50, 2, 2, 1"). */
void write_npy(const char *path, const char *type, const char *shape, const void *data, size_t n);
/* The same of bytes 0, 1, ... modulo `modulus`. */
void write_npy_counting(const char *path, const char *shape, size_t n, int modulus);
struct c2s_json *read_json(const char *path); /* new */
/* The first images of fashion-mnist-1k, 0 = all; input = pixel / 255. New. */
struct c2s_dataset *fashion_images(int64_t limit);

#endif
