/* checkout and undo: which version is the current one. */
#include "common.h"
#include "table.h"
#include "view/view.h"

static bool show_place(struct cmd_ctx *ctx, struct c2s_error *err)
{
    const struct c2s_version *v = c2s_session_current(ctx->session);
    struct c2s_journal *j = c2s_session_journal(ctx->session);
    char name[24], bits[64];
    struct c2s_interrupted training;
    if (!common_interrupted(ctx, &training, err))
        return false;
    struct sheet *s = sheet_create("%s", "");
    view_version_name(v->info.id, name, sizeof name);
    view_bits(v->model, bits, sizeof bits);
    sheet_before(s, SHEET_CURRENT, "now at %s %s  %s", name, v->info.name, bits);
    if (j->ops->is_read_only(j))
        sheet_after(s, SHEET_WARNING,
                    "not stored: the workspace is read-only, the next start is "
                    "where it was");
    if (training.step)
        sheet_after(s, SHEET_WARNING, "a training of v%lld was interrupted after epoch %d",
                    (long long)training.version, training.n_epochs);
    sheet_next(s, "Next: %slayers, eval, log", training.step ? "retrain --resume, " : "");
    c2s_interrupted_finish(&training);
    sheet_fact_text(s, "version", name);
    sheet_fact_text(s, "name", v->info.name);
    sheet_fact_text(s, "bits", bits);
    sheet_fact_bool(s, "is_stored", !j->ops->is_read_only(j));
    return cmd_show(ctx, s, err);
}

static bool run_checkout(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    return c2s_session_checkout(ctx->session, cmd_text(a, "VERSION"), err) && show_place(ctx, err);
}

const struct cmd_entry entry_checkout = {
    .name = "checkout",
    .group = "history",
    .summary = "go to another version",
    .example = "checkout v2\ncheckout HEAD~1",
    .see = "log, undo, tag",
    .args = (const struct cmd_arg[]){{.name = "VERSION",
                                      .type = ARG_VERSION,
                                      .is_required = true,
                                      .help = "v2, 2, a tag, HEAD~1"},
                                     {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run_checkout,
};

static bool run_undo(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    (void)a;
    return c2s_session_undo(ctx->session, err) && show_place(ctx, err);
}

const struct cmd_entry entry_undo = {
    .name = "undo",
    .group = "history",
    .summary = "go back to the version this one was made from",
    .details = "Nothing is removed: 'checkout' goes forward again.",
    .example = "undo",
    .see = "checkout, log, rm",
    .args = (const struct cmd_arg[]){{0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run_undo,
};
