/* Data in use, accuracy of one version, and versions against a first one. */
#include "view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void warn_unscaled(struct sheet *s, bool is_unscaled)
{
    if (is_unscaled)
        sheet_before(s, SHEET_WARNING,
                     "pixels 0..255 go in unscaled; did you mean: data use PATH --scale 255");
    sheet_fact_bool(s, "is_unscaled", is_unscaled);
}

/* "10 classes" when each has a sample, else "11 different labels, 0 to 255". */
static char *describe_labels(const struct c2s_dataset *d, int *n_different, char *out, size_t size)
{
    const struct c2s_dataset_info *i = c2s_dataset_info(d);
    const int32_t *labels = c2s_dataset_labels(d);
    bool *was_seen = calloc((size_t)i->n_classes, sizeof *was_seen);
    int32_t low = i->n_classes - 1, high = 0;
    *n_different = 0;
    for (int64_t k = 0; was_seen && k < i->n; k++) {
        *n_different += !was_seen[labels[k]];
        was_seen[labels[k]] = true;
        low = labels[k] < low ? labels[k] : low;
        high = labels[k] > high ? labels[k] : high;
    }
    free(was_seen);
    if (*n_different == i->n_classes)
        snprintf(out, size, "%d class%s", i->n_classes, i->n_classes == 1 ? "" : "es");
    else
        snprintf(out, size, "%d different label%s, %d to %d", *n_different,
                 *n_different == 1 ? "" : "s", low, high);
    return out;
}

struct sheet *view_data(const struct c2s_dataset *d, bool is_unscaled, const char *misfit)
{
    int n_labels;
    const struct c2s_dataset_info *i = c2s_dataset_info(d);
    char n[32], all[32], shape[64], labels[80];
    struct sheet *s = sheet_create("%s", "");
    sheet_group_digits(i->n, n, sizeof n);
    sheet_group_digits(i->n_available, all, sizeof all);
    c2s_shape_text(i->rank, i->dims, shape, sizeof shape);
    sheet_before(s, SHEET_PLAIN, "data %s (%s, %s): %s%s%s sample%s %s %s, %s", i->name, i->format,
                 i->split, n, i->n < i->n_available ? " of " : "", i->n < i->n_available ? all : "",
                 i->n_available == 1 ? "" : "s", shape, c2s_dtype_name(i->dtype),
                 describe_labels(d, &n_labels, labels, sizeof labels));
    sheet_before(s, SHEET_PLAIN, "model input = (raw %c %g) / %g", i->shift < 0 ? '+' : '-',
                 fabs(i->shift), i->scale);
    warn_unscaled(s, is_unscaled);
    if (misfit)
        sheet_before(s, SHEET_WARNING, "%s", misfit);
    sheet_next(s, misfit ? "Next: data use PATH, or load FILE" : "Next: eval");
    sheet_fact_text(s, "misfit", misfit);
    sheet_fact_text(s, "name", i->name);
    sheet_fact_text(s, "path", i->path);
    sheet_fact_text(s, "format", i->format);
    sheet_fact_text(s, "split", i->split);
    sheet_fact_integer(s, "n", i->n);
    sheet_fact_integer(s, "n_available", i->n_available);
    sheet_fact_text(s, "shape", shape);
    sheet_fact_text(s, "dtype", c2s_dtype_name(i->dtype));
    sheet_fact_integer(s, "classes", n_labels);
    sheet_fact_integer(s, "largest_label", i->n_classes - 1);
    sheet_fact_real(s, "scale", i->scale);
    sheet_fact_real(s, "shift", i->shift);
    sheet_fact_integer(s, "seed", (int64_t)i->seed);
    sheet_fact_text(s, "hash", i->hash);
    return s;
}

/* The step that usually follows: quantize, then the chip's integers, then export. */
static void advise(struct sheet *s, const struct c2s_version *v, bool is_chip)
{
    char bits[64];
    bool has_weights = strchr(view_bits(v->model, bits, sizeof bits), 'w') != NULL;
    if (is_chip)
        sheet_next(s, "Next: log, export v%" PRId64 " FILE.fbz", v->info.id);
    else if (has_weights)
        sheet_next(s, "Next: eval --akida, log");
    else if (v->info.parent)
        sheet_next(s, "Next: compare v%" PRId64 " v%" PRId64 ", quantize weights 4 --input 8",
                   v->info.parent, v->info.id);
    else
        sheet_next(s, "Next: quantize activations 4");
}

#define BIG_FALL 0.05 /* of accuracy: more than the small loss that rounding costs */

/* True when accuracy fell by much, and not by chance. */
static bool has_fallen(const struct c2s_comparison *c)
{
    return c && c->p_value < 0.001 &&
           c2s_accuracy(&c->first.metrics) - c2s_accuracy(&c->second.metrics) > BIG_FALL;
}

static const char *first_activation(const struct c2s_model *m)
{
    for (int i = 0; i < m->n_layers; i++)
        if (c2s_layer_is_quantized_activation(m->layers[i]))
            return m->layers[i]->name;
    return "LAYER";
}

static void warn_fallen(struct sheet *s, const struct c2s_version *v,
                        const struct c2s_comparison *c)
{
    double before = 100 * c2s_accuracy(&c->first.metrics),
           now = 100 * c2s_accuracy(&c->second.metrics);
    sheet_before(s, SHEET_WARNING,
                 "%.1f points below v%" PRId64
                 " (%.2f %%), not by chance: more than rounding costs",
                 before - now, c->first.version, before);
    sheet_next(s, "Next: check v%" PRId64 "; hist %s --activations shows what levels leave; undo",
               c->first.version, first_activation(v->model));
}

struct sheet *view_measure(const struct c2s_version *v, const struct c2s_measure *m,
                           const struct view_measure_context *context)
{
    double low, high;
    char name[24], n[32];
    struct sheet *s = sheet_create("%s", "");
    bool is_chip = strcmp(m->engine, "akida") == 0;
    c2s_wilson_interval(m->metrics.correct, m->metrics.n, &low, &high);
    view_version_name(m->version, name, sizeof name);
    sheet_before(s, SHEET_PLAIN, "%s accuracy %.2f %%  (95 %% interval %.2f to %.2f)  loss %.4f",
                 name, 100 * c2s_accuracy(&m->metrics), 100 * low, 100 * high, m->metrics.loss);
    sheet_before(s, SHEET_DIM, "%s of %s, engine %s%s%s",
                 view_count(m->metrics.n, "sample", n, sizeof n), m->dataset_name, m->engine,
                 is_chip ? " (as on the chip)" : "",
                 context->was_cached ? ", measured before" : "");
    warn_unscaled(s, context->is_unscaled);
    if (has_fallen(context->against))
        warn_fallen(s, v, context->against);
    else
        advise(s, v, is_chip);
    sheet_fact_text(s, "version", name);
    sheet_fact_text(s, "dataset", m->dataset_name);
    sheet_fact_text(s, "dataset_hash", m->dataset);
    sheet_fact_text(s, "engine", m->engine);
    sheet_fact_integer(s, "n", m->metrics.n);
    sheet_fact_integer(s, "correct", m->metrics.correct);
    sheet_fact_real(s, "accuracy", c2s_accuracy(&m->metrics));
    sheet_fact_real(s, "low", low);
    sheet_fact_real(s, "high", high);
    sheet_fact_real(s, "loss", m->metrics.loss);
    sheet_fact_real(s, "seconds", m->metrics.seconds);
    sheet_fact_bool(s, "was_cached", context->was_cached);
    sheet_fact_bool(s, "has_fallen", has_fallen(context->against));
    return s;
}

const char *view_verdict(const struct c2s_comparison *c)
{
    if (c->p_value >= 0.05)
        return "same";
    return c->became_right > c->became_wrong ? "better" : "worse";
}

static void add_against_first(struct sheet *s, const struct c2s_comparison *c)
{
    const char *verdict = view_verdict(c);
    sheet_integer(s, c->n_changed);
    sheet_integer(s, c->became_right);
    sheet_integer(s, c->became_wrong);
    sheet_real(s, c->p_value, 4);
    sheet_text(s, verdict);
    sheet_mark(s, verdict[0] == 'w' ? SHEET_WARNING : verdict[0] == 'b' ? SHEET_GOOD : SHEET_PLAIN);
}

static void add_compared(struct sheet *s, const struct view_compared *c, bool is_first)
{
    double low, high;
    char name[24], bits[64], bytes[32];
    int64_t n_bytes = view_parameter_bytes(c->version->model);
    const struct c2s_metrics *m = &c->measure.metrics;
    c2s_wilson_interval(m->correct, m->n, &low, &high);
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, view_version_name(c->version->info.id, name, sizeof name));
    sheet_text(s, view_bits(c->version->model, bits, sizeof bits));
    sheet_percent(s, c2s_accuracy(m), 2);
    sheet_real(s, low, 4);
    sheet_real(s, high, 4);
    sheet_textf(s, "+-%.2f", 100 * view_margin(m));
    if (is_first) {
        for (int i = 0; i < 4; i++)
            sheet_none(s);
        sheet_text(s, "first");
    } else {
        add_against_first(s, &c->against_first);
    }
    sheet_integer(s, n_bytes);
    sheet_text(s, view_bytes(n_bytes, bytes, sizeof bytes));
}

struct sheet *view_comparison(const struct view_compared *rows, int n_rows)
{
    char n[32];
    const struct c2s_measure *first = &rows[0].measure;
    struct sheet *s =
        sheet_create("%s of %s, engine %s", view_count(first->metrics.n, "sample", n, sizeof n),
                     first->dataset_name, first->engine);
    sheet_column(s, "version", "v", SHEET_LEFT);
    sheet_column(s, "bits", "bits", SHEET_LEFT);
    sheet_column(s, "accuracy", "accuracy", SHEET_RIGHT);
    sheet_column(s, "low", NULL, SHEET_RIGHT);
    sheet_column(s, "high", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "95 %", SHEET_RIGHT);
    sheet_column(s, "changed", "changed", SHEET_RIGHT);
    sheet_column(s, "became_right", "right", SHEET_RIGHT);
    sheet_column(s, "became_wrong", "wrong", SHEET_RIGHT);
    sheet_column(s, "p_value", "p", SHEET_RIGHT);
    sheet_column(s, "verdict", "verdict", SHEET_LEFT);
    sheet_column(s, "parameter_bytes", NULL, SHEET_RIGHT);
    sheet_column(s, NULL, "size", SHEET_RIGHT);
    for (int i = 0; i < n_rows; i++)
        add_compared(s, &rows[i], i == 0);
    sheet_after(s, SHEET_DIM,
                "changed: put in another class than by the first; p: McNemar's exact test");
    sheet_next(s, "Next: diff shows the layers, hist LAYER their numbers");
    return s;
}
