/* The staged recipe: check, fix, calibrate, quantize activations, retrain, quantize weights,
 * retrain, verify. Every stage is an ordinary step of the session. */
#include "session/auto_quantize.h"

#include <c2s/keras.h>
#include <stdio.h>

struct stage_kind {
    const char *name, *step;
    bool (*run)(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err);
};

/* step tells the two trainings apart: what came before. */
static const struct stage_kind kinds[] = {
    {"check", "", auto_check},
    {"fix", "", auto_fix},
    {"calibrate", "", auto_calibrate},
    {"activations", "", auto_activations},
    {"retrain", "quantize activations", auto_retrain},
    {"weights", "", auto_weights},
    {"retrain", "quantize weights", auto_retrain},
    {"verify", "", auto_verify},
};
_Static_assert(sizeof kinds / sizeof kinds[0] == C2S_N_STAGES, "a stage has no row");

/* The stage itself, and the accuracy of what it made. */
static bool run_stage(struct recipe *r, int index, struct c2s_error *err)
{
    struct c2s_stage *stage = &r->report->stages[index];
    int64_t before = r->session->current->info.id;
    bool ok = kinds[index].run(r, stage, err);
    stage->version = r->session->current->info.id;
    bool is_new = stage->version != before && !stage->has_accuracy;
    if (ok && is_new && !auto_measure(r, "dnnl", &stage->accuracy, &stage->has_accuracy, err))
        ok = false;
    if (ok)
        return true;
    bool was_stopped = err->code == C2S_CANCELLED;
    stage->state = was_stopped ? C2S_STAGE_STOPPED : C2S_STAGE_FAILED;
    if (!was_stopped) /* else it says how far it came */
        snprintf(stage->text, sizeof stage->text, "%s", err->text);
    return c2s_fail_at(err, "stage %d of %d, %s", index + 1, C2S_N_STAGES, stage->name);
}

/* What the recipe makes itself. */
static bool is_of_recipe(const struct c2s_version *v)
{
    return c2s_model_is_quantized(v->model) || step_is(v->info.step, "calibrate") ||
           step_is(v->info.step, "fix");
}

/* What the result is held against: the model as it was before any stage, so that a recipe that goes
 * on is held against the same as one in one go. */
static bool measure_origin(struct recipe *r, struct c2s_error *err)
{
    const struct c2s_version *v = r->session->current;
    char name[24];
    while (is_of_recipe(v) && v->info.parent)
        if (!session_hold(r->session, v->info.parent, &v, err))
            return false;
    if (c2s_model_is_quantized(v->model))
        v = r->session->current;
    snprintf(name, sizeof name, "v%lld", (long long)v->info.id);
    r->report->first = v->info.id;
    return c2s_session_eval(r->session, name, NULL, &r->report->before, NULL, NULL, err);
}

static bool tell_stage(struct recipe *r, int index, struct c2s_error *err)
{
    char what[64];
    snprintf(what, sizeof what, "stage %d of %d: %s", index + 1, C2S_N_STAGES, kinds[index].name);
    return c2s_progress_report(&r->session->progress, what, index, C2S_N_STAGES) ||
           c2s_fail(err, C2S_CANCELLED, "stopped before stage %d of %d; what was made stays",
                    index + 1, C2S_N_STAGES);
}

static bool check_plan(const struct c2s_auto_plan *p, struct c2s_error *err)
{
    if (p->weights < 2 || p->weights > 8 || p->activations < 1 || p->activations > 8 ||
        p->input < 0 || p->input == 1 || p->input > 8)
        return c2s_fail(err, C2S_RANGE,
                        "weights take 2 to 8 bits, activations 1 to 8; choose others than %d, %d "
                        "and %d for the first layer",
                        p->weights, p->activations, p->input);
    return true;
}

/* What a later stage would fail for is told before anything is made. */
static bool check_data(struct recipe *r, struct c2s_error *err)
{
    struct c2s_dataset_spec spec = {0};
    struct c2s_dataset *data;
    char *text;
    bool is_needed;
    if (!auto_needs_data(r, &is_needed, err))
        return false;
    if (!is_needed)
        return true;
    if (!session_training_spec(r->session, r->plan->retrain.data, &spec, err))
        return false;
    bool ok = session_open_spec(&spec, &data, &text, err);
    if (ok) {
        ok = session_check_scaling(r->session->current->model, c2s_dataset_info(data), err);
        c2s_dataset_close(data);
        c2s_text_free(text);
    }
    c2s_dataset_spec_finish(&spec);
    return ok;
}

bool c2s_session_auto_quantize(struct c2s_session *s, const struct c2s_auto_plan *plan,
                               struct c2s_auto_report *report, struct c2s_error *err)
{
    struct recipe r = {s, plan, report};
    *report = (struct c2s_auto_report){0};
    for (int i = 0; i < C2S_N_STAGES; i++)
        report->stages[i] = (struct c2s_stage){
            .name = kinds[i].name, .step = kinds[i].step, .state = C2S_STAGE_NOT_REACHED};
    if (!session_require_current(s, err) || !check_plan(plan, err) || !check_data(&r, err) ||
        !measure_origin(&r, err))
        return false;
    r.report->begun_at = s->current->info.id;
    for (int i = 0; i < C2S_N_STAGES; i++) {
        if (!tell_stage(&r, i, err))
            return false;
        report->stages[i].state = C2S_STAGE_DONE;
        if (!run_stage(&r, i, err))
            return false;
    }
    return true;
}
