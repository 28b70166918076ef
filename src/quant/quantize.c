/* Carries out a quantization plan: checks it, folds batch normalization, then gives each layer its
 * quantizer. The rewrites are in swap.c and fold.c, the arithmetic in quantizer.c. */
#include <c2s/quantize.h>
#include <c2s/rules.h>

#include <math.h>

#include "quant/rewrite.h"

static const double fold_tolerance = 1e-5; /* of the largest output */

static bool check_bits(const char *what, int bits, int least, struct c2s_error *err)
{
    if (bits == 0 || (bits >= least && bits <= 8))
        return true;
    return c2s_fail(err, C2S_RANGE, "%s cannot have %d bits; choose %d to 8, or 0 to leave them",
                    what, bits, least);
}

static bool check_plan(const struct c2s_quantize_plan *plan, struct c2s_error *err)
{
    return check_bits("weights", plan->weight_quantization, 2, err) &&
           check_bits("activations", plan->activ_quantization, 1, err) &&
           (plan->input_weight_quantization == -1 ||
            check_bits("weights of the first layer", plan->input_weight_quantization, 2, err));
}

/* A number that is not finite has no place on any grid, and would hide every check behind it. */
static bool check_numbers(const struct c2s_model *m, struct c2s_error *err)
{
    for (int i = 0; i < m->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++) {
            const struct c2s_tensor *t = m->layers[i]->params[role];
            int64_t n = t && t->dtype == C2S_F32 ? c2s_tensor_count(t) : 0;
            for (int64_t k = 0; k < n; k++)
                if (!isfinite(c2s_f32(t)[k]))
                    return c2s_fail_rule(err, C2S_RANGE, "E033", "layer '%s' has %s in its %s",
                                         m->layers[i]->name,
                                         isnan(c2s_f32(t)[k]) ? "NaN" : "infinity",
                                         c2s_role_name((enum c2s_role)role));
        }
    return true;
}

/* What cnn2snn 2.2 folds: one input, one output, branches that join only by Concatenate. */
static bool check_graph(const struct c2s_model *m, struct c2s_error *err)
{
    if (m->n_inputs != 1)
        return c2s_fail_rule(err, C2S_UNSUPPORTED, "E001", "the model has %d inputs", m->n_inputs);
    if (m->n_outputs != 1)
        return c2s_fail_rule(err, C2S_UNSUPPORTED, "E002", "the model has %d outputs",
                             m->n_outputs);
    int rank = m->layers[m->inputs[0]]->rank;
    if (rank != 1 && rank != 3)
        return c2s_fail_rule(err, C2S_UNSUPPORTED, "E035", "the input has %d dimensions", rank);
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        bool is_concatenate = l->op == C2S_OP_CONCATENATE && l->n_inputs == 2;
        if (l->n_inputs > 1 && !is_concatenate)
            return c2s_fail_rule(err, C2S_UNSUPPORTED, "E003", "layer '%s' (%s) joins %d layers",
                                 l->name, l->class_name, l->n_inputs);
    }
    return true;
}

static bool fold(const struct c2s_model *original, struct c2s_model *m,
                 const struct c2s_quantize_plan *plan, struct c2s_quantize_report *report,
                 struct c2s_error *err)
{
    if (plan->keep_batch_norm)
        return true;
    bool is_18 = plan->rule == C2S_RULE_18;
    if ((!is_18 && !check_graph(m, err)) ||
        !c2s_model_swap_batch_norm_and_pool(m, &report->n_swapped, err) ||
        !c2s_model_fold_batch_norm(m, is_18, &report->n_folded, err))
        return false;
    if (report->n_swapped + report->n_folded == 0)
        return true;
    if (!quant_difference(original, m, NULL, &report->fold_error, err))
        return false;
    if (report->fold_error > fold_tolerance)
        return c2s_fail(
            err, C2S_STATE,
            "folding batch normalization changes the outputs by %.1e of the largest one, "
            "above %.0e; keep batch normalization, and look for variances near 0",
            report->fold_error, fold_tolerance);
    return true;
}

static bool refuse(const struct c2s_layer *l, const char *rule, const char *what,
                   struct c2s_error *err)
{
    return c2s_fail_rule(err, C2S_UNSUPPORTED, rule,
                         "layer '%s' (%s) has %s, which has no quantized form", l->name,
                         l->class_name, what);
}

static bool has_quantized_form(const struct c2s_layer *l, struct c2s_error *err)
{
    const struct c2s_conv_attr *conv = l->op == C2S_OP_DENSE ? NULL : &l->attr.conv;
    if (c2s_layer_function(l) != C2S_FN_LINEAR)
        return refuse(l, "E005", "an activation of its own", err);
    if (conv && (conv->dilation[0] != 1 || conv->dilation[1] != 1))
        return refuse(l, "E006", "a dilation", err);
    if (conv && conv->groups != 1)
        return refuse(l, "E007", "groups", err);
    if (l->op == C2S_OP_SEPARABLE_CONV2D && conv->depth_multiplier != 1)
        return refuse(l, "E008", "a depth multiplier", err);
    return true;
}

static void set_quantizer(struct c2s_quantizer_spec *spec, enum c2s_quantizer_id fresh, int bits,
                          enum c2s_rule rule)
{
    if (spec->id == C2S_QUANTIZER_NONE) {
        spec->id = fresh;
        spec->is_limited = rule == C2S_RULE_22;
    }
    spec->bitwidth = bits;
}

static bool quantize_weights(struct c2s_layer *l, int bits, enum c2s_rule rule,
                             struct c2s_error *err)
{
    if (!has_quantized_form(l, err) ||
        !c2s_layer_set_text(&l->class_name, c2s_op_info(l->op)->quantized_class, err))
        return false;
    set_quantizer(&l->quantizer, C2S_QUANTIZER_MAX_PER_AXIS, bits, rule);
    if (l->op == C2S_OP_SEPARABLE_CONV2D)
        set_quantizer(&l->quantizer_dw, C2S_QUANTIZER_MAX, bits, rule);
    return true;
}

/* The activation a ReLU or a quantized activation becomes; see cnn2snn's quantization.py,
 * _quantize_activation_layer. Rule 2.2 keeps the range of what was there, 1.8 knows one range. */
static bool quantize_activation(struct c2s_layer *l, int bits, enum c2s_rule rule,
                                struct c2s_error *err)
{
    struct c2s_quantized_relu_attr attr = {.kind = C2S_RELU_RANGED, .bitwidth = bits};
    float step, threshold;
    if (l->op == C2S_OP_RELU && l->attr.relu.negative_slope != 0)
        return c2s_fail_rule(err, C2S_UNSUPPORTED, "E039", "layer '%s' (%s) has a slope of %g",
                             l->name, l->class_name, (double)l->attr.relu.negative_slope);
    if (l->op == C2S_OP_RELU && !(l->attr.relu.max_value > 0))
        return c2s_fail_rule(err, C2S_UNSUPPORTED, "E039", "layer '%s' (%s) has max_value %g",
                             l->name, l->class_name, (double)l->attr.relu.max_value);
    if (l->op == C2S_OP_RELU && rule == C2S_RULE_18) {
        attr.kind = C2S_RELU_DISCRETE;
    } else if (l->op == C2S_OP_RELU) {
        float max_value = l->attr.relu.max_value;
        attr.max_value = isinf(max_value) ? (float)((1 << bits) - 1) : max_value;
    } else if (l->op == C2S_OP_DISCRETE_RELU && rule == C2S_RULE_22) {
        c2s_layer_activation_step(l, &step, &threshold);
        attr.max_value = step * (float)((1 << l->attr.quantized_relu.bitwidth) - 1);
    } else {
        l->attr.quantized_relu.bitwidth = bits;
        return true;
    }
    l->op = attr.kind == C2S_RELU_DISCRETE ? C2S_OP_DISCRETE_RELU : C2S_OP_QUANTIZED_RELU;
    l->attr.quantized_relu = attr;
    /* The old class' options mean nothing to the new class. */
    return c2s_layer_set_text(&l->class_name, c2s_op_info(l->op)->keras_class, err) &&
           c2s_layer_set_text(&l->config, NULL, err);
}

static bool takes_activation_bits(const struct c2s_layer *l, enum c2s_rule rule)
{
    if (l->op == C2S_OP_RELU) /* cnn2snn 2.2 skips a shifted ReLU, 1.8 does not look */
        return rule == C2S_RULE_18 || l->attr.relu.threshold == 0;
    return c2s_layer_is_quantized_activation(l);
}

/* Bits the plan gives a layer with weights. */
static bool weight_bits(const struct c2s_quantize_plan *plan, const struct c2s_layer *l,
                        bool is_first, int *bits, struct c2s_error *err)
{
    *bits = plan->weight_quantization;
    if (!is_first || plan->input_weight_quantization == -1)
        return true;
    *bits = plan->input_weight_quantization;
    if (*bits == 0 && plan->weight_quantization > 0 && c2s_layer_is_quantized(l))
        return c2s_fail(
            err, C2S_RANGE,
            "layer '%s' is quantized already and cannot go back to float; give the first "
            "layer 2 to 8 bits, or start from the float model",
            l->name);
    return true;
}

struct outcome {
    int n_named;     /* layers that the plan names and gives bits to */
    bool takes_rule; /* an activation became the plan's kind */
};

static bool quantize_layers(struct c2s_model *m, const struct c2s_quantize_plan *plan,
                            const struct c2s_progress *progress, struct c2s_quantize_report *report,
                            struct outcome *outcome, struct c2s_error *err)
{
    int n_neural = 0;
    for (int i = 0; i < m->n_layers; i++) {
        struct c2s_layer *l = m->layers[i];
        bool is_neural = c2s_layer_is_akida_neural(l), is_first = is_neural && n_neural++ == 0;
        if (!c2s_progress_report(progress, "quantizing", i, m->n_layers))
            return c2s_fail(err, C2S_CANCELLED, "quantization was cancelled; nothing has changed");
        if (plan->layers && !c2s_glob_match(plan->layers, l->name))
            continue;
        if (plan->only_float && (c2s_layer_is_quantized(l) || c2s_layer_is_quantized_activation(l)))
            continue;
        int old_weight_bits = c2s_layer_weight_bits(l), bits = 0;
        int old_activation_bits = c2s_layer_activation_bits(l);
        enum c2s_op old_op = l->op;
        if (is_neural && !weight_bits(plan, l, is_first, &bits, err))
            return false;
        if (takes_activation_bits(l, plan->rule))
            bits = plan->activ_quantization;
        if (bits == 0)
            continue;
        if (is_neural ? !quantize_weights(l, bits, plan->rule, err)
                      : !quantize_activation(l, bits, plan->rule, err))
            return false;
        report->n_weights += c2s_layer_weight_bits(l) != old_weight_bits;
        report->n_activations += c2s_layer_activation_bits(l) != old_activation_bits;
        outcome->takes_rule |= l->op != old_op;
        outcome->n_named++;
    }
    return true;
}

static bool run(const struct c2s_model *original, struct c2s_model *m,
                const struct c2s_quantize_plan *plan, const struct c2s_progress *progress,
                struct c2s_quantize_report *report, struct c2s_error *err)
{
    struct outcome outcome = {0};
    if (!check_numbers(m, err) || !fold(original, m, plan, report, err) ||
        !quantize_layers(m, plan, progress, report, &outcome, err))
        return false;
    if (plan->layers && outcome.n_named == 0)
        return c2s_fail(
            err, C2S_NOT_FOUND,
            "'%s' names no layer that this quantization would change; look at the names "
            "in the list of layers",
            plan->layers);
    if (outcome.takes_rule || (outcome.n_named > 0 && m->dialect == C2S_DIALECT_KERAS))
        m->dialect = plan->rule == C2S_RULE_22 ? C2S_DIALECT_CNN2SNN_22 : C2S_DIALECT_CNN2SNN_18;
    return true;
}

bool c2s_quantize(const struct c2s_model *m, const struct c2s_quantize_plan *plan,
                  const struct c2s_progress *progress, struct c2s_model **out,
                  struct c2s_quantize_report *report, struct c2s_error *err)
{
    struct c2s_quantize_report own = {0};
    if (!check_plan(plan, err))
        return false;
    struct c2s_model *copy = c2s_model_clone(m, err);
    if (!copy)
        return false;
    if (!run(m, copy, plan, progress, &own, err)) {
        c2s_model_destroy(copy);
        return false;
    }
    if (report)
        *report = own;
    *out = copy;
    return true;
}
