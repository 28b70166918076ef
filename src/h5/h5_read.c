/* Reads HDF5 files: attributes and datasets behind hard links only, of plausible size. */
#include "h5/h5.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "h5/magic.h"

/* A dataset may hold this many times more than it stores (compression), once it is large. */
#define MAX_RATIO       1000
#define ALWAYS_ALLOWED  (1 << 20) /* bytes */
#define MAX_SPLIT_NAMES 100000

struct h5_file {
    hid_t id;
    char *path;
    uint64_t bytes;
};

/* HDF5 keeps its error stack, and whether to print it, for each thread. Plugins would run code
 * that a file asks for. */
static void be_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
}

static herr_t innermost(unsigned n, const H5E_error2_t *entry, void *arg)
{
    (void)n;
    *(const char **)arg = entry->desc;
    return 0;
}

static const char *reason(void)
{
    const char *text = NULL;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, innermost, &text);
    return text && *text ? text : "no reason given";
}

void h5_names_finish(struct h5_names *names)
{
    for (int i = 0; i < names->n; i++)
        c2s_free(names->items[i]);
    c2s_free(names->items);
    *names = (struct h5_names){0};
}

static bool add_name(struct h5_names *names, const char *text, struct c2s_error *err)
{
    char **grown = names->items;
    if ((names->n & (names->n - 1)) == 0) /* doubles at powers of two */
        grown = c2s_realloc(names->items, sizeof *grown * (size_t)(names->n ? 2 * names->n : 1));
    char *copy = grown ? c2s_strdup(text) : NULL;
    if (grown)
        names->items = grown;
    if (!copy)
        return c2s_fail_nomem(err);
    names->items[names->n++] = copy;
    return true;
}

bool h5_open(const char *path, struct h5_file **out, struct c2s_error *err)
{
    be_quiet();
    struct stat info;
    if (!h5_check_magic(path, err))
        return false;
    struct h5_file *f = c2s_calloc(1, sizeof *f);
    if (!f || !(f->path = c2s_strdup(path))) {
        c2s_free(f);
        return c2s_fail_nomem(err);
    }
    f->bytes = stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_file_locking(access, false, true); /* a lock fails on read-only network folders */
    f->id = H5Fopen(path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (f->id < 0) {
        if (H5Fis_hdf5(path) > 0)
            c2s_fail(err, C2S_FORMAT,
                     "HDF5 file '%s' is cut short or damaged (%s); copy or download it again", path,
                     reason());
        else
            c2s_fail(err, C2S_FORMAT, "'%s' is not an HDF5 file; give a Keras model saved as .h5",
                     path);
        c2s_free(f->path);
        c2s_free(f);
        return false;
    }
    *out = f;
    return true;
}

void h5_close(struct h5_file *f)
{
    if (!f)
        return;
    be_quiet();
    H5Fclose(f->id);
    c2s_free(f->path);
    c2s_free(f);
}

const char *h5_path(const struct h5_file *f)
{
    return f->path;
}

/* Follows path link by link. *found tells whether it is there; a link that leaves the group tree
 * is a failure. */
static bool check_links(struct h5_file *f, const char *path, bool *found, struct c2s_error *err)
{
    char *prefix = c2s_strdup(path);
    if (!prefix)
        return c2s_fail_nomem(err);
    *found = true;
    bool ok = true;
    for (char *part = prefix; ok && *found && *part;) {
        char *end = strchrnul(part, '/');
        char kept = *end;
        *end = '\0';
        H5L_info_t info;
        if (*part && strcmp(part, ".") != 0) {
            if (H5Lexists(f->id, prefix, H5P_DEFAULT) <= 0 ||
                H5Lget_info(f->id, prefix, &info, H5P_DEFAULT) < 0)
                *found = false;
            else if (info.type != H5L_TYPE_HARD)
                ok = c2s_fail(err, C2S_FORMAT,
                              "'%s' in '%s' is a soft or external link, which is not followed; "
                              "save the model again with its weights inside",
                              prefix, f->path);
        }
        *end = kept;
        part = kept ? end + 1 : end;
    }
    c2s_free(prefix);
    return ok;
}

/* New object id, negative on failure. */
static hid_t open_object(struct h5_file *f, const char *path, struct c2s_error *err)
{
    bool found;
    be_quiet();
    if (!check_links(f, path, &found, err))
        return -1;
    hid_t id = found ? H5Oopen(f->id, path, H5P_DEFAULT) : -1;
    if (!found)
        c2s_fail(err, C2S_FORMAT, "'%s' has no '%s'; the file is incomplete, save it again",
                 f->path, path);
    else if (id < 0)
        c2s_fail(err, C2S_FORMAT, "cannot open '%s' in '%s' (%s); the file is damaged", path,
                 f->path, reason());
    return id;
}

static H5I_type_t object_type(struct h5_file *f, const char *path)
{
    struct c2s_error ignored = {0};
    hid_t id = open_object(f, path, &ignored);
    H5I_type_t type = id < 0 ? H5I_BADID : H5Iget_type(id);
    if (id >= 0)
        H5Oclose(id);
    return type;
}

bool h5_exists(struct h5_file *f, const char *path)
{
    H5I_type_t type = object_type(f, path);
    return type == H5I_GROUP || type == H5I_DATASET;
}

bool h5_is_dataset(struct h5_file *f, const char *path)
{
    return object_type(f, path) == H5I_DATASET;
}

struct listing {
    struct h5_names *names;
    struct c2s_error *err;
};

static herr_t list_member(hid_t group, const char *name, const H5L_info_t *info, void *arg)
{
    struct listing *listing = arg;
    (void)group, (void)info;
    return add_name(listing->names, name, listing->err) ? 0 : -1;
}

bool h5_members(struct h5_file *f, const char *group, struct h5_names *out, struct c2s_error *err)
{
    *out = (struct h5_names){0};
    hid_t id = open_object(f, group, err);
    if (id < 0)
        return false;
    struct listing listing = {out, err};
    bool ok = H5Iget_type(id) == H5I_GROUP &&
              H5Literate(id, H5_INDEX_NAME, H5_ITER_INC, NULL, list_member, &listing) >= 0;
    H5Oclose(id);
    if (ok)
        return true;
    h5_names_finish(out);
    return c2s_fail(err, C2S_FORMAT, "cannot list the group '%s' of '%s' (%s); the file is damaged",
                    group, f->path, reason());
}

/* An open attribute. */
struct attribute {
    hid_t object, id, type, space;
    hssize_t count;
};

static void close_attribute(struct attribute *a)
{
    if (a->space >= 0)
        H5Sclose(a->space);
    if (a->type >= 0)
        H5Tclose(a->type);
    if (a->id >= 0)
        H5Aclose(a->id);
    if (a->object >= 0)
        H5Oclose(a->object);
}

static bool fail_attribute(struct h5_file *f, const char *path, const char *name, const char *why,
                           struct c2s_error *err)
{
    return c2s_fail(err, C2S_FORMAT, "attribute '%s' of '%s' in '%s' %s; save the file again", name,
                    path, f->path, why);
}

/* Close a in every case. */
static bool open_attribute(struct h5_file *f, const char *path, const char *name,
                           struct attribute *a, bool *found, struct c2s_error *err)
{
    *a = (struct attribute){-1, -1, -1, -1, 0};
    *found = false;
    a->object = open_object(f, path, err);
    if (a->object < 0)
        return false;
    if (H5Aexists(a->object, name) == 0)
        return true;
    a->id = H5Aopen(a->object, name, H5P_DEFAULT);
    a->type = a->id < 0 ? -1 : H5Aget_type(a->id);
    a->space = a->id < 0 ? -1 : H5Aget_space(a->id);
    a->count = a->space < 0 ? -1 : H5Sget_simple_extent_npoints(a->space);
    size_t size = a->type < 0 ? 0 : H5Tget_size(a->type);
    if (a->count < 0 || size == 0)
        return fail_attribute(f, path, name, "is damaged", err);
    if ((uint64_t)a->count > f->bytes / size)
        return fail_attribute(f, path, name, "claims to be larger than the whole file", err);
    *found = true;
    return true;
}

/* Appends the strings of a, in whatever way they are stored. */
static bool read_strings(struct attribute *a, struct h5_names *out, struct c2s_error *err)
{
    bool is_variable = H5Tis_variable_str(a->type) > 0;
    size_t count = (size_t)a->count;
    size_t item = is_variable ? sizeof(char *) : H5Tget_size(a->type) + 1;
    char *buffer = c2s_calloc(count, item);
    if (!buffer)
        return c2s_fail_nomem(err);
    hid_t memory = H5Tcopy(H5T_C_S1);
    H5Tset_size(memory, is_variable ? H5T_VARIABLE : item);
    H5Tset_cset(memory, H5Tget_cset(a->type));
    bool ok = H5Aread(a->id, memory, buffer) >= 0;
    if (!ok)
        c2s_fail(err, C2S_FORMAT, "cannot read strings (%s); the file is damaged", reason());
    for (size_t i = 0; ok && i < count; i++) {
        const char *text = is_variable ? ((char **)buffer)[i] : buffer + i * item;
        ok = add_name(out, text ? text : "", err);
    }
    if (is_variable)
        H5Dvlen_reclaim(memory, a->space, H5P_DEFAULT, buffer);
    H5Tclose(memory);
    c2s_free(buffer);
    return ok;
}

bool h5_attr_text(struct h5_file *f, const char *path, const char *name, char **text, bool *found,
                  struct c2s_error *err)
{
    struct attribute a;
    struct h5_names strings = {0};
    bool ok = open_attribute(f, path, name, &a, found, err);
    if (ok && *found) {
        if (H5Tget_class(a.type) != H5T_STRING || a.count != 1)
            ok = fail_attribute(f, path, name, "is not one text", err);
        else
            ok = read_strings(&a, &strings, err);
    }
    if (ok && *found) {
        *text = strings.items[0];
        strings.n = 0;
    }
    close_attribute(&a);
    h5_names_finish(&strings);
    return ok;
}

static bool append_names(struct h5_file *f, const char *path, const char *name,
                         struct h5_names *out, bool *found, struct c2s_error *err)
{
    struct attribute a;
    bool ok = open_attribute(f, path, name, &a, found, err);
    if (ok && *found && a.count > 0) { /* Keras writes an empty list as an array of numbers */
        if (H5Tget_class(a.type) != H5T_STRING)
            ok = fail_attribute(f, path, name, "is not a list of texts", err);
        else
            ok = read_strings(&a, out, err);
    }
    close_attribute(&a);
    return ok;
}

bool h5_attr_names(struct h5_file *f, const char *path, const char *name, struct h5_names *out,
                   bool *found, struct c2s_error *err)
{
    *out = (struct h5_names){0};
    bool ok = append_names(f, path, name, out, found, err);
    bool more = ok && !*found;
    for (int i = 0; ok && more && i < MAX_SPLIT_NAMES; i++) {
        char numbered[300];
        snprintf(numbered, sizeof numbered, "%s%d", name, i);
        ok = append_names(f, path, numbered, out, &more, err);
        *found = *found || more;
    }
    if (!ok)
        h5_names_finish(out);
    return ok;
}

bool h5_attr_real(struct h5_file *f, const char *path, const char *name, double *value, bool *found,
                  struct c2s_error *err)
{
    struct attribute a;
    bool ok = open_attribute(f, path, name, &a, found, err);
    if (ok && *found) {
        H5T_class_t kind = H5Tget_class(a.type);
        if (a.count != 1 || (kind != H5T_FLOAT && kind != H5T_INTEGER) ||
            H5Aread(a.id, H5T_NATIVE_DOUBLE, value) < 0)
            ok = fail_attribute(f, path, name, "is not one number", err);
    }
    close_attribute(&a);
    return ok;
}

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
    out->is_float = kind == H5T_FLOAT;
    if (kind == H5T_FLOAT)
        out->dtype = C2S_F32;
    else if (kind != H5T_INTEGER && kind != H5T_ENUM) /* h5py stores booleans as an enumeration */
        return false;
    else if (size == 1)
        out->dtype = kind == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_NONE ? C2S_U8 : C2S_I8;
    else
        out->dtype = C2S_I32;
    return true;
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
    H5Pclose(creation);
    uint64_t stored = H5Dget_storage_size(id), bytes = (uint64_t)shape->bytes_per_element;
    for (int i = 0; i < shape->rank; i++)
        if (__builtin_mul_overflow(bytes, (uint64_t)shape->dims[i], &bytes))
            bytes = UINT64_MAX;
    if (!why && (stored > f->bytes || (bytes > ALWAYS_ALLOWED && bytes / MAX_RATIO > stored)))
        why = "claims far more data than the file holds; the file is damaged, copy or download it "
              "again";
    return why ? fail_dataset(f, path, why, err) : true;
}

/* New dataset id, negative on failure; fills shape. */
static hid_t open_dataset(struct h5_file *f, const char *path, struct h5_shape *shape,
                          struct c2s_error *err)
{
    *shape = (struct h5_shape){0};
    hid_t id = open_object(f, path, err);
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
    bool ok = c2s_tensor_count(t) == 0;
    if (!ok && shape->rank > 0)
        ok = H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
             H5Dread(id, memory_type(dtype), in_memory, in_file, H5P_DEFAULT, t->data) >= 0;
    else if (!ok)
        ok = H5Dread(id, memory_type(dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT, t->data) >= 0;
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
                 path, f->path, reason());
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
