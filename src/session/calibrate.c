/* Calibration as a step: its data and its reference by name, its canonical form, its version. */
#include "session/private.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* ---- the reference of a bias correction ---- */

static bool has_quantized_weights(const struct c2s_model *m)
{
    bool found = false;
    for (int i = 0; i < m->n_layers; i++)
        found |= c2s_layer_is_quantized(m->layers[i]);
    return found;
}

/* A version the current one came from, so many steps before it. */
struct reference {
    const struct c2s_version *version;
    int steps;
    bool is_default;
};

/* The nearest ancestor that accepts: by id, or (id 0) with float weights. */
static bool find_ancestor(struct c2s_session *s, int64_t id, struct reference *out,
                          struct c2s_error *err)
{
    const struct c2s_version *v = s->current;
    bool weights_only = has_quantized_weights(v->model), found = false;
    out->steps = 0;
    while (!found && v->info.parent) {
        if (!session_hold(s, v->info.parent, &v, err))
            return false;
        out->steps++;
        found = id             ? v->info.id == id
                : weights_only ? !has_quantized_weights(v->model)
                               : !c2s_model_is_quantized(v->model);
    }
    out->version = found ? v : NULL;
    return true;
}

static bool find_reference(struct c2s_session *s, const struct c2s_calibrate_options *o,
                           struct reference *out, struct c2s_error *err)
{
    struct reference usual;
    int64_t id;
    *out = (struct reference){.is_default = true};
    if (o->what != C2S_CALIBRATE_BIAS)
        return true;
    if (!find_ancestor(s, 0, &usual, err))
        return false;
    *out = usual;
    if (o->reference) {
        if (!c2s_session_version_id(s, o->reference, &id, err) || !find_ancestor(s, id, out, err))
            return false;
        if (!out->version)
            return c2s_fail(err, C2S_STATE,
                            "v%lld was not made from v%lld; the reference must be a version that "
                            "the current one came from ('log' shows them)",
                            (long long)s->current->info.id, (long long)id);
    }
    out->is_default = out->version == usual.version;
    if (out->version)
        return true;
    if (!c2s_model_is_quantized(s->current->model))
        return c2s_fail(err, C2S_STATE,
                        "v%lld is float, and bias makes up for what quantizing did; quantize "
                        "first, then calibrate bias",
                        (long long)s->current->info.id);
    return c2s_fail(err, C2S_STATE,
                    "v%lld came from no version with float weights, so there is nothing to "
                    "correct against; load the float model and quantize it here",
                    (long long)s->current->info.id);
}

/* ---- canonical form ---- */

static void add_method(struct text *t, const struct c2s_calibrate_options *o)
{
    if (o->method == C2S_RANGE_MAX)
        text_add(t, " --method max");
    if (o->method == C2S_RANGE_PERCENTILE) {
        text_add(t, " --method percentile=");
        text_add_number(t, o->percentile);
    }
    if (o->bits > 0 && o->bits != 4)
        text_add(t, " --bits %d", o->bits);
}

static bool step_calibrate(const struct c2s_calibrate_options *o, const char *data,
                           const struct reference *reference, char **out, struct c2s_error *err)
{
    struct text t = {0};
    text_add(&t, "calibrate %s", c2s_calibration_name(o->what));
    if (o->what == C2S_CALIBRATE_RANGES)
        add_method(&t, o);
    if (!reference->is_default)
        text_add(&t, " --reference HEAD~%d", reference->steps);
    if (o->layers && strcmp(o->layers, "*") != 0) {
        text_add(&t, " --layers ");
        text_add_quoted(&t, o->layers);
    }
    if (data) {
        text_add(&t, " --data ");
        text_add_quoted(&t, data);
    }
    return text_take(&t, out, err);
}

/* ---- the data ---- */

enum { USUAL_SAMPLES = 2000 }; /* more change little, and take longer */

/* *text is new: the data as the step says it. */
static bool open_data(struct c2s_session *s, const struct c2s_calibrate_options *o,
                      struct c2s_dataset **data, char **text, struct c2s_error *err)
{
    struct c2s_dataset_spec spec;
    if (!session_training_spec(s, o->data, &spec, err))
        return false;
    if (o->limit >= 0 || spec.options.limit == 0) {
        spec.options.limit = o->limit >= 0 ? o->limit : USUAL_SAMPLES;
        if (spec.options.limit > 0 && spec.options.seed == 0)
            spec.options.seed = 1;
    }
    bool ok = session_open_spec(&spec, data, text, err);
    c2s_dataset_spec_finish(&spec);
    return ok;
}

/* ---- the step ---- */

static bool adopt(struct c2s_session *s, const struct c2s_calibrate_options *o,
                  const struct reference *reference, struct c2s_calibrated *c,
                  struct c2s_error *err)
{
    char *step = NULL, note[120];
    if (!step_calibrate(o, c->data, reference, &step, err))
        return false;
    snprintf(note, sizeof note, "%d of %d %s", c->report.n_changed, c->report.n_rows,
             o->what == C2S_CALIBRATE_EQUALIZE ? "pairs equalized" : "layers calibrated");
    struct c2s_version_info info = {
        .parent = s->current->info.id, .step = step, .name = s->current->info.name, .note = note};
    struct c2s_model *model = c->model;
    c->model = NULL;
    bool ok = session_adopt(s, &info, model, &c->is_new, err);
    c2s_free(step);
    return ok;
}

static bool run(struct c2s_session *s, const struct c2s_calibrate_options *o,
                const struct c2s_dataset *data, struct c2s_calibrated *c, struct c2s_error *err)
{
    struct reference reference;
    const struct c2s_model *m = s->current->model;
    if ((o->what == C2S_CALIBRATE_RANGES &&
         !session_came_through(s, "calibrate ranges", &c->ranged, err)) ||
        !find_reference(s, o, &reference, err) ||
        (data && !session_check_scaling(m, c2s_dataset_info(data), err)))
        return false;
    struct c2s_calibrate_request request = {.model = m,
                                            .what = o->what,
                                            .data = data,
                                            .reference =
                                                reference.version ? reference.version->model : NULL,
                                            .method = o->method,
                                            .percentile = o->percentile,
                                            .bits = o->bits,
                                            .layers = o->layers,
                                            .progress = &s->progress};
    c->reference = reference.version ? reference.version->info.id : 0;
    return c2s_calibrate(&request, &c->model, &c->report, err) &&
           (o->is_trial || !c->model || adopt(s, o, &reference, c, err));
}

void c2s_calibrated_finish(struct c2s_calibrated *c)
{
    c2s_calibrate_report_finish(&c->report);
    c2s_model_destroy(c->model);
    c2s_text_free(c->data);
    *c = (struct c2s_calibrated){0};
}

bool c2s_session_calibrate(struct c2s_session *s, const struct c2s_calibrate_options *options,
                           struct c2s_calibrated *out, struct c2s_error *err)
{
    struct c2s_calibrated made = {0};
    struct c2s_dataset *data = NULL;
    bool needs_data = options->what != C2S_CALIBRATE_EQUALIZE;
    bool ok = session_require_current(s, err) &&
              (!needs_data || (open_data(s, options, &data, &made.data, err) &&
                               session_count_learned(s, data, NULL, &made.learned, err))) &&
              run(s, options, data, &made, err);
    c2s_dataset_close(data);
    if (!ok) {
        c2s_calibrated_finish(&made);
        return false;
    }
    made.id = s->current->info.id;
    *out = made;
    return true;
}
