/* The one table from roles to ANSI colours. */
#include "color.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool color_is_wanted(enum color_choice choice, FILE *stream)
{
    if (choice != COLOR_AUTO)
        return choice == COLOR_ALWAYS;
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if ((no_color && *no_color) || !term || strcmp(term, "dumb") == 0)
        return false;
    return isatty(fileno(stream));
}

const char *color_begin(enum sheet_role role)
{
    static const char *const codes[] = {
        [SHEET_PLAIN] = "",        [SHEET_ERROR] = "\033[31m",   [SHEET_WARNING] = "\033[33m",
        [SHEET_GOOD] = "\033[32m", [SHEET_CHANGED] = "\033[36m", [SHEET_CURRENT] = "\033[1m",
        [SHEET_DIM] = "\033[2m",
    };
    return codes[role];
}
