/* The full screen: versions, layers, detail and a log of commands. Every key that does something
 * becomes a command line that runs like one typed in the shell. */
#include "tui.h"
#include "tui_private.h"

#include "cmd/common.h"
#include "text/columns.h"
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
#define FOLLOW_MS  40

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
    s->target->mode = s->mode;
    return pane_add(s->target, sheet) || c2s_fail_nomem(err);
}

/* Who pressed Escape did not run into an error. */
static enum sheet_role role_of(const struct c2s_error *err)
{
    return err->code == C2S_OK          ? SHEET_PLAIN
           : err->code == C2S_CANCELLED ? SHEET_WARNING
                                        : SHEET_ERROR;
}

static char *failure_text(const struct c2s_error *err, char *out, size_t size)
{
    snprintf(out, size, "%s: %s%s%s", err->code == C2S_CANCELLED ? "stopped" : "error", err->where,
             err->where[0] ? ": " : "", err->text);
    return out;
}

/* Failures come back from the command itself; what a script tells on its way is a line more. */
static void sink_tell(struct sink *sink, const struct c2s_error *error, bool in_script)
{
    (void)in_script;
    struct tui_sink *s = (struct tui_sink *)sink;
    char text[sizeof error->where + sizeof error->text + 16];
    struct sheet *line = sheet_create("%s", "");
    sheet_before(line, role_of(error), "%s", failure_text(error, text, sizeof text));
    if (line)
        (void)pane_add(s->target, line);
    sheet_destroy(line);
}

static const char *sink_mode(struct sink *sink, const char *name)
{
    struct tui_sink *s = (struct tui_sink *)sink;
    const char *before = text_mode_names[s->mode];
    if (!name)
        return before;
    for (int i = 0; text_mode_names[i]; i++)
        if (strcmp(text_mode_names[i], name) == 0) {
            s->mode = i;
            return before;
        }
    return NULL;
}

/* Runs a command of the screen itself, which the log does not show. */
static void fill(struct tui *t, enum tui_pane pane, const char *line)
{
    struct c2s_error err = {0};
    int mode = t->sink.mode;
    t->sink.target = &t->panes[pane];
    t->sink.mode = TEXT_TABLE;
    if (c2s_session_current(t->ctx->session) && !cmd_run_line(t->ctx, line, &err) &&
        err.code != C2S_GATE)
        sink_tell(&t->sink.sink, &err, false);
    t->sink.mode = mode;
}

static void fill_again(struct tui *t, enum tui_pane pane, const char *line)
{
    pane_clear(&t->panes[pane]);
    fill(t, pane, line);
    pane_layout(&t->panes[pane]);
}

static void set_head(struct tui *t)
{
    const struct c2s_version *now = c2s_session_current(t->ctx->session);
    const struct c2s_dataset_record *data = c2s_session_data_record(t->ctx->session);
    struct c2s_journal *journal = c2s_session_journal(t->ctx->session);
    int n = now ? snprintf(t->head, sizeof t->head, " %.100s@v%lld", now->info.name,
                           (long long)now->info.id)
                : snprintf(t->head, sizeof t->head, " no model: ':load FILE.h5'");
    snprintf(t->head + n, sizeof t->head - (size_t)n, "   data %s   workspace %s",
             data ? data->name : "none: ':data use PATH'", journal->ops->place(journal));
}

void tui_refresh(struct tui *t)
{
    const struct c2s_version *now = c2s_session_current(t->ctx->session);
    fill_again(t, TUI_VERSIONS, "log");
    fill_again(t, TUI_LAYERS, "layers");
    snprintf(t->panes[TUI_LAYERS].heading, sizeof t->panes[TUI_LAYERS].heading,
             "[2] layers of v%lld", now ? (long long)now->info.id : 0);
    set_head(t);
    tui_arrange(t);
}

void tui_follow(struct tui *t)
{
    struct pane *detail = &t->panes[TUI_DETAIL];
    const char *layer = pane_key(&t->panes[TUI_LAYERS]);
    char line[400];
    t->needs_follow = false;
    if (!tui_inspect_line(t, line, sizeof line))
        return;
    t->shows_keys = false;
    pane_clear(detail);
    fill(t, TUI_DETAIL, line);
    if (tui_has_weights(t) && tui_hist_line(t, "", line, sizeof line))
        fill(t, TUI_DETAIL, line);
    snprintf(detail->heading, sizeof detail->heading, "[3] %.80s", layer);
    pane_layout(detail);
    pane_move_to(detail, 0);
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
static void log_command(struct tui *t, const char *line, const struct c2s_error *err,
                        double seconds)
{
    const char *how = err->code == C2S_OK          ? ""
                      : err->code == C2S_CANCELLED ? "stopped after "
                                                   : "failed after ";
    struct sheet *s = sheet_create("%s", "");
    sheet_before(s, role_of(err), "%s  %s%.2f s", line, how, seconds);
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

/* The last line of what a command showed: what to do next. */
static void say_outcome(struct tui *t, const struct c2s_error *err)
{
    const struct pane *detail = &t->panes[TUI_DETAIL];
    const char *next = NULL;
    for (int i = 0; i < detail->n_sheets; i++)
        if (detail->sheets[i]->next && detail->sheets[i]->next[0])
            next = detail->sheets[i]->next;
    char text[sizeof t->status];
    if (err->code != C2S_OK)
        tui_say(t, role_of(err), "%s", failure_text(err, text, sizeof text));
    else
        tui_say(t, SHEET_PLAIN, "%s", next ? next : "done");
}

void tui_command(struct tui *t, const char *fmt, ...)
{
    char line[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    remember(t, line);
    struct pane *detail = &t->panes[TUI_DETAIL], shown = {0};
    struct c2s_error err = {0};
    int64_t before = current_id(t);
    double began = now_seconds();
    int columns = t->ctx->columns;
    t->ctx->columns = detail->width;
    bool ok = tui_job_run(t, line, &shown, &err);
    t->ctx->columns = columns;
    bool has_moved = current_id(t) != before;
    pane_clear(detail);
    detail->sheets = shown.sheets;
    detail->n_sheets = shown.n_sheets;
    detail->mode = shown.mode;
    t->shows_keys = t->needs_follow = false;
    snprintf(detail->heading, sizeof detail->heading, "[3] %.80s", line);
    t->sink.target = detail;
    if (!ok)
        sink_tell(&t->sink.sink, &err, false);
    log_command(t, line, &err, now_seconds() - began);
    pane_move_to(detail, 0);
    tui_refresh(t);
    say_outcome(t, &err);
    if (has_moved)
        select_current(t);
    if (t->ctx->wants_quit)
        t->wants_leave = true;
}

static void place(struct pane *p, int top, int left, int height, int width)
{
    p->area = (struct screen_area){.top = top, .left = left, .height = height, .width = width};
}

/* Columns that a list needs between two bounds: of columns that have no room there, none. */
static int fit(struct pane *p, int least, int most)
{
    int wanted = pane_wanted_width(p);
    if (wanted > most) {
        place(p, 0, 0, p->area.height ? p->area.height : MIN_HEIGHT, most);
        pane_layout(p);
        wanted = pane_used_width(p);
    }
    return wanted < least ? least : wanted > most ? most : wanted;
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
        /* The lists get what their rows need, the detail pane at least two fifths. */
        int versions = fit(&p[TUI_VERSIONS], 20, width / 4);
        int layers = fit(&p[TUI_LAYERS], 28, width * 3 / 5 - versions);
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
    p[TUI_DETAIL].more_room = t->is_zoomed ? NULL : "keys 3 and z show all";
    for (int i = 0; i < TUI_PANE_COUNT; i++)
        pane_layout(&p[i]);
}

/* A line of the screen; what does not fit ends in '~', not in half a number. */
static void paint_cut(int top, int width, enum sheet_role role, enum screen_style style,
                      const char *text)
{
    char *cut = columns_cut(text, width);
    screen_text(top, 0, width, role, style, cut ? cut : text);
    free(cut);
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
    paint_cut(0, width, SHEET_PLAIN, SCREEN_REVERSE, t->head);
    for (int i = 0; i < TUI_PANE_COUNT; i++)
        if (!t->is_zoomed || i == (int)t->focus)
            pane_paint(&t->panes[i], i == (int)t->focus);
    paint_cut(height - 2, width, t->status_role, SCREEN_NORMAL, t->status);
    char footer[256];
    tui_footer(t, width, footer, sizeof footer);
    if (t->prompt.sign)
        tui_prompt_paint(t, height - 1, width);
    else
        screen_text(height - 1, 0, width, SHEET_PLAIN, SCREEN_REVERSE, footer);
    screen_refresh();
}

static void init(struct tui *t, struct cmd_ctx *ctx)
{
    static const char *const version_keys[] = {"version", "", "accuracy %", "tags", "step", NULL};
    static const char *const layer_keys[] = {"layer", "w", "a", "see", "output", NULL};
    static const struct sink_ops ops = {.show = sink_show, .tell = sink_tell, .mode = sink_mode};
    *t = (struct tui){.ctx = ctx, .focus = TUI_LAYERS};
    t->sink = (struct tui_sink){
        .sink = {.ops = &ops}, .target = &t->panes[TUI_DETAIL], .mode = TEXT_TABLE};
    t->panes[TUI_VERSIONS] = (struct pane){.title = "[1] versions", .keys = version_keys};
    t->panes[TUI_LAYERS] = (struct pane){.title = "[2] layers", .keys = layer_keys};
    t->panes[TUI_DETAIL] = (struct pane){.title = "[3] detail"};
    t->panes[TUI_LOG] = (struct pane){.title = "[4] commands"};
}

/* The next key, or none when the detail pane should follow the selection first: a key held down
 * moves on without drawing every layer on its way. */
static int next_key(struct tui *t)
{
    if (t->n_typed_ahead == 0)
        return screen_key(t->needs_follow ? FOLLOW_MS : -1);
    int key = t->typed_ahead[0];
    t->n_typed_ahead--;
    memmove(t->typed_ahead, t->typed_ahead + 1, sizeof key * (size_t)t->n_typed_ahead);
    return key;
}

static void say_welcome(struct tui *t)
{
    struct c2s_interrupted training;
    struct c2s_error ignored = {0};
    if (common_interrupted(t->ctx, &training, &ignored) && training.step)
        tui_say(t, SHEET_WARNING,
                "a training of v%lld was interrupted after epoch %d; Next: ':retrain --resume'",
                (long long)training.version, training.n_epochs);
    else
        tui_say(t, SHEET_PLAIN, "? lists the keys, : takes any command");
    c2s_interrupted_finish(&training);
}

static void loop(struct tui *t)
{
    tui_arrange(t);
    tui_refresh(t);
    select_current(t);
    tui_follow(t);
    say_welcome(t);
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
        else if (t->needs_follow)
            tui_follow(t);
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
    loop(&t);
    ctx->sink = printing;
    screen_close();
    for (int i = 0; i < TUI_PANE_COUNT; i++)
        pane_finish(&t.panes[i]);
    for (int i = 0; i < t.n_history; i++)
        free(t.history[i]);
    free(t.history);
    return true;
}
