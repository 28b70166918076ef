/* The progress bar on standard error. */
#ifndef UI_PROGRESS_BAR_H
#define UI_PROGRESS_BAR_H

#include "progress_pace.h"
#include "view/view.h"

#include <stdio.h>

struct progress_bar {
    FILE *out;     /* a terminal; NULL = never shown */
    FILE *lines;   /* where the epochs of a training are told one by one instead; NULL = nowhere */
    int columns;   /* of the terminal; 0 = 80 */
    bool is_shown; /* a bar stands on the line */
    double painted;
    struct progress_pace pace;
    struct view_curve curve; /* of a training */
};

/* A progress function (arg is a struct progress_bar); always true. Nothing is shown in the first
 * second, and then at most ten times a second. Without a terminal each epoch of a training is one
 * line. */
bool progress_bar_report(void *bar, const struct c2s_progress_event *event);
/* Wipes the bar off the screen; the next report begins anew. */
void progress_bar_clear(void *bar);

#endif
