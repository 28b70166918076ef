/* Batch normalization forward and back, in double.
 * Training: y = gamma * n + beta, n = (x - mean) / sqrt(variance + epsilon) with mean and variance
 * of the batch, through which the gradient flows as well:
 *   dx = gamma / sqrt(variance + epsilon) * (dy - mean(dy) - n * mean(dy * n))
 * Frozen: moving mean and variance, which are constants. */
#include <math.h>

#include "base/alloc.h"
#include "engine/ref_train.h"

/* saved: mean and variance of the batch (or the moving ones) per channel. */
static int64_t count_saved(const struct ref_train *t, int layer)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    (void)t;
    return 2 * l->dims[l->rank - 1];
}

static double gamma_of(const struct c2s_layer *l, int64_t channel)
{
    return l->attr.batch_norm.scale ? (double)c2s_f32(l->params[C2S_GAMMA])[channel] : 1;
}

static void find_statistics(struct ref_train *t, int layer, int64_t channels)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    const double *x = ref_train_in(t, layer, 0);
    double *mean = t->saved[layer], *variance = mean + channels;
    int64_t n = ref_train_count(t, layer);
    double rows = (double)(n / channels);
    if (!gradient_uses_batch(t->g, layer)) {
        for (int64_t c = 0; c < channels; c++) {
            mean[c] = (double)c2s_f32(l->params[C2S_MOVING_MEAN])[c];
            variance[c] = (double)c2s_f32(l->params[C2S_MOVING_VARIANCE])[c];
        }
        return;
    }
    for (int64_t i = 0; i < n; i++)
        mean[i % channels] += x[i] / rows;
    for (int64_t i = 0; i < n; i++)
        variance[i % channels] += (x[i] - mean[i % channels]) * (x[i] - mean[i % channels]) / rows;
}

static void forward(struct ref_train *t, int layer)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    const double *x = ref_train_in(t, layer, 0);
    int64_t channels = l->dims[l->rank - 1], n = ref_train_count(t, layer);
    find_statistics(t, layer, channels);
    for (int64_t i = 0; i < n; i++) {
        int64_t c = i % channels;
        double deviation = sqrt(t->saved[layer][channels + c] + (double)l->attr.batch_norm.epsilon);
        t->values[layer][i] = (x[i] - t->saved[layer][c]) / deviation * gamma_of(l, c);
        if (l->attr.batch_norm.center)
            t->values[layer][i] += (double)c2s_f32(l->params[C2S_BETA])[c];
    }
}

/* The normalized input n of the header's formula. */
static double normalized(const struct ref_train *t, int layer, int64_t i, int64_t channels)
{
    const double *saved = t->saved[layer];
    double epsilon = (double)ref_train_layer(t, layer)->attr.batch_norm.epsilon;
    return (ref_train_in(t, layer, 0)[i] - saved[i % channels]) /
           sqrt(saved[channels + i % channels] + epsilon);
}

static void to_input(struct ref_train *t, int layer, const double *d_beta, const double *d_gamma)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    int64_t channels = l->dims[l->rank - 1], n = ref_train_count(t, layer);
    double rows = (double)(n / channels), *dx = ref_train_d_in(t, layer, 0);
    for (int64_t i = 0; dx && i < n; i++) {
        int64_t c = i % channels;
        double deviation = sqrt(t->saved[layer][channels + c] + (double)l->attr.batch_norm.epsilon);
        double d = t->slopes[layer][i];
        if (gradient_uses_batch(t->g, layer))
            d -= d_beta[c] / rows + normalized(t, layer, i, channels) * d_gamma[c] / rows;
        dx[i] += d * gamma_of(l, c) / deviation;
    }
}

static bool backward(struct ref_train *t, int layer, struct c2s_error *err)
{
    const struct c2s_layer *l = ref_train_layer(t, layer);
    int64_t channels = l->dims[l->rank - 1], n = ref_train_count(t, layer);
    double *d_beta = c2s_calloc((size_t)channels, sizeof *d_beta);
    double *d_gamma = c2s_calloc((size_t)channels, sizeof *d_gamma);
    if (!d_beta || !d_gamma) {
        c2s_free(d_beta);
        c2s_free(d_gamma);
        return c2s_fail_nomem(err);
    }
    for (int64_t i = 0; i < n; i++) {
        d_beta[i % channels] += t->slopes[layer][i];
        d_gamma[i % channels] += t->slopes[layer][i] * normalized(t, layer, i, channels);
    }
    to_input(t, layer, d_beta, d_gamma);
    bool ok = ref_train_add(t, layer, C2S_BETA, d_beta, channels, err);
    if (ok)
        return ref_train_add(t, layer, C2S_GAMMA, d_gamma, channels, err);
    c2s_free(d_gamma);
    return false;
}

const struct ref_train_op ref_train_batch_norm = {
    .forward = forward, .backward = backward, .count_saved = count_saved};
