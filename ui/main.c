/* Joins the parts: options, workspace, session, and the way commands come in. */
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "cmd/common.h"
#include "options.h"
#include "store.h"
#include "term/progress_bar.h"
#include "term/repl.h"
#include "term/tui.h"
#include "text/color.h"
#include "text/sink_text.h"
#include "view/view.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum exit_code {
    EXIT_OK = 0,
    EXIT_COMMAND = 1, /* a command failed */
    EXIT_USAGE = 2,   /* wrong options or arguments */
    EXIT_SCRIPT = 3,  /* a script stopped at an error */
    EXIT_GATE = 4,    /* a required condition is not met */
    EXIT_FILE = 5,    /* a file is unreadable, or holds no Keras model */
    EXIT_CTRL_C = 130,
    EXIT_BROKEN_PIPE = 141
};

struct program {
    struct options options;
    struct text_sink sink;
    struct progress_bar bar;
    struct cmd_ctx ctx;
    struct c2s_journal *journal;
    bool is_new_workspace;
};

static volatile sig_atomic_t cancelled;

/* The first Ctrl-C asks the running command to stop, a second one within two seconds ends all. */
static void on_interrupt(int number)
{
    static volatile time_t last;
    time_t now = time(NULL);
    if (cancelled && now - last <= 2) {
        signal(number, SIG_DFL);
        raise(number);
    }
    last = now;
    cancelled = 1;
}

static void set_up_signals(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over the limit is a write that fails, told as one */
}

static int screen_width(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
        return size.ws_col;
    return 80;
}

/* Before anything is printed: the bar goes, and the screen may have another size by now. */
static void before_output(void *arg)
{
    struct program *p = arg;
    progress_bar_clear(&p->bar);
    p->sink.width = p->bar.columns = p->ctx.columns = screen_width();
}

static void set_up_output(struct program *p)
{
    const struct options *o = &p->options;
    const char *term = getenv("TERM");
    text_sink_init(&p->sink, stdout, stderr);
    p->sink.mode = o->mode;
    p->sink.has_color = color_is_wanted(o->color, stdout);
    p->sink.messages_have_color = color_is_wanted(o->color, stderr);
    p->sink.is_quiet = o->is_quiet;
    p->sink.width = screen_width();
    bool can_paint = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    bool tells_progress = !o->is_quiet && !o->no_progress;
    p->bar.out = can_paint && tells_progress ? stderr : NULL;
    p->bar.lines = !can_paint && tells_progress ? stderr : NULL;
    p->bar.columns = p->sink.width;
    p->sink.before = before_output;
    p->sink.before_arg = p;
    p->ctx = (struct cmd_ctx){.sink = &p->sink.sink,
                              .cancelled = &cancelled,
                              .columns = p->sink.width,
                              .echo = o->echo,
                              .progress = progress_bar_report,
                              .progress_arg = &p->bar};
}

/* A command that only looks at the model of the command line needs no place to store anything. */
static bool may_keep_nothing(const struct options *o)
{
    struct c2s_error ignored = {0};
    const struct cmd_entry *entry = o->n_command > 0 && o->n_steps == 0 && o->model && !o->is_tui &&
                                            !o->is_interactive && !o->has_workspace
                                        ? cmd_find(o->command[0], &ignored)
                                        : NULL;
    return entry && !(entry->flags & CMD_MAKES_VERSION) && access(o->workspace, F_OK) != 0;
}

static bool open_workspace(struct program *p, struct c2s_error *err)
{
    struct c2s_error no_place = {0};
    if (c2s_store_open(p->options.workspace, &p->journal, &no_place))
        return true;
    if (no_place.code != C2S_IO || !may_keep_nothing(&p->options)) {
        *err = no_place;
        return false;
    }
    if (!p->options.is_quiet)
        fprintf(stderr, "warning: no workspace can be made in this folder; nothing is stored\n");
    return c2s_store_open(":memory:", &p->journal, err);
}

static bool open_session(struct program *p, struct c2s_error *err)
{
    struct c2s_progress progress = {.report = cmd_progress, .arg = &p->ctx};
    const char *path = p->options.workspace;
    p->is_new_workspace = strcmp(path, ":memory:") == 0 || access(path, F_OK) != 0;
    return open_workspace(p, err) &&
           c2s_session_create(p->journal, &progress, &p->ctx.session, err);
}

static void close_session(struct program *p)
{
    c2s_session_destroy(p->ctx.session);
    if (p->journal)
        p->journal->ops->close(p->journal);
}

static enum exit_code exit_code(const struct program *p, const struct c2s_error *err,
                                bool in_script)
{
    if (p->sink.output_error == EPIPE)
        return EXIT_BROKEN_PIPE;
    const struct cmd_entry *running = p->ctx.running;
    bool takes_file =
        !running || strcmp(running->name, "load") == 0 || strcmp(running->name, "data") == 0;
    if (err->code == C2S_CANCELLED)
        return EXIT_CTRL_C;
    if (err->code == C2S_GATE)
        return EXIT_GATE;
    if (in_script)
        return EXIT_SCRIPT;
    if (err->code == C2S_USAGE)
        return EXIT_USAGE;
    if (takes_file && (err->code == C2S_IO || err->code == C2S_FORMAT))
        return EXIT_FILE;
    return EXIT_COMMAND;
}

/* Tells the failure and gives its exit code. */
static enum exit_code fail(struct program *p, const struct c2s_error *err, bool in_script)
{
    if (p->sink.output_error != EPIPE)
        cmd_tell(&p->ctx, err, in_script && err->where[0]);
    return exit_code(p, err, in_script);
}

static bool show_banner(struct program *p, struct c2s_error *err)
{
    struct sheet *s = sheet_create("%s", "");
    sheet_before(s, SHEET_PLAIN, "c2s-shell %s   workspace %s%s", C2S_VERSION,
                 p->journal->ops->place(p->journal), p->is_new_workspace ? " (new)" : "");
    const struct c2s_version *v = c2s_session_current(p->ctx.session);
    char bits[64];
    struct c2s_interrupted training = {0};
    struct c2s_error none = {0};
    bool is_interrupted = v && c2s_session_interrupted(p->ctx.session, &training, &none);
    c2s_interrupted_finish(&training);
    if (v && !p->options.model)
        sheet_next(s, "at v%lld %s  %s%s. Next: %s", (long long)v->info.id, v->info.name,
                   view_bits(v->model, bits, sizeof bits),
                   is_interrupted ? ", training interrupted" : "",
                   is_interrupted ? "retrain --resume, log" : "log, layers, help");
    else if (!p->options.model)
        sheet_next(s, "Next: load FILE.h5, or help");
    return cmd_show(&p->ctx, s, err);
}

/* Loads the model of the command line; its report is shown when no command follows. */
static bool load_model(struct program *p, bool shows_report, struct c2s_error *err)
{
    char *words[] = {"load", (char *)p->options.model};
    if (!p->options.model)
        return true;
    if (shows_report)
        return cmd_run_words(&p->ctx, 2, words, err);
    return c2s_session_load(p->ctx.session, p->options.model, NULL, NULL, NULL, err);
}

/* Runs -x and -c in their order, then the one-shot command, or standard input when there is nothing
 * else. */
static enum exit_code run_batch(struct program *p, bool reads_stdin)
{
    const struct options *o = &p->options;
    struct c2s_error err = {0};
    for (int i = 0; i < o->n_steps && !p->ctx.wants_quit; i++) {
        const struct options_step *step = &o->steps[i];
        bool ok = step->is_file ? cmd_run_file(&p->ctx, step->text, &err)
                                : cmd_run_line(&p->ctx, step->text, &err);
        if (!ok)
            return fail(p, &err, step->is_file);
        if (cancelled) /* it kept what it had, but what follows was not wanted */
            return EXIT_CTRL_C;
    }
    if (o->n_command > 0 && !cmd_run_words(&p->ctx, o->n_command, o->command, &err))
        return fail(p, &err, false);
    if (reads_stdin && !cmd_run_file(&p->ctx, "-", &err))
        return fail(p, &err, true);
    if (cancelled)
        return EXIT_CTRL_C;
    return p->ctx.gate_failed ? EXIT_GATE : EXIT_OK;
}

static enum exit_code run_all(struct program *p)
{
    const struct options *o = &p->options;
    struct c2s_error err = {0};
    bool has_batch = o->n_steps > 0 || o->n_command > 0;
    bool is_terminal = isatty(STDIN_FILENO);
    bool is_interactive = o->is_tui || o->is_interactive || (!has_batch && is_terminal);
    if (is_interactive && !o->is_tui && !o->is_quiet && !show_banner(p, &err))
        return fail(p, &err, false);
    if (!load_model(p, (is_interactive || !has_batch) && !o->is_tui && !o->is_quiet, &err))
        return fail(p, &err, false);
    enum exit_code code = run_batch(p, !has_batch && !is_interactive);
    if (code != EXIT_OK && code != EXIT_GATE)
        return code;
    if (o->is_tui && !p->ctx.wants_quit && !tui_run(&p->ctx, &err))
        return fail(p, &err, false);
    if (is_interactive && !o->is_tui && !p->ctx.wants_quit)
        repl_run(&p->ctx);
    return p->sink.output_error == EPIPE ? EXIT_BROKEN_PIPE : code;
}

/* Commands such as help work anywhere, without making a workspace. */
static bool needs_session(const struct options *o)
{
    struct c2s_error ignored = {0};
    const struct cmd_entry *entry =
        o->n_command > 0 && o->n_steps == 0 && !o->model && !o->is_tui && !o->is_interactive
            ? cmd_find(o->command[0], &ignored)
            : NULL;
    return !entry || !(entry->flags & CMD_NEEDS_NO_SESSION);
}

int main(int argc, char **argv)
{
    struct program p = {0};
    struct c2s_error err = {0};
    enum exit_code code;
    setlocale(LC_CTYPE, "");
    if (!options_parse(argc, argv, &p.options, &err)) {
        set_up_output(&p);
        code = fail(&p, &err, false);
        options_finish(&p.options);
        return code;
    }
    set_up_output(&p);
    if (p.options.wants_help || p.options.wants_version) {
        fputs(p.options.wants_help          ? options_help
              : p.options.mode == TEXT_JSON ? options_version_json
                                            : options_version,
              stdout);
        code = fflush(stdout) == 0 ? EXIT_OK : EXIT_COMMAND;
    } else {
        set_up_signals();
        if (needs_session(&p.options) && !open_session(&p, &err))
            code = fail(&p, &err, false);
        else
            code = run_all(&p);
        close_session(&p);
    }
    options_finish(&p.options);
    return code;
}
