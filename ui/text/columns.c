/* Measures columns, gives them widths, and shortens what does not fit. */
#include "columns.h"

#include "view/glyph.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

char *columns_text(const struct sheet_cell *cell)
{
    char number[64];
    if (cell->kind == SHEET_TEXT)
        return glyph_clean(cell->text ? cell->text : "");
    return strdup(sheet_cell_text(cell, number, sizeof number));
}

/* "5.3e-05", "90.0 +-6.0", "28,28,1" */
static bool is_number(const char *text)
{
    return strpbrk(text, "0123456789") && text[strspn(text, "0123456789.,+-*x%()eE ")] == '\0';
}

static int longest_word(const char *text)
{
    int longest = 0;
    while (*text) {
        size_t n = strcspn(text, " ");
        char *word = strndup(text, n);
        int width = word ? glyph_width(word) : 0;
        free(word);
        longest = width > longest ? width : longest;
        text += n;
        text += strspn(text, " ");
    }
    return longest < COLUMNS_LONGEST_WORD ? longest : COLUMNS_LONGEST_WORD;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

struct column_fit columns_measure(const struct sheet *s, int column, const char *heading)
{
    const struct sheet_column *c = &s->columns[column];
    struct column_fit f = {.column = column, .wide = 1, .minor = c->minor};
    for (int r = 0; r < s->n_rows; r++) {
        const struct sheet_cell *cell = &s->rows[r].cells[column];
        char *text = columns_text(cell);
        int width = text ? glyph_width(text) : 0;
        f.wide = larger(f.wide, width);
        if (text && c->wraps)
            f.solid = larger(f.solid, longest_word(text));
        else if (text && (c->align == SHEET_RIGHT || cell->kind != SHEET_TEXT || is_number(text)))
            f.solid = larger(f.solid, width);
        free(text);
    }
    int width = heading ? glyph_width(heading) : 0;
    f.wide = larger(f.wide, width);
    f.solid = larger(f.solid, width < COLUMNS_LONGEST_WORD ? width : COLUMNS_LONGEST_WORD);
    return f;
}

int columns_width(const struct column_fit *at, int n, int gap)
{
    int total = 0, shown = 0;
    for (int i = 0; i < n; i++) {
        total += at[i].width;
        shown += at[i].width > 0;
    }
    return total + (shown > 1 ? (shown - 1) * gap : 0);
}

/* Takes columns from the widest text until all fit; false when there is none left to take. */
static bool squeeze(struct column_fit *at, int n, int excess, int least)
{
    for (; excess > 0; excess--) {
        int widest = -1;
        for (int i = 0; i < n; i++)
            if (at[i].width > larger(at[i].solid, least) &&
                (widest < 0 || at[i].width > at[widest].width))
                widest = i;
        if (widest < 0)
            return false;
        at[widest].width--;
    }
    return true;
}

bool columns_fit(struct column_fit *at, int n, int gap, int room, int least)
{
    int limit = 0; /* minor columns from here on are left out; 0 = all are shown */
    for (;;) {
        int most = 0;
        for (int i = 0; i < n; i++) {
            bool is_out = limit > 0 && at[i].minor >= limit;
            at[i].width = is_out ? 0 : at[i].wide;
            most = is_out ? most : larger(most, at[i].minor);
        }
        if (squeeze(at, n, columns_width(at, n, gap) - room, least))
            return true;
        if (most == 0)
            return false;
        limit = most;
    }
}

bool columns_parts_number(const char *text, size_t n)
{
    return n > 0 && (isdigit((unsigned char)text[n]) || text[n] == '.') &&
           (isdigit((unsigned char)text[n - 1]) || text[n - 1] == '.');
}

/* Bytes that the end of a cut text keeps: names differ at their ends, sentences do not. */
static size_t kept_end(const char *text, int width)
{
    size_t n = strlen(text), end = (size_t)(width - 1) / 3;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] <= 32 ||
            (unsigned char)text[i] > 126) /* a blank, or bytes of a character wider than one byte */
            return 0;
    while (end > 0 && columns_parts_number(text, n - end))
        end--;
    return end;
}

char *columns_cut(const char *text, int width)
{
    if (glyph_width(text) <= width)
        return strdup(text);
    size_t end = width > 1 ? kept_end(text, width) : 0;
    size_t begin = glyph_fit(text, width - 1 - (int)end), whole = begin;
    while (whole > 0 && columns_parts_number(text, whole))
        whole--;
    begin = whole > 0 ? whole : begin;
    char *cut = malloc(begin + end + 2);
    if (!cut)
        return NULL;
    memcpy(cut, text, begin);
    cut[begin] = '~';
    memcpy(cut + begin + 1, text + strlen(text) - end, end + 1);
    return cut;
}
