/* Prints a sheet for people within the width of the screen. Text columns are shortened or wrapped,
 * minor columns left out (and named below), and what still has no room goes on below, beside the
 * columns that tell the rows apart: see columns.h. */
#include "sink_text.h"

#include "color.h"
#include "columns.h"
#include "view/glyph.h"

#include <stdlib.h>
#include <string.h>

#define GAP         2  /* between columns; 1 when there is no room */
#define COMFORT     14 /* text is shortened to this before columns are left out or go below */
#define TIGHT       8  /* and to this when one is alone with the keys */
#define MIN_COLUMN  6  /* nothing is wrapped below this */
#define MAX_KEYS    3
#define NOTE_INDENT 6 /* of lines under a row */

/* A table, or the columns of one that are printed beside each other. */
struct layout {
    struct text_sink *t;
    const struct sheet *s;
    struct column_fit *at; /* n of them */
    int n, gap;
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

/* Bytes of a word's beginning in `columns`: to behind a '/' or ',' if there is one, and never half
 * of a number. */
static size_t break_word(const char *word, int columns)
{
    size_t fit = glyph_fit(word, columns), n = fit;
    while (n > 0 && word[n - 1] != '/' && word[n - 1] != ',')
        n--;
    for (n = n > 0 ? n : fit; n > 0 && columns_parts_number(word, n);)
        n--;
    return n > 0 ? n : fit > 0 ? fit : 1;
}

/* Bytes of the first line of text in `columns`, *skip the blanks behind it. A word that is wider
 * stands alone, and whole if it may. */
static size_t first_line(const char *text, int columns, bool breaks_words, size_t *skip)
{
    size_t n = glyph_wrap(text, columns, skip), word = strcspn(text, " ");
    if (n >= word)
        return n;
    n = breaks_words ? break_word(text, columns) : word;
    *skip = strspn(text + n, " ");
    return n;
}

/* Wrapped text whose first line begins where the cursor is, the others at column `indent`. */
static void print_wrapped(struct text_sink *t, enum sheet_role role, const char *text, int indent)
{
    char *clean = glyph_clean(text);
    if (!clean)
        return;
    int columns = t->width - indent < MIN_COLUMN ? MIN_COLUMN : t->width - indent;
    for (const char *at = clean;;) {
        size_t skip, n = first_line(at, columns, t->breaks_words, &skip);
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

/* ---- tables ---- */

static bool is_last(const struct layout *l, int i)
{
    for (int k = i + 1; k < l->n; k++)
        if (l->at[k].width > 0)
            return false;
    return true;
}

/* Prints what the column has room for of *text, and leaves there what goes on in the next line:
 * NULL = nothing. */
static void print_piece(struct layout *l, int i, enum sheet_role role, const char **text)
{
    const struct column_fit *f = &l->at[i];
    const struct sheet_column *c = &l->s->columns[f->column];
    bool ends_line = is_last(l, i), wraps = c->align == SHEET_LEFT && (c->wraps || ends_line);
    size_t skip = 0, n = 0;
    char *piece = NULL;
    if (*text && wraps)
        n = first_line(*text, f->width, l->t->breaks_words || !ends_line, &skip);
    if (*text)
        piece = wraps ? strndup(*text, n) : columns_cut(*text, f->width);
    int blanks = f->width - (piece ? glyph_width(piece) : 0);
    blanks = blanks > 0 ? blanks : 0;
    if (c->align == SHEET_RIGHT)
        print_spaces(l->t, blanks);
    if (piece)
        print_role(l->t, role, piece, (int)strlen(piece));
    print_spaces(l->t, (c->align == SHEET_LEFT ? blanks : 0) + l->gap);
    *text = wraps && *text && (*text)[n + skip] ? *text + n + skip : NULL;
    free(piece);
}

/* row NULL = the headings. rest: room for n texts. */
static void print_texts(struct layout *l, const struct sheet_row *row, const char **rest)
{
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        for (int i = 0; i < l->n; i++) {
            if (l->at[i].width == 0)
                continue;
            const struct sheet_cell *cell = row ? &row->cells[l->at[i].column] : NULL;
            print_piece(l, i, !row ? SHEET_DIM : cell->role ? cell->role : row->role, &rest[i]);
            goes_on |= rest[i] != NULL;
        }
        end_line(l->t);
    }
}

static void print_row(struct layout *l, const struct sheet_row *row)
{
    char **text = calloc((size_t)l->n, sizeof *text);
    const char **rest = calloc((size_t)l->n, sizeof *rest);
    for (int i = 0; text && rest && i < l->n; i++) {
        int c = l->at[i].column;
        if (l->at[i].width > 0)
            text[i] = row ? columns_text(&row->cells[c]) : strdup(l->s->columns[c].name);
        rest[i] = text[i];
    }
    if (text && rest)
        print_texts(l, row, rest);
    for (int i = 0; text && i < l->n; i++)
        free(text[i]);
    free(text);
    free(rest);
}

static void print_notes(struct layout *l, const struct sheet_row *row)
{
    for (int i = 0; i < row->notes.n; i++) {
        print_spaces(l->t, NOTE_INDENT);
        print_wrapped(l->t, row->notes.at[i].role, row->notes.at[i].text,
                      NOTE_INDENT + label_width(row->notes.at[i].text));
    }
}

static void print_rows(struct layout *l, bool with_notes)
{
    print_row(l, NULL);
    for (int r = 0; r < l->s->n_rows; r++) {
        print_row(l, &l->s->rows[r]);
        if (with_notes)
            print_notes(l, &l->s->rows[r]);
    }
}

/* Chooses widths, and the wider gap where it fits. */
static bool fit(struct layout *l, int room, int least)
{
    bool fits = columns_fit(l->at, l->n, 1, room, least);
    l->gap = fits && columns_width(l->at, l->n, GAP) <= room ? GAP : 1;
    return fits;
}

static void tell_left_out(const struct layout *l)
{
    char *names = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&names, &size);
    if (!out)
        return;
    for (int i = 0; i < l->n; i++)
        if (l->at[i].width == 0)
            fprintf(out, "%s%s", ftell(out) > 0 ? ", " : "no room for ",
                    l->s->columns[l->at[i].column].name);
    if (ftell(out) > 0)
        fprintf(out, ": %s", l->t->more_room);
    fclose(out);
    if (names && names[0])
        print_wrapped(l->t, SHEET_DIM, names, 0);
    free(names);
}

static bool is_like_row_above(const struct layout *l, int r, int column)
{
    char *above = columns_text(&l->s->rows[r - 1].cells[column]);
    char *here = columns_text(&l->s->rows[r].cells[column]);
    bool is_like = above && here && strcmp(above, here) == 0;
    free(above);
    free(here);
    return is_like;
}

static bool tell_rows_apart(const struct layout *l, int n)
{
    for (int r = 1; r < l->s->n_rows; r++) {
        int k = 0;
        while (k < n && is_like_row_above(l, r, l->at[k].column))
            k++;
        if (k == n)
            return false;
    }
    return true;
}

/* So many of the first columns tell each row from the one above. A column of marks alone, without a
 * heading, does not count. 0 when they would leave too little of the screen. */
static int count_keys(const struct layout *l)
{
    int least = l->n > 1 && l->s->columns[l->at[0].column].name[0] == '\0' ? 2 : 1;
    int n = least;
    while (n < MAX_KEYS && n < l->n && !tell_rows_apart(l, n))
        n++;
    n = tell_rows_apart(l, n) ? n : least;
    struct layout keys = {.t = l->t, .s = l->s, .at = l->at, .n = n};
    int half = l->t->width / 2, rest = l->t->width - GAP - COLUMNS_LONGEST_WORD;
    return fit(&keys, half < rest ? half : rest, TIGHT) ? n : 0;
}

/* The table in parts below each other, each with the keys. */
static void print_parts(const struct layout *l)
{
    int room = l->t->width;
    struct layout part = {.t = l->t, .s = l->s, .at = calloc((size_t)l->n, sizeof *part.at)};
    for (int i = 0; i < l->n; i++)
        l->at[i].minor = 0;
    int n_keys = count_keys(l);
    for (int from = n_keys, to = from; part.at && from < l->n; from = to) {
        memcpy(part.at, l->at, (size_t)n_keys * sizeof *part.at);
        part.n = n_keys;
        do
            part.at[part.n++] = l->at[to++];
        while (to < l->n && fit(&part, room, COMFORT));
        if (!fit(&part, room, COMFORT) && to > from + 1) {
            part.n--;
            to--;
        }
        if (!fit(&part, room, COMFORT))
            fit(&part, room, TIGHT);
        print_rows(&part, to == l->n);
    }
    free(part.at);
}

static void print_table(struct text_sink *t, const struct sheet *s)
{
    struct layout l = {.t = t, .s = s, .at = calloc((size_t)s->n_columns + 1, sizeof *l.at)};
    for (int c = 0; l.at && c < s->n_columns; c++)
        if (s->columns[c].name)
            l.at[l.n++] = columns_measure(s, c, s->columns[c].name);
    if (l.n > 0 && fit(&l, t->width, COMFORT)) {
        print_rows(&l, true);
        tell_left_out(&l);
    } else if (l.n > 0) {
        print_parts(&l);
    }
    free(l.at);
}

void text_print_table(struct text_sink *t, const struct sheet *s)
{
    if (s->title && s->title[0])
        print_wrapped(t, SHEET_CURRENT, s->title, 0);
    print_lines(t, &s->before);
    if (s->n_rows > 0 && !s->rows_are_machine)
        print_table(t, s);
    print_lines(t, &s->after);
    if (s->next && s->next[0] && !t->is_quiet)
        print_wrapped(t, SHEET_PLAIN, s->next, 0);
}
