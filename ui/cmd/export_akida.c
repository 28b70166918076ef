/* Converts, writes the image, runs the exporter script. The bytes of an .fbz are akida's business,
 * never ours. */
#include "export_akida.h"

#include "program.h"
#include "view/view.h"

#include <c2s/json.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_SAMPLES 64 /* to verify with */

enum exporter_status { EXPORTER_MISSING = 3, EXPORTER_DIFFERENT = 4 }; /* of akida_export.py */

/* ---- the image ---- */

/* Some raw samples and what our integer engine makes of them; both NULL without data. */
static bool take_samples(struct cmd_ctx *ctx, const struct c2s_akida_net *net,
                         struct c2s_tensor **samples, struct c2s_tensor **expected,
                         struct c2s_error *err)
{
    const struct c2s_dataset *data = c2s_session_data(ctx->session);
    int64_t n = data ? c2s_dataset_info(data)->n : 0;
    if (n > N_SAMPLES)
        n = N_SAMPLES;
    return c2s_dataset_raw(data, 0, n, samples, err) &&
           c2s_akida_forward(net, *samples, true, NULL, NULL, expected, err);
}

static bool check_data(struct cmd_ctx *ctx, struct export_request *r, struct c2s_error *err)
{
    const struct c2s_dataset *data = r->verify ? c2s_session_data(ctx->session) : NULL;
    const char *problem = c2s_session_data_problem(ctx->session);
    if (!r->verify || data)
        return true;
    if (!r->must_verify && !problem) {
        r->verify = false;
        return true;
    }
    if (problem)
        return c2s_fail(err, C2S_STATE,
                        "cannot verify, the data used before cannot be opened: %.240s; choose "
                        "again: data use PATH, or add --no-verify",
                        problem);
    return c2s_fail(err, C2S_STATE, "cannot verify without data; choose some: data use PATH");
}

/* An image that only belongs to an .fbz may always be replaced: it is made anew with it. */
static bool write_image(struct cmd_ctx *ctx, const struct export_request *r, const char *path,
                        struct c2s_akida_net **net, struct c2s_error *err)
{
    const struct c2s_model *m = r->version->model;
    struct c2s_convert_options options = {.rule = r->rule,
                                          .input_is_integers = c2s_session_takes_integers(m)};
    struct c2s_tensor *samples = NULL, *expected = NULL;
    bool ok = c2s_session_input_scaling(ctx->session, m, &options.input_scale, &options.input_shift,
                                        err) &&
              c2s_akida_convert(m, &options, net, err) &&
              (!r->verify || take_samples(ctx, *net, &samples, &expected, err)) &&
              c2s_akida_image_write(*net, path, r->overwrite || strcmp(path, r->file) != 0, samples,
                                    expected, err);
    c2s_tensor_unref(samples);
    c2s_tensor_unref(expected);
    return ok;
}

/* ---- the exporter ---- */

static bool join(char out[PATH_MAX], const char *folder, const char *name)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    return n > 0 && n < PATH_MAX;
}

/* Folder of akida_export.py: $C2S_SCRIPTS, the source tree, or where it is installed. */
static bool find_scripts(char out[PATH_MAX])
{
    static const char *const places[] = {"../../scripts", "../scripts", "../libexec/c2s-shell",
                                         "../share/c2s-shell"};
    const char *given = getenv("C2S_SCRIPTS");
    char program[PATH_MAX], script[PATH_MAX], folder[PATH_MAX];
    if (given && *given) {
        return realpath(given, out) && join(script, out, "akida_export.py") &&
               access(script, R_OK) == 0;
    }
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    char *slash = n > 0 ? memrchr(program, '/', (size_t)n) : NULL;
    if (!slash)
        return false;
    *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (join(folder, program, places[i]) && realpath(folder, out) &&
            join(script, out, "akida_export.py") && access(script, R_OK) == 0)
            return true;
    return false;
}

/* Where setup-akida, in the same folder, makes its environment. */
static bool own_python(const char *scripts, char out[PATH_MAX])
{
    const char *slash = strrchr(scripts, '/');
    int n = snprintf(out, PATH_MAX, "%.*s/.venv-akida/bin/python",
                     slash ? (int)(slash - scripts) : 0, scripts);
    return n > 0 && n < PATH_MAX;
}

/* The Python that the user chose; NULL = none. */
static const char *chosen_python(void)
{
    const char *given = getenv("C2S_AKIDA_PYTHON");
    return given && *given ? given : NULL;
}

/* The Python that has akida: the chosen one, or what setup-akida made. Never one of the current
 * folder: whoever gave that folder to the user would decide what runs. */
static bool find_python(const char *scripts, char out[PATH_MAX])
{
    if (chosen_python()) {
        snprintf(out, PATH_MAX, "%s", chosen_python());
        return true;
    }
    return own_python(scripts, out) && access(out, X_OK) == 0;
}

/* why_not: what is wrong with the chosen Python. */
static bool fail_without_akida(const char *scripts, const char *image, const char *why_not,
                               const struct export_request *r, struct c2s_error *err)
{
    char python[PATH_MAX], problem[160] = "the akida package that makes the .fbz is not installed";
    if (!own_python(scripts, python))
        snprintf(python, sizeof python, "python3");
    if (chosen_python())
        snprintf(problem, sizeof problem, "C2S_AKIDA_PYTHON=%.80s %s", chosen_python(), why_not);
    return c2s_fail(err, C2S_STATE,
                    "'%s' is written, but %s; two commands finish the job%s: %s/setup-akida && %s "
                    "%s/akida_export.py '%s' '%s'%s",
                    image, problem, chosen_python() ? ", and then unset that variable" : "",
                    scripts, python, scripts, image, r->file, r->verify ? " --verify" : "");
}

/* The last line of a text that is not empty, without its end; "" = none. */
static const char *last_line(char *text)
{
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        text[--n] = '\0';
    const char *begin = strrchr(text, '\n');
    return begin ? begin + 1 : text;
}

/* Failure of the exporter in its own words. */
static bool fail_exporter(struct program_output *output, const struct c2s_json *report,
                          const char *image, struct c2s_error *err)
{
    const char *said = c2s_json_text(c2s_json_get(report, "error"), NULL);
    const char *last = last_line(output->messages);
    enum c2s_code code = output->status == EXPORTER_DIFFERENT ? C2S_GATE : C2S_UNSUPPORTED;
    return c2s_fail(err, code, "akida could not make the file: %.300s ('%s' stays)",
                    said    ? said
                    : *last ? last
                            : "the exporter ended without a word; is that Python complete?",
                    image);
}

/* The exporter's report is new in *report. */
static bool run_exporter(struct cmd_ctx *ctx, const struct export_request *r, const char *image,
                         struct c2s_json **report, struct c2s_error *err)
{
    char scripts[PATH_MAX], python[PATH_MAX], script[PATH_MAX];
    if (!find_scripts(scripts) || !join(script, scripts, "akida_export.py"))
        return c2s_fail(err, C2S_STATE,
                        "'%s' is written, but akida_export.py that makes '%s' of it is not "
                        "found; set C2S_SCRIPTS to the folder that has it",
                        image, r->file);
    if (!find_python(scripts, python))
        return fail_without_akida(scripts, image, "", r, err);
    /* "--" in front of the paths: a name may begin with a dash. */
    char *with[] = {python, script,        "--json",        "--verify",
                    "--",   (char *)image, (char *)r->file, NULL};
    char *without[] = {python, script, "--json", "--", (char *)image, (char *)r->file, NULL};
    char **argv = r->verify ? with : without;
    struct program_output output;
    struct c2s_error ignored = {0}, not_started = {0};
    if (!program_run(argv, ctx->cancelled, &output, &not_started)) {
        if (not_started.code == C2S_IO && chosen_python())
            return fail_without_akida(scripts, image, "cannot be started", r, err);
        *err = not_started;
        return false;
    }
    *report = c2s_json_parse(output.text, strlen(output.text), &ignored);
    bool ok = output.status == 0 && *report;
    if (!ok && output.status == EXPORTER_MISSING)
        fail_without_akida(scripts, image, "has no akida package", r, err);
    else if (!ok)
        fail_exporter(&output, *report, image, err);
    program_output_finish(&output);
    return ok;
}

/* "fm.fbz" -> "fm.c2simage" */
static bool image_path(const char *file, char out[PATH_MAX], struct c2s_error *err)
{
    const char *slash = strrchr(file, '/'), *dot = strrchr(file, '.');
    int stem = dot && (!slash || dot > slash) ? (int)(dot - file) : (int)strlen(file);
    if (snprintf(out, PATH_MAX, "%.*s.c2simage", stem, file) >= PATH_MAX)
        return c2s_fail(err, C2S_IO, "the name '%.60s...' is too long; choose a shorter one", file);
    return true;
}

bool export_akida(struct cmd_ctx *ctx, const struct export_request *request, struct c2s_error *err)
{
    struct export_request r = *request;
    struct c2s_akida_net *net = NULL;
    struct c2s_json *report = NULL;
    char image[PATH_MAX];
    if (!image_path(r.file, image, err) || !check_data(ctx, &r, err))
        return false;
    bool only_image = strcmp(image, r.file) == 0;
    const char *unverified = request->verify ? "no data in use" : "--no-verify";
    if (!r.overwrite && access(r.file, F_OK) == 0)
        return c2s_fail(err, C2S_EXISTS, "'%s' exists already; add --force to replace it", r.file);
    bool ok = write_image(ctx, &r, image, &net, err) &&
              (only_image || run_exporter(ctx, &r, image, &report, err)) &&
              cmd_show(ctx, view_akida_export(r.version, net, image, report, unverified), err);
    c2s_json_free(report);
    c2s_akida_net_destroy(net);
    return ok;
}
