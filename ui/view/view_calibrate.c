/* What a calibration did: every layer before and after, and the accuracy. */
#include "view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A column of a kind's table: two cells of a row share name and sheet. */
struct column {
    const char *key, *name;
    double (*value)(const struct c2s_calibrated_layer *row);
    enum { AS_RANGE, AS_SHARE, AS_DECIBEL, AS_FACTOR } form;
};

static double range_before(const struct c2s_calibrated_layer *r)
{
    return r->range_before;
}
static double range_after(const struct c2s_calibrated_layer *r)
{
    return r->range_after;
}
static double clipped(const struct c2s_calibrated_layer *r)
{
    return r->clipped;
}
static double sqnr_before(const struct c2s_calibrated_layer *r)
{
    return r->sqnr_before;
}
static double sqnr_after(const struct c2s_calibrated_layer *r)
{
    return r->sqnr_after;
}
static double shift(const struct c2s_calibrated_layer *r)
{
    return r->shift;
}
static double low(const struct c2s_calibrated_layer *r)
{
    return r->low;
}
static double high(const struct c2s_calibrated_layer *r)
{
    return r->high;
}

#define SQNR                                                                                       \
    {"sqnr_before", "SQNR before", sqnr_before, AS_DECIBEL},                                       \
    {                                                                                              \
        "sqnr_after", "after", sqnr_after, AS_DECIBEL                                              \
    }

static const struct column *const columns[] = {
    [C2S_CALIBRATE_RANGES] =
        (const struct column[]){{"range_before", "old range", range_before, AS_RANGE},
                                {"range_after", "new range", range_after, AS_RANGE},
                                {"clipped", "clipped", clipped, AS_SHARE},
                                SQNR,
                                {0}},
    [C2S_CALIBRATE_BATCH_NORM] =
        (const struct column[]){{"mean_shift", "mean moved (sigma)", shift, AS_FACTOR},
                                {"variance_low", "variance x", low, AS_FACTOR},
                                {"variance_high", "to x", high, AS_FACTOR},
                                {0}},
    [C2S_CALIBRATE_BIAS] =
        (const struct column[]){
            {"largest_correction", "largest (sigma)", shift, AS_FACTOR}, SQNR, {0}},
    [C2S_CALIBRATE_EQUALIZE] = (const struct column[]){{"factor_low", "factors x", low, AS_FACTOR},
                                                       {"factor_high", "to x", high, AS_FACTOR},
                                                       SQNR,
                                                       {0}},
};

static void add_value(struct sheet *s, const struct column *c,
                      const struct c2s_calibrated_layer *row)
{
    double value = c->value(row);
    if (isnan(value))
        sheet_none(s);
    else if (c->form == AS_RANGE && isinf(value))
        sheet_text(s, "none");
    else if (c->form == AS_SHARE)
        sheet_percent(s, value, 2);
    else
        sheet_real(s, value, c->form == AS_DECIBEL ? 1 : 3);
}

/* For machines, then for people. */
static void add_partner(struct sheet *s, const struct c2s_calibrated_layer *row)
{
    const char *partner = row->partner[0] ? row->partner : NULL;
    sheet_text(s, partner);
    sheet_text(s, strcmp(row->name, row->partner) == 0 ? "its own pointwise" : partner);
}

static void add_table(struct sheet *s, const struct view_calibrated *v)
{
    const struct c2s_calibrate_report *r = &v->result->report;
    bool has_partner = v->options->what == C2S_CALIBRATE_EQUALIZE;
    sheet_column(s, "layer", "layer", SHEET_LEFT);
    if (has_partner) {
        sheet_column(s, "partner", NULL, SHEET_LEFT);
        sheet_column(s, NULL, "with", SHEET_LEFT);
    }
    for (const struct column *c = columns[v->options->what]; c->key; c++)
        sheet_column(s, c->key, c->name, SHEET_RIGHT);
    sheet_column(s, "skipped", NULL, SHEET_LEFT);
    for (int i = 0; i < r->n_rows; i++) {
        const struct c2s_calibrated_layer *row = &r->rows[i];
        sheet_row(s, row->skipped[0] ? SHEET_DIM : SHEET_CHANGED);
        sheet_text(s, row->name);
        if (has_partner)
            add_partner(s, row);
        for (const struct column *c = columns[v->options->what]; c->key; c++)
            add_value(s, c, row);
        sheet_text(s, row->skipped[0] ? row->skipped : NULL);
        if (row->skipped[0])
            sheet_note(s, SHEET_DIM, "stays: %s", row->skipped);
    }
}

static void add_title(struct sheet *s, const struct view_calibrated *v)
{
    const struct c2s_calibrate_options *o = v->options;
    char n[48], method[64] = "";
    if (o->what == C2S_CALIBRATE_RANGES && o->method == C2S_RANGE_PERCENTILE)
        snprintf(method, sizeof method, " by percentile %g", o->percentile);
    else if (o->what == C2S_CALIBRATE_RANGES)
        snprintf(method, sizeof method, " by %s",
                 o->method == C2S_RANGE_MAX ? "largest value" : "least squared error");
    if (v->result->data) {
        sheet_before(s, SHEET_PLAIN, "%s%s from %s", c2s_calibration_name(o->what), method,
                     view_count(v->result->report.n_samples, "sample", n, sizeof n));
        sheet_before(s, SHEET_DIM, "data: %s", v->result->data);
    }
    if (v->result->report.n_folded > 0)
        sheet_before(s, SHEET_PLAIN, "folded %s first",
                     view_count(v->result->report.n_folded, "batch normalization", n, sizeof n));
    view_count(o->bits ? o->bits : 4, "bit", n, sizeof n);
    if (o->what == C2S_CALIBRATE_RANGES)
        sheet_before(s, SHEET_DIM, "SQNR in dB; what is float as if of %s", n);
    if (o->what == C2S_CALIBRATE_EQUALIZE)
        sheet_before(s, SHEET_DIM,
                     "SQNR in dB of the second layer's weights (in a SeparableConv2D of the "
                     "depthwise ones), as if of %s",
                     n);
}

static void add_accuracy(struct sheet *s, const struct view_calibrated *v)
{
    const struct c2s_comparison *c = v->accuracy;
    char n[32];
    if (!c) {
        sheet_after(s, SHEET_DIM, "accuracy not measured: %s", v->not_measured);
        sheet_fact_text(s, "accuracy_before", NULL);
        sheet_fact_text(s, "accuracy_after", NULL);
        return;
    }
    const char *verdict = view_verdict(c);
    enum sheet_role role = verdict[0] == 'w' ? SHEET_WARNING : SHEET_PLAIN;
    sheet_after(s, verdict[0] == 'b' ? SHEET_GOOD : role,
                "accuracy %.2f %% -> %.2f %% +-%.2f: %s (p %.4f)",
                100 * c2s_accuracy(&c->first.metrics), 100 * c2s_accuracy(&c->second.metrics),
                100 * view_margin(&c->second.metrics), verdict, c->p_value);
    sheet_after(s, SHEET_DIM, "on %s of %s", view_count(c->first.metrics.n, "sample", n, sizeof n),
                c->first.dataset_name);
    sheet_fact_real(s, "accuracy_before", c2s_accuracy(&c->first.metrics));
    sheet_fact_real(s, "accuracy_after", c2s_accuracy(&c->second.metrics));
    sheet_fact_text(s, "dataset", c->first.dataset_name);
    sheet_fact_real(s, "p_value", c->p_value);
    sheet_fact_text(s, "verdict", verdict);
}

static void add_difference(struct sheet *s, const struct c2s_calibrate_report *r)
{
    if (r->difference == 0)
        sheet_after(s, SHEET_PLAIN, "the outputs stay as they were");
    else if (!isnan(r->difference))
        sheet_after(s, SHEET_PLAIN, "the outputs move by up to %.1g of the largest one",
                    r->difference);
}

/* How much better the weights fit their levels, on average over the pairs; in dB. */
static double mean_gain(const struct c2s_calibrate_report *r)
{
    double sum = 0;
    for (int i = 0; i < r->n_rows; i++)
        sum += r->rows[i].skipped[0] ? 0 : r->rows[i].sqnr_after - r->rows[i].sqnr_before;
    return r->n_changed > 0 ? sum / r->n_changed : 0;
}

/* Between layers with a scale for each filter factors may do harm. */
static bool equalized_worse(const struct view_calibrated *v)
{
    return v->options->what == C2S_CALIBRATE_EQUALIZE && mean_gain(&v->result->report) < -0.05;
}

static void add_next(struct sheet *s, const struct view_calibrated *v)
{
    char bits[64];
    const struct c2s_model *m = v->version ? v->version->model : v->from->model;
    bool is_float = strcmp(view_bits(m, bits, sizeof bits), "float") == 0;
    int wanted = v->options->bits ? v->options->bits : 4;
    if (equalized_worse(v))
        sheet_next(s, v->options->is_trial ? "Next: calibrate, or quantize activations 4"
                                           : "Next: undo, or quantize and eval, to compare");
    else if (v->result->report.n_changed == 0 && v->options->what == C2S_CALIBRATE_EQUALIZE)
        sheet_next(s, "Next: calibrate, or quantize activations 4");
    else if (v->result->report.n_changed == 0)
        sheet_next(s, "Next: layers, hist LAYER --activations");
    else if (v->options->is_trial)
        sheet_next(s, "Next: the same without --dry-run");
    else if (v->options->what == C2S_CALIBRATE_EQUALIZE)
        sheet_next(s, "Next: calibrate, or quantize activations 4");
    else if (is_float)
        sheet_next(s, "Next: quantize activations %d", wanted);
    else
        sheet_next(s, "Next: eval --akida, log");
}

struct sheet *view_calibrated(const struct view_calibrated *v)
{
    const struct c2s_calibrate_report *r = &v->result->report;
    char name[24], from[24], bits[64];
    struct sheet *s = sheet_create("%s", "");
    view_version_name(v->from->info.id, from, sizeof from);
    add_title(s, v);
    add_table(s, v);
    if (r->n_changed > 0)
        add_difference(s, r);
    if (equalized_worse(v))
        sheet_after(s, SHEET_WARNING,
                    "the weights fit their levels worse than before, by %.1f dB on average",
                    -mean_gain(r));
    if (r->n_changed > 0)
        add_accuracy(s, v);
    if (r->n_changed > 0 && v->result->ranged)
        sheet_after(s, SHEET_WARNING,
                    "%s had its ranges calibrated already: they clip what is measured, so ranges "
                    "shrink each time; calibrate the version before it instead",
                    view_version_name(v->result->ranged, name, sizeof name));
    view_version_name(v->version ? v->version->info.id : v->from->info.id, name, sizeof name);
    if (r->n_changed > 0 && v->options->is_trial)
        sheet_after(s, SHEET_PLAIN, "tried only; still at %s", name);
    else if (!v->version)
        sheet_after(s, SHEET_PLAIN, "nothing to change; still at %s", name);
    else if (v->result->is_new)
        sheet_after(s, SHEET_CHANGED, "%s from %s: %s, in %.2f s", name, from,
                    view_bits(v->version->model, bits, sizeof bits), v->seconds);
    else
        sheet_after(s, SHEET_DIM, "%s: nothing new, such a version is there already", name);
    add_next(s, v);
    sheet_rows_key(s, "layers");
    sheet_fact_text(s, "version", v->version ? name : NULL);
    sheet_fact_text(s, "parent", from);
    sheet_fact_bool(s, "is_new", v->result->is_new);
    sheet_fact_text(s, "what", c2s_calibration_name(v->options->what));
    sheet_fact_text(s, "data", v->result->data);
    view_learned(s, &v->result->learned, r->n_changed > 0 ? VIEW_CALIBRATED : NULL);
    sheet_fact_integer(s, "n_samples", r->n_samples);
    sheet_fact_integer(s, "n_changed", r->n_changed);
    sheet_fact_integer(s, "batch_norms_folded", r->n_folded);
    sheet_fact_real(s, "difference", r->difference);
    return s;
}
