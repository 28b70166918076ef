/* Which program is at work on a training: written down so that another one, now or after a crash,
 * can tell whether it still lives. */
#include "private.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* When the process started, in the kernel's ticks: numbers of processes are used again. 0 = there
 * is no such process. */
static unsigned long long start_of(long pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    /* "PID (NAME) STATE ...": the name may hold anything, the start is the 20th word behind it. */
    const char *at = strrchr(text, ')');
    unsigned long long start = 0;
    char state = 0;
    if (!at || sscanf(at + 1,
                      " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                      "%llu",
                      &state, &start) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : start;
}

static void boot(char out[64])
{
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!f || fscanf(f, "%63s", out) != 1)
        snprintf(out, 64, "?");
    if (f)
        fclose(f);
}

void store_own(char owner[STORE_OWNER_SIZE])
{
    char since[64];
    boot(since);
    snprintf(owner, STORE_OWNER_SIZE, "%s %ld %llu", since, (long)getpid(), start_of(getpid()));
}

bool store_owner_is_other(const char *owner)
{
    char since[64], then[64];
    long pid;
    unsigned long long start;
    boot(since);
    return sscanf(owner, "%63s %ld %llu", then, &pid, &start) == 3 && strcmp(since, then) == 0 &&
           pid != (long)getpid() && start != 0 && start_of(pid) == start;
}
