/* Paints progress with the time that is left; wiped before anything else is printed. */
#include "progress_bar.h"

#include "view/glyph.h"

#include <string.h>

#define BAR_WIDTH 20

static char *draw_bar(int width, double part, char *out)
{
    memset(out, ' ', (size_t)width);
    memset(out, '#', (size_t)(part * width));
    out[width] = '\0';
    return out;
}

static void write_work(const struct progress_bar *b, const struct c2s_progress_event *e, double now,
                       char *line, size_t size)
{
    char bar[BAR_WIDTH + 1], done[32], total[32];
    sheet_group_digits(e->done, done, sizeof done);
    sheet_group_digits(e->total, total, sizeof total);
    double left = progress_pace_left(&b->pace, e, now);
    if (left >= 0)
        snprintf(line, size, "%.30s [%s] %s/%s  %.0f s left", e->what,
                 draw_bar(BAR_WIDTH, (double)e->done / (double)e->total, bar), done, total, left);
    else
        snprintf(line, size, "%.30s %s", e->what, done);
}

static void write_training(const struct progress_bar *b, const struct c2s_progress_event *e,
                           double now, char *line, size_t size)
{
    char bar[BAR_WIDTH + 1], left[32] = "", more[200];
    double seconds = progress_pace_left(&b->pace, e, now);
    if (seconds >= 0)
        snprintf(left, sizeof left, " %.0f s left", seconds);
    snprintf(line, size, "%.30s [%s]%s  %s", e->what,
             draw_bar(BAR_WIDTH / 4, (double)e->done / (double)e->total, bar), left,
             view_train_line(e->training, &b->curve, more, sizeof more));
}

static void paint(struct progress_bar *b, const struct c2s_progress_event *e, double now)
{
    char line[400];
    if (e->training)
        write_training(b, e, now, line, sizeof line);
    else
        write_work(b, e, now, line, sizeof line);
    glyph_keep_parts(line, (b->columns > 0 ? b->columns : 80) - 1);
    fprintf(b->out, "\r\033[K%s", line);
    fflush(b->out);
    b->painted = now;
    b->is_shown = true;
}

static void tell_epoch(struct progress_bar *b, const struct c2s_train_now *now)
{
    char line[200];
    fprintf(b->lines, "%s\n", view_ended_line(now, line, sizeof line));
    fflush(b->lines);
}

static void tell_note(struct progress_bar *b, const char *note)
{
    FILE *out = b->lines ? b->lines : b->out;
    if (!out)
        return;
    fprintf(out, "%s%s\n", b->is_shown ? "\r\033[K" : "", note);
    fflush(out);
    b->is_shown = false;
}

bool progress_bar_report(void *arg, const struct c2s_progress_event *event)
{
    struct progress_bar *b = arg;
    if (event->training && event->training->ended && b->lines)
        tell_epoch(b, event->training);
    if (event->note) {
        tell_note(b, event->note);
        return true;
    }
    if (!b->out)
        return true;
    double now = progress_seconds();
    progress_pace_note(&b->pace, event, now);
    if (event->training)
        view_curve_add(&b->curve, event->training);
    if (event->total > 0 && event->done > event->total)
        return true;
    if (now - b->pace.begun >= 1 && now - b->painted >= 0.1)
        paint(b, event, now);
    return true;
}

void progress_bar_clear(void *arg)
{
    struct progress_bar *b = arg;
    if (b->is_shown) {
        fputs("\r\033[K", b->out);
        fflush(b->out);
    }
    *b = (struct progress_bar){.out = b->out, .lines = b->lines, .columns = b->columns};
}
