/* Paints progress with the time that is left; wiped before anything else is printed. */
#include "progress_bar.h"

#include "view/glyph.h"

#include <string.h>
#include <time.h>

#define BAR_WIDTH 20

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static char *draw_bar(int width, double part, char *out)
{
    memset(out, ' ', (size_t)width);
    memset(out, '#', (size_t)(part * width));
    out[width] = '\0';
    return out;
}

/* A bar that begins behind 0, as that of a training that goes on, knows its pace only from there.
 */
static double seconds_left(const struct progress_bar *b, const struct c2s_progress_event *e,
                           double now)
{
    return (now - b->begun) * (double)(e->total - e->done) / (double)(e->done - b->first);
}

static void write_work(const struct progress_bar *b, const struct c2s_progress_event *e, double now,
                       char *line, size_t size)
{
    char bar[BAR_WIDTH + 1], done[32], total[32];
    sheet_group_digits(e->done, done, sizeof done);
    sheet_group_digits(e->total, total, sizeof total);
    if (e->total > 0 && e->done > b->first)
        snprintf(line, size, "%.30s [%s] %s/%s  %.0f s left", e->what,
                 draw_bar(BAR_WIDTH, (double)e->done / (double)e->total, bar), done, total,
                 seconds_left(b, e, now));
    else
        snprintf(line, size, "%.30s %s", e->what, done);
}

static void write_training(const struct progress_bar *b, const struct c2s_progress_event *e,
                           double now, char *line, size_t size)
{
    char bar[BAR_WIDTH + 1], left[32] = "", more[200];
    if (e->done > b->first)
        snprintf(left, sizeof left, " %.0f s left", seconds_left(b, e, now));
    snprintf(line, size, "%.30s [%s]%s  %s", e->what,
             draw_bar(BAR_WIDTH / 4, (double)e->done / (double)e->total, bar), left,
             view_train_line(e->training, &b->curve, more, sizeof more));
}

/* Parts that do not fit go whole: half a number would be another number. */
static void cut(char *line, int columns)
{
    size_t fit = glyph_fit(line, columns), end = fit;
    if (line[fit] == '\0')
        return;
    while (end > 1 && strncmp(line + end - 1, "  ", 2) != 0)
        end--;
    line[end > 1 ? end - 1 : fit] = '\0';
}

static void paint(struct progress_bar *b, const struct c2s_progress_event *e, double now)
{
    char line[400];
    if (e->training)
        write_training(b, e, now, line, sizeof line);
    else
        write_work(b, e, now, line, sizeof line);
    cut(line, (b->columns > 0 ? b->columns : 80) - 1);
    fprintf(b->out, "\r\033[K%s", line);
    fflush(b->out);
    b->painted = now;
    b->is_shown = true;
}

static void tell_epoch(struct progress_bar *b, const struct c2s_train_now *now)
{
    char line[160];
    bool is_best = now->ended->is_best && now->ended->epoch > 0;
    view_epoch_line(now->ended, now->n_epochs, line, sizeof line);
    fprintf(b->lines, "%s%s\n", line, is_best ? ", best so far" : "");
    fflush(b->lines);
}

bool progress_bar_report(void *arg, const struct c2s_progress_event *event)
{
    struct progress_bar *b = arg;
    if (event->training && event->training->ended && b->lines)
        tell_epoch(b, event->training);
    if (!b->out)
        return true;
    double now = seconds();
    if (b->begun == 0 || event->done < b->done || strncmp(b->what, event->what, 63) != 0) {
        b->begun = now;
        b->first = event->done;
        snprintf(b->what, sizeof b->what, "%s", event->what);
    }
    if (event->training)
        view_curve_add(&b->curve, event->training);
    b->done = event->done;
    if (event->total > 0 && event->done > event->total)
        return true;
    if (now - b->begun >= 1 && now - b->painted >= 0.1)
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
