/* Versions in memory: created from their facts and a model, destroyed whole. */
#include <c2s/version.h>

#include <c2s/keras.h>

#include "base/alloc.h"

static bool copy_text(const char **field, struct c2s_error *err)
{
    *field = c2s_strdup(*field ? *field : "");
    return *field || c2s_fail_nomem(err);
}

struct c2s_version *c2s_version_create(const struct c2s_version_info *info, struct c2s_model *model,
                                       struct c2s_error *err)
{
    struct c2s_version *v = c2s_calloc(1, sizeof *v);
    if (!v) {
        c2s_model_destroy(model);
        c2s_fail_nomem(err);
        return NULL;
    }
    v->info = *info;
    v->model = model;
    const char **fields[] = {&v->info.step, &v->info.name, &v->info.tool, &v->info.note,
                             &v->info.source};
    size_t n = sizeof fields / sizeof fields[0], copied = 0;
    while (copied < n && copy_text(fields[copied], err))
        copied++;
    if (copied == n)
        return v;
    for (size_t i = copied; i < n; i++)
        *fields[i] = NULL; /* still the caller's */
    c2s_version_destroy(v);
    return NULL;
}

bool c2s_version_set_epochs(struct c2s_version *v, const struct c2s_epoch *epochs, int n,
                            struct c2s_error *err)
{
    struct c2s_checkpoint story = {0};
    if (!c2s_checkpoint_set_epochs(&story, epochs, n, err))
        return false;
    c2s_free(v->epochs);
    v->epochs = story.epochs;
    v->n_epochs = n;
    return true;
}

void c2s_version_destroy(struct c2s_version *v)
{
    if (!v)
        return;
    c2s_model_destroy(v->model);
    c2s_text_free(v->description);
    c2s_free(v->epochs);
    c2s_free((char *)v->info.step);
    c2s_free((char *)v->info.name);
    c2s_free((char *)v->info.tool);
    c2s_free((char *)v->info.note);
    c2s_free((char *)v->info.source);
    c2s_free(v);
}
