/* Fixing the current version: the same request, tried or made a version, measured on the data in
 * use. */
#include "session/private.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { FEWEST_SAMPLES = 2, MOST_SAMPLES = 32 };

/* The dataset gives grey images a channel axis, which a model may not have; a model whose first
 * layer is a Reshape takes the same numbers in another shape. */
static bool fits(const struct c2s_model *m, const struct c2s_dataset_info *info)
{
    const struct c2s_layer *in = m->n_inputs == 1 ? m->layers[m->inputs[0]] : NULL;
    int64_t wanted = 1, given = 1;
    if (!in || in->rank < 1)
        return false;
    for (int i = 0; i < in->rank; i++)
        wanted *= in->dims[i];
    for (int i = 0; i < info->rank; i++)
        given *= info->dims[i];
    return wanted == given;
}

/* Some of the data in use as the model gets it; *x NULL when there is none that fits. */
static bool take_samples(struct c2s_session *s, const struct c2s_model *m, struct c2s_tensor **x,
                         struct c2s_error *err)
{
    const struct c2s_dataset *data = c2s_session_data(s);
    struct c2s_error inner = {0};
    *x = NULL;
    if (!data || !fits(m, c2s_dataset_info(data)))
        return true;
    int64_t n = session_affordable(m, c2s_dataset_info(data)->n, FEWEST_SAMPLES, MOST_SAMPLES);
    if (c2s_dataset_keras(data, 0, n, x, &inner))
        return true;
    *x = NULL; /* data that cannot be read leaves the random batch */
    return inner.code != C2S_NOMEM || c2s_fail_nomem(err);
}

bool c2s_session_fix_preview(struct c2s_session *s, const struct c2s_fix_request *request,
                             struct c2s_model **out, struct c2s_fix_report *report,
                             struct c2s_error *err)
{
    struct c2s_tensor *samples = NULL;
    struct c2s_fix_request own = *request;
    if (!session_require_current(s, err) ||
        (!request->samples && !take_samples(s, s->current->model, &samples, err)))
        return false;
    if (samples)
        own.samples = samples;
    if (!own.takes_integers)
        own.takes_integers = c2s_session_takes_integers;
    bool ok = c2s_fix(s->current->model, &own, &s->progress, out, report, err);
    c2s_tensor_unref(samples);
    return ok;
}

static bool adopt(struct c2s_session *s, const struct c2s_fix_request *request,
                  struct c2s_model *model, const struct c2s_fix_report *report, bool *is_new,
                  struct c2s_error *err)
{
    char *step, note[120];
    if (!step_fix(request, &step, err)) {
        c2s_model_destroy(model);
        return false;
    }
    snprintf(note, sizeof note, "%d fix%s%s", report->n_changes, report->n_changes == 1 ? "" : "es",
             report->is_exact ? ", outputs stay the same" : ", not exact: needs retraining");
    struct c2s_version_info info = {
        .parent = s->current->info.id, .step = step, .name = s->current->info.name, .note = note};
    bool ok = session_adopt(s, &info, model, is_new, err);
    c2s_free(step);
    return ok;
}

bool c2s_session_fix(struct c2s_session *s, const struct c2s_fix_request *request, int64_t *id,
                     bool *is_new, struct c2s_fix_report *report, struct c2s_error *err)
{
    struct c2s_model *model = NULL;
    struct c2s_fix_report made = {0};
    bool made_new = false;
    if (!c2s_session_fix_preview(s, request, &model, &made, err))
        return false;
    if (model && !adopt(s, request, model, &made, &made_new, err)) {
        c2s_fix_report_finish(&made);
        return false;
    }
    if (id)
        *id = s->current->info.id;
    if (is_new)
        *is_new = made_new;
    if (report)
        *report = made;
    else
        c2s_fix_report_finish(&made);
    return true;
}
