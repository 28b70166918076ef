/* Histograms through the session: potentials, and one version against another, on the trained model
 * fm_sep and 1,000 real images. */
#include <math.h>
#include <string.h>

#include <c2s/akida.h>
#include <c2s/session_look.h>

#include "memory_journal.h"
#include "support.h"

enum { N = 24, SCALE = 255 }; /* more than one batch of the session, not a multiple of it */

struct bench {
    struct c2s_journal *journal;
    struct c2s_session *session;
};

static void quantize(struct c2s_session *s, int weights, int activations)
{
    struct c2s_error err = {0};
    struct c2s_quantize_plan plan = {.weight_quantization = weights,
                                     .activ_quantization = activations,
                                     .input_weight_quantization = weights ? 8 : 0};
    assert_ok(c2s_session_quantize(s, &plan, NULL, NULL, NULL, &err), &err);
}

/* v1 float, v2 activations 4, v3 weights 4 besides, v4 weights 2 instead of 4. */
static int start(void **state)
{
    static struct bench b;
    struct c2s_error err = {0};
    struct c2s_dataset_options options = {.scale = SCALE};
    b.journal = memory_journal_create();
    assert_ok(c2s_session_create(b.journal, NULL, &b.session, &err), &err);
    assert_ok(c2s_session_load(b.session, data_path("fm_sep.h5"), NULL, NULL, NULL, &err), &err);
    assert_ok(c2s_session_use_data(b.session, data_path("fashion-mnist-1k"), &options, &err), &err);
    quantize(b.session, 0, 4);
    quantize(b.session, 4, 0);
    quantize(b.session, 2, 0);
    *state = &b;
    return 0;
}

static int finish(void **state)
{
    struct bench *b = *state;
    c2s_session_destroy(b->session);
    b->journal->ops->close(b->journal);
    return 0;
}

static struct c2s_layer_histogram draw(struct c2s_session *s,
                                       const struct c2s_histogram_request *request)
{
    struct c2s_error err = {0};
    struct c2s_layer_histogram h;
    assert_ok(c2s_session_histogram(s, request, &h, &err), &err);
    return h;
}

/* ---- potentials ---- */

struct network {
    struct c2s_akida_net *net;
    struct c2s_tensor *x, *raw;
    struct c2s_tensor *outputs[16]; /* of each layer */
};

static bool keep(void *arg, int layer, const struct c2s_tensor *y)
{
    struct network *n = arg;
    n->outputs[layer] = c2s_tensor_ref(y);
    return true;
}

static struct network execute(struct c2s_session *s, const char *version)
{
    struct network n = {0};
    struct c2s_error err = {0};
    const struct c2s_version *v;
    struct c2s_convert_options options = {.input_scale = SCALE};
    assert_ok(c2s_session_version(s, version, &v, &err), &err);
    assert_ok(c2s_akida_convert(v->model, &options, &n.net, &err), &err);
    assert_ok(c2s_dataset_raw(c2s_session_data(s), 0, N, &n.x, &err), &err);
    assert_ok(c2s_akida_forward(n.net, n.x, false, keep, &n, &n.raw, &err), &err);
    return n;
}

static void release(struct network *n)
{
    for (int i = 0; i < n->net->n_layers; i++)
        c2s_tensor_unref(n->outputs[i]);
    c2s_tensor_unref(n->x);
    c2s_tensor_unref(n->raw);
    c2s_akida_net_destroy(n->net);
}

static struct c2s_tensor *potentials(const struct network *n, int layer, bool fast)
{
    struct c2s_akida_runner *r;
    struct c2s_tensor *y;
    struct c2s_error err = {0};
    assert_ok(c2s_akida_runner_create_potentials(n->net, layer, fast, &r, &err), &err);
    assert_ok(c2s_akida_runner_run(r, n->x, NULL, NULL, &y, &err), &err);
    c2s_akida_runner_destroy(r);
    return y;
}

static double step(const struct c2s_akida_layer *l, int filter)
{
    return floor((double)c2s_f32(l->act_step)[filter] * 16) / (1 << l->act_bits);
}

/* clip(ceil((p - T) / S), 0, 2^bits - 1): S is a multiple of 1 / 16, exact in a double. */
static int level(const struct c2s_akida_layer *l, int32_t p, int filter)
{
    double above = (double)p - c2s_i32(l->threshold)[filter];
    return (int)fmin(fmax(ceil(above / step(l, filter)), 0), (1 << l->act_bits) - 1);
}

static void potentials_make_the_outputs(void **state)
{
    struct network n = execute(((struct bench *)*state)->session, "v3");
    for (int i = 0; i < n.net->n_layers; i++) {
        const struct c2s_akida_layer *l = &n.net->layers[i];
        struct c2s_tensor *p = potentials(&n, i, true), *naive = potentials(&n, i, false);
        int64_t count = c2s_tensor_count(p);
        assert_true(c2s_tensor_same_shape(p, n.outputs[i]));
        assert_memory_equal(c2s_i32(p), c2s_i32(naive), (size_t)count * sizeof(int32_t));
        for (int64_t k = 0; k < count; k++)
            assert_int_equal(c2s_i32(n.outputs[i])[k],
                             l->has_activation ? level(l, c2s_i32(p)[k], (int)(k % l->filters))
                                               : c2s_i32(p)[k]);
        c2s_tensor_unref(p);
        c2s_tensor_unref(naive);
    }
    int last = n.net->n_layers - 1;
    struct c2s_tensor *p = potentials(&n, last, true);
    assert_false(n.net->layers[last].has_activation);
    assert_memory_equal(c2s_i32(p), c2s_i32(n.raw), (size_t)c2s_tensor_count(p) * sizeof(int32_t));
    c2s_tensor_unref(p);
    release(&n);
}

static void assert_counts(const struct network *n, int layer, const struct c2s_layer_histogram *h)
{
    const struct c2s_akida_layer *l = &n->net->layers[layer];
    struct c2s_tensor *p = potentials(n, layer, false);
    int64_t count = c2s_tensor_count(p), n_silent = 0, n_clipped = 0;
    double low = INFINITY, high = -INFINITY;
    for (int64_t k = 0; k < count; k++) {
        int filter = (int)(k % l->filters), top = (1 << l->act_bits) - 1;
        double above = (double)c2s_i32(p)[k] - c2s_i32(l->threshold)[filter];
        n_silent += above <= 0;
        n_clipped += above > top * step(l, filter);
        low = fmin(low, c2s_i32(p)[k]);
        high = fmax(high, c2s_i32(p)[k]);
    }
    assert_int_equal(h->plain.n, count);
    assert_true(h->plain.min == low && h->plain.max == high);
    assert_true(n_silent > 0 && n_silent < count);
    assert_true(h->silent_fraction == (double)n_silent / (double)count);
    assert_true(h->clipped_fraction == (double)n_clipped / (double)count);
    c2s_tensor_unref(p);
}

static void assert_levels(const struct c2s_akida_layer *l, const struct c2s_layer_histogram *h)
{
    bool is_same = true;
    int32_t low = c2s_i32(l->threshold)[0], high = low;
    for (int f = 0; f < l->filters; f++) {
        is_same = is_same && step(l, f) == step(l, 0);
        low = c2s_i32(l->threshold)[f] < low ? c2s_i32(l->threshold)[f] : low;
        high = c2s_i32(l->threshold)[f] > high ? c2s_i32(l->threshold)[f] : high;
    }
    assert_int_equal(h->n_levels, 1 << l->act_bits);
    assert_true(h->step == (is_same ? step(l, 0) : 0));
    assert_int_equal(h->threshold_min, low);
    assert_int_equal(h->threshold_max, high);
}

static void histograms_of_potentials(void **state)
{
    struct c2s_session *s = ((struct bench *)*state)->session;
    struct network n = execute(s, "v3");
    const struct c2s_version *v;
    struct c2s_error err = {0};
    assert_ok(c2s_session_version(s, "v3", &v, &err), &err);
    for (int i = 0; i < n.net->n_layers; i++) {
        const struct c2s_akida_layer *l = &n.net->layers[i];
        struct c2s_histogram_request request = {.version = "v3",
                                                .layer = v->model->layers[l->keras_last]->name,
                                                .of = C2S_OF_POTENTIALS,
                                                .limit = N};
        struct c2s_layer_histogram h = draw(s, &request);
        assert_false(h.has_quantized);
        assert_int_equal(h.n_samples, N);
        if (l->has_activation) {
            assert_counts(&n, i, &h);
            assert_levels(l, &h);
        } else {
            assert_int_equal(h.n_levels, 0);
            assert_true(isnan(h.silent_fraction) && isnan(h.clipped_fraction));
        }
        c2s_layer_histogram_finish(&h);
    }
    release(&n);
}

static void float_versions_have_no_potentials(void **state)
{
    struct c2s_session *s = ((struct bench *)*state)->session;
    const char *const versions[] = {"v1", "v2"};
    for (int i = 0; i < 2; i++) {
        struct c2s_error err = {0};
        struct c2s_layer_histogram h;
        assert_false(c2s_session_histogram(s,
                                           &(struct c2s_histogram_request){.version = versions[i],
                                                                           .layer = "conv2d",
                                                                           .of = C2S_OF_POTENTIALS},
                                           &h, &err));
        assert_int_equal(err.code, C2S_STATE);
        assert_non_null(strstr(err.text, "quantize weights and activations first"));
    }
}

/* ---- two versions ---- */

/* Drawn against another, both histograms are what each version has when drawn alone. */
static void another_version_is_drawn_over(void **state)
{
    struct c2s_session *s = ((struct bench *)*state)->session;
    static const enum c2s_histogram_of all[] = {C2S_OF_WEIGHTS, C2S_OF_ACTIVATIONS,
                                                C2S_OF_POTENTIALS};
    for (int i = 0; i < 3; i++) {
        struct c2s_histogram_request request = {
            .version = "v3", .layer = "separable_conv2d", .of = all[i], .limit = N};
        struct c2s_layer_histogram first = draw(s, &request);
        request.version = "v4";
        struct c2s_layer_histogram second = draw(s, &request);
        request.version = "v3";
        request.other = "v4";
        struct c2s_layer_histogram both = draw(s, &request);
        const struct c2s_histogram *x = first.has_quantized ? &first.quantized : &first.plain;
        const struct c2s_histogram *y = second.has_quantized ? &second.quantized : &second.plain;
        assert_true(both.has_quantized);
        assert_int_equal(both.plain_version, 3);
        assert_int_equal(both.quantized_version, 4);
        assert_true(both.plain.low == both.quantized.low && both.plain.high == both.quantized.high);
        assert_true(both.plain.mean == x->mean && both.plain.stddev == x->stddev);
        assert_true(both.quantized.mean == y->mean && both.quantized.stddev == y->stddev);
        assert_int_equal(both.n_levels, second.n_levels);
        assert_true(both.plain.stddev != both.quantized.stddev);
        c2s_layer_histogram_finish(&first);
        c2s_layer_histogram_finish(&second);
        c2s_layer_histogram_finish(&both);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(potentials_make_the_outputs),
        cmocka_unit_test(histograms_of_potentials),
        cmocka_unit_test(float_versions_have_no_potentials),
        cmocka_unit_test(another_version_is_drawn_over),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
