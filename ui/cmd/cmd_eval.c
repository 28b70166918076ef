/* eval: accuracy of a version on the data in use. */
#include "common.h"
#include "table.h"
#include "view/view.h"

static const char *const engines[] = {"dnnl", "ref", "akida", NULL};

/* Compares with the nearest ancestor measured the same way; *has false when there is none. Only
 * what is known already is used: asking for one accuracy must not measure two. */
static bool compare_with_ancestor(struct cmd_ctx *ctx, const struct c2s_version *v,
                                  const struct c2s_measure *m, struct c2s_comparison *out,
                                  bool *has, struct c2s_error *err)
{
    struct c2s_journal *j = c2s_session_journal(ctx->session);
    const struct c2s_version *ancestor = v;
    char first[24], second[24];
    *has = false;
    while (!*has && ancestor->info.parent) {
        struct c2s_measure before;
        view_version_name(ancestor->info.parent, first, sizeof first);
        if (!c2s_session_version(ctx->session, first, &ancestor, err) ||
            !j->ops->find_measure(j, ancestor->info.id, m->dataset, m->engine, &before, NULL, has,
                                  err))
            return false;
    }
    view_version_name(v->info.id, second, sizeof second);
    return !*has || c2s_session_compare(ctx->session, first, second, m->engine, out, err);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct c2s_measure measure;
    struct c2s_comparison against;
    struct view_measure_context context = {0};
    bool has_ancestor;
    const char *engine = cmd_flag(a, "--akida") ? "akida" : cmd_text(a, "--engine");
    if (!common_version(ctx, a, "VERSION", &v, err) ||
        !c2s_session_eval(ctx->session, cmd_text(a, "VERSION"), engine, &measure, NULL,
                          &context.was_cached, err) ||
        !compare_with_ancestor(ctx, v, &measure, &against, &has_ancestor, err))
        return false;
    context.against = has_ancestor ? &against : NULL;
    context.is_unscaled = common_is_unscaled(c2s_session_data(ctx->session), v->model);
    struct c2s_error untold = {0};
    double needed = cmd_real(a, "--min-accuracy", 0) / 100;
    double accuracy = c2s_accuracy(&measure.metrics);
    bool ok = !(accuracy < needed) ||
              c2s_fail(err, C2S_GATE, "accuracy %.2f %% is below the required %.2f %%",
                       100 * accuracy, 100 * needed);
    if (cmd_show_failed(ctx, view_measure(v, &measure, &context), ok ? NULL : err, &untold))
        return ok;
    *err = untold;
    return false;
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
