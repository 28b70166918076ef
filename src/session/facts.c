/* What the rules about data are told: the values and labels of the data in use (values.c), and
 * which channels of a model stay silent on it. Looks at batches spread over the whole data, one at
 * a time. */
#include "session/private.h"

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
    float top;  /* from here on a value is at the end of its range; INFINITY = it has none */
    int64_t n_above_zero, n_at_top;
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
    c->top = l->op == C2S_OP_RELU ? l->attr.relu.max_value : INFINITY;
    f->min = INFINITY;
    f->max = -INFINITY;
    if (c2s_layer_is_quantized_activation(l)) {
        c2s_layer_activation_step(l, &c->step, &threshold);
        f->n_levels = 1 << l->attr.quantized_relu.bitwidth;
        c->top = c->step * ((float)f->n_levels - 1.5f);
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

static void count_at_top(struct channels *c, const float *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        c->n_above_zero += values[i] > 0;
        c->n_at_top += values[i] >= c->top;
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
    if (isfinite(c->top))
        count_at_top(c, values, n);
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
        if (c->n_above_zero > 0)
            f->top_share = (double)c->n_at_top / (double)c->n_above_zero;
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
    struct chip_input chip = session_chip_input(session, s->model);
    for (int64_t b = 0; b < n_batches; b++) {
        struct c2s_tensor *x = NULL;
        struct c2s_error inner = {0};
        int64_t size = n - b * BATCH < BATCH ? n - b * BATCH : BATCH;
        if (!c2s_progress_report(&session->progress, "looking at the data", b * BATCH, n))
            return c2s_fail(err, C2S_CANCELLED, "cancelled; nothing was changed");
        int64_t first = b * BATCH + b * (info->n - n) / n_batches;
        if (!c2s_dataset_keras(data, first, size, &x, err))
            return false;
        session_look_at_values(info, &chip, x, &out->facts);
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
    made.facts.data_scale = c2s_dataset_info(data)->scale;
    made.facts.data_shift = c2s_dataset_info(data)->shift;
    if (limit <= 0)
        limit = session_affordable(v->model, made.facts.n_samples, FEWEST_SAMPLES, DEFAULT_SAMPLES);
    if (made.facts.n_samples > limit)
        made.facts.n_samples = limit;
    bool ok = session_look_at_labels(data, v->model, &made.facts, err) &&
              survey(session, v->model, &s, &made, err);
    finish(&s);
    if (ok)
        *out = made;
    else
        c2s_survey_finish(&made);
    return ok;
}
