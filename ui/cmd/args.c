/* Types the words of a command line by the command's spec, so that no command parses text. */
#include "args.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct value {
    const struct cmd_arg *arg;
    char *text;
    double number; /* INTEGER and REAL; integers are exact up to 2^53 */
    int64_t integer;
};
struct cmd_args {
    const struct cmd_entry *entry;
    struct value *values;
    int n;
};

bool args_is_option(const struct cmd_arg *arg)
{
    return arg->name[0] == '-';
}

static bool parse_integer(const struct cmd_arg *arg, struct value *v, struct c2s_error *err)
{
    char *end;
    errno = 0;
    v->integer = strtoll(v->text, &end, 10);
    if (end == v->text || *end || errno || (double)v->integer < arg->low ||
        (double)v->integer > arg->high)
        return c2s_fail(err, C2S_USAGE, "%s takes a whole number from %.0f to %.0f, not \"%s\"",
                        arg->name, arg->low, arg->high, v->text);
    return true;
}

static bool parse_real(const struct cmd_arg *arg, struct value *v, struct c2s_error *err)
{
    char *end;
    v->number = strtod(v->text, &end);
    if (end == v->text || *end || !isfinite(v->number) || v->number < arg->low ||
        v->number > arg->high)
        return c2s_fail(err, C2S_USAGE, "%s takes a number from %g to %g, not \"%s\"", arg->name,
                        arg->low, arg->high, v->text);
    return true;
}

static void list_choices(const char *const *choices, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; choices[i] && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s",
                                 i == 0           ? ""
                                 : choices[i + 1] ? ", "
                                                  : " or ",
                                 choices[i]);
}

/* Replaces a unique beginning by the whole choice. */
static bool parse_choice(const struct cmd_arg *arg, struct value *v, struct c2s_error *err)
{
    const char *found = NULL;
    int n_found = 0;
    for (int i = 0; arg->choices[i]; i++) {
        if (strcmp(arg->choices[i], v->text) == 0)
            return true;
        if (v->text[0] && strncmp(arg->choices[i], v->text, strlen(v->text)) == 0) {
            found = arg->choices[i];
            n_found++;
        }
    }
    if (n_found != 1) {
        char all[128];
        list_choices(arg->choices, all, sizeof all);
        return c2s_fail(err, C2S_USAGE, "%s is %s, not \"%s\"", arg->name, all, v->text);
    }
    free(v->text);
    v->text = strdup(found);
    return v->text ? true : c2s_fail_nomem(err);
}

static bool add_value(struct cmd_args *a, const struct cmd_arg *arg, const char *text,
                      struct c2s_error *err)
{
    struct value *values = realloc(a->values, (size_t)(a->n + 1) * sizeof *values);
    if (!values)
        return c2s_fail_nomem(err);
    a->values = values;
    struct value *v = &values[a->n];
    *v = (struct value){.arg = arg, .text = strdup(text)};
    if (!v->text)
        return c2s_fail_nomem(err);
    a->n++;
    if (text[0] == '\0' && arg->type != ARG_FLAG && arg->type != ARG_TEXT)
        return c2s_fail(err, C2S_USAGE, "%s must not be empty", arg->name);
    if (arg->type == ARG_INTEGER)
        return parse_integer(arg, v, err);
    if (arg->type == ARG_REAL)
        return parse_real(arg, v, err);
    if (arg->type == ARG_CHOICE)
        return parse_choice(arg, v, err);
    return true;
}

static const struct cmd_arg *find_option(const struct cmd_entry *entry, const char *name, size_t n,
                                         struct c2s_error *err)
{
    const struct cmd_arg *found = NULL;
    int n_found = 0;
    for (const struct cmd_arg *arg = entry->args; arg->name; arg++) {
        if (!args_is_option(arg) || strncmp(arg->name, name, n) != 0)
            continue;
        if (arg->name[n] == '\0')
            return arg;
        found = arg;
        n_found++;
    }
    if (n_found == 1 && n > 2)
        return found;
    c2s_fail(err, C2S_USAGE, "%s has no option %.*s; 'help %s' lists its options", entry->name,
             (int)n, name, entry->name);
    return NULL;
}

/* What the words are read with. */
struct reader {
    const struct lex_words *words;
    const char *line;
    int at;
    const struct cmd_arg *positional; /* the next one to fill; at the end: an option or the NULL */
};

static bool read_option(struct cmd_args *a, struct reader *r, struct c2s_error *err)
{
    const char *word = r->words->at[r->at++].text;
    const char *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    const struct cmd_arg *arg = find_option(a->entry, word, n, err);
    if (!arg)
        return false;
    for (int i = 0; i < a->n; i++)
        if (a->values[i].arg == arg)
            return c2s_fail(err, C2S_USAGE, "%s is given twice; keep one", arg->name);
    if (arg->type == ARG_FLAG) {
        if (equals)
            return c2s_fail(err, C2S_USAGE, "%s takes no value; write it alone", arg->name);
        return add_value(a, arg, "", err);
    }
    if (equals)
        return add_value(a, arg, equals + 1, err);
    if (r->at == r->words->n)
        return c2s_fail(err, C2S_USAGE, "%s needs a value: %s %s", arg->name, arg->name,
                        arg->value);
    return add_value(a, arg, r->words->at[r->at++].text, err);
}

/* The rest of the line as typed; a single quoted word without its quotes. */
static bool read_rest(struct cmd_args *a, struct reader *r, struct c2s_error *err)
{
    const struct lex_word *first = &r->words->at[r->at], *last = &r->words->at[r->words->n - 1];
    char *text = NULL;
    if (first == last || !r->line) {
        size_t size = 1;
        for (const struct lex_word *w = first; w <= last; w++)
            size += strlen(w->text) + 1;
        text = calloc(1, size);
        for (const struct lex_word *w = first; text && w <= last; w++)
            strcat(strcat(text, w == first ? "" : " "), w->text);
    } else {
        text = strndup(r->line + first->column - 1, last->end - (size_t)first->column + 1);
    }
    r->at = r->words->n;
    bool ok = text ? add_value(a, r->positional, text, err) : c2s_fail_nomem(err);
    free(text);
    return ok;
}

static bool read_positional(struct cmd_args *a, struct reader *r, struct c2s_error *err)
{
    const struct cmd_arg *arg = r->positional;
    const char *word = r->words->at[r->at].text;
    if (!arg->name || args_is_option(arg)) {
        char synopsis[400];
        return c2s_fail(err, C2S_USAGE, "\"%s\" is one argument too many; the form is: %s", word,
                        args_synopsis(a->entry, synopsis, sizeof synopsis));
    }
    if (arg->type == ARG_REST)
        return read_rest(a, r, err);
    r->at++;
    if (!arg->is_repeated)
        r->positional++;
    return add_value(a, arg, word, err);
}

/* A word such as -3 or -0.5 is a value, not an option. */
static bool looks_like_option(const struct lex_word *word)
{
    const char *t = word->text;
    return t[0] == '-' && t[1] != '\0' && !(t[1] >= '0' && t[1] <= '9') && t[1] != '.' &&
           !(word->is_quoted && t[1] != '-');
}

static bool check_required(const struct cmd_args *a, const struct reader *r, struct c2s_error *err)
{
    const struct cmd_arg *arg = r->positional;
    if (!arg->name || args_is_option(arg) || !arg->is_required || cmd_count(a, arg->name) > 0)
        return true;
    char synopsis[400];
    return c2s_fail(err, C2S_USAGE, "%s is missing; the form is: %s", arg->name,
                    args_synopsis(a->entry, synopsis, sizeof synopsis));
}

bool args_parse(const struct cmd_entry *entry, const struct lex_words *words, const char *line,
                struct cmd_args **out, bool *wants_json, struct c2s_error *err)
{
    struct cmd_args *a = calloc(1, sizeof *a);
    if (!a)
        return c2s_fail_nomem(err);
    a->entry = entry;
    /* At the end of the line --json is ours even behind text that is taken as typed. */
    struct lex_words all = *words;
    *wants_json = all.n > 1 && strcmp(all.at[all.n - 1].text, "--json") == 0;
    if (*wants_json)
        all.n--;
    struct reader r = {.words = &all, .line = line, .at = 1, .positional = entry->args};
    bool ok = true, only_positionals = false;
    while (ok && r.at < all.n) {
        const struct lex_word *word = &all.at[r.at];
        bool is_rest = r.positional->name && r.positional->type == ARG_REST;
        if (!only_positionals && strcmp(word->text, "--json") == 0) {
            *wants_json = true;
            r.at++;
        } else if (!only_positionals && !is_rest && strcmp(word->text, "--") == 0) {
            only_positionals = true;
            r.at++;
        } else if (!only_positionals && !is_rest && looks_like_option(word)) {
            ok = read_option(a, &r, err);
        } else {
            ok = read_positional(a, &r, err);
        }
    }
    ok = ok && check_required(a, &r, err);
    if (!ok) {
        args_destroy(a);
        return false;
    }
    *out = a;
    return true;
}

void args_destroy(struct cmd_args *a)
{
    if (!a)
        return;
    for (int i = 0; i < a->n; i++)
        free(a->values[i].text);
    free(a->values);
    free(a);
}

char *args_synopsis(const struct cmd_entry *entry, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "%s", entry->name);
    for (const struct cmd_arg *arg = entry->args; arg->name && used < size; arg++) {
        bool is_optional = args_is_option(arg) || !arg->is_required;
        char choices[64] = "";
        if (arg->type == ARG_CHOICE && !args_is_option(arg)) {
            for (int i = 0; arg->choices[i]; i++) {
                size_t n = strlen(choices);
                snprintf(choices + n, sizeof choices - n, "%s%s", i ? "|" : "", arg->choices[i]);
            }
        }
        used += (size_t)snprintf(out + used, size - used, " %s%s%s%s%s%s", is_optional ? "[" : "",
                                 choices[0] ? choices : arg->name, arg->value ? " " : "",
                                 arg->value ? arg->value : "", arg->is_repeated ? "..." : "",
                                 is_optional ? "]" : "");
    }
    return out;
}

static const struct value *find_value(const struct cmd_args *a, const char *name, int index)
{
    for (int i = 0; i < a->n; i++)
        if (strcmp(a->values[i].arg->name, name) == 0 && index-- == 0)
            return &a->values[i];
    return NULL;
}

const char *cmd_text_at(const struct cmd_args *a, const char *name, int index)
{
    const struct value *v = find_value(a, name, index);
    return v ? v->text : NULL;
}

const char *cmd_text(const struct cmd_args *a, const char *name)
{
    return cmd_text_at(a, name, 0);
}

int cmd_count(const struct cmd_args *a, const char *name)
{
    int n = 0;
    while (find_value(a, name, n))
        n++;
    return n;
}

bool cmd_flag(const struct cmd_args *a, const char *name)
{
    return find_value(a, name, 0) != NULL;
}

int64_t cmd_integer(const struct cmd_args *a, const char *name, int64_t fallback)
{
    const struct value *v = find_value(a, name, 0);
    return v ? v->integer : fallback;
}

double cmd_real(const struct cmd_args *a, const char *name, double fallback)
{
    const struct value *v = find_value(a, name, 0);
    return v ? v->number : fallback;
}
