/* The parts of the full screen share this: its state, and what keys do. */
#ifndef UI_TUI_PRIVATE_H
#define UI_TUI_PRIVATE_H

#include "cmd/cmd.h"
#include "view/view.h"
#include "pane.h"
#include "progress_pace.h"

#include <pthread.h>

enum tui_pane { TUI_VERSIONS, TUI_LAYERS, TUI_DETAIL, TUI_LOG, TUI_PANE_COUNT };

struct tui_sink {
    struct sink sink;    /* first */
    struct pane *target; /* where sheets go */
    int mode;            /* enum text_mode */
};

/* A command line that runs in a thread of its own, so that the screen never freezes. While it runs,
 * only that thread uses the session; the screen shows copies. */
struct tui_job {
    struct cmd_ctx *ctx;
    const char *line;
    struct c2s_error err;
    bool ok;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t ended;
    bool is_done, is_cancelled;
    struct progress_pace pace;
    char how_far[160];       /* "evaluating v2  450 of 1,000  45 %  2 s left"; "" = not told yet */
    struct view_curve curve; /* of a training */
    char training[200];      /* its line; "" = other work */
    struct sheet *epochs;    /* owned: a line for each that ended; NULL = none yet */
    char trained[64];        /* what the last of these lines is of: "training v2" */
    bool has_new_epoch;      /* the screen does not show it yet */
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
    bool needs_follow; /* another layer was selected: the detail pane must follow */
    bool shows_keys;   /* the detail pane shows the list of keys */
    char head[512];    /* the first line of the screen */
    struct tui_prompt prompt;
    char search[128];
    char status[512]; /* the last line: outcome, progress, failure */
    enum sheet_role status_role;
    char **history; /* owned: command lines that were run */
    int n_history;
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
void tui_follow(struct tui *t);  /* the selected layer in the detail pane */

/* tui_job.c */
/* Runs the line in a thread while the screen lives on; keys typed meanwhile are kept, Escape
 * cancels. Sheets go to the pane `out`. */
bool tui_job_run(struct tui *t, const char *line, struct pane *out, struct c2s_error *err);

/* tui_keys.c */
void tui_key(struct tui *t, int key);
/* "inspect conv2d"; and "hist conv2d --bins 30", which draws the selected layer; option is "" or
 * " --activations". False when no layer is selected. */
bool tui_inspect_line(const struct tui *t, char *out, size_t size);
bool tui_hist_line(const struct tui *t, const char *option, char *out, size_t size);
/* True when the selected layer has parameters. */
bool tui_has_weights(const struct tui *t);
/* "Enter open  a activations ...": the keys that matter in the pane with the focus, as many as
 * there is room for. */
void tui_footer(const struct tui *t, int width, char *out, size_t size);

/* tui_move.c: what keys do that only move */
void tui_search_next(struct tui *t);
void tui_search_previous(struct tui *t);
void tui_mark(struct tui *t);
void tui_down(struct tui *t);
void tui_up(struct tui *t);
void tui_page_down(struct tui *t);
void tui_page_up(struct tui *t);
void tui_half_down(struct tui *t);
void tui_half_up(struct tui *t);
void tui_to_top(struct tui *t);
void tui_to_bottom(struct tui *t);
void tui_focus_next(struct tui *t);
void tui_focus_previous(struct tui *t);
void tui_focus_1(struct tui *t);
void tui_focus_2(struct tui *t);
void tui_focus_3(struct tui *t);
void tui_focus_4(struct tui *t);
void tui_zoom(struct tui *t);
void tui_focus_on(struct tui *t, enum tui_pane pane);

/* tui_prompt.c */
void tui_prompt_open(struct tui *t, char sign, const char *text);
void tui_prompt_key(struct tui *t, int key);
void tui_prompt_paint(const struct tui *t, int top, int width);

#endif
