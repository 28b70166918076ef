/* Small things that several commands need. */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

bool common_version(struct cmd_ctx *ctx, const struct cmd_args *a, const char *name,
                    const struct c2s_version **out, struct c2s_error *err)
{
    return c2s_session_version(ctx->session, cmd_text(a, name), out, err);
}

bool common_check(struct cmd_ctx *ctx, const struct c2s_version *v, enum c2s_level level,
                  struct c2s_findings *out, struct c2s_error *err)
{
    const struct c2s_dataset_record *data = c2s_session_data_record(ctx->session);
    struct c2s_check_options options = {.level = level,
                                        .input_is_integers = c2s_session_takes_integers(v->model)};
    if (data) {
        options.input_scale = data->scale;
        options.input_shift = data->shift;
    }
    *out = (struct c2s_findings){0};
    return c2s_check(v->model, &options, out, err);
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
