/* Folders of data files: the four files of MNIST, or pairs of .npy. Also a lone file's labels. */
#include "data/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

struct listing {
    char **names; /* owned */
    int n;
};

static void listing_finish(struct listing *l)
{
    for (int i = 0; i < l->n; i++)
        c2s_free(l->names[i]);
    c2s_free(l->names);
    *l = (struct listing){0};
}

static bool listing_add(struct listing *l, const char *name, struct c2s_error *err)
{
    char **names = c2s_realloc(l->names, sizeof *names * (size_t)(l->n + 1));
    if (!names)
        return c2s_fail_nomem(err);
    l->names = names;
    l->names[l->n] = c2s_strdup(name);
    if (!l->names[l->n])
        return c2s_fail_nomem(err);
    l->n++;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool listing_read(const char *path, struct listing *l, struct c2s_error *err)
{
    *l = (struct listing){0};
    DIR *d = opendir(path);
    if (!d)
        return c2s_fail(err, C2S_IO, "cannot open the folder %s: %s", path, strerror(errno));
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            ok = listing_add(l, e->d_name, err);
    closedir(d);
    if (l->n > 1)
        qsort(l->names, (size_t)l->n, sizeof *l->names, by_name);
    if (!ok)
        listing_finish(l);
    return ok;
}

static char *join(const char *folder, const char *name, struct c2s_error *err)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = c2s_malloc(size);
    if (path)
        snprintf(path, size, "%s/%s", folder, name);
    else
        c2s_fail_nomem(err);
    return path;
}

static bool open_in(const char *folder, const char *name, struct data_array *a, const char **format,
                    struct c2s_error *err)
{
    char *path = join(folder, name, err);
    bool ok = path && data_file_array(path, a, format, err);
    c2s_free(path);
    return ok;
}

/* "t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte", with or without .gz; the plain one first. */
static const char *find_idx(const struct listing *l, const char *stem, char rank)
{
    static const char *const ends[] = {"", ".gz"}, *const dots[] = {"-", "."};
    char wanted[64];
    for (size_t e = 0; e < 2; e++)
        for (size_t d = 0; d < 2; d++) {
            snprintf(wanted, sizeof wanted, "%s%sidx%c-ubyte%s", stem, dots[d], rank, ends[e]);
            for (int i = 0; i < l->n; i++)
                if (strcmp(l->names[i], wanted) == 0)
                    return l->names[i];
        }
    return NULL;
}

static bool open_idx(const char *path, const struct listing *l, const char *prefix,
                     struct data_source *out, bool *found, struct c2s_error *err)
{
    char stem[48], list[160];
    snprintf(stem, sizeof stem, "%s-images", prefix);
    const char *images = find_idx(l, stem, '3');
    snprintf(stem, sizeof stem, "%s-labels", prefix);
    const char *labels = find_idx(l, stem, '1');
    *found = images || labels;
    if (*found && !(images && labels))
        return c2s_fail(err, C2S_NOT_FOUND,
                        "%s-%s-idx%d-ubyte (or .gz) is missing in the folder; there is: %s", prefix,
                        images ? "labels" : "images", images ? 1 : 3,
                        data_names_list(l->names, l->n, list, sizeof list));
    const char *format;
    return !*found || (open_in(path, images, &out->samples, &out->format, err) &&
                       open_in(path, labels, &out->labels, &format, err));
}

/* Names without ".npy"; others become "", which matches nothing. */
static bool open_npy(const char *path, const struct listing *l, const char *split,
                     struct data_source *out, bool *found, struct c2s_error *err)
{
    struct listing stems = {0};
    bool ok = true;
    for (int i = 0; ok && i < l->n; i++) {
        ok = listing_add(&stems, l->names[i], err);
        char *end = ok ? strstr(stems.names[i], ".npy") : NULL;
        if (ok && end && end[4] == '\0')
            *end = '\0';
        else if (ok)
            stems.names[i][0] = '\0';
    }
    int x, y;
    const char *format;
    *found = ok && data_names_pair(stems.names, stems.n, split, &x, &y);
    listing_finish(&stems);
    return ok && (!*found || (open_in(path, l->names[x], &out->samples, &out->format, err) &&
                              open_in(path, l->names[y], &out->labels, &format, err)));
}

bool data_folder_open(const char *path, const char *split, struct data_source *out,
                      struct c2s_error *err)
{
    struct listing l;
    if (!listing_read(path, &l, err))
        return false;
    bool is_test = strcmp(split, "test") == 0, found;
    bool ok = open_idx(path, &l, is_test ? "t10k" : split, out, &found, err);
    if (ok && !found && is_test)
        ok = open_idx(path, &l, "test", out, &found, err);
    if (ok && !found)
        ok = open_npy(path, &l, split, out, &found, err);
    if (ok && !found)
        ok = data_no_pair(err, split, l.names, l.n);
    listing_finish(&l);
    return ok;
}

struct beside {
    char *folder;
    char *path; /* owned, NULL until found */
    struct c2s_error *err;
};

static bool is_there(void *arg, const char *name)
{
    struct beside *b = arg;
    char *path = join(b->folder, name, b->err);
    if (path && access(path, F_OK) == 0) {
        b->path = path;
        return true;
    }
    c2s_free(path);
    return false;
}

bool data_beside_open(const char *path, struct data_array *labels, struct c2s_error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *format;
    struct beside b = {.folder = c2s_strdup(slash ? path : "."), .err = err};
    if (!b.folder)
        return c2s_fail_nomem(err);
    if (slash)
        b.folder[slash - path] = '\0';
    bool found = data_names_beside(name, is_there, &b), ok = false;
    if (found)
        ok = data_file_array(b.path, labels, &format, err);
    else
        c2s_fail(err, C2S_NOT_FOUND,
                 "no labels beside %s (such as y.npy for x.npy, labels for images); give them "
                 "with --labels FILE",
                 name);
    c2s_free(b.path);
    c2s_free(b.folder);
    return ok;
}
