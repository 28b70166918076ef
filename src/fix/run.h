/* One run of fixes: the model as far as it is fixed, and one attempt at a fix. Private to src/fix.
 */
#ifndef C2S_FIX_RUN_H
#define C2S_FIX_RUN_H

#include "fix/table.h"

struct fix_run {
    const struct c2s_fix_request *request;
    const struct c2s_progress *progress;
    const struct c2s_rule_info *rule; /* of the request, NULL = all */
    struct c2s_check_options check;   /* what decides: the request's without data and scaling */
    struct c2s_model *m;              /* owned */
    struct c2s_findings findings;     /* of m, owned */
    struct c2s_fix_report *report;
};

struct fix_attempt {
    struct c2s_model *m;          /* owned; NULL unless accepted */
    struct c2s_findings findings; /* of m, owned */
    bool is_accepted;
    char text[300]; /* what was done, or why not; "" = the fix is not about this */
};
/* Tries row `fix` of the table on a copy; accepted is what takes the finding out and adds no error.
 * A failure is NOMEM. */
bool fix_attempt(struct fix_run *run, int fix, const struct c2s_finding *finding,
                 struct fix_attempt *out, struct c2s_error *err) C2S_MUST_CHECK;
void fix_attempt_finish(struct fix_attempt *a);

/* What decides which fix is taken: the model alone, not data or its scaling. */
struct c2s_check_options fix_deciding_options(const struct c2s_check_options *asked);
/* options as they are for m: whether it takes integers may have changed. */
struct c2s_check_options fix_options(const struct fix_run *run, const struct c2s_model *m,
                                     struct c2s_check_options options);
/* The finding is about what the request asks for. */
bool fix_is_wanted(const struct fix_run *run, const struct c2s_model *m,
                   const struct c2s_finding *f);
const char *fix_layer_name(const struct c2s_model *m, const struct c2s_finding *f); /* "" = none */

/* left.c: fills report->left from the findings that remain in run->m, all of them in `remaining`.
 */
bool fix_explain_left(struct fix_run *run, const struct c2s_findings *remaining,
                      struct c2s_error *err) C2S_MUST_CHECK;

#endif
