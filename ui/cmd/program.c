/* Starts a program with two pipes and reads both until they are closed. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS 100 /* between two looks at `cancelled` */

extern char **environ;

struct stream {
    int in, out; /* ends of a pipe; -1 = closed */
    char *text;
    size_t used, size;
};

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

static bool open_stream(struct stream *s, struct c2s_error *err)
{
    int ends[2];
    s->text = calloc(1, 1);
    s->size = 1;
    if (!s->text)
        return c2s_fail_nomem(err);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return c2s_fail(err, C2S_IO, "cannot make a pipe: %s; close other programs",
                        strerror(errno));
    s->in = ends[0];
    s->out = ends[1];
    return true;
}

/* Reads what is there; closes the stream at its end. */
static bool read_some(struct stream *s, struct c2s_error *err)
{
    char buffer[4096];
    ssize_t n = read(s->in, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0) {
        close_end(&s->in);
        return true;
    }
    char *grown = realloc(s->text, s->used + (size_t)n + 1);
    if (!grown)
        return c2s_fail_nomem(err);
    s->text = grown;
    memcpy(grown + s->used, buffer, (size_t)n);
    s->used += (size_t)n;
    grown[s->used] = '\0';
    return true;
}

static bool read_all(struct stream streams[2], const volatile sig_atomic_t *cancelled,
                     struct c2s_error *err)
{
    while (streams[0].in >= 0 || streams[1].in >= 0) {
        struct pollfd ends[2] = {{.fd = streams[0].in, .events = POLLIN},
                                 {.fd = streams[1].in, .events = POLLIN}};
        if (cancelled && *cancelled)
            return c2s_fail(err, C2S_CANCELLED, "stopped by Ctrl-C; nothing was lost");
        if (poll(ends, 2, POLL_MS) <= 0)
            continue;
        for (int i = 0; i < 2; i++)
            if (ends[i].revents && !read_some(&streams[i], err))
                return false;
    }
    return true;
}

static bool spawn(char *const argv[], const struct stream streams[2], pid_t *pid,
                  struct c2s_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, streams[0].out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, streams[1].out, STDERR_FILENO);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int code = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code == 0 || c2s_fail(err, C2S_IO, "cannot start '%s': %s; check that it is there",
                                 argv[0], strerror(code));
}

bool program_run(char *const argv[], const volatile sig_atomic_t *cancelled,
                 struct program_output *out, struct c2s_error *err)
{
    struct stream streams[2] = {{.in = -1, .out = -1}, {.in = -1, .out = -1}};
    pid_t pid = -1;
    int status = 0;
    bool ok = open_stream(&streams[0], err) && open_stream(&streams[1], err) &&
              spawn(argv, streams, &pid, err);
    close_end(&streams[0].out);
    close_end(&streams[1].out);
    ok = ok && read_all(streams, cancelled, err);
    if (pid > 0) {
        if (!ok)
            kill(pid, SIGTERM);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    close_end(&streams[0].in);
    close_end(&streams[1].in);
    *out = (struct program_output){.text = streams[0].text, .messages = streams[1].text};
    out->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (!ok)
        program_output_finish(out);
    return ok;
}

void program_output_finish(struct program_output *out)
{
    free(out->text);
    free(out->messages);
    *out = (struct program_output){0};
}
