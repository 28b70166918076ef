/* The prompt in a real terminal (a pseudo-terminal): completion, history, Ctrl-C, Ctrl-D. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

#define PATIENCE_S 60 /* until a test fails; sanitizers are slow */

struct terminal {
    char *folder;
    int fd;
    pid_t pid;
    char seen[1 << 16]; /* since the last expect */
    size_t n_seen;
};

static void set_environment(const char *folder)
{
    char path[500];
    clearenv();
    snprintf(path, sizeof path, "%s/state", folder);
    setenv("XDG_STATE_HOME", path, 1);
    setenv("HOME", folder, 1);
    setenv("TERM", "vt100", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("INPUTRC", "/dev/null", 1);
}

/* command: a line to run instead of the prompt, or NULL. */
static void start(struct terminal *t, char *folder, const char *command)
{
    char program[4096], model[4096], data[4096];
    struct winsize size = {.ws_row = 40, .ws_col = 100};
    assert_non_null(getenv("C2S_SHELL"));
    snprintf(program, sizeof program, "%s", getenv("C2S_SHELL"));
    snprintf(model, sizeof model, "%s", data_path("fm_sep.h5"));
    snprintf(data, sizeof data, "%s", data_path("fashion-mnist-1k"));
    *t = (struct terminal){.folder = folder};
    t->pid = forkpty(&t->fd, NULL, NULL, &size);
    assert_true(t->pid >= 0);
    if (t->pid > 0)
        return;
    if (chdir(folder) != 0)
        _exit(99);
    if (access("fm_sep.h5", F_OK) != 0 &&
        (symlink(model, "fm_sep.h5") != 0 || symlink(data, "images") != 0))
        _exit(98);
    set_environment(folder);
    if (command)
        execl(program, "c2s-shell", "fm_sep.h5", "-c", "data use images --scale 255", "-c", command,
              (char *)NULL);
    execl(program, "c2s-shell", (char *)NULL);
    _exit(97);
}

static void send_text(struct terminal *t, const char *text)
{
    assert_int_equal(write(t->fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void read_more(struct terminal *t, const char *wanted, time_t begun)
{
    struct pollfd end = {.fd = t->fd, .events = POLLIN};
    if (time(NULL) - begun > PATIENCE_S)
        fail_msg("the terminal does not show \"%s\" but: %s", wanted, t->seen);
    if (poll(&end, 1, 1000) <= 0)
        return;
    ssize_t n = read(t->fd, t->seen + t->n_seen, sizeof t->seen - 1 - t->n_seen);
    if (n <= 0)
        fail_msg("the program ended before \"%s\"; it showed: %s", wanted, t->seen);
    t->n_seen += (size_t)n;
    t->seen[t->n_seen] = '\0';
}

/* Waits until the text was shown, and forgets all up to it. */
static void expect(struct terminal *t, const char *text)
{
    time_t begun = time(NULL);
    char *at;
    while (!(at = strstr(t->seen, text)))
        read_more(t, text, begun);
    at += strlen(text);
    t->n_seen -= (size_t)(at - t->seen);
    memmove(t->seen, at, t->n_seen + 1);
}

static void finish(struct terminal *t, int expected_code)
{
    int status;
    time_t begun = time(NULL);
    char rest[1000];
    while (read(t->fd, rest, sizeof rest) > 0 && time(NULL) - begun < PATIENCE_S)
        continue;
    assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected_code);
    close(t->fd);
}

static void words_complete_by_tab(void **state)
{
    (void)state;
    struct terminal t;
    start(&t, make_temp_dir(), NULL);
    expect(&t, "workspace ./workspace.c2s (new)");
    expect(&t, "c2s> ");
    send_text(&t, "loa\tfm_\t\n");
    expect(&t, "v1 fm_sep: Keras");
    expect(&t, "fm_sep@v1> ");
    send_text(&t, "quan\tact\t4\n");
    expect(&t, "v2 from v1");
    expect(&t, "fm_sep@v2> ");
    send_text(&t, "hist separ\t--bin\t40\n");
    expect(&t, "separable_conv2d weights of v2");
    expect(&t, "fm_sep@v2> ");
    send_text(&t, "nonsense\n");
    expect(&t, "error: ");
    expect(&t, "unknown command \"nonsense\"");
    expect(&t, "fm_sep@v2> ");
    send_text(&t, "\x04"); /* Ctrl-D */
    finish(&t, 0);
    remove_temp_dir(t.folder);
}

static void control_c_stops_a_command_and_keeps_the_prompt(void **state)
{
    (void)state;
    struct terminal t;
    start(&t, make_temp_dir(), NULL);
    expect(&t, "c2s> ");
    send_text(&t, "load fm_sep.h5\n");
    expect(&t, "fm_sep@v1> ");
    send_text(&t, "data use images --scale 255\n");
    expect(&t, "fm_sep@v1> ");
    send_text(&t, "eval --engine ref\n");
    expect(&t, " s left"); /* the naive engine takes its time: the bar is there */
    send_text(&t, "\x03");
    expect(&t, "cancel");
    expect(&t, "fm_sep@v1> ");
    send_text(&t, "half a line\x03");
    expect(&t, "fm_sep@v1> ");
    send_text(&t, "log\n");
    expect(&t, "load fm_sep.h5");
    expect(&t, "fm_sep@v1> ");
    send_text(&t, "quit\n");
    finish(&t, 0);
    remove_temp_dir(t.folder);
}

static void control_c_ends_a_command_line(void **state)
{
    (void)state;
    struct terminal t;
    start(&t, make_temp_dir(), "eval --engine ref");
    expect(&t, " s left");
    send_text(&t, "\x03");
    expect(&t, "cancel");
    finish(&t, 130);
    remove_temp_dir(t.folder);
}

/* Waits until the live line tells of an epoch behind the first: there is a best one to keep. How
 * far a training is when the line first appears is the machine's affair. */
static void expect_later_epoch(struct terminal *t)
{
    static const char mark[] = " s left  epoch ";
    time_t begun = time(NULL);
    for (const char *at = t->seen; atoi(at) < 2;) {
        const char *next = strstr(at, mark);
        if (next)
            at = next + strlen(mark);
        else
            read_more(t, mark, begun);
    }
}

#define TRAINING "retrain --data images,split=test,limit=60 --batch 10 --engine ref --epochs 50"

static void control_c_stops_a_training_and_keeps_the_best(void **state)
{
    (void)state;
    struct terminal t;
    start(&t, make_temp_dir(), NULL);
    expect(&t, "c2s> ");
    send_text(&t, "load fm_sep.h5\n");
    expect(&t, "fm_sep@v1> ");
    send_text(&t, "quantize all 2 --input 8\n");
    expect(&t, "fm_sep@v2> ");
    send_text(&t, "data use images --scale 255\n");
    expect(&t, "fm_sep@v2> ");
    send_text(&t, TRAINING "\n");
    expect_later_epoch(&t);
    send_text(&t, "\x03");
    expect(&t, "stopped after epoch");
    expect(&t, "v3 from v2");
    expect(&t, "fm_sep@v3> ");
    send_text(&t, "quit\n");
    finish(&t, 0);
    remove_temp_dir(t.folder);
}

static void lines_are_remembered_and_continued(void **state)
{
    (void)state;
    struct terminal t;
    char path[500], text[1000] = "";
    char *folder = make_temp_dir();
    start(&t, folder, NULL);
    expect(&t, "c2s> ");
    send_text(&t, "mode table\n");
    expect(&t, "c2s> ");
    send_text(&t, "mode table\n");
    expect(&t, "c2s> ");
    send_text(&t, " mode csv\n");
    expect(&t, "c2s> ");
    send_text(&t, "\n");
    expect(&t, "c2s> ");
    send_text(&t, "mode \\\n");
    expect(&t, "...> ");
    send_text(&t, "table\n");
    expect(&t, "c2s> ");
    send_text(&t, "log\n");
    expect(&t, "c2s> ");
    send_text(&t, "\x04");
    finish(&t, 0);
    snprintf(path, sizeof path, "%s/state/c2s-shell/history", folder);
    FILE *history = fopen(path, "r");
    assert_non_null(history);
    text[fread(text, 1, sizeof text - 1, history)] = '\0';
    fclose(history);
    assert_string_equal(text, "mode table\nlog\n");
    start(&t, folder, NULL);
    expect(&t, "c2s> ");
    send_text(&t, "\x10\x10\n"); /* Ctrl-P twice: the line before the last */
    expect(&t, "mode table");
    expect(&t, "c2s> ");
    send_text(&t, "\x04");
    finish(&t, 0);
    remove_temp_dir(folder);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_complete_by_tab),
        cmocka_unit_test(control_c_stops_a_command_and_keeps_the_prompt),
        cmocka_unit_test(control_c_ends_a_command_line),
        cmocka_unit_test(control_c_stops_a_training_and_keeps_the_best),
        cmocka_unit_test(lines_are_remembered_and_continued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
