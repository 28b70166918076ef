/* What load read: the model in one line, and the report on its file. */
#include "view.h"

#include <stdio.h>

#define SHOWN_NOTES 3 /* of each kind in the report after load; show has them all */

const char *view_dialect(enum c2s_dialect dialect)
{
    return dialect == C2S_DIALECT_CNN2SNN_18   ? "cnn2snn 1.8"
           : dialect == C2S_DIALECT_CNN2SNN_22 ? "cnn2snn 2.2"
                                               : "Keras";
}

char *view_model_line(const struct c2s_model *m, char *out, size_t size)
{
    char params[48], layers[48];
    bool is_plain = m->dialect == C2S_DIALECT_KERAS;
    snprintf(out, size, "Keras %s %s%s%s%s, %s, %s", m->keras_version[0] ? m->keras_version : "?",
             m->is_sequential ? "Sequential" : "Functional", is_plain ? "" : " (",
             is_plain ? "" : view_dialect(m->dialect), is_plain ? "" : ")",
             view_count(m->n_layers, "layer", layers, sizeof layers),
             view_count(c2s_model_n_params(m), "parameter", params, sizeof params));
    return out;
}

void view_add_model_facts(struct sheet *s, const struct c2s_version *v)
{
    const struct c2s_model *m = v->model;
    char name[24], bits[64];
    sheet_fact_text(s, "version", view_version_name(v->info.id, name, sizeof name));
    sheet_fact_text(s, "name", v->info.name);
    sheet_fact_text(s, "keras_version", m->keras_version);
    sheet_fact_text(s, "kind", m->is_sequential ? "Sequential" : "Functional");
    sheet_fact_text(s, "dialect", view_dialect(m->dialect));
    sheet_fact_text(s, "bits", view_bits(m, bits, sizeof bits));
    sheet_fact_integer(s, "n_layers", m->n_layers);
    sheet_fact_integer(s, "parameters", c2s_model_n_params(m));
    sheet_fact_integer(s, "parameter_bytes", view_parameter_bytes(m));
}

static int count_notes(const struct c2s_model *m, enum c2s_note_kind kind)
{
    int n = 0;
    for (int i = 0; i < m->n_notes; i++)
        n += m->notes[i].kind == kind;
    return n;
}

/* The notes of one kind, at most `limit` of them (0 = all). */
static void add_kind(struct sheet *s, const struct c2s_model *m, enum c2s_note_kind kind, int limit)
{
    char label[16], more[48];
    int n = count_notes(m, kind), n_shown = 0;
    snprintf(label, sizeof label, "%s:", c2s_note_kind_name(kind));
    for (int i = 0; i < m->n_notes && (limit == 0 || n_shown < limit); i++)
        if (m->notes[i].kind == kind)
            sheet_before(s, kind == C2S_NOTE_READ ? SHEET_PLAIN : SHEET_WARNING, "%-10s%s",
                         n_shown++ == 0 ? label : "", m->notes[i].text);
    if (n > n_shown)
        sheet_before(s, SHEET_DIM, "%-10sand %s more: 'show' lists all", "",
                     view_count(n - n_shown, "remark", more, sizeof more));
}

void view_add_report(struct sheet *s, const struct c2s_model *m, int limit)
{
    for (int kind = C2S_NOTE_READ; kind <= C2S_NOTE_RENAMED; kind++)
        add_kind(s, m, (enum c2s_note_kind)kind, limit);
}

void view_add_report_facts(struct sheet *s, const struct c2s_model *m)
{
    sheet_fact_integer(s, "tensors_read", m->n_tensors_read);
    sheet_fact_integer(s, "tensors_expected", m->n_tensors_expected);
    for (int kind = C2S_NOTE_READ; kind <= C2S_NOTE_RENAMED; kind++) {
        const char *name = c2s_note_kind_name((enum c2s_note_kind)kind);
        sheet_fact_item(s, name, NULL);
        for (int i = 0; i < m->n_notes; i++)
            if (m->notes[i].kind == (enum c2s_note_kind)kind)
                sheet_fact_item(s, name, m->notes[i].text);
    }
}

/* Layers that nothing can compute; they show and say so. */
static int count_unknown(const struct c2s_model *m)
{
    int n = 0;
    for (int i = 0; i < m->n_layers; i++)
        n += m->layers[i]->op == C2S_OP_UNKNOWN;
    return n;
}

struct sheet *view_load(const struct c2s_version *v, bool is_new, const struct c2s_findings *f,
                        bool has_data)
{
    const struct c2s_model *m = v->model;
    char name[24], line[200], errors[32], warnings[32], notes[32];
    struct sheet *s = sheet_create("%s", "");
    sheet_before(s, SHEET_PLAIN, "%s %s: %s", view_version_name(v->info.id, name, sizeof name),
                 v->info.name, view_model_line(m, line, sizeof line));
    if (!is_new)
        sheet_before(s, SHEET_DIM, "the same model is in the workspace already: back at %s", name);
    if (count_unknown(m) > 0)
        sheet_before(s, SHEET_WARNING, "%s of a kind not known here: 'layers' marks them",
                     view_count(count_unknown(m), "layer", line, sizeof line));
    if (is_new)
        view_add_report(s, m, SHOWN_NOTES);
    sheet_next(s, "%s, %s, %s: 'check' lists them. Next: %s",
               view_count(f->n_errors, "error", errors, sizeof errors),
               view_count(f->n_warnings, "warning", warnings, sizeof warnings),
               view_count(f->n_notes, "note", notes, sizeof notes),
               f->n_errors_at[C2S_LEVEL_KERAS] > 0 ? "check"
               : has_data                          ? "eval"
                                                   : "data use PATH");
    view_add_model_facts(s, v);
    sheet_fact_bool(s, "is_new", is_new);
    sheet_fact_integer(s, "errors", f->n_errors);
    sheet_fact_integer(s, "warnings", f->n_warnings);
    view_add_report_facts(s, m);
    return s;
}
