/* The distribution of an activation's values above 0, and the ranges that follow from it. */
#include <c2s/histogram.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "calibrate/calibrate.h"

enum { UPPER_BINS = 1 << 15, LOWER_BINS = 1 << 16, N_BINS = 1 << 16 };

bool range_begin(struct range *r, struct c2s_error *err)
{
    *r = (struct range){0};
    r->upper = c2s_calloc(UPPER_BINS, sizeof *r->upper);
    return r->upper ? true : c2s_fail_nomem(err);
}

void range_finish(struct range *r)
{
    c2s_free(r->upper);
    c2s_free(r->lower);
    c2s_free(r->counts);
    c2s_free(r->sums);
    *r = (struct range){0};
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void range_add(struct range *r, const struct c2s_tensor *t)
{
    const float *values = c2s_f32(t);
    for (int64_t i = 0, n = c2s_tensor_count(t); i < n; i++) {
        float v = values[i];
        if (!isfinite(v))
            r->has_odd = true;
        else if (v > 0) {
            r->n++;
            r->upper[bits_of(v) >> 16]++;
            r->squares += (double)v * v;
            r->largest = v > r->largest ? v : r->largest;
        }
    }
}

/* The upper bin in which the percentile's rank lies. A decimal such as 99.9 is a little above or
 * below what was meant, and must not move a whole rank for that. */
static void find_upper(struct range *r, double percentile)
{
    double rank = ceil(percentile * (double)r->n / 100 * (1 - 1e-13));
    r->rank = rank < 1 ? 1 : rank > (double)r->n ? r->n : (int64_t)rank;
    while (r->before + r->upper[r->upper_bin] < r->rank)
        r->before += r->upper[r->upper_bin++];
}

bool range_look_again(struct range *r, double percentile, struct c2s_error *err)
{
    if (r->n == 0)
        return true;
    find_upper(r, percentile);
    r->lower = c2s_calloc(LOWER_BINS, sizeof *r->lower);
    r->counts = c2s_calloc(N_BINS + 1, sizeof *r->counts);
    r->sums = c2s_calloc(N_BINS + 1, sizeof *r->sums);
    return r->lower && r->counts && r->sums ? true : c2s_fail_nomem(err);
}

void range_add_again(struct range *r, const struct c2s_tensor *t)
{
    const float *values = c2s_f32(t);
    double per_value = r->n > 0 ? N_BINS / r->largest : 0;
    for (int64_t i = 0, n = r->n > 0 ? c2s_tensor_count(t) : 0; i < n; i++) {
        float v = values[i];
        if (!(v > 0))
            continue;
        if (bits_of(v) >> 16 == r->upper_bin)
            r->lower[bits_of(v) & 0xffff]++;
        int bin = (int)fmin((double)v * per_value, N_BINS - 1);
        r->counts[bin + 1]++;
        r->sums[bin + 1] += v;
    }
}

void range_end(struct range *r)
{
    for (int i = 1; r->counts && i <= N_BINS; i++) {
        r->counts[i] += r->counts[i - 1];
        r->sums[i] += r->sums[i - 1];
    }
}

double range_percentile(const struct range *r)
{
    int64_t seen = r->before;
    uint32_t low = 0;
    while (low < LOWER_BINS - 1 && seen + r->lower[low] < r->rank)
        seen += r->lower[low++];
    uint32_t bits = r->upper_bin << 16 | low;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The bin whose values, all of it, lie above `edge`. */
static int bin_above(const struct range *r, double edge)
{
    double bin = rint(edge / r->largest * N_BINS);
    return bin > N_BINS ? N_BINS : (int)bin;
}

/* sum (x - level)^2 = sum x^2 - 2 level sum x + level^2 n, for the values of each level. */
double range_error(const struct range *r, double max_value, int bits)
{
    int levels = (1 << bits) - 1;
    double step = max_value / levels, error = r->squares;
    for (int k = 1; k <= levels; k++) {
        int from = bin_above(r, (k - 0.5) * step);
        int to = k < levels ? bin_above(r, (k + 0.5) * step) : N_BINS;
        double level = k * step;
        error += level * level * (double)(r->counts[to] - r->counts[from]) -
                 2 * level * (r->sums[to] - r->sums[from]);
    }
    return error > 0 ? error : 0;
}

double range_sqnr(const struct range *r, double max_value, int bits)
{
    double error = range_error(r, max_value, bits);
    return c2s_sqnr_of(r->squares, error);
}

double range_clipped(const struct range *r, double max_value)
{
    int bin = max_value < r->largest ? bin_above(r, max_value) : N_BINS;
    return (double)(r->counts[N_BINS] - r->counts[bin]) / (double)r->n;
}

/* Ranges from the largest value down to 1/4096 of it, 16 to an octave; then around the best. The
 * error has local minima, so no search that follows a slope. */
double range_least_error(const struct range *r, int bits)
{
    enum { PER_OCTAVE = 16, OCTAVES = 12, FINE = 64 };
    double best = r->largest, least = range_error(r, best, bits), coarse;
    for (int i = 1; i <= PER_OCTAVE * OCTAVES; i++) {
        double m = r->largest * exp2(-(double)i / PER_OCTAVE), error = range_error(r, m, bits);
        if (error < least) {
            least = error;
            best = m;
        }
    }
    coarse = best;
    for (int i = -FINE; i <= FINE; i++) {
        double m = fmin(coarse * exp2((double)i / PER_OCTAVE / FINE), r->largest);
        double error = range_error(r, m, bits);
        if (error < least) {
            least = error;
            best = m;
        }
    }
    return best;
}
