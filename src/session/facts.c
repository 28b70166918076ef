/* What the rules about data are told: the values and labels of the data in use, and which channels
 * of a model stay silent on it. Looks at batches spread over the whole data, one at a time. */
#include "session/private.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { DEFAULT_SAMPLES = 500, FEWEST_SAMPLES = 20, BATCH = 20, MOST_LEVELS = 256 };

/* Multiplications that a check may cost: about half a second. */
#define BUDGET 6e9

/* What was seen of one layer; arrays owned. */
struct channels {
    float *first;      /* [n] the first value of each channel */
    uint8_t *varies;   /* [n] another value than the first was seen */
    uint8_t *is_alive; /* [n] a value other than 0 was seen */
    bool was_seen;
    float step; /* of a quantized activation, else 0 */
    uint8_t levels[MOST_LEVELS];
};

struct survey {
    const struct c2s_model *model;
    struct c2s_layer_facts *facts; /* [n_layers] */
    struct channels *channels;     /* [n_layers] */
    struct c2s_error err;
};

void c2s_survey_finish(struct c2s_survey *s)
{
    c2s_free((void *)s->facts.layers);
    *s = (struct c2s_survey){0};
}

/* ---- the data alone ---- */

/* Raw = keras * scale + shift, up to the rounding of the Keras value to float32: a whole number is
 * taken back as one. */
static double raw_value(const struct c2s_dataset_info *info, double keras, bool *is_integer)
{
    double raw = keras * info->scale + info->shift, whole = rint(raw);
    double tolerance = info->scale == 1 && info->shift == 0
                           ? 0
                           : 4 * (double)FLT_EPSILON * (fabs(raw) + fabs(info->shift));
    *is_integer = fabs(raw - whole) <= tolerance;
    return *is_integer ? whole : raw;
}

static void look_at_values(const struct c2s_dataset_info *info, const struct c2s_tensor *x,
                           struct c2s_data_facts *f)
{
    int64_t n = c2s_tensor_count(x);
    for (int64_t i = 0; i < n; i++) {
        double keras = c2s_f32(x)[i];
        if (!isfinite(keras)) {
            f->n_not_finite++;
            continue;
        }
        bool is_integer;
        double raw = raw_value(info, keras, &is_integer);
        f->raw_is_integer = f->raw_is_integer && is_integer;
        f->raw_min = fmin(f->raw_min, raw);
        f->raw_max = fmax(f->raw_max, raw);
        f->keras_min = fmin(f->keras_min, keras);
        f->keras_max = fmax(f->keras_max, keras);
    }
}

/* Classes that the model can tell apart: its outputs; 0 = not known. */
static int64_t count_classes(const struct c2s_model *m)
{
    int64_t n = m->n_outputs == 1 ? 1 : 0;
    const struct c2s_layer *last = n ? m->layers[m->outputs[0]] : NULL;
    if (!last || last->rank < 1)
        return 0;
    for (int i = 0; i < last->rank; i++)
        n *= last->dims[i];
    return n > 0 ? n : 0;
}

static bool look_at_labels(const struct c2s_dataset *data, const struct c2s_model *m,
                           struct c2s_data_facts *f, struct c2s_error *err)
{
    const struct c2s_dataset_info *info = c2s_dataset_info(data);
    const int32_t *labels = c2s_dataset_labels(data);
    int64_t n_classes = count_classes(m);
    uint8_t *was_seen = c2s_calloc((size_t)info->n_classes + 1, 1);
    if (!was_seen)
        return c2s_fail_nomem(err);
    f->has_labels = labels && info->n > 0;
    f->label_min = f->label_max = f->has_labels ? labels[0] : 0;
    for (int64_t i = 0; f->has_labels && i < info->n; i++) {
        int32_t label = labels[i];
        if (label < f->label_min)
            f->label_min = label;
        if (label > f->label_max)
            f->label_max = label;
        /* One output is a yes or no: its labels are 0 and 1. */
        f->n_labels_outside +=
            label < 0 || (n_classes > 0 && label >= (n_classes == 1 ? 2 : n_classes));
        if (label >= 0 && label < info->n_classes && !was_seen[label]) {
            was_seen[label] = 1;
            f->n_classes_seen++;
        }
    }
    c2s_free(was_seen);
    return true;
}

/* ---- the model on the data ---- */

/* Families whose last axis are the channels that a filter makes. */
static bool has_channels(const struct c2s_layer *l)
{
    enum c2s_family family = c2s_op_info(l->op)->family;
    return l->rank >= 1 && l->dims[l->rank - 1] > 0 &&
           (family == C2S_FAMILY_NEURAL || family == C2S_FAMILY_NORMALIZATION ||
            family == C2S_FAMILY_ACTIVATION || family == C2S_FAMILY_POOL);
}

static bool prepare_layer(const struct c2s_layer *l, struct c2s_layer_facts *f, struct channels *c,
                          struct c2s_error *err)
{
    float threshold;
    size_t n = (size_t)l->dims[l->rank - 1];
    c->first = c2s_calloc(n, sizeof *c->first);
    c->varies = c2s_calloc(n, 1);
    c->is_alive = c2s_calloc(n, 1);
    if (!c->first || !c->varies || !c->is_alive)
        return c2s_fail_nomem(err);
    f->n_channels = (int64_t)n;
    f->min = INFINITY;
    f->max = -INFINITY;
    if (c2s_layer_is_quantized_activation(l)) {
        c2s_layer_activation_step(l, &c->step, &threshold);
        f->n_levels = 1 << l->attr.quantized_relu.bitwidth;
    }
    return true;
}

static void count_levels(struct channels *c, const float *values, int64_t n, int n_levels)
{
    for (int64_t i = 0; i < n; i++) {
        float level = rintf(values[i] / c->step);
        if (level >= 0 && level < (float)n_levels)
            c->levels[(int)level] = 1;
    }
}

static bool look_at_layer(void *arg, int layer, const struct c2s_tensor *output)
{
    struct survey *s = arg;
    struct c2s_layer_facts *f = &s->facts[layer];
    struct channels *c = &s->channels[layer];
    if (f->n_channels == 0)
        return true;
    const float *values = c2s_f32(output);
    int64_t n = c2s_tensor_count(output), n_channels = f->n_channels;
    double low, high;
    if (!c->was_seen)
        memcpy(c->first, values, sizeof *values * (size_t)n_channels);
    c->was_seen = true;
    for (int64_t i = 0; i < n; i += n_channels)
        for (int64_t k = 0; k < n_channels; k++) {
            c->varies[k] |= values[i + k] != c->first[k];
            c->is_alive[k] |= values[i + k] != 0;
        }
    if (c2s_tensor_range(output, &low, &high)) {
        f->min = fmin(f->min, low);
        f->max = fmax(f->max, high);
    }
    if (c->step > 0)
        count_levels(c, values, n, f->n_levels < MOST_LEVELS ? f->n_levels : MOST_LEVELS);
    return true;
}

static void conclude(struct survey *s)
{
    for (int i = 0; i < s->model->n_layers; i++) {
        struct c2s_layer_facts *f = &s->facts[i];
        const struct channels *c = &s->channels[i];
        if (!c->was_seen) {
            *f = (struct c2s_layer_facts){0};
            continue;
        }
        for (int64_t k = 0; k < f->n_channels; k++) {
            f->n_silent += !c->is_alive[k];
            f->n_constant += c->is_alive[k] && !c->varies[k];
        }
        for (int k = 0; k < MOST_LEVELS; k++)
            f->levels_used += c->levels[k];
    }
}

static bool prepare(struct survey *s, const struct c2s_model *m, struct c2s_error *err)
{
    s->model = m;
    s->facts = c2s_calloc((size_t)m->n_layers, sizeof *s->facts);
    s->channels = c2s_calloc((size_t)m->n_layers, sizeof *s->channels);
    if (!s->facts || !s->channels)
        return c2s_fail_nomem(err);
    for (int i = 0; i < m->n_layers; i++)
        if (has_channels(m->layers[i]) &&
            !prepare_layer(m->layers[i], &s->facts[i], &s->channels[i], err))
            return false;
    return true;
}

static void finish(struct survey *s)
{
    for (int i = 0; s->channels && i < s->model->n_layers; i++) {
        c2s_free(s->channels[i].first);
        c2s_free(s->channels[i].varies);
        c2s_free(s->channels[i].is_alive);
    }
    c2s_free(s->channels);
    c2s_free(s->facts);
}

/* Multiplications of one sample. */
static double cost(const struct c2s_model *m)
{
    double sum = 1;
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        double positions = 1;
        for (int k = 0; k < l->rank - 1; k++)
            positions *= (double)l->dims[k];
        if (c2s_layer_is_neural(l))
            sum += positions * (double)c2s_layer_n_params(l);
    }
    return sum;
}

int64_t session_affordable(const struct c2s_model *m, int64_t n, int64_t fewest, int64_t most)
{
    double affordable = BUDGET / cost(m);
    if (affordable < (double)fewest)
        most = fewest;
    else if (affordable < (double)most)
        most = (int64_t)affordable;
    return n < most ? n : most;
}

/* The model on one batch. A failure of the engine ends the running of the model, not the survey. */
static bool run(struct survey *s, struct c2s_engine *e, const struct c2s_tensor *x,
                struct c2s_error *err)
{
    struct c2s_observer observer = {.layer = look_at_layer, .arg = s};
    struct c2s_tensor *y[1] = {NULL};
    bool ok = c2s_engine_run(e, &x, y, &observer, err);
    c2s_tensor_unref(y[0]);
    return ok;
}

static bool is_fatal(const struct c2s_error *err)
{
    return err->code == C2S_NOMEM || err->code == C2S_CANCELLED;
}

/* Goes through the batches; *engine becomes NULL, and not_run tells why, once it fails. */
static bool go_through(struct c2s_session *session, struct survey *s, struct c2s_engine **engine,
                       struct c2s_survey *out, struct c2s_error *err)
{
    const struct c2s_dataset *data = c2s_session_data(session);
    const struct c2s_dataset_info *info = c2s_dataset_info(data);
    int64_t n = out->facts.n_samples, n_batches = (n + BATCH - 1) / BATCH;
    for (int64_t b = 0; b < n_batches; b++) {
        struct c2s_tensor *x = NULL;
        struct c2s_error inner = {0};
        int64_t size = n - b * BATCH < BATCH ? n - b * BATCH : BATCH;
        if (!c2s_progress_report(&session->progress, "looking at the data", b * BATCH, n))
            return c2s_fail(err, C2S_CANCELLED, "cancelled; nothing was changed");
        int64_t first = b * BATCH + b * (info->n - n) / n_batches;
        if (!c2s_dataset_keras(data, first, size, &x, err))
            return false;
        look_at_values(info, x, &out->facts);
        bool ok = !*engine || run(s, *engine, x, &inner);
        c2s_tensor_unref(x);
        if (!ok && is_fatal(&inner)) {
            *err = inner;
            return false;
        }
        if (!ok) {
            snprintf(out->not_run, sizeof out->not_run, "%s", inner.text);
            c2s_engine_destroy(*engine);
            *engine = NULL;
        }
    }
    return true;
}

static bool make_engine(struct c2s_session *session, const struct c2s_model *m,
                        struct c2s_engine **engine, struct c2s_survey *out, struct c2s_error *err)
{
    struct c2s_error inner = {0};
    if (m->n_inputs != 1 || m->n_outputs != 1)
        snprintf(out->not_run, sizeof out->not_run, "it has several inputs or outputs");
    else if (!session_engine(session, m, "dnnl", engine, &inner)) {
        *engine = NULL;
        snprintf(out->not_run, sizeof out->not_run, "%s", inner.text);
        if (is_fatal(&inner)) {
            *err = inner;
            return false;
        }
    }
    return true;
}

static bool survey(struct c2s_session *session, const struct c2s_model *m, struct survey *s,
                   struct c2s_survey *out, struct c2s_error *err)
{
    struct c2s_engine *engine = NULL;
    if (!make_engine(session, m, &engine, out, err))
        return false;
    bool ok = prepare(s, m, err) && go_through(session, s, &engine, out, err);
    if (ok && engine) {
        conclude(s);
        out->facts.layers = s->facts;
        s->facts = NULL;
    }
    c2s_engine_destroy(engine);
    return ok;
}

bool c2s_session_survey(struct c2s_session *session, const char *version, int64_t limit,
                        struct c2s_survey *out, struct c2s_error *err)
{
    const struct c2s_version *v;
    const struct c2s_dataset *data;
    struct survey s = {0};
    struct c2s_survey made = {.facts = {.raw_is_integer = true,
                                        .raw_min = INFINITY,
                                        .raw_max = -INFINITY,
                                        .keras_min = INFINITY,
                                        .keras_max = -INFINITY}};
    if (!c2s_session_version(session, version, &v, err) ||
        !c2s_session_require_data(session, &data, err))
        return false;
    made.facts.n_samples = c2s_dataset_info(data)->n;
    if (limit <= 0)
        limit = session_affordable(v->model, made.facts.n_samples, FEWEST_SAMPLES, DEFAULT_SAMPLES);
    if (made.facts.n_samples > limit)
        made.facts.n_samples = limit;
    bool ok = look_at_labels(data, v->model, &made.facts, err) &&
              survey(session, v->model, &s, &made, err);
    finish(&s);
    if (ok)
        *out = made;
    else
        c2s_survey_finish(&made);
    return ok;
}
