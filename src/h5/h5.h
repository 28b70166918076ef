/* HDF5 files for the rest of the core, which never includes hdf5.h itself. Reading never writes and
 * refuses what a hostile file can hide: external and soft links, external storage, virtual
 * datasets, sizes out of proportion. HDF5 prints nothing. All functions may be called from one
 * thread at a time. h5_*.c are the only files of the core that include
 * hdf5.h; heap.c reads texts without it. */
#ifndef C2S_H5_H
#define C2S_H5_H

#include <c2s/tensor.h>

struct h5_file;  /* opaque: a file opened for reading */
struct h5_names; /* a list of strings */

struct h5_names {
    char **items; /* owned */
    int n;
};
void h5_names_finish(struct h5_names *names); /* accepts a zeroed one */
/* Appends a copy of n bytes up to the first NUL. */
bool h5_names_add(struct h5_names *names, const char *text, size_t n,
                  struct c2s_error *err) C2S_MUST_CHECK;

/* Opens read-only. Fails: IO (missing, no permission), FORMAT: says what the file is instead
 * (SavedModel folder, .keras zip, TFLite, ONNX, Git LFS pointer, HTML page, truncated HDF5, empty)
 * and what to do. */
bool h5_open(const char *path, struct h5_file **out, struct c2s_error *err) C2S_MUST_CHECK;
/* The same for a file unpacked into memory. bytes is from c2s_malloc and taken, even on failure;
 * `shown` is how messages call it. */
bool h5_open_memory(void *bytes, size_t n, const char *shown, struct h5_file **out,
                    struct c2s_error *err) C2S_MUST_CHECK;
void h5_close(struct h5_file *f); /* accepts NULL */
const char *h5_path(const struct h5_file *f);

/* Paths are absolute inside the file ("/model_weights/dense"); "/" is the root. */
/* A group or dataset reachable by hard links. Also true when memory is too short to tell: whoever
 * opens it next then says so. */
bool h5_exists(struct h5_file *f, const char *path);
bool h5_is_dataset(struct h5_file *f, const char *path);
/* Names of the members of a group, alphabetical. */
bool h5_members(struct h5_file *f, const char *group, struct h5_names *out,
                struct c2s_error *err) C2S_MUST_CHECK;

/* Appends the paths of all datasets below a group. Fails: FORMAT, also for a link among them that
 * leaves the group tree. */
bool h5_datasets(struct h5_file *f, const char *group, struct h5_names *out,
                 struct c2s_error *err) C2S_MUST_CHECK;

/* Attributes. *found false when there is none (that is no failure). Strings of every kind: fixed
 * and variable, NUL-terminated, NUL- or space-padded, ASCII or UTF-8, scalar or [1]. */
bool h5_attr_text(struct h5_file *f, const char *path, const char *name, char **text, bool *found,
                  struct c2s_error *err) C2S_MUST_CHECK; /* *text new, c2s_free */
/* Arrays of strings, also split by Keras into name0, name1, ... An empty array of any type is
 * empty. */
bool h5_attr_names(struct h5_file *f, const char *path, const char *name, struct h5_names *out,
                   bool *found, struct c2s_error *err) C2S_MUST_CHECK;
bool h5_attr_real(struct h5_file *f, const char *path, const char *name, double *value, bool *found,
                  struct c2s_error *err) C2S_MUST_CHECK;

/* Shape and kind of a dataset without reading it. dtype: what h5_read would best read it as
 * (floats F32; integers U8, I8, I32 by size and sign). */
struct h5_shape {
    int rank;
    int64_t dims[C2S_MAX_RANK];
    enum c2s_dtype dtype;
    bool is_float;
    bool is_bfloat16;      /* as Keras 3 stores it: opaque, and an attribute says what it is */
    int bytes_per_element; /* as stored */
};
bool h5_shape(struct h5_file *f, const char *path, struct h5_shape *out,
              struct c2s_error *err) C2S_MUST_CHECK;
/* Reads a whole dataset, converted to dtype by HDF5. *out new. Fails: IO, FORMAT (names the
 * dataset). */
bool h5_read(struct h5_file *f, const char *path, enum c2s_dtype dtype, struct c2s_tensor **out,
             struct c2s_error *err) C2S_MUST_CHECK;
/* Rows first..first+n-1 along axis 0. */
bool h5_read_rows(struct h5_file *f, const char *path, enum c2s_dtype dtype, int64_t first,
                  int64_t n, struct c2s_tensor **out, struct c2s_error *err) C2S_MUST_CHECK;

/* Writing: to a temporary file beside `path`, which replaces it only in h5_commit (fsync, rename).
 */
struct h5_writer;
/* Fails: EXISTS unless overwrite, IO (which folder, why). */
bool h5_create(const char *path, bool overwrite, struct h5_writer **out,
               struct c2s_error *err) C2S_MUST_CHECK;
bool h5_write_group(struct h5_writer *w, const char *path, struct c2s_error *err) C2S_MUST_CHECK;
/* Parents are made as needed. A rank-0 tensor becomes a scalar dataset. */
bool h5_write(struct h5_writer *w, const char *path, const struct c2s_tensor *t,
              struct c2s_error *err) C2S_MUST_CHECK;
bool h5_write_text(struct h5_writer *w, const char *path, const char *name, const char *text,
                   struct c2s_error *err) C2S_MUST_CHECK; /* scalar variable-length attribute */
/* 1-D array of strings, fixed length as h5py writes them; n = 0 writes an empty float64 array, as
 * Keras does; over 64,512 bytes it is split into name0, name1, ... */
bool h5_write_names(struct h5_writer *w, const char *path, const char *name,
                    const char *const *items, int n, struct c2s_error *err) C2S_MUST_CHECK;
bool h5_write_integer(struct h5_writer *w, const char *path, const char *name, int64_t value,
                      struct c2s_error *err) C2S_MUST_CHECK;
bool h5_write_real(struct h5_writer *w, const char *path, const char *name, double value,
                   struct c2s_error *err) C2S_MUST_CHECK;
/* Commit publishes the file; both free w. discard accepts NULL and leaves no temporary file. */
bool h5_commit(struct h5_writer *w, struct c2s_error *err) C2S_MUST_CHECK;
void h5_discard(struct h5_writer *w);

#endif
