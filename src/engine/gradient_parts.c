/* Parts of training whose numbers must not depend on the engine: gradients of parameters on their
 * way to the master weights, masks of Dropout, moving statistics. */
#include "engine/gradient_engine.h"

#include <string.h>

#include <c2s/quantizer.h>

#include "base/alloc.h"
#include "engine/fast_backward.h"

void gradient_needed(const struct c2s_gradients *g, bool *is_needed)
{
    for (int i = 0; i < g->model->n_layers; i++) {
        const struct c2s_layer *l = g->model->layers[i];
        is_needed[i] = false;
        for (int role = 0; role < C2S_ROLE_COUNT; role++)
            is_needed[i] = is_needed[i] || gradient_wants(g, i, (enum c2s_role)role);
        for (int k = 0; k < l->n_inputs; k++)
            is_needed[i] = is_needed[i] || is_needed[l->inputs[k]];
    }
}

enum c2s_function gradient_function(const struct c2s_gradients *g, int layer,
                                    const struct c2s_batch_loss *loss)
{
    enum c2s_function f = c2s_layer_function(g->model->layers[layer]);
    bool is_head = f == C2S_FN_SOFTMAX || f == C2S_FN_SIGMOID;
    return loss->takes_logits && is_head && layer == g->model->outputs[0] ? C2S_FN_LINEAR : f;
}

static void add(struct c2s_tensor *sum, const float *d)
{
    int64_t n = c2s_tensor_count(sum);
    for (int64_t i = 0; i < n; i++)
        c2s_f32(sum)[i] += d[i];
}

/* d is of the fake-quantized kernel. */
static bool add_through_quantizer(struct c2s_gradients *g, int layer, enum c2s_role role,
                                  const float *d, struct c2s_error *err)
{
    const struct c2s_layer *l = g->model->layers[layer];
    const int *slots = g->slots + layer * C2S_ROLE_COUNT;
    const struct c2s_quantizer_spec *spec = c2s_layer_quantizer(l, role);
    const struct c2s_tensor *w = l->params[role], *threshold = c2s_layer_threshold(l, role);
    struct c2s_tensor *sf = NULL, *d_w = c2s_tensor_create(C2S_F32, w->rank, w->dims, err);
    double d_threshold = 0;
    bool ok = d_w && c2s_quantizer_scale(spec, w, threshold, &sf, err);
    if (ok) {
        c2s_quantizer_gradient(&(struct c2s_fake_weights){spec, w, threshold, sf}, d, c2s_f32(d_w),
                               &d_threshold);
        if (slots[role] >= 0)
            add(g->parameters[slots[role]].gradient, c2s_f32(d_w));
        int slot = slots[c2s_threshold_role(l, role)];
        if (threshold && slot >= 0)
            *c2s_f32(g->parameters[slot].gradient) += (float)d_threshold;
    }
    c2s_tensor_unref(sf);
    c2s_tensor_unref(d_w);
    return ok || c2s_fail_at(err, "layer %s", l->name);
}

bool gradient_add(struct c2s_gradients *g, int layer, enum c2s_role role, const float *d,
                  struct c2s_error *err)
{
    const struct c2s_quantizer_spec *spec = c2s_layer_quantizer(g->model->layers[layer], role);
    if (spec && spec->id != C2S_QUANTIZER_NONE)
        return add_through_quantizer(g, layer, role, d, err);
    if (gradient_wants(g, layer, role))
        add(g->parameters[g->slots[layer * C2S_ROLE_COUNT + role]].gradient, d);
    return true;
}

void gradient_clear(struct c2s_gradients *g, int i)
{
    struct c2s_tensor *t = g->parameters[i].gradient;
    memset(t->data, 0, c2s_tensor_bytes(t));
}

bool gradient_check(const struct c2s_gradients *g, int i, int64_t step, struct c2s_error *err)
{
    const struct c2s_parameter *p = &g->parameters[i];
    return fast_is_finite(c2s_f32(p->gradient), c2s_tensor_count(p->gradient)) ||
           gradient_fail_not_finite(g, p->layer, "gradient", step, err);
}

uint64_t gradient_dropout_key(const struct c2s_gradients *g, int64_t step, int layer)
{
    uint64_t key = g->options.seed;
    const uint64_t parts[] = {(uint64_t)step, (uint64_t)layer};
    for (int i = 0; i < 2; i++) { /* as gradient_dropout, one part after the other */
        key += 0x9e3779b97f4a7c15u * (parts[i] + 1);
        key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
        key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
        key ^= key >> 31;
    }
    return key;
}

bool gradient_uses_batch(const struct c2s_gradients *g, int layer)
{
    return !g->is_frozen[layer];
}

/* float32 in the order of TensorFlow 2.10: FusedBatchNormV3 (keeping, then adding) for images,
 * Keras' moving average (subtracting a share of the difference) for vectors. */
void gradient_move_statistics(struct c2s_gradients *g, int layer, const double *mean,
                              const double *variance, int64_t n)
{
    const struct c2s_layer *l = g->model->layers[layer];
    bool is_fused = l->rank == 3 || l->rank == 4;
    double bessel = is_fused && n > 1 ? (double)n / (double)(n - 1) : 1;
    float share = (float)(1 - g->momentum[layer]);
    float *moving[] = {c2s_f32(l->params[C2S_MOVING_MEAN]),
                       c2s_f32(l->params[C2S_MOVING_VARIANCE])};
    for (int64_t c = 0; c < l->dims[l->rank - 1]; c++)
        for (int k = 0; k < 2; k++) {
            float value = (float)(k ? variance[c] * bessel : mean[c]);
            float old = moving[k][c];
            moving[k][c] =
                is_fused ? (1.0f - share) * old + share * value : old - (old - value) * share;
        }
}

bool gradient_fail_not_finite(const struct c2s_gradients *g, int layer, const char *what,
                              int64_t step, struct c2s_error *err)
{
    const struct c2s_layer *l = g->model->layers[layer];
    return c2s_fail(err, C2S_RANGE,
                    "the %s of layer '%s' (%s) is NaN or infinite at step %lld; try a smaller "
                    "learning rate",
                    what, l->name, l->class_name, (long long)step);
}
