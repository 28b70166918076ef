/* Commands of the shell itself: mode, quit, source. */
#include "cmd.h"
#include "table.h"

static const char *const modes[] = {"table", "json", "csv", "md", NULL};
static const char *const script_endings[] = {".c2s", NULL};

static bool run_mode(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const char *wanted = cmd_text(a, "MODE");
    const char *now = ctx->sink->ops->mode(ctx->sink, NULL);
    if (!now)
        return c2s_fail(err, C2S_UNSUPPORTED, "this screen has one form only; try it in the shell");
    if (wanted) {
        ctx->sink->ops->mode(ctx->sink, wanted);
        return true;
    }
    struct sheet *s = sheet_create("%s", "");
    sheet_before(s, SHEET_PLAIN, "results are shown as %s", now);
    sheet_next(s, "Next: mode table, json, csv or md");
    sheet_fact_text(s, "mode", now);
    return cmd_show(ctx, s, err);
}

const struct cmd_entry entry_mode = {
    .name = "mode",
    .group = "shell",
    .summary = "choose how results are shown",
    .details = "One command alone takes --json at its end.",
    .example = "mode json\nmode table",
    .see = "help",
    .args = (const struct cmd_arg[]){{.name = "MODE",
                                      .type = ARG_CHOICE,
                                      .choices = modes,
                                      .help = "table for people; json, csv, md for others"},
                                     {0}},
    .flags = CMD_NEEDS_NO_SESSION,
    .run = run_mode,
};

static bool run_source(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    return cmd_run_file(ctx, cmd_text(a, "FILE"), err);
}

const struct cmd_entry entry_source = {
    .name = "source",
    .group = "shell",
    .summary = "run the commands of a script",
    .details = "Stops at the first failure. 'log --script' prints such a script.",
    .example = "source steps.c2s",
    .see = "log",
    .args = (const struct cmd_arg[]){{.name = "FILE",
                                      .type = ARG_PATH,
                                      .choices = script_endings,
                                      .is_required = true,
                                      .help = "the script; - reads standard input"},
                                     {0}},
    .flags = CMD_RUNS_COMMANDS,
    .run = run_source,
};

static bool run_quit(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    (void)a, (void)err;
    ctx->wants_quit = true;
    return true;
}

const struct cmd_entry entry_quit = {
    .name = "quit",
    .alias = "exit",
    .group = "shell",
    .summary = "leave; everything is stored already",
    .example = "quit",
    .args = (const struct cmd_arg[]){{0}},
    .flags = CMD_NEEDS_NO_SESSION,
    .run = run_quit,
};
