/* The line at the bottom where commands and searches are typed. */
#include "tui_private.h"

#include "cmd/complete.h"
#include "view/glyph.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

void tui_prompt_open(struct tui *t, char sign, const char *text)
{
    t->prompt = (struct tui_prompt){.sign = sign, .history_at = t->n_history};
    snprintf(t->prompt.text, sizeof t->prompt.text, "%s", text);
    t->prompt.cursor = (int)strlen(t->prompt.text);
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static int before(const struct tui_prompt *p)
{
    int at = p->cursor;
    while (at > 0 && is_continuation(p->text[--at]))
        ;
    return at;
}

static int behind(const struct tui_prompt *p)
{
    int at = p->cursor;
    if (p->text[at])
        at++;
    while (is_continuation(p->text[at]))
        at++;
    return at;
}

static void erase(struct tui_prompt *p, int from, int to)
{
    memmove(p->text + from, p->text + to, strlen(p->text + to) + 1);
    p->cursor = from;
}

static void insert(struct tui_prompt *p, int code)
{
    char bytes[5] = "";
    if (code < 0x80)
        bytes[0] = (char)code;
    else if (code < 0x800)
        bytes[0] = (char)(0xc0 | code >> 6), bytes[1] = (char)(0x80 | (code & 0x3f));
    else
        bytes[0] = (char)(0xe0 | code >> 12), bytes[1] = (char)(0x80 | ((code >> 6) & 0x3f)),
        bytes[2] = (char)(0x80 | (code & 0x3f));
    size_t n = strlen(bytes), length = strlen(p->text);
    if (length + n + 1 > sizeof p->text)
        return;
    memmove(p->text + p->cursor + n, p->text + p->cursor, length - (size_t)p->cursor + 1);
    memcpy(p->text + p->cursor, bytes, n);
    p->cursor += (int)n;
}

static void recall(struct tui *t, int step)
{
    struct tui_prompt *p = &t->prompt;
    int at = p->history_at + step;
    if (p->sign != ':' || at < 0 || at > t->n_history)
        return;
    p->history_at = at;
    snprintf(p->text, sizeof p->text, "%s", at < t->n_history ? t->history[at] : "");
    p->cursor = (int)strlen(p->text);
}

/* Puts what all candidates begin with in place of the last word. */
static void take_common(struct tui_prompt *p, int word, char *const *words, size_t n)
{
    size_t common = strlen(words[0]);
    for (size_t i = 1; i < n; i++)
        while (strncmp(words[0], words[i], common) != 0)
            common--;
    char text[sizeof p->text];
    size_t length = strlen(words[0]);
    bool is_whole = n == 1 && words[0][length ? length - 1 : 0] != '/';
    snprintf(text, sizeof text, "%.*s%.*s%s%s", word, p->text, (int)common, words[0],
             is_whole ? " " : "", p->text + p->cursor);
    p->cursor = word + (int)common + is_whole;
    memcpy(p->text, text, sizeof text);
}

static void offer(struct tui *t, char *const *words, size_t n)
{
    char list[sizeof t->status] = "";
    size_t used = 0;
    for (size_t i = 0; i < n && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? "  " : "", words[i]);
    tui_say(t, SHEET_PLAIN, "%s", n > 1 ? list : "");
}

static void complete(struct tui *t)
{
    struct tui_prompt *p = &t->prompt;
    char text[sizeof p->text];
    struct complete c;
    snprintf(text, sizeof text, "%.*s", p->cursor, p->text);
    const char *blank = strrchr(text, ' ');
    int word = blank ? (int)(blank + 1 - text) : 0;
    complete_line(t->ctx, text, &c);
    if (c.is_path) {
        glob_t files;
        char pattern[sizeof text + 1];
        snprintf(pattern, sizeof pattern, "%s*", text + word);
        if (glob(pattern, GLOB_MARK | GLOB_TILDE, NULL, &files) == 0) {
            take_common(p, word, files.gl_pathv, files.gl_pathc);
            offer(t, files.gl_pathv, files.gl_pathc);
        }
        globfree(&files);
    } else if (c.n > 0) {
        take_common(p, word, c.words, (size_t)c.n);
        offer(t, c.words, (size_t)c.n);
    }
    complete_finish(&c);
}

static void finish(struct tui *t)
{
    struct tui_prompt done = t->prompt;
    t->prompt.sign = 0;
    if (done.sign == ':' && done.text[0]) {
        tui_command(t, "%s", done.text);
        return;
    }
    if (done.text[0])
        snprintf(t->search, sizeof t->search, "%.*s", (int)sizeof t->search - 1, done.text);
    t->needs_follow = t->focus == TUI_LAYERS;
    if (t->search[0] && !pane_search(&t->panes[t->focus], t->search, false))
        tui_say(t, SHEET_WARNING, "\"%s\" is not in this pane", t->search);
}

void tui_prompt_key(struct tui *t, int key)
{
    struct tui_prompt *p = &t->prompt;
    switch (key) {
    case KEY_IS_ENTER:
        finish(t);
        return;
    case KEY_IS_ESCAPE:
    case 3: /* Ctrl-C */
        p->sign = 0;
        return;
    case KEY_IS_TAB:
        if (p->sign == ':')
            complete(t);
        return;
    case KEY_IS_LEFT:
        p->cursor = before(p);
        return;
    case KEY_IS_RIGHT:
        p->cursor = behind(p);
        return;
    case KEY_IS_HOME:
    case 1: /* Ctrl-A, as in the shell */
        p->cursor = 0;
        return;
    case KEY_IS_END:
    case 5: /* Ctrl-E */
        p->cursor = (int)strlen(p->text);
        return;
    case KEY_IS_UP:
        recall(t, -1);
        return;
    case KEY_IS_DOWN:
        recall(t, 1);
        return;
    case KEY_IS_BACKSPACE:
        if (p->text[0] == '\0')
            p->sign = 0;
        else
            erase(p, before(p), p->cursor);
        return;
    case KEY_IS_DELETE:
        erase(p, p->cursor, behind(p));
        return;
    case 21: /* Ctrl-U */
        erase(p, 0, p->cursor);
        return;
    default:
        if (key >= ' ' && key < KEY_IS_UP && key < 0x10000)
            insert(p, key);
    }
}

void tui_prompt_paint(const struct tui *t, int top, int width)
{
    char line[600], head[600];
    snprintf(line, sizeof line, "%c%s", t->prompt.sign, t->prompt.text);
    snprintf(head, sizeof head, "%c%.*s", t->prompt.sign, t->prompt.cursor, t->prompt.text);
    const char *shown = line;
    int at = glyph_width(head);
    while (at >= width && *shown) { /* a long line slides to the left */
        shown++;
        while (is_continuation(*shown))
            shown++;
        at--;
    }
    screen_text(top, 0, width, SHEET_PLAIN, SCREEN_NORMAL, shown);
    screen_cursor(top, at);
}
