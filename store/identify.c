/* Looks at a file before SQLite may touch it, so that nobody else's file is ever changed. */
#include "place.h"
#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES          100
#define APPLICATION_ID_OFFSET 68 /* big-endian; https://www.sqlite.org/fileformat.html */

static bool fail_foreign(const char *path, const unsigned char *head, size_t n,
                         struct c2s_error *err)
{
    static const struct {
        const char *magic, *what;
    } kinds[] = {
        {"\x89HDF\r\n\x1a\n", "an HDF5 file; to open a model, run: c2s-shell MODEL.h5, or: load"},
        {"SQLite format 3", "a database of another program"},
        {"PK\x03\x04", "a zip archive"},
        {"\x1f\x8b", "compressed by gzip"},
    };
    const char *what = "no workspace";
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (n >= strlen(kinds[i].magic) &&
            memcmp(head, kinds[i].magic, strlen(kinds[i].magic)) == 0)
            what = kinds[i].what;
    if (what == kinds[0].what)
        return c2s_fail(err, C2S_FORMAT, "'%s' is %s; it was not changed", path, what);
    return c2s_fail(err, C2S_FORMAT,
                    "'%s' is %s; it was not changed; name another file with -w FILE", path, what);
}

/* A program that died while it created the workspace leaves a journal; SQLite tidies up itself. */
static bool has_rollback_journal(const char *path)
{
    char *journal = place_beside(path, "-journal");
    bool found = journal && access(journal, F_OK) == 0;
    free(journal);
    return found;
}

static bool read_head(const char *path, unsigned char *head, size_t *n, struct c2s_error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return c2s_fail(err, C2S_IO, "cannot read workspace '%s': %s; name another with -w FILE",
                        path, strerror(errno));
    *n = fread(head, 1, HEADER_BYTES, f);
    bool ok = !ferror(f);
    fclose(f);
    return ok ||
           c2s_fail(err, C2S_IO, "cannot read workspace '%s'; name another with -w FILE", path);
}

/* The file is not there: says why it cannot be made, if that is so. */
static bool check_folder(const char *path, struct c2s_error *err)
{
    char *folder = place_folder(path);
    if (!folder)
        return c2s_fail_nomem(err);
    bool ok = euidaccess(folder, W_OK | X_OK) == 0 ||
              c2s_fail(err, C2S_IO,
                       "cannot create workspace '%s': folder '%s': %s; choose another place with "
                       "-w FILE, or -w :memory:",
                       path, folder, strerror(errno));
    free(folder);
    return ok;
}

bool store_identify(const char *path, struct c2s_error *err)
{
    struct stat info;
    if (strcmp(path, ":memory:") == 0)
        return true;
    /* SQLite takes the empty name for a file that it deletes on closing. */
    if (*path == '\0')
        return c2s_fail(err, C2S_USAGE,
                        "the name of the workspace is empty; name a file with -w FILE, or "
                        "-w :memory: to keep nothing");
    if (stat(path, &info) != 0)
        return errno == ENOENT ? check_folder(path, err)
                               : c2s_fail(err, C2S_IO,
                                          "cannot open workspace '%s': %s; name another with "
                                          "-w FILE",
                                          path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return c2s_fail(err, C2S_IO, "'%s' is a folder; name a file in it, such as -w %s/%s", path,
                        path, "workspace.c2s");
    if (!S_ISREG(info.st_mode))
        return c2s_fail(err, C2S_IO, "'%s' is no ordinary file; name another with -w FILE", path);
    if (info.st_size == 0)
        return true;
    unsigned char head[HEADER_BYTES] = {0};
    size_t n = 0;
    if (!read_head(path, head, &n, err))
        return false;
    const unsigned char *id = head + APPLICATION_ID_OFFSET;
    unsigned application =
        (unsigned)id[0] << 24 | (unsigned)id[1] << 16 | (unsigned)id[2] << 8 | id[3];
    bool is_sqlite = n == HEADER_BYTES && memcmp(head, "SQLite format 3", 16) == 0;
    if (is_sqlite ? application == STORE_APPLICATION_ID : has_rollback_journal(path))
        return true;
    return fail_foreign(path, head, n, err);
}
