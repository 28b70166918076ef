/* Characters on a terminal: how wide a text is, where to cut it, what the locale can draw. */
#ifndef UI_GLYPH_H
#define UI_GLYPH_H

#include <stdbool.h>
#include <stddef.h>

/* True when the locale's encoding is UTF-8 (after setlocale). */
bool glyph_is_utf8(void);

/* Columns that the text takes on the screen. Control characters count as one ('?'). */
int glyph_width(const char *text);
/* Bytes of the longest beginning of text that fits in `columns`. */
size_t glyph_fit(const char *text, int columns);
/* Bytes of the first line when text is wrapped at `columns`: breaks at a blank if there is one,
 * never inside a character; *skip gets the blanks behind the break. */
size_t glyph_wrap(const char *text, int columns, size_t *skip);
/* Cuts a line of parts with two blanks between them behind the last part that fits in `columns`:
 * half a number would be another number. */
void glyph_keep_parts(char *line, int columns);
/* Copies text and makes it harmless: control characters and bytes that are no UTF-8 become '?'.
 * New, or NULL when out of memory. */
char *glyph_clean(const char *text);

#endif
