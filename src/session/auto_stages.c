/* What each stage of auto-quantize does, and when it is not needed. */
#include "session/auto_quantize.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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

static bool came_through(struct recipe *r, const char *step, bool *out, struct c2s_error *err)
{
    int64_t id;
    bool ok = session_came_through(r->session, step, &id, err);
    *out = ok && id != 0;
    return ok;
}

bool auto_needs_data(struct recipe *r, bool *out, struct c2s_error *err)
{
    bool is_calibrated, is_trained;
    bool has_bits = has_activation_bits(model_of(r), r->plan->activations);
    if (!came_through(r, "calibrate ranges", &is_calibrated, err) ||
        !came_through(r, "retrain", &is_trained, err))
        return false;
    *out = (!has_bits && !is_calibrated) ||
           (r->plan->retrain.train.epochs > 0 && !(is_trained && has_bits && has_weight_bits(r)));
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

bool auto_check(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
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

bool auto_fix(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
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

bool auto_calibrate(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    struct c2s_calibrated made;
    const struct c2s_calibrate_options options = {.method = r->plan->method,
                                                  .percentile = r->plan->percentile,
                                                  .bits = r->plan->activations,
                                                  .data = r->plan->retrain.data,
                                                  .limit = -1};
    bool is_done;
    if (count_activations(model_of(r)) == 0)
        return skip(stage, "the model has no ReLU");
    if (has_activation_bits(model_of(r), r->plan->activations))
        return skip(stage, "activations have %d bit%s already", r->plan->activations,
                    r->plan->activations == 1 ? "" : "s");
    if (!came_through(r, "calibrate ranges", &is_done, err))
        return false;
    if (is_done)
        return skip(stage, "ranges are calibrated already");
    if (!c2s_session_calibrate(r->session, &options, &made, err))
        return false;
    if (made.report.n_changed == 0)
        skip(stage, "no range can be better: %s", made.report.rows[0].skipped);
    else
        snprintf(stage->text, sizeof stage->text, "ranges of %d of %d activations",
                 made.report.n_changed, made.report.n_rows);
    r->report->learned = made.learned;
    c2s_calibrated_finish(&made);
    return true;
}

bool auto_activations(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    if (count_activations(model_of(r)) == 0)
        return skip(stage, "the model has no ReLU");
    if (has_activation_bits(model_of(r), r->plan->activations))
        return skip(stage, "activations have %d bit%s already", r->plan->activations,
                    r->plan->activations == 1 ? "" : "s");
    snprintf(stage->text, sizeof stage->text, "%d bit%s", r->plan->activations,
             r->plan->activations == 1 ? "" : "s");
    return c2s_session_quantize(
        r->session,
        &(struct c2s_quantize_plan){.activ_quantization = r->plan->activations,
                                    .input_weight_quantization = -1},
        NULL, NULL, NULL, err);
}

bool auto_weights(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
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

/* Goes on with a training that was interrupted: *took false when there is none, or another one. */
static bool go_on(struct recipe *r, struct c2s_retrained *made, bool *took, struct c2s_error *err)
{
    struct c2s_retrain_plan plan = r->plan->retrain;
    struct c2s_interrupted before = {0};
    struct c2s_error inner = {0};
    plan.resume = true;
    *took = c2s_session_interrupted(r->session, &before, &inner);
    if (*took) {
        plan.version = before.version;
        *took = c2s_session_retrain(r->session, &plan, made, &inner);
    }
    c2s_interrupted_finish(&before);
    if (*took || inner.code == C2S_STATE)
        return true;
    *err = inner;
    return false;
}

static void describe_training(const struct c2s_retrained *t, struct c2s_stage *stage)
{
    const struct c2s_train_report *report = &t->report;
    const char *so_far = t->can_go_on ? " so far" : "";
    char best[80];
    if (report->best_epoch > 0)
        snprintf(best, sizeof best, "epoch %d of %d is the best%s", report->best_epoch,
                 report->last_epoch, so_far);
    else
        snprintf(best, sizeof best, "no epoch of %d was better%s", report->last_epoch, so_far);
    snprintf(stage->text, sizeof stage->text, "%s%s%s%s", best,
             t->was_cached ? " (trained before)" : "", report->trouble[0] ? "; " : "",
             report->trouble);
}

static bool conclude_training(struct recipe *r, struct c2s_stage *stage,
                              const struct c2s_retrained *made, struct c2s_error *err)
{
    describe_training(made, stage);
    return !made->report.was_stopped ||
           c2s_fail(err, C2S_CANCELLED,
                    "stopped after epoch %d; everything up to v%lld stays, and auto-quantize goes "
                    "on from there when it runs again",
                    made->report.last_epoch, (long long)r->session->current->info.id);
}

/* The training between the two quantizations: *id 0 when there was none. */
static bool find_first_training(struct recipe *r, int64_t *id, struct c2s_error *err)
{
    const struct c2s_version *v = r->session->current;
    bool is_between = false;
    *id = 0;
    while (v->info.parent) {
        is_between |= step_is(v->info.step, "quantize weights");
        if (!session_hold(r->session, v->info.parent, &v, err))
            return false;
        if (is_between && step_is(v->info.step, "retrain"))
            *id = v->info.id;
        if (*id || (is_between && step_is(v->info.step, "quantize activations")))
            return true;
    }
    return true;
}

static bool skip_first_training(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    int64_t id;
    if (!find_first_training(r, &id, err))
        return false;
    if (id)
        return skip(stage, "trained before: v%lld", (long long)id);
    return skip(stage, "weights are quantized already; one training follows");
}

bool auto_retrain(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    struct c2s_retrained made = {0};
    bool is_done, is_second = strcmp(stage->step, "quantize weights") == 0;
    if (r->plan->retrain.train.epochs == 0)
        return skip(stage, "no epochs were asked for");
    if (!is_second && count_activations(model_of(r)) == 0)
        return skip(stage, "nothing was quantized yet");
    if (!is_second && has_weight_bits(r))
        return skip_first_training(r, stage, err);
    if (!go_on(r, &made, &is_done, err) || (!is_done && !came_through(r, "retrain", &is_done, err)))
        return false;
    if (is_done && !made.parent)
        return skip(stage, "trained since its last quantization");
    if (!is_done && !c2s_session_retrain(r->session, &r->plan->retrain, &made, err))
        return false;
    r->report->learned = made.learned;
    bool ok = conclude_training(r, stage, &made, err);
    c2s_retrained_finish(&made);
    return ok;
}

bool auto_measure(struct recipe *r, const char *engine, struct c2s_measure *out, bool *has,
                  struct c2s_error *err)
{
    *has = c2s_session_eval(r->session, NULL, engine, out, NULL, NULL, err);
    return *has;
}

static bool compare_with_first(struct recipe *r, struct c2s_error *err)
{
    char name[24];
    struct c2s_comparison c;
    snprintf(name, sizeof name, "v%lld", (long long)r->report->first);
    if (!session_compare(r->session, &(struct session_measured){name, "dnnl"},
                         &(struct session_measured){NULL, "akida"}, &c, err))
        return false;
    r->report->p_value = c.p_value;
    return true;
}

bool auto_verify(struct recipe *r, struct c2s_stage *stage, struct c2s_error *err)
{
    struct c2s_auto_report *report = r->report;
    if (!auto_check(r, stage, err) ||
        !auto_measure(r, "dnnl", &stage->accuracy, &stage->has_accuracy, err) ||
        !auto_measure(r, "akida", &stage->chip, &stage->has_chip, err) ||
        !compare_with_first(r, err))
        return false;
    double chip = c2s_accuracy(&stage->chip.metrics);
    report->drop = c2s_accuracy(&report->before.metrics) - chip;
    report->is_gate_met =
        !(chip < r->plan->min_accuracy) && !(report->drop > r->plan->largest_drop);
    return true;
}
