/* What tests share. */
#include "support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *data_path(const char *fmt, ...)
{
    static char paths[8][1024];
    static unsigned next;
    char *path = paths[next++ % 8];
    const char *root = getenv("C2S_TEST_DATA");
    if (!root)
        fail_msg("C2S_TEST_DATA is not set; run the tests by 'meson test'");
    int n = snprintf(path, sizeof paths[0], "%s/", root);
    va_list args;
    va_start(args, fmt);
    vsnprintf(path + n, sizeof paths[0] - (size_t)n, fmt, args);
    va_end(args);
    if (access(path, R_OK) != 0)
        fail_msg("test data is missing: %s", path);
    return path;
}

void assert_ok(bool ok, const struct c2s_error *err)
{
    if (!ok)
        fail_msg("%s: %s (%s)", err->where, err->text, c2s_code_name(err->code));
}

char *make_temp_dir(void)
{
    const char *root = getenv("TMPDIR");
    char *dir = NULL;
    if (asprintf(&dir, "%s/c2s-test-XXXXXX", root ? root : "/tmp") < 0 || !mkdtemp(dir))
        fail_msg("cannot make a temporary directory");
    return dir;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

void remove_temp_dir(char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}
