/* The network a model will become, for the rules that look at thresholds and steps. */
#include <string.h>

#include <c2s/quantize.h>

#include "base/alloc.h"
#include "check/rule.h"

static bool is_float(const struct c2s_layer *l)
{
    return l->op == C2S_OP_RELU || (c2s_layer_is_akida_neural(l) && !c2s_layer_is_quantized(l));
}

/* Names of the layers still to quantize, with commas between: a list for quantize. New text, "" if
 * there are none; NULL on NOMEM. */
static char *float_layers(const struct c2s_model *m)
{
    size_t length = 1;
    for (int i = 0; i < m->n_layers; i++)
        if (is_float(m->layers[i]))
            length += strlen(m->layers[i]->name) + 1;
    char *list = c2s_malloc(length), *end = list;
    if (!list)
        return NULL;
    *end = '\0';
    for (int i = 0; i < m->n_layers; i++) {
        if (!is_float(m->layers[i]))
            continue;
        if (end != list)
            *end++ = ',';
        end = stpcpy(end, m->layers[i]->name);
    }
    return list;
}

/* *out is m itself when nothing in it is float, else new. */
static bool quantize_rest(struct c2s_check_run *run, struct c2s_model **quantized,
                          struct c2s_error *err)
{
    struct c2s_quantize_report report;
    char *layers = float_layers(run->m);
    if (!layers)
        return c2s_fail_nomem(err);
    const struct c2s_quantize_plan plan = {
        .weight_quantization = 4,
        .activ_quantization = 4,
        .input_weight_quantization = c2s_is_input_convolution(run, 0) ? 8 : 4,
        .layers = layers,
    };
    run->is_predicted = layers[0] != '\0';
    bool ok = !run->is_predicted || c2s_quantize(run->m, &plan, NULL, quantized, &report, err);
    c2s_free(layers);
    return ok;
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
