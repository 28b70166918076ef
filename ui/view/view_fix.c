/* What fix did, or would do: each change, how it was measured, what is left and why. */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void add_columns(struct sheet *s)
{
    sheet_rows_key(s, "rows");
    sheet_column(s, "kind", NULL, SHEET_LEFT);
    sheet_column(s, NULL, "", SHEET_LEFT);
    sheet_column(s, "rule", "rule", SHEET_LEFT);
    sheet_column(s, "layer", "layer", SHEET_LEFT);
    sheet_column(s, "fix", NULL, SHEET_LEFT);
    sheet_column(s, "is_exact", NULL, SHEET_LEFT);
    sheet_column(s, "text", "what", SHEET_LEFT);
    sheet_column(s, "title", NULL, SHEET_LEFT);
    sheet_column(s, "reason", NULL, SHEET_LEFT);
    sheet_column(s, "needs_approximate", NULL, SHEET_LEFT);
}

static void add_change(struct sheet *s, const struct c2s_fix_change *c, bool is_preview)
{
    sheet_row(s, SHEET_CHANGED);
    sheet_text(s, "change");
    sheet_textf(s, "%s%s", is_preview ? "would fix" : "fixed", c->fix->is_exact ? "" : " ~");
    sheet_text(s, c->rule->id);
    sheet_text(s, c->layer[0] ? c->layer : NULL);
    sheet_text(s, c->fix->id);
    sheet_bool(s, c->fix->is_exact);
    sheet_text(s, c->text);
    sheet_text(s, c->fix->title);
    sheet_none(s);
    sheet_none(s);
}

static void add_left(struct sheet *s, const struct c2s_fix_left *l)
{
    const struct c2s_rule_info *rule = l->finding.rule;
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, "left");
    sheet_text(s, l->needs_approximate ? "left ~" : "left");
    sheet_text(s, rule->id);
    sheet_mark(s, rule->severity == C2S_ERROR     ? SHEET_ERROR
                  : rule->severity == C2S_WARNING ? SHEET_WARNING
                                                  : SHEET_DIM);
    sheet_text(s, l->layer[0] ? l->layer : NULL);
    sheet_none(s);
    sheet_none(s);
    sheet_text(s, l->finding.text);
    sheet_text(s, rule->title);
    sheet_text(s, l->text);
    sheet_bool(s, l->needs_approximate);
    sheet_note(s, SHEET_DIM, "why: %s", l->text);
}

/* How sure it is that nothing but the form changed. */
static void add_measure(struct sheet *s, const struct c2s_fix_report *r)
{
    char on[64];
    if (r->n_samples > 0)
        view_count(r->n_samples, "sample", on, sizeof on);
    else
        snprintf(on, sizeof on, "random numbers");
    if (isnan(r->difference))
        sheet_after(s, SHEET_WARNING, "not measured: no engine can compute the model");
    else if (r->is_exact)
        sheet_after(s, SHEET_GOOD, "outputs stay the same (largest difference %.1g, on %s)",
                    r->difference, on);
    else
        sheet_after(s, SHEET_WARNING,
                    "~ changes the outputs (largest difference %.2g, on %s): needs retraining",
                    r->difference, on);
}

/* What becomes of a layer, in a few words; "" = nothing. */
static void describe(const struct c2s_layer_difference *d, char *out, size_t size)
{
    char form[120];
    out[0] = '\0';
    if (!d->first)
        snprintf(out, size, "+ %s (%s)", d->name, d->second->class_name);
    else if (!d->second)
        snprintf(out, size, "- %s (%s)", d->name, d->first->class_name);
    else if (d->first->op != d->second->op)
        snprintf(out, size, "~ %s (%s -> %s)", d->name, d->first->class_name,
                 d->second->class_name);
    else if (view_form_change(d->first, d->second, form, sizeof form)[0])
        snprintf(out, size, "~ %s: %s", d->name, form);
    else if (d->weights_differ || d->is_moved)
        snprintf(out, size, "~ %s: %s", d->name, d->is_moved ? "moved here" : "weights changed");
}

/* The layers that would be new, gone or changed. */
static void add_differences(struct sheet *s, const struct view_fix *f)
{
    char text[320];
    sheet_fact_item(s, "differences", NULL);
    for (int i = 0; i < f->n_differences; i++) {
        describe(&f->differences[i], text, sizeof text);
        if (!text[0])
            continue;
        sheet_after(s, SHEET_CHANGED, "%s", text);
        sheet_fact_item(s, "differences", text);
    }
}

static bool wants_approximate(const struct c2s_fix_report *r)
{
    for (int i = 0; i < r->n_left; i++)
        if (r->left[i].needs_approximate)
            return true;
    return false;
}

static void add_next(struct sheet *s, const struct c2s_version *v, const struct view_fix *f)
{
    const struct c2s_fix_report *r = f->report;
    char name[24], parent[24];
    view_version_name(v->info.id, name, sizeof name);
    view_version_name(v->info.parent, parent, sizeof parent);
    if (f->is_preview && r->n_changes > 0)
        sheet_next(s, "Next: %s", f->command);
    else if (r->n_changes > 0)
        sheet_next(s, "Next: diff %s %s, check%s", parent, name,
                   !r->is_exact            ? ", retrain"
                   : wants_approximate(r)  ? ", fix --all --approximate"
                   : r->n_errors_after > 0 ? ""
                                           : ", quantize activations 4");
    else if (wants_approximate(r))
        sheet_next(s, "Next: %s --approximate, which changes the outputs", f->command);
    else if (r->n_left > 0 && r->n_errors_after > 0)
        sheet_next(s, "Next: help %s", r->left[0].finding.rule->id);
    else if (r->n_errors_after > 0)
        sheet_next(s, "Next: check, fix --all --dry-run");
    else
        sheet_next(s, "Next: check, quantize activations 4");
}

static void add_facts(struct sheet *s, const struct c2s_version *v, const struct view_fix *f)
{
    const struct c2s_fix_report *r = f->report;
    char name[24];
    sheet_fact_text(s, "version", view_version_name(v->info.id, name, sizeof name));
    sheet_fact_bool(s, "is_preview", f->is_preview);
    sheet_fact_bool(s, "is_new", f->is_new);
    sheet_fact_integer(s, "changes", r->n_changes);
    sheet_fact_integer(s, "left", r->n_left);
    sheet_fact_bool(s, "is_exact", r->is_exact);
    sheet_fact_real(s, "difference", r->difference);
    sheet_fact_integer(s, "measured_on", r->n_samples);
    sheet_fact_integer(s, "errors_before", r->n_errors_before);
    sheet_fact_integer(s, "errors_after", r->n_errors_after);
}

struct sheet *view_fixed(const struct c2s_version *v, const struct view_fix *f)
{
    const struct c2s_fix_report *r = f->report;
    char name[24], parent[24], changes[48], errors[48];
    struct sheet *s = sheet_create("%s", "");
    view_version_name(v->info.id, name, sizeof name);
    view_version_name(v->info.parent, parent, sizeof parent);
    add_facts(s, v, f);
    add_columns(s);
    for (int i = 0; i < r->n_changes; i++)
        add_change(s, &r->changes[i], f->is_preview);
    for (int i = 0; i < r->n_left; i++)
        add_left(s, &r->left[i]);
    if (r->n_changes > 0)
        add_measure(s, r);
    if (f->is_preview)
        add_differences(s, f);
    view_count(r->n_changes, "change", changes, sizeof changes);
    if (r->n_changes == 0 && r->n_left == 0 && r->n_errors_before > 0)
        sheet_after(s, SHEET_DIM, "%s has nothing that '%s' is for, %s in all; nothing was changed",
                    name, f->command,
                    view_count(r->n_errors_before, "error", errors, sizeof errors));
    else if (r->n_changes == 0)
        sheet_after(s, SHEET_DIM, "%s: nothing was changed, %s", name,
                    view_count(r->n_errors_before, "error", errors, sizeof errors));
    else if (f->is_preview)
        sheet_after(s, SHEET_CHANGED, "%s would get %s: errors %d -> %d; nothing was changed", name,
                    changes, r->n_errors_before, r->n_errors_after);
    else
        sheet_after(s, SHEET_CHANGED, "%s from %s: %s, errors %d -> %d%s", name, parent, changes,
                    r->n_errors_before, r->n_errors_after,
                    f->is_new ? "" : "; such a version was there already");
    add_next(s, v, f);
    return s;
}
