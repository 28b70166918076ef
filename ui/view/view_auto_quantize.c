/* The stages of auto-quantize: what each did, and the accuracy after it. */
#include "view.h"

#include <c2s/keras.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const states[] = {"not reached", "done", "skipped", "failed", "stopped"};

/* Fraction and ends of the interval for machines, "90.40 +-0.58" for people. */
static void add_accuracy(struct sheet *s, bool has, const struct c2s_measure *m)
{
    double low, high;
    if (!has) {
        for (int i = 0; i < 4; i++)
            sheet_none(s);
        return;
    }
    c2s_wilson_interval(m->metrics.correct, m->metrics.n, &low, &high);
    sheet_real(s, c2s_accuracy(&m->metrics), 4);
    sheet_real(s, low, 4);
    sheet_real(s, high, 4);
    sheet_textf(s, "%.2f +-%.2f", 100 * c2s_accuracy(&m->metrics), 100 * view_margin(&m->metrics));
}

static void add_columns(struct sheet *s)
{
    sheet_column(s, "stage", "stage", SHEET_LEFT);
    sheet_column(s, "state", NULL, SHEET_LEFT);
    sheet_column(s, "version", "v", SHEET_LEFT);
    sheet_column(s, "accuracy", NULL, SHEET_RIGHT);
    sheet_column(s, "low", NULL, SHEET_RIGHT);
    sheet_column(s, "high", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "accuracy %", SHEET_RIGHT);
    sheet_column(s, "chip_accuracy", NULL, SHEET_RIGHT);
    sheet_column(s, "chip_low", NULL, SHEET_RIGHT);
    sheet_column(s, "chip_high", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "chip %", SHEET_RIGHT);
    sheet_column(s, "what", "what", SHEET_LEFT);
}

static void add_stage(struct sheet *s, const struct c2s_stage *stage, int64_t before)
{
    char name[24];
    bool is_new = stage->version && stage->version != before;
    enum sheet_role roles[] = {SHEET_DIM, SHEET_PLAIN, SHEET_DIM, SHEET_ERROR, SHEET_WARNING};
    sheet_row(s, is_new && stage->state == C2S_STAGE_DONE ? SHEET_CHANGED : roles[stage->state]);
    sheet_text(s, stage->name);
    sheet_text(s, states[stage->state]);
    sheet_text(s, is_new ? view_version_name(stage->version, name, sizeof name) : NULL);
    add_accuracy(s, stage->has_accuracy, &stage->accuracy);
    add_accuracy(s, stage->has_chip, &stage->chip);
    if (stage->state == C2S_STAGE_DONE)
        sheet_text(s, stage->text);
    else
        sheet_textf(s, "%s%s%s", states[stage->state], stage->text[0] ? ": " : "", stage->text);
}

/* More than that is no model to export. */
static const double too_much = 0.05;

/* "0.91 points lost"; nothing is claimed of what may be chance. */
static char *difference_text(const struct c2s_auto_report *r, char *out, size_t size)
{
    double won = -100 * r->drop;
    if (r->p_value < 0.05)
        snprintf(out, size, "%.2f points %s", fabs(won), won < 0 ? "lost" : "won");
    else if (fabs(won) < 0.005)
        snprintf(out, size, "no difference");
    else
        snprintf(out, size, "no difference beyond chance (%+.2f points)", won);
    return out;
}

/* A failure gives its own advice; only what the user stopped goes on by saying the same again. */
static void tell_not_finished(struct sheet *s, const struct c2s_auto_report *r, const char *to)
{
    bool has_failed = false;
    for (int i = 0; i < C2S_N_STAGES; i++)
        has_failed |= r->stages[i].state == C2S_STAGE_FAILED;
    sheet_after(s, SHEET_WARNING, "not finished; now at %s", to);
    if (!has_failed)
        sheet_next(s, "Next: the same again goes on from %s", to);
}

static void advise_training(struct sheet *s, const struct view_auto_quantized *v)
{
    struct c2s_retrain_plan plan = v->plan->retrain;
    struct c2s_error ignored = {0};
    char *line = NULL;
    double rate = plan.train.learning_rate, usual = c2s_train_defaults().learning_rate;
    plan.train.learning_rate = fmin(rate, usual);
    plan.train.epochs = plan.train.epochs < 10 ? 10 : plan.train.epochs;
    sheet_after(s, SHEET_PLAIN, "%s: train on%s, or begin again with more bits",
                v->report->drop > too_much ? "too much was lost" : "less than was asked for",
                rate > usual ? " at a smaller rate" : "");
    if (c2s_retrain_plan_line(&plan, &line, &ignored))
        sheet_next(s, "Next: %s", line);
    c2s_text_free(line);
}

/* "v1 float 91.09 % -> v6 w4 a4 i8 on the chip 90.91 %: 0.18 points lost" */
static void add_verdict(struct sheet *s, const struct view_auto_quantized *v)
{
    const struct c2s_auto_report *r = v->report;
    const struct c2s_stage *end = &r->stages[C2S_N_STAGES - 1];
    char from[24], to[24], bits[64], difference[80];
    view_version_name(v->first->info.id, from, sizeof from);
    view_version_name(v->last->info.id, to, sizeof to);
    if (!end->has_chip) {
        tell_not_finished(s, r, to);
        return;
    }
    bool is_good = r->is_gate_met && r->n_errors == 0 && r->drop <= too_much;
    sheet_after(
        s, is_good ? SHEET_GOOD : SHEET_WARNING, "%s %.2f %% -> %s (%s) on the chip %.2f %%: %s",
        from, 100 * c2s_accuracy(&r->before.metrics), to,
        view_bits(v->last->model, bits, sizeof bits), 100 * c2s_accuracy(&end->chip.metrics),
        difference_text(r, difference, sizeof difference));
    if (r->n_errors > 0) {
        sheet_after(s, SHEET_WARNING, "the chip does not take it yet: check tells why");
        sheet_next(s, "Next: check, compare %s %s", from, to);
    } else if (!is_good) {
        advise_training(s, v);
    } else {
        sheet_next(s, "Next: export %s FILE.fbz, compare %s %s, log", to, from, to);
    }
}

static const char *how_it_learned(const struct c2s_auto_report *r)
{
    for (int i = 0; i < C2S_N_STAGES; i++)
        if (strcmp(r->stages[i].name, "retrain") == 0 &&
            (r->stages[i].state == C2S_STAGE_DONE || r->stages[i].state == C2S_STAGE_STOPPED))
            return VIEW_TRAINED;
    return VIEW_CALIBRATED;
}

static void add_beginning(struct sheet *s, const char *name, const struct c2s_version *v,
                          const struct c2s_measure *measure)
{
    char version[24];
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, name);
    sheet_text(s, states[C2S_STAGE_DONE]);
    sheet_text(s, view_version_name(v->info.id, version, sizeof version));
    add_accuracy(s, measure != NULL, measure);
    add_accuracy(s, false, NULL);
    sheet_text(s, v->info.step);
}

struct sheet *view_auto_quantized(const struct view_auto_quantized *v)
{
    char name[24], n[32];
    const struct c2s_auto_report *r = v->report;
    const struct c2s_stage *end = &r->stages[C2S_N_STAGES - 1];
    struct sheet *s = sheet_create(
        "%s of %s", view_count(r->before.metrics.n, "sample", n, sizeof n), r->before.dataset_name);
    int64_t before = r->begun_at;
    add_columns(s);
    add_beginning(s, "before", v->first, &r->before);
    if (r->begun_at != r->first)
        add_beginning(s, "begun from", v->begun, NULL);
    for (int i = 0; i < C2S_N_STAGES; i++) {
        add_stage(s, &r->stages[i], before);
        before = r->stages[i].version ? r->stages[i].version : before;
    }
    add_verdict(s, v);
    sheet_rows_key(s, "stages");
    sheet_fact_text(s, "first", view_version_name(v->first->info.id, name, sizeof name));
    sheet_fact_text(s, "version", view_version_name(v->last->info.id, name, sizeof name));
    sheet_fact_text(s, "dataset", r->before.dataset_name);
    sheet_fact_bool(s, "is_finished", end->has_chip);
    sheet_fact_real(s, "drop", end->has_chip ? r->drop : NAN);
    sheet_fact_real(s, "p_value", end->has_chip ? r->p_value : NAN);
    sheet_fact_bool(s, "is_gate_met", end->has_chip && r->is_gate_met);
    sheet_fact_integer(s, "errors", r->n_errors);
    view_learned(s, &r->learned, how_it_learned(r));
    sheet_fact_real(s, "seconds", v->seconds);
    return s;
}
