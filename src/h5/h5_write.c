/* Writes HDF5 files: built in memory, then published at once by a rename, so that a full disk or a
 * crash leaves the old file as it was. Equal contents give equal bytes. */
#include "h5/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

#define IMAGE_STEP       (1 << 16) /* bytes the image in memory grows by */
#define KERAS_ATTR_BYTES 64512     /* Keras splits longer lists of names */
#define MAX_SPLIT_DIGITS 16
#define MAX_TEMPORARY    100

struct h5_writer {
    hid_t id;
    char *path;
    bool overwrite;
};

static void be_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static bool fail_write(const struct h5_writer *w, const char *what, struct c2s_error *err)
{
    return c2s_fail(err, C2S_IO, "cannot put '%s' into '%s'; is it written twice?", what, w->path);
}

/* The folder of path must exist and be writable: better known before the work than after it. */
static bool check_folder(const char *path, struct c2s_error *err)
{
    char *copy = c2s_strdup(path);
    if (!copy)
        return c2s_fail_nomem(err);
    const char *folder = dirname(copy);
    struct stat info;
    bool ok = true;
    if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
        ok = c2s_fail(err, C2S_IO, "there is no folder '%s'; make it first: mkdir -p '%s'", folder,
                      folder);
    else if (access(folder, W_OK | X_OK) != 0)
        ok = c2s_fail(err, C2S_IO, "cannot write into the folder '%s' (%s); choose another", folder,
                      strerror(errno));
    c2s_free(copy);
    return ok;
}

static bool check_target(const char *path, bool overwrite, struct c2s_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return true;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return c2s_fail(err, C2S_IO, "'%s' is a folder; give a file name", path);
    if (!overwrite)
        return c2s_fail(err, C2S_EXISTS, "'%s' exists already; choose another name or use --force",
                        path);
    return true;
}

bool h5_create(const char *path, bool overwrite, struct h5_writer **out, struct c2s_error *err)
{
    be_quiet();
    if (!check_folder(path, err) || !check_target(path, overwrite, err))
        return false;
    struct h5_writer *w = c2s_calloc(1, sizeof *w);
    if (!w || !(w->path = c2s_strdup(path))) {
        c2s_free(w);
        return c2s_fail_nomem(err);
    }
    w->overwrite = overwrite;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, IMAGE_STEP, false);
    w->id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    if (w->id < 0) {
        c2s_free(w->path);
        c2s_free(w);
        return c2s_fail(err, C2S_IO, "cannot begin the HDF5 file '%s'", path);
    }
    *out = w;
    return true;
}

static bool has_link(const struct h5_writer *w, const char *path)
{
    return strcmp(path, "/") == 0 || H5Lexists(w->id, path, H5P_DEFAULT) > 0;
}

/* Makes every group of path; with skip_last, all but the last name. */
static bool make_groups(struct h5_writer *w, const char *path, bool skip_last,
                        struct c2s_error *err)
{
    char *prefix = c2s_strdup(path);
    if (!prefix)
        return c2s_fail_nomem(err);
    bool ok = true;
    for (char *part = prefix; ok && *part;) {
        char *end = strchrnul(part, '/');
        char kept = *end;
        *end = '\0';
        if (*part && !(kept == '\0' && skip_last) && !has_link(w, prefix)) {
            hid_t id = H5Gcreate2(w->id, prefix, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
            ok = id >= 0;
            H5Gclose(id);
        }
        *end = kept;
        part = kept ? end + 1 : end;
    }
    c2s_free(prefix);
    return ok ? true : fail_write(w, path, err);
}

bool h5_write_group(struct h5_writer *w, const char *path, struct c2s_error *err)
{
    be_quiet();
    return make_groups(w, path, false, err);
}

static hid_t file_type(enum c2s_dtype dtype)
{
    switch (dtype) {
    case C2S_I32:
        return H5T_STD_I32LE;
    case C2S_I8:
        return H5T_STD_I8LE;
    case C2S_U8:
        return H5T_STD_U8LE;
    default:
        return H5T_IEEE_F32LE;
    }
}

bool h5_write(struct h5_writer *w, const char *path, const struct c2s_tensor *t,
              struct c2s_error *err)
{
    be_quiet();
    if (!make_groups(w, path, true, err))
        return false;
    hsize_t dims[C2S_MAX_RANK] = {0};
    for (int i = 0; i < t->rank; i++)
        dims[i] = (hsize_t)t->dims[i];
    hid_t space = H5Screate_simple(t->rank, dims, NULL); /* rank 0 gives a scalar */
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(creation, false); /* the time would make equal files differ */
    hid_t type = file_type(t->dtype);
    hid_t id = H5Dcreate2(w->id, path, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    bool ok = id >= 0 && (c2s_tensor_count(t) == 0 ||
                          H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, t->data) >= 0);
    if (id >= 0)
        H5Dclose(id);
    H5Pclose(creation);
    H5Sclose(space);
    return ok ? true : fail_write(w, path, err);
}

/* Takes space. */
static bool write_attribute(struct h5_writer *w, const char *path, const char *name, hid_t type,
                            hid_t space, const void *data, struct c2s_error *err)
{
    be_quiet();
    hid_t object = make_groups(w, path, false, err) ? H5Oopen(w->id, path, H5P_DEFAULT) : -1;
    hid_t id = object < 0 ? -1 : H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = id >= 0 && (!data || H5Awrite(id, type, data) >= 0);
    if (id >= 0)
        H5Aclose(id);
    if (object >= 0)
        H5Oclose(object);
    H5Sclose(space);
    return ok ? true : fail_write(w, name, err);
}

bool h5_write_text(struct h5_writer *w, const char *path, const char *name, const char *text,
                   struct c2s_error *err)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    bool ok = write_attribute(w, path, name, type, H5Screate(H5S_SCALAR), &text, err);
    H5Tclose(type);
    return ok;
}

bool h5_write_integer(struct h5_writer *w, const char *path, const char *name, int64_t value,
                      struct c2s_error *err)
{
    return write_attribute(w, path, name, H5T_NATIVE_INT64, H5Screate(H5S_SCALAR), &value, err);
}

bool h5_write_real(struct h5_writer *w, const char *path, const char *name, double value,
                   struct c2s_error *err)
{
    return write_attribute(w, path, name, H5T_NATIVE_DOUBLE, H5Screate(H5S_SCALAR), &value, err);
}

static bool write_fixed(struct h5_writer *w, const char *path, const char *name,
                        const char *const *items, int n, struct c2s_error *err)
{
    size_t longest = 1;
    for (int i = 0; i < n; i++)
        longest = strlen(items[i]) > longest ? strlen(items[i]) : longest;
    char *buffer = c2s_calloc((size_t)n, longest);
    if (!buffer)
        return c2s_fail_nomem(err);
    for (int i = 0; i < n; i++)
        memcpy(buffer + (size_t)i * longest, items[i], strlen(items[i]));
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, longest);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    hsize_t count = (hsize_t)n;
    bool ok = write_attribute(w, path, name, type, H5Screate_simple(1, &count, NULL), buffer, err);
    H5Tclose(type);
    c2s_free(buffer);
    return ok;
}

bool h5_write_names(struct h5_writer *w, const char *path, const char *name,
                    const char *const *items, int n, struct c2s_error *err)
{
    hsize_t none = 0;
    if (n == 0)
        return write_attribute(w, path, name, H5T_IEEE_F64LE, H5Screate_simple(1, &none, NULL),
                               NULL, err);
    size_t longest = 1;
    for (int i = 0; i < n; i++)
        longest = strlen(items[i]) > longest ? strlen(items[i]) : longest;
    if (longest > KERAS_ATTR_BYTES)
        return c2s_fail(err, C2S_RANGE, "a name of %zu bytes is too long for '%s'; rename it",
                        longest, w->path);
    int most = (int)(KERAS_ATTR_BYTES / longest);
    if (n <= most)
        return write_fixed(w, path, name, items, n, err);
    for (int i = 0; i * most < n; i++) {
        char numbered[256 + MAX_SPLIT_DIGITS];
        snprintf(numbered, sizeof numbered, "%.255s%d", name, i);
        int size = n - i * most < most ? n - i * most : most;
        if (!write_fixed(w, path, numbered, items + i * most, size, err))
            return false;
    }
    return true;
}

void h5_discard(struct h5_writer *w)
{
    if (!w)
        return;
    be_quiet();
    H5Fclose(w->id);
    c2s_free(w->path);
    c2s_free(w);
}

/* New image of the file's bytes, or NULL. */
static char *file_image(const struct h5_writer *w, size_t *size, struct c2s_error *err)
{
    be_quiet();
    ssize_t n = H5Fflush(w->id, H5F_SCOPE_GLOBAL) < 0 ? -1 : H5Fget_file_image(w->id, NULL, 0);
    char *image = n < 0 ? NULL : c2s_malloc((size_t)n);
    if (n < 0)
        c2s_fail(err, C2S_IO, "cannot finish the HDF5 file '%s'", w->path);
    else if (!image)
        c2s_fail_nomem(err);
    else if (H5Fget_file_image(w->id, image, (size_t)n) != n) {
        c2s_free(image);
        image = NULL;
        c2s_fail(err, C2S_IO, "cannot finish the HDF5 file '%s'", w->path);
    }
    *size = (size_t)n;
    return image;
}

static bool write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        data += done;
        n -= (size_t)done;
    }
    return fsync(fd) == 0;
}

/* Opens a new file beside path; its name goes to temporary. Negative on failure. */
static int open_temporary(const char *path, char *temporary, size_t length)
{
    int fd = -1;
    for (int i = 0; i < MAX_TEMPORARY && fd < 0 && (i == 0 || errno == EEXIST); i++) {
        snprintf(temporary, length, "%s.%ld-%d", path, (long)getpid(), i);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    return fd;
}

/* Without overwrite, link() refuses a file that came into being meanwhile. */
static bool move_into_place(const char *temporary, const struct h5_writer *w)
{
    if (w->overwrite)
        return rename(temporary, w->path) == 0;
    if (link(temporary, w->path) == 0)
        return unlink(temporary) == 0;
    if (errno == EEXIST || access(w->path, F_OK) == 0)
        return false;
    return rename(temporary, w->path) == 0; /* a file system without hard links */
}

static void sync_folder(const char *path)
{
    char *copy = c2s_strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd); /* some file systems cannot; the file itself is safe already */
        close(fd);
    }
    c2s_free(copy);
}

static bool publish(const struct h5_writer *w, const char *image, size_t size,
                    struct c2s_error *err)
{
    size_t length = strlen(w->path) + 40;
    char *temporary = c2s_malloc(length);
    if (!temporary)
        return c2s_fail_nomem(err);
    int fd = open_temporary(w->path, temporary, length);
    bool ok = fd >= 0 && write_all(fd, image, size);
    int cause = errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        ok = false;
        cause = errno;
    }
    if (ok && !(ok = move_into_place(temporary, w)))
        cause = errno;
    if (ok)
        sync_folder(w->path);
    else if (fd >= 0)
        unlink(temporary);
    c2s_free(temporary);
    if (ok)
        return true;
    if (cause == EEXIST)
        return c2s_fail(err, C2S_EXISTS, "'%s' exists already; choose another name or use --force",
                        w->path);
    return c2s_fail(err, C2S_IO, "cannot write '%s' (%s); free some space or choose another folder",
                    w->path, strerror(cause));
}

bool h5_commit(struct h5_writer *w, struct c2s_error *err)
{
    size_t size;
    char *image = file_image(w, &size, err);
    bool ok = image && publish(w, image, size, err);
    c2s_free(image);
    h5_discard(w);
    return ok;
}
