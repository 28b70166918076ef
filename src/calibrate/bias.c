/* Bias correction: the mean error of a quantized layer goes into its bias. */
#include <c2s/histogram.h>
#include <c2s/quantize.h>
#include <math.h>

#include "base/alloc.h"
#include "calibrate/calibrate.h"

/* What the outputs of one layer and of its reference say, over all data. */
struct error_sums {
    int64_t channels, n;                 /* n values in each */
    double *error, *reference, *squares; /* [channels]: sums of (reference - layer), of reference
                                            and of its square; one allocation, owned by error */
    double error_squares, reference_squares; /* over all channels */
};

static bool sums_init(struct error_sums *s, int64_t channels, struct c2s_error *err)
{
    *s = (struct error_sums){.channels = channels};
    s->error = c2s_calloc((size_t)channels * 3, sizeof *s->error);
    if (!s->error)
        return c2s_fail_nomem(err);
    s->reference = s->error + channels;
    s->squares = s->reference + channels;
    return true;
}

static bool add_batch(void *arg, struct c2s_tensor *const outputs[2], struct c2s_error *err)
{
    struct error_sums *s = arg;
    const float *y = c2s_f32(outputs[0]), *reference = c2s_f32(outputs[1]);
    int64_t n = c2s_tensor_count(outputs[0]);
    if (!c2s_tensor_same_shape(outputs[0], outputs[1]))
        return c2s_fail(err, C2S_STATE,
                        "the reference's outputs have another shape; choose a version that this "
                        "one was made from");
    for (int64_t i = 0; i < n; i++) {
        int64_t k = i % s->channels;
        double r = (double)reference[i], e = r - (double)y[i];
        s->error[k] += e;
        s->reference[k] += r;
        s->squares[k] += r * r;
        s->error_squares += e * e;
        s->reference_squares += r * r;
    }
    s->n += n / s->channels;
    return isfinite(s->error_squares) ||
           c2s_fail(err, C2S_RANGE, "it gives NaN or infinity on this data");
}

/* The mean of the error leaves its square: the rest is its variance. */
static void describe(struct c2s_calibrated_layer *row, const struct error_sums *s)
{
    double n = (double)s->n, left = s->error_squares;
    row->shift = 0;
    for (int64_t k = 0; k < s->channels; k++) {
        double error = s->error[k] / n, mean = s->reference[k] / n;
        double variance = s->squares[k] / n - mean * mean;
        if (variance > 0)
            row->shift = fmax(row->shift, fabs(error) / sqrt(variance));
        left -= n * error * error;
    }
    row->sqnr_before = c2s_sqnr_of(s->reference_squares, s->error_squares);
    row->sqnr_after = c2s_sqnr_of(s->reference_squares, left);
}

static bool set_bias(struct c2s_layer *l, const struct error_sums *s, struct c2s_error *err)
{
    struct c2s_tensor *bias = l->params[C2S_BIAS]
                                  ? c2s_tensor_clone(l->params[C2S_BIAS], err)
                                  : c2s_tensor_create(C2S_F32, 1, &s->channels, err);
    if (!bias)
        return false;
    for (int64_t k = 0; k < s->channels; k++)
        c2s_f32(bias)[k] = (float)((double)c2s_f32(bias)[k] + s->error[k] / (double)s->n);
    c2s_layer_set_bias(l, bias);
    return true;
}

static bool compare(struct calibration *c, int layer, const struct c2s_model *reference,
                    int reference_layer, struct error_sums *s, struct c2s_error *err)
{
    struct c2s_model *front = calibrate_truncated(c->model, layer, err);
    struct c2s_model *other = front ? calibrate_truncated(reference, reference_layer, err) : NULL;
    struct pass p = {.models = {front, other}, .batch = add_batch, .arg = s};
    bool ok = other && calibrate_pass(c, &p, err);
    c2s_model_destroy(front);
    c2s_model_destroy(other);
    return ok;
}

static bool correct(struct calibration *c, int layer, const struct c2s_model *reference,
                    int reference_layer, struct c2s_error *err)
{
    struct c2s_layer *l = c->model->layers[layer];
    struct c2s_calibrated_layer *row = calibrate_row(c, l);
    struct error_sums s;
    if (!sums_init(&s, l->dims[l->rank - 1], err))
        return false;
    bool ok = compare(c, layer, reference, reference_layer, &s, err) ||
              c2s_fail_at(err, "layer %s", l->name);
    if (ok)
        describe(row, &s);
    if (ok && s.error_squares == 0)
        calibrate_skip(c, row, "it gives what the reference gives");
    else if (ok)
        ok = set_bias(l, &s, err);
    c2s_free(s.error);
    return ok;
}

/* Why a layer's bias is not corrected; NULL = it is. */
static const char *obstacle(const struct c2s_layer *l, int reference_layer)
{
    if (c2s_layer_function(l) != C2S_FN_LINEAR)
        return "it has an activation of its own, through which a bias does not pass";
    if (l->op == C2S_OP_DEPTHWISE_CONV2D && !l->params[C2S_BIAS])
        return "it has no bias, and must not get one; the layer behind it is corrected";
    return reference_layer < 0 ? "the reference has no layer of that name" : NULL;
}

static bool is_named(const struct calibration *c, const struct c2s_layer *l)
{
    return c2s_layer_is_neural(l) && calibrate_names(c, l);
}

static bool correct_all(struct calibration *c, const struct c2s_model *reference,
                        struct c2s_error *err)
{
    c->n_passes = 1;
    for (int i = 0; i < c->model->n_layers; i++)
        c->n_passes += is_named(c, c->model->layers[i]);
    for (int i = 0; i < c->model->n_layers; i++) {
        const struct c2s_layer *l = c->model->layers[i];
        if (!is_named(c, l))
            continue;
        int there = c2s_model_find(reference, l->name);
        const char *why = obstacle(l, there);
        if (why)
            calibrate_skip(c, calibrate_row(c, l), "%s", why);
        else if (!correct(c, i, reference, there, err))
            return false;
    }
    return true;
}

static int count_norms(const struct c2s_model *m)
{
    int n = 0;
    for (int i = 0; i < m->n_layers; i++)
        n += m->layers[i]->op == C2S_OP_BATCH_NORM;
    return n;
}

bool calibrate_bias(struct calibration *c, struct c2s_error *err)
{
    if (!c->request->reference || !c2s_model_is_quantized(c->model))
        return c2s_fail(err, C2S_STATE,
                        "nothing is quantized in this model, so there is no error to correct; "
                        "quantize it first");
    struct c2s_model *reference = c2s_model_clone(c->request->reference, err);
    bool ok = reference != NULL;
    /* A layer's output stands for the normalized one once the normalization is folded. */
    if (ok && count_norms(reference) > count_norms(c->model))
        ok = c2s_model_swap_batch_norm_and_pool(reference, NULL, err) &&
             c2s_model_fold_batch_norm(reference, true, NULL, err);
    ok = ok && correct_all(c, reference, err);
    c2s_model_destroy(reference);
    return ok;
}
