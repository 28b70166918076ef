/* The history: versions with their steps and accuracies; what a step did. */
#include "view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct collector {
    struct view_history *h;
    const char *dataset;
    bool is_out_of_memory;
};

static struct view_history_row *find_row(struct view_history *h, int64_t id)
{
    for (int i = 0; i < h->n_rows; i++)
        if (h->rows[i].id == id)
            return &h->rows[i];
    return NULL;
}

static bool add_version(void *arg, const struct c2s_version_info *info)
{
    struct collector *c = arg;
    struct view_history *h = c->h;
    struct view_history_row *rows = realloc(h->rows, (size_t)(h->n_rows + 1) * sizeof *rows);
    c->is_out_of_memory = !rows;
    if (!rows)
        return false;
    h->rows = rows;
    struct view_history_row *row = &rows[h->n_rows++];
    *row = (struct view_history_row){.id = info->id,
                                     .parent = info->parent,
                                     .created = info->created,
                                     .step = strdup(info->step),
                                     .name = strdup(info->name),
                                     .tags = strdup("")};
    c->is_out_of_memory = !row->step || !row->name || !row->tags;
    return !c->is_out_of_memory;
}

static bool add_measure(void *arg, const struct c2s_measure *m)
{
    struct collector *c = arg;
    struct view_history_row *row = find_row(c->h, m->version);
    if (!row || strcmp(m->dataset, c->dataset) != 0)
        return true;
    if (strcmp(m->engine, "akida") == 0) {
        row->chip = *m;
        row->has_chip = true;
    } else if (!row->has_keras || strcmp(m->engine, "dnnl") == 0) {
        row->keras = *m;
        row->has_keras = true;
    }
    return true;
}

static bool add_tag(void *arg, const char *tag, int64_t version)
{
    struct collector *c = arg;
    struct view_history_row *row = find_row(c->h, version);
    char *joined = NULL;
    if (!row)
        return true;
    if (asprintf(&joined, "%s%s%s", row->tags, row->tags[0] ? " " : "", tag) < 0) {
        c->is_out_of_memory = true;
        return false;
    }
    free(row->tags);
    row->tags = joined;
    return true;
}

bool view_history_collect(struct c2s_journal *j, int64_t current, const char *dataset,
                          struct view_history *out, struct c2s_error *err)
{
    *out = (struct view_history){.current = current};
    struct collector c = {.h = out, .dataset = dataset};
    bool ok = j->ops->each(j, add_version, &c, err) &&
              j->ops->each_measure(j, add_measure, &c, err) &&
              j->ops->each_tag(j, add_tag, &c, err);
    if (ok && c.is_out_of_memory)
        ok = c2s_fail_nomem(err);
    ok = ok && view_trainings_collect(j, &out->trainings, err);
    if (!ok)
        view_history_finish(out);
    return ok;
}

void view_history_finish(struct view_history *h)
{
    for (int i = 0; i < h->n_rows; i++) {
        free(h->rows[i].step);
        free(h->rows[i].name);
        free(h->rows[i].tags);
    }
    free(h->rows);
    view_trainings_finish(&h->trainings);
    *h = (struct view_history){0};
}

/* Accuracy twice: a fraction for machines, "90.4 % +-0.6" for people. */
static void add_accuracy(struct sheet *s, bool has, const struct c2s_measure *m)
{
    if (!has) {
        sheet_none(s);
        sheet_none(s);
        return;
    }
    sheet_real(s, c2s_accuracy(&m->metrics), 4);
    sheet_textf(s, "%.1f +-%.1f", 100 * c2s_accuracy(&m->metrics), 100 * view_margin(&m->metrics));
}

/* The best of the versions that were made here, when several were measured; 0 = none. */
static int64_t best_version(const struct view_history *h)
{
    const struct view_history_row *best = NULL;
    int n = 0;
    for (int i = 0; i < h->n_rows; i++) {
        const struct view_history_row *row = &h->rows[i];
        if (!row->parent || !row->has_keras)
            continue;
        n++;
        if (!best || c2s_accuracy(&row->keras.metrics) > c2s_accuracy(&best->keras.metrics))
            best = row;
    }
    return n > 1 ? best->id : 0;
}

/* The training of a version that has not ended: for machines, and a line below it. */
static void add_training(struct sheet *s, const struct view_history *h, int64_t version)
{
    char state[320];
    const struct view_training *open = view_interrupted(&h->trainings, version);
    sheet_text(s, open ? open->step : NULL);
    sheet_integer(s, open ? open->n_epochs : 0);
    for (int i = 0; i < h->trainings.n; i++) {
        const struct view_training *t = &h->trainings.at[i];
        if (t->version == version && !t->is_ended)
            sheet_note(s, t == open ? SHEET_WARNING : SHEET_DIM, "%s: %s",
                       view_training_state(t, state, sizeof state), t->step);
    }
}

static void add_history_row(struct sheet *s, const struct view_history *h, int i)
{
    const struct view_history_row *row = &h->rows[i];
    bool is_current = row->id == h->current, is_best = row->id == best_version(h);
    char name[24], when[32], step[256];
    sheet_row(s, is_current ? SHEET_CURRENT : SHEET_PLAIN);
    sheet_text(s, is_current ? "*" : "");
    sheet_bool(s, is_current);
    sheet_text(s, view_version_name(row->id, name, sizeof name));
    sheet_text(s, row->parent ? view_version_name(row->parent, name, sizeof name) : NULL);
    sheet_text(s, row->name);
    sheet_text(s, row->step);
    sheet_text(s, view_step(row->step, step, sizeof step));
    add_accuracy(s, row->has_keras, &row->keras);
    add_accuracy(s, row->has_chip, &row->chip);
    sheet_integer(s, row->created);
    sheet_text(s, view_time(row->created, when, sizeof when));
    sheet_bool(s, is_best);
    sheet_text(s, row->tags);
    sheet_textf(s, "%s%s%s", row->tags, is_best && row->tags[0] ? " " : "",
                is_best ? "(best)" : "");
    add_training(s, h, row->id);
}

static bool has_several_models(const struct view_history *h)
{
    for (int i = 1; i < h->n_rows; i++)
        if (strcmp(h->rows[i].name, h->rows[0].name) != 0)
            return true;
    return false;
}

static void advise(struct sheet *s, const struct view_history *h)
{
    const struct view_training *open = NULL;
    char name[24];
    for (int i = h->n_rows - 1; i >= 0 && !open; i--)
        open = view_interrupted(&h->trainings, h->rows[i].id);
    if (h->can_resume)
        sheet_next(s, "Next: retrain --resume, checkout V, compare V W, diff V W");
    else if (open)
        sheet_next(s, "Next: checkout %s, retrain --resume; compare V W, diff V W",
                   view_version_name(open->version, name, sizeof name));
    else
        sheet_next(s, "Next: checkout V, compare V W, diff V W, log --script");
}

struct sheet *view_history(const struct view_history *h)
{
    struct sheet *s = h->data ? sheet_create("accuracies on %s", h->data) : sheet_create("%s", "");
    sheet_column(s, NULL, "", SHEET_LEFT);
    sheet_column(s, "is_current", NULL, SHEET_LEFT);
    sheet_column(s, "version", "v", SHEET_LEFT);
    sheet_column(s, "parent", "from", SHEET_LEFT);
    sheet_minor(s, 1);
    sheet_column(s, "name", has_several_models(h) ? "model" : NULL, SHEET_LEFT);
    sheet_column(s, "step", NULL, SHEET_LEFT);
    sheet_column(s, NULL, "step", SHEET_LEFT);
    sheet_column(s, "accuracy", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "accuracy %", SHEET_RIGHT);
    sheet_column(s, "chip_accuracy", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "chip %", SHEET_RIGHT);
    sheet_column(s, "created", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "time", SHEET_RIGHT);
    sheet_minor(s, 2);
    sheet_column(s, "is_best", NULL, SHEET_LEFT);
    sheet_column(s, "tags", NULL, SHEET_LEFT);
    sheet_column(s, NULL, "tags", SHEET_LEFT);
    sheet_column(s, "interrupted", NULL, SHEET_LEFT);
    sheet_column(s, "interrupted_epochs", NULL, SHEET_RIGHT);
    for (int i = h->n_rows - 1; i >= 0; i--)
        add_history_row(s, h, i);
    if (h->n_rows == 0) {
        sheet_before(s, SHEET_PLAIN, "no versions yet");
        sheet_next(s, "Next: load FILE.h5");
    } else {
        advise(s, h);
    }
    return s;
}

struct sheet *view_quantized(const struct c2s_version *v, bool is_new,
                             const struct c2s_quantize_report *r, double seconds)
{
    char name[24], parent[24], bits[64], count[48];
    struct sheet *s = sheet_create("%s", "");
    view_version_name(v->info.id, name, sizeof name);
    view_version_name(v->info.parent, parent, sizeof parent);
    view_bits(v->model, bits, sizeof bits);
    if (r->n_swapped > 0)
        sheet_before(s, SHEET_PLAIN, "moved %s in front of their pool",
                     view_count(r->n_swapped, "batch normalization", count, sizeof count));
    if (r->n_folded > 0)
        sheet_before(s, SHEET_PLAIN, "folded %s (largest difference %.1g)",
                     view_count(r->n_folded, "batch normalization", count, sizeof count),
                     r->fold_error);
    if (r->n_weights > 0)
        sheet_before(s, SHEET_PLAIN, "weights of %s have other bits now",
                     view_count(r->n_weights, "layer", count, sizeof count));
    if (r->n_activations > 0)
        sheet_before(s, SHEET_PLAIN, "%s with other bits now",
                     view_count(r->n_activations, "activation", count, sizeof count));
    if (is_new)
        sheet_before(s, SHEET_CHANGED, "%s from %s: %s, in %.2f s", name, parent, bits, seconds);
    else
        sheet_before(s, SHEET_DIM, "%s: %s; nothing new, such a version is there already", name,
                     bits);
    if (strchr(bits, 'w'))
        sheet_next(s, "Next: eval, eval --akida, compare %s %s", parent, name);
    else
        sheet_next(s, "Next: eval, or quantize weights 4 --input 8");
    sheet_fact_text(s, "version", name);
    sheet_fact_text(s, "parent", parent);
    sheet_fact_text(s, "bits", bits);
    sheet_fact_bool(s, "is_new", is_new);
    sheet_fact_integer(s, "batch_norms_moved", r->n_swapped);
    sheet_fact_integer(s, "batch_norms_folded", r->n_folded);
    sheet_fact_real(s, "fold_error", r->fold_error);
    sheet_fact_integer(s, "weights_changed", r->n_weights);
    sheet_fact_integer(s, "activations_changed", r->n_activations);
    return s;
}
