/* ANSI colours for roles, and when to use them. Colour is never the only sign. */
#ifndef UI_COLOR_H
#define UI_COLOR_H

#include "view/sheet.h"

#include <stdio.h>

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* AUTO: only on a terminal, and not with NO_COLOR (non-empty) or TERM=dumb. */
bool color_is_wanted(enum color_choice choice, FILE *stream);
/* Escape sequence that begins a role, "" for PLAIN; static. */
const char *color_begin(enum sheet_role role);
#define COLOR_END "\033[0m"

#endif
