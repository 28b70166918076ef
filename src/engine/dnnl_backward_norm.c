/* Batch normalization in training. With d = x - mean over the N numbers of a channel:
 *   y  = gamma * d / s + beta, s = sqrt(variance + epsilon)
 *   dx = gamma / s * (dy - sum(dy) / N - d / s^2 * sum(dy * d) / N)
 *   dgamma = sum(dy * d) / s, dbeta = sum(dy)
 * Statistics are summed over x minus the moving mean, which is close to the mean: the variance as a
 * difference of sums then loses nothing. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/dnnl_backward.h"

/* Of each channel. */
struct numbers {
    double *mean, *variance;       /* of the batch */
    float *shift;                  /* the moving mean */
    float *mean_f, *factor, *beta; /* y = (x - mean) * factor + beta */
    float *slope, *offset;         /* dx = factor * dy + slope * (x - mean) + offset */
};

static struct numbers numbers_of(const struct backward_layer *l)
{
    int64_t n = l->layer->dims[l->layer->rank - 1];
    struct numbers v = {.mean = l->numbers, .variance = l->numbers + n};
    v.shift = (float *)(l->numbers + 2 * n);
    v.mean_f = v.shift + n;
    v.factor = v.shift + 2 * n;
    v.beta = v.shift + 3 * n;
    v.slope = v.shift + 4 * n;
    v.offset = v.shift + 5 * n;
    return v;
}

static int64_t channels_of(const struct backward_layer *l)
{
    return l->layer->dims[l->layer->rank - 1];
}

bool backward_norm_init(struct backward_layer *l, struct c2s_error *err)
{
    l->numbers = c2s_calloc((size_t)channels_of(l) * 5, sizeof *l->numbers);
    return l->numbers || c2s_fail_nomem(err);
}

static int64_t rows_of(const struct backward_layer *l, int64_t samples)
{
    return samples * (backward_count(l->layer) / channels_of(l));
}

void backward_norm_begin(const struct backward_layer *l)
{
    memcpy(numbers_of(l).shift, l->layer->params[C2S_MOVING_MEAN]->data,
           sizeof(float) * (size_t)channels_of(l));
}

/* Sums of a group: x, its square, dy, dy * d. */
bool backward_norm_statistics(const struct backward_piece *p, const struct backward_layer *l,
                              struct c2s_error *err)
{
    int64_t n = channels_of(l);
    double *sums = backward_sums(p, l);
    (void)err;
    fast_sum_moments(backward_input(p, l), numbers_of(l).shift, rows_of(l, p->n), n, sums,
                     sums + n);
    return true;
}

/* Sum number `which` of a channel over all groups. */
static double total(const struct backward *b, const struct backward_layer *l, int which,
                    int64_t channel)
{
    double sum = 0;
    size_t at = l->first_sum + (size_t)(which * channels_of(l) + channel);
    for (int g = 0; g < b->n_groups; g++)
        sum += b->doubles[(size_t)g * b->n_doubles + at];
    return sum;
}

void backward_norm_end_statistics(const struct backward *b, const struct backward_layer *l)
{
    const struct c2s_batch_norm_attr *a = &l->layer->attr.batch_norm;
    struct numbers v = numbers_of(l);
    double n = (double)rows_of(l, b->batch);
    for (int64_t c = 0; c < channels_of(l); c++) {
        double mean = total(b, l, 0, c) / n, square = total(b, l, 1, c) / n;
        v.mean[c] = mean + (double)v.shift[c];
        v.variance[c] = fmax(square - mean * mean, 0);
        double gamma = a->scale ? (double)c2s_f32(l->layer->params[C2S_GAMMA])[c] : 1;
        v.mean_f[c] = (float)v.mean[c];
        v.factor[c] = (float)(gamma / sqrt(v.variance[c] + (double)a->epsilon));
        v.beta[c] = a->center ? c2s_f32(l->layer->params[C2S_BETA])[c] : 0.0f;
    }
}

bool backward_norm_forward(const struct backward_piece *p, const struct backward_layer *l,
                           struct c2s_error *err)
{
    struct numbers v = numbers_of(l);
    struct fast_map map = {.kind = FAST_NORMALIZE,
                           .channels = channels_of(l),
                           .mean = v.mean_f,
                           .factor = v.factor,
                           .beta = v.beta};
    (void)err;
    fast_map_run(&map, backward_input(p, l), backward_part(p, BACKWARD_DATA, l->index),
                 p->b->piece * backward_count(l->layer));
    return true;
}

bool backward_norm_sums(const struct backward_piece *p, const struct backward_layer *l,
                        struct c2s_error *err)
{
    int64_t n = channels_of(l);
    double *sums = backward_sums(p, l) + 2 * n;
    (void)err;
    fast_sum_products(&(struct fast_product){backward_part(p, BACKWARD_GRADIENT, l->index),
                                             backward_input(p, l), numbers_of(l).mean_f},
                      rows_of(l, p->n), n, sums, sums + n);
    return true;
}

void backward_norm_end_sums(const struct backward *b, const struct backward_layer *l)
{
    struct numbers v = numbers_of(l);
    float *gamma = backward_gradient_of(b, l->index, C2S_GAMMA);
    float *beta = backward_gradient_of(b, l->index, C2S_BETA);
    double n = (double)rows_of(l, b->batch);
    for (int64_t c = 0; c < channels_of(l); c++) {
        double sum = total(b, l, 2, c), product = total(b, l, 3, c);
        double spread = v.variance[c] + (double)l->layer->attr.batch_norm.epsilon;
        v.slope[c] = (float)(-(double)v.factor[c] * product / n / spread);
        v.offset[c] = (float)(-(double)v.factor[c] * sum / n);
        if (gamma)
            gamma[c] += (float)(product / sqrt(spread));
        if (beta)
            beta[c] += (float)sum;
    }
}

bool backward_norm_back(const struct backward_piece *p, const struct backward_layer *l,
                        struct c2s_error *err)
{
    struct numbers v = numbers_of(l);
    int64_t n = channels_of(l), rows = rows_of(l, p->n), all = rows_of(l, p->b->piece);
    float *d = backward_part(p, BACKWARD_GRADIENT, l->index);
    (void)err;
    if (!backward_wants(p->b, l, 0))
        return true;
    fast_combine(&(struct fast_combination){v.factor, v.slope, v.mean_f, v.offset},
                 backward_input(p, l), d, rows, n);
    memset(d + rows * n, 0, sizeof *d * (size_t)((all - rows) * n)); /* behind the batch's end */
    backward_settle(p, l, d);
    return true;
}

void backward_norm_move(const struct backward *b, const struct backward_layer *l)
{
    struct numbers v = numbers_of(l);
    gradient_move_statistics(b->base, l->index, v.mean, v.variance, rows_of(l, b->batch));
}

const struct backward_kind backward_norm = {.forward = backward_norm_forward,
                                            .backward = backward_norm_back,
                                            .needs_input = true,
                                            .is_map = true};
