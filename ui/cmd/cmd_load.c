/* load: a Keras file becomes the first version of a model. */
#include "common.h"
#include "table.h"
#include "view/view.h"

static const char *const endings[] = {".h5", ".hdf5", ".keras", NULL};

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    int64_t id;
    bool is_new;
    struct c2s_findings findings;
    if (!c2s_session_load(ctx->session, cmd_text(a, "FILE"), NULL, &id, &is_new, err))
        return false;
    const struct c2s_version *v = c2s_session_current(ctx->session);
    if (!common_check(ctx, v, C2S_LEVEL_AKD1000, &findings, err))
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
    .details = "Reads any .h5 model of TF 2.4 to Keras 3 and of cnn2snn 1.8 and 2.2. The file is "
               "never changed. The same file again goes back to its version.",
    .example = "load fm_sep.h5",
    .see = "layers, check, data",
    .args = (const struct cmd_arg[]){{.name = "FILE",
                                      .type = ARG_PATH,
                                      .choices = endings,
                                      .is_required = true,
                                      .help = "the model"},
                                     {0}},
    .flags = CMD_MAKES_VERSION,
    .run = run,
};
