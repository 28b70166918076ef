/* Cross-layer equalization: factors move between two kernels where what stands between lets them
 * through unchanged. */
#include <c2s/quantize.h>
#include <c2s/quantizer.h>
#include <c2s/histogram.h>
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "calibrate/calibrate.h"
#include "quant/rewrite.h"

enum { MOST_SWEEPS = 50, DEFAULT_BITS = 4 };

static const double tolerance = 1e-5; /* of the largest output */

/* A kernel seen by channel: element i belongs to channel (i / inner) % channels % n. */
struct side {
    struct c2s_layer *layer;
    enum c2s_role role;
    int64_t inner, channels;
};

/* Two kernels with factors between: those of `first`'s outputs are those of `second`'s inputs. */
struct pair {
    struct side first, second;
    int64_t n;                        /* channels between */
    double *factors;                  /* [n], owned: product over all sweeps */
    struct c2s_calibrated_layer *row; /* borrowed */
};

struct pairs {
    struct pair *at; /* owned */
    int n;
};

/* ---- where factors may move ---- */

/* f(s x) = s f(x) for s > 0, channel by channel, and channels stay in the last axis. */
static bool lets_factors_through(const struct c2s_layer *l)
{
    switch (l->op) {
    case C2S_OP_RELU:
        return isinf(l->attr.relu.max_value) && l->attr.relu.threshold == 0;
    case C2S_OP_ACTIVATION:
        return l->attr.activation.function == C2S_FN_RELU ||
               l->attr.activation.function == C2S_FN_LINEAR;
    case C2S_OP_LEAKY_RELU:
    case C2S_OP_MAX_POOL:
    case C2S_OP_AVERAGE_POOL:
    case C2S_OP_GLOBAL_AVERAGE_POOL:
    case C2S_OP_FLATTEN:
    case C2S_OP_DROPOUT:
    case C2S_OP_ZERO_PADDING:
    case C2S_OP_UPSAMPLING:
        return true;
    default:
        return false;
    }
}

static struct side output_side(struct c2s_layer *l)
{
    struct side s = {.layer = l, .role = c2s_layer_main_role(l), .inner = 1};
    const struct c2s_tensor *kernel = l->params[s.role];
    s.channels = kernel->dims[kernel->rank - 1];
    if (s.role == C2S_DEPTHWISE_KERNEL)
        s.channels *= kernel->dims[kernel->rank - 2];
    return s;
}

static struct side input_side(struct c2s_layer *l)
{
    struct side s = {.layer = l,
                     .role = l->params[C2S_DEPTHWISE_KERNEL] ? C2S_DEPTHWISE_KERNEL : C2S_KERNEL};
    const struct c2s_tensor *kernel = l->params[s.role];
    s.inner = kernel->dims[kernel->rank - 1];
    s.channels = kernel->dims[kernel->rank - 2];
    return s;
}

static bool has_one_reader(const struct c2s_model *m, int index)
{
    return c2s_model_n_readers(m, index, NULL) == 1 && !quant_is_output(m, index);
}

static bool may_scale_outputs(const struct c2s_layer *l)
{
    enum c2s_function f = c2s_layer_function(l);
    return f == C2S_FN_LINEAR || f == C2S_FN_RELU;
}

/* The neural layer in front of `index` whose factors reach it; else -1, and *in_the_way is the
 * layer that stops them, -1 when there is none in front. */
static int layer_in_front(const struct c2s_model *m, int index, int *in_the_way)
{
    *in_the_way = -1;
    while (m->layers[index]->n_inputs == 1) {
        index = m->layers[index]->inputs[0];
        const struct c2s_layer *l = m->layers[index];
        *in_the_way = l->op == C2S_OP_INPUT ? -1 : index;
        if (l->op == C2S_OP_INPUT)
            return -1;
        if (!has_one_reader(m, index))
            return -1;
        if (c2s_layer_is_neural(l))
            return may_scale_outputs(l) && c2s_layer_main_kernel(l) ? index : -1;
        if (!lets_factors_through(l))
            return -1;
    }
    return -1;
}

/* ---- the factors ---- */

static void largest_magnitudes(const struct side *s, int64_t n, double *out)
{
    const struct c2s_tensor *kernel = s->layer->params[s->role];
    for (int64_t k = 0; k < n; k++)
        out[k] = 0;
    for (int64_t i = 0; i < c2s_tensor_count(kernel); i++) {
        double *largest = &out[i / s->inner % s->channels % n];
        *largest = fmax(*largest, fabs((double)c2s_f32(kernel)[i]));
    }
}

/* Multiplies by factor^power, power 1 or -1; the bias goes with the outputs. */
static bool scale_side(struct side *s, int64_t n, const double *factors, bool divides,
                       struct c2s_error *err)
{
    struct c2s_tensor *kernel = c2s_tensor_clone(s->layer->params[s->role], err);
    if (!kernel)
        return false;
    for (int64_t i = 0; i < c2s_tensor_count(kernel); i++) {
        double f = factors[i / s->inner % s->channels % n];
        c2s_f32(kernel)[i] = (float)((double)c2s_f32(kernel)[i] * (divides ? 1 / f : f));
    }
    c2s_layer_set_param(s->layer, s->role, kernel);
    bool has_bias = divides && s->role == c2s_layer_main_role(s->layer);
    if (!has_bias || !s->layer->params[C2S_BIAS])
        return true;
    struct c2s_tensor *bias = c2s_tensor_clone(s->layer->params[C2S_BIAS], err);
    for (int64_t k = 0; bias && k < n; k++)
        c2s_f32(bias)[k] = (float)((double)c2s_f32(bias)[k] / factors[k]);
    if (bias)
        c2s_layer_set_param(s->layer, C2S_BIAS, bias);
    return bias != NULL;
}

/* One pair made equal; *moved is the largest change of a factor. */
static bool equalize_pair(struct pair *p, double *moved, struct c2s_error *err)
{
    double *first = c2s_calloc((size_t)p->n * 2, sizeof *first), *second = first + p->n;
    if (!first)
        return c2s_fail_nomem(err);
    largest_magnitudes(&p->first, p->n, first);
    largest_magnitudes(&p->second, p->n, second);
    for (int64_t k = 0; k < p->n; k++) {
        bool is_dead =
            first[k] == 0 || second[k] == 0; /* no factor makes zeros equal to anything */
        first[k] = is_dead ? 1 : sqrt(first[k] / second[k]);
        p->factors[k] *= first[k];
        *moved = fmax(*moved, fabs(log(first[k])));
    }
    bool ok = scale_side(&p->first, p->n, first, true, err) &&
              scale_side(&p->second, p->n, first, false, err);
    c2s_free(first);
    return ok;
}

/* ---- what it is good for ---- */

/* Signal to noise of a kernel under the quantizer that quantize would give it. */
static bool kernel_sqnr(const struct calibration *c, const struct side *s, double *out,
                        struct c2s_error *err)
{
    const struct c2s_tensor *kernel = s->layer->params[s->role];
    struct c2s_quantizer_spec spec = {
        .id = s->role == C2S_DEPTHWISE_KERNEL ? C2S_QUANTIZER_MAX : C2S_QUANTIZER_MAX_PER_AXIS,
        .bitwidth = c->request->bits > 1 ? c->request->bits : DEFAULT_BITS};
    struct c2s_tensor *sf = NULL, *quantized = NULL;
    bool ok = c2s_quantizer_scale(&spec, kernel, NULL, &sf, err) &&
              c2s_quantizer_fake(&spec, kernel, sf, &quantized, err);
    if (ok)
        *out = c2s_sqnr(kernel, quantized);
    c2s_tensor_unref(sf);
    c2s_tensor_unref(quantized);
    return ok;
}

/* The kernel that gains or loses: inside a SeparableConv2D the depthwise one, whose channels share
 * one scale; between two layers the one that reads. */
static const struct side *judged(const struct pair *p)
{
    return p->first.layer == p->second.layer ? &p->first : &p->second;
}

static void describe(struct pair *p)
{
    p->row->low = INFINITY;
    p->row->high = 0;
    for (int64_t k = 0; k < p->n; k++) {
        p->row->low = fmin(p->row->low, p->factors[k]);
        p->row->high = fmax(p->row->high, p->factors[k]);
    }
}

/* ---- all pairs ---- */

static bool add_pair(struct calibration *c, struct pairs *all, struct side first,
                     struct side second, struct c2s_error *err)
{
    struct pair *p = &all->at[all->n];
    *p = (struct pair){first, second, first.channels, NULL, calibrate_row(c, first.layer)};
    snprintf(p->row->partner, sizeof p->row->partner, "%s", second.layer->name);
    p->factors = c2s_calloc((size_t)p->n, sizeof *p->factors);
    if (!p->factors)
        return c2s_fail_nomem(err);
    all->n++;
    for (int64_t k = 0; k < p->n; k++)
        p->factors[k] = 1;
    return kernel_sqnr(c, judged(p), &p->row->sqnr_before, err);
}

static bool add_inner_pair(struct calibration *c, struct pairs *all, struct c2s_layer *l,
                           struct c2s_error *err)
{
    const struct c2s_tensor *pointwise = l->params[C2S_POINTWISE_KERNEL];
    int64_t between = pointwise->dims[pointwise->rank - 2];
    struct side first = {l, C2S_DEPTHWISE_KERNEL, 1, between};
    struct side second = {l, C2S_POINTWISE_KERNEL, pointwise->dims[pointwise->rank - 1], between};
    return add_pair(c, all, first, second, err);
}

static void tell_obstacle(struct calibration *c, const struct c2s_layer *l, int in_the_way)
{
    struct c2s_calibrated_layer *row = calibrate_row(c, l);
    const struct c2s_layer *o = c->model->layers[in_the_way];
    bool is_bounded = o->op == C2S_OP_RELU && isfinite(o->attr.relu.max_value);
    if (is_bounded)
        calibrate_skip(c, row, "'%s' in front of it has a max_value, which a factor would move",
                       o->name);
    else if (!has_one_reader(c->model, in_the_way))
        calibrate_skip(c, row, "others read '%s' in front of it too", o->name);
    else
        calibrate_skip(c, row, "'%s' (%s) in front of it lets no factor through", o->name,
                       o->class_name);
}

static bool find_pairs(struct calibration *c, struct pairs *all, struct c2s_error *err)
{
    const struct c2s_model *m = c->model;
    for (int i = 0; i < m->n_layers; i++) {
        struct c2s_layer *l = m->layers[i];
        int in_the_way;
        if (!c2s_layer_is_neural(l) || !c2s_layer_main_kernel(l) || !calibrate_names(c, l))
            continue;
        int first = layer_in_front(m, i, &in_the_way);
        bool is_grouped = l->op == C2S_OP_CONV2D && l->attr.conv.groups != 1;
        if (first >= 0 && is_grouped)
            calibrate_skip(c, calibrate_row(c, l), "it has groups");
        else if (first >= 0 && !calibrate_names(c, m->layers[first]))
            calibrate_skip(c, calibrate_row(c, l),
                           "its partner '%s' in front of it is not among the layers that are named",
                           m->layers[first]->name);
        else if (first >= 0) {
            if (!add_pair(c, all, output_side(m->layers[first]), input_side(l), err))
                return false;
        } else if (in_the_way >= 0) {
            tell_obstacle(c, l, in_the_way);
        }
        if (l->op == C2S_OP_SEPARABLE_CONV2D && !add_inner_pair(c, all, l, err))
            return false;
    }
    return true;
}

static bool equalize_all(struct calibration *c, struct pairs *all, struct c2s_error *err)
{
    double moved = 1;
    for (int sweep = 0; sweep < MOST_SWEEPS && moved > 1e-3; sweep++) {
        moved = 0;
        if (!c2s_progress_report(c->request->progress, "equalizing", sweep, MOST_SWEEPS))
            return c2s_fail(err, C2S_CANCELLED, "calibration was cancelled; nothing has changed");
        for (int i = 0; i < all->n; i++)
            if (!equalize_pair(&all->at[i], &moved, err))
                return false;
    }
    for (int i = 0; i < all->n; i++) {
        describe(&all->at[i]);
        if (!kernel_sqnr(c, judged(&all->at[i]), &all->at[i].row->sqnr_after, err))
            return false;
    }
    return true;
}

static bool verify(struct calibration *c, struct c2s_error *err)
{
    double *difference = &c->report->difference;
    if (!quant_difference(c->request->model, c->model, NULL, difference, err))
        return false;
    return !(*difference > tolerance) ||
           c2s_fail(err, C2S_STATE,
                    "equalizing changes the outputs by %.1e of the largest one, above %.0e; leave "
                    "it out, or name fewer layers with --layers",
                    *difference, tolerance);
}

static bool is_float(const struct c2s_model *m, struct c2s_error *err)
{
    for (int i = 0; i < m->n_layers; i++)
        if (c2s_layer_is_quantized(m->layers[i]) || c2s_layer_is_quantized_activation(m->layers[i]))
            return c2s_fail(err, C2S_STATE,
                            "layer '%s' is quantized, and its levels would move with the factors; "
                            "equalize the float version, then quantize",
                            m->layers[i]->name);
    return true;
}

bool calibrate_equalize(struct calibration *c, struct c2s_error *err)
{
    struct pairs all = {.at = c2s_calloc((size_t)c->model->n_layers * 2, sizeof *all.at)};
    bool ok = (all.at || c2s_fail_nomem(err)) && is_float(c->model, err) &&
              c2s_model_swap_batch_norm_and_pool(c->model, NULL, err) &&
              c2s_model_fold_batch_norm(c->model, false, &c->report->n_folded, err) &&
              find_pairs(c, &all, err) && equalize_all(c, &all, err) &&
              (all.n == 0 || verify(c, err));
    for (int i = 0; i < all.n; i++)
        c2s_free(all.at[i].factors);
    c2s_free(all.at);
    return ok;
}
