/* rm and gc: what is not needed any more. */
#include "cmd.h"
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <inttypes.h>

static bool run_rm(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const char *version = cmd_text(a, "VERSION");
    char name[24], count[64] = "";
    int64_t id;
    int n;
    if (!c2s_session_version_id(ctx->session, version, &id, err) ||
        !c2s_session_remove(ctx->session, version, cmd_flag(a, "--recursive"), &n, err))
        return false;
    if (n > 0)
        view_count(n, "interrupted training", count, sizeof count);
    return common_say(
        ctx, err, "removed %s%s%s%s; gc frees the space", view_version_name(id, name, sizeof name),
        cmd_flag(a, "--recursive") ? " and all made from it" : "", n > 0 ? ", with " : "", count);
}

const struct cmd_entry entry_rm = {
    .name = "rm",
    .group = "history",
    .summary = "remove a version",
    .details = "Not the current one, nor one that has a tag or that others were made from.",
    .example = "checkout v1\nrm v2 --recursive",
    .see = "gc, undo, tag",
    .args =
        (const struct cmd_arg[]){
            {.name = "VERSION", .type = ARG_VERSION, .is_required = true, .help = "which one"},
            {.name = "--recursive",
             .type = ARG_FLAG,
             .help = "with all versions that came from it"},
            {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run_rm,
};

static bool run_gc(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    struct c2s_journal *j = c2s_session_journal(ctx->session);
    struct c2s_gc_report report = {0};
    char bytes[32], count[64];
    int n = 0;
    if ((cmd_flag(a, "--trainings") && !c2s_session_forget_trainings(ctx->session, &n, err)) ||
        !j->ops->collect(j, &report, err))
        return false;
    struct sheet *s = sheet_create("%s", "");
    if (cmd_flag(a, "--trainings"))
        sheet_before(s, SHEET_PLAIN, "forgot %s",
                     view_count(n, "interrupted training", count, sizeof count));
    sheet_before(s, SHEET_PLAIN, "removed %s that nothing uses; the workspace is %s smaller",
                 view_count(report.n_tensors, "tensor", count, sizeof count),
                 view_bytes(report.freed, bytes, sizeof bytes));
    sheet_fact_integer(s, "trainings", n);
    sheet_fact_integer(s, "tensors", report.n_tensors);
    sheet_fact_integer(s, "bytes", report.bytes);
    sheet_fact_integer(s, "freed_bytes", report.freed);
    return cmd_show(ctx, s, err);
}

const struct cmd_entry entry_gc = {
    .name = "gc",
    .group = "history",
    .summary = "free the space of removed versions",
    .details = "What an interrupted training needs to go on stays, unless --trainings is given.",
    .example = "gc",
    .see = "rm, retrain",
    .args = (const struct cmd_arg[]){{.name = "--trainings",
                                      .type = ARG_FLAG,
                                      .help = "forget interrupted trainings, so that retrain "
                                              "--resume cannot go on with them"},
                                     {0}},
    .run = run_gc,
};
