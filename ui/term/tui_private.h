/* The parts of the full screen share this: its state, and what keys do. */
#ifndef UI_TUI_PRIVATE_H
#define UI_TUI_PRIVATE_H

#include "cmd/cmd.h"
#include "pane.h"

enum tui_pane { TUI_VERSIONS, TUI_LAYERS, TUI_DETAIL, TUI_LOG, TUI_PANE_COUNT };

struct tui_sink {
    struct sink sink; /* first */
    struct tui *tui;
    enum tui_pane target; /* where sheets go */
    const char *mode;
};

struct tui_prompt {
    char sign; /* ':' command, '/' search, 0 = closed */
    char text[512];
    int cursor;     /* byte index */
    int history_at; /* index into history while browsing */
};

struct tui {
    struct cmd_ctx *ctx;
    struct tui_sink sink;
    struct pane panes[TUI_PANE_COUNT];
    enum tui_pane focus;
    bool is_zoomed, wants_leave, is_too_small;
    struct tui_prompt prompt;
    char search[128];
    char status[512]; /* the last line: outcome, progress, failure */
    enum sheet_role status_role;
    char **history; /* owned: command lines that were run */
    int n_history;
    bool cancelled;
    int typed_ahead[32]; /* keys pressed while a command ran, to be handled after it */
    int n_typed_ahead;
};

/* tui.c */
/* Runs one command line and shows what it says: sheets in the detail pane, line and outcome in the
 * log. A failure is shown, never returned. */
void tui_command(struct tui *t, const char *fmt, ...) C2S_PRINTF(2, 3);
void tui_say(struct tui *t, enum sheet_role role, const char *fmt, ...) C2S_PRINTF(3, 4);
void tui_arrange(struct tui *t); /* pane areas for the screen's size */
void tui_paint(struct tui *t);
void tui_refresh(struct tui *t); /* versions and layers again */

/* tui_keys.c */
void tui_key(struct tui *t, int key);
/* "Enter open  a activations ...": the keys that matter in the pane with the focus. */
void tui_footer(const struct tui *t, char *out, size_t size);

/* tui_prompt.c */
void tui_prompt_open(struct tui *t, char sign, const char *text);
void tui_prompt_key(struct tui *t, int key);
void tui_prompt_paint(const struct tui *t, int top, int width);

#endif
