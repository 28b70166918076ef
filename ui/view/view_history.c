/* The history: versions with their steps and accuracies; what a step did; how two versions differ.
 */
#include "view.h"

#include <inttypes.h>
#include <math.h>
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
}

static bool has_several_models(const struct view_history *h)
{
    for (int i = 1; i < h->n_rows; i++)
        if (strcmp(h->rows[i].name, h->rows[0].name) != 0)
            return true;
    return false;
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
    for (int i = h->n_rows - 1; i >= 0; i--)
        add_history_row(s, h, i);
    if (h->n_rows == 0) {
        sheet_before(s, SHEET_PLAIN, "no versions yet");
        sheet_next(s, "Next: load FILE.h5");
    } else {
        sheet_next(s, "Next: checkout V, compare V W, diff V W, log --script");
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

static const char *bits_text(int bits, char *out, size_t size)
{
    if (bits <= 0)
        return "f";
    snprintf(out, size, "%d", bits);
    return out;
}

/* "QuantizedReLU max 6"; "" = no quantized activation. */
static const char *relu_kind(const struct c2s_layer *l, char *out, size_t size)
{
    const struct c2s_quantized_relu_attr *relu = &l->attr.quantized_relu;
    out[0] = '\0';
    if (!c2s_layer_is_quantized_activation(l))
        return out;
    if (relu->kind == C2S_RELU_RANGED)
        snprintf(out, size, "QuantizedReLU max %g", (double)relu->max_value);
    else
        snprintf(out, size, "%s",
                 relu->kind == C2S_RELU_TRAINED ? "QuantizedReLU trained" : "DiscreteRelu");
    return out;
}

/* What differs besides bits in how two layers quantize; "" = nothing. */
static void describe_rule(const struct c2s_layer_difference *d, char *out, size_t size)
{
    char a[80], b[80];
    const struct c2s_quantizer_spec *x = &d->first->quantizer, *y = &d->second->quantizer;
    out[0] = '\0';
    relu_kind(d->first, a, sizeof a);
    relu_kind(d->second, b, sizeof b);
    if (a[0] && b[0] && strcmp(a, b) != 0)
        snprintf(out, size, "%s -> %s", a, b);
    else if (d->first_weight_bits > 0 && d->second_weight_bits > 0 &&
             x->is_limited != y->is_limited)
        snprintf(out, size, "scale %s", x->is_limited ? "up to 1000 -> any" : "any -> up to 1000");
}

/* What differs, in a few words; "" = nothing. */
static void describe_difference(const struct c2s_layer_difference *d, char *out, size_t size)
{
    char a[12], b[12], rule[100], form[120];
    size_t used = 0;
    out[0] = '\0';
    if (!d->first || !d->second) {
        snprintf(out, size, "%s", d->first ? "gone" : "new");
        return;
    }
    if (d->first_weight_bits != d->second_weight_bits)
        used += (size_t)snprintf(out + used, size - used, "weights %s -> %s  ",
                                 bits_text(d->first_weight_bits, a, sizeof a),
                                 bits_text(d->second_weight_bits, b, sizeof b));
    if (d->first_activation_bits != d->second_activation_bits)
        used += (size_t)snprintf(out + used, size - used, "activations %s -> %s  ",
                                 bits_text(d->first_activation_bits, a, sizeof a),
                                 bits_text(d->second_activation_bits, b, sizeof b));
    describe_rule(d, rule, sizeof rule);
    if (rule[0])
        used += (size_t)snprintf(out + used, size - used, "%s  ", rule);
    if (used == 0 && d->first->op != d->second->op)
        used += (size_t)snprintf(out + used, size - used, "%s -> %s  ", d->first->class_name,
                                 d->second->class_name);
    if (view_form_change(d->first, d->second, form, sizeof form)[0] && used < size)
        used += (size_t)snprintf(out + used, size - used, "%s  ", form);
    if (d->is_moved && used < size)
        used += (size_t)snprintf(out + used, size - used, "moved here  ");
    used = used < size ? used : strlen(out);
    if (used == 0 && d->weights_differ)
        used += (size_t)snprintf(out, size, "weights changed");
    while (used > 0 && out[used - 1] == ' ')
        out[--used] = '\0';
}

static void add_difference(struct sheet *s, const struct c2s_layer_difference *d, const char *what)
{
    sheet_row(s, what[0] ? SHEET_CHANGED : SHEET_DIM);
    sheet_text(s, !d->first ? "+" : !d->second ? "-" : what[0] ? "~" : "");
    sheet_text(s, d->name);
    sheet_text(s, what[0] ? what : "same");
    sheet_integer(s, d->first_weight_bits);
    sheet_integer(s, d->second_weight_bits);
    sheet_integer(s, d->first_activation_bits);
    sheet_integer(s, d->second_activation_bits);
    sheet_bool(s, d->weights_differ);
    sheet_real(s, d->sqnr_db, 1);
    sheet_real(s, d->largest_change, 5);
}

/* The rule of quantization, when it differs. */
static void add_dialects(struct sheet *s, const struct c2s_model *first,
                         const struct c2s_model *second)
{
    const char *a = view_dialect(first->dialect), *b = view_dialect(second->dialect);
    sheet_fact_text(s, "first_dialect", a);
    sheet_fact_text(s, "second_dialect", b);
    if (first->dialect != second->dialect && first->dialect != C2S_DIALECT_KERAS &&
        second->dialect != C2S_DIALECT_KERAS)
        sheet_before(s, SHEET_CHANGED, "rule %s -> %s", a, b);
}

struct sheet *view_difference(const struct c2s_version *a, const struct c2s_version *b,
                              const struct c2s_layer_difference *rows, int n_rows, bool all)
{
    int n_same = 0;
    bool was_folded = false;
    char first[24], second[24], count[48];
    view_version_name(a->info.id, first, sizeof first);
    view_version_name(b->info.id, second, sizeof second);
    struct sheet *s = sheet_create("%s against %s", second, first);
    add_dialects(s, a->model, b->model);
    sheet_column(s, "mark", "", SHEET_LEFT);
    sheet_column(s, "layer", "layer", SHEET_LEFT);
    sheet_column(s, "change", "change", SHEET_LEFT);
    sheet_wraps(s);
    sheet_column(s, "first_weight_bits", NULL, SHEET_RIGHT);
    sheet_column(s, "second_weight_bits", NULL, SHEET_RIGHT);
    sheet_column(s, "first_activation_bits", NULL, SHEET_RIGHT);
    sheet_column(s, "second_activation_bits", NULL, SHEET_RIGHT);
    sheet_column(s, "weights_differ", NULL, SHEET_LEFT);
    sheet_column(s, "sqnr_db", "SQNR dB", SHEET_RIGHT);
    sheet_column(s, "largest_change", "max change", SHEET_RIGHT);
    sheet_minor(s, 1);
    for (int i = 0; i < n_rows; i++) {
        char what[160];
        describe_difference(&rows[i], what, sizeof what);
        n_same += what[0] == '\0';
        was_folded |= rows[i].first && !rows[i].second && rows[i].first->op == C2S_OP_BATCH_NORM;
        if (what[0] || all)
            add_difference(s, &rows[i], what);
    }
    if (n_same == n_rows)
        sheet_after(s, SHEET_PLAIN, "no layer differs");
    else if (n_same > 0 && !all)
        sheet_after(s, SHEET_DIM, "%s %s the same; --all shows %s too",
                    view_count(n_same, "layer", count, sizeof count), n_same == 1 ? "is" : "are",
                    n_same == 1 ? "it" : "them");
    if (was_folded)
        sheet_after(s, SHEET_DIM,
                    "a folded batch normalization scales the weights in front of it: "
                    "SQNR and max change mean little there");
    sheet_next(s, "Next: hist LAYER --version %s, compare %s %s", second, first, second);
    return s;
}
