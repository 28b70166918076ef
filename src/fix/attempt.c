/* One attempt at a fix, and whether its result is better than what was there. */
#include "fix/run.h"

#include <stdio.h>
#include <string.h>

const char *fix_layer_name(const struct c2s_model *m, const struct c2s_finding *f)
{
    return f->layer >= 0 ? m->layers[f->layer]->name : "";
}

bool fix_is_wanted(const struct fix_run *run, const struct c2s_model *m,
                   const struct c2s_finding *f)
{
    const char *layers = run->request->layers;
    return (!run->rule || run->rule == f->rule) &&
           (!layers || (f->layer >= 0 && c2s_glob_match(layers, m->layers[f->layer]->name)));
}

struct c2s_check_options fix_deciding_options(const struct c2s_check_options *asked)
{
    struct c2s_check_options options = *asked;
    options.data = NULL;
    options.input_scale = options.input_shift = 0;
    return options;
}

struct c2s_check_options fix_options(const struct fix_run *run, const struct c2s_model *m,
                                     struct c2s_check_options options)
{
    if (run->request->takes_integers)
        options.input_is_integers = run->request->takes_integers(m);
    return options;
}

/* These need a model that converts, so they show only once nothing else is wrong. */
static bool is_about_numbers(const struct c2s_rule_info *rule)
{
    static const char *const ids[] = {"E036", "E037", "E038", "E056", "E057"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (strcmp(rule->id, ids[i]) == 0)
            return true;
    return false;
}

static bool converts(const struct c2s_findings *f)
{
    return f->n_errors_at[C2S_LEVEL_KERAS] + f->n_errors_at[C2S_LEVEL_AKIDA] == 0;
}

static void count_errors(const struct c2s_findings *f, bool with_numbers, int n_at[3])
{
    memcpy(n_at, f->n_errors_at, sizeof f->n_errors_at);
    for (int i = 0; i < f->n_rows && !with_numbers; i++)
        if (f->rows[i].rule->severity == C2S_ERROR && is_about_numbers(f->rows[i].rule))
            n_at[f->rows[i].rule->level]--;
}

/* layer NULL = anywhere. */
static int count_findings(const struct c2s_model *m, const struct c2s_findings *f,
                          const struct c2s_rule_info *rule, const char *layer)
{
    int n = 0;
    for (int i = 0; i < f->n_rows; i++)
        n += f->rows[i].rule == rule &&
             (!layer || strcmp(fix_layer_name(m, &f->rows[i]), layer) == 0);
    return n;
}

/* A layer that nothing on the chip computes hides what is around it from other rules. */
static bool hides_others(const struct c2s_rule_info *rule)
{
    return strcmp(rule->id, "E004") == 0 || strcmp(rule->id, "E017") == 0;
}

/* The first error in `after` that was not there, for a sentence. */
static const struct c2s_finding *new_error(const struct fix_run *run,
                                           const struct fix_attempt *after)
{
    for (int i = 0; i < after->findings.n_rows; i++) {
        const struct c2s_finding *f = &after->findings.rows[i];
        const char *name = fix_layer_name(after->m, f);
        if (f->rule->severity == C2S_ERROR &&
            count_findings(run->m, &run->findings, f->rule, name) == 0)
            return f;
    }
    return NULL;
}

/* Fewer errors, or as many at a later level; the errors together never more. */
static bool is_better(const struct fix_run *run, const struct fix_attempt *after,
                      const struct c2s_rule_info *rule)
{
    int old[3], new[3], difference = 0;
    bool with_numbers = converts(&run->findings) && converts(&after->findings);
    count_errors(&run->findings, with_numbers, old);
    count_errors(&after->findings, with_numbers, new);
    for (int level = 0; level < 3 && difference == 0; level++)
        difference = new[level] - old[level];
    bool may_stay = rule->severity != C2S_ERROR || hides_others(rule);
    return (difference < 0 || (difference == 0 && may_stay)) &&
           new[0] + new[1] + new[2] <= old[0] + old[1] + old[2];
}

static bool judge(struct fix_run *run, const struct c2s_finding *finding, struct fix_attempt *a,
                  struct c2s_error *err)
{
    struct c2s_error inner = {0};
    if (!c2s_model_infer_shapes(a->m, &inner)) {
        snprintf(a->text, sizeof a->text, "%.250s", inner.text);
        return inner.code != C2S_NOMEM || c2s_fail_nomem(err);
    }
    const struct c2s_check_options check = fix_options(run, a->m, run->check);
    if (!c2s_check(a->m, &check, &a->findings, err))
        return false;
    if (count_findings(a->m, &a->findings, finding->rule, NULL) >=
        count_findings(run->m, &run->findings, finding->rule, NULL)) {
        snprintf(a->text, sizeof a->text, "a rewrite was tried, but this remains");
        return true;
    }
    a->is_accepted = is_better(run, a, finding->rule);
    if (a->is_accepted)
        return true;
    const struct c2s_finding *other = new_error(run, a);
    snprintf(a->text, sizeof a->text, "the rewrite would only bring another error: %s, %.60s",
             other ? other->rule->id : "more", other ? other->rule->title : "of the same kind");
    return true;
}

bool fix_attempt(struct fix_run *run, int fix, const struct c2s_finding *finding,
                 struct fix_attempt *out, struct c2s_error *err)
{
    *out = (struct fix_attempt){.m = c2s_model_clone(run->m, err)};
    if (!out->m)
        return false;
    struct fix_place place = {
        .m = out->m, .layer = finding->layer, .rule = finding->rule, .check = &run->check};
    bool ok = fix_function_at(fix)(&place, err);
    memcpy(out->text, place.text, sizeof out->text);
    ok = ok && (!place.is_applied || judge(run, finding, out, err));
    if (!ok || !out->is_accepted) {
        c2s_model_destroy(out->m);
        c2s_findings_finish(&out->findings);
        out->m = NULL;
    }
    return ok;
}

void fix_attempt_finish(struct fix_attempt *a)
{
    c2s_model_destroy(a->m);
    c2s_findings_finish(&a->findings);
    *a = (struct fix_attempt){0};
}
