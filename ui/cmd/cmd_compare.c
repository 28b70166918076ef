/* compare: accuracy of versions on the same samples, against the first. */
#include "cmd.h"
#include "table.h"
#include "view/view.h"

#include <stdlib.h>

static const char *const engines[] = {"dnnl", "ref", "akida", NULL};

static bool fill(struct cmd_ctx *ctx, const struct cmd_args *a, struct view_compared *rows, int n,
                 struct c2s_error *err)
{
    const char *engine = cmd_flag(a, "--akida") ? "akida" : cmd_text(a, "--engine");
    const char *first = cmd_text_at(a, "VERSION", 0);
    for (int i = 0; i < n; i++)
        if (!c2s_session_version(ctx->session, cmd_text_at(a, "VERSION", i), &rows[i].version, err))
            return false;
    if (!c2s_session_eval(ctx->session, first, engine, &rows[0].measure, NULL, NULL, err))
        return false;
    for (int i = 1; i < n; i++) {
        if (!c2s_session_compare(ctx->session, first, cmd_text_at(a, "VERSION", i), engine,
                                 &rows[i].against_first, err))
            return false;
        rows[i].measure = rows[i].against_first.second;
    }
    return true;
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    int n = cmd_count(a, "VERSION");
    if (n < 2)
        return c2s_fail(err, C2S_USAGE, "takes two versions or more: compare v1 v2");
    struct view_compared *rows = calloc((size_t)n, sizeof *rows);
    if (!rows)
        return c2s_fail_nomem(err);
    bool ok = fill(ctx, a, rows, n, err) && cmd_show(ctx, view_comparison(rows, n), err);
    free(rows);
    return ok;
}

const struct cmd_entry entry_compare = {
    .name = "compare",
    .group = "inspect",
    .summary = "accuracy of versions on the same samples, against the first",
    .details = "changed: samples that got another class; p: McNemar's exact test, the chance of "
               "so uneven a change between equally good models. Below 0.05 it is called worse or "
               "better.",
    .example = "compare v1 v2 v3\ncompare HEAD~1 HEAD",
    .see = "eval, diff",
    .args =
        (const struct cmd_arg[]){
            {.name = "VERSION",
             .type = ARG_VERSION,
             .is_required = true,
             .is_repeated = true,
             .help = "two or more; the first is the baseline"},
            {.name = "--akida", .type = ARG_FLAG, .help = "integers, as the chip computes"},
            {.name = "--engine",
             .value = "NAME",
             .type = ARG_CHOICE,
             .choices = engines,
             .help = "dnnl (default), ref, akida"},
            {0}},
    .flags = CMD_NEEDS_MODEL | CMD_NEEDS_DATA,
    .run = run,
};
