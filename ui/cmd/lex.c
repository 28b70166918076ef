/* The one place that knows how command lines are quoted. */
#include "lex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scanner {
    const char *line;
    size_t at;
    char *out; /* text of the current word, or NULL when nobody wants it */
    size_t used;
    bool is_quoted;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void keep(struct scanner *s, char c)
{
    if (s->out)
        s->out[s->used++] = c;
}

/* Reads the inside of a quote up to its end; false when the line ends first. */
static bool scan_quote(struct scanner *s)
{
    char quote = s->line[s->at++];
    s->is_quoted = true;
    for (char c; (c = s->line[s->at]) != '\0'; s->at++) {
        if (c == quote) {
            s->at++;
            return true;
        }
        char next = s->line[s->at + 1];
        if (quote == '"' && c == '\\' && (next == '"' || next == '\\'))
            c = s->line[++s->at];
        keep(s, c);
    }
    return false;
}

enum scan_end { SCAN_WORD, SCAN_OPEN_QUOTE, SCAN_OPEN_BACKSLASH };

/* Reads one word; *open gets where an unclosed quote begins. */
static enum scan_end scan_word(struct scanner *s, size_t *open)
{
    while (s->line[s->at] != '\0' && !is_blank(s->line[s->at])) {
        char c = s->line[s->at];
        if (c == '\'' || c == '"') {
            *open = s->at;
            if (!scan_quote(s))
                return SCAN_OPEN_QUOTE;
        } else if (c == '\\' && s->line[s->at + 1] == '\0') {
            s->at++;
            return SCAN_OPEN_BACKSLASH;
        } else {
            if (c == '\\')
                c = s->line[++s->at];
            keep(s, c);
            s->at++;
        }
    }
    return SCAN_WORD;
}

/* Moves to the next word; false at the end of the line or a comment. */
static bool skip_to_word(struct scanner *s)
{
    while (is_blank(s->line[s->at]))
        s->at++;
    return s->line[s->at] != '\0' && s->line[s->at] != '#';
}

static enum scan_end scan_line(const char *line)
{
    struct scanner s = {.line = line};
    size_t open;
    while (skip_to_word(&s)) {
        enum scan_end end = scan_word(&s, &open);
        if (end != SCAN_WORD)
            return end;
    }
    return SCAN_WORD;
}

bool lex_goes_on(const char *line)
{
    return scan_line(line) != SCAN_WORD;
}

bool lex_join(char **line, const char *next, struct c2s_error *err)
{
    enum scan_end end = *line ? scan_line(*line) : SCAN_WORD;
    if (end == SCAN_OPEN_BACKSLASH)
        (*line)[strlen(*line) - 1] = '\0';
    char *joined = NULL;
    if (asprintf(&joined, "%s%s%s", *line ? *line : "", end == SCAN_OPEN_QUOTE ? "\n" : "", next) <
        0)
        return c2s_fail_nomem(err);
    free(*line);
    *line = joined;
    return true;
}

static struct lex_word *add_word(struct lex_words *words, struct c2s_error *err)
{
    struct lex_word *at = realloc(words->at, (size_t)(words->n + 1) * sizeof *at);
    if (!at) {
        c2s_fail_nomem(err);
        return NULL;
    }
    words->at = at;
    at[words->n] = (struct lex_word){0};
    return &at[words->n++];
}

bool lex_append(struct lex_words *words, const char *text, struct c2s_error *err)
{
    struct lex_word *word = add_word(words, err);
    if (!word)
        return false;
    word->text = strdup(text);
    return word->text ? true : c2s_fail_nomem(err);
}

/* What a word's "~" stands for: the home folder, in front of "/" or alone; "" = itself. */
static const char *home_of(const char *word)
{
    const char *home = getenv("HOME");
    bool is_home = word[0] == '~' && (word[1] == '/' || word[1] == '\0' || is_blank(word[1]));
    return is_home && home ? home : "";
}

bool lex_line(const char *line, struct lex_words *out, struct c2s_error *err)
{
    *out = (struct lex_words){0};
    struct scanner s = {.line = line};
    bool ok = true;
    while (ok && skip_to_word(&s)) {
        size_t begin = s.at, open = 0;
        struct lex_word *word = add_word(out, err);
        const char *home = home_of(line + begin);
        ok = word && (word->text = malloc(strlen(line + begin) + strlen(home) + 1));
        if (!ok) {
            c2s_fail_nomem(err);
            break;
        }
        s.out = word->text;
        s.used = strlen(strcpy(word->text, home));
        s.at += *home != '\0';
        s.is_quoted = false;
        enum scan_end end = scan_word(&s, &open);
        word->text[s.used] = '\0';
        word->column = (int)begin + 1;
        word->end = s.at;
        word->is_quoted = s.is_quoted;
        if (end == SCAN_OPEN_QUOTE)
            ok = c2s_fail(err, C2S_USAGE, "the quote at column %d is not closed; end it with %c",
                          (int)open + 1, line[open]);
        else if (end == SCAN_OPEN_BACKSLASH)
            ok = c2s_fail(err, C2S_USAGE,
                          "the line ends in a backslash and nothing follows; remove it");
    }
    if (!ok)
        lex_finish(out);
    return ok;
}

void lex_finish(struct lex_words *words)
{
    for (int i = 0; i < words->n; i++)
        free(words->at[i].text);
    free(words->at);
    *words = (struct lex_words){0};
}
