/* The parameters of a model in training as its story keeps them: copies that never change. */
#include <string.h>

#include "base/alloc.h"
#include "train/trainer.h"

/* The k-th parameter of a model, in the order of layers and roles; NULL behind the last. */
static struct c2s_tensor **parameter(const struct c2s_model *m, int k)
{
    for (int i = 0; i < m->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++)
            if (m->layers[i]->params[role] && k-- == 0)
                return &m->layers[i]->params[role];
    return NULL;
}

static bool is_equal(const struct c2s_tensor *a, const struct c2s_tensor *b)
{
    return a->dtype == b->dtype && c2s_tensor_same_shape(a, b) &&
           memcmp(a->data, b->data, c2s_tensor_bytes(a)) == 0;
}

/* New reference: the older one when it says the same, so that it need not be stored again. */
static struct c2s_tensor *keep(const struct c2s_tensor *value, const struct c2s_tensor *older,
                               struct c2s_error *err)
{
    return older && is_equal(value, older) ? c2s_tensor_ref(older) : c2s_tensor_clone(value, err);
}

bool train_state_begin(struct trainer *t, struct c2s_error *err)
{
    const struct c2s_model *m = t->request->model;
    while (parameter(m, t->n_state))
        t->n_state++;
    t->best = c2s_calloc((size_t)t->n_state + 1, sizeof *t->best);
    if (!t->best)
        return c2s_fail_nomem(err);
    for (int i = 0; i < t->n_state; i++)
        t->best[i] = c2s_tensor_ref(*parameter(m, i));
    return true;
}

void train_state_finish(struct trainer *t)
{
    for (int i = 0; t->best && i < t->n_state; i++)
        c2s_tensor_unref(t->best[i]);
    c2s_free(t->best);
    c2s_checkpoint_finish(&t->story);
}

static bool add_row(struct c2s_checkpoint *story, const struct c2s_epoch *row,
                    struct c2s_error *err)
{
    size_t n = (size_t)story->n_epochs;
    struct c2s_epoch *grown = c2s_realloc(story->epochs, sizeof *grown * (n + 1));
    if (!grown)
        return c2s_fail_nomem(err);
    story->epochs = grown;
    grown[story->n_epochs++] = *row;
    return true;
}

static void take_best(struct trainer *t, struct c2s_tensor *const *now)
{
    for (int i = 0; i < t->n_state; i++) {
        c2s_tensor_unref(t->best[i]);
        t->best[i] = c2s_tensor_ref(now[i]);
    }
}

bool train_state_add(struct trainer *t, const struct c2s_epoch *row, struct c2s_error *err)
{
    int n_moments = 0, n = 0;
    struct c2s_tensor *const *moments = c2s_optimizer_moments(t->optimizer, &n_moments);
    struct c2s_checkpoint *story = &t->story;
    if (row->epoch == 0)
        return add_row(story, row, err);
    int total = 2 * t->n_state + n_moments;
    struct c2s_tensor **now = c2s_calloc((size_t)total + 1, sizeof *now);
    bool ok = now ? true : c2s_fail_nomem(err);
    for (; ok && n < t->n_state; n++)
        ok = (now[n] = keep(*parameter(t->model, n),
                            story->tensors ? story->tensors[n] : t->best[n], err)) != NULL;
    if (ok && row->is_best)
        take_best(t, now);
    for (; ok && n < 2 * t->n_state; n++)
        now[n] = c2s_tensor_ref(t->best[n - t->n_state]);
    for (; ok && n < total; n++)
        ok = (now[n] = keep(moments[n - 2 * t->n_state], story->tensors ? story->tensors[n] : NULL,
                            err)) != NULL;
    ok = ok && add_row(story, row, err);
    struct c2s_checkpoint old = {.tensors = ok ? story->tensors : now,
                                 .n_tensors = ok    ? story->n_tensors
                                              : now ? total
                                                    : 0};
    if (ok) {
        story->tensors = now;
        story->n_tensors = total;
        story->n_steps = c2s_optimizer_steps(t->optimizer);
    }
    c2s_checkpoint_finish(&old);
    return ok;
}

static bool fits(const struct trainer *t, const struct c2s_checkpoint *c,
                 struct c2s_tensor *const *moments, int n_moments)
{
    bool ok = c->n_tensors == 2 * t->n_state + n_moments && c->n_epochs > 0 &&
              c->epochs[c->n_epochs - 1].epoch >= 1;
    for (int i = 0; ok && i < c->n_tensors; i++) {
        const struct c2s_tensor *own =
            i < 2 * t->n_state ? *parameter(t->model, i % t->n_state) : moments[i - 2 * t->n_state];
        ok = own->dtype == c->tensors[i]->dtype && c2s_tensor_same_shape(own, c->tensors[i]);
    }
    return ok;
}

bool train_state_resume(struct trainer *t, struct c2s_error *err)
{
    const struct c2s_checkpoint *c = t->request->resume;
    int n_moments = 0;
    struct c2s_tensor *const *moments = c2s_optimizer_moments(t->optimizer, &n_moments);
    if (!fits(t, c, moments, n_moments))
        return c2s_fail(err, C2S_STATE,
                        "the training to go on with is one of another model or optimizer; begin "
                        "anew: retrain without --resume");
    if (!c2s_checkpoint_copy(c, &t->story, err))
        return false;
    for (int i = 0; i < c->n_tensors; i++) {
        struct c2s_tensor *own = i < t->n_state       ? *parameter(t->model, i)
                                 : i < 2 * t->n_state ? NULL
                                                      : moments[i - 2 * t->n_state];
        if (own)
            memcpy(own->data, c->tensors[i]->data, c2s_tensor_bytes(own));
    }
    take_best(t, c->tensors + t->n_state);
    c2s_optimizer_set_steps(t->optimizer, c->n_steps);
    return true;
}

bool train_state_result(const struct trainer *t, struct c2s_model **out, struct c2s_error *err)
{
    struct c2s_model *m = c2s_model_clone(t->request->model, err);
    if (!m)
        return false;
    for (int i = 0; i < t->n_state; i++) {
        struct c2s_tensor **p = parameter(m, i);
        if (is_equal(*p, t->best[i]))
            continue;
        c2s_tensor_unref(*p);
        *p = c2s_tensor_ref(t->best[i]);
    }
    *out = m;
    return true;
}
