/* From a line to a running command: finds it, types its arguments, tests its needs once. */
#include "args.h"
#include "cmd.h"
#include "lex.h"
#include "suggest.h"

#include <stdio.h>
#include <string.h>

static void list_matches(const char *word, char *out, size_t size)
{
    size_t used = 0;
    for (int i = 0; cmd_table[i] && used < size; i++)
        if (strncmp(cmd_table[i]->name, word, strlen(word)) == 0)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                                     cmd_table[i]->name);
}

static bool fail_unknown(const char *word, struct c2s_error *err)
{
    struct suggestion near = {0};
    for (int i = 0; cmd_table[i]; i++)
        suggest_offer(&near, word, cmd_table[i]->name);
    if (near.best)
        return c2s_fail(err, C2S_USAGE, "unknown command \"%s\"; did you mean \"%s\"?", word,
                        near.best);
    return c2s_fail(err, C2S_USAGE, "unknown command \"%s\"; 'help' lists all commands", word);
}

const struct cmd_entry *cmd_find(const char *word, struct c2s_error *err)
{
    const struct cmd_entry *found = NULL;
    int n_found = 0;
    for (int i = 0; cmd_table[i]; i++) {
        const struct cmd_entry *entry = cmd_table[i];
        if (strcmp(entry->name, word) == 0 || (entry->alias && strcmp(entry->alias, word) == 0))
            return entry;
        if (word[0] && strncmp(entry->name, word, strlen(word)) == 0) {
            found = entry;
            n_found++;
        }
    }
    if (n_found == 1)
        return found;
    if (n_found == 0) {
        fail_unknown(word, err);
        return NULL;
    }
    char matches[200];
    list_matches(word, matches, sizeof matches);
    c2s_fail(err, C2S_USAGE, "\"%s\" could be %s; type one letter more", word, matches);
    return NULL;
}

static bool check_needs(const struct cmd_ctx *ctx, const struct cmd_entry *entry,
                        struct c2s_error *err)
{
    if ((entry->flags & CMD_NEEDS_MODEL) && !c2s_session_current(ctx->session))
        return c2s_fail(err, C2S_STATE, "needs a model; try: load FILE.h5");
    if (!(entry->flags & CMD_NEEDS_DATA) || c2s_session_data(ctx->session))
        return true;
    const char *problem = c2s_session_data_problem(ctx->session);
    if (problem)
        return c2s_fail(
            err, C2S_STATE,
            "the data used before cannot be opened: %.200s; choose again: data use PATH", problem);
    return c2s_fail(err, C2S_STATE, "needs data; try: data use PATH");
}

static bool run_entry(struct cmd_ctx *ctx, const struct cmd_entry *entry,
                      const struct lex_words *words, const char *line, struct c2s_error *err)
{
    struct cmd_args *args = NULL;
    bool wants_json;
    if (!args_parse(entry, words, line, &args, &wants_json, err))
        return false;
    const char *mode_before = wants_json ? ctx->sink->ops->mode(ctx->sink, "json") : NULL;
    bool ok = check_needs(ctx, entry, err) && entry->run(ctx, args, err);
    if (mode_before)
        ctx->sink->ops->mode(ctx->sink, mode_before);
    args_destroy(args);
    return ok;
}

static bool run_lexed(struct cmd_ctx *ctx, const struct lex_words *words, const char *line,
                      struct c2s_error *err)
{
    ctx->line_is_json = false;
    for (int i = 1; i < words->n; i++)
        if (strcmp(words->at[i].text, "--json") == 0)
            ctx->line_is_json = true;
    if (words->n == 0)
        return true;
    const struct cmd_entry *entry = cmd_find(words->at[0].text, err);
    ctx->running = entry;
    ctx->gate_failed = false;
    if (!entry)
        return false;
    if (run_entry(ctx, entry, words, line, err))
        return true;
    return entry->flags & CMD_RUNS_COMMANDS ? false : c2s_fail_at(err, "%s", entry->name);
}

bool cmd_run_line(struct cmd_ctx *ctx, const char *line, struct c2s_error *err)
{
    struct lex_words words = {0};
    if (!lex_line(line, &words, err))
        return false;
    bool ok = run_lexed(ctx, &words, line, err);
    lex_finish(&words);
    return ok;
}

bool cmd_run_words(struct cmd_ctx *ctx, int argc, char *const *argv, struct c2s_error *err)
{
    struct lex_words words = {0};
    bool ok = true;
    for (int i = 0; ok && i < argc; i++)
        ok = lex_append(&words, argv[i], err);
    ok = ok && run_lexed(ctx, &words, NULL, err);
    lex_finish(&words);
    return ok;
}

bool cmd_progress(void *arg, const struct c2s_progress_event *event)
{
    struct cmd_ctx *ctx = arg;
    if (ctx->cancelled && *ctx->cancelled)
        return false;
    return !ctx->progress || ctx->progress(ctx->progress_arg, event);
}

bool cmd_show(struct cmd_ctx *ctx, struct sheet *s, struct c2s_error *err)
{
    bool ok = sheet_finish(s, err) && ctx->sink->ops->show(ctx->sink, s, err);
    sheet_destroy(s);
    return ok;
}

bool cmd_show_failed(struct cmd_ctx *ctx, struct sheet *s, const struct c2s_error *failure,
                     struct c2s_error *err)
{
    struct c2s_error told = {0};
    if (failure) {
        told = *failure; /* as run_lexed will say it */
        (void)c2s_fail_at(&told, "%s", ctx->running->name);
        ctx->sink->failure = &told;
    }
    bool ok = cmd_show(ctx, s, err);
    ctx->sink->failure = NULL;
    return ok;
}

void cmd_tell(struct cmd_ctx *ctx, const struct c2s_error *err, bool in_script)
{
    const char *before = ctx->line_is_json ? ctx->sink->ops->mode(ctx->sink, "json") : NULL;
    ctx->sink->ops->tell(ctx->sink, err, in_script);
    if (before)
        ctx->sink->ops->mode(ctx->sink, before);
}
