/* What the two gradient engines share: the training they serve, the weights a layer computes with
 * and the way back through their quantizers, and the parts whose numbers must not depend on the
 * engine. */
#ifndef C2S_ENGINE_GRADIENT_ENGINE_H
#define C2S_ENGINE_GRADIENT_ENGINE_H

#include <c2s/gradient.h>

#include "engine/engines.h"

struct gradient_ops {
    const char *name;
    /* Makes g->state, which begins as NULL. Fails: UNSUPPORTED (names layer and class), NOMEM. */
    bool (*prepare)(struct c2s_gradients *g, struct c2s_error *err);
    /* The whole of c2s_gradients_compute: x is checked, gradients are those of the last batch, the
     * model's weights are what the optimizer made of them (quantize them again). Order of work:
     * gradient_clear, forward, loss, backward with gradient_add, gradient_check, and
     * gradient_move_statistics last, when nothing can fail. */
    bool (*compute)(struct c2s_gradients *g, const struct c2s_tensor *x, int64_t step,
                    const struct c2s_batch_loss *loss, struct c2s_loss_sum *sum,
                    struct c2s_error *err);
    void (*finish)(struct c2s_gradients *g); /* accepts a half-prepared one */
};
extern const struct gradient_ops gradient_ref;  /* ref_gradient.c */
extern const struct gradient_ops gradient_dnnl; /* dnnl_backward.c */

struct c2s_gradients {
    const struct gradient_ops *ops;
    struct c2s_model *model; /* borrowed */
    struct c2s_gradients_options options;
    bool *is_frozen;  /* owned [n_layers] */
    double *momentum; /* owned [n_layers], of batch normalizations */
    int *slots;       /* owned [n_layers * C2S_ROLE_COUNT]: parameter of a layer's role, or -1 */
    struct c2s_parameter *parameters; /* owned, and their gradients */
    int n_parameters;
    void *state; /* the engine's */
};

/* Whether a layer's role is trained: its gradient is worth computing. */
static inline bool gradient_wants(const struct c2s_gradients *g, int layer, enum c2s_role role)
{
    return g->slots[layer * C2S_ROLE_COUNT + role] >= 0;
}

/* Whether the gradient of layer i's output is worth computing: [n_layers] is true where the layer
 * or one in front of it has a trained parameter. */
void gradient_needed(const struct c2s_gradients *g, bool *is_needed);

/* The function a layer applies, or LINEAR when the loss takes logits and this is the softmax or
 * sigmoid at the model's end. */
enum c2s_function gradient_function(const struct c2s_gradients *g, int layer,
                                    const struct c2s_batch_loss *loss);

/* Adds d, of the parameter's shape, to the gradient of a layer's role; a kernel's d is that of the
 * effective (fake-quantized) one and goes through the quantizer here, to the weights and to a
 * trained threshold. Does nothing when the role is not trained. Fails: NOMEM. */
bool gradient_add(struct c2s_gradients *g, int layer, enum c2s_role role, const float *d,
                  struct c2s_error *err) C2S_MUST_CHECK;

/* Parameter i: its gradient becomes zero; or fails as gradient_fail_not_finite when it holds NaN or
 * infinity. */
void gradient_clear(struct c2s_gradients *g, int i);
bool gradient_check(const struct c2s_gradients *g, int i, int64_t step,
                    struct c2s_error *err) C2S_MUST_CHECK;

/* Dropout: what the number at `place` of the whole batch's tensor is multiplied by: 0 or
 * 1 / (1 - rate). The key comes from seed, step and layer. */
uint64_t gradient_dropout_key(const struct c2s_gradients *g, int64_t step, int layer);
static inline float gradient_dropout(uint64_t key, int64_t place, float rate)
{
    /* splitmix64 (Steele, Lea, Flood 2014) as a hash of the place */
    uint64_t z = key + 0x9e3779b97f4a7c15u * ((uint64_t)place + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (float)(z >> 40) * 0x1p-24f >= rate ? 1.0f / (1.0f - rate) : 0.0f;
}

/* Batch normalization in training: whether it uses the batch's statistics. */
bool gradient_uses_batch(const struct c2s_gradients *g, int layer);
/* Moves a layer's moving mean and variance towards the batch's: mean and population variance over
 * n numbers per channel. As Keras 2.10: the fused kernel (images) takes n / (n - 1) times the
 * variance, the other one (vectors) the variance itself. */
void gradient_move_statistics(struct c2s_gradients *g, int layer, const double *mean,
                              const double *variance, int64_t n);

/* Fails with RANGE and the layer's name when a value of the layer is NaN or infinite; what is
 * "output" or "gradient". */
bool gradient_fail_not_finite(const struct c2s_gradients *g, int layer, const char *what,
                              int64_t step, struct c2s_error *err);

#endif
