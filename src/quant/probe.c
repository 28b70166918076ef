/* Runs two models that should compute the same on one random batch and measures how far their
 * outputs are apart. */
#include <math.h>
#include <string.h>

#include <c2s/engine.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "quant/rewrite.h"

enum { probe_batch = 2, probe_size = 16 /* of an input axis the model leaves open */ };

/* What hides differences at the end of a model, in a layer of its own or inside a neural one. */
static bool saturates(const struct c2s_layer *l)
{
    enum c2s_function f = c2s_layer_function(l);
    return f == C2S_FN_SOFTMAX || f == C2S_FN_SIGMOID || f == C2S_FN_TANH || f == C2S_FN_OTHER;
}

static void drop_function(struct c2s_layer *l)
{
    if (l->op == C2S_OP_DENSE) {
        l->attr.dense.function = C2S_FN_LINEAR;
    } else if (c2s_layer_is_neural(l)) {
        l->attr.conv.function = C2S_FN_LINEAR;
    } else {
        l->op = C2S_OP_ACTIVATION;
        l->attr.activation.function = C2S_FN_LINEAR;
    }
}

/* Rounding steps and saturation hide or enlarge a difference: both models do without. */
static void make_linear(struct c2s_model *m, int index, const struct quant_probe *probe)
{
    struct c2s_layer *l = m->layers[index];
    if (!probe->keep_weights)
        l->quantizer.id = l->quantizer_dw.id = C2S_QUANTIZER_NONE;
    if (!probe->keep_activations && c2s_layer_is_quantized_activation(l)) {
        l->op = C2S_OP_RELU;
        l->attr.relu = (struct c2s_relu_attr){.max_value = INFINITY};
    }
    if (quant_is_output(m, index) && saturates(l))
        drop_function(l);
}

static struct c2s_model *linear_twin(const struct c2s_model *m, const struct quant_probe *probe,
                                     struct c2s_error *err)
{
    struct c2s_model *twin = c2s_model_clone(m, err);
    for (int i = 0; twin && i < twin->n_layers; i++) {
        struct c2s_layer *l = twin->layers[i];
        for (int d = 0; l->op == C2S_OP_INPUT && d < l->rank; d++)
            l->dims[d] = l->dims[d] < 0 ? probe_size : l->dims[d];
        make_linear(twin, i, probe);
    }
    return twin;
}

/* Raw pixels when the model itself scales them down. */
static float input_amplitude(const struct c2s_model *m, int input)
{
    int reader = 0;
    if (c2s_model_n_readers(m, input, &reader) == 0 || m->layers[reader]->op != C2S_OP_RESCALING)
        return 1;
    float scale = fabsf(m->layers[reader]->attr.rescaling.scale);
    return scale > 0 && scale < 1 ? 1 / scale : 1;
}

static void drop_tensors(struct c2s_tensor **list, int n)
{
    for (int i = 0; list && i < n; i++)
        c2s_tensor_unref(list[i]);
    c2s_free(list);
}

static void fill_random(struct c2s_tensor *t, float amplitude, struct c2s_rng *rng)
{
    int64_t n = c2s_tensor_count(t);
    for (int64_t k = 0; k < n; k++)
        c2s_f32(t)[k] = amplitude * (float)(2 * c2s_rng_unit(rng) - 1);
}

/* The samples in the model's own shape: two models may give the same numbers other axes. */
static bool fill_samples(const struct c2s_model *m, struct c2s_tensor *t,
                         const struct c2s_tensor *samples, struct c2s_error *err)
{
    if (m->n_inputs != 1 || c2s_tensor_count(t) != c2s_tensor_count(samples))
        return c2s_fail(err, C2S_SHAPE, "the samples do not fit the model");
    memcpy(t->data, samples->data, c2s_tensor_bytes(t));
    return true;
}

static struct c2s_tensor **make_inputs(const struct c2s_model *m, const struct c2s_tensor *samples,
                                       struct c2s_error *err)
{
    struct c2s_rng rng;
    c2s_rng_seed(&rng, 1);
    struct c2s_tensor **list = c2s_calloc((size_t)m->n_inputs, sizeof *list);
    if (!list)
        c2s_fail_nomem(err);
    for (int i = 0; list && i < m->n_inputs; i++) {
        const struct c2s_layer *input = m->layers[m->inputs[i]];
        int64_t dims[C2S_MAX_RANK] = {samples ? samples->dims[0] : probe_batch};
        memcpy(dims + 1, input->dims, sizeof *dims * (size_t)input->rank);
        list[i] = c2s_tensor_create(C2S_F32, input->rank + 1, dims, err);
        if (!list[i] || (samples && !fill_samples(m, list[i], samples, err))) {
            drop_tensors(list, m->n_inputs);
            return NULL;
        }
        if (!samples)
            fill_random(list[i], input_amplitude(m, m->inputs[i]), &rng);
    }
    return list;
}

/* The fast engine where it can, the naive one where it cannot. */
static bool compute(const struct c2s_model *m, struct c2s_tensor **inputs,
                    struct c2s_tensor **outputs, struct c2s_error *err)
{
    static const char *const names[] = {"dnnl", "ref"};
    struct c2s_engine *engine = NULL;
    for (int i = 0; i < 2 && !engine; i++) {
        *err = (struct c2s_error){0};
        if (!c2s_engine_create(names[i], m,
                               &(struct c2s_engine_options){
                                   .max_batch = m->n_inputs > 0 ? (int)inputs[0]->dims[0] : 1},
                               &engine, err))
            engine = NULL;
    }
    bool ok = engine &&
              c2s_engine_run(engine, (const struct c2s_tensor *const *)inputs, outputs, NULL, err);
    c2s_engine_destroy(engine);
    return ok;
}

static double relative_difference(struct c2s_tensor *const *a, struct c2s_tensor *const *b, int n)
{
    double largest = 0, difference = 0;
    for (int i = 0; i < n; i++) {
        int64_t count = c2s_tensor_count(a[i]);
        for (int64_t k = 0; k < count; k++) {
            double x = (double)c2s_f32(a[i])[k], distance = fabs(x - (double)c2s_f32(b[i])[k]);
            largest = fmax(largest, fabs(x));
            difference = fmax(difference, isnan(distance) ? INFINITY : distance);
        }
    }
    return difference == 0 ? 0 : difference / largest;
}

/* The outputs of both, or SHAPE when they have not as many numbers. */
static bool is_comparable(struct c2s_tensor *const *a, struct c2s_tensor *const *b, int n,
                          struct c2s_error *err)
{
    for (int i = 0; i < n; i++)
        if (c2s_tensor_count(a[i]) != c2s_tensor_count(b[i]))
            return c2s_fail(err, C2S_SHAPE, "the outputs have not the same shape");
    return true;
}

static bool measure(const struct c2s_model *a, const struct c2s_model *b,
                    const struct c2s_tensor *samples, double *difference, struct c2s_error *err)
{
    int n = a->n_outputs;
    struct c2s_tensor **x = NULL, **y = NULL, **inputs = make_inputs(a, samples, err);
    /* The same numbers for both, also where b no longer scales its pixels itself. */
    const struct c2s_tensor *same = inputs && a->n_inputs == 1 ? inputs[0] : samples;
    struct c2s_tensor **others = inputs ? make_inputs(b, same, err) : NULL;
    x = c2s_calloc((size_t)n, sizeof *x);
    y = c2s_calloc((size_t)n, sizeof *y);
    bool ok = others && ((x && y) || c2s_fail_nomem(err)) && compute(a, inputs, x, err) &&
              compute(b, others, y, err) && is_comparable(x, y, n, err);
    if (ok)
        *difference = relative_difference(x, y, n);
    drop_tensors(inputs, a->n_inputs);
    drop_tensors(others, b->n_inputs);
    drop_tensors(x, n);
    drop_tensors(y, n);
    return ok;
}

bool quant_difference(const struct c2s_model *a, const struct c2s_model *b,
                      const struct quant_probe *probe, double *difference, struct c2s_error *err)
{
    static const struct quant_probe usual = {0};
    const struct quant_probe *how = probe ? probe : &usual;
    struct c2s_error own = {0};
    struct c2s_model *x = linear_twin(a, how, &own), *y = x ? linear_twin(b, how, &own) : NULL;
    bool ok = x && y && c2s_model_infer_shapes(x, &own) && c2s_model_infer_shapes(y, &own) &&
              measure(x, y, how->samples, difference, &own);
    c2s_model_destroy(x);
    c2s_model_destroy(y);
    if (ok)
        return true;
    *difference = NAN;
    bool is_about_model =
        own.code == C2S_UNSUPPORTED || own.code == C2S_SHAPE || own.code == C2S_RANGE;
    return is_about_model || c2s_fail(err, own.code, "%s", own.text);
}
