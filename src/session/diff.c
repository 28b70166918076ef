/* How two versions differ, layer by layer. */
#include "session/private.h"

#include <c2s/quantizer.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

static bool same_tensor(const struct c2s_tensor *a, const struct c2s_tensor *b)
{
    if (a == b || !a || !b)
        return a == b;
    return a->dtype == b->dtype && c2s_tensor_same_shape(a, b) &&
           memcmp(a->data, b->data, c2s_tensor_bytes(a)) == 0;
}

static double largest_change(const struct c2s_tensor *a, const struct c2s_tensor *b)
{
    double largest = 0;
    int64_t n = c2s_tensor_count(a);
    for (int64_t i = 0; i < n; i++) {
        double change = fabs((double)c2s_f32(a)[i] - c2s_f32(b)[i]);
        if (isnan(change))
            return NAN;
        if (change > largest)
            largest = change;
    }
    return largest;
}

/* Compares the kernels as the layers compute with them; without a kernel, or when the quantizer
 * cannot work on it (NaN), there is nothing to compare. */
static bool compare_kernels(struct c2s_layer_difference *d, struct c2s_error *err)
{
    struct c2s_tensor *a = NULL, *b = NULL;
    struct c2s_error inner = {0};
    enum c2s_role role = c2s_layer_main_role(d->first);
    if (!d->first->params[role] || !d->second->params[role])
        return true;
    if (c2s_layer_effective_kernel(d->first, role, &a, &inner) &&
        c2s_layer_effective_kernel(d->second, role, &b, &inner) && a && b &&
        c2s_tensor_same_shape(a, b)) {
        d->sqnr_db = c2s_sqnr(a, b);
        d->largest_change = largest_change(a, b);
    }
    c2s_tensor_unref(a);
    c2s_tensor_unref(b);
    return inner.code != C2S_NOMEM || c2s_fail_nomem(err);
}

static bool fill_row(struct c2s_layer_difference *d, const struct c2s_layer *first,
                     const struct c2s_layer *second, struct c2s_error *err)
{
    *d = (struct c2s_layer_difference){.name = first ? first->name : second->name,
                                       .first = first,
                                       .second = second,
                                       .sqnr_db = NAN,
                                       .largest_change = NAN};
    d->first_weight_bits = first ? c2s_layer_weight_bits(first) : 0;
    d->second_weight_bits = second ? c2s_layer_weight_bits(second) : 0;
    d->first_activation_bits = first ? c2s_layer_activation_bits(first) : 0;
    d->second_activation_bits = second ? c2s_layer_activation_bits(second) : 0;
    if (!first || !second)
        return true;
    for (int role = 0; role < C2S_ROLE_COUNT; role++)
        if (!same_tensor(first->params[role], second->params[role]))
            d->weights_differ = true;
    return compare_kernels(d, err);
}

static const struct c2s_layer *find(const struct c2s_model *m, const char *name)
{
    int index = c2s_model_find(m, name);
    return index < 0 ? NULL : m->layers[index];
}

/* The layers of the first in their order; those that only the second has follow. */
static bool fill_rows(const struct c2s_model *a, const struct c2s_model *b,
                      struct c2s_layer_difference *rows, int *n, struct c2s_error *err)
{
    *n = 0;
    for (int i = 0; i < a->n_layers; i++)
        if (!fill_row(&rows[(*n)++], a->layers[i], find(b, a->layers[i]->name), err))
            return false;
    for (int i = 0; i < b->n_layers; i++)
        if (!find(a, b->layers[i]->name) && !fill_row(&rows[(*n)++], NULL, b->layers[i], err))
            return false;
    return true;
}

bool c2s_session_diff(struct c2s_session *s, const char *first, const char *second,
                      struct c2s_layer_difference **rows, int *n_rows, struct c2s_error *err)
{
    const struct c2s_version *a, *b;
    if (!c2s_session_version(s, first, &a, err) || !c2s_session_version(s, second, &b, err))
        return false;
    size_t most = (size_t)a->model->n_layers + (size_t)b->model->n_layers;
    struct c2s_layer_difference *made = c2s_calloc(most, sizeof *made);
    if (!made)
        return c2s_fail_nomem(err);
    if (!fill_rows(a->model, b->model, made, n_rows, err)) {
        c2s_free(made);
        return false;
    }
    *rows = made;
    return true;
}
