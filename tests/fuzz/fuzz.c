/* The file a target gives to the core, and the limit of memory, for the fuzz targets. */
#include "fuzz.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hdf5_memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif

#define ALWAYS_ALLOWED (64 << 20)

void fuzz_abort(const char *why)
{
    fprintf(stderr, "fuzz target: %s\n", why);
    abort();
}

void fuzz_answer(bool ok, const struct c2s_error *err)
{
    if (!ok && err->code == C2S_OK)
        fuzz_abort("a failure without a code");
    if (!ok && err->text[0] == '\0')
        fuzz_abort("a failure without a sentence");
}

static char path[400]; /* of the one file */

static void remove_file(void)
{
    unlink(path);
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    const char *folder = getenv("TMPDIR");
    if (fd < 0) {
        snprintf(path, sizeof path, "%s/c2s-fuzz-XXXXXX", folder ? folder : "/tmp");
        fd = mkstemp(path);
        atexit(remove_file);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0)
        fuzz_abort("no file for the input");
    for (size_t at = 0; at < size;) {
        ssize_t n = pwrite(fd, data + at, size - at, (off_t)at);
        if (n <= 0)
            fuzz_abort("cannot write the file for the input");
        at += (size_t)n;
    }
    return path;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        fuzz_abort("no memory for the input");
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

#ifdef HAS_ADDRESS_SANITIZER
/* Of sanitizer/allocator_interface.h, which gcc 12 does not install. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *p);

static atomic_bool is_counting;
static atomic_llong held, most;

static void count_malloc(const volatile void *p, size_t size)
{
    if (!p || !atomic_load(&is_counting))
        return;
    if (atomic_fetch_add(&held, (long long)size) + (long long)size <= atomic_load(&most))
        return;
    atomic_store(&is_counting, false);
    fprintf(stderr, "the last request is %zu bytes\n", size);
    fuzz_abort("more memory than 2 * size + 64 MiB");
}

static void count_free(const volatile void *p)
{
    if (p && atomic_load(&is_counting))
        atomic_fetch_sub(&held, (long long)__sanitizer_get_allocated_size(p));
}

void fuzz_begin(size_t size)
{
    static bool is_installed;
    if (!is_installed)
        __sanitizer_install_malloc_and_free_hooks(count_malloc, count_free);
    is_installed = true;
    atomic_store(&held, 0);
    atomic_store(&most, 2 * (long long)size + ALWAYS_ALLOWED);
    atomic_store(&is_counting, true);
}

void fuzz_end(void)
{
    atomic_store(&is_counting, false);
}
#else
void fuzz_begin(size_t size)
{
    (void)size;
}

void fuzz_end(void)
{
}
#endif
