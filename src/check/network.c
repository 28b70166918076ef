/* The network a model will become, for the rules that look at thresholds and steps. */
#include <c2s/quantize.h>

#include "check/rule.h"

static bool has_float(const struct c2s_model *m)
{
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        if (l->op == C2S_OP_RELU || (c2s_layer_is_akida_neural(l) && !c2s_layer_is_quantized(l)))
            return true;
    }
    return false;
}

/* *out is m itself when nothing in it is float, else new. */
static bool quantize_rest(struct c2s_check_run *run, struct c2s_model **quantized,
                          struct c2s_error *err)
{
    const struct c2s_quantize_plan plan = {
        .weight_quantization = 4,
        .activ_quantization = 4,
        .input_weight_quantization = c2s_is_input_convolution(run, 0) ? 8 : 4,
        .only_float = true,
    };
    run->is_predicted = has_float(run->m);
    return !run->is_predicted || c2s_quantize(run->m, &plan, NULL, quantized, NULL, err);
}

static void convert(struct c2s_check_run *run)
{
    const struct c2s_check_options *o = run->options;
    bool is_known = o->input_scale != 0;
    const struct c2s_convert_options options = {
        .input_scale = is_known               ? o->input_scale
                       : o->input_is_integers ? 1
                                              : 255,
        .input_shift = is_known ? o->input_shift : 0,
        .input_is_integers = o->input_is_integers,
    };
    struct c2s_model *quantized = NULL;
    bool ok =
        quantize_rest(run, &quantized, &run->conversion) &&
        c2s_akida_convert(quantized ? quantized : run->m, &options, &run->net, &run->conversion);
    if (!ok && run->conversion.code == C2S_NOMEM)
        run->is_out_of_memory = true;
    c2s_model_destroy(quantized);
}

const struct c2s_akida_net *c2s_check_network(struct c2s_check_run *run)
{
    const int *n_errors_at = run->out->n_errors_at;
    if (!run->is_tried && n_errors_at[C2S_LEVEL_KERAS] + n_errors_at[C2S_LEVEL_AKIDA] == 0)
        convert(run);
    run->is_tried = true;
    return run->net;
}
