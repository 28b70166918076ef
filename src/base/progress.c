/* The one place that calls a progress function. */
#include <c2s/progress.h>

#include <stddef.h>

bool c2s_progress_report(const struct c2s_progress *p, const char *what, int64_t done,
                         int64_t total)
{
    if (!p || !p->report)
        return true;
    struct c2s_progress_event event = {.what = what, .done = done, .total = total};
    return p->report(p->arg, &event);
}
