/* Batch normalization re-estimated: moving mean and variance become those of the data. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "calibrate/calibrate.h"

/* Mean and sum of squared distances from it, per channel (the last axis). */
struct moments {
    int64_t channels, n; /* n values in each */
    double *mean, *squares;
    double *batch_mean, *batch_squares; /* all four [channels], one allocation, owned by mean */
};

static bool moments_init(struct moments *m, int64_t channels, struct c2s_error *err)
{
    *m = (struct moments){.channels = channels};
    m->mean = c2s_calloc((size_t)channels * 4, sizeof *m->mean);
    if (!m->mean)
        return c2s_fail_nomem(err);
    m->squares = m->mean + channels;
    m->batch_mean = m->squares + channels;
    m->batch_squares = m->batch_mean + channels;
    return true;
}

static void moments_of_batch(struct moments *m, const float *x, int64_t rows)
{
    int64_t channels = m->channels;
    memset(m->batch_mean, 0, sizeof *m->batch_mean * (size_t)channels * 2);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < channels; k++)
            m->batch_mean[k] += x[i * channels + k];
    for (int64_t k = 0; k < channels; k++)
        m->batch_mean[k] /= (double)rows;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < channels; k++) {
            double apart = x[i * channels + k] - m->batch_mean[k];
            m->batch_squares[k] += apart * apart;
        }
}

/* Two looks at a batch, then merged with what was before (Chan, Golub and LeVeque 1979). */
static bool add_batch(void *arg, struct c2s_tensor *const outputs[2], struct c2s_error *err)
{
    struct moments *m = arg;
    (void)err;
    int64_t rows = c2s_tensor_count(outputs[0]) / m->channels;
    moments_of_batch(m, c2s_f32(outputs[0]), rows);
    double n = (double)(m->n + rows), share = (double)rows / n;
    for (int64_t k = 0; k < m->channels; k++) {
        double apart = m->batch_mean[k] - m->mean[k];
        m->squares[k] += m->batch_squares[k] + apart * apart * share * (double)m->n;
        m->mean[k] += apart * share;
    }
    m->n += rows;
    return true;
}

static bool measure(struct calibration *c, int layer, struct moments *m, struct c2s_error *err)
{
    struct c2s_model *front = calibrate_truncated(c->model, layer, err);
    struct pass p = {.models = {front}, .batch = add_batch, .arg = m};
    bool ok = front && calibrate_pass(c, &p, err);
    c2s_model_destroy(front);
    return ok;
}

static void describe(struct c2s_calibrated_layer *row, const struct c2s_layer *bn,
                     const struct moments *m)
{
    const float *mean = c2s_f32(bn->params[C2S_MOVING_MEAN]);
    const float *variance = c2s_f32(bn->params[C2S_MOVING_VARIANCE]);
    double epsilon = (double)bn->attr.batch_norm.epsilon;
    row->shift = 0;
    row->low = INFINITY;
    row->high = 0;
    for (int64_t k = 0; k < m->channels; k++) {
        double old = (double)variance[k] + epsilon;
        double ratio = (m->squares[k] / (double)m->n + epsilon) / old;
        row->shift = fmax(row->shift, fabs(m->mean[k] - (double)mean[k]) / sqrt(old));
        row->low = fmin(row->low, ratio);
        row->high = fmax(row->high, ratio);
    }
}

static bool set_moments(struct c2s_layer *bn, const struct moments *m, struct c2s_error *err)
{
    struct c2s_tensor *mean = c2s_tensor_create(C2S_F32, 1, &m->channels, err);
    struct c2s_tensor *variance = mean ? c2s_tensor_create(C2S_F32, 1, &m->channels, err) : NULL;
    if (!variance) {
        c2s_tensor_unref(mean);
        return false;
    }
    for (int64_t k = 0; k < m->channels; k++) {
        c2s_f32(mean)[k] = (float)m->mean[k];
        c2s_f32(variance)[k] = (float)(m->squares[k] / (double)m->n);
    }
    c2s_layer_set_param(bn, C2S_MOVING_MEAN, mean);
    c2s_layer_set_param(bn, C2S_MOVING_VARIANCE, variance);
    return true;
}

static bool is_finite(const struct moments *m, const struct c2s_layer *bn, struct c2s_error *err)
{
    for (int64_t k = 0; k < m->channels; k++)
        if (!isfinite(m->mean[k]) || !isfinite(m->squares[k]))
            return c2s_fail(err, C2S_RANGE,
                            "batch normalization '%s' gets NaN or infinity on this data; look at "
                            "the weights in front of it and at the scale of the data",
                            bn->name);
    return true;
}

static bool estimate(struct calibration *c, int index, struct c2s_calibrated_layer *row,
                     struct c2s_error *err)
{
    struct c2s_layer *bn = c->model->layers[index];
    struct moments m;
    if (!moments_init(&m, c2s_tensor_count(bn->params[C2S_MOVING_MEAN]), err))
        return false;
    bool ok = measure(c, bn->inputs[0], &m, err) && is_finite(&m, bn, err);
    if (ok) {
        describe(row, bn, &m);
        ok = set_moments(bn, &m, err);
    }
    c2s_free(m.mean);
    return ok;
}

static bool works_on_channels(const struct c2s_model *m, const struct c2s_layer *bn)
{
    int axis = bn->attr.batch_norm.axis;
    return axis == -1 || axis == m->layers[bn->inputs[0]]->rank;
}

static bool is_named(const struct calibration *c, const struct c2s_layer *l)
{
    return l->op == C2S_OP_BATCH_NORM && calibrate_names(c, l);
}

bool calibrate_batch_norm(struct calibration *c, struct c2s_error *err)
{
    c->n_passes = 1;
    for (int i = 0; i < c->model->n_layers; i++)
        c->n_passes += is_named(c, c->model->layers[i]);
    for (int i = 0; i < c->model->n_layers; i++) {
        const struct c2s_layer *l = c->model->layers[i];
        if (!is_named(c, l))
            continue;
        struct c2s_calibrated_layer *row = calibrate_row(c, l);
        if (!works_on_channels(c->model, l))
            calibrate_skip(c, row, "it normalizes axis %d, not the channels",
                           l->attr.batch_norm.axis);
        else if (!l->params[C2S_MOVING_MEAN] || !l->params[C2S_MOVING_VARIANCE])
            calibrate_skip(c, row, "it has no moving mean and variance");
        else if (!estimate(c, i, row, err))
            return false;
    }
    return true;
}
