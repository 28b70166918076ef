/* Loss and accuracy of the model as it is, on the validation samples, in the form of the training's
 * own loss. */
#include "train/trainer.h"

static bool measure(struct trainer *t, struct c2s_engine *e, int64_t first, int64_t n,
                    struct c2s_loss_sum *sum, struct c2s_error *err)
{
    struct c2s_tensor *out = NULL;
    struct c2s_loss loss = t->loss; /* engines give what the model gives, no logits */
    loss.takes_logits = false;
    loss.teacher = NULL;
    loss.teacher_share = 0;
    if (!train_batch(t, &t->validation, t->validation.places + first, n, 0, err) ||
        !c2s_engine_run(e, (const struct c2s_tensor *const[]){t->x}, &out, NULL, err))
        return false;
    c2s_loss_samples(&loss, 0, n, n, c2s_f32(out), t->slopes, sum);
    c2s_tensor_unref(out);
    return true;
}

bool train_validate(struct trainer *t, double *loss, double *accuracy, bool *stopped,
                    struct c2s_error *err)
{
    struct c2s_engine_options options = {.max_batch = t->options.batch};
    const struct c2s_train_watcher *w = &t->request->watcher;
    struct c2s_engine *e = NULL;
    struct c2s_loss_sum sum = {0};
    *stopped = false;
    bool ok = c2s_engine_create(t->options.engine, t->model, &options, &e, err);
    for (int64_t first = 0; ok && !*stopped && first < t->validation.n;
         first += options.max_batch) {
        int64_t left = t->validation.n - first, n = options.max_batch;
        ok = measure(t, e, first, left < n ? left : n, &sum, err);
        *stopped = ok && w->now && !w->now(w->arg, &t->now);
    }
    c2s_engine_destroy(e);
    *loss = sum.loss / (double)t->validation.n;
    *accuracy = (double)sum.correct / (double)t->validation.n;
    return ok;
}
