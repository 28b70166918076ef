/* The layer table, and one version in full. */
#include "view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bits twice: for machines a number (0 = float, null = has none), for people "4", "f" or "-". */
static void add_bits(struct sheet *s, bool can_have, int bits)
{
    if (can_have)
        sheet_integer(s, bits);
    else
        sheet_none(s);
    if (can_have && bits > 0)
        sheet_integer(s, bits);
    else
        sheet_text(s, can_have ? "f" : "-");
}

static bool can_have_activation_bits(const struct c2s_layer *l)
{
    return l->op == C2S_OP_RELU || c2s_layer_is_quantized_activation(l);
}

static void add_shared_columns(struct sheet *s)
{
    sheet_column(s, "index", "#", SHEET_RIGHT);
    sheet_column(s, "layer", "layer", SHEET_LEFT);
    sheet_column(s, NULL, "type", SHEET_LEFT);
    sheet_minor(s, 2);
    sheet_column(s, "class", NULL, SHEET_LEFT);
    sheet_column(s, "output", "output", SHEET_LEFT);
    sheet_column(s, "parameters", "params", SHEET_RIGHT);
    sheet_minor(s, 3);
    sheet_column(s, "weight_bits", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "w", SHEET_RIGHT);
    sheet_column(s, "activation_bits", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "a", SHEET_RIGHT);
}

static void add_shared_cells(struct sheet *s, const struct c2s_model *m, int i)
{
    const struct c2s_layer *l = m->layers[i];
    char type[64], shape[64];
    sheet_row(s, l->op == C2S_OP_UNKNOWN ? SHEET_WARNING : SHEET_PLAIN);
    sheet_integer(s, i + 1);
    sheet_text(s, l->name);
    sheet_text(s, view_layer_type(l, type, sizeof type));
    sheet_text(s, l->class_name);
    sheet_text(s, l->rank < 0 ? NULL : c2s_shape_text(l->rank, l->dims, shape, sizeof shape));
    sheet_integer(s, c2s_layer_n_params(l));
    add_bits(s, c2s_layer_is_neural(l), c2s_layer_weight_bits(l));
    add_bits(s, can_have_activation_bits(l), c2s_layer_activation_bits(l));
}

/* The Akida layer, "2 SeparableConv" or "2   folded", after its number and role for machines. */
static void add_akida(struct sheet *s, int index, const char *role)
{
    const char *cut = strstr(role, "Convolutional");
    bool is_head = role[0] >= 'A' && role[0] <= 'Z';
    if (index < 0)
        sheet_none(s);
    else
        sheet_integer(s, index + 1);
    sheet_text(s, role);
    if (index < 0)
        sheet_text(s, role[0] ? role : "-");
    else
        sheet_textf(s, "%d %s%.*s%s", index + 1, is_head ? "" : "  ",
                    cut ? (int)(cut - role) : (int)strlen(role), role, cut ? "Conv." : "");
}

/* Rule ids of one layer: "E014 W031"; the worst severity in *worst. */
static void list_rules(const struct c2s_findings *f, int layer, char *out, size_t size,
                       enum c2s_severity *worst, int *n)
{
    size_t used = 0;
    *n = 0;
    *worst = C2S_NOTE;
    out[0] = '\0';
    for (int i = 0; f && i < f->n_rows; i++) {
        if (f->rows[i].layer != layer || f->rows[i].rule->severity == C2S_NOTE)
            continue;
        if (f->rows[i].rule->severity > *worst)
            *worst = f->rows[i].rule->severity;
        if (used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "",
                                     f->rows[i].rule->id);
        (*n)++;
    }
}

static void add_problems(struct sheet *s, const struct c2s_findings *f, int layer)
{
    char rules[100];
    enum c2s_severity worst;
    int n;
    list_rules(f, layer, rules, sizeof rules, &worst, &n);
    sheet_text(s, rules);
    if (n <= 1)
        sheet_text(s, rules);
    else
        sheet_textf(s, "%.4s+%d", rules, n - 1);
    if (n > 0)
        sheet_mark(s, worst == C2S_ERROR ? SHEET_ERROR : SHEET_WARNING);
}

struct sheet *view_layers(const struct c2s_version *v, const struct c2s_findings *f,
                          const int *akida_index, const char *const *role)
{
    char name[24], bits[64];
    struct sheet *s = sheet_create("%s %s  %s", view_version_name(v->info.id, name, sizeof name),
                                   v->info.name, view_bits(v->model, bits, sizeof bits));
    add_shared_columns(s);
    sheet_column(s, "akida_layer", NULL, SHEET_RIGHT);
    sheet_column(s, "akida_role", NULL, SHEET_LEFT);
    sheet_column(s, NULL, "akida layer", SHEET_LEFT);
    sheet_minor(s, 1);
    sheet_column(s, "problems", NULL, SHEET_LEFT);
    sheet_column(s, NULL, "see", SHEET_LEFT);
    for (int i = 0; i < v->model->n_layers; i++) {
        add_shared_cells(s, v->model, i);
        add_akida(s, akida_index[i], role[i]);
        add_problems(s, f, i);
    }
    if (f->n_errors + f->n_warnings > 0)
        sheet_next(s, "Next: check explains the ids; hist LAYER shows the numbers");
    else if (view_is_quantized(v->model))
        sheet_next(s, "Next: hist LAYER, eval, eval --akida");
    else
        sheet_next(s, "Next: hist LAYER, eval, quantize activations 4");
    return s;
}

/* What can be gone on with, and how. */
static void add_resumption(struct sheet *s, const struct c2s_version *v,
                           const struct view_version_context *c)
{
    char name[24];
    bool is_open = view_interrupted(c->trainings, v->info.id) != NULL;
    view_add_trainings(s, c->trainings, v->info.id);
    if (c->so_far)
        sheet_before(s, SHEET_WARNING,
                     "so far:   best epoch of a training of %s, interrupted after epoch %d: %s",
                     view_version_name(c->so_far->version, name, sizeof name), c->so_far->n_epochs,
                     c->so_far->step);
    view_version_name(v->info.id, name, sizeof name);
    if (c->so_far || (is_open && c->is_current))
        sheet_next(s, "Next: retrain --resume, layers %s, check %s", name, name);
    else if (is_open)
        sheet_next(s, "Next: checkout %s, retrain --resume", name);
    else
        sheet_next(s, "Next: layers %s, check %s, diff %s OTHER", name, name, name);
}

static void add_resumption_facts(struct sheet *s, const struct c2s_version *v,
                                 const struct view_version_context *c)
{
    const struct view_training *open = view_interrupted(c->trainings, v->info.id);
    const char *step = open ? open->step : c->so_far ? c->so_far->step : NULL;
    sheet_fact_text(s, "interrupted", step);
    sheet_fact_integer(s, "interrupted_epochs",
                       open        ? open->n_epochs
                       : c->so_far ? c->so_far->n_epochs
                                   : 0);
    sheet_fact_bool(s, "is_best_so_far", !open && c->so_far);
}

struct sheet *view_version(const struct c2s_version *v, const struct view_version_context *context)
{
    const struct c2s_model *m = v->model;
    const char *tags = context->tags;
    char name[24], parent[24], line[200], bits[64], bytes[32];
    struct sheet *s = sheet_create("%s %s  %s", view_version_name(v->info.id, name, sizeof name),
                                   v->info.name, view_bits(m, bits, sizeof bits));
    sheet_before(s, SHEET_PLAIN, "step:     %s%s%s", v->info.step, v->info.parent ? "  from " : "",
                 v->info.parent ? view_version_name(v->info.parent, parent, sizeof parent) : "");
    sheet_before(s, SHEET_PLAIN, "model:    %s, %s of weights",
                 view_model_line(m, line, sizeof line),
                 view_bytes(view_parameter_bytes(m), bytes, sizeof bytes));
    if (tags[0])
        sheet_before(s, SHEET_PLAIN, "tags:     %s", tags);
    if (v->info.note[0])
        sheet_before(s, SHEET_PLAIN, "note:     %s", v->info.note);
    view_add_story(s, v);
    add_resumption(s, v, context);
    sheet_before(s, SHEET_DIM, "hash:     %.16s  made by %s", v->info.model_hash, v->info.tool);
    view_add_report(s, m, 0);
    view_add_model_facts(s, v);
    sheet_fact_text(s, "parent", v->info.parent ? parent : NULL);
    sheet_fact_text(s, "step", v->info.step);
    sheet_fact_text(s, "note", v->info.note);
    sheet_fact_text(s, "tags", tags);
    sheet_fact_text(s, "tool", v->info.tool);
    sheet_fact_text(s, "hash", v->info.model_hash);
    sheet_fact_integer(s, "created", v->info.created);
    view_add_story_facts(s, v);
    add_resumption_facts(s, v, context);
    view_add_report_facts(s, m);
    sheet_rows_key(s, "layers");
    add_shared_columns(s);
    for (int i = 0; i < m->n_layers; i++)
        add_shared_cells(s, m, i);
    return s;
}
