/* The parameters of a sketched model, drawn layer by layer from one generator. */
#include "sketch_numbers.h"

#include <math.h>

struct range {
    float centre, spread;
};

/* kernel: its spread in units of the one that keeps the variance. */
struct ranges {
    float kernel;
    struct range bias, gamma, beta, mean, variance, alpha;
};

static const struct ranges trained = {1,         {0, 0.1f}, {1, 0.3f},   {0, 0.1f},
                                      {0, 0.1f}, {1, 0.3f}, {0.2f, 0.1f}};
static const struct ranges wide = {3,      {0, 1},         {1.15f, 0.85f}, {0, 1},
                                   {0, 1}, {1.55f, 1.45f}, {0.25f, 0.15f}};

struct source {
    uint64_t state;
    const struct ranges *ranges;
};

static uint64_t seed_of(const char *text)
{
    uint64_t seed = 1469598103934665603ull; /* FNV-1a */
    for (; *text; text++)
        seed = (seed ^ (uint64_t)(unsigned char)*text) * 1099511628211ull;
    return seed;
}

static float draw(uint64_t *state) /* -1..1; xorshift64* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (float)((*state * 0x2545F4914F6CDD1Dull) >> 40) / (float)(1 << 23) - 1;
}

static bool give(struct c2s_layer *l, enum c2s_role role, struct c2s_tensor *t, struct range range,
                 struct source *source)
{
    if (!t)
        return false;
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        c2s_f32(t)[i] = range.centre + range.spread * draw(&source->state);
    c2s_layer_set_param(l, role, t);
    return true;
}

static bool give_kernel(struct c2s_layer *l, enum c2s_role role, const int64_t dims[4],
                        int64_t fan_in, struct source *source, struct c2s_error *err)
{
    bool is_dense = l->op == C2S_OP_DENSE;
    float spread = sqrtf(3.0f / (float)fan_in) * source->ranges->kernel;
    return give(l, role, c2s_tensor_create(C2S_F32, is_dense ? 2 : 4, dims, err),
                (struct range){0, spread}, source);
}

static bool give_vector(struct c2s_layer *l, enum c2s_role role, int64_t n, struct range range,
                        struct source *source, struct c2s_error *err)
{
    return give(l, role, c2s_tensor_create(C2S_F32, 1, &n, err), range, source);
}

static bool give_norm(struct c2s_layer *l, struct source *source, struct c2s_error *err)
{
    const struct ranges *r = source->ranges;
    int axis = l->attr.batch_norm.axis;
    int64_t n = l->rank == 0 ? 1 : l->dims[axis == -1 ? l->rank - 1 : axis - 1];
    return give_vector(l, C2S_GAMMA, n, r->gamma, source, err) &&
           give_vector(l, C2S_BETA, n, r->beta, source, err) &&
           give_vector(l, C2S_MOVING_MEAN, n, r->mean, source, err) &&
           give_vector(l, C2S_MOVING_VARIANCE, n, r->variance, source, err);
}

static bool give_layer(struct c2s_layer *l, const struct c2s_layer *in, struct source *source,
                       struct c2s_error *err)
{
    int64_t ci = in->rank > 0 ? in->dims[in->rank - 1] : 1;
    int64_t co = l->rank > 0 ? l->dims[l->rank - 1] : 1;
    const struct c2s_conv_attr *a = &l->attr.conv;
    int64_t kh = a->kernel[0], kw = a->kernel[1], m = a->depth_multiplier;
    bool has_bias = l->op == C2S_OP_DENSE ? l->attr.dense.use_bias : a->use_bias;
    bool ok = true;
    switch (l->op) {
    case C2S_OP_CONV2D:
        ok = give_kernel(l, C2S_KERNEL, (int64_t[]){kh, kw, ci / a->groups, co}, kh * kw * ci,
                         source, err);
        break;
    case C2S_OP_DEPTHWISE_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
        ok = give_kernel(l, C2S_DEPTHWISE_KERNEL, (int64_t[]){kh, kw, ci, m}, kh * kw, source,
                         err) &&
             (l->op == C2S_OP_DEPTHWISE_CONV2D ||
              give_kernel(l, C2S_POINTWISE_KERNEL, (int64_t[]){1, 1, ci * m, co}, ci * m, source,
                          err));
        break;
    case C2S_OP_DENSE:
        ok = give_kernel(l, C2S_KERNEL, (int64_t[]){ci, co, 1, 1}, ci, source, err);
        break;
    case C2S_OP_BATCH_NORM:
        return give_norm(l, source, err);
    case C2S_OP_PRELU:
        return give(l, C2S_ALPHA, c2s_tensor_create(C2S_F32, in->rank, in->dims, err),
                    source->ranges->alpha, source);
    default:
        return true;
    }
    return ok && (!has_bias || give_vector(l, C2S_BIAS, co, source->ranges->bias, source, err));
}

bool sketch_give_numbers(struct c2s_model *m, const struct sketch_numbers *numbers,
                         struct c2s_error *err)
{
    struct source source = {seed_of(numbers->seed), numbers->are_wide ? &wide : &trained};
    bool ok = true;
    for (int i = 0; ok && i < m->n_layers; i++) {
        struct c2s_layer *l = m->layers[i];
        ok = l->n_inputs == 0 || give_layer(l, m->layers[l->inputs[0]], &source, err);
    }
    return ok;
}
