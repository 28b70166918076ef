/* Outputs of both float engines against TensorFlow's, layer by layer: the six models, float and
 * quantized by both releases of the toolkit, and the corpus.
 *
 * Differences are measured against the largest number of the tensor. Chains of float layers may
 * differ by 1e-4, what two correct float32 programs may lose over a dozen layers. A quantized
 * activation is a staircase, where a difference of one rounding in front can become a whole step.
 * So layers of quantized models are also compared alone: each gets TensorFlow's own output of the
 * layer before it. Then a quantized activation sees the same numbers and must give the same levels,
 * every one of them, and every other layer must be within 1e-5, which no rounding behind a
 * staircase can excuse. The whole chains are compared as the float ones: none of the values in
 * these files lies so near the edge of a level that rounding moves it. Should one do so on some
 * processor, the comparison of layers alone tells whether rounding or a fault is the reason. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <c2s/engine.h>
#include <c2s/keras.h>

#include "h5/h5.h"

static const char *const models[] = {"akidanet", "ds_cnn", "fm_sep", "fm_vgg", "mlp", "valid_net"};
static const char *const releases[] = {"v18", "v22"};
static const char *const engines[] = {"ref", "dnnl"};

enum { n_models = 6, largest_batch = 64 };

/* A model as a file, and the numbers TensorFlow gave for it. */
struct reference {
    struct h5_file *file;
    char group[64]; /* "/v18/float" */
    struct c2s_model *model;
    struct c2s_tensor *x; /* Keras inputs */
    const char *engine;
    int64_t n_compared;
};

static struct c2s_tensor *read_tensor(struct h5_file *f, const char *path)
{
    struct c2s_error err = {0};
    struct c2s_tensor *t = NULL;
    assert_ok(h5_read(f, path, C2S_F32, &t, &err), &err);
    return t;
}

/* TensorFlow's output of a layer; NULL where the file has none (InputLayer). */
static struct c2s_tensor *read_layer(const struct reference *r, const struct c2s_layer *l)
{
    char path[256];
    snprintf(path, sizeof path, "%s/layers/%s", r->group, l->name);
    return h5_exists(r->file, path) ? read_tensor(r->file, path) : NULL;
}

static struct c2s_tensor *first_samples(const struct c2s_tensor *t, int64_t n)
{
    struct c2s_error err = {0};
    int64_t dims[C2S_MAX_RANK];
    memcpy(dims, t->dims, sizeof dims);
    dims[0] = n;
    struct c2s_tensor *part = c2s_tensor_create(t->dtype, t->rank, dims, &err);
    assert_non_null(part);
    memcpy(part->data, t->data, c2s_tensor_bytes(part));
    return part;
}

static float largest(const struct c2s_tensor *t)
{
    float best = 0;
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        best = fmaxf(best, fabsf(c2s_f32(t)[i]));
    return best;
}

static void assert_near(const struct c2s_tensor *got, const struct c2s_tensor *wanted,
                        double tolerance, const char *what)
{
    double scale = fmax((double)largest(wanted), 1e-30);
    assert_true(c2s_tensor_same_shape(got, wanted));
    for (int64_t i = 0; i < c2s_tensor_count(got); i++) {
        double difference = fabs((double)c2s_f32(got)[i] - (double)c2s_f32(wanted)[i]) / scale;
        if (!(difference <= tolerance))
            fail_msg("%s: number %lld is %.9g, not %.9g: %.2g of the largest", what, (long long)i,
                     (double)c2s_f32(got)[i], (double)c2s_f32(wanted)[i], difference);
    }
}

static int64_t argmax(const float *y, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        best = y[i] > y[best] ? i : best;
    return best;
}

static void assert_same_classes(const struct c2s_tensor *got, const struct c2s_tensor *wanted,
                                const char *what)
{
    int64_t n = got->dims[got->rank - 1];
    for (int64_t i = 0; i < c2s_tensor_count(got); i += n)
        if (argmax(c2s_f32(got) + i, n) != argmax(c2s_f32(wanted) + i, n))
            fail_msg("%s: sample %lld is of another class", what, (long long)(i / n));
}

static struct c2s_model *read_model(const char *path)
{
    struct c2s_error err = {0};
    struct c2s_model *m = NULL;
    assert_ok(c2s_keras_read(path, NULL, &m, &err), &err);
    return m;
}

static struct c2s_engine *make_engine(const char *name, const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_engine *e;
    struct c2s_engine_options options = {.max_batch = largest_batch};
    assert_ok(c2s_engine_create(name, m, &options, &e, &err), &err);
    return e;
}

static struct c2s_tensor *run(const char *engine, const struct c2s_model *m,
                              const struct c2s_tensor *const *x,
                              const struct c2s_observer *observer)
{
    struct c2s_error err = {0};
    struct c2s_tensor *out;
    struct c2s_engine *e = make_engine(engine, m);
    assert_int_equal(m->n_outputs, 1);
    assert_ok(c2s_engine_run(e, x, &out, observer, &err), &err);
    c2s_engine_destroy(e);
    return out;
}

/* Inputs as Keras gets them: (uint8 - shift) / scale, or plain when the model rescales itself. */
static struct c2s_tensor *read_inputs(struct h5_file *f, const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_tensor *x = read_tensor(f, "/inputs");
    double scale = 1, shift = 0;
    bool found;
    assert_ok(h5_attr_real(f, "/", "scale", &scale, &found, &err) && found, &err);
    assert_ok(h5_attr_real(f, "/", "shift", &shift, &found, &err) && found, &err);
    bool rescales = m->n_layers > 1 && m->layers[1]->op == C2S_OP_RESCALING;
    for (int64_t i = 0; !rescales && i < c2s_tensor_count(x); i++)
        c2s_f32(x)[i] = (c2s_f32(x)[i] - (float)shift) / (float)scale;
    return x;
}

static bool compare_layer(void *arg, int index, const struct c2s_tensor *output)
{
    struct reference *r = arg;
    const struct c2s_layer *l = r->model->layers[index];
    struct c2s_tensor *wanted = read_layer(r, l);
    if (!wanted)
        return true;
    char what[160];
    snprintf(what, sizeof what, "%s %s %s %s", h5_path(r->file), r->group, r->engine, l->name);
    struct c2s_tensor *got = first_samples(output, wanted->dims[0]);
    assert_near(got, wanted, 1e-4, what);
    c2s_tensor_unref(got);
    c2s_tensor_unref(wanted);
    r->n_compared++;
    return true;
}

static int64_t n_layers_known(const struct reference *r)
{
    struct c2s_error err = {0};
    struct h5_names names = {0};
    char path[96];
    snprintf(path, sizeof path, "%s/layers", r->group);
    assert_ok(h5_members(r->file, path, &names, &err), &err);
    int64_t n = names.n;
    h5_names_finish(&names);
    return n;
}

static struct c2s_tensor *read_output(const struct reference *r)
{
    char path[96];
    snprintf(path, sizeof path, "%s/output", r->group);
    return read_tensor(r->file, path);
}

static void compare_model(struct reference *r)
{
    struct c2s_observer observer = {compare_layer, r};
    struct c2s_tensor *wanted = read_output(r);
    const struct c2s_tensor *x = r->x;
    r->n_compared = 0;
    struct c2s_tensor *observed = run(r->engine, r->model, &x, &observer);
    struct c2s_tensor *plain = run(r->engine, r->model, &x, NULL);
    assert_int_equal(r->n_compared, n_layers_known(r));
    assert_near(observed, wanted, 1e-4, r->group);
    assert_near(plain, wanted, 1e-4, r->group);
    assert_same_classes(observed, wanted, r->group);
    assert_same_classes(plain, wanted, r->group);
    c2s_tensor_unref(wanted);
    c2s_tensor_unref(observed);
    c2s_tensor_unref(plain);
}

static void float_models_layer_by_layer(void **state)
{
    (void)state;
    for (int i = 0; i < n_models * 4; i++) {
        struct c2s_error err = {0};
        struct reference r = {.engine = engines[i % 2]};
        const char *name = models[i / 4];
        snprintf(r.group, sizeof r.group, "/%s/float", releases[i / 2 % 2]);
        r.model = read_model(data_path("%s.h5", name));
        assert_ok(h5_open(data_path("expected/%s.expected.h5", name), &r.file, &err), &err);
        r.x = read_inputs(r.file, r.model);
        compare_model(&r);
        c2s_tensor_unref(r.x);
        c2s_model_destroy(r.model);
        h5_close(r.file);
    }
}

/* Calls check for every quantized file and both engines; returns for how many files. */
static int for_each_quantized(void (*check)(struct reference *r))
{
    int n = 0;
    for (int i = 0; i < n_models * 2; i++) {
        struct c2s_error err = {0};
        struct reference r = {0};
        struct h5_names tags = {0};
        const char *name = models[i / 2], *release = releases[i % 2];
        char group[16];
        snprintf(group, sizeof group, "/%s", release);
        assert_ok(h5_open(data_path("expected/%s.expected.h5", name), &r.file, &err) &&
                      h5_members(r.file, group, &tags, &err),
                  &err);
        for (int k = 0; k < tags.n; k++) {
            if (strcmp(tags.items[k], "float") == 0)
                continue;
            snprintf(r.group, sizeof r.group, "/%s/%s", release, tags.items[k]);
            r.model = read_model(
                data_path("expected/%s.expected_%s_%s.h5", name, release, tags.items[k]));
            r.x = read_inputs(r.file, r.model);
            for (int e = 0; e < 2; e++) {
                r.engine = engines[e];
                check(&r);
            }
            c2s_tensor_unref(r.x);
            c2s_model_destroy(r.model);
            n++;
        }
        h5_names_finish(&tags);
        h5_close(r.file);
    }
    return n;
}

/* A model of that layer alone; its inputs have the shapes of m's. */
static struct c2s_model *alone(const struct c2s_model *m, const struct c2s_layer *l)
{
    struct c2s_error err = {0};
    struct c2s_model *one = c2s_model_create("one", &err);
    struct c2s_layer *copy = c2s_layer_clone(l, &err);
    assert_true(one && copy);
    for (int k = 0; k < l->n_inputs; k++) {
        const struct c2s_layer *from = m->layers[l->inputs[k]];
        char name[32];
        snprintf(name, sizeof name, "input_%d", k);
        struct c2s_layer *in = c2s_layer_create(C2S_OP_INPUT, name, &err);
        assert_non_null(in);
        in->rank = from->rank;
        memcpy(in->dims, from->dims, sizeof in->dims);
        assert_ok(c2s_model_add(one, in, NULL, &err) && c2s_model_add_input(one, k, &err), &err);
        copy->inputs[k] = k;
    }
    assert_ok(c2s_model_add(one, copy, NULL, &err) &&
                  c2s_model_add_output(one, l->n_inputs, &err) && c2s_model_infer_shapes(one, &err),
              &err);
    return one;
}

/* TensorFlow's input of a layer with one input. */
static struct c2s_tensor *read_input_of(const struct reference *r, const struct c2s_layer *l)
{
    assert_int_equal(l->n_inputs, 1);
    struct c2s_tensor *x = read_layer(r, r->model->layers[l->inputs[0]]);
    return x ? x : first_samples(r->x, 2); /* behind the InputLayer */
}

/* The same level everywhere. The numbers may differ by 4 roundings: TensorFlow computes the level
 * as x + (ceil(x) - x), which may miss the integer. */
static void assert_same_levels(const struct c2s_layer *l, const struct c2s_tensor *got,
                               const struct c2s_tensor *wanted, const char *what)
{
    float step, threshold;
    c2s_layer_activation_step(l, &step, &threshold);
    for (int64_t i = 0; i < c2s_tensor_count(got); i++) {
        float a = c2s_f32(got)[i], b = c2s_f32(wanted)[i];
        if (lroundf(a / step) != lroundf(b / step) || fabsf(a - b) > ldexpf(b, -22))
            fail_msg("%s: number %lld is %.9g, not %.9g (step %.9g)", what, (long long)i, (double)a,
                     (double)b, (double)step);
    }
}

static void compare_alone(struct reference *r)
{
    for (int i = 0; i < r->model->n_layers; i++) {
        const struct c2s_layer *l = r->model->layers[i];
        struct c2s_tensor *wanted = read_layer(r, l);
        if (!wanted)
            continue;
        char what[160];
        snprintf(what, sizeof what, "%s %s %s %s", h5_path(r->file), r->group, r->engine, l->name);
        struct c2s_tensor *x = read_input_of(r, l);
        struct c2s_model *one = alone(r->model, l);
        struct c2s_tensor *got = run(r->engine, one, (const struct c2s_tensor *const[]){x}, NULL);
        if (c2s_layer_is_quantized_activation(l))
            assert_same_levels(l, got, wanted, what);
        else
            assert_near(got, wanted, 1e-5, what);
        c2s_tensor_unref(x);
        c2s_tensor_unref(got);
        c2s_tensor_unref(wanted);
        c2s_model_destroy(one);
        r->n_compared++;
    }
}

static void quantized_layers_alone(void **state)
{
    (void)state;
    assert_int_equal(for_each_quantized(compare_alone), 32);
}

static void quantized_models_layer_by_layer(void **state)
{
    (void)state;
    assert_int_equal(for_each_quantized(compare_model), 32);
}

/* k3_mix computes in float16: inputs, weights and output are each rounded to 11 bits. */
static double corpus_tolerance(const char *name)
{
    return strcmp(name, "k3_mix.h5") == 0 ? 4 * ldexp(1, -11) : 1e-4;
}

/* Seven files of the corpus hold NaN weights, for which TensorFlow predicts NaN. Our engines refuse
 * them in a sentence instead. */
static void assert_refused(const struct c2s_model *m)
{
    for (int e = 0; e < 2; e++) {
        struct c2s_error err = {0};
        struct c2s_engine *engine;
        assert_false(c2s_engine_create(engines[e], m, NULL, &engine, &err));
        assert_int_equal(err.code, C2S_RANGE);
        assert_non_null(strstr(err.text, "holds NaN"));
    }
}

static bool has_nan(const struct c2s_tensor *t)
{
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        if (isnan(c2s_f32(t)[i]))
            return true;
    return false;
}

/* What the corpus predicts for a file, at that point of it ("input", "output"). */
static struct c2s_tensor *corpus_tensor(struct h5_file *f, const char *name, const char *point)
{
    char path[96];
    snprintf(path, sizeof path, "/%s/%s", name, point);
    return read_tensor(f, path);
}

/* Returns whether the file could be computed; `as` is the file whose prediction it must give. */
static bool compare_corpus_file(struct h5_file *f, const char *name, const char *config,
                                const char *as)
{
    struct c2s_error err = {0};
    struct c2s_model *m;
    struct c2s_keras_read_options options = {.config = config};
    assert_ok(c2s_keras_read(data_path("corpus/%s", name), &options, &m, &err), &err);
    struct c2s_tensor *x = corpus_tensor(f, as, "input"), *wanted = corpus_tensor(f, as, "output");
    bool is_refused = has_nan(wanted);
    if (is_refused)
        assert_refused(m);
    for (int e = 0; !is_refused && e < 2; e++) {
        struct c2s_tensor *got = run(engines[e], m, (const struct c2s_tensor *const[]){x}, NULL);
        assert_near(got, wanted, corpus_tolerance(name), name);
        if (got->rank == 2)
            assert_same_classes(got, wanted, name);
        c2s_tensor_unref(got);
    }
    c2s_tensor_unref(x);
    c2s_tensor_unref(wanted);
    c2s_model_destroy(m);
    return !is_refused;
}

static void corpus_predictions(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct h5_file *f;
    struct h5_names names = {0};
    int n[2] = {0}; /* refused, computed */
    assert_ok(h5_open(data_path("corpus/expected.h5"), &f, &err) &&
                  h5_members(f, "/", &names, &err),
              &err);
    for (int i = 0; i < names.n; i++)
        n[compare_corpus_file(f, names.items[i], NULL, names.items[i])]++;
    assert_int_equal(n[0], 7);
    assert_int_equal(n[1], 13);
    /* H2: weights without a model, with the structure from each kind of file. */
    static const char *const weights[][3] = {
        {"k3_seq.weights.h5", "corpus/k3_seq.h5", "k3_seq.h5"},
        {"k3_seq.weights.h5", "corpus/k3_seq.keras", "k3_seq.keras"},
        {"v18_seq_weights.h5", "corpus/v18_seq.h5", "v18_seq.h5"},
        {"v22_seq_weights.h5", "corpus/v22_seq_noopt.h5", "v22_seq_noopt.h5"},
    };
    for (int i = 0; i < 4; i++) /* the two older ones hold NaN, as their whole models do */
        assert_int_equal(
            compare_corpus_file(f, weights[i][0], data_path("%s", weights[i][1]), weights[i][2]),
            i < 2);
    h5_names_finish(&names);
    h5_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_models_layer_by_layer),
        cmocka_unit_test(quantized_layers_alone),
        cmocka_unit_test(quantized_models_layer_by_layer),
        cmocka_unit_test(corpus_predictions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
