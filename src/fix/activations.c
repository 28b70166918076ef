/* Fixes of activations: split off, written as ReLU, merged, left out, replaced. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <c2s/json.h>

#include "fix/place.h"

/* The name of the activation in the layer's config, copied into out; "" = none. */
static void configured_name(const struct c2s_layer *l, char *out, size_t size)
{
    struct c2s_error ignored = {0}; /* a config that is no JSON names no activation */
    struct c2s_json *json =
        l->config ? c2s_json_parse(l->config, strlen(l->config), &ignored) : NULL;
    snprintf(out, size, "%s", c2s_json_text(c2s_json_get(json, "activation"), ""));
    c2s_json_free(json);
}

/* {"activation": NAME}: where an Activation keeps the name of a function that is not computed. */
static bool set_function_name(struct c2s_layer *l, const char *name, struct c2s_error *err)
{
    struct c2s_json *object = c2s_json_new_object();
    char *text = NULL;
    if (c2s_json_set(object, "activation", c2s_json_new_text(name)))
        text = c2s_json_print(object, 17, false);
    bool ok = text ? c2s_layer_set_text(&l->config, text, err) : c2s_fail_nomem(err);
    c2s_json_text_free(text);
    c2s_json_free(object);
    return ok;
}

/* New layer that computes f. */
static struct c2s_layer *activation_layer(enum c2s_function f, const char *name,
                                          const char *configured, struct c2s_error *err)
{
    enum c2s_op op = f == C2S_FN_RELU || f == C2S_FN_RELU6 ? C2S_OP_RELU
                     : f == C2S_FN_SOFTMAX                 ? C2S_OP_SOFTMAX
                                                           : C2S_OP_ACTIVATION;
    struct c2s_layer *l = c2s_layer_create(op, name, err);
    if (!l)
        return NULL;
    if (f == C2S_FN_RELU6)
        l->attr.relu.max_value = 6;
    if (op == C2S_OP_ACTIVATION)
        l->attr.activation.function = f;
    if (f == C2S_FN_OTHER && !set_function_name(l, configured, err)) {
        c2s_layer_destroy(l);
        return NULL;
    }
    return l;
}

bool fix_split_activation(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    char name[160], configured[64];
    enum c2s_function f = l ? c2s_layer_function(l) : C2S_FN_LINEAR;
    if (!l || !c2s_layer_is_neural(l) || f == C2S_FN_LINEAR)
        return true;
    configured_name(l, configured, sizeof configured);
    if (f == C2S_FN_OTHER && !configured[0])
        return fix_refused(p, "the name of its activation is not known");
    const char *said = f == C2S_FN_OTHER ? configured : c2s_function_names[f];
    struct c2s_layer *split =
        activation_layer(f, fix_name(p->m, l->name, said, name), configured, err);
    if (!split || !c2s_model_insert(p->m, split, p->layer, err))
        return false;
    if (l->op == C2S_OP_DENSE)
        l->attr.dense.function = C2S_FN_LINEAR;
    else
        l->attr.conv.function = C2S_FN_LINEAR;
    return fix_applied(p, "activation '%s' becomes the layer '%s'", said, name);
}

static bool is_zero(const struct c2s_tensor *t)
{
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        if (c2s_f32(t)[i] != 0)
            return false;
    return true;
}

static bool make_relu(struct c2s_layer *l, float max_value, struct c2s_error *err)
{
    if (!fix_set_op(l, C2S_OP_RELU, err))
        return false;
    c2s_layer_set_param(l, C2S_ALPHA, NULL);
    l->attr.relu.max_value = max_value;
    return true;
}

bool fix_activation_to_relu(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    if (!l)
        return true;
    if (l->op == C2S_OP_LEAKY_RELU || l->op == C2S_OP_PRELU) {
        bool is_plain = l->op == C2S_OP_PRELU
                            ? l->params[C2S_ALPHA] && is_zero(l->params[C2S_ALPHA])
                            : l->attr.relu.negative_slope == 0;
        if (!is_plain)
            return fix_refused(p, "what it does below 0 is not what a ReLU does");
        return make_relu(l, INFINITY, err) &&
               fix_applied(p, "it is written as ReLU: its slope is 0");
    }
    enum c2s_function f = l->op == C2S_OP_ACTIVATION ? l->attr.activation.function : C2S_FN_OTHER;
    if (f == C2S_FN_LINEAR)
        return c2s_model_remove(p->m, p->layer, err) &&
               fix_applied(p, "it is left out: 'linear' does nothing");
    if (f == C2S_FN_RELU || f == C2S_FN_RELU6)
        return make_relu(l, f == C2S_FN_RELU6 ? 6 : INFINITY, err) &&
               fix_applied(p, "it is written as ReLU%s",
                           f == C2S_FN_RELU6 ? " with max_value 6" : "");
    return l->op == C2S_OP_ACTIVATION || l->op == C2S_OP_SOFTMAX
               ? fix_refused(p, "no ReLU computes what this activation does")
               : true;
}

/* The same quantized activation, which applied twice is the same as once. */
static bool is_same_activation(const struct c2s_layer *a, const struct c2s_layer *b)
{
    float step[2], threshold[2];
    if (!c2s_layer_is_quantized_activation(a) || !c2s_layer_is_quantized_activation(b) ||
        c2s_layer_activation_bits(a) != c2s_layer_activation_bits(b) || !fix_is_idempotent(a))
        return false;
    c2s_layer_activation_step(a, &step[0], &threshold[0]);
    c2s_layer_activation_step(b, &step[1], &threshold[1]);
    return step[0] == step[1] && threshold[0] == threshold[1];
}

/* A maximum may stand between: it commutes with everything that never falls. */
bool fix_merge_relus(struct fix_place *p, struct c2s_error *err)
{
    static const enum c2s_op over[] = {C2S_OP_DROPOUT, C2S_OP_MAX_POOL, C2S_OP_FLATTEN,
                                       C2S_OP_COUNT};
    const struct c2s_layer *second = fix_layer(p);
    int index = second ? fix_back_over(p->m, p->layer, over) : -1;
    if (index < 0)
        return true;
    struct c2s_layer *first = p->m->layers[index];
    if (!c2s_layer_is_akida_activation(first))
        return true;
    bool is_plain = fix_is_plain_relu(first) && fix_is_plain_relu(second);
    if (!is_plain && !is_same_activation(first, second))
        return fix_refused(p, "'%s' (%s) before it is not an activation that takes it in",
                           first->name, first->class_name);
    if (is_plain)
        first->attr.relu.max_value = fminf(first->attr.relu.max_value, second->attr.relu.max_value);
    char kept[128];
    snprintf(kept, sizeof kept, "%s", first->name);
    return c2s_model_remove(p->m, p->layer, err) &&
           fix_applied(p, "it is left out: '%s' does the same", kept);
}

bool fix_drop_last_activation(struct fix_place *p, struct c2s_error *err)
{
    const struct c2s_layer *l = fix_layer(p);
    enum c2s_function f = l ? c2s_layer_function(l) : C2S_FN_OTHER;
    bool is_there = l && (l->op == C2S_OP_ACTIVATION || l->op == C2S_OP_SOFTMAX);
    if (!is_there)
        return true;
    if (f != C2S_FN_SOFTMAX && f != C2S_FN_SIGMOID && f != C2S_FN_TANH && f != C2S_FN_LINEAR)
        return fix_refused(p, "without it another class could be the largest");
    return c2s_model_remove(p->m, p->layer, err) &&
           fix_applied(p, "%s is left out: the class stays, the outputs are what went into it",
                       c2s_function_names[f]);
}

static bool is_other_class(const struct c2s_layer *l)
{
    static const char *const names[] = {"ELU", "ThresholdedReLU", "PReLU", "LeakyReLU"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (l->op == C2S_OP_UNKNOWN && l->n_inputs == 1 && strcmp(l->class_name, names[i]) == 0)
            return true;
    return false;
}

/* sigmoid and tanh end at 1, and so does what takes their place. */
bool fix_replace_activation(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    enum c2s_function f = l ? c2s_layer_function(l) : C2S_FN_LINEAR;
    if (!l || c2s_layer_is_neural(l))
        return true;
    if (l->op == C2S_OP_RELU) {
        float max_value = l->attr.relu.max_value > 0 ? l->attr.relu.max_value : INFINITY;
        return make_relu(l, max_value, err) && fix_applied(p, "it becomes a plain ReLU");
    }
    if (f == C2S_FN_SOFTMAX)
        return fix_refused(p, "a softmax inside the model has no substitute; take it out in Keras");
    bool is_bounded = f == C2S_FN_SIGMOID || f == C2S_FN_TANH;
    if (l->op != C2S_OP_LEAKY_RELU && l->op != C2S_OP_PRELU && l->op != C2S_OP_ACTIVATION &&
        !is_other_class(l))
        return true;
    char was[64];
    snprintf(was, sizeof was, "%s", l->class_name);
    if (l->op == C2S_OP_ACTIVATION)
        snprintf(was, sizeof was, "%s", f == C2S_FN_OTHER ? "activation" : c2s_function_names[f]);
    return make_relu(l, is_bounded ? 1 : INFINITY, err) &&
           fix_applied(p, "%s becomes ReLU%s", was, is_bounded ? " with max_value 1" : "");
}

bool fix_add_activation(struct fix_place *p, struct c2s_error *err)
{
    static const enum c2s_op over[] = {C2S_OP_BATCH_NORM, C2S_OP_MAX_POOL,
                                       C2S_OP_GLOBAL_AVERAGE_POOL, C2S_OP_DROPOUT, C2S_OP_COUNT};
    const struct c2s_layer *l = fix_layer(p);
    char name[160];
    if (!l || !c2s_layer_is_neural(l))
        return true;
    /* Behind what belongs to the same block: the layer that the next of another kind reads. */
    int next = fix_forward_over(p->m, p->layer, over);
    if (next < 0)
        return fix_refused(p, "the way to the next layer forks or ends");
    struct c2s_layer *relu =
        c2s_layer_create(C2S_OP_RELU, fix_name(p->m, l->name, "relu", name), err);
    if (!relu)
        return false;
    relu->attr.relu.max_value = 6;
    return c2s_model_insert(p->m, relu, p->m->layers[next]->inputs[0], err) &&
           fix_applied(p, "the layer '%s', a ReLU with max_value 6, follows it", name);
}

bool fix_average_to_max(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    if (!l || l->op != C2S_OP_AVERAGE_POOL)
        return true;
    struct c2s_pool_attr attr = l->attr.pool;
    if (!fix_set_op(l, C2S_OP_MAX_POOL, err))
        return false;
    l->attr.pool = attr;
    return fix_applied(p, "it becomes MaxPooling2D of the same size");
}
