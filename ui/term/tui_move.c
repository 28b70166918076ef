/* Where the user is in the full screen: pane, row, marks, search. */
#include "tui_private.h"

static struct pane *focused(struct tui *t)
{
    return &t->panes[t->focus];
}

static void search_again(struct tui *t, bool backwards)
{
    if (!t->search[0])
        tui_say(t, SHEET_WARNING, "nothing was searched yet; '/' searches");
    else if (!pane_search(focused(t), t->search, backwards))
        tui_say(t, SHEET_WARNING, "\"%s\" is not in this pane", t->search);
}

void tui_search_next(struct tui *t)
{
    search_again(t, false);
}

void tui_search_previous(struct tui *t)
{
    search_again(t, true);
}

void tui_mark(struct tui *t)
{
    pane_toggle_mark(focused(t));
    pane_move(focused(t), 1);
}

void tui_down(struct tui *t)
{
    pane_move(focused(t), 1);
}

void tui_up(struct tui *t)
{
    pane_move(focused(t), -1);
}

void tui_page_down(struct tui *t)
{
    pane_move(focused(t), pane_page(focused(t)));
}

void tui_page_up(struct tui *t)
{
    pane_move(focused(t), -pane_page(focused(t)));
}

void tui_half_down(struct tui *t)
{
    pane_move(focused(t), (pane_page(focused(t)) + 1) / 2);
}

void tui_half_up(struct tui *t)
{
    pane_move(focused(t), -(pane_page(focused(t)) + 1) / 2);
}

void tui_to_top(struct tui *t)
{
    pane_move_to(focused(t), 0);
}

void tui_to_bottom(struct tui *t)
{
    pane_move_to(focused(t), -1);
}

void tui_focus_on(struct tui *t, enum tui_pane pane)
{
    t->focus = pane;
    if (t->is_zoomed)
        tui_arrange(t);
}

void tui_focus_next(struct tui *t)
{
    tui_focus_on(t, (t->focus + 1) % TUI_PANE_COUNT);
}

void tui_focus_previous(struct tui *t)
{
    tui_focus_on(t, (t->focus + TUI_PANE_COUNT - 1) % TUI_PANE_COUNT);
}

void tui_focus_1(struct tui *t)
{
    tui_focus_on(t, TUI_VERSIONS);
}

void tui_focus_2(struct tui *t)
{
    tui_focus_on(t, TUI_LAYERS);
}

void tui_focus_3(struct tui *t)
{
    tui_focus_on(t, TUI_DETAIL);
}

void tui_focus_4(struct tui *t)
{
    tui_focus_on(t, TUI_LOG);
}

void tui_zoom(struct tui *t)
{
    t->is_zoomed = !t->is_zoomed;
    tui_arrange(t);
}
