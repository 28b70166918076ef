/* export: a version as a file for the chip or for Keras. */
#include "common.h"
#include "export_akida.h"
#include "table.h"
#include "view/view.h"

#include <c2s/keras.h>

#include <string.h>

static const char *const endings[] = {".fbz", ".h5", ".c2simage", NULL};
static const char *const dialects[] = {"1.8", "2.2", NULL};

static bool ends_in(const char *file, const char *ending)
{
    size_t n = strlen(file), m = strlen(ending);
    return n > m && strcmp(file + n - m, ending) == 0;
}

static bool export_keras(struct cmd_ctx *ctx, const struct c2s_version *v, const struct cmd_args *a,
                         struct c2s_error *err)
{
    const char *file = cmd_text(a, "FILE"), *dialect = cmd_text(a, "--dialect");
    struct c2s_keras_write_options options = {.overwrite = cmd_flag(a, "--force")};
    if (!c2s_model_is_quantized(v->model))
        options.dialect = C2S_DIALECT_KERAS;
    else if (dialect)
        options.dialect =
            strcmp(dialect, "1.8") == 0 ? C2S_DIALECT_CNN2SNN_18 : C2S_DIALECT_CNN2SNN_22;
    else
        options.dialect = v->model->dialect == C2S_DIALECT_CNN2SNN_18 ? C2S_DIALECT_CNN2SNN_18
                                                                      : C2S_DIALECT_CNN2SNN_22;
    return c2s_keras_write(v->model, file, &options, err) &&
           cmd_show(ctx, view_keras_export(v, file, options.dialect), err);
}

static bool run(struct cmd_ctx *ctx, const struct cmd_args *a, struct c2s_error *err)
{
    const struct c2s_version *v;
    const char *file = cmd_text(a, "FILE"), *dialect = cmd_text(a, "--dialect");
    bool verify = cmd_flag(a, "--verify"), no_verify = cmd_flag(a, "--no-verify");
    if (!common_version(ctx, a, "VERSION", &v, err))
        return false;
    if (ends_in(file, ".h5"))
        return export_keras(ctx, v, a, err);
    if (!ends_in(file, ".fbz") && !ends_in(file, ".c2simage"))
        return c2s_fail(err, C2S_USAGE,
                        "the name of FILE must end in .fbz (Akida), .h5 (Keras) or .c2simage "
                        "(image to make an .fbz of later), not '%s'",
                        file);
    if (verify && no_verify)
        return c2s_fail(err, C2S_USAGE, "--verify and --no-verify exclude each other");
    struct export_request request = {
        .version = v,
        .file = file,
        .overwrite = cmd_flag(a, "--force"),
        .verify = !no_verify,
        .must_verify = verify,
        .rule = dialect && strcmp(dialect, "1.8") == 0 ? C2S_CONVERT_18 : C2S_CONVERT_22};
    return export_akida(ctx, &request, err);
}

const struct cmd_entry entry_export = {
    .name = "export",
    .group = "export",
    .summary = "write a version as .fbz for the chip, or as Keras .h5",
    .details = "An .fbz is made by the akida Python package from an Akida image that is written "
               "beside it; with data in use every integer of it is verified on samples, and it is "
               "mapped on a virtual AKD1000. An .h5 opens in cnn2snn.load_quantized_model of the "
               "release it is "
               "written for; a float version opens in Keras.",
    .example = "export v3 fm.c2simage\nexport v3 fm.h5 --dialect 2.2",
    .see = "check, eval",
    .args =
        (const struct cmd_arg[]){
            {.name = "VERSION", .type = ARG_VERSION, .is_required = true, .help = "which one"},
            {.name = "FILE",
             .type = ARG_PATH,
             .choices = endings,
             .is_required = true,
             .help = "ends in .fbz, .h5 or .c2simage"},
            {.name = "--force", .type = ARG_FLAG, .help = "replace files that exist"},
            {.name = "--verify", .type = ARG_FLAG, .help = "verify, or fail when there is no data"},
            {.name = "--no-verify", .type = ARG_FLAG, .help = "do not verify"},
            {.name = "--dialect",
             .value = "RELEASE",
             .type = ARG_CHOICE,
             .choices = dialects,
             .help = "of cnn2snn: 2.2 or 1.8 (default: 1.8 for a version made by --rule 1.8 or "
                     "loaded from 1.8, else 2.2)"},
            {0}},
    .flags = CMD_NEEDS_MODEL,
    .run = run,
};
