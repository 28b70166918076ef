/* inspect: one layer in full, with its problems and remedies. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <stdlib.h>

static bool show_layer(struct cmd_ctx *ctx, const struct c2s_version *v, int layer,
                       struct c2s_error *err)
{
    struct c2s_findings findings;
    if (!common_check(ctx, v, C2S_LEVEL_AKD1000, &findings, err))
        return false;
    size_t n = (size_t)v->model->n_layers;
    int *index = calloc(n, sizeof *index);
    const char **role = calloc(n, sizeof *role);
    bool ok = index && role;
    if (ok) {
        c2s_check_map(v->model, c2s_session_takes_integers(v->model), index, role);
        struct view_place place = {.akida_layer = index[layer], .role = role[layer]};
        ok = cmd_show(ctx, view_layer(v, layer, &findings, &place), err);
    } else {
        c2s_fail_nomem(err);
    }
    free(index);
    free(role);
    c2s_findings_finish(&findings);
    return ok;
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    int layer;
    return common_version(ctx, a, "VERSION", &v, err) &&
           common_layer(v, cmd_text(a, "LAYER"), &layer, err) && show_layer(ctx, v, layer, err);
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
