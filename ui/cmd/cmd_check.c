/* check: everything that stands between a model and the chip, at once. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <string.h>

static const char *const levels[] = {"keras", "akida", "akd1000", NULL};

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct c2s_findings findings;
    enum c2s_level level = C2S_LEVEL_AKD1000;
    const char *name = cmd_text(a, "--level");
    for (int i = 0; name && levels[i]; i++)
        if (strcmp(levels[i], name) == 0)
            level = (enum c2s_level)i;
    if (!common_version(ctx, a, "VERSION", &v, err) || !common_check(ctx, v, level, &findings, err))
        return false;
    ctx->gate_failed = findings.n_errors > 0;
    bool ok = cmd_show(ctx, view_findings(v, &findings, level), err);
    c2s_findings_finish(&findings);
    return ok;
}

const struct cmd_entry entry_check = {
    .name = "check",
    .group = "inspect",
    .summary = "list all that stands between the model and the chip",
    .details = "keras: quantize will take it; akida: converts and runs in software; akd1000 "
               "(default): maps on the chip. As the last command it gives "
               "the exit code 4 when there are errors.",
    .example = "check\ncheck v1 --level keras",
    .see = "layers, help RULE",
    .args =
        (const struct cmd_arg[]){
            {.name = "VERSION", .type = ARG_VERSION, .help = "default: the current version"},
            {.name = "--level",
             .value = "LEVEL",
             .type = ARG_CHOICE,
             .choices = levels,
             .help = "keras, akida or akd1000"},
            {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run,
};
