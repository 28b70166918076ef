/* diff: how two versions differ, layer by layer. */
#include "cmd.h"
#include "table.h"
#include "view/view.h"

#include <stdlib.h>

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *first, *second;
    struct c2s_layer_difference *rows = NULL;
    int n = 0;
    if (!c2s_session_version(ctx->session, cmd_text(a, "FIRST"), &first, err) ||
        !c2s_session_version(ctx->session, cmd_text(a, "SECOND"), &second, err) ||
        !c2s_session_diff(ctx->session, cmd_text(a, "FIRST"), cmd_text(a, "SECOND"), &rows, &n,
                          err))
        return false;
    bool ok = cmd_show(ctx, view_difference(first, second, rows, n, cmd_flag(a, "--all")), err);
    free(rows);
    return ok;
}

const struct cmd_entry entry_diff = {
    .name = "diff",
    .group = "history",
    .summary = "how two versions differ, layer by layer",
    .details = "SQNR is the signal to quantization noise of the weights as used: each bit is "
               "worth about 6 dB.",
    .example = "diff v1 v3\ndiff v2 HEAD --all",
    .see = "compare, show, log",
    .args =
        (const struct cmd_arg[]){{.name = "FIRST",
                                  .type = ARG_VERSION,
                                  .is_required = true,
                                  .help = "the version before"},
                                 {.name = "SECOND",
                                  .type = ARG_VERSION,
                                  .help = "the version after (default: the current one)"},
                                 {.name = "--all", .type = ARG_FLAG, .help = "equal layers too"},
                                 {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run,
};
