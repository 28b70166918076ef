/* What each key does: one table that dispatch, footer and the list of keys read. */
#include "tui_private.h"

#include <stdio.h>
#include <string.h>

enum { ALL = (1 << TUI_PANE_COUNT) - 1, LISTS = 1 << TUI_VERSIONS | 1 << TUI_LAYERS };

struct key {
    int key;
    const char *name;  /* how people write it */
    const char *label; /* one word for the footer, or NULL */
    const char *help;
    unsigned panes;
    void (*run)(struct tui *t);
};

/* The version the user means: under the cursor in the list of versions, else the current one. */
static const char *meant_version(struct tui *t)
{
    const char *key = t->focus == TUI_VERSIONS ? pane_key(&t->panes[TUI_VERSIONS]) : NULL;
    return key ? key : "HEAD";
}

/* Columns of a histogram that fill the detail pane, as the option of `hist`. */
static int histogram_bins(const struct tui *t)
{
    int bins = t->panes[TUI_DETAIL].width - 10;
    return bins < 16 ? 16 : bins > 120 ? 120 : bins;
}

/* "conv2d", or with quotes when the lexer needs them; NULL when no layer is selected. */
static const char *layer_word(const struct tui *t, char *out, size_t size)
{
    const char *layer = pane_key(&t->panes[TUI_LAYERS]);
    const char *quote = layer && layer[strcspn(layer, " \t#\"$\\")] ? "'" : "";
    if (!layer)
        return NULL;
    snprintf(out, size, "%s%s%s", quote, layer, quote);
    return out;
}

bool tui_inspect_line(const struct tui *t, char *out, size_t size)
{
    char layer[300];
    if (!layer_word(t, layer, sizeof layer))
        return false;
    snprintf(out, size, "inspect %s", layer);
    return true;
}

bool tui_hist_line(const struct tui *t, const char *option, char *out, size_t size)
{
    char layer[300];
    if (!layer_word(t, layer, sizeof layer))
        return false;
    snprintf(out, size, "hist %s%s --bins %d", layer, option, histogram_bins(t));
    return true;
}

bool tui_has_weights(const struct tui *t)
{
    const struct sheet_cell *weights = pane_cell(&t->panes[TUI_LAYERS], "w");
    return weights && weights->kind != SHEET_NONE &&
           !(weights->kind == SHEET_TEXT && strcmp(weights->text, "-") == 0);
}

static void draw_layer(struct tui *t, const char *option)
{
    char line[512];
    if (tui_hist_line(t, option, line, sizeof line))
        tui_command(t, "%s", line);
}

static void show_weights(struct tui *t)
{
    draw_layer(t, "");
}

static void show_activations(struct tui *t)
{
    draw_layer(t, " --activations");
}

static void open_row(struct tui *t)
{
    if (t->focus == TUI_LAYERS) {
        draw_layer(t, tui_has_weights(t) ? "" : " --activations");
        return;
    }
    const char *version = pane_key(&t->panes[TUI_VERSIONS]);
    if (version)
        tui_command(t, "checkout %s", version);
}

static void evaluate(struct tui *t)
{
    tui_command(t, "eval %s", meant_version(t));
}

static void evaluate_akida(struct tui *t)
{
    tui_command(t, "eval %s --akida", meant_version(t));
}

/* "v1 v2": the marked versions, or the parent of the current one and itself; "" when neither. */
static void chosen_versions(struct tui *t, char *out, size_t size)
{
    const struct pane *p = &t->panes[TUI_VERSIONS];
    size_t used = 0;
    out[0] = '\0';
    for (int i = p->n_lines - 1; i >= 0; i--) /* the newest is on top */
        if (p->lines[i].is_marked && used < size)
            used +=
                (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "", p->lines[i].key);
    const struct c2s_version *now = c2s_session_current(t->ctx->session);
    if (used == 0 && now && now->info.parent > 0)
        snprintf(out, size, "v%lld v%lld", (long long)now->info.parent, (long long)now->info.id);
}

static void with_chosen(struct tui *t, const char *command)
{
    char versions[256];
    chosen_versions(t, versions, sizeof versions);
    if (versions[0])
        tui_command(t, "%s %s", command, versions);
    else
        tui_say(t, SHEET_WARNING, "nothing to %s: mark versions with Space in pane 1", command);
}

static void compare(struct tui *t)
{
    with_chosen(t, "compare");
}

static void differ(struct tui *t)
{
    with_chosen(t, "diff");
}

static void information(struct tui *t)
{
    tui_command(t, "show %s", meant_version(t));
}

static void check(struct tui *t)
{
    tui_command(t, "check");
}

static void undo(struct tui *t)
{
    tui_command(t, "undo");
}

static void ask_activations(struct tui *t)
{
    tui_prompt_open(t, ':', "quantize activations 4");
}

static void ask_fix(struct tui *t)
{
    tui_prompt_open(t, ':', "fix --all");
}

static void ask_weights(struct tui *t)
{
    tui_prompt_open(t, ':', "quantize weights 4 --input 8");
}

static void ask_retrain(struct tui *t)
{
    tui_prompt_open(t, ':', "retrain --epochs 3");
}

static void ask_export(struct tui *t)
{
    char text[64];
    snprintf(text, sizeof text, "export %s ", meant_version(t));
    tui_prompt_open(t, ':', text);
}

static void ask_tag(struct tui *t)
{
    tui_prompt_open(t, ':', "tag ");
}

static void ask_command(struct tui *t)
{
    tui_prompt_open(t, ':', "");
}

static void ask_search(struct tui *t)
{
    tui_prompt_open(t, '/', "");
}

static void back(struct tui *t)
{
    if (t->shows_keys)
        t->needs_follow = true;
    if (t->is_zoomed)
        tui_zoom(t);
    else if (t->focus == TUI_DETAIL || t->focus == TUI_LOG)
        tui_focus_on(t, TUI_LAYERS);
    else
        t->wants_leave = true;
}

static void explain_leaving(struct tui *t)
{
    tui_say(t, SHEET_PLAIN, "nothing is running; Q leaves");
}

static void quit(struct tui *t)
{
    t->wants_leave = true;
}

static void refresh_lists(struct tui *t)
{
    tui_refresh(t);
    tui_say(t, SHEET_PLAIN, "versions and layers are up to date");
}

static void list_keys(struct tui *t);

static const struct key keys[] = {
    {KEY_IS_ENTER, "Enter", "open", "check out the version, or draw the layer", LISTS, open_row},
    {'w', "w", "weights", "histogram of the layer's weights", 1 << TUI_LAYERS, show_weights},
    {'a', "a", "activations", "histogram of the layer's activations on the data", 1 << TUI_LAYERS,
     show_activations},
    {' ', "Space", "mark", "mark the version for compare and diff", 1 << TUI_VERSIONS, tui_mark},
    {'c', "c", "compare", "compare the marked versions, or this one with its parent", ALL, compare},
    {'d', "d", NULL, "differences between the marked versions, layer by layer", ALL, differ},
    {'e', "e", "eval", "accuracy on the data", ALL, evaluate},
    {'E', "E", NULL, "accuracy of integer execution, as on the chip", ALL, evaluate_akida},
    {'!', "!", "check", "problems on the way to Akida", ALL, check},
    {'i', "i", NULL, "facts of the version", ALL, information},
    {'f', "f", NULL, "fix what check found: asks what", ALL, ask_fix},
    {'A', "A", NULL, "quantize activations: asks for the bits", ALL, ask_activations},
    {'W', "W", NULL, "quantize weights: asks for the bits", ALL, ask_weights},
    {'R', "R", NULL, "retrain: asks for the epochs; Esc stops it and keeps the best", ALL,
     ask_retrain},
    {'u', "u", NULL, "undo: back to the parent version", ALL, undo},
    {'t', "t", NULL, "tag the current version", ALL, ask_tag},
    {'x', "x", NULL, "export: asks for the file", ALL, ask_export},
    {':', ":", "command", "type any command; Tab completes, Up recalls", ALL, ask_command},
    {'/', "/", NULL, "search in this pane", ALL, ask_search},
    {'n', "n", NULL, "next match", ALL, tui_search_next},
    {'N', "N", NULL, "previous match", ALL, tui_search_previous},
    {'j', "j, Down", NULL, "down", ALL, tui_down},
    {KEY_IS_DOWN, NULL, NULL, NULL, ALL, tui_down},
    {'k', "k, Up", NULL, "up", ALL, tui_up},
    {KEY_IS_UP, NULL, NULL, NULL, ALL, tui_up},
    {'g', "g, Home", NULL, "to the top", ALL, tui_to_top},
    {KEY_IS_HOME, NULL, NULL, NULL, ALL, tui_to_top},
    {'G', "G, End", NULL, "to the bottom", ALL, tui_to_bottom},
    {KEY_IS_END, NULL, NULL, NULL, ALL, tui_to_bottom},
    {KEY_IS_PAGE_DOWN, "PgDn", NULL, "a page down", ALL, tui_page_down},
    {KEY_IS_PAGE_UP, "PgUp", NULL, "a page up", ALL, tui_page_up},
    {4, "Ctrl-D", NULL, "half a page down", ALL, tui_half_down},
    {21, "Ctrl-U", NULL, "half a page up", ALL, tui_half_up},
    {KEY_IS_TAB, "Tab", NULL, "next pane", ALL, tui_focus_next},
    {KEY_IS_BACK_TAB, "Shift-Tab", NULL, "previous pane", ALL, tui_focus_previous},
    {'1', "1", NULL, "versions", ALL, tui_focus_1},
    {'2', "2", NULL, "layers", ALL, tui_focus_2},
    {'3', "3", NULL, "detail", ALL, tui_focus_3},
    {'4', "4", NULL, "commands", ALL, tui_focus_4},
    {'z', "z", "zoom", "this pane on the whole screen, and back", 1 << TUI_DETAIL | 1 << TUI_LOG,
     tui_zoom},
    {'z', "z", NULL, "this pane on the whole screen, and back", LISTS, tui_zoom},
    {'r', "r", NULL, "read versions again (another shell may have made some)", ALL, refresh_lists},
    {'?', "?, h", "keys", "this list", ALL, list_keys},
    {'h', NULL, NULL, NULL, ALL, list_keys},
    {'q', "q", "back", "back; from the lists: leave", ALL, back},
    {KEY_IS_ESCAPE, NULL, NULL, NULL, 1 << TUI_DETAIL | 1 << TUI_LOG, back},
    {'Q', "Q", NULL, "leave", ALL, quit},
    {3, "Ctrl-C", NULL, "cancel what is running (so does Esc)", ALL, explain_leaving},
};
#define N_KEYS ((int)(sizeof keys / sizeof keys[0]))

static void list_keys(struct tui *t)
{
    struct sheet *s = sheet_create("Keys of this pane");
    sheet_column(s, "key", "key", SHEET_LEFT);
    sheet_column(s, "help", "what it does", SHEET_LEFT);
    for (int i = 0; i < N_KEYS; i++) {
        if (!keys[i].name || !(keys[i].panes & 1u << t->focus))
            continue;
        sheet_row(s, SHEET_PLAIN);
        sheet_text(s, keys[i].name);
        sheet_text(s, keys[i].help);
    }
    sheet_next(s, "'/' searches here; 'help' after ':' lists the commands");
    pane_clear(&t->panes[TUI_DETAIL]);
    if (s && pane_add(&t->panes[TUI_DETAIL], s)) {
        snprintf(t->panes[TUI_DETAIL].heading, sizeof t->panes[TUI_DETAIL].heading, "[3] keys");
        t->panes[TUI_DETAIL].mode = 0;
        pane_layout(&t->panes[TUI_DETAIL]);
        pane_move_to(&t->panes[TUI_DETAIL], 0);
    }
    sheet_destroy(s);
    t->shows_keys = true;
    tui_focus_on(t, TUI_DETAIL);
}

static void run_key(struct tui *t, int key)
{
    for (int i = 0; i < N_KEYS; i++)
        if (keys[i].key == key && (keys[i].panes & 1u << t->focus)) {
            keys[i].run(t);
            return;
        }
    if (key == KEY_IS_ESCAPE && t->is_zoomed)
        tui_zoom(t);
}

void tui_key(struct tui *t, int key)
{
    int before = t->panes[TUI_LAYERS].cursor, n_run = t->panes[TUI_LOG].n_sheets;
    run_key(t, key);
    if (t->panes[TUI_LAYERS].cursor != before && t->panes[TUI_LOG].n_sheets == n_run)
        t->needs_follow = true;
}

/* Adds "e eval" of one key to the footer, with two blanks in front. */
static size_t add_label(const struct key *k, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "  %.*s %s", (int)strcspn(k->name, ","), k->name, k->label);
}

void tui_footer(const struct tui *t, int width, char *out, size_t size)
{
    static const char always[] = ":?q"; /* the way to all others, and out */
    bool is_shown[N_KEYS];
    size_t used = 0;
    char label[64];
    for (int i = 0; i < N_KEYS; i++) {
        is_shown[i] = keys[i].label && (keys[i].panes & 1u << t->focus);
        used += is_shown[i] ? add_label(&keys[i], label, sizeof label) : 0;
    }
    for (int i = N_KEYS - 1; i >= 0 && used > (size_t)width; i--)
        if (is_shown[i] && !strchr(always, keys[i].key)) {
            used -= add_label(&keys[i], label, sizeof label);
            is_shown[i] = false;
        }
    used = 0;
    out[0] = '\0';
    for (int i = 0; i < N_KEYS && used < size; i++)
        used += is_shown[i] ? add_label(&keys[i], out + used, size - used) : 0;
    memmove(out, out + (out[0] == ' '), strlen(out));
}
