/* Histograms of a layer: its kernel, as stored and as used; or its outputs on the data in use. */
#include "session/private.h"

#include <c2s/quantizer.h>
#include <math.h>
#include <stdlib.h>

enum { DEFAULT_BINS = 64, DEFAULT_SAMPLES = 200, BATCH = 20 };

void c2s_layer_histogram_finish(struct c2s_layer_histogram *h)
{
    c2s_histogram_finish(&h->plain);
    c2s_histogram_finish(&h->quantized);
}

bool session_histogram_init(struct c2s_layer_histogram *h, double low, double high, int n_bins,
                            struct c2s_error *err)
{
    if (low > high)
        low = high = 0; /* no finite value was seen */
    return c2s_histogram_init(&h->plain, low, high, n_bins, err) &&
           (!h->has_quantized || c2s_histogram_init(&h->quantized, low, high, n_bins, err));
}

static void widen(double *low, double *high, const struct c2s_tensor *t)
{
    double min, max;
    if (!c2s_tensor_range(t, &min, &max))
        return;
    *low = fmin(*low, min);
    *high = fmax(*high, max);
}

/* Share of the integers at the ends of their range; NAN when they cannot be computed. */
static double clipped_weights(const struct c2s_quantizer_spec *spec, const struct c2s_layer *l,
                              const struct c2s_tensor *kernel, struct c2s_error *err)
{
    struct c2s_tensor *sf = NULL, *integers = NULL;
    double share = NAN;
    if (c2s_quantizer_scale(spec, kernel, l->params[C2S_WEIGHT_THRESHOLD], &sf, err) &&
        c2s_quantizer_integers(spec, kernel, sf, &integers, err)) {
        int largest = (1 << (spec->bitwidth - 1)) - 1;
        int64_t n = c2s_tensor_count(integers), n_clipped = 0;
        for (int64_t i = 0; i < n; i++)
            n_clipped += abs(c2s_i8(integers)[i]) == largest;
        share = n ? (double)n_clipped / (double)n : 0;
    }
    c2s_tensor_unref(sf);
    c2s_tensor_unref(integers);
    return share;
}

/* What the layer's main kernel is used with. */
static const struct c2s_quantizer_spec *main_quantizer(const struct c2s_layer *l)
{
    return c2s_layer_main_role(l) == C2S_DEPTHWISE_KERNEL ? &l->quantizer_dw : &l->quantizer;
}

static bool find_kernel(const struct c2s_layer *l, struct c2s_tensor **kernel,
                        struct c2s_error *err)
{
    *kernel = c2s_layer_main_kernel(l);
    return *kernel || c2s_fail(err, C2S_NOT_FOUND,
                               "layer '%s' (%s) has no weights to draw; its outputs: hist %s "
                               "--activations",
                               l->name, l->class_name, l->name);
}

static void describe_weights(const struct c2s_layer *l, const struct c2s_tensor *kernel,
                             struct c2s_layer_histogram *out, struct c2s_error *err)
{
    const struct c2s_quantizer_spec *spec = main_quantizer(l);
    out->n_levels = (1 << spec->bitwidth) - 1;
    out->clipped_fraction = clipped_weights(spec, l, kernel, err);
}

/* other: NULL = none. */
static bool draw_weights(const struct c2s_tensor *kernel, const struct c2s_tensor *other,
                         int n_bins, struct c2s_layer_histogram *out, struct c2s_error *err)
{
    double low = INFINITY, high = -INFINITY;
    out->has_quantized = other;
    widen(&low, &high, kernel);
    if (other)
        widen(&low, &high, other);
    if (!session_histogram_init(out, low, high, n_bins, err))
        return false;
    c2s_histogram_add(&out->plain, kernel);
    if (!other)
        return true;
    c2s_histogram_add(&out->quantized, other);
    if (c2s_tensor_same_shape(kernel, other))
        out->sqnr_db = c2s_sqnr(kernel, other);
    return true;
}

static bool weight_histogram(const struct c2s_layer *l, int n_bins, struct c2s_layer_histogram *out,
                             struct c2s_error *err)
{
    struct c2s_tensor *kernel, *used = NULL;
    struct c2s_error inner = {0}; /* NaN weights cannot be quantized, but they can be shown */
    if (!find_kernel(l, &kernel, err))
        return false;
    if (main_quantizer(l)->id != C2S_QUANTIZER_NONE &&
        c2s_layer_effective_kernel(l, c2s_layer_main_role(l), &used, &inner))
        describe_weights(l, kernel, out, &inner);
    bool ok = inner.code == C2S_NOMEM ? c2s_fail_nomem(err)
                                      : draw_weights(kernel, used, n_bins, out, err);
    c2s_tensor_unref(used);
    return ok;
}

/* The kernel as used, or as stored when it cannot be used. *out is new. */
static bool used_kernel(const struct c2s_layer *l, struct c2s_tensor **out, struct c2s_error *err)
{
    struct c2s_error inner = {0};
    struct c2s_tensor *kernel;
    if (!find_kernel(l, &kernel, err))
        return false;
    if (main_quantizer(l)->id != C2S_QUANTIZER_NONE &&
        c2s_layer_effective_kernel(l, c2s_layer_main_role(l), out, &inner))
        return true;
    *out = c2s_tensor_ref(kernel);
    return inner.code != C2S_NOMEM || c2s_fail_nomem(err);
}

static bool compare_weights(const struct c2s_layer *first, const struct c2s_layer *second,
                            int n_bins, struct c2s_layer_histogram *out, struct c2s_error *err)
{
    struct c2s_tensor *x = NULL, *y = NULL;
    struct c2s_error inner = {0};
    bool ok = used_kernel(first, &x, err) && used_kernel(second, &y, err);
    if (ok && main_quantizer(second)->id != C2S_QUANTIZER_NONE)
        describe_weights(second, c2s_layer_main_kernel(second), out, &inner);
    ok = ok && (inner.code != C2S_NOMEM || c2s_fail_nomem(err)) &&
         draw_weights(x, y, n_bins, out, err);
    c2s_tensor_unref(x);
    c2s_tensor_unref(y);
    return ok;
}

/* One version whose outputs of the layer are looked at. */
struct source {
    struct c2s_engine *engine;
    int layer;
    struct c2s_tensor *output; /* of the last batch, owned */
    struct c2s_error err;      /* of the copy */
};

static bool keep_output(void *arg, int layer, const struct c2s_tensor *output)
{
    struct source *s = arg;
    if (layer == s->layer && !s->output)
        s->output = c2s_tensor_clone(output, &s->err);
    return layer != s->layer || s->output;
}

static bool run_batch(struct source *s, const struct c2s_tensor *x, struct c2s_error *err)
{
    struct c2s_observer observer = {.layer = keep_output, .arg = s};
    struct c2s_tensor *y[1] = {NULL};
    c2s_tensor_unref(s->output);
    s->output = NULL;
    bool ok = c2s_engine_run(s->engine, &x, y, &observer, err);
    c2s_tensor_unref(y[0]);
    if (s->err.code != C2S_OK)
        *err = s->err; /* the cause, rather than the cancellation it led to */
    return (ok && s->output) ||
           c2s_fail(err, C2S_UNSUPPORTED, "the engine does not show the outputs of this layer");
}

struct survey {
    struct source sources[2]; /* plain, quantized */
    int n_sources;
    double low, high;
    double signal, noise; /* sums of squares, for the ratio */
    double top;           /* outputs from here on are clipped; INFINITY = never */
    int64_t n, n_clipped;
};

static void add_noise(struct survey *v)
{
    const struct c2s_tensor *x = v->sources[0].output, *y = v->sources[1].output;
    int64_t n = c2s_tensor_same_shape(x, y) ? c2s_tensor_count(x) : 0;
    for (int64_t i = 0; i < n; i++) {
        double difference = (double)c2s_f32(x)[i] - c2s_f32(y)[i];
        v->signal += (double)c2s_f32(x)[i] * c2s_f32(x)[i];
        v->noise += difference * difference;
    }
}

static void count_clipped(struct survey *v)
{
    const struct c2s_tensor *y = v->sources[v->n_sources - 1].output;
    int64_t n = c2s_tensor_count(y);
    for (int64_t i = 0; i < n; i++)
        v->n_clipped += c2s_f32(y)[i] >= v->top;
    v->n += n;
}

/* First pass: range and sums, from which the edges follow. Second pass: bins. */
static bool pass(struct c2s_session *s, struct survey *v, struct c2s_layer_histogram *out,
                 bool is_second, struct c2s_error *err)
{
    const struct c2s_dataset *data = c2s_session_data(s);
    for (int64_t first = 0; first < out->n_samples; first += BATCH) {
        int64_t n = out->n_samples - first < BATCH ? out->n_samples - first : BATCH;
        struct c2s_tensor *x;
        if (!c2s_progress_report(&s->progress, "collecting outputs",
                                 (first + (is_second ? out->n_samples : 0)) / 2, out->n_samples))
            return c2s_fail(err, C2S_CANCELLED, "cancelled");
        if (!c2s_dataset_keras(data, first, n, &x, err))
            return false;
        bool ok = true;
        for (int i = 0; ok && i < v->n_sources; i++) {
            ok = run_batch(&v->sources[i], x, err);
            if (ok && !is_second)
                widen(&v->low, &v->high, v->sources[i].output);
            else if (ok)
                c2s_histogram_add(i ? &out->quantized : &out->plain, v->sources[i].output);
        }
        c2s_tensor_unref(x);
        if (!ok)
            return false;
        if (!is_second && v->n_sources == 2)
            add_noise(v);
        if (!is_second)
            count_clipped(v);
    }
    return true;
}

/* The nearest ancestor in which the layer of that name is no quantized activation yet. */
static bool find_float_ancestor(struct c2s_session *s, const struct c2s_version *v,
                                const char *layer, const struct c2s_version **out,
                                struct c2s_error *err)
{
    *out = NULL;
    while (v->info.parent) {
        if (!session_hold(s, v->info.parent, &v, err))
            return false;
        int index = c2s_model_find(v->model, layer);
        if (index < 0)
            return true;
        if (!c2s_layer_is_quantized_activation(v->model->layers[index])) {
            *out = v;
            return true;
        }
    }
    return true;
}

static bool add_source(struct c2s_session *s, struct survey *v, const struct c2s_version *version,
                       const char *layer, struct c2s_error *err)
{
    struct source *source = &v->sources[v->n_sources];
    source->layer = c2s_model_find(version->model, layer);
    if (version->model->n_inputs != 1 || version->model->n_outputs != 1)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "a model with several inputs or outputs cannot run on a data set");
    if (!session_engine(s, version->model, "dnnl", &source->engine, err))
        return false;
    v->n_sources++;
    return true;
}

static void describe_levels(const struct c2s_layer *l, struct survey *v,
                            struct c2s_layer_histogram *out)
{
    v->top = INFINITY;
    if (c2s_layer_is_quantized_activation(l)) {
        float step, threshold;
        c2s_layer_activation_step(l, &step, &threshold);
        out->step = step;
        out->n_levels = 1 << l->attr.quantized_relu.bitwidth;
        v->top = step * (out->n_levels - 1.5); /* half a step below the highest level */
    } else if (l->op == C2S_OP_RELU) {
        v->top = l->attr.relu.max_value;
    }
}

static bool survey_outputs(struct c2s_session *s, struct survey *v, int n_bins,
                           struct c2s_layer_histogram *out, struct c2s_error *err)
{
    out->has_quantized = v->n_sources == 2;
    if (!pass(s, v, out, false, err) ||
        !session_histogram_init(out, v->low, v->high, n_bins, err) || !pass(s, v, out, true, err))
        return false;
    if (isfinite(v->top))
        out->clipped_fraction = v->n ? (double)v->n_clipped / (double)v->n : 0;
    if (out->has_quantized && v->signal > 0)
        out->sqnr_db = c2s_sqnr_of(v->signal, v->noise);
    return true;
}

/* other: NULL = none. */
static bool activation_histogram(struct c2s_session *s, const struct c2s_version *version,
                                 const struct c2s_version *other, int n_bins,
                                 struct c2s_layer_histogram *out, struct c2s_error *err)
{
    const struct c2s_version *last = other ? other : version, *before = other ? version : NULL;
    const struct c2s_layer *l = last->model->layers[c2s_model_find(last->model, out->layer)];
    struct survey v = {.low = INFINITY, .high = -INFINITY};
    if (!other && c2s_layer_is_quantized_activation(l) &&
        !find_float_ancestor(s, version, l->name, &before, err))
        return false;
    out->plain_version = before ? before->info.id : last->info.id;
    out->quantized_version = before ? last->info.id : 0;
    describe_levels(l, &v, out);
    bool ok = (!before || add_source(s, &v, before, l->name, err)) &&
              add_source(s, &v, last, l->name, err) && survey_outputs(s, &v, n_bins, out, err);
    for (int i = 0; i < 2; i++) {
        c2s_engine_destroy(v.sources[i].engine);
        c2s_tensor_unref(v.sources[i].output);
    }
    return ok;
}

/* What was asked for, looked up. */
struct subject {
    const struct c2s_version *version;
    const struct c2s_layer *layer;
};

static bool find_subject(struct c2s_session *s, const char *version, const char *layer,
                         struct subject *out, struct c2s_error *err)
{
    if (!c2s_session_version(s, version, &out->version, err))
        return false;
    int index = c2s_model_find(out->version->model, layer);
    if (index < 0)
        return c2s_fail(err, C2S_NOT_FOUND, "v%lld has no layer '%s'; 'layers' lists them",
                        (long long)out->version->info.id, layer);
    out->layer = out->version->model->layers[index];
    return true;
}

static bool count_samples(struct c2s_session *s, int64_t limit, int64_t *n, struct c2s_error *err)
{
    const struct c2s_dataset *data;
    if (!c2s_session_require_data(s, &data, err))
        return false;
    *n = c2s_dataset_info(data)->n;
    limit = limit > 0 ? limit : DEFAULT_SAMPLES;
    if (*n > limit)
        *n = limit;
    return true;
}

static bool draw(struct c2s_session *s, const struct c2s_histogram_request *r,
                 const struct subject *first, const struct subject *other,
                 struct c2s_layer_histogram *out, struct c2s_error *err)
{
    int n_bins = r->n_bins > 0 ? r->n_bins : DEFAULT_BINS;
    if (r->of == C2S_OF_WEIGHTS)
        return other->layer ? compare_weights(first->layer, other->layer, n_bins, out, err)
                            : weight_histogram(first->layer, n_bins, out, err);
    if (!count_samples(s, r->limit, &out->n_samples, err))
        return false;
    if (r->of == C2S_OF_ACTIVATIONS)
        return activation_histogram(s, first->version, other->version, n_bins, out, err);
    return session_potentials(s, (const struct c2s_version *[]){first->version, other->version},
                              n_bins, out, err);
}

bool c2s_session_histogram(struct c2s_session *s, const struct c2s_histogram_request *r,
                           struct c2s_layer_histogram *out, struct c2s_error *err)
{
    struct subject first, other = {0};
    struct c2s_layer_histogram made = {
        .clipped_fraction = NAN, .sqnr_db = NAN, .silent_fraction = NAN};
    if (!find_subject(s, r->version, r->layer, &first, err) ||
        (r->other && !find_subject(s, r->other, r->layer, &other, err)))
        return false;
    made.layer = first.layer->name;
    made.plain_version = first.version->info.id;
    if (other.version)
        made.quantized_version = other.version->info.id;
    bool ok = draw(s, r, &first, &other, &made, err);
    if (ok && made.has_quantized && made.quantized_version == 0)
        made.quantized_version = first.version->info.id;
    if (ok)
        *out = made;
    else
        c2s_layer_histogram_finish(&made);
    return ok;
}
