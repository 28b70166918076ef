/* Prints a sheet for people: aligned columns within the width of the screen. The last column wraps,
 * the widest other text columns are cut when there is no room. */
#include "sink_text.h"

#include "color.h"
#include "view/glyph.h"

#include <stdlib.h>
#include <string.h>

#define GAP         2 /* between columns; 1 when there is no room */
#define MIN_COLUMN  6 /* a column is never cut below this */
#define NOTE_INDENT 6 /* of lines under a row */

struct layout {
    struct text_sink *t;
    const struct sheet *s;
    int *width; /* per column; 0 = not shown */
    int last;   /* index of the last column shown */
    int gap;
};

static void print_role(struct text_sink *t, enum sheet_role role, const char *text, int n_bytes)
{
    const char *begin = t->has_color ? color_begin(role) : "";
    if (n_bytes == 0)
        return;
    fprintf(t->out, "%*s", t->pending, "");
    t->pending = 0;
    fprintf(t->out, "%s%.*s%s", begin, n_bytes, text, *begin ? COLOR_END : "");
}

/* Blanks are owed until something follows them, so that no line ends in blanks. */
static void print_spaces(struct text_sink *t, int n)
{
    t->pending += n;
}

static void end_line(struct text_sink *t)
{
    fputc('\n', t->out);
    t->pending = 0;
}

/* Wrapped text whose first line begins where the cursor is, the others at column `indent`. */
static void print_wrapped(struct text_sink *t, enum sheet_role role, const char *text, int indent)
{
    char *clean = glyph_clean(text);
    if (!clean)
        return;
    int columns = t->width - indent;
    for (const char *at = clean;;) {
        size_t skip, n = glyph_wrap(at, columns < MIN_COLUMN ? MIN_COLUMN : columns, &skip);
        print_role(t, role, at, (int)n);
        end_line(t);
        at += n + skip;
        if (*at == '\0')
            break;
        print_spaces(t, indent);
    }
    free(clean);
}

/* Of a short label such as "why: ", or a longer one with blanks up to a column ("assumed:  "),
 * under which nothing is wrapped; 0 = none. */
static int label_width(const char *text)
{
    size_t colon = strcspn(text, ":"), blanks = text[colon] ? strspn(text + colon + 1, " ") : 0;
    if (text[colon] == '\0' || colon > (blanks > 1 ? 7 : 6))
        return 0;
    return (int)(colon + 1 + blanks);
}

static void print_drawn(struct text_sink *t, const struct sheet_line *line)
{
    char *clean = glyph_clean(line->text);
    if (!clean)
        return;
    size_t blanks = strspn(clean, " "), fit = glyph_fit(clean, t->width);
    print_spaces(t, (int)blanks);
    if (fit > blanks)
        print_role(t, line->role, clean + blanks, (int)(fit - blanks));
    end_line(t);
    free(clean);
}

/* A free line: what does not fit goes on under its own indentation. */
static void print_line(struct text_sink *t, const struct sheet_line *line)
{
    if (line->is_drawn) {
        print_drawn(t, line);
        return;
    }
    int indent = (int)strspn(line->text, " ");
    print_spaces(t, indent);
    print_wrapped(t, line->role, line->text + indent, indent + label_width(line->text + indent));
}

static void print_lines(struct text_sink *t, const struct sheet_lines *lines)
{
    for (int i = 0; i < lines->n; i++)
        print_line(t, &lines->at[i]);
}

/* The cell's text, safe to print; new. */
static char *cell_text(const struct sheet_cell *cell)
{
    char number[64];
    if (cell->kind == SHEET_TEXT)
        return glyph_clean(cell->text ? cell->text : "");
    return strdup(sheet_cell_text(cell, number, sizeof number));
}

static void measure(struct layout *l)
{
    l->last = -1;
    for (int c = 0; c < l->s->n_columns; c++) {
        if (!l->s->columns[c].name)
            continue;
        l->last = c;
        l->width[c] = glyph_width(l->s->columns[c].name);
        for (int r = 0; r < l->s->n_rows; r++) {
            char *text = cell_text(&l->s->rows[r].cells[c]);
            int width = text ? glyph_width(text) : 0;
            free(text);
            if (width > l->width[c])
                l->width[c] = width;
        }
        if (l->width[c] == 0)
            l->width[c] = 1;
    }
}

static int total_width(const struct layout *l)
{
    int total = 0;
    for (int c = 0; c <= l->last; c++)
        if (l->width[c] > 0)
            total += l->width[c] + (c < l->last ? l->gap : 0);
    return total;
}

/* Takes columns from the widest left-aligned column until the table fits. */
static void squeeze(struct layout *l)
{
    if (total_width(l) > l->t->width)
        l->gap = 1;
    for (int excess = total_width(l) - l->t->width; excess > 0; excess--) {
        int widest = -1;
        for (int c = 0; c <= l->last; c++)
            if (l->s->columns[c].align == SHEET_LEFT && l->width[c] > MIN_COLUMN &&
                (widest < 0 || l->width[c] > l->width[widest]))
                widest = c;
        if (widest < 0)
            return;
        l->width[widest]--;
    }
}

/* Columns that the end of a cut text keeps: names differ at their ends, sentences do not. */
static int kept_end(const char *text, int width)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] <= 32 ||
            (unsigned char)text[i] > 126) /* a blank, or bytes of a character wider than one byte */
            return 0;
    return (width - 1) / 3;
}

static void print_cell(struct layout *l, int c, const char *text, enum sheet_role role, int column)
{
    enum sheet_align align = l->s->columns[c].align;
    if (c == l->last && align == SHEET_LEFT) {
        print_wrapped(l->t, role, text, column);
        return;
    }
    int width = glyph_width(text);
    bool is_cut = width > l->width[c];
    int end = is_cut ? kept_end(text, l->width[c]) : 0;
    size_t n = is_cut ? glyph_fit(text, l->width[c] - 1 - end) : strlen(text);
    int shown = is_cut ? l->width[c] : width;
    if (align == SHEET_RIGHT)
        print_spaces(l->t, l->width[c] - shown);
    print_role(l->t, role, text, (int)n);
    if (is_cut) {
        fputs("~", l->t->out);
        print_role(l->t, role, text + strlen(text) - end, end);
    }
    if (c == l->last)
        end_line(l->t);
    else
        print_spaces(l->t, (align == SHEET_LEFT ? l->width[c] - shown : 0) + l->gap);
}

static void print_row(struct layout *l, const struct sheet_row *row)
{
    int column = 0;
    for (int c = 0; c <= l->last; c++) {
        if (l->width[c] == 0)
            continue;
        const struct sheet_cell *cell = row ? &row->cells[c] : NULL;
        enum sheet_role role = !row ? SHEET_DIM : cell->role ? cell->role : row->role;
        char *text = row ? cell_text(cell) : strdup(l->s->columns[c].name);
        if (text)
            print_cell(l, c, text, role, column);
        free(text);
        column += l->width[c] + l->gap;
    }
    for (int i = 0; row && i < row->notes.n; i++) {
        print_spaces(l->t, NOTE_INDENT);
        print_wrapped(l->t, row->notes.at[i].role, row->notes.at[i].text,
                      NOTE_INDENT + label_width(row->notes.at[i].text));
    }
}

void text_print_table(struct text_sink *t, const struct sheet *s)
{
    if (s->title && s->title[0])
        print_wrapped(t, SHEET_CURRENT, s->title, 0);
    print_lines(t, &s->before);
    struct layout l = {
        .t = t, .s = s, .gap = GAP, .width = calloc((size_t)s->n_columns + 1, sizeof(int))};
    if (l.width && s->n_rows > 0 && !s->rows_are_machine) {
        measure(&l);
        squeeze(&l);
        if (l.last >= 0) {
            print_row(&l, NULL);
            for (int r = 0; r < s->n_rows; r++)
                print_row(&l, &s->rows[r]);
        }
    }
    free(l.width);
    print_lines(t, &s->after);
    if (s->next && s->next[0] && !t->is_quiet)
        print_wrapped(t, SHEET_PLAIN, s->next, 0);
}
