/* Opens HDF5 files and the objects in them, behind hard links only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "h5/h5_object.h"
#include "h5/magic.h"
#include "h5/superblock.h"

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

static bool fail_damaged(struct h5_file *f, const char *path, struct c2s_error *err)
{
    c2s_fail(err, C2S_FORMAT, "the object is damaged; copy or download the file again");
    return c2s_fail_at(err, "'%s' in '%s'", path, f->path);
}

/* Before HDF5 reads what the object header at that address leads to. */
static bool check_object(struct h5_file *f, const char *path, haddr_t address,
                         struct c2s_error *err)
{
    return h5_heap_check(&f->heap, address, err) ? true : fail_damaged(f, path, err);
}

/* The same of an object whose attributes may never be asked for. */
static bool check_sizes(struct h5_file *f, const char *path, haddr_t address, struct c2s_error *err)
{
    return h5_heap_sizes(&f->heap, address, err) ? true : fail_damaged(f, path, err);
}

/* The file's bytes, before HDF5 opens it. */
static bool open_heap(struct h5_file *f, struct c2s_error *err)
{
    if (f->memory)
        h5_heap_in_memory(&f->heap, f->memory, f->bytes);
    else if (!h5_heap_open(&f->heap, f->path, err))
        return false;
    return h5_superblock_check(&f->heap, err) || c2s_fail_at(err, "'%s'", f->path);
}

static bool check_root(struct h5_file *f, struct c2s_error *err)
{
    size_t address_bytes = 0, length_bytes = 0;
    H5O_info_t root;
    hid_t creation = H5Fget_create_plist(f->id);
    unsigned tree_k = 0, leaf_k = 0;
    bool ok = H5Pget_sym_k(creation, &tree_k, &leaf_k) >= 0 &&
              H5Pget_sizes(creation, &address_bytes, &length_bytes) >= 0;
    H5Pclose(creation);
    if (!ok || address_bytes != 8 || length_bytes != 8)
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' is an HDF5 file with addresses of %zu bytes; rewrite it with "
                        "h5repack",
                        f->path, address_bytes);
    f->heap.tree_k = tree_k;
    f->heap.leaf_k = leaf_k;
    return H5Oget_info2(f->id, &root, H5O_INFO_BASIC) >= 0 ? check_object(f, "/", root.addr, err)
                                                           : fail_damaged(f, "/", err);
}

/* HDF5's name of the file differs from the user's when it is in memory. */
static bool open_file(struct h5_file *f, const char *name, hid_t access, struct c2s_error *err)
{
    char reason[160];
    if (!open_heap(f, err)) {
        H5Pclose(access);
        return false;
    }
    f->id = H5Fopen(name, H5F_ACC_RDONLY, access);
    snprintf(reason, sizeof reason, "%s", h5_reason()); /* the next call forgets it */
    H5Pclose(access);
    if (f->id >= 0)
        return check_root(f, err);
    bool is_hdf5 =
        f->memory ? memcmp(f->memory, "\x89HDF\r\n\x1a\n", 8) == 0 : H5Fis_hdf5(name) > 0;
    return c2s_fail(err, C2S_FORMAT,
                    is_hdf5 ? "HDF5 file '%s' is cut short or damaged (%s); copy or download it "
                              "again"
                            : "'%s' is not an HDF5 file; give a Keras model saved as .h5 or .keras",
                    f->path, reason);
}

/* New, closed again by h5_close; id is -1. */
static struct h5_file *create_file(const char *shown, struct c2s_error *err)
{
    struct h5_file *f = c2s_calloc(1, sizeof *f);
    be_quiet();
    if (f && (f->path = c2s_strdup(shown))) {
        f->id = -1;
        f->heap.fd = -1;
        return f;
    }
    c2s_free(f);
    c2s_fail_nomem(err);
    return NULL;
}

bool h5_open(const char *path, struct h5_file **out, struct c2s_error *err)
{
    struct stat info;
    if (!h5_check_magic(path, err))
        return false;
    struct h5_file *f = create_file(path, err);
    if (!f)
        return false;
    f->bytes = stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_file_locking(access, false, true); /* a lock fails on read-only network folders */
    bool ok = open_file(f, path, access, err);
    if (ok)
        *out = f;
    else
        h5_close(f);
    return ok;
}

/* HDF5 asks for copies of a file in memory: it gets the memory itself, which h5_close frees. */
static void *same_image(size_t size, H5FD_file_image_op_t op, void *memory)
{
    (void)size, (void)op;
    return memory;
}

static void *keep_image(void *to, const void *from, size_t n, H5FD_file_image_op_t op, void *memory)
{
    (void)op, (void)memory;
    return to == from ? to : memcpy(to, from, n);
}

static herr_t leave_image(void *image, H5FD_file_image_op_t op, void *memory)
{
    (void)image, (void)op, (void)memory;
    return 0;
}

static void *same_owner(void *memory)
{
    return memory;
}

static herr_t leave_owner(void *memory)
{
    (void)memory;
    return 0;
}

bool h5_open_memory(void *bytes, size_t n, const char *shown, struct h5_file **out,
                    struct c2s_error *err)
{
    char name[32];
    struct h5_file *f = create_file(shown, err);
    if (!f) {
        c2s_free(bytes);
        return false;
    }
    f->memory = bytes;
    f->bytes = n;
    H5FD_file_image_callbacks_t calls = {.image_malloc = same_image,
                                         .image_memcpy = keep_image,
                                         .image_free = leave_image,
                                         .udata_copy = same_owner,
                                         .udata_free = leave_owner,
                                         .udata = bytes};
    snprintf(name, sizeof name, "%p", bytes); /* HDF5 takes files of one name for the same */
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 16, false);
    bool ok = n >= 8 && H5Pset_file_image_callbacks(access, &calls) >= 0 &&
              H5Pset_file_image(access, bytes, n) >= 0;
    if (ok)
        ok = open_file(f, name, access, err);
    else
        c2s_fail(err, C2S_FORMAT, "'%s' is too short; save it again", shown);
    if (ok)
        *out = f;
    else
        h5_close(f);
    return ok;
}

void h5_close(struct h5_file *f)
{
    if (!f)
        return;
    be_quiet();
    if (f->id >= 0)
        H5Fclose(f->id);
    h5_heap_close(&f->heap);
    c2s_free(f->memory);
    c2s_free(f->path);
    c2s_free(f);
}

const char *h5_path(const struct h5_file *f)
{
    return f->path;
}

static bool fail_link(const struct h5_file *f, const char *path, struct c2s_error *err)
{
    return c2s_fail(err, C2S_FORMAT,
                    "'%s' in '%s' is a soft or external link, which is not followed; save the "
                    "model again with its weights inside",
                    path, f->path);
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
                return fail_link(f, prefix, err);
            else if (kept ? !check_object(f, prefix, info.u.address, err)
                          : !check_sizes(f, prefix, info.u.address, err))
                return false;
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
        c2s_fail(err, C2S_FORMAT, "cannot open '%s' in '%s' (%s); %s", path, f->path, h5_reason(),
                 strstr(h5_reason(), "version") /* "bad version number for layout message" */
                     ? "the file is damaged, or of a newer HDF5: rewrite it with 'h5repack "
                       "--high=2 OLD NEW'"
                     : "the file is damaged");
    return id;
}

hid_t h5_object_open(struct h5_file *f, const char *path, struct c2s_error *err)
{
    H5O_info_t info;
    hid_t id = open_unchecked(f, path, err);
    if (id < 0)
        return id;
    if (H5Oget_info2(id, &info, H5O_INFO_BASIC) < 0)
        fail_damaged(f, path, err);
    else if (check_object(f, path, info.addr, err))
        return id;
    H5Oclose(id);
    return -1;
}

static H5I_type_t object_type(struct h5_file *f, const char *path, struct c2s_error *err)
{
    hid_t id = open_unchecked(f, path, err);
    H5I_type_t type = id < 0 ? H5I_BADID : H5Iget_type(id);
    if (id >= 0)
        H5Oclose(id);
    return type;
}

bool h5_exists(struct h5_file *f, const char *path)
{
    struct c2s_error why = {0};
    H5I_type_t type = object_type(f, path, &why);
    return type == H5I_GROUP || type == H5I_DATASET || why.code == C2S_NOMEM;
}

bool h5_is_dataset(struct h5_file *f, const char *path)
{
    struct c2s_error ignored = {0};
    return object_type(f, path, &ignored) == H5I_DATASET;
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

struct search {
    struct h5_file *f;
    const char *group;
    struct h5_names *found;
    struct c2s_error *err;
};

static herr_t find_dataset(hid_t group, const char *name, const H5L_info_t *info, void *arg)
{
    struct search *s = arg;
    char path[MAX_PATH];
    int n = snprintf(path, sizeof path, "%s/%s", s->group, name);
    if (info->type != H5L_TYPE_HARD)
        return fail_link(s->f, path, s->err) ? 0 : -1;
    if (n < 0 || (size_t)n >= sizeof path)
        return c2s_fail(s->err, C2S_FORMAT, "a path in '%s' is too long", s->f->path) ? 0 : -1;
    if (!check_sizes(s->f, path, info->u.address, s->err))
        return -1;
    hid_t id = H5Oopen(group, name, H5P_DEFAULT);
    H5I_type_t type = id < 0 ? H5I_BADID : H5Iget_type(id);
    if (id >= 0)
        H5Oclose(id);
    return type != H5I_DATASET || h5_names_add(s->found, path, (size_t)n, s->err) ? 0 : -1;
}

bool h5_datasets(struct h5_file *f, const char *group, struct h5_names *out, struct c2s_error *err)
{
    struct search s = {f, group, out, err};
    hid_t id = h5_object_open(f, group, err);
    if (id < 0)
        return false;
    bool ok = H5Iget_type(id) != H5I_GROUP ||
              H5Lvisit(id, H5_INDEX_NAME, H5_ITER_INC, find_dataset, &s) >= 0;
    H5Oclose(id);
    return ok || c2s_fail(err, C2S_FORMAT, "cannot list '%s' of '%s' (%s); the file is damaged",
                          group, f->path, h5_reason());
}
