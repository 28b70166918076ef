/* Gradients through quantized weights and activations: straight through the rounding, stopped where
 * clipped, and through the scale factor to the weights it is made of. */
#include <c2s/quantizer.h>

#include <math.h>

#include "base/wide_code.h"
#include "quant/level.h"

/* Weights are seen as rows of up to COLUMNS numbers, and every column has sums of its own: loops
 * become vector code, and the order of the sums is fixed. */
enum { COLUMNS = 64 };

struct piece {
    int64_t first, n_rows, stride; /* the first number, and rows `stride` apart */
    int n_columns;
};

/* Some channels with a scale each, or a whole tensor with one scale: full rows and the rest. */
struct group {
    const struct c2s_fake_weights *fake;
    const float *d;
    struct piece pieces[2];
    bool is_shared; /* one scale: sums of columns are added up */
    double n;       /* weights that share a scale */
    float kmax;
    float sf[COLUMNS], range[COLUMNS];
    double mean[COLUMNS], deviation[COLUMNS], share[COLUMNS];
};

/* At most one beyond kmax, which tells what is clipped. */
static inline float level_of(float w, float sf, float kmax)
{
    return quantizer_level(w, sf, kmax + 1.0f);
}

static void find_range(const struct group *g, const struct piece *p, float *range)
{
    for (int64_t r = 0; r < p->n_rows; r++) {
        const float *w = c2s_f32(g->fake->w) + p->first + r * p->stride;
#pragma omp simd
        for (int c = 0; c < p->n_columns; c++)
            range[c] = fabsf(w[c]) > range[c] ? fabsf(w[c]) : range[c];
    }
}

static void add_weights(const struct group *g, const struct piece *p, double *sums)
{
    for (int64_t r = 0; r < p->n_rows; r++) {
        const float *w = c2s_f32(g->fake->w) + p->first + r * p->stride;
#pragma omp simd
        for (int c = 0; c < p->n_columns; c++)
            sums[c] += (double)w[c];
    }
}

static void add_squares(const struct group *g, const struct piece *p, double *sums)
{
    for (int64_t r = 0; r < p->n_rows; r++) {
        const float *w = c2s_f32(g->fake->w) + p->first + r * p->stride;
#pragma omp simd
        for (int c = 0; c < p->n_columns; c++)
            sums[c] += ((double)w[c] - g->mean[c]) * ((double)w[c] - g->mean[c]);
    }
}

static void count_largest(const struct group *g, const struct piece *p, double *sums)
{
    for (int64_t r = 0; r < p->n_rows; r++) {
        const float *w = c2s_f32(g->fake->w) + p->first + r * p->stride;
#pragma omp simd
        for (int c = 0; c < p->n_columns; c++)
            sums[c] += fabsf(w[c]) == g->range[c] ? 1.0 : 0.0;
    }
}

/* d * (q - p * w), which is d_range * range */
static void add_slopes(const struct group *g, const struct piece *p, double *sums)
{
    for (int64_t r = 0; r < p->n_rows; r++) {
        const float *w = c2s_f32(g->fake->w) + p->first + r * p->stride;
        const float *d = g->d + p->first + r * p->stride;
        const float kmax = g->kmax;
#pragma omp simd
        for (int c = 0; c < p->n_columns; c++) {
            float level = level_of(w[c], g->sf[c], kmax);
            float clipped = level > kmax ? kmax : level < -kmax ? -kmax : level;
            float inside = level == clipped ? w[c] : 0.0f;
            sums[c] += (double)d[c] * ((double)clipped / (double)g->sf[c] - (double)inside);
        }
    }
}

static void write_max(const struct group *g, const struct piece *p, float *d_w)
{
    for (int64_t r = 0; r < p->n_rows; r++) {
        const float *w = c2s_f32(g->fake->w) + p->first + r * p->stride;
        const float *d = g->d + p->first + r * p->stride;
        float *out = d_w + p->first + r * p->stride;
#pragma omp simd
        for (int c = 0; c < p->n_columns; c++) {
            float share = w[c] < 0.0f ? -(float)g->share[c] : (float)g->share[c];
            out[c] = d[c] + (fabsf(w[c]) == g->range[c] ? share : 0.0f);
        }
    }
}

static void write_std(const struct group *g, const struct piece *p, float *d_w)
{
    for (int64_t r = 0; r < p->n_rows; r++) {
        const float *w = c2s_f32(g->fake->w) + p->first + r * p->stride;
        const float *d = g->d + p->first + r * p->stride;
        float *out = d_w + p->first + r * p->stride;
        const float kmax = g->kmax;
#pragma omp simd
        for (int c = 0; c < p->n_columns; c++) {
            bool passes = fabsf(level_of(w[c], g->sf[c], kmax)) <= kmax;
            double through = g->share[c] * ((double)w[c] - g->mean[c]);
            out[c] = (float)((passes ? (double)d[c] : 0.0) + through);
        }
    }
}

static void sum_up(const struct group *g,
                   void (*add)(const struct group *, const struct piece *, double *), double *sums)
{
    double total = 0;
    for (int c = 0; c < COLUMNS; c++)
        sums[c] = 0;
    for (int i = 0; i < 2; i++)
        add(g, &g->pieces[i], sums);
    for (int c = 0; c < COLUMNS; c++)
        total += sums[c];
    for (int c = 0; g->is_shared && c < COLUMNS; c++)
        sums[c] = total;
}

/* Nothing flows through a scale that its limit set, or that stands for a range of 0. */
static bool flows(const struct group *g, float range)
{
    return range > 0.0f && !(g->fake->spec->is_limited && g->kmax / range > 1000.0f);
}

static void through_max(struct group *g, float *d_w)
{
    double slopes[COLUMNS], n_largest[COLUMNS];
    float largest = 0;
    for (int c = 0; c < COLUMNS; c++)
        g->range[c] = 0;
    for (int i = 0; i < 2; i++)
        find_range(g, &g->pieces[i], g->range);
    for (int c = 0; c < COLUMNS; c++)
        largest = g->range[c] > largest ? g->range[c] : largest;
    for (int c = 0; g->is_shared && c < COLUMNS; c++)
        g->range[c] = largest;
    sum_up(g, add_slopes, slopes);
    sum_up(g, count_largest, n_largest);
    for (int c = 0; c < COLUMNS; c++)
        g->share[c] = flows(g, g->range[c]) ? slopes[c] / (double)g->range[c] / n_largest[c] : 0.0;
    for (int i = 0; i < 2; i++)
        write_max(g, &g->pieces[i], d_w);
}

static void through_std(struct group *g, float *d_w, double *d_threshold)
{
    double slopes[COLUMNS];
    const struct c2s_fake_weights *f = g->fake;
    double threshold =
        (double)(f->trained_threshold ? *c2s_f32(f->trained_threshold) : f->spec->threshold);
    sum_up(g, add_weights, g->mean);
    for (int c = 0; c < COLUMNS; c++)
        g->mean[c] /= g->n;
    sum_up(g, add_squares, g->deviation);
    for (int c = 0; c < COLUMNS; c++)
        g->deviation[c] = sqrt(g->deviation[c] / g->n);
    sum_up(g, add_slopes, slopes);
    for (int c = 0; c < COLUMNS; c++) {
        /* d_range * threshold / (n * std), where range = threshold * std */
        bool is_open = flows(g, (float)(threshold * g->deviation[c]));
        g->share[c] = is_open ? slopes[c] / (g->deviation[c] * g->deviation[c] * g->n) : 0.0;
    }
    if (g->is_shared && d_threshold && g->share[0] != 0.0)
        *d_threshold += slopes[0] / threshold;
    for (int i = 0; i < 2; i++)
        write_std(g, &g->pieces[i], d_w);
}

static void through(struct group *g, float *d_w, double *d_threshold)
{
    enum c2s_quantizer_id id = g->fake->spec->id;
    if (id == C2S_QUANTIZER_MAX || id == C2S_QUANTIZER_MAX_PER_AXIS)
        through_max(g, d_w);
    else
        through_std(g, d_w, d_threshold);
}

void c2s_quantizer_gradient(const struct c2s_fake_weights *fake, const float *d, float *d_w,
                            double *d_threshold)
{
    const struct c2s_tensor *w = fake->w, *sf = fake->sf;
    int64_t n = c2s_tensor_count(w), channels = w->dims[w->rank - 1];
    struct group g = {.fake = fake, .d = d, .is_shared = sf->rank == 0, .n = (double)n};
    g.kmax = (float)((1 << (fake->spec->bitwidth - 1)) - 1);
    if (d_threshold)
        *d_threshold = 0;
    if (g.is_shared) {
        g.pieces[0] = (struct piece){0, n / COLUMNS, COLUMNS, COLUMNS};
        g.pieces[1] = (struct piece){n - n % COLUMNS, 1, 0, (int)(n % COLUMNS)};
        for (int c = 0; c < COLUMNS; c++)
            g.sf[c] = *c2s_f32(sf);
        through(&g, d_w, d_threshold);
        return;
    }
    g.n = (double)(n / channels);
    for (int64_t first = 0; first < channels; first += COLUMNS) {
        int columns = channels - first < COLUMNS ? (int)(channels - first) : COLUMNS;
        g.pieces[0] = (struct piece){first, n / channels, channels, columns};
        for (int c = 0; c < columns; c++)
            g.sf[c] = c2s_f32(sf)[first + c];
        through(&g, d_w, d_threshold);
    }
}

struct edges {
    float step, threshold, top;
};

WIDE_CODE static void let_pass(const struct edges *e, const float *x, const float *d_out,
                               float *d_in, int64_t n)
{
    const float step = e->step, threshold = e->threshold, top = e->top;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float z = (x[i] - threshold) / step;
        d_in[i] = z > -1.0f && z <= top ? d_out[i] : 0.0f;
    }
}

void c2s_activation_gradient(const struct c2s_layer *l, const float *x, const float *d_out,
                             float *d_in, int64_t n, struct c2s_activation_sums *sums)
{
    const float top = (float)((1 << l->attr.quantized_relu.bitwidth) - 1);
    float step, threshold;
    c2s_layer_activation_step(l, &step, &threshold);
    if (sums && l->attr.quantized_relu.kind == C2S_RELU_TRAINED) {
        double d_step = 0, d_threshold = 0;
        for (int64_t i = 0; i < n; i++) {
            float z = (x[i] - threshold) / step;
            bool passes = z > -1.0f && z <= top;
            float level = z <= 0.0f ? 0.0f : z > top ? top : ceilf(z);
            d_threshold -= passes ? (double)d_out[i] : 0.0;
            d_step += (double)d_out[i] * ((double)level - (passes ? (double)z : 0.0));
        }
        sums->threshold += d_threshold;
        sums->step += d_step * 16 / (1 << l->attr.quantized_relu.bitwidth);
    }
    if (d_in)
        let_pass(&(struct edges){step, threshold, top}, x, d_out, d_in, n);
}
