/* Reads attributes: texts of every kind, lists of names, numbers. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "h5/h5_object.h"

#define MAX_SPLIT_NAMES 100000

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
    a->object = h5_object_open(f, path, err);
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

/* Appends strings of fixed length: HDF5 converts every padding and character set. */
static bool read_fixed(struct attribute *a, struct h5_names *out, struct c2s_error *err)
{
    size_t item = H5Tget_size(a->type) + 1;
    char *buffer = c2s_calloc((size_t)a->count, item);
    if (!buffer)
        return c2s_fail_nomem(err);
    hid_t memory = H5Tcopy(H5T_C_S1);
    H5Tset_size(memory, item);
    H5Tset_cset(memory, H5Tget_cset(a->type));
    bool ok = H5Aread(a->id, memory, buffer) >= 0;
    if (!ok)
        c2s_fail(err, C2S_FORMAT, "cannot read strings (%s); the file is damaged", h5_reason());
    for (hssize_t i = 0; ok && i < a->count; i++)
        ok = h5_names_add(out, buffer + (size_t)i * item, item, err);
    H5Tclose(memory);
    c2s_free(buffer);
    return ok;
}

/* Appends the strings of a, in whatever way they are stored. */
static bool read_strings(struct h5_file *f, struct attribute *a, const char *path, const char *name,
                         struct h5_names *out, struct c2s_error *err)
{
    H5O_info_t info;
    bool found;
    if (H5Tis_variable_str(a->type) <= 0)
        return read_fixed(a, out, err);
    if (H5Oget_info2(a->object, &info, H5O_INFO_BASIC) < 0)
        return fail_attribute(f, path, name, "is damaged", err);
    if (!h5_heap_strings(&f->heap, info.addr, name, (size_t)a->count, out, &found, err))
        return c2s_fail_at(err, "attribute '%s' of '%s' in '%s'", name, path, f->path);
    return found ? true : fail_attribute(f, path, name, "is stored outside its object", err);
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
            ok = read_strings(f, &a, path, name, &strings, err);
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
            ok = read_strings(f, &a, path, name, out, err);
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
        if (a.count != 1 || !h5_type_is_number(a.type) ||
            H5Aread(a.id, H5T_NATIVE_DOUBLE, value) < 0)
            ok = fail_attribute(f, path, name, "is not one number", err);
    }
    close_attribute(&a);
    return ok;
}
