/* hist: how the numbers of a layer are distributed, float and quantized, or in two versions. */
#include "common.h"
#include "table.h"
#include "view/glyph.h"
#include "view/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PICTURE_HEIGHT 10

static const char *const of_names[] = {[C2S_OF_WEIGHTS] = "weights",
                                       [C2S_OF_ACTIVATIONS] = "activations",
                                       [C2S_OF_POTENTIALS] = "potentials"};

struct two_versions {
    char first[128], second[128]; /* "" = not given */
};

static bool read_versions(const struct cmd_args *a, struct two_versions *out, struct c2s_error *err)
{
    const char *one = cmd_text(a, "--version"), *two = cmd_text(a, "--versions");
    *out = (struct two_versions){0};
    if (one && two)
        return c2s_fail(err, C2S_USAGE, "--version and --versions exclude each other; keep one");
    if (!two) {
        snprintf(out->first, sizeof out->first, "%s", one ? one : "");
        return true;
    }
    size_t n = strcspn(two, ",");
    const char *rest = two[n] ? two + n + 1 : "";
    if (n == 0 || !*rest || strchr(rest, ',') || n >= sizeof out->first)
        return c2s_fail(err, C2S_USAGE, "--versions takes two versions, such as v1,v2, not \"%s\"",
                        two);
    snprintf(out->first, sizeof out->first, "%.*s", (int)n, two);
    snprintf(out->second, sizeof out->second, "%s", rest);
    return true;
}

static bool read_of(const struct cmd_args *a, enum c2s_histogram_of *of, struct c2s_error *err)
{
    bool activations = cmd_flag(a, "--activations"), potentials = cmd_flag(a, "--potentials");
    if (cmd_flag(a, "--weights") + activations + potentials > 1)
        return c2s_fail(err, C2S_USAGE,
                        "--weights, --activations and --potentials exclude each other; keep one");
    *of = activations ? C2S_OF_ACTIVATIONS : potentials ? C2S_OF_POTENTIALS : C2S_OF_WEIGHTS;
    return true;
}

/* A layer without kernel shows its first parameter: gamma of a batch normalization. */
static bool draw_parameter(const struct c2s_layer *l, enum c2s_role role, int n_bins,
                           struct c2s_layer_histogram *out, struct c2s_error *err)
{
    const struct c2s_tensor *t = l->params[role];
    double low = 0, high = 0;
    *out = (struct c2s_layer_histogram){
        .layer = l->name, .clipped_fraction = NAN, .sqnr_db = NAN, .silent_fraction = NAN};
    if (!c2s_tensor_range(t, &low, &high))
        low = high = 0;
    if (!c2s_histogram_init(&out->plain, low, high, n_bins, err))
        return false;
    c2s_histogram_add(&out->plain, t);
    return true;
}

/* The parameter that is drawn in place of a kernel; C2S_ROLE_COUNT = there is a kernel, or nothing
 * at all. */
static int other_parameter(const struct c2s_layer *l)
{
    int role = 0;
    if (c2s_layer_main_kernel(l))
        return C2S_ROLE_COUNT;
    while (role < C2S_ROLE_COUNT && !l->params[role])
        role++;
    return role;
}

static void name_versions(const struct c2s_version *v, const struct c2s_version *other, char *out,
                          size_t size)
{
    char first[24], second[24];
    view_version_name(v->info.id, first, sizeof first);
    if (other)
        snprintf(out, size, "%s and %s", first,
                 view_version_name(other->info.id, second, sizeof second));
    else
        snprintf(out, size, "%s", first);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v, *other = NULL;
    struct c2s_layer_histogram h;
    struct two_versions versions;
    enum c2s_histogram_of of = C2S_OF_WEIGHTS;
    int index, columns = ctx->columns ? ctx->columns : 80;
    char name[64];
    if (!read_of(a, &of, err) || !read_versions(a, &versions, err) ||
        !c2s_session_version(ctx->session, versions.first, &v, err) ||
        (versions.second[0] && !c2s_session_version(ctx->session, versions.second, &other, err)) ||
        !common_layer(v, cmd_text(a, "LAYER"), &index, err))
        return false;
    const struct c2s_layer *l = v->model->layers[index];
    struct c2s_histogram_request request = {
        .version = versions.first,
        .other = other ? versions.second : NULL,
        .layer = l->name,
        .of = of,
        .limit = cmd_integer(a, "--limit", 0),
        .n_bins = (int)cmd_integer(a, "--bins", view_hist_bins(columns))};
    int role = of == C2S_OF_WEIGHTS && !other ? other_parameter(l) : C2S_ROLE_COUNT;
    bool is_other = role < C2S_ROLE_COUNT;
    if (is_other ? !draw_parameter(l, (enum c2s_role)role, request.n_bins, &h, err)
                 : !c2s_session_histogram(ctx->session, &request, &h, err))
        return false;
    struct view_hist_options options = {.version = name,
                                        .of = is_other ? c2s_role_name((enum c2s_role)role)
                                                       : of_names[of],
                                        .of_potentials = of == C2S_OF_POTENTIALS,
                                        .compares_versions = other != NULL,
                                        .height = PICTURE_HEIGHT,
                                        .columns = columns,
                                        .use_blocks = glyph_is_utf8()};
    name_versions(v, other, name, sizeof name);
    bool ok = cmd_show(ctx, view_histogram(&h, &options), err);
    c2s_layer_histogram_finish(&h);
    return ok;
}

const struct cmd_entry entry_hist = {
    .name = "hist",
    .group = "inspect",
    .summary = "histogram of a layer's weights, activations or potentials",
    .details = "Quantized numbers are drawn over the float ones. Plus signs on the axis are the "
               "levels of a quantized activation. Potentials are the integers of the Akida layer "
               "that LAYER belongs to, before its activation.",
    .example = "hist conv2d\nhist re_lu --activations --limit 50\nhist dense --version v1 --bins "
               "40\nhist dense --versions v1,v2",
    .see = "layers, diff",
    .args =
        (const struct cmd_arg[]){
            {.name = "LAYER",
             .type = ARG_LAYER,
             .is_required = true,
             .help = "name, or its unique beginning"},
            {.name = "--weights", .type = ARG_FLAG, .help = "its kernel (default)"},
            {.name = "--activations",
             .type = ARG_FLAG,
             .help = "the layer's outputs on the data instead"},
            {.name = "--potentials",
             .type = ARG_FLAG,
             .help = "sums of its Akida layer on the data instead"},
            {.name = "--version",
             .value = "V",
             .type = ARG_VERSION,
             .help = "default: the current version"},
            {.name = "--versions",
             .value = "V,W",
             .type = ARG_TEXT,
             .help = "draw the layer of W over that of V"},
            {.name = "--limit",
             .value = "N",
             .type = ARG_INTEGER,
             .high = 1e9,
             .help = "samples of the data (default 200)"},
            {.name = "--bins",
             .value = "N",
             .type = ARG_INTEGER,
             .low = 2,
             .high = 400,
             .help = "default: as many as fit, at most 64"},
            {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run,
};
