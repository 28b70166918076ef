/* Activation ranges from data: the max_value of ReLUs and of ranged quantized activations. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "calibrate/calibrate.h"

enum { DEFAULT_BITS = 4 };

/* Why the range of an activation cannot be set; NULL = it can, "" = it is no such activation. */
static const char *obstacle(const struct c2s_layer *l)
{
    enum c2s_function f = c2s_layer_function(l);
    bool is_rectifier = f == C2S_FN_RELU || f == C2S_FN_RELU6;
    if (l->op == C2S_OP_RELU)
        return l->attr.relu.threshold != 0 || l->attr.relu.negative_slope != 0
                   ? "it has a threshold or a slope below 0, and quantize leaves it float"
                   : NULL;
    if (l->op == C2S_OP_QUANTIZED_RELU)
        return l->attr.quantized_relu.kind == C2S_RELU_RANGED
                   ? NULL
                   : "its step was trained (cnn2snn 1.8); it has no max_value";
    if (l->op == C2S_OP_DISCRETE_RELU)
        return "cnn2snn 1.8 fixes its range; quantize activations BITS --rule 2.2 gives it the "
               "same levels with a range that can be set";
    if (is_rectifier && l->op == C2S_OP_ACTIVATION)
        return "an Activation layer has no max_value; make it a ReLU layer";
    if (is_rectifier)
        return "its ReLU is inside the layer; make it a ReLU layer of its own";
    return "";
}

/* One activation whose range is looked for. */
struct target {
    int layer;
    int bits;
    double before; /* max_value; INFINITY = none */
    struct range range;
    struct c2s_calibrated_layer *row; /* borrowed from the report */
};

struct targets {
    struct target *at; /* owned */
    int n;
    bool looks_again;
    const struct c2s_model *model; /* that is run */
};

static double highest_level(int bits)
{
    return (1 << bits) - 1;
}

static bool find_targets(struct calibration *c, struct targets *t, struct c2s_error *err)
{
    const struct c2s_model *m = c->model;
    t->at = c2s_calloc((size_t)m->n_layers, sizeof *t->at);
    if (!t->at)
        return c2s_fail_nomem(err);
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        const char *why = obstacle(l);
        if ((why && !why[0]) || !calibrate_names(c, l))
            continue;
        struct c2s_calibrated_layer *row = calibrate_row(c, l);
        if (why) {
            calibrate_skip(c, row, "%s", why);
            continue;
        }
        struct target *target = &t->at[t->n];
        *target = (struct target){.layer = i, .row = row, .bits = c2s_layer_activation_bits(l)};
        if (target->bits == 0) {
            target->bits = c->request->bits > 0 ? c->request->bits : DEFAULT_BITS;
            target->before = l->attr.relu.max_value;
        } else {
            float max_value = l->attr.quantized_relu.max_value;
            target->before = isinf(max_value) ? highest_level(target->bits) : max_value;
        }
        if (!range_begin(&target->range, err))
            return false;
        t->n++;
    }
    return true;
}

static void finish_targets(struct targets *t)
{
    for (int i = 0; t->at && i < t->n; i++)
        range_finish(&t->at[i].range);
    c2s_free(t->at);
}

/* The model in which the values are measured: no quantized activation that will get a range cuts or
 * rounds them. */
static struct c2s_model *open_ended(const struct c2s_model *m, const struct targets *t,
                                    struct c2s_error *err)
{
    struct c2s_model *open = c2s_model_clone(m, err);
    for (int i = 0; open && i < t->n; i++) {
        struct c2s_layer *l = open->layers[t->at[i].layer];
        if (l->op != C2S_OP_RELU) {
            l->op = C2S_OP_RELU;
            l->attr.relu = (struct c2s_relu_attr){.max_value = INFINITY};
        }
    }
    return open;
}

static bool look(void *arg, int layer, const struct c2s_tensor *output)
{
    struct targets *t = arg;
    for (int i = 0; i < t->n; i++)
        if (t->at[i].layer == layer && t->looks_again)
            range_add_again(&t->at[i].range, output);
        else if (t->at[i].layer == layer)
            range_add(&t->at[i].range, output);
    return true;
}

static bool has_numbers(const struct targets *t, struct c2s_error *err)
{
    for (int i = 0; i < t->n; i++)
        if (t->at[i].range.has_odd)
            return c2s_fail(err, C2S_RANGE,
                            "layer '%s' gives NaN or infinity on this data and has no range; look "
                            "at its weights and at the scale of the data",
                            t->model->layers[t->at[i].layer]->name);
    return true;
}

static bool measure(struct calibration *c, struct targets *t, struct c2s_error *err)
{
    struct c2s_observer observer = {.layer = look, .arg = t};
    struct pass p = {.models = {t->model}, .observer = &observer};
    double percentile = c->request->percentile;
    if (!calibrate_pass(c, &p, err) || !has_numbers(t, err))
        return false;
    t->looks_again = true;
    for (int i = 0; i < t->n; i++)
        if (!range_look_again(&t->at[i].range, percentile > 0 ? percentile : 100, err))
            return false;
    if (!calibrate_pass(c, &p, err))
        return false;
    for (int i = 0; i < t->n; i++)
        range_end(&t->at[i].range);
    return true;
}

static float chosen_range(const struct c2s_calibrate_request *r, const struct target *t)
{
    if (r->method == C2S_RANGE_PERCENTILE)
        return (float)range_percentile(&t->range);
    if (r->method == C2S_RANGE_MSE)
        return (float)range_least_error(&t->range, t->bits);
    return (float)t->range.largest;
}

static void set_range(struct calibration *c, struct target *t)
{
    struct c2s_layer *l = c->model->layers[t->layer];
    struct c2s_calibrated_layer *row = t->row;
    const struct range *r = &t->range;
    bool is_float = l->op == C2S_OP_RELU;
    row->range_before = t->before;
    if (r->n == 0) {
        calibrate_skip(c, row, "it gives nothing above 0 on this data");
        return;
    }
    float range = chosen_range(c->request, t);
    row->sqnr_before =
        range_sqnr(r, isinf(t->before) ? highest_level(t->bits) : t->before, t->bits);
    if ((double)range == t->before || (is_float && (double)range > t->before)) {
        calibrate_skip(c, row, "its range is not wider than the data's");
        return;
    }
    row->range_after = (double)range;
    row->clipped = range_clipped(r, (double)range);
    row->sqnr_after = range_sqnr(r, (double)range, t->bits);
    if (is_float)
        l->attr.relu.max_value = range;
    else
        l->attr.quantized_relu.max_value = range;
}

bool calibrate_ranges(struct calibration *c, struct c2s_error *err)
{
    struct targets t = {0};
    struct c2s_model *open = NULL;
    bool ok = find_targets(c, &t, err);
    c->n_passes = t.n > 0 ? 3 : 0;
    if (ok && t.n > 0) {
        t.model = open = open_ended(c->model, &t, err);
        ok = open && measure(c, &t, err);
    }
    for (int i = 0; ok && i < t.n; i++)
        set_range(c, &t.at[i]);
    finish_targets(&t);
    c2s_model_destroy(open);
    return ok;
}
