/* Chooses how wide the columns of a table or list are when there is little room. Text gives way; a
 * number never does: half of one would be another number. */
#ifndef UI_COLUMNS_H
#define UI_COLUMNS_H

#include "view/sheet.h"

#include <stdbool.h>

#define COLUMNS_LONGEST_WORD 24 /* longer headings and words are cut or broken all the same */

struct column_fit {
    int column; /* index in the sheet */
    int wide;   /* of its widest text, the heading included */
    int solid;  /* of its widest text that must stay whole */
    int minor;  /* as in struct sheet_column */
    int width;  /* chosen; 0 = left out */
};

/* The cell as it is shown, safe for a terminal; new, or NULL when out of memory. */
char *columns_text(const struct sheet_cell *cell);
/* heading NULL = it has none. */
struct column_fit columns_measure(const struct sheet *s, int column, const char *heading);
/* Chooses the widths: text is shortened, the widest first, but not below `least`; if that is not
 * enough minor columns are left out. False when even then there is no room. */
bool columns_fit(struct column_fit *at, int n, int gap, int room, int least);
/* Of those that are shown, with the gaps. */
int columns_width(const struct column_fit *at, int n, int gap);
/* Whether a number would be parted in front of text[n]. */
bool columns_parts_number(const char *text, size_t n);
/* text when it fits, else its beginning, '~', and of a single word its end, never with a part of a
 * number; new, or NULL when out of memory. */
char *columns_cut(const char *text, int width);

#endif
