/* What check found: every problem with reason and remedy, then a verdict. */
#include "view.h"

#include <stdio.h>
#include <string.h>

static const enum sheet_role severity_role[] = {
    [C2S_NOTE] = SHEET_DIM, [C2S_WARNING] = SHEET_WARNING, [C2S_ERROR] = SHEET_ERROR};

static bool was_explained(const struct c2s_findings *f, int i)
{
    for (int k = 0; k < i; k++)
        if (f->rows[k].rule == f->rows[i].rule)
            return true;
    return false;
}

/* "fix E014", or with --approximate; "" = no fix helps. */
static char *fix_command(const struct c2s_rule_info *rule, unsigned offer, char *out, size_t size)
{
    out[0] = '\0';
    if (offer)
        snprintf(out, size, "fix %s%s", rule->id, offer & C2S_FIX_EXACT ? "" : " --approximate");
    return out;
}

/* One line for all findings of a rule, of which a fix may help some. */
static void add_fix(struct sheet *s, const struct view_check *c, const struct c2s_rule_info *rule)
{
    char command[40], which[48] = "";
    unsigned any = 0;
    int n = 0, n_helped = 0;
    for (int i = 0; i < c->findings->n_rows; i++) {
        bool is_of_rule = c->findings->rows[i].rule == rule;
        n += is_of_rule;
        n_helped += is_of_rule && c->offers[i];
        any |= is_of_rule ? c->offers[i] : 0;
    }
    if (!any)
        return;
    if (n_helped < n)
        snprintf(which, sizeof which, " for %d of these %d", n_helped, n);
    sheet_note(s, SHEET_PLAIN, "fix: '%s' tries it%s; %s",
               fix_command(rule, any, command, sizeof command), which,
               !(any & C2S_FIX_EXACT)      ? "the outputs change"
               : any & C2S_FIX_APPROXIMATE ? "outputs kept; --approximate tries more"
                                           : "the outputs stay the same");
}

static void add_finding(struct sheet *s, const struct c2s_model *m, const struct view_check *c,
                        int i)
{
    const struct c2s_findings *f = c->findings;
    const struct c2s_finding *row = &f->rows[i];
    const struct c2s_rule_info *rule = row->rule;
    char fix[40];
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, rule->id);
    sheet_mark(s, severity_role[rule->severity]);
    sheet_text(s, c2s_severity_name(rule->severity));
    sheet_text(s, row->layer < 0 ? NULL : m->layers[row->layer]->name);
    sheet_text(s, c2s_level_name(rule->level));
    if (row->block < 0)
        sheet_none(s);
    else
        sheet_integer(s, row->block + 1);
    sheet_text(s, row->text);
    sheet_text(s, rule->title);
    sheet_text(s, rule->reason);
    sheet_text(s, rule->remedy);
    sheet_text(s, rule->source);
    sheet_text(s, fix_command(rule, c->offers[i], fix, sizeof fix)[0] ? fix : NULL);
    if (was_explained(f, i))
        return;
    sheet_note(s, SHEET_DIM, "why: %s", rule->reason);
    sheet_note(s, SHEET_PLAIN, "do:  %s", rule->remedy);
    add_fix(s, c, rule);
}

/* How far the model gets, in one clause. */
static const char *verdict(const struct c2s_findings *f, enum c2s_level level, bool is_quantized)
{
    bool stops_at_keras = f->n_errors_at[C2S_LEVEL_KERAS] > 0;
    if (stops_at_keras && !is_quantized)
        return "cannot be quantized as it is";
    if (stops_at_keras || (level >= C2S_LEVEL_AKIDA && f->n_errors_at[C2S_LEVEL_AKIDA] > 0))
        return is_quantized ? "is quantized, does not convert to Akida as it is"
                            : "can be quantized, does not convert to Akida yet";
    if (level >= C2S_LEVEL_AKD1000 && f->n_errors_at[C2S_LEVEL_AKD1000] > 0)
        return "runs in Akida's software, does not map on AKD1000 yet";
    return f->n_warnings > 0 ? "no errors; read the warnings" : "nothing in the way";
}

/* How much of the data was looked at. */
static void add_data(struct sheet *s, const struct view_check *c)
{
    char count[48];
    sheet_fact_text(s, "data", c->data);
    sheet_fact_integer(s, "samples", c->survey ? c->survey->facts.n_samples : 0);
    sheet_fact_bool(s, "model_was_run", c->survey && c->survey->facts.layers);
    if (!c->data)
        return;
    if (!c->survey)
        sheet_after(s, SHEET_WARNING, "data %s was not looked at: %s", c->data, c->data_problem);
    else if (c->survey->not_run[0])
        sheet_after(s, SHEET_WARNING, "looked at %s of %s; the model was not run on them: %s",
                    view_count(c->survey->facts.n_samples, "sample", count, sizeof count), c->data,
                    c->survey->not_run);
    else
        sheet_after(s, SHEET_DIM, "looked at %s of %s and ran the model on them",
                    view_count(c->survey->facts.n_samples, "sample", count, sizeof count), c->data);
}

static void add_columns(struct sheet *s)
{
    sheet_column(s, "rule", "rule", SHEET_LEFT);
    sheet_column(s, "severity", NULL, SHEET_LEFT);
    sheet_column(s, "layer", "layer", SHEET_LEFT);
    sheet_column(s, "level", "level", SHEET_LEFT);
    sheet_minor(s, 1);
    sheet_column(s, "akida_layer", "akida", SHEET_RIGHT);
    sheet_minor(s, 2);
    sheet_column(s, "text", "problem", SHEET_LEFT);
    sheet_column(s, "title", NULL, SHEET_LEFT);
    sheet_column(s, "reason", NULL, SHEET_LEFT);
    sheet_column(s, "remedy", NULL, SHEET_LEFT);
    sheet_column(s, "source", NULL, SHEET_LEFT);
    sheet_column(s, "fix", NULL, SHEET_LEFT);
}

/* Something may be done about the errors without leaving the program. */
static bool has_fixable_error(const struct view_check *c)
{
    for (int i = 0; i < c->findings->n_rows; i++)
        if (c->findings->rows[i].rule->severity == C2S_ERROR && c->offers[i])
            return true;
    return false;
}

struct sheet *view_findings(const struct c2s_version *v, const struct view_check *c)
{
    const struct c2s_findings *f = c->findings;
    char name[24], errors[32], warnings[32], notes[32];
    bool is_quantized = view_is_quantized(v->model);
    struct sheet *s = sheet_create("%s", "");
    view_version_name(v->info.id, name, sizeof name);
    sheet_fact_text(s, "version", name);
    sheet_fact_text(s, "level", c2s_level_name(c->level));
    sheet_fact_text(s, "profile", c2s_profile_name(c->profile));
    sheet_fact_integer(s, "errors", f->n_errors);
    sheet_fact_integer(s, "warnings", f->n_warnings);
    sheet_fact_integer(s, "notes", f->n_notes);
    sheet_fact_bool(s, "ok", f->n_errors == 0);
    sheet_rows_key(s, "findings");
    add_columns(s);
    for (int i = 0; i < f->n_rows; i++)
        add_finding(s, v->model, c, i);
    add_data(s, c);
    enum sheet_role role = f->n_errors ? SHEET_ERROR : f->n_warnings ? SHEET_WARNING : SHEET_GOOD;
    sheet_after(s, role, "%s, %s, %s in %s for %s%s%s: %s",
                view_count(f->n_errors, "error", errors, sizeof errors),
                view_count(f->n_warnings, "warning", warnings, sizeof warnings),
                view_count(f->n_notes, "note", notes, sizeof notes), name, c2s_level_name(c->level),
                c->profile == C2S_PROFILE_PRODUCTION ? "" : " ",
                c->profile == C2S_PROFILE_PRODUCTION ? "" : c2s_profile_name(c->profile),
                verdict(f, c->level, is_quantized));
    if (has_fixable_error(c))
        sheet_next(s, "Next: fix --all --dry-run; help %s says more; layers shows where",
                   f->rows[0].rule->id);
    else if (f->n_errors + f->n_warnings > 0)
        sheet_next(s, "Next: help %s says more; layers shows where", f->rows[0].rule->id);
    else if (is_quantized)
        sheet_next(s, "Next: eval --akida, export %s FILE.fbz", name);
    else
        sheet_next(s, "Next: eval, quantize activations 4, quantize weights 4 --input 8");
    return s;
}
