/* Which Keras layers make which Akida layer: one neural layer, with the BatchNormalization, pool
 * and activation that follow it. The numbers are in weights.c and thresholds.c. */
#include <math.h>
#include <string.h>

#include <c2s/json.h>
#include <c2s/rules.h>

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

/* A refusal in the words of the rule; what says what the layer does against it. */
static bool refuse(const struct walk *w, const char *rule, const struct c2s_layer *l,
                   const char *what)
{
    return c2s_fail_rule(w->err, C2S_UNSUPPORTED, rule, "layer '%s' (%s) %s", l->name,
                         l->class_name, what);
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
        return refuse(w, "E023", l, "is not the first layer");
    if (w->options->input_is_integers)
        return refuse(w, "E023", l, "stands in front of an input of integers");
    if (!(scale > 0))
        return refuse(w, "E023", l, "has a scale that is not above 0");
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
        return refuse(w, "W032", l, "has float weights");
    if (l->op == C2S_OP_SEPARABLE_CONV2D && l->quantizer_dw.bitwidth != bits)
        return refuse(w, "E028", l, "has depthwise and pointwise weights of different bits");
    bool is_image_layer = w->map->n == 0 && !w->options->input_is_integers; /* takes 2 to 8 bits */
    if (w->options->rule == C2S_CONVERT_22 && !is_image_layer && bits != 2 && bits != 4 &&
        bits != 8)
        return c2s_fail_rule(w->err, C2S_UNSUPPORTED, "E026",
                             "layer '%s' (%s) has weights of %d bits", l->name, l->class_name,
                             bits);
    return true;
}

/* The constructors of akida 2.2.6 refuse that, those of 1.8.13 do not. */
static bool strides_over(const struct walk *w, const int window[2], const int strides[2])
{
    return w->options->rule == C2S_CONVERT_22 && (strides[0] > window[0] || strides[1] > window[1]);
}

static bool check_conv(const struct walk *w, const struct c2s_layer *l)
{
    const struct c2s_conv_attr *a = &l->attr.conv;
    if (a->dilation[0] != 1 || a->dilation[1] != 1)
        return refuse(w, "E006", l, "has a dilation");
    if (a->kernel[0] % 2 == 0 || a->kernel[1] % 2 == 0)
        return refuse(w, "E029", l, "has a kernel of even size");
    if (a->groups != 1)
        return refuse(w, "E007", l, "has groups");
    bool is_image_layer = w->map->n == 0 && !w->options->input_is_integers;
    if (!is_image_layer && strides_over(w, a->kernel, a->strides))
        return refuse(w, "E030", l, "has a stride larger than its kernel");
    return a->depth_multiplier == 1 || refuse(w, "E008", l, "has a depth multiplier");
}

static bool check_dense(const struct walk *w, const struct c2s_layer *l)
{
    const struct c2s_layer *in = w->m->layers[l->inputs[0]];
    bool is_flat = in->rank == 1 || (in->rank == 3 && in->dims[0] == 1 && in->dims[1] == 1);
    return is_flat || refuse(w, "E022", l, "reads an image");
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
           refuse(w, "E005", l, "has its activation inside");
}

static bool check_first(const struct walk *w, const struct c2s_layer *l)
{
    const struct c2s_layer *in = w->m->layers[l->inputs[0]];
    if (w->options->input_is_integers ||
        (l->op == C2S_OP_CONV2D && in->rank == 3 && (in->dims[2] == 1 || in->dims[2] == 3)))
        return true;
    return refuse(w, "E024", l, "cannot take images");
}

static bool start_block(struct walk *w, int index)
{
    const struct c2s_layer *l = w->m->layers[index];
    const struct akida_block *before = current(w);
    if (before && before->activation < 0)
        return c2s_fail_rule(w->err, C2S_UNSUPPORTED, "E015",
                             "layer '%s' (%s) follows '%s' without an activation between them",
                             l->name, l->class_name, w->m->layers[before->neural]->name);
    if (w->flatten >= 0 && l->op != C2S_OP_DENSE)
        return refuse(w, "E020", w->m->layers[w->flatten], "stands in front of another layer");
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

static bool join(struct walk *w, int index, int *slot, const char *rule)
{
    const struct c2s_layer *l = w->m->layers[index];
    struct akida_block *b = current(w);
    if (b && w->flatten >= 0)
        return refuse(w, "E020", w->m->layers[w->flatten], "stands in front of another layer");
    if (!b)
        return refuse(w, rule, l, "follows no neural layer");
    if (*slot >= 0)
        return c2s_fail_rule(w->err, C2S_UNSUPPORTED, rule,
                             "layer '%s' (%s) is the second of its kind after '%s'", l->name,
                             l->class_name, w->m->layers[b->neural]->name);
    *slot = b->last = index;
    return true;
}

static float least_gamma(const struct c2s_layer *l, bool of_sizes)
{
    const struct c2s_tensor *gamma = l->params[C2S_GAMMA];
    float least = 1;
    for (int64_t i = 0; gamma && i < c2s_tensor_count(gamma); i++)
        least = fminf(least, of_sizes ? fabsf(c2s_f32(gamma)[i]) : c2s_f32(gamma)[i]);
    return least;
}

static bool join_batch_norm(struct walk *w, int index)
{
    const struct c2s_layer *l = w->m->layers[index];
    struct akida_block none = {.batch_norm = -1}, *b = current(w) ? current(w) : &none;
    bool after_max = current(w) && b->pool >= 0 && w->m->layers[b->pool]->op == C2S_OP_MAX_POOL;
    int axis = l->attr.batch_norm.axis;
    if (current(w) && b->activation >= 0)
        return refuse(w, "E013", l, "follows an activation");
    if (axis != -1 && axis != w->m->layers[l->inputs[0]]->rank)
        return refuse(w, "E012", l, "does not normalize the last axis");
    if (least_gamma(l, true) == 0)
        return refuse(w, "E010", l, "has a gamma of 0");
    if (after_max && least_gamma(l, false) < 0)
        return refuse(w, "E011", l, "has a negative gamma behind a max pool");
    return join(w, index, &b->batch_norm, "E013");
}

static bool join_pool(struct walk *w, int index)
{
    const struct c2s_layer *l = w->m->layers[index];
    struct akida_block none = {.pool = -1}, *b = current(w) ? current(w) : &none;
    const struct c2s_layer *neural = current(w) ? w->m->layers[b->neural] : NULL;
    if (neural && neural->op == C2S_OP_DENSE)
        return refuse(w, "E018", l, "follows a Dense layer");
    if (neural && l->op == C2S_OP_GLOBAL_AVERAGE_POOL && b->activation >= 0)
        return refuse(w, "E018", l, "follows its activation");
    if (neural && l->op == C2S_OP_MAX_POOL && l->attr.pool.padding != neural->attr.conv.padding)
        return c2s_fail_rule(w->err, C2S_UNSUPPORTED, "E019",
                             "layer '%s' (%s) has another padding than '%s'", l->name,
                             l->class_name, neural->name);
    if (neural && l->op == C2S_OP_MAX_POOL &&
        strides_over(w, l->attr.pool.size, l->attr.pool.strides))
        return refuse(w, "E030", l, "has a stride larger than its size");
    return join(w, index, &b->pool, "E018");
}

static bool join_activation(struct walk *w, int index)
{
    const struct c2s_layer *l = w->m->layers[index];
    struct akida_block none = {.activation = -1}, *b = current(w) ? current(w) : &none;
    int bits = l->attr.quantized_relu.bitwidth;
    bool is_known = w->options->rule == C2S_CONVERT_22 ? bits == 1 || bits == 2 || bits == 4
                                                       : bits >= 1 && bits <= 4;
    if (!is_known)
        return c2s_fail_rule(w->err, C2S_UNSUPPORTED, "E027", "layer '%s' (%s) has %d bits",
                             l->name, l->class_name, bits);
    return join(w, index, &b->activation, "E016");
}

static bool check_reshape(const struct walk *w, const struct c2s_layer *l)
{
    const struct c2s_layer *in = w->m->layers[l->inputs[0]];
    bool is_same =
        l->rank == in->rank && memcmp(l->dims, in->dims, sizeof *l->dims * (size_t)l->rank) == 0;
    const struct c2s_layer *image = l->rank == 3 ? l : in, *flat = l->rank == 3 ? in : l;
    bool is_flat = image->rank == 3 && flat->rank == 1 && image->dims[0] == 1 &&
                   image->dims[1] == 1 && image->dims[2] == flat->dims[0];
    return is_same || is_flat || refuse(w, "E021", l, "changes the shape");
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
        return l->attr.relu.threshold == 0 ? refuse(w, "W031", l, "is float")
                                           : refuse(w, "E025", l, "has a threshold");
    case C2S_OP_FLATTEN:
        w->flatten = index;
        return true;
    case C2S_OP_RESHAPE:
        return check_reshape(w, l);
    case C2S_OP_ACTIVATION:
    case C2S_OP_SOFTMAX:
        return is_last_neural(w, index) ||
               refuse(w, "E017", l, "stands in front of a neural layer");
    default:
        return c2s_layer_is_channels_first(l)
                   ? refuse(w, "E009", l, "has channels in another axis than the last")
                   : refuse(w, "E004", l, "has no counterpart on Akida 1.0");
    }
}

static bool check_chain(const struct walk *w)
{
    const struct c2s_model *m = w->m;
    if (m->n_inputs != 1)
        return c2s_fail_rule(w->err, C2S_UNSUPPORTED, "E001", "model '%s' has %d inputs", m->name,
                             m->n_inputs);
    if (m->n_outputs != 1)
        return c2s_fail_rule(w->err, C2S_UNSUPPORTED, "E002", "model '%s' has %d outputs", m->name,
                             m->n_outputs);
    bool is_computed = true; /* an unknown layer, refused later, leaves what follows shapeless */
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        bool follows = i == 0 ? l->op == C2S_OP_INPUT : l->n_inputs == 1 && l->inputs[0] == i - 1;
        if (!follows)
            return refuse(w, "E003", l, "is not part of one chain");
        bool is_known = l->rank >= 0 && l->rank != 2 && l->rank <= 3;
        for (int k = 0; is_known && k < l->rank; k++)
            is_known = l->dims[k] > 0 && l->dims[k] <= 1 << 20;
        is_computed = is_computed && l->op != C2S_OP_UNKNOWN;
        if (!is_known && is_computed)
            return refuse(w, "E035", l, "has no fixed shape of H,W,C or N");
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
        ok = c2s_fail_rule(err, C2S_UNSUPPORTED, "E024",
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
