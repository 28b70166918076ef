/* Lays out and paints panes; moves and searches in them. */
#include "pane.h"

#include "text/color.h"
#include "text/sink_text.h"
#include "view/glyph.h"

#include <stdlib.h>
#include <string.h>

static void free_lines(struct pane *p)
{
    for (int i = 0; i < p->n_lines; i++) {
        free(p->lines[i].text);
        free(p->lines[i].key);
    }
    free(p->lines);
    p->lines = NULL;
    p->n_lines = 0;
}

void pane_clear(struct pane *p)
{
    for (int i = 0; i < p->n_sheets; i++)
        sheet_destroy(p->sheets[i]);
    free(p->sheets);
    p->sheets = NULL;
    p->n_sheets = 0;
}

void pane_finish(struct pane *p)
{
    pane_clear(p);
    free_lines(p);
}

bool pane_add(struct pane *p, const struct sheet *s)
{
    struct sheet **grown = realloc(p->sheets, sizeof *grown * (size_t)(p->n_sheets + 1));
    if (!grown)
        return false;
    p->sheets = grown;
    grown[p->n_sheets] = sheet_clone(s);
    if (!grown[p->n_sheets])
        return false;
    p->n_sheets++;
    return true;
}

static struct pane_line *add_line(struct pane *p, const char *text, size_t n)
{
    struct pane_line *grown = realloc(p->lines, sizeof *grown * (size_t)(p->n_lines + 1));
    char *copy = strndup(text, n);
    if (!grown || !copy) {
        free(copy);
        p->lines = grown ? grown : p->lines;
        return NULL;
    }
    p->lines = grown;
    grown[p->n_lines] = (struct pane_line){.text = copy};
    return &grown[p->n_lines++];
}

/* Texts: what the printing sink would print in this width. */
static void lay_out_text(struct pane *p, int width)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return;
    struct text_sink sink;
    text_sink_init(&sink, memory, memory);
    sink.width = width;
    sink.has_color = true;
    sink.mode = (enum text_mode)p->mode;
    for (int i = 0; i < p->n_sheets; i++) {
        struct c2s_error ignored = {0}; /* memory cannot refuse what fits the screen */
        if (!sink.sink.ops->show(&sink.sink, p->sheets[i], &ignored))
            break;
    }
    fclose(memory);
    for (const char *at = text; at && *at;) {
        size_t n = strcspn(at, "\n"), fit = n;
        if (p->mode != TEXT_TABLE) /* tables are wrapped already, and hold colours */
            fit = glyph_fit(at, width) < n ? glyph_fit(at, width) : n;
        if (!add_line(p, at, fit))
            break;
        at += fit + (at[fit] == '\n');
    }
    free(text);
}

/* Column by its key for machines, or by its heading when it has none. */
static int find_column(const struct sheet *s, const char *key)
{
    for (int c = 0; c < s->n_columns; c++) {
        const char *name = s->columns[c].key ? s->columns[c].key : s->columns[c].name;
        if (strcmp(name, key) == 0)
            return c;
    }
    return -1;
}

static void measure(const struct pane *p, const struct sheet *s, int *column, int *width, int n)
{
    char text[256];
    for (int k = 0; k < n; k++) {
        column[k] = find_column(s, p->keys[k]);
        width[k] = 0;
        for (int r = 0; column[k] >= 0 && r < s->n_rows; r++) {
            int w = glyph_width(sheet_cell_text(&s->rows[r].cells[column[k]], text, sizeof text));
            if (w > width[k])
                width[k] = w;
        }
    }
}

static void add_row(struct pane *p, const struct sheet *s, int r, const int *column,
                    const int *width)
{
    char line[512] = "", text[256], key[256];
    size_t used = 0;
    for (int k = 0; p->keys[k] && used + 1 < sizeof line; k++) {
        if (column[k] < 0)
            continue;
        const struct sheet_cell *cell = &s->rows[r].cells[column[k]];
        if (cell->kind == SHEET_NONE)
            text[0] = '\0';
        else
            sheet_cell_text(cell, text, sizeof text);
        int pad = width[k] - glyph_width(text);
        bool is_right = s->columns[column[k]].align == SHEET_RIGHT;
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%*s%s%*s", used ? " " : "",
                                 is_right ? pad : 0, "", text, is_right ? 0 : pad, "");
    }
    size_t n = strlen(line);
    while (n > 0 && line[n - 1] == ' ')
        n--;
    struct pane_line *added = add_line(p, line, n);
    if (!added || column[0] < 0)
        return;
    added->key = strdup(sheet_cell_text(&s->rows[r].cells[column[0]], key, sizeof key));
    added->role = s->rows[r].role;
}

#define MAX_KEYS 8

static void lay_out_list(struct pane *p)
{
    int column[MAX_KEYS], width[MAX_KEYS], n = 0;
    while (p->keys[n] && n < MAX_KEYS)
        n++;
    for (int i = 0; i < p->n_sheets; i++) {
        measure(p, p->sheets[i], column, width, n);
        for (int r = 0; r < p->sheets[i]->n_rows; r++)
            add_row(p, p->sheets[i], r, column, width);
    }
}

static void clamp(struct pane *p)
{
    int page = pane_page(p);
    if (p->cursor >= p->n_lines)
        p->cursor = p->n_lines - 1;
    if (p->cursor < 0)
        p->cursor = 0;
    if (p->keys) {
        if (p->cursor < p->top)
            p->top = p->cursor;
        if (p->cursor >= p->top + page)
            p->top = p->cursor - page + 1;
    }
    if (p->top > p->n_lines - page)
        p->top = p->n_lines - page;
    if (p->top < 0)
        p->top = 0;
}

void pane_layout(struct pane *p)
{
    struct pane_line *old = p->lines;
    int n_old = p->n_lines;
    char *key = pane_key(p) ? strdup(pane_key(p)) : NULL;
    p->lines = NULL;
    p->n_lines = 0;
    p->width = p->area.width - 2;
    if (p->keys)
        lay_out_list(p);
    else if (p->width > 0)
        lay_out_text(p, p->width);
    for (int i = 0; i < p->n_lines; i++) /* marks stay on their rows */
        for (int k = 0; k < n_old; k++)
            if (p->lines[i].key && old[k].key && strcmp(p->lines[i].key, old[k].key) == 0)
                p->lines[i].is_marked = old[k].is_marked;
    if (key)
        pane_select(p, key);
    clamp(p);
    free(key);
    for (int k = 0; k < n_old; k++) {
        free(old[k].text);
        free(old[k].key);
    }
    free(old);
}

int pane_page(const struct pane *p)
{
    return p->area.height > 2 ? p->area.height - 2 : 1;
}

/* The role that an ANSI sequence begins; PLAIN for one that ends. */
static enum sheet_role role_of(const char *sequence, size_t n)
{
    for (enum sheet_role role = SHEET_ERROR; role <= SHEET_DIM; role++) {
        const char *begin = color_begin(role);
        if (strlen(begin) == n && memcmp(begin, sequence, n) == 0)
            return role;
    }
    return SHEET_PLAIN;
}

/* A line with ANSI roles in it, piece by piece. */
static void paint_pieces(int top, int left, int width, const char *text)
{
    enum sheet_role role = SHEET_PLAIN;
    int used = 0;
    while (*text && used < width) {
        if (*text == '\033') {
            size_t n = strcspn(text, "m") + 1;
            role = role_of(text, n);
            text += n;
            continue;
        }
        size_t n = strcspn(text, "\033");
        char *piece = strndup(text, n);
        if (!piece)
            return;
        int w = glyph_width(piece);
        screen_text(top, left + used, w < width - used ? w : width - used, role, SCREEN_NORMAL,
                    piece);
        free(piece);
        used += w;
        text += n;
    }
}

int pane_wanted_width(const struct pane *p)
{
    int widest = 0;
    for (int i = 0; i < p->n_lines; i++) {
        int width = glyph_width(p->lines[i].text);
        if (width > widest)
            widest = width;
    }
    return widest + 4; /* frame, cursor, mark */
}

static void paint_list_line(const struct pane *p, int i, int top, bool is_focused)
{
    const struct pane_line *line = &p->lines[i];
    char text[600];
    enum screen_style style = i == p->cursor && is_focused ? SCREEN_REVERSE : SCREEN_NORMAL;
    snprintf(text, sizeof text, "%c%c%s", i == p->cursor ? '>' : ' ', line->is_marked ? '+' : ' ',
             line->text);
    screen_text(top, p->area.left + 1, p->width, line->role, style, text);
    if (glyph_width(text) > p->width)
        screen_text(top, p->area.left + p->width, 1, line->role, style, "~");
}

void pane_paint(struct pane *p, bool is_focused)
{
    char title[160];
    int page = pane_page(p);
    const char *name = p->heading[0] ? p->heading : p->title;
    if (p->n_lines > page)
        snprintf(title, sizeof title, " %s  %d-%d/%d ", name, p->top + 1,
                 p->top + page < p->n_lines ? p->top + page : p->n_lines, p->n_lines);
    else
        snprintf(title, sizeof title, " %s ", name);
    screen_frame(&p->area, title, is_focused);
    for (int row = 0; row < page; row++) {
        int i = p->top + row, top = p->area.top + 1 + row;
        if (i >= p->n_lines)
            break;
        if (p->keys)
            paint_list_line(p, i, top, is_focused);
        else
            paint_pieces(top, p->area.left + 1, p->width, p->lines[i].text);
    }
}

void pane_move(struct pane *p, int delta)
{
    if (p->keys)
        p->cursor += delta;
    else
        p->top += delta;
    clamp(p);
}

void pane_move_to(struct pane *p, int line)
{
    int target = line < 0 ? p->n_lines + line : line;
    if (p->keys)
        p->cursor = target;
    else
        p->top = target;
    clamp(p);
}

void pane_select(struct pane *p, const char *key)
{
    for (int i = 0; i < p->n_lines; i++)
        if (p->lines[i].key && strcmp(p->lines[i].key, key) == 0)
            p->cursor = i;
    clamp(p);
}

const char *pane_key(const struct pane *p)
{
    return p->keys && p->cursor < p->n_lines ? p->lines[p->cursor].key : NULL;
}

const struct sheet_cell *pane_cell(const struct pane *p, const char *column_key)
{
    int row = p->cursor;
    for (int i = 0; p->keys && i < p->n_sheets; i++) {
        const struct sheet *s = p->sheets[i];
        int c = find_column(s, column_key);
        if (row < s->n_rows)
            return c >= 0 ? &s->rows[row].cells[c] : NULL;
        row -= s->n_rows;
    }
    return NULL;
}

bool pane_search(struct pane *p, const char *text, bool backwards)
{
    int from = p->keys ? p->cursor : p->top;
    for (int k = 1; k <= p->n_lines; k++) {
        int i = (from + (backwards ? -k : k) + 2 * p->n_lines) % p->n_lines;
        if (strcasestr(p->lines[i].text, text)) {
            pane_move_to(p, i);
            return true;
        }
    }
    return false;
}

void pane_toggle_mark(struct pane *p)
{
    if (p->keys && p->cursor < p->n_lines)
        p->lines[p->cursor].is_marked = !p->lines[p->cursor].is_marked;
}
