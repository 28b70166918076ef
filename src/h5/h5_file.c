/* Opens HDF5 files and the objects in them, behind hard links only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "h5/h5_object.h"
#include "h5/magic.h"

#define MAX_PATH 4096

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

const char *h5_reason(void)
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

/* Addresses in the file are counted from behind the user block. */
static bool open_heap(struct h5_file *f, struct c2s_error *err)
{
    hsize_t user_block = 0;
    size_t address_bytes = 0, length_bytes = 0;
    hid_t creation = H5Fget_create_plist(f->id);
    bool ok = H5Pget_userblock(creation, &user_block) >= 0 &&
              H5Pget_sizes(creation, &address_bytes, &length_bytes) >= 0;
    H5Pclose(creation);
    if (!ok || address_bytes != 8 || length_bytes != 8)
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' is an HDF5 file with addresses of %zu bytes; rewrite it with "
                        "h5repack",
                        f->path, address_bytes);
    return h5_heap_open(&f->heap, f->path, user_block, err);
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
                     h5_reason());
        else
            c2s_fail(err, C2S_FORMAT, "'%s' is not an HDF5 file; give a Keras model saved as .h5",
                     path);
        c2s_free(f->path);
        c2s_free(f);
        return false;
    }
    if (!open_heap(f, err)) {
        h5_close(f);
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
    h5_heap_close(&f->heap);
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
    char prefix[MAX_PATH];
    if (strlen(path) >= sizeof prefix)
        return c2s_fail(err, C2S_FORMAT, "a path in '%s' is longer than %d bytes", f->path,
                        MAX_PATH);
    strcpy(prefix, path);
    *found = true;
    for (char *part = prefix; *found && *part;) {
        char *end = strchrnul(part, '/');
        char kept = *end;
        *end = '\0';
        H5L_info_t info;
        if (*part && strcmp(part, ".") != 0) {
            if (H5Lexists(f->id, prefix, H5P_DEFAULT) <= 0 ||
                H5Lget_info(f->id, prefix, &info, H5P_DEFAULT) < 0)
                *found = false;
            else if (info.type != H5L_TYPE_HARD)
                return c2s_fail(err, C2S_FORMAT,
                                "'%s' in '%s' is a soft or external link, which is not followed; "
                                "save the model again with its weights inside",
                                prefix, f->path);
        }
        *end = kept;
        part = kept ? end + 1 : end;
    }
    return true;
}

/* The object, its attributes not checked yet. */
static hid_t open_unchecked(struct h5_file *f, const char *path, struct c2s_error *err)
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
                 f->path, h5_reason());
    return id;
}

hid_t h5_object_open(struct h5_file *f, const char *path, struct c2s_error *err)
{
    H5O_info_t info;
    hid_t id = open_unchecked(f, path, err);
    if (id < 0)
        return id;
    if (H5Oget_info2(id, &info, H5O_INFO_BASIC) >= 0 && h5_heap_check(&f->heap, info.addr, err))
        return id;
    c2s_fail(err, C2S_FORMAT, "the object is damaged; copy or download the file again");
    c2s_fail_at(err, "'%s' in '%s'", path, f->path);
    H5Oclose(id);
    return -1;
}

static H5I_type_t object_type(struct h5_file *f, const char *path)
{
    struct c2s_error ignored = {0};
    hid_t id = open_unchecked(f, path, &ignored);
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
    return h5_names_add(listing->names, name, strlen(name), listing->err) ? 0 : -1;
}

bool h5_members(struct h5_file *f, const char *group, struct h5_names *out, struct c2s_error *err)
{
    *out = (struct h5_names){0};
    hid_t id = h5_object_open(f, group, err);
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
                    group, f->path, h5_reason());
}
