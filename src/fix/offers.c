/* What fix could do about each finding, without doing it. */
#include <c2s/fix.h>

#include "fix/run.h"

/* An attempt costs a copy and a check of the model: so many layers are copied at most. */
#define MOST_LAYERS 200000

static unsigned kind_of(const struct c2s_fix_info *fix)
{
    return fix->is_exact ? C2S_FIX_EXACT : C2S_FIX_APPROXIMATE;
}

/* Of one finding; *left counts attempts down, and what none is left for gets the table's word. */
static bool offer(struct fix_run *run, const struct c2s_finding *finding, int *left, unsigned *out,
                  struct c2s_error *err)
{
    for (int k = 0; c2s_fixes()[k].id; k++) {
        const struct c2s_fix_info *fix = &c2s_fixes()[k];
        struct fix_attempt a;
        if (fix->is_optional || *out & kind_of(fix) || !fix_answers(fix, finding->rule))
            continue;
        if (*left <= 0) {
            *out |= kind_of(fix);
            continue;
        }
        if (!fix_attempt(run, k, finding, &a, err))
            return false;
        --*left;
        if (a.is_accepted)
            *out |= kind_of(fix);
        fix_attempt_finish(&a);
    }
    return true;
}

static bool offer_all(struct fix_run *run, const struct c2s_findings *f, unsigned *out,
                      struct c2s_error *err)
{
    int left = 8 + MOST_LAYERS / (1 + run->m->n_layers);
    struct c2s_error inner = {0};
    if (!c2s_model_infer_shapes(run->m, &inner))
        return inner.code != C2S_NOMEM || c2s_fail_nomem(err);
    if (!c2s_check(run->m, &run->check, &run->findings, err))
        return false;
    for (int i = 0; i < f->n_rows; i++)
        if (!offer(run, &f->rows[i], &left, &out[i], err))
            return false;
    return true;
}

bool c2s_fix_offers(const struct c2s_model *m, const struct c2s_fix_request *request,
                    const struct c2s_findings *f, unsigned *out, struct c2s_error *err)
{
    struct fix_run run = {.request = request, .check = fix_deciding_options(&request->check)};
    for (int i = 0; i < f->n_rows; i++)
        out[i] = 0;
    run.m = c2s_model_clone(m, err);
    bool ok = run.m && offer_all(&run, f, out, err);
    c2s_findings_finish(&run.findings);
    c2s_model_destroy(run.m);
    return ok;
}
