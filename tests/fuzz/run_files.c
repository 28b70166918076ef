/* Runs a fuzz target on files, each as one input: so the test suite keeps what fuzzing found. The
 * last path it prints is the one that did harm.
 * usage: fuzz_NAME FILE|FOLDER...    exit status 0 when the target took at least one, and all */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int n_run;

static int fail(const char *path)
{
    fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
    return 2;
}

static int run_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return fail(path);
    uint8_t *bytes = malloc(size ? size : 1); /* no byte more: the sanitizer watches the end */
    bool ok = bytes && fread(bytes, 1, size, f) == size;
    fclose(f);
    if (ok) {
        printf("%s\n", path);
        fflush(stdout);
        LLVMFuzzerTestOneInput(bytes, size);
        n_run++;
    }
    free(bytes);
    return ok ? 0 : fail(path);
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int run_folder(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_visible, alphasort), status = n < 0 ? fail(path) : 0;
    for (int i = 0; i < n; i++) {
        char inside[4096];
        struct stat info;
        snprintf(inside, sizeof inside, "%s/%s", path, entries[i]->d_name);
        free(entries[i]);
        if (status == 0 && stat(inside, &info) != 0)
            status = fail(inside);
        else if (status == 0 && S_ISREG(info.st_mode))
            status = run_file(inside, (size_t)info.st_size);
    }
    if (n >= 0)
        free(entries);
    return status;
}

int main(int argc, char **argv)
{
    int status = 0;
    for (int i = 1; i < argc && status == 0; i++) {
        struct stat info;
        if (stat(argv[i], &info) != 0)
            status = fail(argv[i]);
        else
            status = S_ISDIR(info.st_mode) ? run_folder(argv[i])
                                           : run_file(argv[i], (size_t)info.st_size);
    }
    printf("%d inputs\n", n_run);
    return status != 0 || n_run > 0 ? status : 2;
}
