/* data: which samples accuracy and histograms are measured on. */
#include "common.h"
#include "table.h"
#include "view/view.h"

static const char *const uses[] = {"use", NULL};
static const char *const splits[] = {"test", "train", NULL};

static bool use(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    struct c2s_dataset_options options = {.scale = cmd_real(a, "--scale", 1),
                                          .shift = cmd_real(a, "--shift", 0),
                                          .limit = cmd_integer(a, "--limit", 0),
                                          .seed = (uint64_t)cmd_integer(a, "--seed", 0),
                                          .labels = cmd_text(a, "--labels"),
                                          .split = cmd_text(a, "--split")};
    if (options.scale == 0)
        return c2s_fail(err, C2S_USAGE, "--scale must not be 0: input = (raw - shift) / scale");
    return c2s_session_use_data(ctx->session, cmd_text(a, "PATH"), &options, err);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    if (cmd_text(a, "ACTION")) {
        if (!cmd_text(a, "PATH"))
            return c2s_fail(err, C2S_USAGE, "PATH is missing; the form is: data use PATH");
        if (!use(ctx, a, err))
            return false;
    }
    const struct c2s_dataset *data;
    const struct c2s_version *v = c2s_session_current(ctx->session);
    struct c2s_error misfit = {0};
    if (!c2s_session_require_data(ctx->session, &data, err))
        return false;
    bool fits = !v || c2s_evaluate_fits(v->model, data, &misfit);
    return cmd_show(
        ctx, view_data(data, v && common_is_unscaled(data, v->model), fits ? NULL : misfit.text),
        err);
}

const struct cmd_entry entry_data = {
    .name = "data",
    .group = "load",
    .summary = "show or choose the samples to measure on",
    .details = "PATH is a folder of IDX files (MNIST style, plain or .gz), an .npz, an .npy with "
               "--labels, or an HDF5 file. The model's input is (raw - shift) / scale.",
    .example = "data use fashion-mnist-1k --scale 255\ndata",
    .see = "eval, hist",
    .args =
        (const struct cmd_arg[]){
            {.name = "ACTION",
             .type = ARG_CHOICE,
             .choices = uses,
             .help = "use: choose data; nothing: show what is in use"},
            {.name = "PATH", .type = ARG_PATH, .help = "folder or file with samples and labels"},
            {.name = "--scale",
             .value = "X",
             .type = ARG_REAL,
             .low = -1e12,
             .high = 1e12,
             .help = "divide raw values by this (default 1)"},
            {.name = "--shift",
             .value = "X",
             .type = ARG_REAL,
             .low = -1e12,
             .high = 1e12,
             .help = "subtract this before (default 0)"},
            {.name = "--limit",
             .value = "N",
             .type = ARG_INTEGER,
             .high = 1e12,
             .help = "use only N samples (default 0: all)"},
            {.name = "--seed",
             .value = "S",
             .type = ARG_INTEGER,
             .high = 9e15,
             .help = "which ones (default 0: the first N)"},
            {.name = "--labels", .value = "FILE", .type = ARG_PATH, .help = "labels of an .npy"},
            {.name = "--split",
             .value = "PART",
             .type = ARG_CHOICE,
             .choices = splits,
             .help = "test (default) or train"},
            {0}},
    .run = run,
};
