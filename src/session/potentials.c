/* Histogram of a layer's integer potentials, as Akida's integer execution has them before the
 * activation. */
#include "session/private.h"

#include <c2s/akida.h>
#include <math.h>

enum { BATCH = 20 };

/* One version, converted and run up to the layer. */
struct tap {
    struct c2s_akida_net *net;
    const struct c2s_akida_layer *l; /* of net */
    struct c2s_akida_runner *runner;
};

struct survey {
    struct tap taps[2];
    int n_taps;
    double low, high;
    int64_t n, n_silent, n_clipped; /* of the last tap */
};

static bool check_quantized(const struct c2s_version *v, struct c2s_error *err)
{
    for (int i = 0; i < v->model->n_layers; i++) {
        const struct c2s_layer *l = v->model->layers[i];
        bool is_float_kernel = c2s_layer_is_neural(l) && l->quantizer.id == C2S_QUANTIZER_NONE;
        if (is_float_kernel || l->op == C2S_OP_RELU)
            return c2s_fail(err, C2S_STATE,
                            "v%lld has no integer potentials: layer '%s' is float; quantize "
                            "weights and activations first",
                            (long long)v->info.id, l->name);
    }
    return true;
}

/* Index in net of the layer that the Keras layer went into, -1 = none. */
static int find_akida_layer(const struct c2s_akida_net *net, int keras)
{
    for (int i = 0; i < net->n_layers; i++)
        if (net->layers[i].type != C2S_AKIDA_INPUT_DATA && net->layers[i].keras_first <= keras &&
            keras <= net->layers[i].keras_last)
            return i;
    return -1;
}

static bool add_tap(struct c2s_session *s, struct survey *survey, const struct c2s_version *v,
                    const char *layer, struct c2s_error *err)
{
    struct tap *tap = &survey->taps[survey->n_taps++];
    const struct c2s_model *m = v->model;
    struct c2s_convert_options options = {
        .input_is_integers = c2s_session_takes_integers(m),
        .rule = m->dialect == C2S_DIALECT_CNN2SNN_18 ? C2S_CONVERT_18 : C2S_CONVERT_22};
    if (!check_quantized(v, err) ||
        !c2s_session_input_scaling(s, m, &options.input_scale, &options.input_shift, err) ||
        !c2s_akida_convert(m, &options, &tap->net, err))
        return false;
    int index = find_akida_layer(tap->net, c2s_model_find(m, layer));
    if (index < 0)
        return c2s_fail(err, C2S_NOT_FOUND,
                        "layer '%s' of v%lld belongs to no Akida layer with potentials; choose a "
                        "convolution or dense layer: layers",
                        layer, (long long)v->info.id);
    tap->l = &tap->net->layers[index];
    return c2s_akida_runner_create_potentials(tap->net, index, true, &tap->runner, err);
}

static void count(struct survey *survey, const struct c2s_tensor *potentials)
{
    const struct c2s_akida_layer *l = survey->taps[survey->n_taps - 1].l;
    int64_t n = c2s_tensor_count(potentials), top = (INT64_C(1) << l->act_bits) - 1;
    for (int64_t i = 0; i < n; i++) {
        int filter = (int)(i % l->filters);
        int64_t above = (int64_t)c2s_i32(potentials)[i] - c2s_i32(l->threshold)[filter];
        survey->n_silent += above <= 0;
        survey->n_clipped += above > 0 && above << l->act_bits > top * c2s_akida_step(l, filter);
    }
    survey->n += n;
}

static bool run_batch(struct survey *survey, const struct c2s_tensor *x, bool is_second,
                      struct c2s_layer_histogram *out, struct c2s_error *err)
{
    for (int i = 0; i < survey->n_taps; i++) {
        struct c2s_tensor *y;
        double low, high;
        if (!c2s_akida_runner_run(survey->taps[i].runner, x, NULL, NULL, &y, err))
            return false;
        if (is_second) {
            c2s_histogram_add(i ? &out->quantized : &out->plain, y);
        } else if (c2s_tensor_range(y, &low, &high)) {
            survey->low = fmin(survey->low, low);
            survey->high = fmax(survey->high, high);
        }
        if (is_second && i == survey->n_taps - 1)
            count(survey, y);
        c2s_tensor_unref(y);
    }
    return true;
}

/* First pass: range, from which the edges follow. Second pass: bins and counts. */
static bool pass(struct c2s_session *s, struct survey *survey, bool is_second,
                 struct c2s_layer_histogram *out, struct c2s_error *err)
{
    bool ok = true;
    for (int64_t first = 0; ok && first < out->n_samples; first += BATCH) {
        int64_t n = out->n_samples - first < BATCH ? out->n_samples - first : BATCH;
        struct c2s_tensor *x = NULL;
        if (!c2s_progress_report(&s->progress, "collecting potentials",
                                 first + (is_second ? out->n_samples : 0), 2 * out->n_samples))
            return c2s_fail(err, C2S_CANCELLED, "cancelled");
        ok = c2s_dataset_raw(c2s_session_data(s), first, n, &x, err) &&
             run_batch(survey, x, is_second, out, err);
        c2s_tensor_unref(x);
    }
    return ok;
}

static void describe(const struct survey *survey, struct c2s_layer_histogram *out)
{
    const struct c2s_akida_layer *l = survey->taps[survey->n_taps - 1].l;
    const int32_t *t = c2s_i32(l->threshold);
    bool is_same = l->has_activation;
    out->threshold_min = out->threshold_max = t[0];
    for (int i = 0; i < l->filters; i++) {
        if (t[i] < out->threshold_min)
            out->threshold_min = t[i];
        if (t[i] > out->threshold_max)
            out->threshold_max = t[i];
        is_same = is_same && c2s_akida_step(l, i) == c2s_akida_step(l, 0);
    }
    if (!l->has_activation)
        return;
    out->n_levels = 1 << l->act_bits;
    if (is_same)
        out->step = (double)c2s_akida_step(l, 0) / out->n_levels;
    out->silent_fraction = survey->n ? (double)survey->n_silent / (double)survey->n : 0;
    out->clipped_fraction = survey->n ? (double)survey->n_clipped / (double)survey->n : 0;
}

bool session_potentials(struct c2s_session *s, const struct c2s_version *const versions[2],
                        int n_bins, struct c2s_layer_histogram *out, struct c2s_error *err)
{
    struct survey survey = {.low = INFINITY, .high = -INFINITY};
    bool ok = true;
    for (int i = 0; ok && i < 2 && versions[i]; i++)
        ok = add_tap(s, &survey, versions[i], out->layer, err);
    out->has_quantized = survey.n_taps == 2;
    ok = ok && pass(s, &survey, false, out, err) &&
         session_histogram_init(out, survey.low, survey.high, n_bins, err) &&
         pass(s, &survey, true, out, err);
    if (ok)
        describe(&survey, out);
    for (int i = 0; i < 2; i++) {
        c2s_akida_runner_destroy(survey.taps[i].runner);
        c2s_akida_net_destroy(survey.taps[i].net);
    }
    return ok;
}
