/* hist: how the numbers of a layer are distributed, float and quantized. */
#include "common.h"
#include "table.h"
#include "view/glyph.h"
#include "view/view.h"

#define PICTURE_HEIGHT 10

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct c2s_layer_histogram h;
    const char *version = cmd_text(a, "--version");
    int layer;
    char name[24];
    struct view_hist_options options = {.of_activations = cmd_flag(a, "--activations"),
                                        .height = PICTURE_HEIGHT,
                                        .columns = ctx->columns ? ctx->columns : 80,
                                        .use_blocks = glyph_is_utf8()};
    struct c2s_histogram_request request = {.version = version,
                                            .of = options.of_activations ? C2S_OF_ACTIVATIONS
                                                                         : C2S_OF_WEIGHTS,
                                            .limit = cmd_integer(a, "--limit", 0),
                                            .n_bins = (int)cmd_integer(a, "--bins", 64)};
    if (!c2s_session_version(ctx->session, version, &v, err) ||
        !common_layer(v, cmd_text(a, "LAYER"), &layer, err))
        return false;
    request.layer = v->model->layers[layer]->name;
    if (!c2s_session_histogram(ctx->session, &request, &h, err))
        return false;
    options.version = view_version_name(v->info.id, name, sizeof name);
    bool ok = cmd_show(ctx, view_histogram(&h, &options), err);
    c2s_layer_histogram_finish(&h);
    return ok;
}

const struct cmd_entry entry_hist = {
    .name = "hist",
    .group = "inspect",
    .summary = "histogram of a layer's weights or activations",
    .details = "Quantized weights are drawn over the float ones. Plus signs on the axis are the "
               "levels of a quantized activation.",
    .example =
        "hist conv2d\nhist re_lu --activations --limit 50\nhist dense --version v1 --bins 40",
    .see = "layers, diff",
    .args =
        (const struct cmd_arg[]){{.name = "LAYER",
                                  .type = ARG_LAYER,
                                  .is_required = true,
                                  .help = "name, or its unique beginning"},
                                 {.name = "--activations",
                                  .type = ARG_FLAG,
                                  .help = "the layer's outputs on the data instead of its weights"},
                                 {.name = "--version",
                                  .value = "V",
                                  .type = ARG_VERSION,
                                  .help = "default: the current version"},
                                 {.name = "--limit",
                                  .value = "N",
                                  .type = ARG_INTEGER,
                                  .high = 1e9,
                                  .help = "samples for --activations (default 200)"},
                                 {.name = "--bins",
                                  .value = "N",
                                  .type = ARG_INTEGER,
                                  .low = 2,
                                  .high = 400,
                                  .help = "default 64"},
                                 {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run,
};
