/* The tensors each kind of layer needs, and reading one of them. */
#include "keras/wanted.h"

#include <string.h>

#include <c2s/quantizer.h>

struct list {
    struct keras_wanted *items;
    int n;
};

static void want(struct list *g, int layer, enum c2s_role role, int rank, const int64_t *dims)
{
    struct keras_wanted *w = &g->items[g->n++];
    *w = (struct keras_wanted){.layer = layer, .role = role, .rank = rank};
    memcpy(w->dims, dims, sizeof *dims * (size_t)rank);
}

static void want_conv(struct list *g, int index, const struct c2s_layer *l, int64_t channels)
{
    const struct c2s_conv_attr *a = &l->attr.conv;
    int64_t h = a->kernel[0], w = a->kernel[1], filters = a->filters > 0 ? a->filters : -1;
    int64_t widened = channels < 0 ? -1 : channels * a->depth_multiplier;
    if (l->op == C2S_OP_CONV2D)
        want(g, index, C2S_KERNEL, 4,
             (int64_t[]){h, w, channels < 0 ? -1 : channels / a->groups, filters});
    else
        want(g, index, C2S_DEPTHWISE_KERNEL, 4, (int64_t[]){h, w, channels, a->depth_multiplier});
    if (l->op == C2S_OP_SEPARABLE_CONV2D)
        want(g, index, C2S_POINTWISE_KERNEL, 4, (int64_t[]){1, 1, widened, filters});
    if (a->use_bias)
        want(g, index, C2S_BIAS, 1,
             (int64_t[]){l->op == C2S_OP_DEPTHWISE_CONV2D ? widened : filters});
}

int keras_wanted(const struct c2s_model *m, int index, struct keras_wanted out[KERAS_MOST_WANTED])
{
    struct list list = {out, 0}, *g = &list;
    const struct c2s_layer *l = m->layers[index];
    const struct c2s_layer *in = l->n_inputs > 0 ? m->layers[l->inputs[0]] : NULL;
    int64_t channels = in && in->rank > 0 ? in->dims[in->rank - 1] : -1;
    switch (l->op) {
    case C2S_OP_CONV2D:
    case C2S_OP_DEPTHWISE_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
        want_conv(g, index, l, channels);
        break;
    case C2S_OP_DENSE:
        want(g, index, C2S_KERNEL, 2, (int64_t[]){channels, l->attr.dense.units});
        if (l->attr.dense.use_bias)
            want(g, index, C2S_BIAS, 1, (int64_t[]){l->attr.dense.units});
        break;
    case C2S_OP_BATCH_NORM:
        if (l->attr.batch_norm.scale)
            want(g, index, C2S_GAMMA, 1, &channels);
        if (l->attr.batch_norm.center)
            want(g, index, C2S_BETA, 1, &channels);
        want(g, index, C2S_MOVING_MEAN, 1, &channels);
        want(g, index, C2S_MOVING_VARIANCE, 1, &channels);
        break;
    case C2S_OP_PRELU:
        if (in && in->rank > 0)
            want(g, index, C2S_ALPHA, in->rank, in->dims);
        break;
    case C2S_OP_QUANTIZED_RELU:
        if (l->attr.quantized_relu.kind == C2S_RELU_TRAINED) {
            want(g, index, C2S_THRESHOLD, 0, &channels);
            want(g, index, C2S_STEP, 0, &channels);
        }
        break;
    default:
        break;
    }
    if (l->quantizer.id == C2S_QUANTIZER_TRAINABLE_STD)
        want(g, index, C2S_WEIGHT_THRESHOLD, 0, &channels);
    if (l->quantizer_dw.id == C2S_QUANTIZER_TRAINABLE_STD)
        want(g, index, c2s_threshold_role(l, C2S_DEPTHWISE_KERNEL), 0, &channels);
    return list.n;
}

bool keras_fits(const struct keras_wanted *w, const struct h5_shape *shape)
{
    if (shape->rank != w->rank)
        return false;
    for (int i = 0; i < w->rank; i++)
        if (w->dims[i] >= 0 && w->dims[i] != shape->dims[i] &&
            !(w->role == C2S_ALPHA && shape->dims[i] == 1)) /* PReLU may share along an axis */
            return false;
    return true;
}

bool keras_fail_missing(const struct keras_build *b, const struct keras_wanted *w,
                        const struct h5_shape *has, struct c2s_error *err)
{
    const struct c2s_layer *l = b->model->layers[w->layer];
    const char *role = c2s_role_name(w->role);
    char wants[96], is[96];
    c2s_shape_text(w->rank, w->dims, wants, sizeof wants);
    const char *remedy = b->is_config_foreign
                             ? "give --config the model that the weights were saved from"
                             : "save the whole model again";
    if (!has)
        return c2s_fail(err, C2S_FORMAT, "layer '%s': its %s (%s) is not in the file; %s", l->name,
                        role, wants, remedy);
    return c2s_fail(
        err, C2S_SHAPE, "layer '%s': its %s in the file has the shape (%s) instead of (%s); %s",
        l->name, role, c2s_shape_text(has->rank, has->dims, is, sizeof is), wants, remedy);
}

void keras_share(struct keras_build *b)
{
    for (int i = 0; i < b->model->n_layers; i++) {
        const struct c2s_layer *first = b->model->layers[b->origins[i].first_use];
        for (int role = 0; first != b->model->layers[i] && role < C2S_ROLE_COUNT; role++)
            c2s_layer_set_param(b->model->layers[i], (enum c2s_role)role,
                                c2s_tensor_ref(first->params[role]));
    }
}

/* Theano turns a kernel around before it correlates, so the file holds it turned; only that of
 * Conv2D, as in Keras 2.3.1 saving.py: _need_convert_kernel. */
static void turn_around(struct c2s_tensor *kernel)
{
    int64_t n = kernel->dims[0] * kernel->dims[1], block = c2s_tensor_count(kernel) / (n ? n : 1);
    float *w = c2s_f32(kernel);
    for (int64_t i = 0; i < n / 2; i++)
        for (int64_t k = 0; k < block; k++) {
            float *a = &w[i * block + k], *b = &w[(n - 1 - i) * block + k], kept = *a;
            *a = *b;
            *b = kept;
        }
}

static void count_type(struct keras_build *b, const struct h5_shape *shape)
{
    const char *type = shape->is_bfloat16              ? "bfloat16"
                       : shape->bytes_per_element == 2 ? "float16"
                       : shape->bytes_per_element == 8 ? "float64"
                       : shape->bytes_per_element != 4 ? "floats of another size"
                                                       : NULL;
    for (size_t i = 0; type && i < sizeof b->converted / sizeof b->converted[0]; i++) {
        if (b->converted[i].type && strcmp(b->converted[i].type, type) != 0)
            continue;
        b->converted[i].type = type;
        b->converted[i].n++;
        return;
    }
}

bool keras_take(struct keras_build *b, const struct keras_wanted *w, const char *path,
                const struct h5_shape *shape, struct c2s_error *err)
{
    struct c2s_layer *l = b->model->layers[w->layer];
    struct c2s_tensor *t;
    if (!shape->is_float)
        return c2s_fail(err, C2S_FORMAT,
                        "layer '%s': its %s is stored in whole numbers of %d bits; load the float "
                        "model it was made from",
                        l->name, c2s_role_name(w->role), 8 * shape->bytes_per_element);
    if (!h5_read(b->source->weights, path, C2S_F32, &t, err))
        return false;
    if (l->op == C2S_OP_CONV2D && w->role == C2S_KERNEL && b->source->backend &&
        strcmp(b->source->backend, "theano") == 0) {
        turn_around(t);
        b->n_turned++;
    }
    c2s_layer_set_param(l, w->role, t);
    b->model->n_tensors_read++;
    count_type(b, shape);
    return true;
}
