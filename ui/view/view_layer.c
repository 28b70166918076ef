/* One layer in full: shape, parameters, bits, place on the chip, and what check says of it. */
#include "view.h"

#include <math.h>
#include <stdio.h>

static void add_weights(struct sheet *s, const struct c2s_layer *l)
{
    for (int role = 0; role < C2S_ROLE_COUNT; role++) {
        const struct c2s_tensor *t = l->params[role];
        if (!t)
            continue;
        bool of_depthwise = role == C2S_DEPTHWISE_KERNEL;
        bool is_kernel = of_depthwise || role == C2S_KERNEL || role == C2S_POINTWISE_KERNEL;
        const struct c2s_quantizer_spec *q = of_depthwise ? &l->quantizer_dw : &l->quantizer;
        char shape[64], count[32], bits[96] = "";
        if (is_kernel && q->id != C2S_QUANTIZER_NONE)
            snprintf(bits, sizeof bits, ", %s by %s",
                     view_count(q->bitwidth, "bit", count, sizeof count),
                     c2s_quantizer_class(q->id));
        sheet_before(s, SHEET_PLAIN, "%-9s %s%s", c2s_role_name((enum c2s_role)role),
                     t->rank ? c2s_shape_text(t->rank, t->dims, shape, sizeof shape) : "one number",
                     bits);
    }
}

static void add_activation(struct sheet *s, const struct c2s_layer *l)
{
    float step, threshold;
    if (!c2s_layer_is_quantized_activation(l))
        return;
    c2s_layer_activation_step(l, &step, &threshold);
    sheet_before(s, SHEET_PLAIN, "levels    %d, every %.6g from %.6g on",
                 1 << l->attr.quantized_relu.bitwidth, (double)step, (double)threshold);
    sheet_fact_real(s, "step", (double)step);
    sheet_fact_real(s, "threshold", (double)threshold);
}

static int add_findings(struct sheet *s, const struct c2s_findings *f, int layer)
{
    int n = 0;
    sheet_rows_key(s, "findings");
    sheet_column(s, "rule", "rule", SHEET_LEFT);
    sheet_column(s, "severity", NULL, SHEET_LEFT);
    sheet_column(s, "text", "problem", SHEET_LEFT);
    sheet_column(s, "remedy", NULL, SHEET_LEFT);
    for (int i = 0; i < f->n_rows; i++) {
        const struct c2s_rule_info *rule = f->rows[i].rule;
        if (f->rows[i].layer != layer)
            continue;
        sheet_row(s, rule->severity == C2S_ERROR     ? SHEET_ERROR
                     : rule->severity == C2S_WARNING ? SHEET_WARNING
                                                     : SHEET_DIM);
        sheet_text(s, rule->id);
        sheet_text(s, c2s_severity_name(rule->severity));
        sheet_text(s, f->rows[i].text);
        sheet_text(s, rule->remedy);
        sheet_note(s, SHEET_PLAIN, "do: %s", rule->remedy);
        n++;
    }
    return n;
}

struct sheet *view_layer(const struct c2s_version *v, int layer, const struct c2s_findings *f,
                         const struct view_place *place)
{
    const struct c2s_layer *l = v->model->layers[layer];
    char name[24], type[64], shape[64] = "not known", params[32];
    view_layer_type(l, type, sizeof type);
    struct sheet *s = sheet_create("%s  %s  in %s", l->name, type,
                                   view_version_name(v->info.id, name, sizeof name));
    if (l->rank >= 0)
        c2s_shape_text(l->rank, l->dims, shape, sizeof shape);
    sheet_before(s, SHEET_PLAIN, "output    %s", shape);
    for (int i = 0; i < l->n_inputs; i++)
        sheet_before(s, SHEET_DIM, "reads     %s", v->model->layers[l->inputs[i]]->name);
    sheet_fact_text(s, "version", name);
    sheet_fact_text(s, "layer", l->name);
    sheet_fact_text(s, "class", l->class_name);
    sheet_fact_text(s, "output", shape);
    sheet_fact_integer(s, "parameters", c2s_layer_n_params(l));
    sheet_fact_integer(s, "weight_bits", c2s_layer_weight_bits(l));
    sheet_fact_integer(s, "activation_bits", c2s_layer_activation_bits(l));
    sheet_fact_text(s, "akida_role", place->role);
    if (c2s_layer_n_params(l) > 0)
        sheet_before(s, SHEET_PLAIN, "numbers   %s",
                     sheet_group_digits(c2s_layer_n_params(l), params, sizeof params));
    add_weights(s, l);
    add_activation(s, l);
    if (place->akida_layer >= 0)
        sheet_before(s, SHEET_PLAIN, "on Akida  layer %d, %s", place->akida_layer + 1, place->role);
    else
        sheet_before(s, SHEET_DIM, "on Akida  %s", place->role);
    if (add_findings(s, f, layer) == 0)
        sheet_after(s, SHEET_GOOD, "check has nothing to say about it");
    sheet_next(s, "Next: hist %s, check, layers", l->name);
    return s;
}
