/* A command line into words: quotes, comments, columns. */
#ifndef UI_LEX_H
#define UI_LEX_H

#include <c2s/error.h>

#include <stddef.h>

struct lex_word {
    char *text; /* without quotes; owned by struct lex_words */
    int column; /* first character in the line, from 1 */
    size_t end; /* bytes from the line's begin to behind the word */
    bool is_quoted;
};
struct lex_words {
    struct lex_word *at;
    int n;
};

/* Splits at blanks. '...' is taken literally; "..." knows \" and \\; \c outside quotes is c;
 * # at the begin of a word makes the rest a comment; ~ and ~/ at its begin are the home folder,
 * outside quotes. Fails: USAGE (with the column), NOMEM. */
bool lex_line(const char *line, struct lex_words *out, struct c2s_error *err) C2S_MUST_CHECK;
/* Appends one ready word (from argv). */
bool lex_append(struct lex_words *words, const char *text, struct c2s_error *err) C2S_MUST_CHECK;
void lex_finish(struct lex_words *words); /* accepts a zeroed one */

/* True when the line goes on: it ends inside a quote, or in a backslash outside a comment. */
bool lex_goes_on(const char *line);
/* Continues *line (NULL = nothing yet) with the next physical line: a backslash at its end goes
 * away, inside a quote the line break stays. *line is owned by the caller. */
bool lex_join(char **line, const char *next, struct c2s_error *err) C2S_MUST_CHECK;

#endif
