/* Paints progress with the time that is left; wiped before anything else is printed. */
#include "progress_bar.h"

#include "view/sheet.h"

#include <string.h>
#include <time.h>

#define BAR_WIDTH 20

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void paint(struct progress_bar *b, const struct c2s_progress_event *e, double now)
{
    char bar[BAR_WIDTH + 1], done[32], total[32];
    double part = e->total > 0 ? (double)e->done / (double)e->total : 0;
    int filled = (int)(part * BAR_WIDTH);
    memset(bar, ' ', BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[BAR_WIDTH] = '\0';
    sheet_group_digits(e->done, done, sizeof done);
    sheet_group_digits(e->total, total, sizeof total);
    if (e->total > 0 && e->done > 0)
        fprintf(b->out, "\r\033[K%.30s [%s] %s/%s  %.0f s left", e->what, bar, done, total,
                (now - b->begun) * (1 - part) / part);
    else
        fprintf(b->out, "\r\033[K%.30s %s", e->what, done);
    fflush(b->out);
    b->painted = now;
    b->is_shown = true;
}

bool progress_bar_report(void *arg, const struct c2s_progress_event *event)
{
    struct progress_bar *b = arg;
    if (!b->out)
        return true;
    double now = seconds();
    if (b->begun == 0 || event->done < b->done || strncmp(b->what, event->what, 63) != 0) {
        b->begun = now;
        snprintf(b->what, sizeof b->what, "%s", event->what);
    }
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
    *b = (struct progress_bar){.out = b->out};
}
