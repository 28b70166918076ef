/* What the files of a pane share. */
#ifndef UI_PANE_PRIVATE_H
#define UI_PANE_PRIVATE_H

#include "pane.h"

#define PANE_MARKS 2 /* columns in front of a list's line: cursor, mark */
#define PANE_FRAME 2 /* left and right of a pane */

/* Adds n bytes of text; borrowed, NULL when out of memory. */
struct pane_line *pane_add_line(struct pane *p, const char *text, size_t n);
/* Lays the rows of the sheets out as lines of a list. */
void pane_layout_list(struct pane *p);
/* Column by its key for machines, or by its heading when it has none; one that people see before
 * one that is for machines alone; -1 = none. */
int pane_find_column(const struct sheet *s, const char *key);

#endif
