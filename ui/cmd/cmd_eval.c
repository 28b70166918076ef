/* eval: accuracy of a version on the data in use. */
#include "common.h"
#include "table.h"
#include "view/view.h"

static const char *const engines[] = {"dnnl", "ref", "akida", NULL};

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct c2s_measure measure;
    bool was_cached;
    const char *engine = cmd_flag(a, "--akida") ? "akida" : cmd_text(a, "--engine");
    if (!common_version(ctx, a, "VERSION", &v, err) ||
        !c2s_session_eval(ctx->session, cmd_text(a, "VERSION"), engine, &measure, NULL, &was_cached,
                          err))
        return false;
    if (!cmd_show(ctx, view_measure(v, &measure, was_cached), err))
        return false;
    double needed = cmd_real(a, "--min-accuracy", 0) / 100;
    double accuracy = (double)measure.metrics.correct / (double)measure.metrics.n;
    if (accuracy < needed)
        return c2s_fail(err, C2S_GATE, "accuracy %.2f %% is below the required %.2f %%",
                        100 * accuracy, 100 * needed);
    return true;
}

const struct cmd_entry entry_eval = {
    .name = "eval",
    .group = "inspect",
    .summary = "measure the accuracy of a version on the data",
    .details = "With its 95 % confidence interval (Wilson). What was measured before is not "
               "measured again.",
    .example = "eval\neval v1 --engine dnnl\neval v3 --akida",
    .see = "compare, data, log",
    .args =
        (const struct cmd_arg[]){
            {.name = "VERSION", .type = ARG_VERSION, .help = "default: the current version"},
            {.name = "--akida", .type = ARG_FLAG, .help = "integers, as the chip computes"},
            {.name = "--engine",
             .value = "NAME",
             .type = ARG_CHOICE,
             .choices = engines,
             .help = "dnnl (default), ref (slow, simple), akida"},
            {.name = "--min-accuracy",
             .value = "PERCENT",
             .type = ARG_REAL,
             .high = 100,
             .help = "fail (exit code 4) below this"},
            {0}},
    .flags = CMD_NEEDS_MODEL | CMD_NEEDS_DATA,
    .run = run,
};
