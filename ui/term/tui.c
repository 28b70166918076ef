/* The full screen: versions, layers, detail and a log of commands. Every key that does something
 * becomes a command line that runs like one typed in the shell. */
#include "tui.h"
#include "tui_private.h"

#include "text/sink_text.h"
#include "view/glyph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIN_HEIGHT 24
#define MIN_WIDTH  80
#define WIDE       100 /* from here on three columns */
#define LOG_HEIGHT 5
#define REDRAW_MS  100

void tui_say(struct tui *t, enum sheet_role role, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(t->status, sizeof t->status, fmt, args);
    va_end(args);
    t->status_role = role;
}

static bool sink_show(struct sink *sink, const struct sheet *sheet, struct c2s_error *err)
{
    struct tui_sink *s = (struct tui_sink *)sink;
    struct pane *p = &s->tui->panes[s->target];
    if (!pane_add(p, sheet))
        return c2s_fail_nomem(err);
    if (s->target == TUI_DETAIL && sheet->next && sheet->next[0])
        tui_say(s->tui, SHEET_PLAIN, "%s", sheet->next);
    return true;
}

static void sink_tell(struct sink *sink, const struct c2s_error *error, bool in_script)
{
    (void)in_script;
    struct tui *t = ((struct tui_sink *)sink)->tui;
    tui_say(t, SHEET_ERROR, "error: %s%s%s", error->where, error->where[0] ? ": " : "",
            error->text);
}

static const char *sink_mode(struct sink *sink, const char *name)
{
    struct tui_sink *s = (struct tui_sink *)sink;
    const char *before = s->mode;
    for (int i = 0; name && text_mode_names[i]; i++)
        if (strcmp(text_mode_names[i], name) == 0) {
            s->mode = text_mode_names[i];
            s->tui->panes[TUI_DETAIL].mode = i;
            return before;
        }
    return name ? NULL : before;
}

/* Runs a command of the screen itself, which the log does not show. */
static void fill(struct tui *t, enum tui_pane pane, const char *line)
{
    struct c2s_error err = {0};
    pane_clear(&t->panes[pane]);
    t->sink.target = pane;
    if (c2s_session_current(t->ctx->session) && !cmd_run_line(t->ctx, line, &err) &&
        err.code != C2S_GATE)
        tui_say(t, SHEET_ERROR, "error: %s: %s", err.where, err.text);
    t->sink.target = TUI_DETAIL;
    pane_layout(&t->panes[pane]);
}

void tui_refresh(struct tui *t)
{
    const struct c2s_version *now = c2s_session_current(t->ctx->session);
    fill(t, TUI_VERSIONS, "log");
    fill(t, TUI_LAYERS, "layers");
    snprintf(t->panes[TUI_LAYERS].heading, sizeof t->panes[TUI_LAYERS].heading, "2 layers of v%lld",
             now ? (long long)now->info.id : 0);
}

static void remember(struct tui *t, const char *line)
{
    if (t->n_history > 0 && strcmp(t->history[t->n_history - 1], line) == 0)
        return;
    char **grown = realloc(t->history, sizeof *grown * (size_t)(t->n_history + 1));
    char *copy = strdup(line);
    if (!grown || !copy) {
        free(copy);
        t->history = grown ? grown : t->history;
        return;
    }
    t->history = grown;
    grown[t->n_history++] = copy;
}

/* One line in the log: the command, and what came of it. */
static void log_command(struct tui *t, const char *line, bool ok, double seconds)
{
    struct sheet *s = sheet_create("%s", "");
    sheet_before(s, ok ? SHEET_PLAIN : SHEET_ERROR, "%s  %s  %.2f s", line,
                 ok ? "" : "failed:", seconds);
    if (!ok)
        sheet_before(s, SHEET_PLAIN, "  %s", t->status);
    char *messages = screen_take_messages();
    for (char *at = messages; at && *at;) {
        size_t n = strcspn(at, "\n");
        sheet_before(s, SHEET_DIM, "  %.*s", (int)n, at);
        at += n + (at[n] == '\n');
    }
    free(messages);
    if (s && pane_add(&t->panes[TUI_LOG], s)) {
        pane_layout(&t->panes[TUI_LOG]);
        pane_move_to(&t->panes[TUI_LOG], -1);
    }
    sheet_destroy(s);
}

static int64_t current_id(const struct tui *t)
{
    const struct c2s_version *now = c2s_session_current(t->ctx->session);
    return now ? now->info.id : 0;
}

static void select_current(struct tui *t)
{
    char name[32];
    snprintf(name, sizeof name, "v%lld", (long long)current_id(t));
    pane_select(&t->panes[TUI_VERSIONS], name);
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void tui_command(struct tui *t, const char *fmt, ...)
{
    char line[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    remember(t, line);
    struct pane *detail = &t->panes[TUI_DETAIL];
    pane_clear(detail);
    detail->mode = 0;
    snprintf(detail->heading, sizeof detail->heading, "3 %.80s", line);
    tui_say(t, SHEET_PLAIN, "%s ...", line);
    tui_paint(t);
    t->cancelled = false;
    t->status[0] = '\0';
    int64_t before = current_id(t);
    double began = now_seconds();
    struct c2s_error err = {0};
    bool ok = cmd_run_line(t->ctx, line, &err);
    bool has_moved = current_id(t) != before;
    if (!ok)
        sink_tell(&t->sink.sink, &err, false);
    int mode = detail->mode; /* --json ends with its command: keep the form it was shown in */
    for (int i = 0; strstr(line, "--json") && text_mode_names[i]; i++)
        if (strcmp(text_mode_names[i], "json") == 0)
            mode = i;
    detail->mode = mode;
    log_command(t, line, ok, now_seconds() - began);
    pane_layout(detail);
    pane_move_to(detail, 0);
    char status[sizeof t->status];
    enum sheet_role role = t->status_role;
    memcpy(status, t->status, sizeof status);
    tui_refresh(t);
    tui_say(t, role, "%s", status);
    if (has_moved)
        select_current(t);
    if (t->ctx->wants_quit)
        t->wants_leave = true;
}

static void place(struct pane *p, int top, int left, int height, int width)
{
    p->area = (struct screen_area){.top = top, .left = left, .height = height, .width = width};
}

void tui_arrange(struct tui *t)
{
    int height, width;
    screen_size(&height, &width);
    t->is_too_small = height < MIN_HEIGHT || width < MIN_WIDTH;
    if (t->is_too_small)
        return;
    int main_height = height - LOG_HEIGHT - 3; /* one line above, two below */
    int log_top = 1 + main_height;
    struct pane *p = t->panes;
    if (width >= WIDE) {
        int versions = width / 4, layers = width * 3 / 8;
        place(&p[TUI_VERSIONS], 1, 0, main_height, versions);
        place(&p[TUI_LAYERS], 1, versions, main_height, layers);
        place(&p[TUI_DETAIL], 1, versions + layers, main_height, width - versions - layers);
    } else {
        int left = width * 2 / 5, upper = main_height / 3;
        place(&p[TUI_VERSIONS], 1, 0, upper, left);
        place(&p[TUI_LAYERS], 1 + upper, 0, main_height - upper, left);
        place(&p[TUI_DETAIL], 1, left, main_height, width - left);
    }
    place(&p[TUI_LOG], log_top, 0, LOG_HEIGHT, width);
    if (t->is_zoomed)
        place(&p[t->focus], 1, 0, height - 3, width);
    for (int i = 0; i < TUI_PANE_COUNT; i++)
        pane_layout(&p[i]);
}

static void paint_head(const struct tui *t, int width)
{
    char line[512];
    const struct c2s_version *now = c2s_session_current(t->ctx->session);
    const struct c2s_dataset *data = c2s_session_data(t->ctx->session);
    struct c2s_journal *journal = c2s_session_journal(t->ctx->session);
    int n = now ? snprintf(line, sizeof line, " %s@v%lld", now->info.name, (long long)now->info.id)
                : snprintf(line, sizeof line, " no model: ':load FILE.h5'");
    snprintf(line + n, sizeof line - (size_t)n, "   data %s   workspace %s",
             data ? c2s_dataset_info(data)->name : "none: ':data use PATH'",
             journal->ops->place(journal));
    screen_text(0, 0, width, SHEET_PLAIN, SCREEN_REVERSE, line);
}

void tui_paint(struct tui *t)
{
    int height, width;
    screen_size(&height, &width);
    screen_clear();
    screen_cursor(-1, 0);
    if (t->is_too_small) {
        char line[96];
        snprintf(line, sizeof line, "c2s-shell wants at least %d x %d, this is %d x %d", MIN_WIDTH,
                 MIN_HEIGHT, width, height);
        screen_text(height / 2, 0, width, SHEET_WARNING, SCREEN_NORMAL, line);
        screen_text(height / 2 + 1, 0, width, SHEET_PLAIN, SCREEN_NORMAL,
                    "make the window larger, or press Q");
        screen_refresh();
        return;
    }
    paint_head(t, width);
    for (int i = 0; i < TUI_PANE_COUNT; i++)
        if (!t->is_zoomed || i == (int)t->focus)
            pane_paint(&t->panes[i], i == (int)t->focus);
    screen_text(height - 2, 0, width, t->status_role, SCREEN_NORMAL, t->status);
    char footer[256];
    tui_footer(t, footer, sizeof footer);
    if (t->prompt.sign)
        tui_prompt_paint(t, height - 1, width);
    else
        screen_text(height - 1, 0, width, SHEET_PLAIN, SCREEN_REVERSE, footer);
    screen_refresh();
}

/* Shows progress and reads keys while a command runs; false = the user cancelled. */
static bool show_progress(void *arg, const struct c2s_progress_event *event)
{
    static double painted;
    struct tui *t = arg;
    double now = now_seconds();
    if (now - painted < 1e-3 * REDRAW_MS)
        return !t->cancelled;
    painted = now;
    int key = screen_key(0);
    if (key == KEY_IS_ESCAPE || key == 3)
        t->cancelled = true;
    else if (key == KEY_IS_RESIZE)
        tui_arrange(t);
    else if (key != KEY_IS_NONE &&
             t->n_typed_ahead < (int)(sizeof t->typed_ahead / sizeof t->typed_ahead[0]))
        t->typed_ahead[t->n_typed_ahead++] = key;
    if (event->total > 0)
        tui_say(t, SHEET_PLAIN, "%s  %lld of %lld  %.0f %%   Esc cancels", event->what,
                (long long)event->done, (long long)event->total,
                100.0 * (double)event->done / (double)event->total);
    else
        tui_say(t, SHEET_PLAIN, "%s  %lld   Esc cancels", event->what, (long long)event->done);
    tui_paint(t);
    return !t->cancelled;
}

static void init(struct tui *t, struct cmd_ctx *ctx)
{
    static const char *const version_keys[] = {"version", "", "accuracy %", "tags", "step", NULL};
    static const char *const layer_keys[] = {"layer", "w", "a", "see", "output", NULL};
    static const struct sink_ops ops = {.show = sink_show, .tell = sink_tell, .mode = sink_mode};
    *t = (struct tui){.ctx = ctx, .focus = TUI_LAYERS};
    t->sink = (struct tui_sink){
        .sink = {.ops = &ops}, .tui = t, .target = TUI_DETAIL, .mode = text_mode_names[0]};
    t->panes[TUI_VERSIONS] = (struct pane){.title = "1 versions", .keys = version_keys};
    t->panes[TUI_LAYERS] = (struct pane){.title = "2 layers", .keys = layer_keys};
    t->panes[TUI_DETAIL] = (struct pane){.title = "3 detail"};
    t->panes[TUI_LOG] = (struct pane){.title = "4 commands"};
}

static int next_key(struct tui *t)
{
    if (t->n_typed_ahead == 0)
        return screen_key(-1);
    int key = t->typed_ahead[0];
    t->n_typed_ahead--;
    memmove(t->typed_ahead, t->typed_ahead + 1, sizeof key * (size_t)t->n_typed_ahead);
    return key;
}

static void loop(struct tui *t)
{
    tui_arrange(t);
    tui_refresh(t);
    select_current(t);
    tui_say(t, SHEET_PLAIN, "? lists the keys, : takes any command");
    while (!t->wants_leave) {
        tui_paint(t);
        int key = next_key(t);
        if (key == KEY_IS_RESIZE)
            tui_arrange(t);
        else if (t->is_too_small)
            t->wants_leave = key == 'q' || key == 'Q';
        else if (t->prompt.sign)
            tui_prompt_key(t, key);
        else if (key != KEY_IS_NONE)
            tui_key(t, key);
    }
}

bool tui_run(struct cmd_ctx *ctx, struct c2s_error *err)
{
    struct tui t;
    if (!screen_open(err))
        return false;
    init(&t, ctx);
    struct sink *printing = ctx->sink;
    ctx->sink = &t.sink.sink;
    bool (*progress)(void *, const struct c2s_progress_event *) = ctx->progress;
    void *progress_arg = ctx->progress_arg;
    ctx->progress = show_progress;
    ctx->progress_arg = &t;
    loop(&t);
    ctx->sink = printing;
    ctx->progress = progress;
    ctx->progress_arg = progress_arg;
    screen_close();
    for (int i = 0; i < TUI_PANE_COUNT; i++)
        pane_finish(&t.panes[i]);
    for (int i = 0; i < t.n_history; i++)
        free(t.history[i]);
    free(t.history);
    return true;
}
