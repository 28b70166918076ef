/* check: everything that stands between a model and the chip, at once. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static bool find_offers(const struct c2s_version *v, const struct c2s_check_options *options,
                        struct view_check *c, unsigned **out, struct c2s_error *err)
{
    const struct c2s_fix_request request = {.check = *options,
                                            .takes_integers = c2s_session_takes_integers};
    c->offers = *out = calloc((size_t)c->findings->n_rows + 1, sizeof **out);
    if (!*out)
        return c2s_fail_nomem(err);
    return c2s_fix_offers(v->model, &request, c->findings, *out, err);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct c2s_findings findings = {0};
    struct c2s_survey looked = {0};
    unsigned *offers = NULL;
    struct view_check c = {.findings = &findings};
    if (!common_version(ctx, a, "VERSION", &v, err))
        return false;
    struct c2s_check_options options = common_check_options(ctx, v);
    options.level = c.level = common_level(a);
    options.profile = c.profile = common_profile(a);
    bool ok = cmd_flag(a, "--no-data") || survey(ctx, cmd_text(a, "VERSION"), &c, &looked, err);
    options.data = c.survey ? &looked.facts : NULL;
    ok = ok && c2s_check(v->model, &options, &findings, err);
    ctx->gate_failed = ok && findings.n_errors > 0;
    ok = ok && find_offers(v, &options, &c, &offers, err) &&
         cmd_show(ctx, view_findings(v, &c), err);
    free(offers);
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
            COMMON_LEVEL_ARG,
            COMMON_PROFILE_ARG,
            {.name = "--no-data", .type = ARG_FLAG, .help = "look at the model alone"},
            {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run,
};
