/* The one place that calls a progress function. */
#include <c2s/progress.h>

#include <stddef.h>

bool c2s_progress_tell(const struct c2s_progress *p, const struct c2s_progress_event *event)
{
    return !p || !p->report || p->report(p->arg, event);
}

bool c2s_progress_report(const struct c2s_progress *p, const char *what, int64_t done,
                         int64_t total)
{
    struct c2s_progress_event event = {.what = what, .done = done, .total = total};
    return c2s_progress_tell(p, &event);
}
