/* Applies fixes one at a time until none helps, and measures that exact ones are. */
#include <c2s/fix.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "fix/run.h"

#define TOLERANCE 1e-5 /* of the largest output */

/* Rounding that meets the edge of a level becomes a whole step: only then levels are left out. */
static bool difference_of(const struct c2s_model *a, const struct c2s_model *b,
                          const struct c2s_tensor *samples, double *difference,
                          struct c2s_error *err)
{
    const struct quant_probe as_is = {samples, true, true}, no_levels = {samples, true, false};
    return quant_difference(a, b, &as_is, difference, err) &&
           (isnan(*difference) || *difference <= TOLERANCE ||
            quant_difference(a, b, &no_levels, difference, err));
}

static bool prove(const struct c2s_model *before, const struct c2s_model *after,
                  const struct c2s_fix_info *fix, const char *layer, struct c2s_error *err)
{
    double difference;
    if (!difference_of(before, after, NULL, &difference, err))
        return false;
    return !(difference > TOLERANCE) ||
           c2s_fail(err, C2S_STATE,
                    "fix %s at '%s' changes the outputs by %.1e of the largest one, above %.0e: "
                    "nothing was kept; fix other layers by name",
                    fix->id, layer, difference, TOLERANCE);
}

static bool record(struct fix_run *run, int fix, const struct c2s_finding *finding,
                   const char *text, struct c2s_error *err)
{
    struct c2s_fix_report *r = run->report;
    struct c2s_fix_change *grown =
        c2s_realloc(r->changes, sizeof *grown * (size_t)(r->n_changes + 1));
    if (!grown)
        return c2s_fail_nomem(err);
    r->changes = grown;
    struct c2s_fix_change *change = &grown[r->n_changes++];
    *change = (struct c2s_fix_change){.fix = &c2s_fixes()[fix], .rule = finding->rule};
    snprintf(change->layer, sizeof change->layer, "%s", fix_layer_name(run->m, finding));
    snprintf(change->text, sizeof change->text, "%.199s", text);
    r->is_exact = r->is_exact && change->fix->is_exact;
    return true;
}

/* Row `fix` at one finding; *applied = the run goes on from the result. */
static bool apply_at(struct fix_run *run, int fix, const struct c2s_finding *finding, bool *applied,
                     struct c2s_error *err)
{
    const struct c2s_fix_info *info = &c2s_fixes()[fix];
    struct fix_attempt a;
    if (!fix_attempt(run, fix, finding, &a, err))
        return false;
    bool ok = !a.is_accepted || !info->is_exact ||
              prove(run->m, a.m, info, fix_layer_name(run->m, finding), err);
    ok = ok && (!a.is_accepted || record(run, fix, finding, a.text, err));
    *applied = ok && a.is_accepted;
    if (*applied) {
        c2s_model_destroy(run->m);
        c2s_findings_finish(&run->findings);
        run->m = a.m;
        run->findings = a.findings;
        run->check = fix_options(run, run->m, run->check);
        return true;
    }
    fix_attempt_finish(&a);
    return ok;
}

/* Nothing that was asked for by name is optional. */
static bool is_allowed(const struct fix_run *run, const struct c2s_fix_info *fix)
{
    bool is_named = run->rule || run->request->layers;
    return (fix->is_exact || run->request->approximate) && (!fix->is_optional || is_named);
}

/* The first fix of the table that helps somewhere. */
static bool apply_one(struct fix_run *run, bool *applied, struct c2s_error *err)
{
    *applied = false;
    for (int k = 0; c2s_fixes()[k].id; k++) {
        const struct c2s_fix_info *fix = &c2s_fixes()[k];
        for (int i = 0; i < run->findings.n_rows && is_allowed(run, fix); i++) {
            const struct c2s_finding finding = run->findings.rows[i];
            if (!fix_answers(fix, finding.rule) || !fix_is_wanted(run, run->m, &finding))
                continue;
            if (!c2s_progress_report(run->progress, "fixing", run->report->n_changes, 0))
                return c2s_fail(err, C2S_CANCELLED, "fixing was cancelled; nothing has changed");
            if (!apply_at(run, k, &finding, applied, err) || *applied)
                return *applied;
        }
    }
    return true;
}

static bool measure(const struct fix_run *run, const struct c2s_model *original,
                    struct c2s_error *err)
{
    struct c2s_fix_report *r = run->report;
    const struct c2s_tensor *samples = run->request->samples;
    if (r->n_changes == 0)
        return true;
    if (samples && !difference_of(original, run->m, samples, &r->difference, err))
        return false;
    bool is_measured = samples && !isnan(r->difference);
    r->n_samples = is_measured ? samples->dims[0] : 0;
    if (!is_measured && !difference_of(original, run->m, NULL, &r->difference, err))
        return false;
    return !r->is_exact || !(r->difference > TOLERANCE) ||
           c2s_fail(err, C2S_STATE,
                    "the fixes together change the outputs by %.1e of the largest one, above "
                    "%.0e: nothing was kept; fix layers one by one, by name",
                    r->difference, TOLERANCE);
}

/* Errors as check tells them with the request's scaling; of the result also what is left. */
static bool conclude(struct fix_run *run, const struct c2s_model *original, struct c2s_error *err)
{
    struct c2s_check_options told = run->request->check;
    struct c2s_findings f;
    told.data = NULL; /* is about the layers of another model */
    told = fix_options(run, original, told);
    if (!c2s_check(original, &told, &f, err))
        return false;
    run->report->n_errors_before = f.n_errors;
    c2s_findings_finish(&f);
    told = fix_options(run, run->m, told);
    if (!c2s_check(run->m, &told, &f, err))
        return false;
    run->report->n_errors_after = f.n_errors;
    bool ok = fix_explain_left(run, &f, err);
    c2s_findings_finish(&f);
    return ok;
}

static bool work(struct fix_run *run, const struct c2s_model *original, struct c2s_error *err)
{
    run->m = c2s_model_clone(original, err);
    run->check = fix_options(run, original, run->check);
    if (!run->m || !c2s_model_infer_shapes(run->m, err) ||
        !c2s_check(run->m, &run->check, &run->findings, err))
        return false;
    /* Each change takes a finding out; the bound is for what nobody thought of. */
    int most = 8 * original->n_layers + 64;
    for (bool applied = true; applied && run->report->n_changes < most;)
        if (!apply_one(run, &applied, err))
            return false;
    return measure(run, original, err) && conclude(run, original, err);
}

static bool begin(struct fix_run *run, const struct c2s_model *m, struct c2s_error *err)
{
    const struct c2s_fix_request *request = run->request;
    run->check = fix_deciding_options(&request->check);
    if (request->rule && !(run->rule = c2s_rule_find(request->rule)))
        return c2s_fail(err, C2S_USAGE, "there is no rule %s; 'help rules' lists all",
                        request->rule);
    if (run->rule && run->rule->level > request->check.level)
        return c2s_fail(err, C2S_USAGE, "%s is a rule of level %s, which level %s leaves out",
                        run->rule->id, c2s_level_name(run->rule->level),
                        c2s_level_name(request->check.level));
    for (int i = 0; request->layers && i < m->n_layers; i++)
        if (c2s_glob_match(request->layers, m->layers[i]->name))
            return true;
    return !request->layers ||
           c2s_fail(err, C2S_NOT_FOUND, "'%s' names no layer; 'layers' lists them",
                    request->layers);
}

bool c2s_fix(const struct c2s_model *m, const struct c2s_fix_request *request,
             const struct c2s_progress *progress, struct c2s_model **out,
             struct c2s_fix_report *report, struct c2s_error *err)
{
    struct c2s_fix_report own = {.is_exact = true};
    struct fix_run run = {.request = request, .progress = progress, .report = &own};
    bool ok = begin(&run, m, err) && work(&run, m, err);
    c2s_findings_finish(&run.findings);
    if (!ok || own.n_changes == 0) {
        c2s_model_destroy(run.m);
        run.m = NULL;
    }
    if (!ok) {
        c2s_fix_report_finish(&own);
        return false;
    }
    *out = run.m;
    *report = own;
    return true;
}

void c2s_fix_report_finish(struct c2s_fix_report *r)
{
    c2s_free(r->changes);
    c2s_free(r->left);
    memset(r, 0, sizeof *r);
}
