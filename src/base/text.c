/* A text that grows, and the two ways words and numbers are written so that they read back. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void text_add(struct text *t, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *grown = n < 0 ? NULL : c2s_realloc(t->at, t->length + (size_t)n + 1);
    if (grown) {
        vsnprintf(grown + t->length, (size_t)n + 1, fmt, again);
        t->at = grown;
        t->length += (size_t)n;
    } else {
        t->failed = true;
    }
    va_end(again);
    va_end(args);
}

void text_add_quoted(struct text *t, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./+:=,@%-";
    if (*word && *word != '-' && word[strspn(word, plain)] == '\0') {
        text_add(t, "%s", word);
        return;
    }
    if (!strchr(word, '\'')) {
        text_add(t, "'%s'", word);
        return;
    }
    text_add(t, "\"");
    for (; *word; word++)
        text_add(t, "%s%c", *word == '"' || *word == '\\' ? "\\" : "", *word);
    text_add(t, "\"");
}

void text_add_number(struct text *t, double value)
{
    char digits[40];
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    char *comma = strchr(digits, ','); /* the user's language must not change a script */
    if (comma)
        *comma = '.';
    text_add(t, "%s", digits);
}

bool text_take(struct text *t, char **out, struct c2s_error *err)
{
    if (!t->at && !t->failed)
        text_add(t, "%s", "");
    *out = t->failed ? NULL : t->at;
    if (t->failed)
        c2s_free(t->at);
    *t = (struct text){0};
    return *out || c2s_fail_nomem(err);
}
