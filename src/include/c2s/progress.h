/* How long work tells its caller how far it is, and learns that it should stop. */
#ifndef C2S_PROGRESS_H
#define C2S_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct c2s_train_now; /* train.h */

struct c2s_progress_event {
    const char *what;                     /* "evaluating v3", borrowed during the call */
    int64_t done, total;                  /* total 0 = unknown */
    const char *note;                     /* a sentence to tell once; borrowed; else NULL */
    const struct c2s_train_now *training; /* of a training: more of it; borrowed; else NULL */
};

/* Called often, from the thread that does the work. False cancels: the work fails with CANCELLED
 * and leaves everything as it was. */
struct c2s_progress {
    bool (*report)(void *arg, const struct c2s_progress_event *event);
    void *arg;
};

/* Reports to p; true when p is NULL or has no function. */
bool c2s_progress_tell(const struct c2s_progress *p, const struct c2s_progress_event *event);
bool c2s_progress_report(const struct c2s_progress *p, const char *what, int64_t done,
                         int64_t total);

#endif
