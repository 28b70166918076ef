/* Reads datasets of plausible size that keep their data in the file itself. */
#include <string.h>

#include "base/alloc.h"
#include "h5/h5_object.h"

/* A compressed dataset may hold this many times more than it stores, deflate's limit; all of a file
 * together that many bytes more. */
#define MAX_RATIO      1032
#define ALWAYS_ALLOWED (64 << 20)

static bool fail_dataset(struct h5_file *f, const char *path, const char *why,
                         struct c2s_error *err)
{
    return c2s_fail(err, C2S_FORMAT, "dataset '%s' in '%s' %s", path, f->path, why);
}

static bool describe_type(hid_t type, struct h5_shape *out)
{
    H5T_class_t kind = H5Tget_class(type);
    size_t size = H5Tget_size(type);
    out->bytes_per_element = (int)size;
    out->is_float = kind == H5T_FLOAT || out->is_bfloat16;
    if (!out->is_bfloat16 && !h5_type_is_number(type))
        return false;
    if (out->is_float)
        out->dtype = C2S_F32;
    else if (size == 1)
        out->dtype = kind == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_NONE ? C2S_U8 : C2S_I8;
    else
        out->dtype = C2S_I32;
    return true;
}

/* Whether HDF5 would take memory for one chunk out of proportion to the data. */
static bool has_huge_chunks(hid_t creation, const struct h5_shape *shape, uint64_t bytes)
{
    hsize_t dims[C2S_MAX_RANK] = {0};
    uint64_t chunk = (uint64_t)shape->bytes_per_element;
    if (H5Pget_layout(creation) != H5D_CHUNKED)
        return false;
    bool is_odd = H5Pget_chunk(creation, shape->rank, dims) != shape->rank;
    for (int i = 0; !is_odd && i < shape->rank; i++)
        is_odd = __builtin_mul_overflow(chunk, dims[i], &chunk);
    return is_odd || (chunk > ALWAYS_ALLOWED && chunk / 2 > bytes);
}

/* Whether the stored bytes can be what they claim to hold. */
static bool is_plausible(struct h5_file *f, uint64_t bytes, uint64_t stored, bool is_packed)
{
    if (stored > f->bytes || bytes > SIZE_MAX / 16)
        return false;
    if (!is_packed || bytes / MAX_RATIO <= stored)
        return true;
    f->unbacked += bytes - stored;
    return f->unbacked <= ALWAYS_ALLOWED && bytes <= ALWAYS_ALLOWED;
}

/* Refuses data outside the file and sizes that the stored bytes cannot hold. */
static bool check_storage(struct h5_file *f, const char *path, hid_t id,
                          const struct h5_shape *shape, struct c2s_error *err)
{
    hid_t creation = H5Dget_create_plist(id);
    H5D_layout_t layout = H5Pget_layout(creation);
    int n_external = H5Pget_external_count(creation);
    int n_filters = H5Pget_nfilters(creation);
    const char *why = NULL;
    if (layout == H5D_VIRTUAL || n_external != 0)
        why = "keeps its data in another file, which is not followed; save the model again with "
              "its weights inside";
    for (int i = 0; !why && i < n_filters; i++) {
        unsigned flags, config;
        size_t n_values = 0;
        H5Z_filter_t filter =
            H5Pget_filter2(creation, (unsigned)i, &flags, &n_values, NULL, 0, NULL, &config);
        if (H5Zfilter_avail(filter) <= 0)
            why = "is compressed in a way this program lacks; rewrite the file with "
                  "'h5repack -f GZIP=6 OLD NEW'";
    }
    uint64_t stored = H5Dget_storage_size(id), bytes = (uint64_t)shape->bytes_per_element;
    for (int i = 0; i < shape->rank; i++)
        if (__builtin_mul_overflow(bytes, (uint64_t)shape->dims[i], &bytes))
            bytes = UINT64_MAX;
    if (!why &&
        (has_huge_chunks(creation, shape, bytes) || !is_plausible(f, bytes, stored, n_filters > 0)))
        why = "claims far more data than the file holds; the file is damaged, copy or download it "
              "again";
    if (!why && n_filters == 0 && stored < bytes)
        why = "was not written to its end; the file is incomplete, save it again";
    H5Pclose(creation);
    return why ? fail_dataset(f, path, why, err) : true;
}

/* Two opaque bytes whose attribute dtype is "bfloat16". */
static bool find_bfloat16(struct h5_file *f, const char *path, hid_t type, bool *is_so,
                          struct c2s_error *err)
{
    char *text;
    bool found;
    *is_so = false;
    if (H5Tget_class(type) != H5T_OPAQUE || H5Tget_size(type) != 2)
        return true;
    if (!h5_attr_text(f, path, "dtype", &text, &found, err))
        return false;
    *is_so = found && strcmp(text, "bfloat16") == 0;
    if (found)
        c2s_free(text);
    return true;
}

/* New dataset id, negative on failure; fills shape. */
static hid_t open_dataset(struct h5_file *f, const char *path, struct h5_shape *shape,
                          struct c2s_error *err)
{
    *shape = (struct h5_shape){0};
    hid_t id = h5_object_open(f, path, err);
    if (id < 0)
        return -1;
    if (H5Iget_type(id) != H5I_DATASET) {
        H5Oclose(id);
        fail_dataset(f, path, "is a group, not numbers; save the file again", err);
        return -1;
    }
    hid_t space = H5Dget_space(id), type = H5Dget_type(id);
    hsize_t dims[H5S_MAX_RANK] = {0};
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    bool ok = rank >= 0 && rank <= C2S_MAX_RANK && H5Sget_simple_extent_type(space) != H5S_NULL;
    if (!ok)
        fail_dataset(f, path, "has no shape or too many dimensions", err);
    shape->rank = ok ? rank : 0;
    for (int i = 0; i < shape->rank; i++)
        shape->dims[i] = dims[i] > INT64_MAX ? INT64_MAX : (int64_t)dims[i];
    ok = ok && find_bfloat16(f, path, type, &shape->is_bfloat16, err);
    if (ok && !describe_type(type, shape))
        ok = fail_dataset(f, path, "does not hold numbers; save the file again", err);
    H5Tclose(type);
    H5Sclose(space);
    if (ok && check_storage(f, path, id, shape, err))
        return id;
    H5Dclose(id);
    return -1;
}

bool h5_shape(struct h5_file *f, const char *path, struct h5_shape *out, struct c2s_error *err)
{
    hid_t id = open_dataset(f, path, out, err);
    if (id < 0)
        return false;
    H5Dclose(id);
    return true;
}

static hid_t memory_type(enum c2s_dtype dtype)
{
    switch (dtype) {
    case C2S_I32:
        return H5T_NATIVE_INT32;
    case C2S_I8:
        return H5T_NATIVE_INT8;
    case C2S_U8:
        return H5T_NATIVE_UINT8;
    default:
        return H5T_NATIVE_FLOAT;
    }
}

/* What is stored as the upper halves of float32 numbers, in the second half of t's memory. */
static void widen_bfloat16(struct c2s_tensor *t)
{
    int64_t n = c2s_tensor_count(t);
    const uint16_t *halves = (const uint16_t *)t->data + n;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)halves[i] << 16;
        memcpy((char *)t->data + 4 * i, &bits, 4);
    }
}

/* Reads the rows of the open dataset that shape describes, from row `first` on. */
static bool read_selection(hid_t id, enum c2s_dtype dtype, const struct h5_shape *shape,
                           int64_t first, struct c2s_tensor **out, struct c2s_error *err)
{
    struct c2s_tensor *t = c2s_tensor_create(dtype, shape->rank, shape->dims, err);
    if (!t)
        return false;
    hsize_t start[C2S_MAX_RANK] = {(hsize_t)first}, count[C2S_MAX_RANK] = {0};
    for (int i = 0; i < shape->rank; i++)
        count[i] = (hsize_t)shape->dims[i];
    hid_t in_file = H5Dget_space(id), in_memory = H5Screate_simple(shape->rank, count, NULL);
    hid_t type = shape->is_bfloat16 ? H5Dget_type(id) : H5Tcopy(memory_type(dtype));
    char *to = (char *)t->data + (shape->is_bfloat16 ? 2 * c2s_tensor_count(t) : 0);
    bool ok = c2s_tensor_count(t) == 0;
    if (!ok && shape->rank > 0)
        ok = H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
             H5Dread(id, type, in_memory, in_file, H5P_DEFAULT, to) >= 0;
    else if (!ok)
        ok = H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0;
    if (ok && shape->is_bfloat16)
        widen_bfloat16(t);
    H5Tclose(type);
    H5Sclose(in_memory);
    H5Sclose(in_file);
    if (ok)
        *out = t;
    else
        c2s_tensor_unref(t);
    return ok;
}

static bool read_rows(struct h5_file *f, const char *path, enum c2s_dtype dtype, int64_t first,
                      int64_t n, struct c2s_tensor **out, struct c2s_error *err)
{
    struct h5_shape shape;
    hid_t id = open_dataset(f, path, &shape, err);
    if (id < 0)
        return false;
    bool ok = true;
    if (shape.is_bfloat16 && dtype != C2S_F32)
        ok = fail_dataset(f, path, "holds bfloat16, not whole numbers", err);
    if (n >= 0 && (shape.rank == 0 || first < 0 || first > shape.dims[0] - n))
        ok = c2s_fail(err, C2S_RANGE, "dataset '%s' in '%s' has no rows %lld to %lld", path,
                      f->path, (long long)first, (long long)(first + n - 1));
    if (n >= 0)
        shape.dims[0] = n;
    ok = ok && read_selection(id, dtype, &shape, first, out, err);
    if (!ok && err->code == C2S_OK)
        c2s_fail(err, C2S_FORMAT,
                 "cannot read dataset '%s' of '%s' (%s); the file is damaged, copy or download it "
                 "again",
                 path, f->path, h5_reason());
    H5Dclose(id);
    return ok;
}

bool h5_read(struct h5_file *f, const char *path, enum c2s_dtype dtype, struct c2s_tensor **out,
             struct c2s_error *err)
{
    return read_rows(f, path, dtype, 0, -1, out, err);
}

bool h5_read_rows(struct h5_file *f, const char *path, enum c2s_dtype dtype, int64_t first,
                  int64_t n, struct c2s_tensor **out, struct c2s_error *err)
{
    if (n < 0)
        return c2s_fail(err, C2S_RANGE, "cannot read %lld rows of '%s'", (long long)n, path);
    return read_rows(f, path, dtype, first, n, out, err);
}
