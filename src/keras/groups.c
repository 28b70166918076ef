/* The layers of each group of weights, in the order of the model. */
#include "keras/groups.h"

#include "base/alloc.h"

bool keras_groups_build(const struct keras_build *b, struct keras_groups *out,
                        struct c2s_error *err)
{
    *out = (struct keras_groups){.next =
                                     c2s_calloc((size_t)b->model->n_layers + 1, sizeof *out->next)};
    bool ok = out->next || c2s_fail_nomem(err);
    /* From the end, so that each layer is put in front of those behind it. */
    for (int i = b->model->n_layers - 1; ok && i >= 0; i--) {
        int *first = c2s_name_index_find(&out->first, b->origins[i].group);
        out->next[i] = first ? *first : -1;
        if (first)
            *first = i;
        else
            ok = c2s_name_index_add(&out->first, b->origins[i].group, i, err);
    }
    if (!ok)
        keras_groups_finish(out);
    return ok;
}

int keras_groups_first(const struct keras_groups *g, const char *name)
{
    const int *first = c2s_name_index_find(&g->first, name);
    return first ? *first : -1;
}

void keras_groups_finish(struct keras_groups *g)
{
    c2s_name_index_finish(&g->first);
    c2s_free(g->next);
    *g = (struct keras_groups){0};
}
