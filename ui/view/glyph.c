/* Measures and cuts text for a terminal, without trusting it: names come from model files. */
#include "glyph.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

bool glyph_is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Bytes of the UTF-8 character at text and its code point; a stray byte is '?' of one byte. */
static size_t decode(const char *text, unsigned *code)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
    if (n == 1) {
        *code = s[0];
        return 1;
    }
    *code = '?';
    if (n == 0 || s[0] > 0xf4)
        return 1;
    unsigned value = s[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 1;
        value = (value << 6) | (s[i] & 0x3fu);
    }
    *code = value;
    return n;
}

static int code_width(unsigned code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        return 1;
    int width = wcwidth((wchar_t)code);
    return width < 0 ? 1 : width;
}

int glyph_width(const char *text)
{
    int width = 0;
    while (*text) {
        unsigned code;
        text += decode(text, &code);
        width += code_width(code);
    }
    return width;
}

size_t glyph_fit(const char *text, int columns)
{
    size_t used = 0;
    while (text[used]) {
        unsigned code;
        size_t n = decode(text + used, &code);
        columns -= code_width(code);
        if (columns < 0)
            break;
        used += n;
    }
    return used;
}

size_t glyph_wrap(const char *text, int columns, size_t *skip)
{
    size_t fit = glyph_fit(text, columns < 1 ? 1 : columns);
    *skip = 0;
    if (text[fit] == '\0')
        return fit;
    size_t end = fit;
    while (end > 0 && (text[end] != ' ' || text[end + 1] == '%')) /* "83.3 %" stays together */
        end--;
    while (end > 0 && text[end - 1] == ' ')
        end--;
    if (end == 0)
        end = fit > 0 ? fit : 1; /* one word is wider than the column */
    *skip = strspn(text + end, " ");
    return end;
}

void glyph_keep_parts(char *line, int columns)
{
    size_t fit = glyph_fit(line, columns), end = fit;
    if (line[fit] == '\0')
        return;
    while (end > 1 && strncmp(line + end - 1, "  ", 2) != 0)
        end--;
    line[end > 1 ? end - 1 : fit] = '\0';
}

char *glyph_clean(const char *text)
{
    char *clean = malloc(strlen(text) + 1);
    char *out = clean;
    while (clean && *text) {
        unsigned code;
        size_t n = decode(text, &code);
        bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
        if (is_control || (n == 1 && (unsigned char)*text >= 0x80)) {
            *out++ = '?';
        } else {
            memcpy(out, text, n);
            out += n;
        }
        text += n;
    }
    if (clean)
        *out = '\0';
    return clean;
}
