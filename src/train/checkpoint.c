/* Checkpoints: copying and releasing them. */
#include <c2s/checkpoint.h>

#include <string.h>

#include "base/alloc.h"

void c2s_checkpoint_finish(struct c2s_checkpoint *c)
{
    for (int i = 0; i < c->n_tensors; i++)
        c2s_tensor_unref(c->tensors[i]);
    c2s_free(c->tensors);
    c2s_free(c->epochs);
    *c = (struct c2s_checkpoint){0};
}

/* New copy of n rows; never NULL but on NOMEM. */
static struct c2s_epoch *copy_epochs(const struct c2s_epoch *epochs, int n, struct c2s_error *err)
{
    struct c2s_epoch *copy = c2s_malloc(sizeof *copy * (size_t)(n + 1));
    if (!copy)
        c2s_fail_nomem(err);
    else if (n > 0)
        memcpy(copy, epochs, sizeof *copy * (size_t)n);
    return copy;
}

bool c2s_checkpoint_set_epochs(struct c2s_checkpoint *c, const struct c2s_epoch *epochs, int n,
                               struct c2s_error *err)
{
    struct c2s_epoch *copy = copy_epochs(epochs, n, err);
    if (!copy)
        return false;
    c2s_free(c->epochs);
    c->epochs = copy;
    c->n_epochs = n;
    return true;
}

bool c2s_checkpoint_reserve(struct c2s_checkpoint *c, struct c2s_error *err)
{
    size_t n = (size_t)c->n_tensors + 1;
    struct c2s_tensor **grown = c2s_realloc(c->tensors, sizeof(struct c2s_tensor *) * n);
    if (!grown)
        return c2s_fail_nomem(err);
    c->tensors = grown;
    return true;
}

bool c2s_checkpoint_copy(const struct c2s_checkpoint *c, struct c2s_checkpoint *out,
                         struct c2s_error *err)
{
    struct c2s_checkpoint copy = *c;
    copy.epochs = copy_epochs(c->epochs, c->n_epochs, err);
    copy.tensors = c2s_malloc(sizeof(struct c2s_tensor *) * (size_t)(c->n_tensors + 1));
    if (!copy.epochs || !copy.tensors) {
        c2s_free(copy.epochs);
        c2s_free(copy.tensors);
        return c2s_fail_nomem(err);
    }
    for (int i = 0; i < c->n_tensors; i++)
        copy.tensors[i] = c2s_tensor_ref(c->tensors[i]);
    *out = copy;
    return true;
}

int c2s_best_epoch(const struct c2s_epoch *epochs, int n)
{
    while (n > 0 && !epochs[n - 1].is_best)
        n--;
    return n > 0 ? epochs[n - 1].epoch : 0;
}
