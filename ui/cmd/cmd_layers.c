/* layers: the layer table of a version. */
#include "common.h"
#include "table.h"
#include "view/view.h"

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct common_checked c = {0};
    bool ok = common_version(ctx, a, "VERSION", &v, err) && common_check_all(ctx, v, &c, err) &&
              cmd_show(ctx, view_layers(v, &c.findings, c.akida_index, c.role), err);
    common_checked_finish(&c);
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
