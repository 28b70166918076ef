/* load: a Keras file becomes the first version of a model. */
#include "common.h"
#include "table.h"
#include "view/view.h"

#include <stdlib.h>

static const char *const endings[] = {".h5", ".hdf5", ".keras", NULL};
static const char *const config_endings[] = {".json", ".h5", ".hdf5", ".keras", NULL};

/* "28,28,1" or "28x28x1"; without the batch axis. */
static bool parse_shape(const char *text, struct c2s_keras_read_options *o, struct c2s_error *err)
{
    const char *at = text;
    while (o->input_rank < C2S_MAX_RANK - 1) {
        char *end;
        long long n = strtoll(at, &end, 10);
        if (end == at || n < 1 || n > INT32_MAX)
            break;
        o->input_dims[o->input_rank++] = n;
        if (*end == '\0')
            return true;
        if (*end != ',' && *end != 'x')
            break;
        at = end + 1;
    }
    return c2s_fail(err, C2S_USAGE,
                    "--input-shape takes height, width and channels, such as 28,28,1, or one "
                    "number for a vector, not \"%s\"",
                    text);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    int64_t id;
    bool is_new;
    struct c2s_findings findings;
    struct c2s_keras_read_options options = {.config = cmd_text(a, "--config")};
    const char *shape = cmd_text(a, "--input-shape");
    if ((shape && !parse_shape(shape, &options, err)) ||
        !c2s_session_load(ctx->session, cmd_text(a, "FILE"), &options, &id, &is_new, err))
        return false;
    const struct c2s_version *v = c2s_session_current(ctx->session);
    if (!common_check(ctx, v, &findings, err))
        return false;
    bool ok = cmd_show(
        ctx, view_load(v, is_new, &findings, c2s_session_data_record(ctx->session) != NULL), err);
    c2s_findings_finish(&findings);
    return ok;
}

const struct cmd_entry entry_load = {
    .name = "load",
    .group = "load",
    .summary = "load a Keras model as a new version",
    .details = "Reads any model of Keras 2.0 to 3 and TF 1.15 to 2 (.h5, .keras), of cnn2snn 1.8 "
               "and 2.2, and "
               "reports what of the file was read, skipped, assumed or renamed. A file with "
               "weights only needs the structure from --config. The file is never changed. The "
               "same file again goes back to its version.",
    .example = "load fm_sep.h5",
    .see = "layers, check, data, show",
    .args = (const struct cmd_arg[]){{.name = "FILE",
                                      .type = ARG_PATH,
                                      .choices = endings,
                                      .is_required = true,
                                      .help = "the model"},
                                     {.name = "--config",
                                      .value = "OTHER",
                                      .type = ARG_PATH,
                                      .choices = config_endings,
                                      .help = "structure for a file with weights only: another "
                                              "model, or the JSON of model.to_json()"},
                                     {.name = "--input-shape",
                                      .value = "H,W,C",
                                      .type = ARG_TEXT,
                                      .help = "input of a model that does not say its own"},
                                     {0}},
    .flags = CMD_MAKES_VERSION,
    .run = run,
};
