/* Commands are data: help, completion, dispatch, manual and tests read one table.
 * What a command may use is in struct cmd_ctx; what it was given, in struct cmd_args. */
#ifndef UI_CMD_H
#define UI_CMD_H

#include "view/sink.h"

#include <c2s/session_learn.h>
#include <c2s/session_look.h>

#include <signal.h>

enum cmd_arg_type {
    ARG_FLAG,    /* option without a value */
    ARG_TEXT,    /* anything */
    ARG_REST,    /* the rest of the line as typed; only the last positional */
    ARG_PATH,    /* choices: endings that completion offers, or NULL for all files */
    ARG_LAYER,   /* name of a layer of the current version */
    ARG_VERSION, /* v3, 3, a tag, HEAD, HEAD~2 */
    ARG_COMMAND, /* name of a command, or a rule id */
    ARG_PROBLEM, /* a rule id, or the name of a layer of the current version */
    ARG_INTEGER, /* low..high */
    ARG_REAL,    /* low..high, finite */
    ARG_CHOICE   /* one of choices, or its unique beginning */
};

struct cmd_arg {
    const char *name;  /* "PATH" is positional, "--limit" an option */
    const char *value; /* how help names an option's value: "N" */
    const char *help;
    enum cmd_arg_type type;
    bool is_required, is_repeated; /* positionals; only the last may be repeated */
    const char *const *choices;    /* ends with NULL */
    double low, high;
};

enum cmd_flag {
    CMD_NEEDS_MODEL = 1 << 0,
    CMD_NEEDS_DATA = 1 << 1,
    CMD_MAKES_VERSION = 1 << 2, /* belongs in a script that replays */
    CMD_NEEDS_NO_SESSION = 1 << 3,
    CMD_RUNS_COMMANDS = 1 << 4 /* its failures are those of the commands it runs */
};

struct cmd_args; /* private: args.c */

struct cmd_ctx {
    struct c2s_session *session;
    struct sink *sink;
    volatile sig_atomic_t *cancelled; /* set by Ctrl-C; NULL = cannot be cancelled */
    bool (*progress)(void *arg, const struct c2s_progress_event *event); /* may be NULL */
    void *progress_arg;
    const struct cmd_entry *running; /* the last command that was begun; NULL = none */
    int columns;                     /* of the screen; 0 = 80 */
    int depth;                       /* of nested scripts; 0 = typed */
    bool line_is_json;               /* the last line asked for JSON by --json */
    bool echo;                       /* scripts show each line before it runs */
    bool wants_quit;
    bool gate_failed; /* the last command found a condition not met */
};

struct cmd_entry {
    const char *name, *alias, *group, *summary;
    const char *details;        /* more sentences for help, or NULL */
    const char *example;        /* lines that tests run in order, in the tour's workspace */
    const char *see;            /* related commands, or NULL */
    const struct cmd_arg *args; /* positionals first; ends with name NULL */
    unsigned flags;
    bool (*run)(struct cmd_ctx *ctx, const struct cmd_args *args, struct c2s_error *err);
};

extern const struct cmd_entry *const cmd_table[]; /* sorted by name, ends with NULL */
extern const char *const cmd_groups[];            /* in the order of help, ends with NULL */

/* Exact name, alias, or unique beginning. NULL with USAGE: names what was meant or possible. */
const struct cmd_entry *cmd_find(const char *word, struct c2s_error *err);

/* Runs one line. An empty line does nothing. The failure's where begins with the command. */
bool cmd_run_line(struct cmd_ctx *ctx, const char *line, struct c2s_error *err) C2S_MUST_CHECK;
/* Runs ready words. */
bool cmd_run_words(struct cmd_ctx *ctx, int argc, char *const *argv,
                   struct c2s_error *err) C2S_MUST_CHECK;
/* Runs the lines of a file ("-" = standard input) up to the first failure, whose where begins with
 * "file:line". Fails also: IO. */
bool cmd_run_file(struct cmd_ctx *ctx, const char *path, struct c2s_error *err) C2S_MUST_CHECK;

/* The session's progress function, with the context as its argument: false once cancelled, else
 * what ctx->progress says. So the screen that runs at the moment shows the progress. */
bool cmd_progress(void *ctx, const struct c2s_progress_event *event);

/* Tells a failure through the sink, as JSON when the line asked for it. */
void cmd_tell(struct cmd_ctx *ctx, const struct c2s_error *err, bool in_script);

/* Values by the name in the spec; the fallback when not given. Text is borrowed. */
const char *cmd_text(const struct cmd_args *a, const char *name);
const char *cmd_text_at(const struct cmd_args *a, const char *name, int index);
int cmd_count(const struct cmd_args *a, const char *name);
bool cmd_flag(const struct cmd_args *a, const char *name);
int64_t cmd_integer(const struct cmd_args *a, const char *name, int64_t fallback);
double cmd_real(const struct cmd_args *a, const char *name, double fallback);

/* Shows s and destroys it (NULL = out of memory); false with the failure. */
bool cmd_show(struct cmd_ctx *ctx, struct sheet *s, struct c2s_error *err) C2S_MUST_CHECK;
/* The same of a command that then fails with `failure` (NULL = it does not): as JSON both are one
 * document. */
bool cmd_show_failed(struct cmd_ctx *ctx, struct sheet *s, const struct c2s_error *failure,
                     struct c2s_error *err) C2S_MUST_CHECK;

#endif
