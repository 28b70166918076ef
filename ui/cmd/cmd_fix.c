/* fix: rewrites that take problems found by check out of the model; makes a version. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* TARGET is a rule if there is one of that name, else the names of layers. */
static bool make_request(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_fix_request *out,
                         struct c2s_error *err)
{
    const char *target = cmd_text(a, "TARGET"), *layers = cmd_text(a, "--layers");
    const struct c2s_rule_info *rule = c2s_rule_find(target);
    bool looks_like_rule = target && strlen(target) == 4 && strchr("EWN", target[0]) &&
                           strspn(target + 1, "0123456789") == 3;
    const struct c2s_version *v = c2s_session_current(ctx->session);
    *out = (struct c2s_fix_request){.rule = rule ? rule->id : NULL,
                                    .layers = rule ? layers : target,
                                    .approximate = cmd_flag(a, "--approximate"),
                                    .check = common_check_options(ctx, v)};
    out->check.level = common_level(a);
    out->check.profile = common_profile(a);
    if (target && cmd_flag(a, "--all"))
        return c2s_fail(err, C2S_USAGE, "--all is every rule and layer; leave it or \"%s\" out",
                        target);
    if (layers && !rule)
        return c2s_fail(err, C2S_USAGE, "--layers goes with a rule: fix E014 --layers 'dense*'");
    if (looks_like_rule && !rule && c2s_model_find(v->model, target) < 0)
        return c2s_fail(err, C2S_USAGE, "there is no rule %s; 'help rules' lists all", target);
    return true;
}

static bool preview(struct cmd_ctx *ctx, const struct c2s_fix_request *request,
                    struct view_fix *shown, struct c2s_error *err)
{
    struct c2s_fix_report report = {0};
    struct c2s_model *model = NULL;
    if (!c2s_session_fix_preview(ctx->session, request, &model, &report, err))
        return false;
    const struct c2s_model *before = c2s_session_current(ctx->session)->model;
    bool ok =
        !model || c2s_models_diff(before, model, &shown->differences, &shown->n_differences, err);
    shown->report = &report;
    ok = ok && cmd_show(ctx, view_fixed(c2s_session_current(ctx->session), shown), err);
    free(shown->differences);
    c2s_model_destroy(model);
    c2s_fix_report_finish(&report);
    return ok;
}

/* What carries a preview out: the command as it was typed, without --dry-run. */
static char *describe(const struct cmd_args *a, char *out, size_t size)
{
    static const char *const options[] = {"--layers", "--level", "--profile"};
    const char *target = cmd_text(a, "TARGET");
    bool is_plain = !target || !strpbrk(target, " *?[]'\"");
    size_t used =
        (size_t)snprintf(out, size, is_plain ? "fix %s" : "fix '%s'", target ? target : "--all");
    for (int i = 0; i < 3 && used < size; i++)
        if (cmd_text(a, options[i]))
            used += (size_t)snprintf(out + used, size - used, " %s %s", options[i],
                                     cmd_text(a, options[i]));
    if (cmd_flag(a, "--approximate") && used < size)
        snprintf(out + used, size - used, " --approximate");
    return out;
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    struct c2s_fix_request request;
    struct c2s_fix_report report = {0};
    if (!make_request(ctx, a, &request, err))
        return false;
    const char *target = cmd_text(a, "TARGET");
    char command[400];
    struct view_fix shown = {.command = describe(a, command, sizeof command),
                             .is_preview =
                                 cmd_flag(a, "--dry-run") || (!target && !cmd_flag(a, "--all"))};
    if (shown.is_preview)
        return preview(ctx, &request, &shown, err);
    if (!c2s_session_fix(ctx->session, &request, NULL, &shown.is_new, &report, err))
        return false;
    shown.report = &report;
    bool ok = cmd_show(ctx, view_fixed(c2s_session_current(ctx->session), &shown), err);
    c2s_fix_report_finish(&report);
    return ok;
}

const struct cmd_entry entry_fix = {
    .name = "fix",
    .group = "quantize",
    .summary = "rewrite the model so that problems found by check are gone",
    .details = "Makes a new version; its outputs are compared with the old ones before it is kept, "
               "on the data in use or on random numbers. With --approximate also rewrites that "
               "change what the model computes: it then needs retraining. What is left is told "
               "with the reason. Without TARGET and --all it only shows what fix --all would do.",
    .example = "fix E014 --dry-run\nfix --all\ncheck",
    .see = "check, diff, undo",
    .args =
        (const struct cmd_arg[]){
            {.name = "TARGET",
             .type = ARG_PROBLEM,
             .help = "a rule such as E014, or the layer that check names ('conv*': several)"},
            {.name = "--all", .type = ARG_FLAG, .help = "every rule, every layer"},
            {.name = "--layers",
             .value = "GLOB",
             .type = ARG_LAYER,
             .help = "with a rule: only at layers with such names"},
            {.name = "--dry-run",
             .type = ARG_FLAG,
             .help = "show what would change, and nothing else"},
            {.name = "--approximate",
             .type = ARG_FLAG,
             .help = "also what changes the outputs: LeakyReLU to ReLU, other padding, ..."},
            COMMON_LEVEL_ARG,
            COMMON_PROFILE_ARG,
            {0}},
    .flags = CMD_NEEDS_MODEL | CMD_MAKES_VERSION,
    .run = run,
};
