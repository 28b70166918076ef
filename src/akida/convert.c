/* A quantized model into the network that Akida 1.0 executes. */
#include <string.h>

#include "akida/convert.h"
#include "base/alloc.h"

struct job {
    const struct c2s_model *m;
    const struct c2s_convert_options *options;
    struct akida_map map;
    struct c2s_akida_net *net;
    struct akida_scaling scaling; /* of the next layer's input */
};

static bool set_text(char **field, const char *text, const char *tail, struct c2s_error *err)
{
    *field = c2s_malloc(strlen(text) + strlen(tail) + 1);
    if (!*field)
        return c2s_fail_nomem(err);
    strcpy(*field, text);
    strcat(*field, tail);
    return true;
}

static void no_window(struct c2s_akida_layer *l)
{
    for (int i = 0; i < 2; i++) {
        l->kernel[i] = l->strides[i] = 1;
        l->pool_size[i] = l->pool_strides[i] = -1;
    }
}

static bool add_input_data(struct job *j, struct c2s_error *err)
{
    struct c2s_akida_layer *l = &j->net->layers[j->net->n_layers++];
    const struct c2s_layer *in = j->m->layers[0];
    const char *first = j->m->layers[j->m->n_layers > 1 ? 1 : 0]->name;
    l->type = C2S_AKIDA_INPUT_DATA;
    no_window(l);
    l->keras_first = l->keras_last = 0;
    l->input_bits = 4;
    for (int i = 0; i < 3; i++)
        l->input_dims[i] = l->output_dims[i] = in->rank == 3 ? (int)in->dims[i]
                                               : i == 2      ? (int)in->dims[0]
                                                             : 1;
    return set_text(&l->name, first, "_input", err);
}

static enum c2s_akida_type type_of(const struct job *j, const struct c2s_layer *l)
{
    if (l->op == C2S_OP_DENSE)
        return C2S_AKIDA_FULLY_CONNECTED;
    if (l->op == C2S_OP_SEPARABLE_CONV2D)
        return C2S_AKIDA_SEPARABLE_CONVOLUTIONAL;
    return j->net->n_layers == 0 ? C2S_AKIDA_INPUT_CONVOLUTIONAL : C2S_AKIDA_CONVOLUTIONAL;
}

static void set_window(struct c2s_akida_layer *l, const struct c2s_layer *conv,
                       const struct c2s_layer *pool)
{
    bool is_max = pool && pool->op == C2S_OP_MAX_POOL;
    l->padding = l->pool_padding = conv->attr.conv.padding;
    l->pool = !pool ? C2S_AKIDA_NO_POOL : is_max ? C2S_AKIDA_MAX_POOL : C2S_AKIDA_AVERAGE_POOL;
    for (int i = 0; i < 2; i++) {
        l->kernel[i] = conv->attr.conv.kernel[i];
        l->strides[i] = conv->attr.conv.strides[i];
        int n = (int)c2s_window_length(l->input_dims[i], l->kernel[i], l->strides[i], 1, l->padding,
                                       NULL);
        if (is_max) {
            l->pool_size[i] = pool->attr.pool.size[i];
            l->pool_strides[i] = pool->attr.pool.strides[i];
            n = (int)c2s_window_length(n, l->pool_size[i], l->pool_strides[i], 1, l->pool_padding,
                                       NULL);
        }
        l->output_dims[i] = l->pool == C2S_AKIDA_AVERAGE_POOL ? 1 : n;
    }
}

static void describe(const struct job *j, const struct akida_block *b, struct c2s_akida_layer *l)
{
    const struct c2s_layer *neural = j->m->layers[b->neural];
    const struct c2s_akida_layer *before = j->net->n_layers > 0 ? l - 1 : NULL;
    l->type = type_of(j, neural);
    no_window(l);
    l->keras_first = b->first;
    l->keras_last = b->last;
    for (int i = 0; i < 3; i++)
        l->input_dims[i] = before ? before->output_dims[i] : (int)j->m->layers[0]->dims[i];
    l->input_bits = !before ? 8 : before->type == C2S_AKIDA_INPUT_DATA ? 4 : before->act_bits;
    l->weights_bits = neural->quantizer.bitwidth;
    l->has_activation = b->activation >= 0;
    l->act_bits = l->has_activation ? j->m->layers[b->activation]->attr.quantized_relu.bitwidth : 0;
    if (l->type == C2S_AKIDA_INPUT_CONVOLUTIONAL)
        l->padding_value = (int)j->scaling.shift;
    l->filters = neural->op == C2S_OP_DENSE ? neural->attr.dense.units : neural->attr.conv.filters;
    l->output_dims[0] = l->output_dims[1] = 1;
    l->output_dims[2] = l->filters;
    if (neural->op != C2S_OP_DENSE)
        set_window(l, neural, b->pool >= 0 ? j->m->layers[b->pool] : NULL);
}

static bool add_block(struct job *j, const struct akida_block *b, struct c2s_error *err)
{
    struct c2s_akida_layer *l = &j->net->layers[j->net->n_layers];
    enum c2s_rule_of_conversion rule = j->options->rule;
    struct akida_neural n;
    bool *negate = NULL;
    describe(j, b, l);
    if (!akida_neural_init(&n, j->m, b, rule, err))
        return false;
    const struct akida_threshold_inputs from = {j->m, b, &n, j->scaling, rule};
    j->net->n_layers++;
    bool ok = set_text(&l->name, j->m->layers[b->neural]->name, "", err) &&
              akida_thresholds(&from, l, &negate, err) && akida_weights(&n, negate, l, err);
    if (ok && b->activation >= 0) {
        float step, threshold;
        c2s_layer_activation_step(j->m->layers[b->activation], &step, &threshold);
        j->scaling = (struct akida_scaling){.scale = 1.0 / (double)step};
    }
    c2s_free(negate);
    akida_neural_finish(&n);
    return ok;
}

static bool build(struct job *j, struct c2s_error *err)
{
    j->net = c2s_calloc(1, sizeof *j->net);
    if (!j->net)
        return c2s_fail_nomem(err);
    j->net->layers = c2s_calloc((size_t)j->map.n + 1, sizeof *j->net->layers);
    j->net->input_scale = j->map.scale;
    j->net->input_shift = j->map.shift;
    j->net->rule = j->options->rule;
    j->scaling = (struct akida_scaling){j->map.scale, j->map.shift};
    bool ok = (j->net->layers || c2s_fail_nomem(err)) &&
              set_text(&j->net->name, j->m->name, "", err) &&
              (!j->options->input_is_integers || add_input_data(j, err));
    for (int i = 0; ok && i < j->map.n; i++)
        ok = add_block(j, &j->map.blocks[i], err);
    return ok;
}

bool c2s_akida_convert(const struct c2s_model *m, const struct c2s_convert_options *options,
                       struct c2s_akida_net **out, struct c2s_error *err)
{
    struct job j = {.m = m, .options = options};
    *out = NULL;
    if (!akida_map(m, options, &j.map, err))
        return false;
    bool ok = build(&j, err);
    akida_map_finish(&j.map);
    if (ok)
        *out = j.net;
    else
        c2s_akida_net_destroy(j.net);
    return ok;
}
