/* The staged recipe: check, fix, calibrate, quantize activations, retrain, quantize weights,
 * retrain, verify. Every stage is an ordinary step of the session. */
#include "session/private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* One run of the recipe. */
struct recipe {
    struct c2s_session *session;
    const struct c2s_auto_plan *plan;
    struct c2s_auto_report *report;
};

static const struct c2s_model *model_of(const struct recipe *r)
{
    return r->session->current->model;
}

static bool skip(struct c2s_stage *stage, const char *fmt, ...) C2S_PRINTF(2, 3);

/* Always true: a stage that is not needed is no failure. */
static bool skip(struct c2s_stage *stage, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(stage->text, sizeof stage->text, fmt, args);
    va_end(args);
    stage->state = C2S_STAGE_SKIPPED;
    return true;
}

/* ---- what the model has already ---- */

static int count_activations(const struct c2s_model *m)
{
    int n = 0;
    for (int i = 0; i < m->n_layers; i++)
        n += c2s_layer_is_akida_activation(m->layers[i]);
    return n;
}

static bool has_activation_bits(const struct c2s_model *m, int bits)
{
    bool all = true;
    for (int i = 0; i < m->n_layers; i++)
        if (c2s_layer_is_akida_activation(m->layers[i]))
            all &= c2s_layer_activation_bits(m->layers[i]) == bits;
    return all;
}

static int input_bits(const struct recipe *r)
{
    if (r->plan->input > 0)
        return r->plan->input;
    return c2s_session_takes_integers(model_of(r)) ? r->plan->weights : 8;
}

static bool has_weight_bits(const struct recipe *r)
{
    const struct c2s_model *m = model_of(r);
    bool all = true, is_first = true;
    for (int i = 0; i < m->n_layers; i++) {
        if (!c2s_layer_is_akida_neural(m->layers[i]))
            continue;
        all &= c2s_layer_weight_bits(m->layers[i]) == (is_first ? input_bits(r) : r->plan->weights);
        is_first = false;
    }
    return all;
}

static bool begins_with(const char *step, const char *command)
{
    size_t n = strlen(command);
    return strncmp(step, command, n) == 0 && (step[n] == ' ' || step[n] == '\0');
}

/* Whether the current version was trained after its last quantization. */
static bool was_retrained(struct recipe *r, bool *out, struct c2s_error *err)
{
    const struct c2s_version *v = r->session->current;
    *out = false;
    while (!begins_with(v->info.step, "quantize") && v->info.parent) {
        if (begins_with(v->info.step, "retrain")) {
            *out = true;
            return true;
        }
        if (!session_hold(r->session, v->info.parent, &v, err))
            return false;
    }
    return true;
}

/* ---- the stages ---- */

/* "E014, E020": the rules of the errors, each once. */
static void list_rules(const struct c2s_findings *f, char *out, size_t size)
{
    const struct c2s_rule_info *before = NULL;
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < f->n_rows && used < size; i++) {
        const struct c2s_rule_info *rule = f->rows[i].rule;
        if (rule->severity == C2S_ERROR && rule != before && !strstr(out, rule->id))
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", rule->id);
        before = rule;
    }
}

static void describe_errors(const struct c2s_findings *f, char *out, size_t size)
{
    char rules[160];
    list_rules(f, rules, sizeof rules);
    if (f->n_errors == 0)
        snprintf(out, size, "no errors");
    else
        snprintf(out, size, "%d error%s: %s", f->n_errors, f->n_errors == 1 ? "" : "s", rules);
}

static bool check(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    struct c2s_findings f = {0};
    if (!c2s_check(model_of(r), &r->plan->check, &f, err))
        return false;
    describe_errors(&f, stage->text, sizeof stage->text);
    r->report->n_errors = f.n_errors;
    c2s_findings_finish(&f);
    return true;
}

/* What no fix takes out ends the recipe when quantize or convert would refuse it. */
static bool check_rest(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    struct c2s_findings f = {0};
    bool ok = c2s_check(model_of(r), &r->plan->check, &f, err);
    for (int i = 0; ok && i < f.n_rows; i++) {
        const struct c2s_rule_info *rule = f.rows[i].rule;
        if (rule->severity == C2S_ERROR && rule->level < C2S_LEVEL_AKD1000)
            ok = c2s_fail(err, C2S_STATE, "%s is left: %s; %s", rule->id, f.rows[i].text,
                          rule->remedy);
    }
    size_t used = strlen(stage->text);
    char left[200];
    describe_errors(&f, left, sizeof left);
    if (ok && f.n_errors > 0)
        snprintf(stage->text + used, sizeof stage->text - used, "; %s left", left);
    r->report->n_errors = f.n_errors;
    c2s_findings_finish(&f);
    return ok;
}

static bool fix(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    struct c2s_fix_report report = {0};
    struct c2s_fix_request request = {.check = r->plan->check};
    if (r->report->n_errors == 0)
        return skip(stage, "nothing to fix");
    if (!c2s_session_fix(r->session, &request, NULL, NULL, &report, err))
        return false;
    if (report.n_changes == 0)
        skip(stage, "no exact fix helps");
    else
        snprintf(stage->text, sizeof stage->text, "%d fix%s, outputs stay the same",
                 report.n_changes, report.n_changes == 1 ? "" : "es");
    c2s_fix_report_finish(&report);
    return check_rest(r, stage, err);
}

static bool calibrate(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    struct c2s_calibrated made;
    const struct c2s_calibrate_options options = {.method = r->plan->method,
                                                  .percentile = r->plan->percentile,
                                                  .bits = r->plan->activations,
                                                  .data = r->plan->retrain.data,
                                                  .limit = -1};
    if (count_activations(model_of(r)) == 0)
        return skip(stage, "the model has no ReLU");
    if (has_activation_bits(model_of(r), r->plan->activations))
        return skip(stage, "activations have %d bits already", r->plan->activations);
    if (!c2s_session_calibrate(r->session, &options, &made, err))
        return false;
    if (made.report.n_changed == 0)
        skip(stage, "no range can be better: %s", made.report.rows[0].skipped);
    else
        snprintf(stage->text, sizeof stage->text, "ranges of %d of %d activations",
                 made.report.n_changed, made.report.n_rows);
    c2s_calibrated_finish(&made);
    return true;
}

static bool activations(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    if (count_activations(model_of(r)) == 0)
        return skip(stage, "the model has no ReLU");
    if (has_activation_bits(model_of(r), r->plan->activations))
        return skip(stage, "activations have %d bits already", r->plan->activations);
    snprintf(stage->text, sizeof stage->text, "%d bit%s", r->plan->activations,
             r->plan->activations == 1 ? "" : "s");
    return c2s_session_quantize(
        r->session,
        &(struct c2s_quantize_plan){.activ_quantization = r->plan->activations,
                                    .input_weight_quantization = -1},
        NULL, NULL, NULL, err);
}

static bool weights(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    int input = input_bits(r);
    if (has_weight_bits(r))
        return skip(stage, "weights have these bits already");
    snprintf(stage->text, sizeof stage->text, "%d bits, first layer %d", r->plan->weights, input);
    return c2s_session_quantize(r->session,
                                &(struct c2s_quantize_plan){.weight_quantization = r->plan->weights,
                                                            .input_weight_quantization = input},
                                NULL, NULL, NULL, err);
}

/* A training that was killed goes on; else a new one, unless the same was done before. */
static bool run_training(struct recipe *r, struct c2s_retrained *made, struct c2s_error *err)
{
    struct c2s_retrain_plan plan = r->plan->retrain;
    struct c2s_error inner = {0};
    char *step = NULL;
    plan.resume = c2s_session_interrupted(r->session, &step, &inner);
    c2s_text_free(step);
    if (plan.resume && c2s_session_retrain(r->session, &plan, made, &inner))
        return true;
    if (plan.resume && inner.code != C2S_STATE) {
        *err = inner;
        return false;
    }
    plan.resume = false; /* what was interrupted was another training */
    return c2s_session_retrain(r->session, &plan, made, err);
}

static void describe_training(const struct c2s_retrained *t, struct c2s_stage *stage)
{
    const struct c2s_train_report *report = &t->report;
    char best[80];
    if (report->best_epoch > 0)
        snprintf(best, sizeof best, "epoch %d of %d is the best", report->best_epoch,
                 report->last_epoch);
    else
        snprintf(best, sizeof best, "no epoch of %d was better", report->last_epoch);
    snprintf(stage->text, sizeof stage->text, "%s%s%s%s", best,
             t->was_cached ? " (trained before)" : "", report->trouble[0] ? "; " : "",
             report->trouble);
}

static bool retrain(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    struct c2s_retrained made = {0};
    bool is_done, is_second = strcmp(stage->step, "quantize weights") == 0;
    if (r->plan->retrain.train.epochs == 0)
        return skip(stage, "no epochs were asked for");
    if (!is_second && count_activations(model_of(r)) == 0)
        return skip(stage, "nothing was quantized yet");
    if (!is_second && has_weight_bits(r))
        return skip(stage, "weights are quantized already; one training follows");
    if (!was_retrained(r, &is_done, err))
        return false;
    if (is_done)
        return skip(stage, "trained since its last quantization");
    if (!run_training(r, &made, err))
        return false;
    describe_training(&made, stage);
    bool was_stopped = made.report.was_stopped;
    int last = made.report.last_epoch;
    c2s_retrained_finish(&made);
    return !was_stopped ||
           c2s_fail(err, C2S_CANCELLED,
                    "stopped after epoch %d; everything up to v%lld stays, and auto-quantize goes "
                    "on from there when it runs again",
                    last, (long long)r->session->current->info.id);
}

static bool measure(struct recipe *r, const char *engine, struct c2s_measure *out, bool *has,
                    struct c2s_error *err)
{
    *has = c2s_session_eval(r->session, NULL, engine, out, NULL, NULL, err);
    return *has;
}

static bool verify(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    struct c2s_auto_report *report = r->report;
    if (!check(r, stage, err) || !measure(r, "dnnl", &stage->accuracy, &stage->has_accuracy, err) ||
        !measure(r, "akida", &stage->chip, &stage->has_chip, err))
        return false;
    double chip = c2s_accuracy(&stage->chip.metrics);
    report->drop = c2s_accuracy(&report->before.metrics) - chip;
    report->is_gate_met =
        !(chip < r->plan->min_accuracy) && !(report->drop > r->plan->largest_drop);
    return true;
}

struct stage_kind {
    const char *name, *step;
    bool (*run)(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err);
};

/* step tells the two trainings apart: what came before. */
static const struct stage_kind kinds[] = {
    {"check", "", check},
    {"fix", "", fix},
    {"calibrate", "", calibrate},
    {"activations", "", activations},
    {"retrain", "quantize activations", retrain},
    {"weights", "", weights},
    {"retrain", "quantize weights", retrain},
    {"verify", "", verify},
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
    if (ok && is_new && !measure(r, "dnnl", &stage->accuracy, &stage->has_accuracy, err))
        ok = false;
    if (ok)
        return true;
    stage->state = C2S_STAGE_FAILED;
    snprintf(stage->text, sizeof stage->text, "%s", err->text);
    return c2s_fail_at(err, "stage %d of %d, %s", index + 1, C2S_N_STAGES, stage->name);
}

/* What the recipe makes itself. */
static bool is_of_recipe(const struct c2s_version *v)
{
    return c2s_model_is_quantized(v->model) || begins_with(v->info.step, "calibrate") ||
           begins_with(v->info.step, "fix");
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

bool c2s_session_auto_quantize(struct c2s_session *s, const struct c2s_auto_plan *plan,
                               struct c2s_auto_report *report, struct c2s_error *err)
{
    struct recipe r = {s, plan, report};
    *report = (struct c2s_auto_report){0};
    for (int i = 0; i < C2S_N_STAGES; i++)
        report->stages[i] = (struct c2s_stage){
            .name = kinds[i].name, .step = kinds[i].step, .state = C2S_STAGE_NOT_REACHED};
    if (!session_require_current(s, err) || !check_plan(plan, err) || !measure_origin(&r, err))
        return false;
    r.report->begun_at = s->current->info.id;
    for (int i = 0; i < C2S_N_STAGES; i++) {
        report->stages[i].state = C2S_STAGE_DONE;
        if (!tell_stage(&r, i, err) || !run_stage(&r, i, err))
            return false;
    }
    return true;
}
