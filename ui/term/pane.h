/* A pane of the full screen: a scrollable list (one line per row of a sheet) or a text (sheets as
 * the text sink prints them), with cursor, marks and search. */
#ifndef UI_PANE_H
#define UI_PANE_H

#include "screen.h"
#include "view/sheet.h"

struct pane_line {
    char *text;           /* owned; role changes as ANSI colours, see text/color.h */
    char *whole;          /* owned; lists: the text in a pane that has room for it, else NULL */
    char *key;            /* owned; lists: what the row stands for, else NULL */
    enum sheet_role role; /* lists: of the whole line */
    bool is_marked;
};

struct pane {
    const char *title;       /* borrowed */
    char heading[96];        /* shown instead of title when not empty */
    const char *const *keys; /* lists: columns to show, the first is the row's key; ends with
                                NULL. NULL = a text pane */
    struct sheet **sheets;   /* owned: what is shown */
    int n_sheets;
    struct pane_line *lines; /* owned: the sheets laid out for `width` */
    int n_lines, width;
    char left_out[64];       /* lists: names of the columns without room */
    const char *more_room;   /* static; texts: what shows columns without room; NULL = the usual */
    int cursor, top;         /* line indices; text panes only scroll */
    int mode;                /* enum text_mode of a text pane */
    struct screen_area area; /* frame included */
};

void pane_finish(struct pane *p); /* accepts a zeroed one */
void pane_clear(struct pane *p);
/* Adds a copy of s behind what is shown; false when out of memory. */
bool pane_add(struct pane *p, const struct sheet *s);
/* Lays the sheets out for the pane's area; keeps the cursor on the row of the same key. */
void pane_layout(struct pane *p);
void pane_paint(struct pane *p, bool is_focused);

/* Moves by lines (lists: the cursor; texts: the view), clamped. */
void pane_move(struct pane *p, int delta);
void pane_move_to(struct pane *p, int line); /* negative counts from the end */
int pane_page(const struct pane *p);         /* lines that fit */
int pane_wanted_width(const struct pane *p); /* columns that show a list uncut, frame included */
int pane_used_width(const struct pane *p);   /* that its lines take now, frame included */
/* Puts the cursor on the row with that key, if there is one. */
void pane_select(struct pane *p, const char *key);
const char *pane_key(const struct pane *p); /* of the row under the cursor; borrowed, or NULL */
/* Text of a cell in the row under the cursor; borrowed, or NULL. */
const struct sheet_cell *pane_cell(const struct pane *p, const char *column_key);
/* Next line that holds text (any case), from behind the cursor and round; false when none. */
bool pane_search(struct pane *p, const char *text, bool backwards);
void pane_toggle_mark(struct pane *p);

#endif
