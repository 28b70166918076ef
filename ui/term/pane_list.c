/* The lines of a list: one for each row, in the width of its pane. */
#include "pane_private.h"

#include "text/columns.h"
#include "view/glyph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pane_find_column(const struct sheet *s, const char *key)
{
    int found = -1;
    for (int c = 0; c < s->n_columns; c++) {
        const struct sheet_column *column = &s->columns[c];
        if (strcmp(column->key ? column->key : column->name, key) != 0)
            continue;
        if (column->name)
            return c;
        found = c;
    }
    return found;
}

#define MAX_KEYS   8
#define SHORT_NAME 16 /* the first column's text is not shortened below this, */
#define SHORT_TEXT 4  /* nor other text */

static bool is_empty(const struct sheet_cell *cell)
{
    return cell->kind == SHEET_NONE ||
           (cell->kind == SHEET_TEXT && (!cell->text || cell->text[0] == '\0'));
}

/* The columns of a list that have anything to say, the most important first; how many. */
static int measure_list(const struct pane *p, const struct sheet *s, struct column_fit *at)
{
    int n = 0;
    for (int k = 0; p->keys[k] && n < MAX_KEYS; k++) {
        int column = pane_find_column(s, p->keys[k]), r = 0;
        while (column >= 0 && r < s->n_rows && is_empty(&s->rows[r].cells[column]))
            r++;
        if (column < 0 || r == s->n_rows)
            continue;
        at[n] = columns_measure(s, column, NULL);
        at[n].width = at[n].wide;
        at[n].minor = n;
        n++;
    }
    if (n > 0 && at[0].solid < SHORT_NAME)
        at[0].solid = at[0].wide < SHORT_NAME ? at[0].wide : SHORT_NAME;
    return n;
}

/* New text of a row of a list without blanks at its end, or NULL. */
static char *list_text(const struct sheet *s, int r, const struct column_fit *at, int n)
{
    char *text = NULL;
    size_t size = 0;
    FILE *line = open_memstream(&text, &size);
    int owed = 0; /* blanks in front of the next text */
    for (int i = 0; line && i < n; i++) {
        const struct sheet_cell *cell = &s->rows[r].cells[at[i].column];
        if (at[i].width == 0)
            continue;
        char *whole = is_empty(cell) ? strdup("") : columns_text(cell);
        char *shown = whole ? columns_cut(whole, at[i].width) : NULL;
        int blanks = at[i].width - (shown ? glyph_width(shown) : 0);
        bool is_right = s->columns[at[i].column].align == SHEET_RIGHT;
        if (shown && shown[0])
            fprintf(line, "%*s%s", owed + (is_right ? blanks : 0), "", shown);
        owed = !shown || !shown[0] ? owed + blanks + 1 : is_right ? 1 : blanks + 1;
        free(whole);
        free(shown);
    }
    if (line)
        fclose(line);
    return text;
}

static void add_row(struct pane *p, const struct sheet *s, int r, const struct column_fit *whole,
                    const struct column_fit *at, int n)
{
    char *text = list_text(s, r, at, n);
    struct pane_line *added = text && n > 0 ? pane_add_line(p, text, strlen(text)) : NULL;
    free(text);
    if (!added)
        return;
    added->whole = list_text(s, r, whole, n);
    added->key = columns_text(&s->rows[r].cells[at[0].column]);
    added->role = s->rows[r].role;
}

/* Names the columns of a list that there is no room for: "output, see". */
static void note_left_out(struct pane *p, const struct sheet *s, const struct column_fit *at, int n)
{
    size_t used = 0, size = sizeof p->left_out;
    p->left_out[0] = '\0';
    for (int i = 0; i < n && used < size; i++) {
        const struct sheet_column *c = &s->columns[at[i].column];
        if (at[i].width == 0)
            used += (size_t)snprintf(p->left_out + used, size - used, "%s%s", used ? ", " : "",
                                     c->name && c->name[0] ? c->name
                                     : c->key              ? c->key
                                                           : "mark");
    }
}

void pane_layout_list(struct pane *p)
{
    struct column_fit whole[MAX_KEYS], at[MAX_KEYS];
    for (int i = 0; i < p->n_sheets; i++) {
        const struct sheet *s = p->sheets[i];
        int n = measure_list(p, s, whole);
        memcpy(at, whole, sizeof at);
        columns_fit(at, n, 1, p->width - PANE_MARKS, SHORT_TEXT);
        note_left_out(p, s, at, n);
        for (int r = 0; r < s->n_rows; r++)
            add_row(p, s, r, whole, at, n);
    }
}

int pane_wanted_width(const struct pane *p)
{
    struct column_fit at[MAX_KEYS];
    int widest = 0;
    for (int i = 0; p->keys && i < p->n_sheets; i++) {
        int width = columns_width(at, measure_list(p, p->sheets[i], at), 1);
        widest = width > widest ? width : widest;
    }
    return widest + PANE_MARKS + PANE_FRAME;
}

int pane_used_width(const struct pane *p)
{
    int widest = 0;
    for (int i = 0; i < p->n_lines; i++) {
        int width = glyph_width(p->lines[i].text);
        widest = width > widest ? width : widest;
    }
    return widest + PANE_MARKS + PANE_FRAME;
}
