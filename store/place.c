/* The file of a workspace and those that SQLite makes beside it, as the file system sees them. */
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *place_immutable_uri(const char *path)
{
    char *uri = malloc(3 * strlen(path) + 32), *out = uri;
    if (!uri)
        return NULL;
    out += sprintf(out, "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path))
            out += sprintf(out, "%%%02X", (unsigned)(unsigned char)*path);
        else
            *out++ = *path;
    }
    strcpy(out, "?immutable=1");
    return uri;
}

char *place_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
}

char *place_beside(const char *path, const char *suffix)
{
    char *beside = NULL;
    return asprintf(&beside, "%s%s", path, suffix) >= 0 ? beside : NULL;
}

bool place_has_log(const char *path)
{
    char *log = place_beside(path, "-wal");
    struct stat info;
    bool found = log && stat(log, &info) == 0 && info.st_size > 0;
    free(log);
    return found;
}

static bool may_write_beside(const char *path, const char *suffix)
{
    char *file = place_beside(path, suffix);
    bool ok = file && (euidaccess(file, F_OK) != 0 || euidaccess(file, W_OK) == 0);
    free(file);
    return ok;
}

static bool may_write_folder(const char *path)
{
    char *folder = place_folder(path);
    bool ok = folder && euidaccess(folder, W_OK | X_OK) == 0;
    free(folder);
    return ok;
}

bool place_may_be_written(const char *path)
{
    return strcmp(path, ":memory:") == 0 ||
           (may_write_folder(path) && may_write_beside(path, "") &&
            may_write_beside(path, "-wal") && may_write_beside(path, "-shm"));
}
