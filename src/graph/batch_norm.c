/* BatchNormalization as numbers per channel, and folding them into a kernel and its bias. */
#include "graph/batch_norm.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

static void copy_or_fill(float *to, const struct c2s_tensor *t, int64_t n, float fallback)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = t ? c2s_f32(t)[i] : fallback;
}

bool c2s_batch_norm_init(struct c2s_batch_norm *b, const struct c2s_layer *l, int64_t channels,
                         struct c2s_error *err)
{
    static const enum c2s_role roles[] = {C2S_GAMMA, C2S_BETA, C2S_MOVING_MEAN,
                                          C2S_MOVING_VARIANCE};
    *b = (struct c2s_batch_norm){.channels = channels};
    for (int i = 0; i < 4; i++)
        if (l->params[roles[i]] && c2s_tensor_count(l->params[roles[i]]) != channels)
            return c2s_fail(err, C2S_SHAPE,
                            "layer '%s' has a %s of another length than its %lld channels; load "
                            "the model again",
                            l->name, c2s_role_name(roles[i]), (long long)channels);
    b->sigma = c2s_calloc(4 * (size_t)channels, sizeof *b->sigma);
    if (!b->sigma)
        return c2s_fail_nomem(err);
    b->gamma = b->sigma + channels;
    b->beta = b->gamma + channels;
    b->mean = b->beta + channels;
    copy_or_fill(b->sigma, l->params[C2S_MOVING_VARIANCE], channels, 1);
    copy_or_fill(b->gamma, l->params[C2S_GAMMA], channels, 1);
    copy_or_fill(b->beta, l->params[C2S_BETA], channels, 0);
    copy_or_fill(b->mean, l->params[C2S_MOVING_MEAN], channels, 0);
    for (int64_t i = 0; i < channels; i++)
        b->sigma[i] = sqrtf(b->sigma[i] + l->attr.batch_norm.epsilon);
    return true;
}

void c2s_batch_norm_finish(struct c2s_batch_norm *b)
{
    c2s_free(b->sigma);
    memset(b, 0, sizeof *b);
}

float c2s_batch_norm_factor(const struct c2s_batch_norm *b, int64_t channel)
{
    return b->gamma[channel] / b->sigma[channel];
}

void c2s_batch_norm_fold(const struct c2s_batch_norm *b, struct c2s_tensor *kernel, float *bias)
{
    int64_t n = c2s_tensor_count(kernel);
    for (int64_t c = 0; c < b->channels; c++) {
        float k = c2s_batch_norm_factor(b, c);
        bias[c] = b->beta[c] + (bias[c] - b->mean[c]) * k;
        for (int64_t i = c; i < n; i += b->channels)
            c2s_f32(kernel)[i] *= k;
    }
}
