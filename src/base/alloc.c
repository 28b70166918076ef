/* Memory for the core, with the hook that fault tests use. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_long calls_left; /* 0 = the hook is off */

static int must_fail(void)
{
    long left = atomic_load(&calls_left);
    if (left == 0)
        return 0;
    if (left == 1)
        return 1;
    atomic_fetch_sub(&calls_left, 1);
    return 0;
}

void c2s_alloc_fail_after(long n)
{
    atomic_store(&calls_left, n);
}

void *c2s_malloc(size_t size)
{
    return must_fail() ? NULL : malloc(size ? size : 1);
}

void *c2s_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *c2s_realloc(void *p, size_t size)
{
    return must_fail() ? NULL : realloc(p, size ? size : 1);
}

void *c2s_aligned(size_t size)
{
    if (must_fail() || size > (size_t)-1 - 64)
        return NULL;
    size_t rounded = (size + 63) / 64 * 64;
    void *p = aligned_alloc(64, rounded ? rounded : 64);
    if (p)
        memset(p, 0, rounded ? rounded : 64);
    return p;
}

char *c2s_strdup(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = c2s_malloc(n);
    return copy ? memcpy(copy, text, n) : NULL;
}

void c2s_free(void *p)
{
    free(p);
}
