/* Running models over the calibration data, batch by batch. */
#include "calibrate/calibrate.h"

/* The fast engine cuts a batch into chunks whose size, and with it the last bits, depends on the
 * number of threads unless it was made for large batches. */
enum { BATCH = 64, MADE_FOR = 4096 };

/* One batch through both engines. */
static bool run_batch(const struct pass *p, struct c2s_engine *const engines[2],
                      const struct c2s_tensor *x, struct c2s_error *err)
{
    struct c2s_tensor *y[2] = {NULL, NULL};
    bool ok = true;
    for (int i = 0; ok && i < 2 && engines[i]; i++)
        ok = c2s_engine_run(engines[i], &x, &y[i], i == 0 ? p->observer : NULL, err);
    if (!ok && p->observed && p->observed->code != C2S_OK)
        *err = *p->observed; /* the cause, rather than the cancellation it led to */
    ok = ok && (!p->batch || p->batch(p->arg, y, err));
    c2s_tensor_unref(y[0]);
    c2s_tensor_unref(y[1]);
    return ok;
}

/* Grey images have a channel axis in the data, which the model may not have. */
static void drop_channel_axis(struct c2s_tensor *x, const struct c2s_model *m)
{
    const struct c2s_layer *input = m->layers[m->inputs[0]];
    if (x->rank == input->rank + 2 && x->dims[x->rank - 1] == 1)
        x->rank--;
}

static bool run(struct calibration *c, const struct pass *p, struct c2s_engine *const engines[2],
                struct c2s_error *err)
{
    const struct c2s_dataset *data = c->request->data;
    int64_t all = c2s_dataset_info(data)->n, n = p->limit > 0 && p->limit < all ? p->limit : all;
    for (int64_t first = 0; first < n; first += BATCH) {
        struct c2s_tensor *x = NULL;
        int64_t size = n - first < BATCH ? n - first : BATCH;
        if (!c2s_progress_report(c->request->progress, "calibrating",
                                 c->passes_done * all + first * all / n, c->n_passes * all))
            return c2s_fail(err, C2S_CANCELLED, "calibration was cancelled; nothing has changed");
        if (!c2s_dataset_keras(data, first, size, &x, err))
            return false;
        drop_channel_axis(x, p->models[0]);
        bool ok = run_batch(p, engines, x, err);
        c2s_tensor_unref(x);
        if (!ok)
            return false;
    }
    c->passes_done++;
    return true;
}

bool calibrate_pass(struct calibration *c, const struct pass *p, struct c2s_error *err)
{
    struct c2s_engine *engines[2] = {NULL, NULL};
    const struct c2s_engine_options options = {.max_batch = MADE_FOR};
    bool ok = true;
    for (int i = 0; ok && i < 2 && p->models[i]; i++)
        ok = c2s_engine_create("dnnl", p->models[i], &options, &engines[i], err);
    ok = ok && run(c, p, engines, err);
    c2s_engine_destroy(engines[0]);
    c2s_engine_destroy(engines[1]);
    return ok;
}

struct c2s_model *calibrate_truncated(const struct c2s_model *m, int index, struct c2s_error *err)
{
    struct c2s_model *t = c2s_model_create(m->name, err);
    bool ok = t != NULL;
    for (int i = 0; ok && i <= index; i++) {
        struct c2s_layer *l = c2s_layer_clone(m->layers[i], err);
        ok = l && c2s_model_add(t, l, NULL, err);
    }
    ok = ok && c2s_model_add_input(t, m->inputs[0], err) && c2s_model_add_output(t, index, err);
    if (ok)
        return t;
    c2s_model_destroy(t);
    return NULL;
}
