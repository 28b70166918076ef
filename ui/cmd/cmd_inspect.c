/* inspect: one layer in full, with its problems and remedies. */
#include "common.h"
#include "table.h"
#include "view/view.h"

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct common_checked c = {0};
    int layer;
    bool ok = common_version(ctx, a, "VERSION", &v, err) &&
              common_layer(v, cmd_text(a, "LAYER"), &layer, err) &&
              common_check_all(ctx, v, &c, err);
    if (ok) {
        struct view_place place = {.akida_layer = c.akida_index[layer], .role = c.role[layer]};
        ok = cmd_show(ctx, view_layer(v, layer, &c.findings, &place), err);
    }
    common_checked_finish(&c);
    return ok;
}

const struct cmd_entry entry_inspect = {
    .name = "inspect",
    .group = "inspect",
    .summary = "one layer in full, with its problems and remedies",
    .details = "Shape, parameters with their bits, levels of a quantized activation, the Akida "
               "layer it becomes, and what 'check' says of it.",
    .example = "inspect conv2d\ninspect dense v1",
    .see = "layers, hist, check",
    .args =
        (const struct cmd_arg[]){
            {.name = "LAYER",
             .type = ARG_LAYER,
             .is_required = true,
             .help = "name, or its unique beginning"},
            {.name = "VERSION", .type = ARG_VERSION, .help = "default: the current version"},
            {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run,
};
