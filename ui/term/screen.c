/* The terminal through curses; the only file that includes it. */
#include "screen.h"

#include "view/glyph.h"

#include <curses.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#define MIN_COLORS 8

static struct {
    SCREEN *terminal;
    bool is_open;
    int saved_stderr, messages; /* file descriptors, -1 = none */
    struct termios modes;
    char leave[64]; /* bytes that end the full screen, for signal handlers */
} screen = {.saved_stderr = -1, .messages = -1};

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGHUP};

/* Only calls what a signal handler may call. */
static void on_fatal_signal(int number)
{
    ssize_t written = write(STDOUT_FILENO, screen.leave, strlen(screen.leave));
    (void)written;
    tcsetattr(STDIN_FILENO, TCSANOW, &screen.modes);
    signal(number, SIG_DFL);
    raise(number);
}

static void handle_fatal_signals(void (*handler)(int))
{
    for (size_t i = 0; i < sizeof fatal_signals / sizeof fatal_signals[0]; i++)
        signal(fatal_signals[i], handler);
}

static void hide_stderr(void)
{
    char path[] = "/tmp/c2s-messages-XXXXXX";
    screen.messages = mkstemp(path);
    if (screen.messages < 0)
        return;
    unlink(path);
    fcntl(screen.messages, F_SETFL, O_APPEND);
    screen.saved_stderr = dup(STDERR_FILENO);
    dup2(screen.messages, STDERR_FILENO);
}

static void restore_stderr(void)
{
    if (screen.saved_stderr >= 0) {
        dup2(screen.saved_stderr, STDERR_FILENO);
        close(screen.saved_stderr);
    }
    if (screen.messages >= 0)
        close(screen.messages);
    screen.saved_stderr = screen.messages = -1;
}

static void choose_colors(void)
{
    const char *no_color = getenv("NO_COLOR");
    if ((no_color && no_color[0]) || !has_colors())
        return;
    start_color();
    use_default_colors();
    if (COLORS < MIN_COLORS)
        return;
    init_pair(SHEET_ERROR, COLOR_RED, -1);
    init_pair(SHEET_WARNING, COLOR_YELLOW, -1);
    init_pair(SHEET_GOOD, COLOR_GREEN, -1);
    init_pair(SHEET_CHANGED, COLOR_CYAN, -1);
}

/* Control-C arrives as a key, so that it can only cancel, never leave a broken screen. */
static void catch_control_c(void)
{
    struct termios modes;
    if (tcgetattr(STDIN_FILENO, &modes) != 0)
        return;
    modes.c_cc[VINTR] = _POSIX_VDISABLE;
    tcsetattr(STDIN_FILENO, TCSANOW, &modes);
    def_prog_mode();
}

bool screen_open(struct c2s_error *err)
{
    const char *term = getenv("TERM");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return c2s_fail(err, C2S_STATE,
                        "the full screen needs a terminal; leave --tui out to use a pipe");
    if (!term || !*term || strcmp(term, "dumb") == 0)
        return c2s_fail(err, C2S_STATE,
                        "this terminal (TERM=%s) has no full screen; leave --tui out",
                        term ? term : "");
    tcgetattr(STDIN_FILENO, &screen.modes);
    screen.terminal = newterm(NULL, stdout, stdin);
    if (!screen.terminal)
        return c2s_fail(err, C2S_STATE,
                        "terminal type '%s' is not known here; set TERM or leave "
                        "--tui out",
                        term);
    const char *leave = tigetstr("rmcup");
    screen.leave[0] = '\0';
    if (leave && leave != (char *)-1)
        strncat(screen.leave, leave, sizeof screen.leave - 1);
    cbreak();
    catch_control_c();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    set_escdelay(25);
    choose_colors();
    curs_set(0);
    hide_stderr();
    handle_fatal_signals(on_fatal_signal);
    screen.is_open = true;
    return true;
}

void screen_close(void)
{
    if (!screen.is_open)
        return;
    handle_fatal_signals(SIG_DFL);
    endwin();
    delscreen(screen.terminal);
    restore_stderr();
    screen.is_open = false;
}

void screen_size(int *height, int *width)
{
    getmaxyx(stdscr, *height, *width);
}

void screen_clear(void)
{
    erase();
}

void screen_refresh(void)
{
    refresh();
}

static attr_t attributes(enum sheet_role role, enum screen_style style)
{
    attr_t attr = A_NORMAL;
    if (role == SHEET_DIM)
        attr |= A_DIM;
    else if (role == SHEET_CURRENT)
        attr |= A_BOLD;
    else if (role != SHEET_PLAIN)
        attr |= (attr_t)COLOR_PAIR(role);
    if (style == SCREEN_REVERSE)
        attr |= A_REVERSE;
    else if (style == SCREEN_BOLD)
        attr |= A_BOLD;
    else if (style == SCREEN_UNDERLINE)
        attr |= A_UNDERLINE;
    return attr;
}

void screen_text(int top, int left, int width, enum sheet_role role, enum screen_style style,
                 const char *text)
{
    int rows, cells;
    screen_size(&rows, &cells);
    if (left + width > cells)
        width = cells - left;
    if (top < 0 || top >= rows || width <= 0)
        return;
    char *clean = glyph_clean(text);
    if (!clean)
        return;
    size_t n = glyph_fit(clean, width);
    clean[n] = '\0';
    attrset(attributes(role, style));
    mvaddnstr(top, left, clean, (int)n);
    for (int at = glyph_width(clean); at < width; at++)
        addch(' ');
    attrset(A_NORMAL);
    free(clean);
}

void screen_frame(const struct screen_area *area, const char *title, bool is_focused)
{
    int bottom = area->top + area->height - 1, right = area->left + area->width - 1;
    attrset(is_focused ? A_BOLD : A_DIM);
    mvhline(area->top, area->left, ACS_HLINE, area->width);
    mvhline(bottom, area->left, ACS_HLINE, area->width);
    mvvline(area->top, area->left, ACS_VLINE, area->height);
    mvvline(area->top, right, ACS_VLINE, area->height);
    mvaddch(area->top, area->left, ACS_ULCORNER);
    mvaddch(area->top, right, ACS_URCORNER);
    mvaddch(bottom, area->left, ACS_LLCORNER);
    /* The lower right cell of the screen cannot be written without scrolling on some terminals. */
    mvinsch(bottom, right, ACS_LRCORNER);
    attrset(A_NORMAL);
    int room = area->width - 4, width = glyph_width(title);
    if (room > 0)
        screen_text(area->top, area->left + 2, width < room ? width : room, SHEET_PLAIN,
                    is_focused ? SCREEN_REVERSE : SCREEN_NORMAL, title);
}

void screen_cursor(int top, int left)
{
    curs_set(top >= 0);
    if (top >= 0)
        move(top, left);
}

static int translate(int code)
{
    switch (code) {
    case KEY_UP:
        return KEY_IS_UP;
    case KEY_DOWN:
        return KEY_IS_DOWN;
    case KEY_LEFT:
        return KEY_IS_LEFT;
    case KEY_RIGHT:
        return KEY_IS_RIGHT;
    case KEY_HOME:
        return KEY_IS_HOME;
    case KEY_END:
        return KEY_IS_END;
    case KEY_PPAGE:
        return KEY_IS_PAGE_UP;
    case KEY_NPAGE:
        return KEY_IS_PAGE_DOWN;
    case KEY_BACKSPACE:
        return KEY_IS_BACKSPACE;
    case KEY_DC:
        return KEY_IS_DELETE;
    case KEY_BTAB:
        return KEY_IS_BACK_TAB;
    case KEY_ENTER:
        return KEY_IS_ENTER;
    case KEY_RESIZE:
        return KEY_IS_RESIZE;
    default:
        return KEY_IS_NONE;
    }
}

int screen_key(int timeout_ms)
{
    wint_t code;
    timeout(timeout_ms);
    int kind = get_wch(&code);
    if (kind == KEY_CODE_YES)
        return translate((int)code);
    if (kind == ERR)
        return KEY_IS_NONE;
    if (code == 127 || code == 8)
        return KEY_IS_BACKSPACE;
    return code == '\n' ? KEY_IS_ENTER : (int)code;
}

char *screen_take_messages(void)
{
    fflush(stderr);
    off_t size = screen.messages < 0 ? 0 : lseek(screen.messages, 0, SEEK_END);
    char *text = size > 0 ? calloc(1, (size_t)size + 1) : NULL;
    if (text && pread(screen.messages, text, (size_t)size, 0) != size)
        text[0] = '\0';
    if (size > 0 && ftruncate(screen.messages, 0) != 0)
        text[0] = '\0';
    return text;
}
