/* Samples and labels from the root group of an HDF5 file. They are loaded at opening, because HDF5
 * must not be called from two threads and reading samples may be. */
#include "data/source.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "h5/h5.h"

enum { BLOCK_BYTES = 1 << 22 };

static bool load_rows(struct h5_file *f, const char *path, enum c2s_dtype dtype,
                      struct data_array *a, struct c2s_error *err)
{
    int64_t total;
    if (!data_array_total(a, &total))
        return c2s_fail(err, C2S_FORMAT, "the dataset is too large");
    int64_t row_bytes = data_array_row(a) * (int64_t)data_element_bytes(a->element);
    a->memory = c2s_malloc((size_t)total);
    if (!a->memory)
        return c2s_fail_nomem(err);
    int64_t block = row_bytes > 0 && row_bytes < BLOCK_BYTES ? BLOCK_BYTES / row_bytes : 1;
    for (int64_t i = 0; total > 0 && i < a->dims[0]; i += block) {
        struct c2s_tensor *t = NULL;
        int64_t n = a->dims[0] - i < block ? a->dims[0] - i : block;
        if (!h5_read_rows(f, path, dtype, i, n, &t, err))
            return false;
        memcpy(a->memory + i * row_bytes, t->data, c2s_tensor_bytes(t));
        c2s_tensor_unref(t);
    }
    return true;
}

static bool load(struct h5_file *f, const char *name, struct data_array *a, struct c2s_error *err)
{
    struct h5_shape shape;
    char path[256];
    snprintf(path, sizeof path, "/%s", name);
    if (!h5_shape(f, path, &shape, err))
        return false;
    if (shape.rank == 0)
        return c2s_fail(err, C2S_SHAPE, "dataset %s is a single number", path);
    bool is_bytes = !shape.is_float && shape.dtype == C2S_U8;
    a->element = is_bytes ? DATA_U8 : DATA_F32;
    a->rank = shape.rank;
    memcpy(a->dims, shape.dims, sizeof a->dims);
    return load_rows(f, path, is_bytes ? C2S_U8 : C2S_F32, a, err);
}

bool data_hdf5_open(const char *path, const char *split, bool wants_labels, struct data_source *out,
                    struct c2s_error *err)
{
    struct h5_file *f = NULL;
    struct h5_names names = {0};
    int x = -1, y = -1;
    out->format = "hdf5";
    bool ok = h5_open(path, &f, err) && h5_members(f, "/", &names, err);
    if (ok && !data_names_pair(names.items, names.n, split, &x, wants_labels ? &y : NULL))
        ok = data_no_pair(err, split, names.items, names.n);
    ok = ok && load(f, names.items[x], &out->samples, err) &&
         (!wants_labels || load(f, names.items[y], &out->labels, err));
    h5_names_finish(&names);
    h5_close(f);
    return ok;
}
