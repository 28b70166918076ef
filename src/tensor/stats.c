/* Histograms and moments of tensors. Drawing them is not here. */
#include <c2s/histogram.h>

#include <math.h>

#include "base/alloc.h"

bool c2s_histogram_init(struct c2s_histogram *h, double low, double high, int n_bins,
                        struct c2s_error *err)
{
    *h = (struct c2s_histogram){.low = low, .high = high, .n_bins = n_bins};
    if (!isfinite(low) || !isfinite(high) || !(low <= high) || n_bins < 1)
        return c2s_fail(err, C2S_RANGE, "a histogram of %d bins from %g to %g is not possible",
                        n_bins, low, high);
    h->counts = c2s_calloc((size_t)n_bins, sizeof *h->counts);
    return h->counts ? true : c2s_fail_nomem(err);
}

void c2s_histogram_finish(struct c2s_histogram *h)
{
    c2s_free(h->counts);
    *h = (struct c2s_histogram){0};
}

static double value_at(const struct c2s_tensor *t, int64_t i)
{
    switch (t->dtype) {
    case C2S_F32:
        return c2s_f32(t)[i];
    case C2S_I32:
        return c2s_i32(t)[i];
    case C2S_I8:
        return c2s_i8(t)[i];
    default:
        return c2s_u8(t)[i];
    }
}

static void count(struct c2s_histogram *h, double v)
{
    if (v < h->low) {
        h->below++;
    } else if (v > h->high) {
        h->above++;
    } else if (h->low == h->high) {
        h->counts[0]++;
    } else {
        /* Halves keep the difference of two huge edges finite. */
        double place = (v / 2 - h->low / 2) / (h->high / 2 - h->low / 2) * h->n_bins;
        /* Halves of edges near 0 may be equal, and place then no number: the first bin. */
        int bin = place > 0 ? (int)fmin(place, h->n_bins - 1) : 0;
        h->counts[bin]++;
    }
}

/* Moments of n values as mean and sum of squared distances from it. */
struct moments {
    double n, mean, squares;
};

/* Welford 1962, Technometrics 4(3):419. */
static void moments_add(struct moments *m, double v)
{
    double before = v - m->mean;
    m->n++;
    m->mean += before / m->n;
    m->squares += before * (v - m->mean);
}

/* Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm". */
static void moments_merge(struct moments *a, const struct moments *b)
{
    double n = a->n + b->n, apart = b->mean - a->mean;
    if (n == 0)
        return;
    a->squares += b->squares + apart * apart * (a->n / n) * b->n;
    a->mean += apart * (b->n / n);
    a->n = n;
}

void c2s_histogram_add(struct c2s_histogram *h, const struct c2s_tensor *t)
{
    int64_t n = c2s_tensor_count(t), n_finite = h->n - h->n_nan - h->n_inf;
    struct moments all = {(double)n_finite, h->mean, h->stddev * h->stddev * (double)n_finite};
    struct moments added = {0};
    for (int64_t i = 0; i < n; i++) {
        double v = value_at(t, i);
        if (isnan(v)) {
            h->n_nan++;
            continue;
        }
        if (isinf(v)) {
            h->n_inf++;
            continue;
        }
        count(h, v);
        h->n_zero += v == 0;
        bool is_first = all.n + added.n == 0;
        h->min = is_first || v < h->min ? v : h->min;
        h->max = is_first || v > h->max ? v : h->max;
        moments_add(&added, v);
    }
    h->n += n;
    moments_merge(&all, &added);
    h->mean = all.mean;
    h->stddev = all.n > 0 ? sqrt(all.squares / all.n) : 0;
}

bool c2s_tensor_range(const struct c2s_tensor *t, double *min, double *max)
{
    bool found = false;
    for (int64_t i = 0, n = c2s_tensor_count(t); i < n; i++) {
        double v = value_at(t, i);
        if (!isfinite(v))
            continue;
        *min = !found || v < *min ? v : *min;
        *max = !found || v > *max ? v : *max;
        found = true;
    }
    return found;
}

double c2s_sqnr_of(double signal, double noise)
{
    return noise <= 0 ? INFINITY : 10 * log10(signal / noise);
}

double c2s_sqnr(const struct c2s_tensor *x, const struct c2s_tensor *y)
{
    double signal = 0, noise = 0;
    for (int64_t i = 0, n = c2s_tensor_count(x); i < n; i++) {
        double v = value_at(x, i), d = v - value_at(y, i);
        signal += v * v;
        noise += d * d;
    }
    return c2s_sqnr_of(signal, noise);
}
