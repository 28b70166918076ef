/* log: the history, as a table or as a script that makes it again. */
#include "common.h"
#include "table.h"
#include "view/view.h"

static bool add_line(void *arg, const char *text)
{
    struct sheet *s = arg;
    sheet_before(s, SHEET_PLAIN, "%s", text);
    sheet_fact_item(s, "script", text);
    return true;
}

static bool show_script(struct cmd_ctx *ctx, const char *version, struct c2s_error *err)
{
    struct sheet *s = sheet_create("%s", "");
    sheet_fact_item(s, "script", NULL);
    sheet_verbatim(s);
    if (!c2s_session_script(ctx->session, version, add_line, s, err)) {
        sheet_destroy(s);
        return false;
    }
    return cmd_show(ctx, s, err);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v = c2s_session_current(ctx->session);
    const struct c2s_dataset_record *data = c2s_session_data_record(ctx->session);
    struct view_history history;
    if (cmd_flag(a, "--script"))
        return show_script(ctx, cmd_text(a, "VERSION"), err);
    if (cmd_text(a, "VERSION"))
        return c2s_fail(err, C2S_USAGE, "a version goes with --script; 'show %s' shows one",
                        cmd_text(a, "VERSION"));
    if (!view_history_collect(c2s_session_journal(ctx->session), v ? v->info.id : 0,
                              data ? data->hash : "", &history, err))
        return false;
    history.data = data ? data->name : NULL;
    struct c2s_interrupted training;
    bool ok = common_interrupted(ctx, &training, err);
    history.can_resume = training.step != NULL;
    c2s_interrupted_finish(&training);
    ok = ok && cmd_show(ctx, view_history(&history), err);
    view_history_finish(&history);
    return ok;
}

const struct cmd_entry entry_log = {
    .name = "log",
    .group = "history",
    .summary = "the versions: parent, step, accuracies, time",
    .details =
        "Accuracies are those on the data in use; (best) is the highest of those made here. A "
        "training that was interrupted stands below the version it trains. "
        "--script prints commands that make the "
        "same versions in an empty workspace.",
    .example = "log\nlog --script",
    .see = "show, diff, checkout, source",
    .args = (const struct cmd_arg[]){{.name = "VERSION",
                                      .type = ARG_VERSION,
                                      .help = "with --script: only the way to this one"},
                                     {.name = "--script",
                                      .type = ARG_FLAG,
                                      .help = "print a script that replays the history"},
                                     {0}},
    .run = run,
};
