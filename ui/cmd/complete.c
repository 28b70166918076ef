/* Completion by the command table and the names in the session; no terminal here. */
#include "complete.h"

#include "args.h"
#include "lex.h"

#include <c2s/finding.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct completer {
    struct complete *out;
    const char *typed;  /* beginning of the value */
    const char *prefix; /* what stands before the value in the same word: "--engine=" */
    size_t n_prefix;
};

static void offer(struct completer *c, const char *candidate)
{
    if (strncmp(candidate, c->typed, strlen(c->typed)) != 0)
        return;
    for (int i = 0; i < c->out->n; i++)
        if (strcmp(c->out->words[i] + c->n_prefix, candidate) == 0)
            return;
    char **words = realloc(c->out->words, (size_t)(c->out->n + 2) * sizeof *words);
    if (!words)
        return;
    c->out->words = words;
    words[c->out->n] = NULL;
    if (asprintf(&words[c->out->n], "%.*s%s", (int)c->n_prefix, c->prefix, candidate) >= 0)
        words[++c->out->n] = NULL;
    else
        words[c->out->n] = NULL;
}

static bool offer_version(void *arg, const struct c2s_version_info *info)
{
    char name[24];
    snprintf(name, sizeof name, "v%" PRId64, info->id);
    offer(arg, name);
    return true;
}

static bool offer_tag(void *arg, const char *tag, int64_t version)
{
    (void)version;
    offer(arg, tag);
    return true;
}

static void offer_versions(struct cmd_ctx *ctx, struct completer *c)
{
    struct c2s_error ignored = {0};
    if (!ctx->session)
        return;
    struct c2s_journal *j = c2s_session_journal(ctx->session);
    if (j->ops->each(j, offer_version, c, &ignored) && j->ops->each_tag(j, offer_tag, c, &ignored))
        offer(c, "HEAD");
}

static void offer_layers(struct cmd_ctx *ctx, struct completer *c)
{
    const struct c2s_version *v = ctx->session ? c2s_session_current(ctx->session) : NULL;
    for (int i = 0; v && i < v->model->n_layers; i++)
        offer(c, v->model->layers[i]->name);
}

static void offer_commands(struct completer *c)
{
    for (int i = 0; cmd_table[i]; i++)
        offer(c, cmd_table[i]->name);
}

static void offer_rules(struct completer *c)
{
    for (const struct c2s_rule_info *rule = c2s_rules(); rule->id; rule++)
        offer(c, rule->id);
}

/* Rules that some fix answers. */
static void offer_fixable(struct completer *c)
{
    bool has_exact, has_approximate;
    for (const struct c2s_rule_info *rule = c2s_rules(); rule->id; rule++)
        if (c2s_fix_answers(rule, &has_exact, &has_approximate))
            offer(c, rule->id);
}

static void offer_value(struct cmd_ctx *ctx, const struct cmd_arg *arg, struct completer *c)
{
    switch (arg->type) {
    case ARG_CHOICE:
        for (int i = 0; arg->choices[i]; i++)
            offer(c, arg->choices[i]);
        break;
    case ARG_LAYER:
        offer_layers(ctx, c);
        break;
    case ARG_VERSION:
        offer_versions(ctx, c);
        break;
    case ARG_COMMAND:
        offer_commands(c);
        offer(c, "rules");
        offer_rules(c);
        break;
    case ARG_PROBLEM:
        offer_fixable(c);
        offer_layers(ctx, c);
        break;
    case ARG_PATH:
        c->out->is_path = c->n_prefix == 0;
        c->out->endings = arg->choices;
        break;
    case ARG_FLAG:
    case ARG_TEXT:
    case ARG_REST:
    case ARG_INTEGER:
    case ARG_REAL:
        break;
    }
}

static const struct cmd_arg *find_option(const struct cmd_entry *entry, const char *name, size_t n)
{
    for (const struct cmd_arg *arg = entry->args; arg->name; arg++)
        if (args_is_option(arg) && strncmp(arg->name, name, n) == 0 && arg->name[n] == '\0')
            return arg;
    return NULL;
}

/* The argument that the word behind `words` belongs to, or NULL. */
static const struct cmd_arg *next_argument(const struct cmd_entry *entry,
                                           const struct lex_words *words)
{
    const struct cmd_arg *positional = entry->args;
    for (int i = 1; i < words->n; i++) {
        const char *word = words->at[i].text;
        if (word[0] == '-' && word[1] == '-') {
            const struct cmd_arg *option = find_option(entry, word, strlen(word));
            if (option && option->type != ARG_FLAG && ++i == words->n)
                return option;
        } else if (positional->name && !args_is_option(positional) && !positional->is_repeated) {
            positional++;
        }
    }
    return positional->name && !args_is_option(positional) ? positional : NULL;
}

static void offer_options(const struct cmd_entry *entry, struct completer *c)
{
    for (const struct cmd_arg *arg = entry->args; arg->name; arg++)
        if (args_is_option(arg))
            offer(c, arg->name);
    offer(c, "--json");
}

static void complete_argument(struct cmd_ctx *ctx, const struct lex_words *words,
                              struct completer *c)
{
    struct c2s_error ignored = {0};
    const struct cmd_entry *entry = cmd_find(words->at[0].text, &ignored);
    const char *equals = strchr(c->typed, '=');
    if (!entry)
        return;
    if (c->typed[0] == '-' && equals) {
        const struct cmd_arg *option = find_option(entry, c->typed, (size_t)(equals - c->typed));
        c->prefix = c->typed;
        c->n_prefix = (size_t)(equals + 1 - c->typed);
        c->typed = equals + 1;
        if (option)
            offer_value(ctx, option, c);
        return;
    }
    if (c->typed[0] == '-') {
        offer_options(entry, c);
        return;
    }
    const struct cmd_arg *arg = next_argument(entry, words);
    if (arg)
        offer_value(ctx, arg, c);
}

void complete_line(struct cmd_ctx *ctx, const char *text, struct complete *out)
{
    struct c2s_error ignored = {0};
    struct lex_words words;
    size_t length = strlen(text);
    *out = (struct complete){0};
    if (!lex_line(text, &words, &ignored))
        return;
    /* The word under the cursor is taken off: what is left stands before it. */
    bool in_word = words.n > 0 && words.at[words.n - 1].end == length;
    char *typed = in_word ? words.at[--words.n].text : NULL;
    struct completer c = {.out = out, .typed = typed ? typed : "", .prefix = ""};
    if (words.n == 0)
        offer_commands(&c);
    else
        complete_argument(ctx, &words, &c);
    free(typed);
    lex_finish(&words);
}

void complete_finish(struct complete *c)
{
    for (int i = 0; i < c->n; i++)
        free(c->words[i]);
    free(c->words);
    *c = (struct complete){0};
}
