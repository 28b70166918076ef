/* The progress bar on standard error. */
#ifndef UI_PROGRESS_BAR_H
#define UI_PROGRESS_BAR_H

#include <c2s/progress.h>

#include <stdio.h>

struct progress_bar {
    FILE *out;     /* a terminal; NULL = never shown */
    bool is_shown; /* a bar stands on the line */
    double begun, painted;
    int64_t done; /* at the last report: less means new work */
    char what[64];
};

/* A progress function (arg is a struct progress_bar); always true. Nothing is shown in the first
 * second, and then at most ten times a second. */
bool progress_bar_report(void *bar, const struct c2s_progress_event *event);
/* Wipes the bar off the screen; the next report begins anew. */
void progress_bar_clear(void *bar);

#endif
