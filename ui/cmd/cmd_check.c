/* check: everything that stands between a model and the chip, at once. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <stdio.h>
#include <string.h>

static const char *const levels[] = {"keras", "akida", "akd1000", NULL};
static const char *const profiles[] = {"production", "preproduction", NULL};

static int choice(const struct cmd_args *a, const char *option, const char *const *choices,
                  int fallback)
{
    const char *name = cmd_text(a, option);
    for (int i = 0; name && choices[i]; i++)
        if (strcmp(choices[i], name) == 0)
            return i;
    return fallback;
}

/* Looks at the data in use, if any; data that cannot be read is told, and left out. */
static bool survey(struct cmd_ctx *ctx, const char *version, struct view_check *c,
                   struct c2s_survey *out, struct c2s_error *err)
{
    struct c2s_error inner = {0};
    if (!c2s_session_data_record(ctx->session))
        return true;
    c->data = c2s_session_data_record(ctx->session)->name;
    if (c2s_session_survey(ctx->session, version, 0, out, &inner)) {
        c->survey = out;
        return true;
    }
    if (inner.code == C2S_NOMEM || inner.code == C2S_CANCELLED) {
        *err = inner;
        return false;
    }
    snprintf(c->data_problem, sizeof c->data_problem, "%s", inner.text);
    return true;
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct c2s_findings findings = {0};
    struct c2s_survey looked = {0};
    struct view_check c = {.findings = &findings};
    if (!common_version(ctx, a, "VERSION", &v, err))
        return false;
    struct c2s_check_options options = common_check_options(ctx, v);
    options.level = c.level = (enum c2s_level)choice(a, "--level", levels, C2S_LEVEL_AKD1000);
    options.profile = c.profile =
        (enum c2s_profile)choice(a, "--profile", profiles, C2S_PROFILE_PRODUCTION);
    bool ok = cmd_flag(a, "--no-data") || survey(ctx, cmd_text(a, "VERSION"), &c, &looked, err);
    options.data = c.survey ? &looked.facts : NULL;
    ok = ok && c2s_check(v->model, &options, &findings, err);
    ctx->gate_failed = ok && findings.n_errors > 0;
    ok = ok && cmd_show(ctx, view_findings(v, &c), err);
    c2s_findings_finish(&findings);
    c2s_survey_finish(&looked);
    return ok;
}

const struct cmd_entry entry_check = {
    .name = "check",
    .group = "inspect",
    .summary = "list all that stands between the model and the chip",
    .details = "keras: quantize will take it; akida: converts and runs in software; akd1000 "
               "(default): maps on the chip. With data in use it looks at samples of it too, and "
               "at what the model makes of them. As the last command it gives the exit code 4 "
               "when there are errors.",
    .example = "check\ncheck v1 --level keras\ncheck --no-data",
    .see = "layers, help",
    .args =
        (const struct cmd_arg[]){
            {.name = "VERSION", .type = ARG_VERSION, .help = "default: the current version"},
            {.name = "--level",
             .value = "LEVEL",
             .type = ARG_CHOICE,
             .choices = levels,
             .help = "keras, akida or akd1000"},
            {.name = "--profile",
             .value = "PROFILE",
             .type = ARG_CHOICE,
             .choices = profiles,
             .help = "which chips: production (default) or the first samples, preproduction"},
            {.name = "--no-data", .type = ARG_FLAG, .help = "look at the model alone"},
            {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run,
};
