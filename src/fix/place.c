/* The edits that several fixes share. */
#include "fix/place.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

bool fix_applied(struct fix_place *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->text, sizeof p->text, fmt, args);
    va_end(args);
    p->is_applied = true;
    return true;
}

bool fix_refused(struct fix_place *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->text, sizeof p->text, fmt, args);
    va_end(args);
    return true;
}

bool fix_cannot(struct fix_place *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->text, sizeof p->text, fmt, args);
    va_end(args);
    return false;
}

struct c2s_layer *fix_layer(const struct fix_place *p)
{
    return p->layer >= 0 ? p->m->layers[p->layer] : NULL;
}

bool fix_is_rule(const struct fix_place *p, const char *id)
{
    return strcmp(p->rule->id, id) == 0;
}

int fix_only_reader(const struct c2s_model *m, int index)
{
    int reader;
    if (quant_is_output(m, index) || c2s_model_n_readers(m, index, &reader) != 1)
        return -1;
    return m->layers[reader]->n_inputs == 1 ? reader : -1;
}

static bool is_one_of(enum c2s_op op, const enum c2s_op *ops)
{
    while (*ops != C2S_OP_COUNT)
        if (*ops++ == op)
            return true;
    return false;
}

int fix_back_over(const struct c2s_model *m, int index, const enum c2s_op *ops)
{
    do
        index = quant_only_input(m, index);
    while (index >= 0 && is_one_of(m->layers[index]->op, ops));
    return index;
}

int fix_forward_over(const struct c2s_model *m, int index, const enum c2s_op *ops)
{
    do
        index = fix_only_reader(m, index);
    while (index >= 0 && is_one_of(m->layers[index]->op, ops));
    return index;
}

bool fix_has_neural_behind(const struct c2s_model *m, int index)
{
    for (int i = fix_only_reader(m, index); i >= 0; i = fix_only_reader(m, i))
        if (c2s_layer_is_neural(m->layers[i]))
            return true;
    return false;
}

char *fix_name(const struct c2s_model *m, const char *base, const char *suffix, char out[160])
{
    snprintf(out, 160, "%.120s_%.20s", base, suffix);
    size_t n = strlen(out);
    for (int i = 1; c2s_model_find(m, out) >= 0; i++)
        snprintf(out + n, 160 - n, "_%d", i);
    return out;
}

bool fix_set_op(struct c2s_layer *l, enum c2s_op op, struct c2s_error *err)
{
    struct c2s_layer *fresh = c2s_layer_create(op, l->name, err);
    if (!fresh)
        return false;
    bool ok = c2s_layer_set_text(&l->class_name, fresh->class_name, err) &&
              c2s_layer_set_text(&l->config, NULL, err);
    if (ok) {
        l->op = op;
        l->attr = fresh->attr;
    }
    c2s_layer_destroy(fresh);
    return ok;
}

bool fix_is_plain_relu(const struct c2s_layer *l)
{
    return l->op == C2S_OP_RELU && l->attr.relu.negative_slope == 0 &&
           l->attr.relu.threshold == 0 && l->attr.relu.max_value > 0;
}

bool fix_is_idempotent(const struct c2s_layer *l)
{
    float step, threshold;
    if (!c2s_layer_is_quantized_activation(l))
        return fix_is_plain_relu(l);
    c2s_layer_activation_step(l, &step, &threshold);
    int n_levels = 1 << l->attr.quantized_relu.bitwidth;
    for (int level = 0; level < n_levels; level++)
        if (ceilf(((float)level * step - threshold) / step) != (float)level)
            return false;
    return true;
}

bool fix_is_std(const struct c2s_layer *l)
{
    const enum c2s_quantizer_id ids[] = {l->quantizer.id, l->quantizer_dw.id};
    for (int i = 0; i < 2; i++)
        if (ids[i] == C2S_QUANTIZER_STD || ids[i] == C2S_QUANTIZER_STD_PER_AXIS ||
            ids[i] == C2S_QUANTIZER_TRAINABLE_STD)
            return true;
    return false;
}

enum c2s_role fix_spatial_role(const struct c2s_layer *l)
{
    return l->op == C2S_OP_CONV2D ? C2S_KERNEL : C2S_DEPTHWISE_KERNEL;
}

bool fix_is_input_convolution(const struct fix_place *p, int layer)
{
    return !p->check->input_is_integers && layer == c2s_model_first_neural(p->m) &&
           p->m->layers[layer]->op == C2S_OP_CONV2D;
}

struct c2s_tensor *fix_own_bias(struct c2s_layer *l, int64_t n, struct c2s_error *err)
{
    struct c2s_tensor *bias = l->params[C2S_BIAS] ? c2s_tensor_clone(l->params[C2S_BIAS], err)
                                                  : c2s_tensor_create(C2S_F32, 1, &n, err);
    if (!bias)
        return NULL;
    c2s_layer_set_bias(l, bias);
    return bias;
}

bool fix_embed(struct c2s_layer *l, const int size[2], const int at[2], struct c2s_error *err)
{
    enum c2s_role role = fix_spatial_role(l);
    const struct c2s_tensor *old = l->params[role];
    int64_t kh = old->dims[0], kw = old->dims[1], row = old->dims[2] * old->dims[3];
    const int64_t dims[4] = {size[0], size[1], old->dims[2], old->dims[3]};
    if (kh == size[0] && kw == size[1])
        return true;
    struct c2s_tensor *kernel = c2s_tensor_create(C2S_F32, 4, dims, err);
    if (!kernel)
        return false;
    for (int64_t y = 0; y < kh; y++)
        for (int64_t x = 0; x < kw; x++)
            memcpy(c2s_f32(kernel) + ((y + at[0]) * size[1] + x + at[1]) * row,
                   c2s_f32(old) + (y * kw + x) * row, sizeof(float) * (size_t)row);
    c2s_layer_set_param(l, role, kernel);
    memcpy(l->attr.conv.kernel, size, sizeof l->attr.conv.kernel);
    return true;
}
