/* Measuring versions on the data in use, and comparing two of them. */
#include "session/private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"

/* The Rescaling that the model begins with, or NULL. */
static const struct c2s_layer *leading_rescaling(const struct c2s_model *m)
{
    for (int i = 0; i < m->n_layers; i++)
        if (m->layers[i]->op == C2S_OP_RESCALING)
            return m->layers[i];
        else if (m->layers[i]->op != C2S_OP_INPUT)
            break;
    return NULL;
}

static bool fail_scaled_twice(const struct c2s_layer *rescaling,
                              const struct c2s_dataset_info *data, struct c2s_error *err)
{
    return c2s_fail(err, C2S_STATE,
                    "the model scales its input itself (layer '%s'), so the data must come as "
                    "stored, not with scale %g and shift %g; choose it again: data use %s "
                    "--scale 1 --shift 0",
                    rescaling->name, data->scale, data->shift, data->path);
}

bool c2s_session_input_scaling(struct c2s_session *s, const struct c2s_model *m, double *scale,
                               double *shift, struct c2s_error *err)
{
    const struct c2s_layer *rescaling = leading_rescaling(m);
    const struct c2s_dataset *data = c2s_session_data(s);
    const struct c2s_dataset_info *info = data ? c2s_dataset_info(data) : NULL;
    *scale = info ? info->scale : 1;
    *shift = info ? info->shift : 0;
    if (!rescaling)
        return true;
    if (*scale != 1 || *shift != 0)
        return fail_scaled_twice(rescaling, info, err);
    *scale = 1 / (double)rescaling->attr.rescaling.scale;
    *shift = -(double)rescaling->attr.rescaling.offset / rescaling->attr.rescaling.scale;
    return true;
}

bool c2s_session_takes_integers(const struct c2s_model *m)
{
    int first = c2s_model_first_neural(m);
    if (first < 0 || m->layers[first]->op != C2S_OP_CONV2D || m->n_inputs != 1)
        return true;
    const struct c2s_layer *input = m->layers[m->inputs[0]];
    return input->rank != 3 || (input->dims[2] != 1 && input->dims[2] != 3);
}

bool session_check_scaling(const struct c2s_model *m, const struct c2s_dataset_info *data,
                           struct c2s_error *err)
{
    const struct c2s_layer *rescaling = leading_rescaling(m);
    bool wants_pixels = rescaling && rescaling->attr.rescaling.scale < 1.0f / 64;
    return !wants_pixels || data->scale == 1 || fail_scaled_twice(rescaling, data, err);
}

bool session_engine(struct c2s_session *s, const struct c2s_model *m, const char *engine,
                    struct c2s_engine **out, struct c2s_error *err)
{
    const struct c2s_dataset *data;
    struct c2s_engine_options options = {.input_scale = 1};
    if (!c2s_session_require_data(s, &data, err) ||
        !session_check_scaling(m, c2s_dataset_info(data), err))
        return false;
    if (strcmp(engine, "akida") == 0) {
        options.input_is_integers = c2s_session_takes_integers(m);
        if (!c2s_session_input_scaling(s, m, &options.input_scale, &options.input_shift, err))
            return false;
    }
    return c2s_engine_create(engine, m, &options, out, err);
}

/* predictions [n] is filled. */
static bool take_measure(struct c2s_session *s, const struct c2s_version *v,
                         const struct c2s_dataset *data, struct c2s_measure *m,
                         int32_t *predictions, struct c2s_error *err)
{
    struct c2s_engine *e;
    struct c2s_journal *j = s->journal;
    if (!session_engine(s, v->model, m->engine, &e, err))
        return c2s_fail_at(err, "v%lld", (long long)v->info.id);
    bool ok = c2s_evaluate(e, data, &s->progress, &m->metrics, predictions, err);
    c2s_engine_destroy(e);
    if (!ok)
        return c2s_fail_at(err, "v%lld", (long long)v->info.id);
    m->taken = (int64_t)time(NULL);
    return j->ops->is_read_only(j) || j->ops->put_measure(j, m, predictions, err);
}

static bool evaluate(struct c2s_session *s, const struct c2s_version *v, const char *engine,
                     struct c2s_measure *out, int32_t **predictions, bool *was_cached,
                     struct c2s_error *err)
{
    const struct c2s_dataset *data;
    if (!c2s_session_require_data(s, &data, err))
        return false;
    const struct c2s_dataset_info *info = c2s_dataset_info(data);
    int32_t *classes = NULL;
    bool found;
    if (!s->journal->ops->find_measure(s->journal, v->info.id, info->hash, engine, out,
                                       predictions ? &classes : NULL, &found, err))
        return false;
    *was_cached = found && (classes || !predictions);
    if (!*was_cached) {
        *out = (struct c2s_measure){.version = v->info.id};
        snprintf(out->dataset, sizeof out->dataset, "%s", info->hash);
        snprintf(out->dataset_name, sizeof out->dataset_name, "%s", info->name);
        snprintf(out->engine, sizeof out->engine, "%s", engine);
        classes = c2s_malloc(sizeof *classes * (size_t)info->n);
        if (!classes)
            return c2s_fail_nomem(err);
        if (!take_measure(s, v, data, out, classes, err)) {
            c2s_free(classes);
            return false;
        }
    }
    if (predictions)
        *predictions = classes;
    else
        c2s_free(classes);
    return true;
}

bool c2s_session_eval(struct c2s_session *s, const char *version, const char *engine,
                      struct c2s_measure *out, int32_t **predictions, bool *was_cached,
                      struct c2s_error *err)
{
    const struct c2s_version *v;
    struct c2s_measure measure;
    bool cached;
    if (!c2s_session_version(s, version, &v, err) ||
        !evaluate(s, v, engine ? engine : "dnnl", &measure, predictions, &cached, err))
        return false;
    *out = measure;
    if (was_cached)
        *was_cached = cached;
    return true;
}

static void count_changes(struct c2s_comparison *c, const int32_t *labels, const int32_t *first,
                          const int32_t *second)
{
    for (int64_t i = 0; i < c->first.metrics.n; i++) {
        c->n_changed += first[i] != second[i];
        c->became_right += first[i] != labels[i] && second[i] == labels[i];
        c->became_wrong += first[i] == labels[i] && second[i] != labels[i];
    }
    c->p_value = c2s_mcnemar(c->became_wrong, c->became_right);
}

bool session_compare(struct c2s_session *s, const struct session_measured *first,
                     const struct session_measured *second, struct c2s_comparison *out,
                     struct c2s_error *err)
{
    struct c2s_comparison c = {0};
    int32_t *a = NULL, *b = NULL;
    bool ok = c2s_session_eval(s, first->version, first->engine, &c.first, &a, NULL, err) &&
              c2s_session_eval(s, second->version, second->engine, &c.second, &b, NULL, err);
    if (ok) {
        count_changes(&c, c2s_dataset_labels(c2s_session_data(s)), a, b);
        *out = c;
    }
    c2s_free(a);
    c2s_free(b);
    return ok;
}

bool c2s_session_compare(struct c2s_session *s, const char *first, const char *second,
                         const char *engine, struct c2s_comparison *out, struct c2s_error *err)
{
    return session_compare(s, &(struct session_measured){first, engine},
                           &(struct session_measured){second, engine}, out, err);
}

static bool measure_model(struct c2s_session *s, const struct c2s_model *m, struct c2s_measure *out,
                          int32_t *predictions, struct c2s_error *err)
{
    struct c2s_engine *e;
    if (!session_engine(s, m, out->engine, &e, err))
        return false;
    bool ok = c2s_evaluate(e, c2s_session_data(s), &s->progress, &out->metrics, predictions, err);
    c2s_engine_destroy(e);
    return ok;
}

bool c2s_session_try(struct c2s_session *s, const struct c2s_model *m, struct c2s_comparison *out,
                     struct c2s_error *err)
{
    struct c2s_comparison c = {0};
    int32_t *a = NULL, *b = NULL;
    bool ok = c2s_session_eval(s, NULL, NULL, &c.first, &a, NULL, err);
    if (ok) {
        c.second = c.first;
        c.second.version = 0;
        b = c2s_malloc(sizeof *b * (size_t)c.first.metrics.n);
        ok = b ? measure_model(s, m, &c.second, b, err) : c2s_fail_nomem(err);
    }
    if (ok) {
        count_changes(&c, c2s_dataset_labels(c2s_session_data(s)), a, b);
        *out = c;
    }
    c2s_free(a);
    c2s_free(b);
    return ok;
}
