/* layers: the layer table of a version. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <stdlib.h>

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct c2s_findings findings;
    if (!common_version(ctx, a, "VERSION", &v, err) ||
        !common_check(ctx, v, C2S_LEVEL_AKD1000, &findings, err))
        return false;
    size_t n = (size_t)v->model->n_layers + 1;
    int *index = calloc(n, sizeof *index);
    const char **role = calloc(n, sizeof *role);
    bool ok = index && role;
    if (ok) {
        c2s_check_map(v->model, c2s_session_takes_integers(v->model), index, role);
        ok = cmd_show(ctx, view_layers(v, &findings, index, role), err);
    } else {
        c2s_fail_nomem(err);
    }
    free(index);
    free(role);
    c2s_findings_finish(&findings);
    return ok;
}

const struct cmd_entry entry_layers = {
    .name = "layers",
    .group = "inspect",
    .summary = "table of the layers: shape, bits, Akida layer, problems",
    .details = "w and a are the bits of weights and activation, f = float. The Akida layer is "
               "what a layer becomes on the chip; see are rule ids of 'check'.",
    .example = "layers\nlayers v1",
    .see = "check, hist, show",
    .args =
        (const struct cmd_arg[]){
            {.name = "VERSION", .type = ARG_VERSION, .help = "default: the current version"}, {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run,
};
