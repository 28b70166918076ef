/* Lays out and paints panes; moves and searches in them. The lines of lists: pane_list.c. */
#include "pane_private.h"

#include "text/color.h"
#include "text/columns.h"
#include "text/sink_text.h"
#include "view/glyph.h"

#include <stdlib.h>
#include <string.h>

static void free_lines(struct pane_line *lines, int n)
{
    for (int i = 0; i < n; i++) {
        free(lines[i].text);
        free(lines[i].whole);
        free(lines[i].key);
    }
    free(lines);
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
    free_lines(p->lines, p->n_lines);
    p->lines = NULL;
    p->n_lines = 0;
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

struct pane_line *pane_add_line(struct pane *p, const char *text, size_t n)
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

/* Bytes of a line of n that fit: for programs, so it is broken anywhere but in a number. */
static size_t fit_of(const char *line, size_t n, int width)
{
    size_t fit = glyph_fit(line, width), whole = fit;
    if (fit >= n)
        return n;
    while (whole > 0 && columns_parts_number(line, whole))
        whole--;
    return whole > 0 ? whole : fit;
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
    sink.breaks_words = true;
    if (p->more_room)
        sink.more_room = p->more_room;
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
            fit = fit_of(at, n, width);
        if (!pane_add_line(p, at, fit))
            break;
        at += fit + (at[fit] == '\n');
    }
    free(text);
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
    p->width = p->area.width - PANE_FRAME;
    p->left_out[0] = '\0';
    if (p->keys)
        pane_layout_list(p);
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
    free_lines(old, n_old);
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

static void paint_list_line(const struct pane *p, int i, int top, bool is_focused)
{
    const struct pane_line *line = &p->lines[i];
    enum screen_style style = i == p->cursor && is_focused ? SCREEN_REVERSE : SCREEN_NORMAL;
    char marks[PANE_MARKS + 1] = {i == p->cursor ? '>' : ' ', line->is_marked ? '+' : ' ', '\0'};
    screen_text(top, p->area.left + 1, PANE_MARKS, line->role, style, marks);
    screen_text(top, p->area.left + 1 + PANE_MARKS, p->width - PANE_MARKS, line->role, style,
                line->text);
}

/* On the frame: which columns a larger pane would show. */
static void paint_left_out(const struct pane *p)
{
    char text[sizeof p->left_out + 32];
    int room = p->area.width - 4;
    snprintf(text, sizeof text, " z shows %s ", p->left_out);
    if (glyph_width(text) > room)
        snprintf(text, sizeof text, " z shows more ");
    screen_text(p->area.top + p->area.height - 1, p->area.left + 2, glyph_width(text), SHEET_DIM,
                SCREEN_NORMAL, text);
}

/* On the frame: that a text goes on. */
static void paint_below(const struct pane *p, int page)
{
    char text[64];
    int n = p->n_lines - p->top - page;
    if (n <= 0)
        return;
    snprintf(text, sizeof text, " %d more below ", n);
    screen_text(p->area.top + p->area.height - 1, p->area.left + 2, glyph_width(text), SHEET_DIM,
                SCREEN_NORMAL, text);
}

/* The position always has room: the name is shortened. */
static void paint_title(const struct pane *p, int page, bool is_focused)
{
    char title[sizeof p->heading + 64], position[48] = " ";
    const char *name = p->heading[0] ? p->heading : p->title;
    int end = p->top + page < p->n_lines ? p->top + page : p->n_lines;
    if (p->n_lines > page)
        snprintf(position, sizeof position, "  %d-%d/%d ", p->top + 1, end, p->n_lines);
    char *cut = columns_cut(name, p->area.width - 5 - glyph_width(position));
    snprintf(title, sizeof title, " %s%s", cut ? cut : name, position);
    free(cut);
    screen_frame(&p->area, title, is_focused);
}

void pane_paint(struct pane *p, bool is_focused)
{
    int page = pane_page(p);
    paint_title(p, page, is_focused);
    if (p->left_out[0])
        paint_left_out(p);
    if (!p->keys)
        paint_below(p, page);
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
        int c = pane_find_column(s, column_key);
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
        if (strcasestr(p->lines[i].whole ? p->lines[i].whole : p->lines[i].text, text)) {
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
