/* Draws a histogram with characters: the float numbers, the quantized ones over them, each to its
 * own height, and ticks at the quantization levels. */
#include "view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_WIDTH  9 /* of the counts at the left, with their blank and bar */
#define MOST_COLUMNS 300

/* The counts as drawn: bins that have no column of their own are added to their neighbours. */
struct picture {
    const struct c2s_layer_histogram *h;
    const struct view_hist_options *o;
    int n_columns, bins_per_column;
    int64_t *plain, *quantized; /* [n_columns], owned; quantized NULL = none */
    int64_t most, most_quantized;
};

static int64_t *merge_bins(const struct c2s_histogram *h, const struct picture *p, int64_t *most)
{
    int64_t *counts = calloc((size_t)p->n_columns, sizeof *counts);
    for (int b = 0; counts && b < h->n_bins; b++) {
        int64_t *count = &counts[b / p->bins_per_column];
        *count += h->counts[b];
        if (*count > *most)
            *most = *count;
    }
    return counts;
}

static bool picture_init(struct picture *p, const struct c2s_layer_histogram *h,
                         const struct view_hist_options *o)
{
    int room = o->columns - LABEL_WIDTH < MOST_COLUMNS ? o->columns - LABEL_WIDTH : MOST_COLUMNS;
    if (room < 8)
        room = 8;
    *p = (struct picture){.h = h, .o = o};
    p->bins_per_column = (h->plain.n_bins + room - 1) / room;
    p->n_columns = (h->plain.n_bins + p->bins_per_column - 1) / p->bins_per_column;
    p->plain = merge_bins(&h->plain, p, &p->most);
    if (h->has_quantized)
        p->quantized = merge_bins(&h->quantized, p, &p->most_quantized);
    return p->plain && (p->quantized || !h->has_quantized);
}

static void picture_finish(struct picture *p)
{
    free(p->plain);
    free(p->quantized);
}

/* Height of a bar in eighths of a row; anything that is there is seen. */
static int bar_height(int64_t count, int64_t most, int height)
{
    if (count <= 0)
        return 0;
    int eighths = (int)lround((double)count / (double)most * height * 8);
    return eighths < 1 ? 1 : eighths;
}

static const char *bar_glyph(int eighths, bool use_blocks)
{
    static const char *const blocks[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
    if (eighths <= 0)
        return " ";
    if (use_blocks)
        return blocks[eighths > 8 ? 8 : eighths];
    return eighths >= 4 ? "#" : ".";
}

/* Where two histograms lie over each other, what each cell holds must be seen. */
struct overlay_glyphs {
    const char *plain, *quantized, *both;
};

static struct overlay_glyphs overlay_glyphs(bool use_blocks)
{
    return use_blocks ? (struct overlay_glyphs){"\u2592", "\u2502", "\u2588"}
                      : (struct overlay_glyphs){":", "|", "#"};
}

static const char *overlay_glyph(int plain_eighths, int quantized_eighths, bool use_blocks)
{
    struct overlay_glyphs glyphs = overlay_glyphs(use_blocks);
    if (quantized_eighths > 0)
        return plain_eighths >= 4 ? glyphs.both : glyphs.quantized;
    return plain_eighths >= 8 ? glyphs.plain : bar_glyph(plain_eighths, use_blocks);
}

/* "401k": a count in at most 6 characters. */
static void short_count(double count, char *out, size_t size)
{
    static const char units[] = " kMGT";
    int unit = 0;
    while (count >= 9999.5 && unit < 4) {
        count /= 1000;
        unit++;
    }
    if (unit == 0)
        snprintf(out, size, "%.0f", count);
    else
        snprintf(out, size, "%.0f%c", count, units[unit]);
}

static void draw_row(struct sheet *s, const struct picture *p, int row)
{
    int base = (p->o->height - 1 - row) * 8;
    char line[1024], label[16] = "";
    if (row == 0)
        short_count((double)p->most, label, sizeof label);
    else if (row == p->o->height / 2)
        short_count((double)p->most * (p->o->height - row) / p->o->height, label, sizeof label);
    size_t used = (size_t)snprintf(line, sizeof line, "%*s |", LABEL_WIDTH - 2, label);
    for (int c = 0; c < p->n_columns; c++) {
        int eighths = bar_height(p->plain[c], p->most, p->o->height) - base;
        const char *glyph =
            p->quantized
                ? overlay_glyph(eighths,
                                bar_height(p->quantized[c], p->most_quantized, p->o->height) - base,
                                p->o->use_blocks)
                : bar_glyph(eighths, p->o->use_blocks);
        used += (size_t)snprintf(line + used, sizeof line - used, "%s", glyph);
    }
    while (used > 0 && line[used - 1] == ' ')
        line[--used] = '\0';
    sheet_drawn(s, SHEET_PLAIN, line);
}

/* The axis: a plus at each quantization level when they are far enough apart to be told. */
static void draw_axis(struct sheet *s, const struct picture *p)
{
    const struct c2s_histogram *h = &p->h->plain;
    char line[MOST_COLUMNS + 2 * LABEL_WIDTH];
    int n = p->n_columns;
    size_t used = (size_t)snprintf(line, sizeof line, "%*s +", LABEL_WIDTH - 2, "0");
    memset(line + used, '-', (size_t)n);
    line[used + (size_t)n] = '\0';
    double column = (h->high - h->low) / h->n_bins * p->bins_per_column;
    bool has_one_threshold = p->h->threshold_min == p->h->threshold_max;
    if (p->h->step >= 2 * column && column > 0 && has_one_threshold) {
        for (int k = 0; k < p->h->n_levels; k++) {
            double level = p->h->threshold_min + k * p->h->step; /* of outputs: from 0 on */
            int c = (int)((level - h->low) / column);
            if (c == n && level <= h->high * (1 + 1e-6))
                c = n - 1;
            if (c >= 0 && c < n)
                line[used + (size_t)c] = '+';
        }
    }
    sheet_drawn(s, SHEET_PLAIN, line);
}

static void draw_scale(struct sheet *s, const struct picture *p)
{
    const struct c2s_histogram *h = &p->h->plain;
    char line[MOST_COLUMNS + 100], text[3][24];
    int n = p->n_columns;
    double values[3] = {h->low, (h->low + h->high) / 2, h->high};
    for (int i = 0; i < 3; i++)
        snprintf(text[i], sizeof text[i], "%.3g", fabs(values[i]) < 1e-12 ? 0 : values[i]);
    int middle = n / 2 - (int)strlen(text[0]) - (int)strlen(text[1]) / 2;
    int right = n - n / 2 - ((int)strlen(text[1]) + 1) / 2 - (int)strlen(text[2]);
    snprintf(line, sizeof line, "%*s%s%*s%s%*s%s", LABEL_WIDTH, "", text[0],
             middle > 1 ? middle : 1, "", text[1], right > 1 ? right : 1, "", text[2]);
    sheet_drawn(s, SHEET_DIM, line);
}

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

static const char *version_or_null(int64_t id, char *out, size_t size)
{
    return id > 0 ? view_version_name(id, out, size) : NULL;
}

static void add_facts(struct sheet *s, const struct c2s_layer_histogram *h,
                      const struct view_hist_options *o)
{
    const struct c2s_histogram *p = &h->plain;
    char name[24];
    sheet_fact_text(s, "version", o->version);
    sheet_fact_text(s, "layer", h->layer);
    sheet_fact_text(s, "of", o->of);
    sheet_fact_text(s, "plain_version", version_or_null(h->plain_version, name, sizeof name));
    sheet_fact_text(s, "quantized_version",
                    version_or_null(h->quantized_version, name, sizeof name));
    sheet_fact_integer(s, "n", p->n);
    sheet_fact_integer(s, "samples", h->n_samples);
    sheet_fact_real(s, "min", p->min);
    sheet_fact_real(s, "max", p->max);
    sheet_fact_real(s, "mean", p->mean);
    sheet_fact_real(s, "stddev", p->stddev);
    sheet_fact_real(s, "zero_fraction", share(p->n_zero, p->n));
    if (h->has_quantized)
        sheet_fact_real(s, "quantized_zero_fraction", share(h->quantized.n_zero, h->quantized.n));
    sheet_fact_real(s, "clipped_fraction", h->clipped_fraction);
    if (o->of_potentials) {
        sheet_fact_real(s, "silent_fraction", h->silent_fraction);
        sheet_fact_integer(s, "threshold_min", h->threshold_min);
        sheet_fact_integer(s, "threshold_max", h->threshold_max);
    }
    sheet_fact_real(s, "sqnr_db", h->sqnr_db);
    sheet_fact_integer(s, "levels", h->n_levels);
    sheet_fact_real(s, "step", h->step);
    sheet_fact_integer(s, "nan", p->n_nan);
    sheet_fact_integer(s, "inf", p->n_inf);
}

static void add_bins(struct sheet *s, const struct c2s_layer_histogram *h)
{
    const struct c2s_histogram *p = &h->plain;
    double bin = (p->high - p->low) / p->n_bins;
    sheet_rows_key(s, "bins");
    sheet_rows_for_machines(s);
    sheet_column(s, "low", "from", SHEET_RIGHT);
    sheet_column(s, "high", "to", SHEET_RIGHT);
    sheet_column(s, "count", "count", SHEET_RIGHT);
    if (h->has_quantized)
        sheet_column(s, "quantized_count", "quantized", SHEET_RIGHT);
    for (int b = 0; b < p->n_bins; b++) {
        sheet_row(s, SHEET_PLAIN);
        sheet_real(s, p->low + b * bin, 6);
        sheet_real(s, b + 1 == p->n_bins ? p->high : p->low + (b + 1) * bin, 6);
        sheet_integer(s, p->counts[b]);
        if (h->has_quantized)
            sheet_integer(s, h->quantized.counts[b]);
    }
}

/* Bands as users of quantization tools read them: each bit is worth about 6 dB. */
static const char *sqnr_band(double db)
{
    return db >= 20 ? "good" : db >= 10 ? "fair" : "low: few levels for this range";
}

/* Potentials at the threshold or below give no event, those above the top level no more than it. */
static void add_thresholds(struct sheet *s, const struct c2s_layer_histogram *h)
{
    if (h->n_levels == 0) {
        sheet_before(s, SHEET_PLAIN, "no activation follows: all potentials go out as they are");
        return;
    }
    char clipped[48] = "", step[32] = "", levels[32];
    if (h->step > 0)
        snprintf(step, sizeof step, " every %.6g", h->step);
    if (!isnan(h->clipped_fraction))
        snprintf(clipped, sizeof clipped, ", clipped at the top %.1f %%",
                 100 * h->clipped_fraction);
    if (h->threshold_min == h->threshold_max)
        sheet_before(s, SHEET_PLAIN, "threshold %d: silent (not above it) %.1f %%%s",
                     (int)h->threshold_min, 100 * h->silent_fraction, clipped);
    else
        sheet_before(
            s, SHEET_PLAIN, "thresholds of the filters %d to %d: silent (not above them) %.1f %%%s",
            (int)h->threshold_min, (int)h->threshold_max, 100 * h->silent_fraction, clipped);
    sheet_before(s, SHEET_PLAIN, "%s%s", view_count(h->n_levels, "level", levels, sizeof levels),
                 step);
}

/* version 0 = there is only one. */
static void add_range(struct sheet *s, int64_t version, const struct c2s_histogram *h)
{
    char name[24];
    sheet_before(s, SHEET_PLAIN, "%s%srange %.4g to %.4g, mean %.4g, deviation %.4g, zero %.1f %%",
                 version ? view_version_name(version, name, sizeof name) : "", version ? ": " : "",
                 h->min, h->max, h->mean, h->stddev, 100 * share(h->n_zero, h->n));
}

static void add_numbers(struct sheet *s, const struct c2s_layer_histogram *h,
                        const struct view_hist_options *o)
{
    const struct c2s_histogram *p = &h->plain;
    add_range(s, o->compares_versions ? h->plain_version : 0, p);
    if (o->compares_versions && h->has_quantized)
        add_range(s, h->quantized_version, &h->quantized);
    if (p->n_nan + p->n_inf > 0)
        sheet_before(s, SHEET_ERROR, "%" PRId64 " NaN and %" PRId64 " infinite values: not drawn",
                     p->n_nan, p->n_inf);
    if (o->of_potentials) {
        add_thresholds(s, h);
        return;
    }
    if (!h->has_quantized && h->n_levels == 0)
        return;
    char line[200];
    size_t used = strlen(view_count(h->n_levels, "level", line, sizeof line));
    if (h->step > 0)
        used += (size_t)snprintf(line + used, sizeof line - used, " every %.4g", h->step);
    if (!isnan(h->clipped_fraction))
        used += (size_t)snprintf(line + used, sizeof line - used, ", %s %.1f %%",
                                 h->n_samples > 0 ? "clipped at the top" : "at the last level",
                                 100 * h->clipped_fraction);
    if (h->has_quantized && !o->compares_versions)
        used += (size_t)snprintf(line + used, sizeof line - used, ", zero %.1f %%",
                                 100 * share(h->quantized.n_zero, h->quantized.n));
    if (!isnan(h->sqnr_db) && used < sizeof line)
        snprintf(line + used, sizeof line - used, ", SQNR %.1f dB (%s)", h->sqnr_db,
                 sqnr_band(h->sqnr_db));
    sheet_before(s, SHEET_PLAIN, "%s", line);
}

/* What the two drawings are: float and quantized, or two versions. */
static void add_legend(struct sheet *s, const struct picture *p)
{
    const struct c2s_layer_histogram *h = p->h;
    struct overlay_glyphs glyphs = overlay_glyphs(p->o->use_blocks);
    char most[16], plain[24] = "float", quantized[24] = "quantized";
    if (!h->has_quantized)
        return;
    if (p->o->compares_versions) {
        view_version_name(h->plain_version, plain, sizeof plain);
        view_version_name(h->quantized_version, quantized, sizeof quantized);
    }
    short_count((double)p->most_quantized, most, sizeof most);
    sheet_before(s, SHEET_DIM, "%s %s, %s %s (drawn to its own height, %s), %s both", glyphs.plain,
                 plain, glyphs.quantized, quantized, most, glyphs.both);
}

int view_hist_bins(int columns)
{
    int room = columns - LABEL_WIDTH;
    return room < 8 ? 8 : room > 64 ? 64 : room;
}

struct sheet *view_histogram(const struct c2s_layer_histogram *h, const struct view_hist_options *o)
{
    char n[32], samples[48] = "";
    struct picture p;
    bool ok = picture_init(&p, h, o);
    if (h->n_samples > 0)
        view_count(h->n_samples, "sample", samples, sizeof samples);
    struct sheet *s = sheet_create("%s %s of %s, %s%s%s", h->layer, o->of, o->version,
                                   view_count(h->plain.n, "value", n, sizeof n),
                                   samples[0] ? " from " : "", samples);
    add_legend(s, &p);
    if (ok && p.most > 0) {
        for (int row = 0; row < o->height; row++)
            draw_row(s, &p, row);
        draw_axis(s, &p);
        draw_scale(s, &p);
    }
    picture_finish(&p);
    add_numbers(s, h, o);
    if (h->n_samples > 0)
        sheet_next(s, "Next: hist LAYER --versions V,W overlays two; --bins N, --limit N");
    else
        sheet_next(s, "Next: hist LAYER --activations, diff, quantize weights BITS");
    add_facts(s, h, o);
    add_bins(s, h);
    return s;
}
