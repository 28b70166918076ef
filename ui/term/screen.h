/* The terminal as a grid of cells: opening and restoring it, text with roles, keys. The only part
 * that knows curses is screen.c. */
#ifndef UI_SCREEN_H
#define UI_SCREEN_H

#include "view/sheet.h"

#include <stdbool.h>

/* Keys beside characters, which are their code point. Control-D is 4, Tab 9, Enter 13, Escape 27.
 */
enum screen_key {
    KEY_IS_NONE = 0,
    KEY_IS_TAB = 9,
    KEY_IS_ENTER = 13,
    KEY_IS_ESCAPE = 27,
    KEY_IS_UP = 0x200000, /* above every code point */
    KEY_IS_DOWN,
    KEY_IS_LEFT,
    KEY_IS_RIGHT,
    KEY_IS_HOME,
    KEY_IS_END,
    KEY_IS_PAGE_UP,
    KEY_IS_PAGE_DOWN,
    KEY_IS_BACKSPACE,
    KEY_IS_DELETE,
    KEY_IS_BACK_TAB,
    KEY_IS_RESIZE
};

enum screen_style { SCREEN_NORMAL, SCREEN_REVERSE, SCREEN_BOLD, SCREEN_UNDERLINE };

struct screen_area {
    int top, left, height, width;
};

/* Takes over the terminal; standard error goes to a hidden file meanwhile, so that no stray message
 * damages the picture. Fails: STATE when there is no terminal that can do it. */
bool screen_open(struct c2s_error *err) C2S_MUST_CHECK;
/* Gives the terminal back as it was; accepts being closed already. Fatal signals do it too. */
void screen_close(void);

void screen_size(int *height, int *width);
void screen_clear(void);
void screen_refresh(void);

/* Writes text into `width` cells from (top, left): cut, or padded with blanks. */
void screen_text(int top, int left, int width, enum sheet_role role, enum screen_style style,
                 const char *text);
/* A frame with a title in its upper edge; is_focused draws the title reversed. */
void screen_frame(const struct screen_area *area, const char *title, bool is_focused);
/* Where the cursor stands; top -1 hides it. */
void screen_cursor(int top, int left);

/* Next key, or KEY_IS_NONE after timeout_ms (-1 = wait). */
int screen_key(int timeout_ms);

/* What was written to standard error since the last call: new text, or NULL when nothing was. */
char *screen_take_messages(void);

#endif
