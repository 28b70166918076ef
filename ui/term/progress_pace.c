/* Measures how fast work goes. */
#include "progress_pace.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

double progress_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void progress_pace_note(struct progress_pace *p, const struct c2s_progress_event *e, double now)
{
    if (p->begun == 0 || e->done < p->done || strncmp(p->what, e->what, sizeof p->what - 1) != 0) {
        p->begun = now;
        p->first = e->done;
        snprintf(p->what, sizeof p->what, "%s", e->what);
    }
    p->done = e->done;
}

double progress_pace_left(const struct progress_pace *p, const struct c2s_progress_event *e,
                          double now)
{
    if (e->total <= 0 || e->done <= p->first || e->done > e->total)
        return -1;
    return (now - p->begun) * (double)(e->total - e->done) / (double)(e->done - p->first);
}
