/* Runs the lines of a script: joins continued lines, stops at the first failure, says where. */
#include "cmd.h"
#include "lex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 16

struct script {
    FILE *file;
    const char *name;
    char *line; /* the logical line so far */
    int first;  /* its line number */
    int at;     /* physical line number */
};

/* Reads the next logical line into s->line; *more false at the end of the file. */
static bool read_logical(struct script *s, bool *more, struct c2s_error *err)
{
    char *text = NULL;
    size_t size = 0;
    bool ok = true;
    ssize_t n;
    free(s->line);
    s->line = NULL;
    s->first = s->at + 1;
    while (ok && (n = getline(&text, &size, s->file)) >= 0) {
        s->at++;
        if (n > 0 && text[n - 1] == '\n')
            text[--n] = '\0';
        if (strlen(text) != (size_t)n) {
            ok = c2s_fail(err, C2S_FORMAT, "the line holds a zero byte; a script is plain text");
            break;
        }
        ok = lex_join(&s->line, text, err);
        if (!ok || !lex_goes_on(s->line))
            break;
    }
    free(text);
    *more = s->line != NULL;
    if (ok && ferror(s->file))
        return c2s_fail(err, C2S_IO, "cannot read the script: %s; check the file", strerror(errno));
    return ok;
}

/* Echo is for people: it would break the other forms. */
static bool is_echoed(const struct cmd_ctx *ctx)
{
    const char *mode = ctx->echo ? ctx->sink->ops->mode(ctx->sink, NULL) : NULL;
    return mode && strcmp(mode, "table") == 0;
}

static bool show_line(struct cmd_ctx *ctx, const char *line, struct c2s_error *err)
{
    struct sheet *s = sheet_create("%s", "");
    sheet_verbatim(s);
    sheet_before(s, SHEET_DIM, "> %s", line);
    return cmd_show(ctx, s, err);
}

/* A script that runs itself is named once. */
static void add_place(const struct script *s, struct c2s_error *err)
{
    char place[sizeof err->where];
    int n = snprintf(place, sizeof place, "%s:%d", s->name, s->first);
    bool is_there = n > 0 && n < (int)sizeof place && strncmp(err->where, place, (size_t)n) == 0 &&
                    (err->where[n] == ':' || err->where[n] == '\0');
    if (!is_there)
        c2s_fail_at(err, "%s:%d", s->name, s->first);
}

static bool run_lines(struct cmd_ctx *ctx, struct script *s, struct c2s_error *err)
{
    bool ok = true, more = true;
    while (ok && !ctx->wants_quit) {
        ok = read_logical(s, &more, err);
        if (ok && !more)
            return true;
        ok = ok && (!is_echoed(ctx) || show_line(ctx, s->line, err)) &&
             cmd_run_line(ctx, s->line, err);
        if (ok && ctx->cancelled && *ctx->cancelled)
            ok = c2s_fail(err, C2S_CANCELLED, "stopped by Ctrl-C; nothing was lost");
        if (!ok)
            add_place(s, err);
    }
    return ok;
}

bool cmd_run_file(struct cmd_ctx *ctx, const char *path, struct c2s_error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    struct script s = {.name = is_stdin ? "stdin" : path};
    if (ctx->depth >= MAX_DEPTH)
        return c2s_fail(err, C2S_STATE, "scripts are nested %d deep; does \"%s\" run itself?",
                        MAX_DEPTH, path);
    s.file = is_stdin ? stdin : fopen(path, "re");
    if (!s.file)
        return c2s_fail(err, C2S_IO, "cannot open the script \"%s\": %s; check the path", path,
                        strerror(errno));
    ctx->depth++;
    bool ok = run_lines(ctx, &s, err);
    ctx->depth--;
    if (!is_stdin)
        fclose(s.file);
    free(s.line);
    return ok;
}
