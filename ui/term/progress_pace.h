/* The pace of work from its reports, and the time that is left. */
#ifndef UI_PROGRESS_PACE_H
#define UI_PROGRESS_PACE_H

#include <c2s/progress.h>

struct progress_pace {
    double begun;        /* on the clock below; 0 = nothing was reported yet */
    int64_t first, done; /* at the first and the last report */
    char what[64];
};

double progress_seconds(void); /* a clock that only runs forward */
/* Notes a report of `now`. Other work, or less done than before, begins anew. */
void progress_pace_note(struct progress_pace *p, const struct c2s_progress_event *e, double now);
/* Seconds left; negative = not known yet. Work that begins behind 0, as a training that goes on,
 * has a pace only from there. */
double progress_pace_left(const struct progress_pace *p, const struct c2s_progress_event *e,
                          double now);

#endif
