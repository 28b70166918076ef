/* Rules about the data in use and what the model makes of it. They are silent without facts. */
#include <math.h>

#include "check/rule.h"

/* Shares and spans that are worth a word. */
static const double saturated = 0.1;    /* of the values above 0, at the top of their range */
static const double narrow = 1.0 / 16;  /* of the chip's input range */
static const double largest_usual = 16; /* Keras inputs of trained models rarely reach further */
static const int fewest_levels = 8;     /* with fewer the top one is no surprise */

static double percent(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

/* The neural layer that reads the input, or the input itself: where findings about data belong. */
static int entrance(const struct c2s_check_run *run)
{
    return run->m->n_inputs > 0 ? run->m->inputs[0] : -1;
}

static double chip_top(const struct c2s_check_run *run)
{
    return run->options->input_is_integers ? 15 : 255;
}

void c2s_rule_data_range(struct c2s_check_run *run)
{
    const struct c2s_data_facts *d = run->options->data;
    if (d && d->n_below + d->n_above > 0)
        c2s_report(run, entrance(run),
                   "%.1f %% of the values become less than 0 on the chip, %.1f %% more than %.0f",
                   percent(d->n_below, d->n_values), percent(d->n_above, d->n_values),
                   chip_top(run));
}

void c2s_rule_data_not_whole(struct c2s_check_run *run)
{
    const struct c2s_data_facts *d = run->options->data;
    if (d && d->n_not_whole > 0)
        c2s_report(run, entrance(run), "%.1f %% of the values have a fraction on the chip's scale",
                   percent(d->n_not_whole, d->n_values));
}

void c2s_rule_data_narrow(struct c2s_check_run *run)
{
    const struct c2s_data_facts *d = run->options->data;
    double scale = run->options->input_scale;
    if (!d || d->n_samples == 0 || !(scale > 0) || !(d->keras_max > d->keras_min))
        return;
    double span = scale * (d->keras_max - d->keras_min);
    if (span < narrow * chip_top(run))
        c2s_report(run, entrance(run),
                   "values from %.4g to %.4g reach over %.3g of the chip's %.0f input levels",
                   d->keras_min, d->keras_max, span, chip_top(run));
}

/* A model that starts by scaling or normalizing expects large numbers. */
static bool scales_itself(const struct c2s_check_run *run)
{
    const struct c2s_layer *first = c2s_chain_layer(run, 0);
    return first && (first->op == C2S_OP_RESCALING || first->op == C2S_OP_BATCH_NORM);
}

void c2s_rule_data_unscaled(struct c2s_check_run *run)
{
    const struct c2s_data_facts *d = run->options->data;
    if (d && d->n_samples > 0 && !run->options->input_is_integers && !scales_itself(run) &&
        fmax(fabs(d->keras_min), fabs(d->keras_max)) > largest_usual &&
        d->keras_max >= d->keras_min)
        c2s_report(run, entrance(run), "the model gets values from %.4g to %.4g", d->keras_min,
                   d->keras_max);
}

void c2s_rule_data_finite(struct c2s_check_run *run)
{
    const struct c2s_data_facts *d = run->options->data;
    if (d && d->n_not_finite > 0)
        c2s_report(run, entrance(run), "%lld value%s in %lld sample%s %s NaN or infinite",
                   (long long)d->n_not_finite, d->n_not_finite == 1 ? "" : "s",
                   (long long)d->n_samples, d->n_samples == 1 ? "" : "s",
                   d->n_not_finite == 1 ? "is" : "are");
}

static int64_t n_classes(const struct c2s_check_run *run)
{
    int64_t dims[3];
    const struct c2s_model *m = run->m;
    return m->n_outputs == 1 && c2s_output_dims(m->layers[m->outputs[0]], dims)
               ? dims[0] * dims[1] * dims[2]
               : 0;
}

void c2s_rule_labels_outside(struct c2s_check_run *run)
{
    const struct c2s_data_facts *d = run->options->data;
    if (d && d->n_labels_outside > 0)
        c2s_report(run, run->m->n_outputs > 0 ? run->m->outputs[0] : -1,
                   "%lld label%s no class of the model: labels %lld to %lld, %lld output%s",
                   (long long)d->n_labels_outside, d->n_labels_outside == 1 ? " is" : "s are",
                   (long long)d->label_min, (long long)d->label_max, (long long)n_classes(run),
                   n_classes(run) == 1 ? "" : "s");
}

void c2s_rule_classes_unseen(struct c2s_check_run *run)
{
    const struct c2s_data_facts *d = run->options->data;
    int64_t n = n_classes(run);
    if (d && d->has_labels && d->n_labels_outside == 0 && n > 1 && d->n_classes_seen < n)
        c2s_report(run, run->m->outputs[0], "%lld of %lld classes have no sample in the data",
                   (long long)(n - d->n_classes_seen), (long long)n);
}

/* ---- what the layers give ---- */

static const struct c2s_layer_facts *seen(const struct c2s_check_run *run, int layer)
{
    const struct c2s_data_facts *d = run->options->data;
    const struct c2s_layer_facts *f = d && d->layers ? &d->layers[layer] : NULL;
    return f && f->n_channels > 0 ? f : NULL;
}

void c2s_rule_silent_channels(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer_facts *f = seen(run, i);
        if (f && c2s_layer_is_akida_activation(run->m->layers[i]) && f->n_silent > 0)
            c2s_report(run, i, "%lld of %lld channels give 0 for every sample",
                       (long long)f->n_silent, (long long)f->n_channels);
    }
}

/* Of activations, and of what the model gives: a channel that a rule above calls silent is not
 * counted again. */
void c2s_rule_constant_channels(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        const struct c2s_layer_facts *f = seen(run, i);
        bool is_output = run->m->n_outputs > 0 && run->m->outputs[0] == i;
        bool is_activation = c2s_layer_is_akida_activation(l);
        if (!f || (!is_activation && !is_output))
            continue;
        int64_t n = f->n_constant + (is_activation ? 0 : f->n_silent);
        if (n > 0)
            c2s_report(run, i, "%lld of %lld channels give the same value for every sample",
                       (long long)n, (long long)f->n_channels);
    }
}

void c2s_rule_saturated(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer_facts *f = seen(run, i);
        if (f && (f->n_levels == 0 || f->n_levels >= fewest_levels) && f->top_share > saturated)
            c2s_report(run, i, "%.0f %% of what is above 0 is at the top of its range",
                       100 * f->top_share);
    }
}

void c2s_rule_unused_levels(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer_facts *f = seen(run, i);
        if (f && f->n_levels >= fewest_levels && 2 * f->levels_used <= f->n_levels)
            c2s_report(run, i, "%d of %d levels occur, values up to %.3g", f->levels_used,
                       f->n_levels, f->max);
    }
}
