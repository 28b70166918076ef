/* Thresholds and activation steps of an Akida layer, to the last bit as cnn2snn's weights_ops.py
 * computes them with numpy < 2:
 *   - a Python float or numpy scalar does not widen a float32 array: alpha * delta is float32 when
 *     delta is one number per filter, float64 when it is one for all;
 *   - Keras' threshold and step are spread by numpy.ones, that is in float64, and so is everything
 *     they meet: T is float64 until its floor, act_step until its cast to float32;
 *   - the pooling factor multiplies act_step after that cast, in float32. */
#include <c2s/rules.h>

#include <math.h>

#include "akida/convert.h"
#include "base/alloc.h"

/* Sum of a filter's integers, for the input's shift; only InputConvolutional uses it. */
static int64_t filter_sum(const struct akida_neural *n, int filter)
{
    int64_t sum = 0;
    for (int64_t i = filter; i < c2s_tensor_count(n->integers); i += n->filters)
        sum += c2s_i8(n->integers)[i];
    return sum;
}

struct raw {
    double threshold;
    float step;
};

/* One layer's numbers in the units of its Keras layers. */
struct terms {
    const struct akida_neural *neural;
    const struct c2s_batch_norm *batch_norm; /* of rule 1.8; NULL when folded or absent */
    double alpha, shift, act_threshold, act_step;
    float pool_factor;
};

static struct raw compute(const struct terms *in, int i)
{
    const struct akida_neural *n = in->neural;
    double bias = (double)n->bias[i];
    double scaled =
        n->is_per_axis ? (double)((float)in->alpha * n->delta[i]) : in->alpha * (double)n->delta[0];
    struct raw r;
    if (!in->batch_norm) {
        r.threshold = scaled * (in->act_threshold - bias);
        r.step = (float)(scaled * in->act_step);
    } else {
        const struct c2s_batch_norm *b = in->batch_norm;
        float ratio = b->sigma[i] / b->gamma[i];
        r.threshold = scaled * ((double)ratio * (in->act_threshold - (double)b->beta[i]) +
                                (double)b->mean[i] - bias);
        /* A scalar meets the float32 array sigma here: float32 in both cases. */
        r.step = (float)((double)((float)scaled * b->sigma[i] / b->gamma[i]) * in->act_step);
    }
    r.threshold += in->shift != 0 ? (double)filter_sum(n, i) * in->shift : 0;
    r.threshold = floor(r.threshold * (double)in->pool_factor);
    r.step *= in->pool_factor;
    return r;
}

static bool store(int filter, struct raw r, struct c2s_akida_layer *out, bool *negate,
                  struct c2s_error *err)
{
    if (!isfinite(r.threshold) || !isfinite(r.step) || fabs(r.threshold) > INT32_MAX)
        return c2s_fail_rule(err, C2S_RANGE, "E038",
                             "filter %d gets the threshold %g and act_step %g", filter, r.threshold,
                             (double)r.step);
    negate[filter] = r.step < 0;
    c2s_i32(out->threshold)[filter] = (int32_t)(negate[filter] ? -r.threshold : r.threshold);
    c2s_f32(out->act_step)[filter] = negate[filter] ? -r.step : r.step;
    return true;
}

static void read_activation(const struct c2s_layer *l, struct terms *in)
{
    float step, threshold;
    c2s_layer_activation_step(l, &step, &threshold);
    in->act_threshold = (double)threshold;
    in->act_step = (double)step * exp2(l->attr.quantized_relu.bitwidth) / 16;
}

static float pool_factor(const struct c2s_model *m, const struct akida_block *b)
{
    if (b->pool < 0 || m->layers[b->pool]->op != C2S_OP_GLOBAL_AVERAGE_POOL)
        return 1;
    const struct c2s_layer *in = m->layers[m->layers[b->pool]->inputs[0]];
    return (float)(in->dims[0] * in->dims[1]);
}

bool akida_thresholds(const struct akida_threshold_inputs *from, struct c2s_akida_layer *out,
                      bool **negate, struct c2s_error *err)
{
    const struct c2s_model *m = from->m;
    const struct akida_block *b = from->block;
    struct c2s_batch_norm batch_norm = {0};
    struct terms in = {.neural = from->neural, .alpha = from->input.scale, .act_step = 1};
    int64_t filters = from->neural->filters;
    in.pool_factor = pool_factor(m, b);
    if (out->type == C2S_AKIDA_INPUT_CONVOLUTIONAL)
        in.shift = from->input.shift;
    if (b->activation >= 0)
        read_activation(m->layers[b->activation], &in);
    bool ok = true;
    if (b->batch_norm >= 0 && from->rule == C2S_CONVERT_18) {
        in.batch_norm = &batch_norm;
        ok = c2s_batch_norm_init(&batch_norm, m->layers[b->batch_norm], filters, err);
    }
    *negate = c2s_calloc((size_t)filters, sizeof **negate);
    out->threshold = ok ? c2s_tensor_create(C2S_I32, 1, &filters, err) : NULL;
    out->act_step = ok ? c2s_tensor_create(C2S_F32, 1, &filters, err) : NULL;
    if (ok && (!*negate || !out->threshold || !out->act_step))
        ok = c2s_fail_nomem(err);
    for (int i = 0; ok && i < filters; i++)
        ok = store(i, compute(&in, i), out, *negate, err);
    c2s_batch_norm_finish(&batch_norm);
    return ok || c2s_fail_at(err, "layer %s", m->layers[b->neural]->name);
}
