/* Fixes that turn 'valid' padding into 'same': images get a border, which the Dense layer behind
 * them gives the weight 0. */
#include "fix/windows.h"

#include <stdio.h>
#include <string.h>

enum { MAX_STEPS = 32 };

/* A convolution or pool on the way, once it pads. A number that was at x is at x + origin then. */
struct step {
    int layer;
    struct fix_window window; /* of a convolution */
};
struct way {
    struct fix_place *p;
    struct step steps[MAX_STEPS];
    int n_steps;
    int flatten, dense;
    int64_t origin[2]; /* of what reaches the Flatten */
};

static bool is_pool(const struct c2s_layer *l)
{
    return l->op == C2S_OP_MAX_POOL;
}

static bool is_convolution(const struct c2s_layer *l)
{
    return l->op == C2S_OP_CONV2D || l->op == C2S_OP_SEPARABLE_CONV2D;
}

/* Works on each number alone, or alike on all of a channel. */
static bool is_local(const struct c2s_layer *l, bool is_image)
{
    switch (l->op) {
    case C2S_OP_RELU:
    case C2S_OP_LEAKY_RELU:
    case C2S_OP_DISCRETE_RELU:
    case C2S_OP_QUANTIZED_RELU:
    case C2S_OP_DROPOUT:
        return true;
    case C2S_OP_ACTIVATION:
        return l->attr.activation.function != C2S_FN_SOFTMAX &&
               l->attr.activation.function != C2S_FN_OTHER;
    case C2S_OP_BATCH_NORM:
        return is_image && (l->attr.batch_norm.axis == -1 || l->attr.batch_norm.axis == l->rank);
    default:
        return false;
    }
}

static bool has_known_input(const struct c2s_model *m, const struct c2s_layer *l)
{
    const struct c2s_layer *in = m->layers[l->inputs[0]];
    return in->rank == 3 && in->dims[0] > 0 && in->dims[1] > 0 && in->dims[2] > 0;
}

static bool takes_window(struct way *w, const struct c2s_layer *l)
{
    struct fix_place *p = w->p;
    enum c2s_padding padding = is_pool(l) ? l->attr.pool.padding : l->attr.conv.padding;
    if (!has_known_input(p->m, l))
        return fix_cannot(p, "the size of the image is not known");
    if (padding != C2S_VALID)
        return fix_cannot(p, "'%s' pads what it would leave as a border", l->name);
    if (is_convolution(l) && (l->attr.conv.dilation[0] != 1 || l->attr.conv.dilation[1] != 1 ||
                              !l->params[fix_spatial_role(l)] || fix_is_std(l)))
        return fix_cannot(p, "the kernel of '%s' cannot get zeros around it", l->name);
    return w->n_steps < MAX_STEPS;
}

/* Fills steps, flatten and dense; false with p->text when something sees the border. */
static bool find_way(struct way *w)
{
    struct fix_place *p = w->p;
    const struct c2s_model *m = p->m;
    w->flatten = w->dense = -1;
    for (int i = p->layer; i >= 0; i = fix_only_reader(m, i)) {
        const struct c2s_layer *l = m->layers[i];
        if (is_pool(l) || is_convolution(l)) {
            if (w->flatten >= 0 || !takes_window(w, l))
                return false;
            w->steps[w->n_steps++].layer = i;
        } else if (l->op == C2S_OP_FLATTEN && w->flatten < 0) {
            w->flatten = i;
        } else if (l->op == C2S_OP_DENSE && w->flatten >= 0) {
            w->dense = i;
            break;
        } else if (!is_local(l, w->flatten < 0)) {
            return fix_cannot(p, "'%s' (%s) behind it would see the new border", l->name,
                              l->class_name);
        }
    }
    if (w->dense < 0)
        return fix_cannot(p, "no Dense layer follows that could ignore the new border");
    const struct c2s_layer *dense = m->layers[w->dense];
    return (dense->params[C2S_KERNEL] && !fix_is_std(dense)) ||
           (fix_cannot(p, "'%s' cannot get weights of 0", dense->name));
}

static int64_t pad_of(int64_t in, int window, int stride, int64_t *out)
{
    int64_t front;
    *out = c2s_window_length(in, window, stride, 1, C2S_SAME, &front);
    return front;
}

/* Chooses the windows of the steps from number k on, of which the first sees an image of `map` with
 * the old one at `origin`; the smallest kernels that keep every later step on the old numbers. */
static bool choose(struct way *w, int k, const int64_t map[2], const int64_t origin[2]);

static bool choose_pool(struct way *w, int k, const int64_t map[2], const int64_t origin[2])
{
    const struct c2s_pool_attr *a = &w->p->m->layers[w->steps[k].layer]->attr.pool;
    int64_t next[2], at[2];
    for (int i = 0; i < 2; i++) {
        at[i] = origin[i] + pad_of(map[i], a->size[i], a->strides[i], &next[i]);
        if (at[i] % a->strides[i] != 0)
            return false;
        at[i] /= a->strides[i];
    }
    return choose(w, k + 1, next, at);
}

/* The place of the kernel in a larger one is free: each is tried, from the back. */
static bool choose_place(struct way *w, int k, const int64_t map[2], const int64_t origin[2])
{
    struct fix_window *window = &w->steps[k].window;
    const struct c2s_conv_attr *a = &w->p->m->layers[w->steps[k].layer]->attr.conv;
    int64_t next[2], pad[2], at[2];
    for (int i = 0; i < 2; i++)
        pad[i] = pad_of(map[i], window->size[i], a->strides[i], &next[i]);
    for (int y = window->size[0] - a->kernel[0]; y >= 0; y--)
        for (int x = window->size[1] - a->kernel[1]; x >= 0; x--) {
            at[0] = origin[0] + pad[0] - y;
            at[1] = origin[1] + pad[1] - x;
            if (at[0] < 0 || at[1] < 0 || at[0] % a->strides[0] || at[1] % a->strides[1])
                continue;
            for (int i = 0; i < 2; i++)
                at[i] /= a->strides[i];
            window->at[0] = y;
            window->at[1] = x;
            if (choose(w, k + 1, next, at))
                return true;
        }
    return false;
}

static bool choose(struct way *w, int k, const int64_t map[2], const int64_t origin[2])
{
    if (k == w->n_steps) {
        memcpy(w->origin, origin, sizeof w->origin);
        return true;
    }
    const struct c2s_layer *l = w->p->m->layers[w->steps[k].layer];
    if (is_pool(l))
        return choose_pool(w, k, map, origin);
    const int *kernel = l->attr.conv.kernel;
    int least = kernel[0] > kernel[1] ? kernel[0] : kernel[1];
    bool is_first = fix_is_input_convolution(w->p, w->steps[k].layer);
    bool is_strided = l->attr.conv.strides[0] > 1 || l->attr.conv.strides[1] > 1;
    for (int size = least | 1; size <= (is_strided && !is_first ? 3 : 7); size += 2) {
        struct fix_window *window = &w->steps[k].window;
        if (size == 1 && (is_first || l->op == C2S_OP_SEPARABLE_CONV2D))
            continue;
        window->size[0] = window->size[1] = size;
        window->padding = C2S_SAME;
        if (choose_place(w, k, map, origin))
            return true;
    }
    return false;
}

/* Rows of the Dense kernel: those of the old image [old, C] at origin in the new one [map, C],
 * zeros around them; what falls outside is dropped. */
static bool resize_dense(struct c2s_layer *dense, const int64_t old[3], const int64_t map[2],
                         const int64_t origin[2], struct c2s_error *err)
{
    const struct c2s_tensor *kernel = dense->params[C2S_KERNEL];
    int64_t units = kernel->dims[1], row = old[2] * units;
    if (kernel->dims[0] != old[0] * old[1] * old[2])
        return c2s_fail(err, C2S_SHAPE, "the kernel of '%s' is not that of its input", dense->name);
    struct c2s_tensor *t =
        c2s_tensor_create(C2S_F32, 2, (int64_t[]){map[0] * map[1] * old[2], units}, err);
    if (!t)
        return false;
    for (int64_t y = 0; y < old[0]; y++)
        for (int64_t x = 0; x < old[1]; x++)
            if (y + origin[0] < map[0] && x + origin[1] < map[1])
                memcpy(c2s_f32(t) + ((y + origin[0]) * map[1] + x + origin[1]) * row,
                       c2s_f32(kernel) + (y * old[1] + x) * row, sizeof(float) * (size_t)row);
    c2s_layer_set_param(dense, C2S_KERNEL, t);
    return true;
}

static bool carry_out(struct way *w, struct c2s_error *err)
{
    struct c2s_model *m = w->p->m;
    struct c2s_layer *flatten = m->layers[w->flatten];
    const struct c2s_layer *image = m->layers[flatten->inputs[0]];
    int64_t old[3] = {image->dims[0], image->dims[1], image->dims[2]};
    for (int k = 0; k < w->n_steps; k++) {
        struct c2s_layer *l = m->layers[w->steps[k].layer];
        if (is_pool(l))
            l->attr.pool.padding = C2S_SAME;
        else if (!fix_set_window(l, &w->steps[k].window, err))
            return false;
    }
    return c2s_model_infer_shapes(m, err) &&
           resize_dense(m->layers[w->dense], old, image->dims, w->origin, err);
}

bool fix_ignore_border(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_layer *l = fix_layer(p);
    struct way w = {.p = p};
    static const int64_t nowhere[2] = {0, 0};
    if (!l || (!is_pool(l) && !is_convolution(l)) || l->n_inputs != 1 || !find_way(&w))
        return true;
    if (!choose(&w, 0, p->m->layers[l->inputs[0]]->dims, nowhere))
        return fix_refused(p,
                           "no kernels up to 7x7 keep the windows of the layers behind it on the "
                           "same pixels");
    char kernel[32] = "", *dense = p->m->layers[w.dense]->name;
    const int *size = w.steps[0].window.size;
    if (is_convolution(l) &&
        (size[0] != l->attr.conv.kernel[0] || size[1] != l->attr.conv.kernel[1]))
        snprintf(kernel, sizeof kernel, ", kernel %dx%d with zeros", size[0], size[1]);
    return carry_out(&w, err) &&
           fix_applied(p, "padding 'same'%s%s; '%s' ignores the new border", kernel,
                       w.n_steps > 1 ? ", also in the layers behind it" : "", dense);
}

/* The Dense layer behind a Flatten that the image of `index` reaches, or -1. *flatten is set. */
static int dense_behind(const struct c2s_model *m, int index, int *flatten)
{
    *flatten = -1;
    for (int i = fix_only_reader(m, index); i >= 0; i = fix_only_reader(m, i)) {
        if (m->layers[i]->op == C2S_OP_FLATTEN)
            *flatten = i;
        else if (m->layers[i]->op == C2S_OP_DENSE)
            return i;
    }
    return -1;
}

/* A layer and the pools of its block. An even kernel gets a row and a column of zeros in front. */
static bool pad_block(struct c2s_model *m, int index, struct c2s_error *err)
{
    struct c2s_layer *l = m->layers[index];
    if (is_convolution(l)) {
        const int *kernel = l->attr.conv.kernel;
        const struct fix_window window = {.size = {kernel[0] | 1, kernel[1] | 1},
                                          .at = {kernel[0] % 2 == 0, kernel[1] % 2 == 0},
                                          .padding = C2S_SAME};
        if (!fix_set_window(l, &window, err))
            return false;
    }
    for (int i = is_pool(l) ? index : fix_only_reader(m, index);
         i >= 0 && !c2s_layer_is_neural(m->layers[i]); i = fix_only_reader(m, i))
        if (is_pool(m->layers[i]))
            m->layers[i]->attr.pool.padding = C2S_SAME;
    return true;
}

bool fix_change_padding(struct fix_place *p, struct c2s_error *err)
{
    struct c2s_model *m = p->m;
    struct c2s_layer *l = fix_layer(p);
    int flatten = -1;
    if (!l || (!is_pool(l) && !is_convolution(l)) || l->n_inputs != 1 || !has_known_input(m, l))
        return true;
    if (is_convolution(l) && (!l->params[fix_spatial_role(l)] || l->attr.conv.dilation[0] != 1 ||
                              l->attr.conv.dilation[1] != 1))
        return fix_refused(p, "its kernel cannot be enlarged");
    if (is_pool(l) && l->attr.pool.padding == C2S_SAME)
        return fix_refused(p, "its convolution would have to pad first");
    int dense = dense_behind(m, p->layer, &flatten);
    const struct c2s_layer *image = flatten >= 0 ? m->layers[m->layers[flatten]->inputs[0]] : NULL;
    int64_t old[3] = {0};
    if (dense >= 0 && image && image->rank == 3)
        memcpy(old, image->dims, sizeof old);
    if (!pad_block(m, p->layer, err) || !c2s_model_infer_shapes(m, err))
        return false;
    bool is_resized = old[2] > 0 && (old[0] != image->dims[0] || old[1] != image->dims[1]);
    int64_t origin[2] = {(image ? image->dims[0] - old[0] : 0) / 2,
                         (image ? image->dims[1] - old[1] : 0) / 2};
    if (is_resized && !resize_dense(m->layers[dense], old, image->dims, origin, err))
        return false;
    return fix_applied(p, "padding becomes 'same'%s%s%s",
                       is_resized ? "; weights of 0 meet the new border in '" : "",
                       is_resized ? m->layers[dense]->name : "", is_resized ? "'" : "");
}
