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

/* For each layer of a: its place in b, or -1; and whether it keeps its place among the layers of
 * both, which holds for as many as possible: the longest run of rising places. */
struct matching {
    int *place, *length, *before; /* [a->n_layers] */
    bool *is_kept;
};

static void mark_kept(struct matching *m, int n)
{
    int last = -1;
    for (int i = 0; i < n; i++) {
        m->length[i] = m->place[i] < 0 ? 0 : 1;
        m->before[i] = -1;
        for (int k = 0; m->length[i] && k < i; k++)
            if (m->place[k] >= 0 && m->place[k] < m->place[i] && m->length[k] >= m->length[i]) {
                m->length[i] = m->length[k] + 1;
                m->before[i] = k;
            }
        if (m->length[i] > 0 && (last < 0 || m->length[i] > m->length[last]))
            last = i;
    }
    for (; last >= 0; last = m->before[last])
        m->is_kept[last] = true;
}

static bool match(const struct c2s_model *a, const struct c2s_model *b, struct matching *m,
                  struct c2s_error *err)
{
    size_t n = (size_t)a->n_layers + 1;
    m->place = c2s_calloc(n, sizeof *m->place);
    m->length = c2s_calloc(n, sizeof *m->length);
    m->before = c2s_calloc(n, sizeof *m->before);
    m->is_kept = c2s_calloc(n, sizeof *m->is_kept);
    if (!m->place || !m->length || !m->before || !m->is_kept)
        return c2s_fail_nomem(err);
    for (int i = 0; i < a->n_layers; i++)
        m->place[i] = c2s_model_find(b, a->layers[i]->name);
    mark_kept(m, a->n_layers);
    return true;
}

static void finish_matching(struct matching *m)
{
    c2s_free(m->place);
    c2s_free(m->length);
    c2s_free(m->before);
    c2s_free(m->is_kept);
}

/* The layers of b from *next up to `end` that are new or have moved there. */
static bool fill_new(const struct c2s_model *a, const struct c2s_model *b, int *next, int end,
                     struct c2s_layer_difference *rows, int *n, struct c2s_error *err)
{
    for (; *next < end; ++*next) {
        struct c2s_layer_difference *row = &rows[(*n)++];
        int old = c2s_model_find(a, b->layers[*next]->name);
        if (!fill_row(row, old < 0 ? NULL : a->layers[old], b->layers[*next], err))
            return false;
        row->is_moved = old >= 0;
    }
    return true;
}

static bool fill_rows(const struct c2s_model *a, const struct c2s_model *b,
                      const struct matching *m, struct c2s_layer_difference *rows, int *n,
                      struct c2s_error *err)
{
    int next = 0;
    *n = 0;
    for (int i = 0; i < a->n_layers; i++) {
        const struct c2s_layer *same = m->place[i] < 0 ? NULL : b->layers[m->place[i]];
        if (same && !m->is_kept[i])
            continue; /* at its new place */
        if (same && !fill_new(a, b, &next, m->place[i], rows, n, err))
            return false;
        if (!fill_row(&rows[(*n)++], a->layers[i], same, err))
            return false;
        if (same)
            next = m->place[i] + 1;
    }
    return fill_new(a, b, &next, b->n_layers, rows, n, err);
}

bool c2s_models_diff(const struct c2s_model *first, const struct c2s_model *second,
                     struct c2s_layer_difference **rows, int *n_rows, struct c2s_error *err)
{
    struct matching m = {0};
    size_t most = (size_t)first->n_layers + (size_t)second->n_layers + 1;
    struct c2s_layer_difference *made = c2s_calloc(most, sizeof *made);
    bool ok = made || c2s_fail_nomem(err);
    ok = ok && match(first, second, &m, err) && fill_rows(first, second, &m, made, n_rows, err);
    finish_matching(&m);
    if (ok)
        *rows = made;
    else
        c2s_free(made);
    return ok;
}

bool c2s_session_diff(struct c2s_session *s, const char *first, const char *second,
                      struct c2s_layer_difference **rows, int *n_rows, struct c2s_error *err)
{
    const struct c2s_version *a, *b;
    return c2s_session_version(s, first, &a, err) && c2s_session_version(s, second, &b, err) &&
           c2s_models_diff(a->model, b->model, rows, n_rows, err);
}
