/* Fixes of BatchNormalization out of place: merged, moved back over pools, or carried into the next
 * neural layer. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <c2s/quantize.h>

#include "base/alloc.h"
#include "fix/place.h"
#include "graph/batch_norm.h"

/* y = factor * x + shift for each of n numbers, channels running fastest. */
struct affine {
    double *factor, *shift; /* one allocation, which factor owns */
    int64_t n;
};

static bool affine_init(struct affine *a, int64_t n, struct c2s_error *err)
{
    *a = (struct affine){.n = n, .factor = c2s_calloc(2 * (size_t)n, sizeof *a->factor)};
    a->shift = a->factor ? a->factor + n : NULL;
    return a->factor || c2s_fail_nomem(err);
}

static void affine_finish(struct affine *a)
{
    c2s_free(a->factor);
    *a = (struct affine){0};
}

/* The layer's channels: its last axis. 0 when not known. */
static int64_t channels_of(const struct c2s_layer *l)
{
    return l->rank > 0 && l->dims[l->rank - 1] > 0 ? l->dims[l->rank - 1] : 0;
}

static bool is_last_axis(const struct c2s_model *m, const struct c2s_layer *bn)
{
    struct c2s_error ignored = {0};
    return bn->n_inputs == 1 && quant_is_last_axis(m, bn, &ignored);
}

/* What a BatchNormalization or Rescaling does to each channel; NOMEM or SHAPE. */
static bool affine_of(struct affine *a, const struct c2s_layer *l, struct c2s_error *err)
{
    struct c2s_batch_norm numbers = {0};
    int64_t n = channels_of(l);
    if (!affine_init(a, n, err))
        return false;
    if (l->op == C2S_OP_RESCALING) {
        for (int64_t i = 0; i < n; i++) {
            a->factor[i] = (double)l->attr.rescaling.scale;
            a->shift[i] = (double)l->attr.rescaling.offset;
        }
        return true;
    }
    if (!c2s_batch_norm_init(&numbers, l, n, err)) {
        affine_finish(a);
        return false;
    }
    for (int64_t i = 0; i < n; i++) {
        a->factor[i] = (double)numbers.gamma[i] / (double)numbers.sigma[i];
        a->shift[i] = (double)numbers.beta[i] - (double)numbers.mean[i] * a->factor[i];
    }
    c2s_batch_norm_finish(&numbers);
    return true;
}

static int64_t count_negative(const struct affine *a)
{
    int64_t n = 0;
    for (int64_t i = 0; i < a->n; i++)
        n += !(a->factor[i] >= 0);
    return n;
}

static bool is_finite(const struct affine *a)
{
    for (int64_t i = 0; i < 2 * a->n; i++)
        if (!isfinite(a->factor[i]))
            return false;
    return true;
}

static bool has_shift(const struct affine *a)
{
    for (int64_t i = 0; i < a->n; i++)
        if (a->shift[i] != 0)
            return true;
    return false;
}

/* ---- merging ---- */

static struct c2s_tensor *param_or(const struct c2s_layer *l, enum c2s_role role, int64_t n,
                                   float fallback, struct c2s_error *err)
{
    if (l->params[role])
        return c2s_tensor_clone(l->params[role], err);
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, 1, &n, err);
    for (int64_t i = 0; t && i < n; i++)
        c2s_f32(t)[i] = fallback;
    return t;
}

/* Means and variances stay those of the first; gamma and beta take the second in. */
static bool take_in(struct c2s_layer *first, const struct affine *second, struct c2s_error *err)
{
    struct c2s_tensor *gamma = param_or(first, C2S_GAMMA, second->n, 1, err);
    struct c2s_tensor *beta = gamma ? param_or(first, C2S_BETA, second->n, 0, err) : NULL;
    if (!beta) {
        c2s_tensor_unref(gamma);
        return false;
    }
    for (int64_t i = 0; i < second->n; i++) {
        c2s_f32(gamma)[i] = (float)((double)c2s_f32(gamma)[i] * second->factor[i]);
        c2s_f32(beta)[i] = (float)((double)c2s_f32(beta)[i] * second->factor[i] + second->shift[i]);
    }
    c2s_layer_set_param(first, C2S_GAMMA, gamma);
    c2s_layer_set_param(first, C2S_BETA, beta);
    first->attr.batch_norm.scale = first->attr.batch_norm.center = true;
    return true;
}

bool fix_merge_norms(struct fix_place *p, struct c2s_error *err)
{
    static const enum c2s_op over[] = {C2S_OP_DROPOUT, C2S_OP_COUNT};
    const struct c2s_layer *second = fix_layer(p);
    struct affine a;
    int before =
        second && second->op == C2S_OP_BATCH_NORM ? fix_back_over(p->m, p->layer, over) : -1;
    struct c2s_layer *first = before >= 0 ? p->m->layers[before] : NULL;
    if (!first || first->op != C2S_OP_BATCH_NORM || !is_last_axis(p->m, first) ||
        !is_last_axis(p->m, second) || channels_of(second) == 0)
        return true;
    char name[128];
    snprintf(name, sizeof name, "%s", first->name);
    if (!affine_of(&a, second, err))
        return false;
    bool ok = take_in(first, &a, err) && c2s_model_remove(p->m, p->layer, err);
    affine_finish(&a);
    return ok && fix_applied(p, "it becomes part of '%s'", name);
}

/* ---- back over pools ---- */

static bool is_pool(enum c2s_op op)
{
    return op == C2S_OP_MAX_POOL || op == C2S_OP_AVERAGE_POOL || op == C2S_OP_GLOBAL_AVERAGE_POOL;
}

/* Swaps with pools and Dropout in front, up to a layer that takes the normalization in. */
static bool move_back(struct fix_place *p, bool is_increasing, struct c2s_error *err)
{
    struct c2s_model *m = p->m;
    struct c2s_layer *bn = fix_layer(p);
    char pool[128] = "";
    int at = p->layer, before = quant_only_input(m, at);
    for (; before >= 0; before = quant_only_input(m, at)) {
        const struct c2s_layer *l = m->layers[before];
        if (!is_pool(l->op) && l->op != C2S_OP_DROPOUT)
            break;
        if (l->op == C2S_OP_MAX_POOL && !is_increasing)
            return fix_refused(p, "it has negative factors, and '%s' stands in front", l->name);
        if (is_pool(l->op))
            snprintf(pool, sizeof pool, "%s", l->name);
        if (!c2s_model_swap_with_input(m, at, err))
            return false;
        at = before;
    }
    bn->attr.batch_norm.axis = -1; /* the rank in front of a global pool is another one */
    bool arrives = before >= 0 && (m->layers[before]->op == C2S_OP_BATCH_NORM ||
                                   (c2s_layer_is_neural(m->layers[before]) &&
                                    c2s_layer_function(m->layers[before]) == C2S_FN_LINEAR));
    return !pool[0] || !arrives || fix_applied(p, "it moves in front of '%s'", pool);
}

bool fix_norm_before_pool(struct fix_place *p, struct c2s_error *err)
{
    const struct c2s_layer *l = fix_layer(p);
    struct affine a;
    if (!l || l->op != C2S_OP_BATCH_NORM || !is_last_axis(p->m, l) || channels_of(l) == 0)
        return true;
    if (!affine_of(&a, l, err))
        return false;
    bool is_increasing = count_negative(&a) == 0;
    affine_finish(&a);
    return move_back(p, is_increasing, err);
}

bool fix_norm_before_max_pool(struct fix_place *p, struct c2s_error *err)
{
    const struct c2s_layer *l = fix_layer(p);
    return !l || l->op != C2S_OP_BATCH_NORM || !is_last_axis(p->m, l) || move_back(p, true, err);
}

/* ---- folding where gamma is 0 ---- */

bool fix_fold_zero_gamma(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *bn = fix_layer(p);
    if (!bn || bn->op != C2S_OP_BATCH_NORM)
        return true;
    struct fix_place moved = *p; /* whether it moves does not matter, only where it then stands */
    if (!fix_norm_before_pool(&moved, err))
        return false;
    int at = c2s_model_find(p->m, bn->name), before = quant_only_input(p->m, at);
    char name[128] = "";
    struct c2s_error inner = {0};
    bool is_folded;
    if (before >= 0)
        snprintf(name, sizeof name, "%s", p->m->layers[before]->name);
    if (!quant_fold_at(p->m, at, true, &is_folded, &inner))
        return inner.code == C2S_NOMEM ? c2s_fail_nomem(err) : fix_refused(p, "%.250s", inner.text);
    return is_folded
               ? fix_applied(p, "it is folded into '%s', which gets filters of zeros", name)
               : fix_refused(p, "it does not stand behind a neural layer that could take it in");
}

/* ---- forward into the next neural layer ---- */

/* No window of the layer reaches over the edge of the image. */
static bool pads_nothing(const struct c2s_layer *l, const struct c2s_layer *in)
{
    for (int i = 0; i < 2; i++) {
        int64_t extent = (int64_t)(l->attr.conv.kernel[i] - 1) * l->attr.conv.dilation[i] + 1;
        if (l->attr.conv.padding == C2S_SAME &&
            (l->dims[i] - 1) * l->attr.conv.strides[i] + extent > in->dims[i])
            return false;
    }
    return true;
}

/* Repeats the channels for each position of an image that is flattened. */
static bool repeat(struct affine *a, int64_t n, struct c2s_error *err)
{
    struct affine more;
    if (n == a->n)
        return true;
    if (!affine_init(&more, n, err))
        return false;
    for (int64_t i = 0; i < n; i++) {
        more.factor[i] = a->factor[i % a->n];
        more.shift[i] = a->shift[i % a->n];
    }
    affine_finish(a);
    *a = more;
    return true;
}

/* kernel [outer, n, inner]: what meets input channel c is multiplied by its factor; what the shift
 * adds to each of the inner outputs (depthwise: to output c * inner + k) is summed into sums. */
static void scale_rows(struct c2s_tensor *kernel, const struct affine *a, bool is_depthwise,
                       double *sums)
{
    int64_t inner = kernel->dims[kernel->rank - 1];
    int64_t n_rows = c2s_tensor_count(kernel) / inner;
    for (int64_t row = 0; row < n_rows; row++) {
        int64_t c = row % a->n;
        float *w = c2s_f32(kernel) + row * inner;
        for (int64_t k = 0; k < inner; k++) {
            sums[is_depthwise ? c * inner + k : k] += (double)w[k] * a->shift[c];
            w[k] = (float)((double)w[k] * a->factor[c]);
        }
    }
}

/* What the depthwise sums become behind the pointwise kernel [1,1,n,filters]. */
static void through_pointwise(const struct c2s_tensor *pointwise, const double *in, double *out)
{
    int64_t filters = pointwise->dims[3], n = pointwise->dims[2];
    for (int64_t i = 0; i < n; i++)
        for (int64_t f = 0; f < filters; f++)
            out[f] += in[i] * (double)c2s_f32(pointwise)[i * filters + f];
}

static bool add_to_bias(struct c2s_layer *l, const double *sums, int64_t n, struct c2s_error *err)
{
    struct c2s_tensor *bias = fix_own_bias(l, n, err);
    for (int64_t i = 0; bias && i < n; i++)
        c2s_f32(bias)[i] = (float)((double)c2s_f32(bias)[i] + sums[i]);
    return bias != NULL;
}

static bool carry_into(struct c2s_layer *l, const struct affine *a, struct c2s_error *err)
{
    enum c2s_role role = l->op == C2S_OP_DENSE ? C2S_KERNEL : fix_spatial_role(l);
    bool is_depthwise = role == C2S_DEPTHWISE_KERNEL;
    struct c2s_tensor *kernel = c2s_tensor_clone(l->params[role], err);
    const struct c2s_tensor *pointwise = l->params[C2S_POINTWISE_KERNEL];
    if (!kernel)
        return false;
    int64_t last = kernel->dims[kernel->rank - 1], n_sums = is_depthwise ? a->n * last : last;
    int64_t n_out = pointwise ? pointwise->dims[3] : n_sums;
    double *sums = c2s_calloc((size_t)(n_sums + n_out), sizeof *sums);
    if (!sums) {
        c2s_tensor_unref(kernel);
        return c2s_fail_nomem(err);
    }
    scale_rows(kernel, a, is_depthwise, sums);
    c2s_layer_set_param(l, role, kernel);
    if (pointwise)
        through_pointwise(pointwise, sums, sums + n_sums);
    bool ok = !has_shift(a) || add_to_bias(l, pointwise ? sums + n_sums : sums, n_out, err);
    c2s_free(sums);
    return ok;
}

/* Why the neural layer cannot take it in; NULL = it can. */
static const char *obstacle(const struct c2s_layer *l, const struct c2s_layer *in,
                            const struct affine *a, bool allow_border)
{
    enum c2s_role role = l->op == C2S_OP_DENSE ? C2S_KERNEL : fix_spatial_role(l);
    if (c2s_layer_is_quantized(l))
        return "is quantized already; fix the float version";
    if (!l->params[role] || (l->op == C2S_OP_SEPARABLE_CONV2D && !l->params[C2S_POINTWISE_KERNEL]))
        return "has no kernel";
    if (l->params[role]->rank < 2 || l->params[role]->dims[l->params[role]->rank - 2] != a->n)
        return "reads another number of channels";
    if (l->op != C2S_OP_DENSE && has_shift(a) && !allow_border && !pads_nothing(l, in))
        return "pads with zeros, which the shift does not reach: its border would differ";
    return NULL;
}

/* The neural layer behind `index` that the numbers pass unchanged on the way to, or -1 with
 * p->text.
 */
static int find_taker(struct fix_place *p, struct affine *a, struct c2s_error *err)
{
    const struct c2s_model *m = p->m;
    for (int i = fix_only_reader(m, p->layer); i >= 0; i = fix_only_reader(m, i)) {
        const struct c2s_layer *l = m->layers[i];
        if (c2s_layer_is_neural(l))
            return i;
        if (l->op == C2S_OP_MAX_POOL && count_negative(a) > 0) {
            fix_refused(p, "%lld of its factors are negative, and '%s' stands behind",
                        (long long)count_negative(a), l->name);
            return -1;
        }
        if (l->op == C2S_OP_FLATTEN && l->rank == 1 && l->dims[0] > 0) {
            if (!repeat(a, l->dims[0], err))
                return -1;
        } else if (!is_pool(l->op) && l->op != C2S_OP_DROPOUT) {
            fix_refused(p, "'%s' (%s) stands between it and the next neural layer", l->name,
                        l->class_name);
            return -1;
        }
    }
    fix_refused(p, "no neural layer follows that could take it in");
    return -1;
}

static bool carry_forward(struct fix_place *p, bool allow_border, struct c2s_error *err)
{
    struct c2s_model *m = p->m;
    const struct c2s_layer *l = fix_layer(p);
    struct affine a;
    if (!l || (l->op != C2S_OP_BATCH_NORM && l->op != C2S_OP_RESCALING) || channels_of(l) == 0)
        return true;
    if (l->op == C2S_OP_BATCH_NORM && !is_last_axis(m, l))
        return fix_refused(p, "it works on another axis than the channels");
    if (!affine_of(&a, l, err))
        return false;
    int taker = is_finite(&a) ? find_taker(p, &a, err) : -1;
    bool ok = err->code == C2S_OK;
    if (ok && taker >= 0) {
        struct c2s_layer *next = m->layers[taker];
        const char *why = obstacle(next, m->layers[next->inputs[0]], &a, allow_border);
        char name[128];
        snprintf(name, sizeof name, "%s", next->name);
        if (why)
            fix_refused(p, "'%s' %s", name, why);
        else if ((ok = carry_into(next, &a, err) && c2s_model_remove(m, p->layer, err)))
            fix_applied(p, "it becomes part of the weights of '%s'%s", name,
                        allow_border ? ", right except at the border" : "");
    }
    affine_finish(&a);
    return ok;
}

bool fix_norm_into_next(struct fix_place *p, struct c2s_error *err)
{
    return carry_forward(p, false, err);
}

bool fix_norm_into_next_inside(struct fix_place *p, struct c2s_error *err)
{
    return carry_forward(p, true, err);
}
