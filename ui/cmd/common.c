/* Small things that several commands need. */
#include "common.h"
#include "suggest.h"

#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <time.h>

bool common_version(struct cmd_ctx *ctx, const struct cmd_args *a, const char *name,
                    const struct c2s_version **out, struct c2s_error *err)
{
    return c2s_session_version(ctx->session, cmd_text(a, name), out, err);
}

const char *const common_levels[] = {"keras", "akida", "akd1000", NULL};
const char *const common_profiles[] = {"production", "preproduction", NULL};

static int choice(const struct cmd_args *a, const char *option, const char *const *choices,
                  int fallback)
{
    const char *name = cmd_text(a, option);
    for (int i = 0; name && choices[i]; i++)
        if (strcmp(choices[i], name) == 0)
            return i;
    return fallback;
}

enum c2s_level common_level(const struct cmd_args *a)
{
    return (enum c2s_level)choice(a, "--level", common_levels, C2S_LEVEL_AKD1000);
}

enum c2s_profile common_profile(const struct cmd_args *a)
{
    return (enum c2s_profile)choice(a, "--profile", common_profiles, C2S_PROFILE_PRODUCTION);
}

struct c2s_check_options common_check_options(struct cmd_ctx *ctx, const struct c2s_version *v)
{
    const struct c2s_dataset_record *data = c2s_session_data_record(ctx->session);
    struct c2s_check_options options = {.level = C2S_LEVEL_AKD1000,
                                        .input_is_integers = c2s_session_takes_integers(v->model)};
    if (data) {
        options.input_scale = data->scale;
        options.input_shift = data->shift;
    }
    return options;
}

bool common_check(struct cmd_ctx *ctx, const struct c2s_version *v, struct c2s_findings *out,
                  struct c2s_error *err)
{
    struct c2s_check_options options = common_check_options(ctx, v);
    *out = (struct c2s_findings){0};
    return c2s_check(v->model, &options, out, err);
}

bool common_check_all(struct cmd_ctx *ctx, const struct c2s_version *v, struct common_checked *out,
                      struct c2s_error *err)
{
    size_t n = (size_t)v->model->n_layers + 1;
    *out = (struct common_checked){.akida_index = calloc(n, sizeof *out->akida_index),
                                   .role = calloc(n, sizeof *out->role)};
    if (!out->akida_index || !out->role)
        return c2s_fail_nomem(err);
    c2s_check_map(v->model, c2s_session_takes_integers(v->model), out->akida_index, out->role);
    return common_check(ctx, v, &out->findings, err);
}

void common_checked_finish(struct common_checked *c)
{
    c2s_findings_finish(&c->findings);
    free(c->akida_index);
    free(c->role);
}

static bool fail_ambiguous(const struct c2s_model *m, const char *name, struct c2s_error *err)
{
    char matches[300];
    size_t used = 0;
    for (int i = 0; i < m->n_layers && used < sizeof matches; i++)
        if (strncmp(m->layers[i]->name, name, strlen(name)) == 0)
            used += (size_t)snprintf(matches + used, sizeof matches - used, "%s%s",
                                     used ? ", " : "", m->layers[i]->name);
    return c2s_fail(err, C2S_NOT_FOUND, "\"%s\" could be %s; type more of the name", name, matches);
}

bool common_layer(const struct c2s_version *v, const char *name, int *layer, struct c2s_error *err)
{
    const struct c2s_model *m = v->model;
    struct suggestion near = {0};
    int n_found = 0;
    *layer = c2s_model_find(m, name);
    if (*layer >= 0)
        return true;
    for (int i = 0; i < m->n_layers; i++) {
        suggest_offer(&near, name, m->layers[i]->name);
        if (strncmp(m->layers[i]->name, name, strlen(name)) == 0) {
            *layer = i;
            n_found++;
        }
    }
    if (n_found == 1)
        return true;
    if (n_found > 1)
        return fail_ambiguous(m, name, err);
    if (near.best)
        return c2s_fail(err, C2S_NOT_FOUND, "no layer is called \"%s\"; did you mean \"%s\"?", name,
                        near.best);
    return c2s_fail(err, C2S_NOT_FOUND, "no layer is called \"%s\"; 'layers' lists them", name);
}

/* Looks at some samples only: those of images reach far beyond 1. */
static bool has_pixels(const struct c2s_dataset *data)
{
    const struct c2s_dataset_info *info = c2s_dataset_info(data);
    struct c2s_error ignored = {0}; /* what cannot be read is told by whoever needs it */
    struct c2s_tensor *x;
    double low = 0, high = 0;
    if (!c2s_dataset_keras(data, 0, info->n < 64 ? info->n : 64, &x, &ignored))
        return false;
    bool is_finite = c2s_tensor_range(x, &low, &high);
    c2s_tensor_unref(x);
    return is_finite && low >= 0 && high > 64 && high <= 255;
}

bool common_is_unscaled(const struct c2s_dataset *data, const struct c2s_model *m)
{
    const struct c2s_dataset_info *info = c2s_dataset_info(data);
    int first = 0;
    while (first < m->n_layers && m->layers[first]->op == C2S_OP_INPUT)
        first++;
    bool scales_itself = first == m->n_layers || m->layers[first]->op == C2S_OP_RESCALING ||
                         m->layers[first]->op == C2S_OP_BATCH_NORM ||
                         m->layers[first]->op == C2S_OP_UNKNOWN;
    return info->scale == 1 && info->shift == 0 && info->rank == 3 && !scales_itself &&
           has_pixels(data);
}

bool common_say(struct cmd_ctx *ctx, struct c2s_error *err, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        return c2s_fail_nomem(err);
    struct sheet *s = sheet_create("%s", "");
    sheet_before(s, SHEET_PLAIN, "%s", text);
    sheet_fact_text(s, "message", text);
    free(text);
    return cmd_show(ctx, s, err);
}

double common_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool common_interrupted(struct cmd_ctx *ctx, struct c2s_interrupted *out, struct c2s_error *err)
{
    struct c2s_error none = {0};
    *out = (struct c2s_interrupted){0};
    if (!c2s_session_current(ctx->session) || c2s_session_interrupted(ctx->session, out, &none) ||
        none.code == C2S_STATE)
        return true;
    *err = none;
    return false;
}
