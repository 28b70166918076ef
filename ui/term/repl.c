/* The prompt on readline: editing, history, completion, Ctrl-C. The only user of readline. */
#include "repl.h"

#include "cmd/complete.h"
#include "cmd/lex.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <readline/history.h>
#include <readline/readline.h>

#define HISTORY_LINES 2000

/* readline calls back without an argument, so the context of the one prompt is kept here. */
static struct cmd_ctx *prompt_ctx;

/* ---- history ---- */

static bool make_folder(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        bool ok = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!ok)
            return false;
    }
    return true;
}

/* New path of the history file with its folders made, or NULL when there is no place for one. */
static char *history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int n = -1;
    if (state && state[0] == '/')
        n = asprintf(&path, "%s/c2s-shell/history", state);
    else if (home && home[0] == '/')
        n = asprintf(&path, "%s/.local/state/c2s-shell/history", home);
    if (n < 0)
        return NULL;
    if (!make_folder(path)) {
        free(path);
        return NULL;
    }
    return path;
}

static void remember(const char *line, const char *path)
{
    const HIST_ENTRY *last =
        history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    if (line[0] == ' ' || line[0] == '\0' || strchr(line, '\n') ||
        (last && strcmp(last->line, line) == 0))
        return;
    add_history(line);
    if (path && append_history(1, path) != 0)
        write_history(path);
}

/* ---- completion ---- */

static char *next_word(const char *text, int state)
{
    static struct complete found;
    static int at;
    (void)text;
    if (state == 0) {
        char *line = strndup(rl_line_buffer, (size_t)rl_point);
        complete_finish(&found);
        at = 0;
        if (line)
            complete_line(prompt_ctx, line, &found);
        free(line);
    }
    return at < found.n ? strdup(found.words[at++]) : NULL;
}

static const char *const *wanted_endings;

static bool ends_well(const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; wanted_endings[i]; i++) {
        size_t m = strlen(wanted_endings[i]);
        if (n > m && strcmp(name + n - m, wanted_endings[i]) == 0)
            return true;
    }
    return false;
}

/* Takes files of other endings off readline's list; folders stay. */
static int drop_other_files(char **names)
{
    int kept = 0;
    for (int i = 0; wanted_endings && names[i]; i++) {
        struct stat info;
        if ((stat(names[i], &info) == 0 && S_ISDIR(info.st_mode)) || ends_well(names[i]))
            names[kept++] = names[i];
        else
            free(names[i]);
    }
    if (wanted_endings)
        names[kept] = NULL;
    return 0;
}

static char **complete(const char *text, int start, int end)
{
    struct complete found;
    char *line = strndup(rl_line_buffer, (size_t)rl_point);
    (void)start, (void)end;
    rl_attempted_completion_over = 1;
    if (!line)
        return NULL;
    complete_line(prompt_ctx, line, &found);
    bool is_path = found.is_path;
    wanted_endings = found.endings;
    complete_finish(&found);
    free(line);
    if (is_path) {
        rl_attempted_completion_over = 0; /* readline knows files */
        return NULL;
    }
    return rl_completion_matches(text, next_word);
}

/* ---- lines ---- */

/* Ctrl-C at the prompt: a fresh line. */
static int drop_line(void)
{
    if (!prompt_ctx->cancelled || !*prompt_ctx->cancelled)
        return 0;
    *prompt_ctx->cancelled = 0;
    rl_replace_line("", 1);
    rl_crlf();
    rl_on_new_line();
    rl_redisplay();
    return 0;
}

/* A Ctrl-C that came while readline was busy, not waiting, is seen here. */
static int read_key(FILE *stream)
{
    drop_line();
    return rl_getc(stream);
}

static void set_up_readline(const char *path)
{
    rl_readline_name = "c2s-shell";
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = " \t\n";
    rl_completer_quote_characters = "'\"";
    rl_filename_quote_characters = " '\"\\#";
    rl_ignore_some_completions_function = drop_other_files;
    rl_signal_event_hook = drop_line;
    rl_getc_function = read_key;
    using_history();
    stifle_history(HISTORY_LINES);
    if (path && read_history(path) == 0)
        history_truncate_file(path, HISTORY_LINES);
}

/* "fm_sep@v1> ", or "c2s> " without a model. */
static void make_prompt(const struct cmd_ctx *ctx, char *out, size_t size)
{
    const struct c2s_version *v = c2s_session_current(ctx->session);
    if (!v) {
        snprintf(out, size, "c2s> ");
        return;
    }
    char name[48];
    snprintf(name, sizeof name, "%s", v->info.name);
    for (char *c = name; *c; c++)
        if ((unsigned char)*c < 0x21 || (unsigned char)*c > 0x7e)
            *c = '?';
    snprintf(out, size, "%s@v%" PRId64 "> ", name, v->info.id);
}

/* New logical line, or NULL at the end of input. */
static char *read_logical(struct cmd_ctx *ctx, struct c2s_error *err)
{
    char prompt[80];
    char *line = NULL;
    make_prompt(ctx, prompt, sizeof prompt);
    do {
        char *text = readline(line ? "...> " : prompt);
        if (!text) {
            free(line);
            return NULL;
        }
        bool ok = lex_join(&line, text, err);
        free(text);
        if (!ok)
            break;
    } while (lex_goes_on(line));
    return line;
}

void repl_run(struct cmd_ctx *ctx)
{
    prompt_ctx = ctx;
    char *path = history_path();
    set_up_readline(path);
    while (!ctx->wants_quit) {
        struct c2s_error err = {0};
        char *line = read_logical(ctx, &err);
        if (!line) {
            fputc('\n', stdout);
            break;
        }
        remember(line, path);
        if (err.code || !cmd_run_line(ctx, line, &err))
            cmd_tell(ctx, &err, false);
        if (ctx->cancelled)
            *ctx->cancelled = 0; /* done with: the next Ctrl-C is a new one */
        free(line);
    }
    free(path);
}
