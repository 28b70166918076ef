/* Which Keras layers make which Akida layer: one neural layer, with the BatchNormalization, pool
 * and activation that follow it. The numbers are in weights.c and thresholds.c. */
#include <math.h>
#include <string.h>

#include <c2s/json.h>

#include "akida/convert.h"
#include "base/alloc.h"

struct walk {
    const struct c2s_model *m;
    const struct c2s_convert_options *options;
    struct akida_map *map;
    int next_first; /* first layer that no block has yet */
    int flatten;    /* a Flatten that waits for its Dense, or -1 */
    struct c2s_error *err;
};

static struct akida_block *current(const struct walk *w)
{
    return w->map->n > 0 ? &w->map->blocks[w->map->n - 1] : NULL;
}

static bool unsupported(const struct walk *w, const struct c2s_layer *l, const char *why)
{
    return c2s_fail(w->err, C2S_UNSUPPORTED, "layer '%s' (%s) %s", l->name, l->class_name, why);
}

/* ---- input scaling ---- */

/* The Keras config holds the numbers as Python knows them, in float64; attr only in float32. A
 * config that says something else is of an earlier state of the layer: attr is right. */
static double more_exact(const struct c2s_json *config, const char *key, float attr)
{
    double value = c2s_json_real(c2s_json_get(config, key), (double)attr);
    return (float)value == attr ? value : (double)attr;
}

static bool take_rescaling(struct walk *w, int index)
{
    const struct c2s_layer *l = w->m->layers[index];
    struct c2s_error problem = {0};
    struct c2s_json *config =
        l->config ? c2s_json_parse(l->config, strlen(l->config), &problem) : NULL;
    if (problem.code == C2S_NOMEM)
        return c2s_fail_nomem(w->err);
    double scale = more_exact(config, "scale", l->attr.rescaling.scale);
    double offset = more_exact(config, "offset", l->attr.rescaling.offset);
    c2s_json_free(config);
    if (index != 1)
        return unsupported(w, l, "must be the first layer; move it there or take it out");
    w->map->scale = 1 / scale;
    w->map->shift = -offset / scale;
    return true;
}

static bool check_scaling(const struct walk *w)
{
    double scale = w->map->scale, shift = w->map->shift;
    if (!(scale > 0) || !isfinite(scale) || !isfinite(shift) || fabs(shift) > 1e9)
        return c2s_fail(
            w->err, C2S_RANGE,
            "the input scaling %g, %g is not possible; the scale must be above 0 (Akida "
            "input = scale * Keras input + shift)",
            scale, shift);
    if (w->options->input_is_integers && shift != 0)
        return c2s_fail(w->err, C2S_RANGE,
                        "the input shift is %g; without an image input it must be 0", shift);
    return true;
}

/* ---- neural layers ---- */

static bool check_quantized(const struct walk *w, const struct c2s_layer *l)
{
    int bits = l->quantizer.bitwidth;
    if (l->quantizer.id == C2S_QUANTIZER_NONE ||
        (l->op == C2S_OP_SEPARABLE_CONV2D && l->quantizer_dw.id == C2S_QUANTIZER_NONE))
        return unsupported(w, l,
                           "has float weights; quantize it first, for example 'quantize weights 4 "
                           "--input 8'");
    if (l->op == C2S_OP_SEPARABLE_CONV2D && l->quantizer_dw.bitwidth != bits)
        return unsupported(w, l,
                           "has depthwise and pointwise weights of different bits; quantize both "
                           "to the same number");
    if (w->options->rule == C2S_CONVERT_22 && bits != 2 && bits != 4 && bits != 8)
        return c2s_fail(w->err, C2S_UNSUPPORTED,
                        "layer '%s' (%s) has weights of %d bits; Akida takes 2, 4 or 8, so "
                        "quantize it again",
                        l->name, l->class_name, bits);
    return true;
}

static bool check_conv(const struct walk *w, const struct c2s_layer *l)
{
    const struct c2s_conv_attr *a = &l->attr.conv;
    if (a->dilation[0] != 1 || a->dilation[1] != 1)
        return unsupported(w, l, "has a dilation; Akida knows none, use a larger kernel or stride");
    if (a->kernel[0] % 2 == 0 || a->kernel[1] % 2 == 0)
        return unsupported(w, l, "has a kernel of even size; Akida takes 1, 3, 5 or 7");
    if (a->groups != 1 || a->depth_multiplier != 1)
        return unsupported(w, l, "has groups or a depth multiplier; Akida knows neither");
    return true;
}

static bool check_dense(const struct walk *w, const struct c2s_layer *l)
{
    const struct c2s_layer *in = w->m->layers[l->inputs[0]];
    bool is_flat = in->rank == 1 || (in->rank == 3 && in->dims[0] == 1 && in->dims[1] == 1);
    return is_flat || unsupported(w, l, "reads an image; put a Flatten layer in front of it");
}

static bool is_last_neural(const struct walk *w, int index)
{
    for (int i = index + 1; i < w->m->n_layers; i++)
        if (c2s_layer_is_neural(w->m->layers[i]))
            return false;
    return true;
}

static bool check_inlined(const struct walk *w, const struct c2s_layer *l)
{
    return c2s_layer_function(l) == C2S_FN_LINEAR ||
           unsupported(
               w, l, "has its activation inside; make it a layer of its own, then quantize again");
}

static bool check_first(const struct walk *w, const struct c2s_layer *l)
{
    const struct c2s_layer *in = w->m->layers[l->inputs[0]];
    if (w->options->input_is_integers ||
        (l->op == C2S_OP_CONV2D && in->rank == 3 && (in->dims[2] == 1 || in->dims[2] == 3)))
        return true;
    return unsupported(w, l,
                       "cannot take images: the first layer must be a Conv2D on 1 or 3 channels; "
                       "for data that is no image say that the input is integers");
}

static bool start_block(struct walk *w, int index)
{
    const struct c2s_layer *l = w->m->layers[index];
    const struct akida_block *before = current(w);
    if (before && before->activation < 0)
        return c2s_fail(w->err, C2S_UNSUPPORTED,
                        "layer '%s' (%s) follows '%s' without a quantized activation between them; "
                        "put a ReLU there and quantize it",
                        l->name, l->class_name, w->m->layers[before->neural]->name);
    if (w->flatten >= 0 && l->op != C2S_OP_DENSE)
        return unsupported(w, w->m->layers[w->flatten], "is only possible in front of a Dense");
    if (!(before || check_first(w, l)) ||
        !(l->op == C2S_OP_DENSE ? check_dense(w, l) : check_conv(w, l)) || !check_inlined(w, l) ||
        !check_quantized(w, l))
        return false;
    struct akida_block *grown =
        c2s_realloc(w->map->blocks, sizeof *grown * (size_t)(w->map->n + 1));
    if (!grown)
        return c2s_fail_nomem(w->err);
    w->map->blocks = grown;
    grown[w->map->n++] = (struct akida_block){.first = w->next_first,
                                              .last = index,
                                              .neural = index,
                                              .batch_norm = -1,
                                              .pool = -1,
                                              .activation = -1};
    w->flatten = -1;
    return true;
}

/* ---- what follows a neural layer ---- */

static bool join(struct walk *w, int index, int *slot, const char *kind)
{
    const struct c2s_layer *l = w->m->layers[index];
    struct akida_block *b = current(w);
    if (!b || w->flatten >= 0)
        return unsupported(w, l, "must follow a convolution or Dense layer directly");
    if (*slot >= 0)
        return c2s_fail(w->err, C2S_UNSUPPORTED,
                        "layer '%s' (%s) is the second %s after '%s'; Akida takes one, so take one "
                        "out or put a layer between",
                        l->name, l->class_name, kind, w->m->layers[b->neural]->name);
    *slot = b->last = index;
    return true;
}

static bool has_sign(const struct c2s_layer *l, bool or_negative)
{
    const struct c2s_tensor *gamma = l->params[C2S_GAMMA];
    for (int64_t i = 0; gamma && i < c2s_tensor_count(gamma); i++)
        if (c2s_f32(gamma)[i] == 0 || (or_negative && c2s_f32(gamma)[i] < 0))
            return true;
    return false;
}

static bool join_batch_norm(struct walk *w, int index)
{
    const struct c2s_layer *l = w->m->layers[index];
    struct akida_block none = {.batch_norm = -1}, *b = current(w) ? current(w) : &none;
    bool after_max = current(w) && b->pool >= 0 && w->m->layers[b->pool]->op == C2S_OP_MAX_POOL;
    int axis = l->attr.batch_norm.axis;
    if (current(w) && b->activation >= 0)
        return unsupported(w, l, "follows an activation; Akida needs it in front of that");
    if (axis != -1 && axis != w->m->layers[l->inputs[0]]->rank)
        return unsupported(w, l, "does not normalize the last axis; train it with axis -1");
    if (has_sign(l, after_max))
        return unsupported(w, l,
                           after_max
                               ? "has a gamma that is 0 or negative behind a max pool; put it "
                                 "in front of the pool"
                               : "has a gamma that is 0; take that filter out");
    return join(w, index, &b->batch_norm, "BatchNormalization");
}

static bool join_pool(struct walk *w, int index)
{
    const struct c2s_layer *l = w->m->layers[index];
    struct akida_block none = {.pool = -1}, *b = current(w) ? current(w) : &none;
    const struct c2s_layer *neural = current(w) ? w->m->layers[b->neural] : NULL;
    if (neural && neural->op == C2S_OP_DENSE)
        return unsupported(w, l, "follows a Dense layer; Akida pools convolutions only");
    if (neural && l->op == C2S_OP_GLOBAL_AVERAGE_POOL && b->activation >= 0)
        return unsupported(w, l,
                           "follows its activation; Akida 1.0 needs the activation behind it");
    if (neural && l->op == C2S_OP_MAX_POOL && l->attr.pool.padding != neural->attr.conv.padding)
        return c2s_fail(w->err, C2S_UNSUPPORTED,
                        "layer '%s' (%s) has another padding than '%s'; give both the same",
                        l->name, l->class_name, neural->name);
    return join(w, index, &b->pool, "pool");
}

static bool join_activation(struct walk *w, int index)
{
    const struct c2s_layer *l = w->m->layers[index];
    struct akida_block none = {.activation = -1}, *b = current(w) ? current(w) : &none;
    int bits = l->attr.quantized_relu.bitwidth;
    bool is_known = w->options->rule == C2S_CONVERT_22 ? bits == 1 || bits == 2 || bits == 4
                                                       : bits >= 1 && bits <= 4;
    if (!is_known)
        return c2s_fail(
            w->err, C2S_UNSUPPORTED,
            "layer '%s' (%s) has %d bits; Akida activations have 1, 2 or 4, so quantize "
            "it again",
            l->name, l->class_name, bits);
    return join(w, index, &b->activation, "activation");
}

static bool check_reshape(const struct walk *w, const struct c2s_layer *l)
{
    const struct c2s_layer *in = w->m->layers[l->inputs[0]];
    bool is_same =
        l->rank == in->rank && memcmp(l->dims, in->dims, sizeof *l->dims * (size_t)l->rank) == 0;
    const struct c2s_layer *image = l->rank == 3 ? l : in, *flat = l->rank == 3 ? in : l;
    bool is_flat = image->rank == 3 && flat->rank == 1 && image->dims[0] == 1 &&
                   image->dims[1] == 1 && image->dims[2] == flat->dims[0];
    return is_same || is_flat ||
           unsupported(w, l, "may only turn N into 1,1,N or back; use Flatten in front of a Dense");
}

static bool visit(struct walk *w, int index)
{
    const struct c2s_layer *l = w->m->layers[index];
    switch (l->op) {
    case C2S_OP_INPUT:
    case C2S_OP_DROPOUT:
        return true;
    case C2S_OP_RESCALING:
        return take_rescaling(w, index);
    case C2S_OP_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
    case C2S_OP_DENSE:
        return start_block(w, index);
    case C2S_OP_BATCH_NORM:
        return join_batch_norm(w, index);
    case C2S_OP_MAX_POOL:
    case C2S_OP_GLOBAL_AVERAGE_POOL:
        return join_pool(w, index);
    case C2S_OP_DISCRETE_RELU:
    case C2S_OP_QUANTIZED_RELU:
        return join_activation(w, index);
    case C2S_OP_RELU:
        return unsupported(w, l,
                           "is float; quantize it first, for example 'quantize activations 4'");
    case C2S_OP_FLATTEN:
        w->flatten = index;
        return true;
    case C2S_OP_RESHAPE:
        return check_reshape(w, l);
    case C2S_OP_ACTIVATION:
    case C2S_OP_SOFTMAX:
        return is_last_neural(w, index) ||
               unsupported(w, l,
                           "is an activation that only the end of the model may have; use a "
                           "ReLU and quantize it");
    default:
        return unsupported(w, l, "has no counterpart on Akida 1.0; replace it, 'check' says how");
    }
}

static bool check_chain(const struct walk *w)
{
    const struct c2s_model *m = w->m;
    if (m->n_inputs != 1 || m->n_outputs != 1)
        return c2s_fail(
            w->err, C2S_UNSUPPORTED,
            "model '%s' has several ends (inputs: %d, outputs: %d); Akida 1.0 takes one of each",
            m->name, m->n_inputs, m->n_outputs);
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        bool follows = i == 0 ? l->op == C2S_OP_INPUT : l->n_inputs == 1 && l->inputs[0] == i - 1;
        if (!follows)
            return unsupported(w, l, "is not part of one chain; Akida 1.0 takes no branches");
        bool is_known = l->rank >= 0 && l->rank != 2 && l->rank <= 3;
        for (int k = 0; is_known && k < l->rank; k++)
            is_known = l->dims[k] > 0 && l->dims[k] <= 1 << 20;
        if (!is_known && l->op != C2S_OP_UNKNOWN)
            return unsupported(w, l, "must have a fixed shape of H,W,C or N; give the model one");
    }
    return true;
}

bool akida_map(const struct c2s_model *m, const struct c2s_convert_options *options,
               struct akida_map *map, struct c2s_error *err)
{
    *map = (struct akida_map){.scale = options->input_scale != 0 ? options->input_scale : 1,
                              .shift = options->input_shift};
    struct walk w = {m, options, map, 0, -1, err};
    bool ok = check_chain(&w);
    for (int i = 0; ok && i < m->n_layers; i++) {
        ok = visit(&w, i);
        if (map->n > 0)
            w.next_first = current(&w)->last + 1;
    }
    ok = ok && check_scaling(&w);
    if (ok && map->n == 0)
        ok = c2s_fail(err, C2S_UNSUPPORTED,
                      "model '%s' has no convolution or Dense layer to convert", m->name);
    if (!ok)
        akida_map_finish(map);
    return ok;
}

void akida_map_finish(struct akida_map *map)
{
    c2s_free(map->blocks);
    map->blocks = NULL;
    map->n = 0;
}
