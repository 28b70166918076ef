/* Quantization against cnn2snn: every model, release and bit combination of the reference numbers,
 * and the verdicts on the gallery. */
#include "support.h"
#include "files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <c2s/json.h>
#include <c2s/keras.h>
#include <c2s/quantize.h>
#include <c2s/quantizer.h>

#include "base/alloc.h"
#include "h5/h5.h"

static const char *const models[] = {"akidanet", "ds_cnn", "fm_sep", "fm_vgg", "mlp", "valid_net"};
enum { n_models = sizeof models / sizeof models[0] };

static const struct {
    const char *group;
    enum c2s_rule rule;
} releases[] = {{"v18", C2S_RULE_18}, {"v22", C2S_RULE_22}};

/* One reference: a model, a release of the toolkit and a tag. */
struct reference {
    const char *model;
    int release;
    const char *tag;
    struct h5_file *file;
    struct c2s_quantize_plan plan;
};

static struct c2s_model *read_model(const char *path)
{
    struct c2s_error err = {0};
    struct c2s_model *m = NULL;
    assert_ok(c2s_keras_read(path, NULL, &m, &err), &err);
    return m;
}

static struct c2s_model *quantize(const struct c2s_model *m, const struct c2s_quantize_plan *plan)
{
    struct c2s_error err = {0};
    struct c2s_model *q = NULL;
    assert_ok(c2s_quantize(m, plan, NULL, &q, NULL, &err), &err);
    return q;
}

/* Calls check for every reference; returns how many there were. */
static int for_each_reference(void (*check)(const struct reference *r))
{
    int n = 0;
    for (int i = 0; i < n_models * 2; i++) {
        struct c2s_error err = {0};
        struct reference r = {.model = models[i / 2], .release = i % 2};
        char group[16];
        struct h5_names tags = {0};
        snprintf(group, sizeof group, "/%s", releases[r.release].group);
        assert_ok(h5_open(data_path("expected/%s.expected.h5", r.model), &r.file, &err) &&
                      h5_members(r.file, group, &tags, &err),
                  &err);
        for (int k = 0; k < tags.n; k++) {
            int input = 0, weights = 0, activations = 0;
            if (sscanf(tags.items[k], "iq%d_wq%d_aq%d", &input, &weights, &activations) != 3)
                continue;
            r.tag = tags.items[k];
            r.plan = (struct c2s_quantize_plan){
                releases[r.release].rule, weights, activations, input, NULL, false};
            check(&r);
            n++;
        }
        h5_names_finish(&tags);
        h5_close(r.file);
    }
    return n;
}

static struct c2s_tensor *read_reference(const struct reference *r, const char *layer,
                                         const char *name, enum c2s_dtype dtype)
{
    struct c2s_error err = {0};
    struct c2s_tensor *t = NULL;
    char path[256];
    snprintf(path, sizeof path, "/%s/%s/weights/%s/%s", releases[r->release].group, r->tag, layer,
             name);
    assert_ok(h5_read(r->file, path, dtype, &t, &err), &err);
    return t;
}

static void assert_equal_tensors(const struct reference *r, const char *layer, const char *what,
                                 const struct c2s_tensor *got, struct c2s_tensor *expected)
{
    if (!c2s_tensor_same_shape(got, expected) || got->dtype != expected->dtype ||
        memcmp(got->data, expected->data, c2s_tensor_bytes(got)) != 0)
        fail_msg("%s %s %s: %s of '%s' is not that of the toolkit", r->model,
                 releases[r->release].group, r->tag, what, layer);
    c2s_tensor_unref(expected);
}

static void check_kernel(const struct reference *r, const struct c2s_layer *l, enum c2s_role role)
{
    struct c2s_error err = {0};
    const struct c2s_quantizer_spec *spec =
        role == C2S_DEPTHWISE_KERNEL ? &l->quantizer_dw : &l->quantizer;
    struct c2s_tensor *sf = NULL, *integers = NULL;
    char name[64];
    assert_ok(c2s_quantizer_scale(spec, l->params[role], NULL, &sf, &err) &&
                  c2s_quantizer_integers(spec, l->params[role], sf, &integers, &err),
              &err);
    snprintf(name, sizeof name, "%s_scale_factor", c2s_role_name(role));
    assert_equal_tensors(r, l->name, name, sf, read_reference(r, l->name, name, C2S_F32));
    assert_equal_tensors(r, l->name, c2s_role_name(role), integers,
                         read_reference(r, l->name, c2s_role_name(role), C2S_I8));
    c2s_tensor_unref(sf);
    c2s_tensor_unref(integers);
}

/* Integers, scale factors and biases, all equal to the bit. */
static void check_weights(const struct reference *r, const struct c2s_model *q)
{
    static const enum c2s_role kernels[] = {C2S_KERNEL, C2S_POINTWISE_KERNEL, C2S_DEPTHWISE_KERNEL};
    struct c2s_error err = {0};
    struct h5_names layers = {0};
    char group[64];
    snprintf(group, sizeof group, "/%s/%s/weights", releases[r->release].group, r->tag);
    assert_ok(h5_members(r->file, group, &layers, &err), &err);
    int n_quantized = 0;
    for (int i = 0; i < q->n_layers; i++)
        n_quantized += c2s_layer_is_quantized(q->layers[i]);
    assert_int_equal(n_quantized, layers.n);
    for (int i = 0; i < layers.n; i++) {
        int index = c2s_model_find(q, layers.items[i]);
        assert_true(index >= 0);
        const struct c2s_layer *l = q->layers[index];
        for (int k = 0; k < 3; k++)
            if (l->params[kernels[k]])
                check_kernel(r, l, kernels[k]);
        char bias[128];
        snprintf(bias, sizeof bias, "%s/%s/bias", group, l->name);
        assert_int_equal(h5_exists(r->file, bias), l->params[C2S_BIAS] != NULL);
        if (l->params[C2S_BIAS])
            assert_equal_tensors(r, l->name, "bias", l->params[C2S_BIAS],
                                 read_reference(r, l->name, "bias", C2S_F32));
    }
    h5_names_finish(&layers);
}

static void check_at_once(const struct reference *r)
{
    struct c2s_model *m = read_model(data_path("%s.h5", r->model)), *q = quantize(m, &r->plan);
    check_weights(r, q);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
}

static void weights_equal_the_toolkits(void **state)
{
    (void)state;
    assert_int_equal(for_each_reference(check_at_once), 32);
}

/* The toolkit's quantize(quantize(m, 0, a, 0), w, a, i) gives what quantize(m, w, a, i) gives; so
 * must ours, and with the activations left alone in the second step. */
static void check_in_steps(const struct reference *r)
{
    struct c2s_model *m = read_model(data_path("%s.h5", r->model));
    struct c2s_quantize_plan activations = r->plan, weights = r->plan;
    activations.weight_quantization = activations.input_weight_quantization = 0;
    weights.activ_quantization = 0;
    struct c2s_model *first = quantize(m, &activations), *second = quantize(first, &weights);
    struct c2s_model *again = quantize(first, &r->plan);
    check_weights(r, second);
    check_weights(r, again);
    c2s_model_destroy(again);
    c2s_model_destroy(second);
    c2s_model_destroy(first);
    c2s_model_destroy(m);
}

static void weights_in_steps_equal_the_toolkits(void **state)
{
    (void)state;
    assert_int_equal(for_each_reference(check_in_steps), 32);
}

static void assert_same_layer(const struct reference *r, const struct c2s_layer *ours,
                              const struct c2s_layer *theirs)
{
    float step = 0, threshold = 0, their_step = 0, their_threshold = 0;
    assert_string_equal(ours->name, theirs->name);
    assert_string_equal(ours->class_name, theirs->class_name);
    assert_int_equal(c2s_layer_weight_bits(ours), c2s_layer_weight_bits(theirs));
    assert_int_equal(ours->quantizer.id, theirs->quantizer.id);
    assert_int_equal(ours->quantizer.is_limited, theirs->quantizer.is_limited);
    assert_int_equal(ours->quantizer_dw.is_limited, theirs->quantizer_dw.is_limited);
    assert_int_equal(ours->quantizer_dw.id, theirs->quantizer_dw.id);
    assert_int_equal(ours->quantizer_dw.bitwidth, theirs->quantizer_dw.bitwidth);
    assert_int_equal(c2s_layer_activation_bits(ours), c2s_layer_activation_bits(theirs));
    if (c2s_layer_is_quantized_activation(ours)) {
        c2s_layer_activation_step(ours, &step, &threshold);
        c2s_layer_activation_step(theirs, &their_step, &their_threshold);
        assert_true(step == their_step && threshold == their_threshold);
    }
    for (int role = 0; role < C2S_ROLE_COUNT; role++) {
        assert_int_equal(!ours->params[role], !theirs->params[role]);
        if (ours->params[role])
            assert_equal_tensors(r, ours->name, c2s_role_name((enum c2s_role)role),
                                 ours->params[role], c2s_tensor_ref(theirs->params[role]));
    }
}

/* The float parameters under the quantizers too, and the activations: the toolkit's own file. */
static void check_file(const struct reference *r)
{
    struct c2s_model *m = read_model(data_path("%s.h5", r->model)), *q = quantize(m, &r->plan);
    struct c2s_model *theirs = read_model(
        data_path("expected/%s.expected_%s_%s.h5", r->model, releases[r->release].group, r->tag));
    int n = 0;
    for (int i = 0; i < q->n_layers; i++)
        if (q->layers[i]->op != C2S_OP_INPUT) { /* the toolkit names inputs anew */
            int k = c2s_model_find(theirs, q->layers[i]->name);
            if (k < 0)
                fail_msg("%s: the toolkit has no layer '%s'", r->model, q->layers[i]->name);
            assert_same_layer(r, q->layers[i], theirs->layers[k]);
            n++;
        }
    for (int i = 0; i < theirs->n_layers; i++)
        n -= theirs->layers[i]->op != C2S_OP_INPUT;
    assert_int_equal(n, 0);
    c2s_model_destroy(theirs);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
}

static void models_equal_the_toolkits_files(void **state)
{
    (void)state;
    assert_int_equal(for_each_reference(check_file), 32);
}

struct gallery {
    enum c2s_rule rule;
    const char *const *refused_here; /* names that the toolkit takes and c2s_quantize does not */
    int n_models, n_refused;
};

static bool check_verdict(void *arg, const char *name, const struct c2s_json *verdict)
{
    struct gallery *g = arg;
    struct c2s_error err = {0};
    struct c2s_quantize_plan plan = {g->rule, 4, 4, 8, NULL, false};
    struct c2s_model *m = read_model(data_path("gallery/%s.h5", name)), *q = NULL;
    bool is_refused = c2s_json_kind(c2s_json_get(verdict, "quantize_error")) != C2S_JSON_NULL;
    for (int i = 0; g->refused_here[i]; i++)
        if (strcmp(g->refused_here[i], name) == 0) {
            assert_false(is_refused);
            is_refused = true;
        }
    if (c2s_quantize(m, &plan, NULL, &q, NULL, &err) == is_refused)
        fail_msg("%s: the toolkit %s it, here: %s", name, is_refused ? "refuses" : "quantizes",
                 is_refused ? "quantized" : err.text);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
    g->n_models++;
    g->n_refused += is_refused;
    return true;
}

/* Deliberate differences:
 * nan_weight: the toolkit copies NaN into the quantized model, whose predictions are NaN.
 * bn_negative_gamma_after_pool: 1.8.13 moves the normalization in front of max pooling although a
 * gamma is negative, which is another function; 2.2.6 refuses it, and so does c2s_quantize. */
static void gallery_verdicts_are_those_of_the_toolkit(void **state)
{
    (void)state;
    static const char *const refused_22[] = {"nan_weight", NULL};
    static const char *const refused_18[] = {"nan_weight", "bn_negative_gamma_after_pool", NULL};
    struct gallery g22 = {C2S_RULE_22, refused_22, 0, 0}, g18 = {C2S_RULE_18, refused_18, 0, 0};
    struct c2s_json *v22 = read_json(data_path("gallery/verdicts_%s.json", "2.2.6")),
                    *v18 = read_json(data_path("gallery/verdicts_%s.json", "1.8.13"));
    c2s_json_each(v22, check_verdict, &g22);
    c2s_json_each(v18, check_verdict, &g18);
    assert_int_equal(g22.n_models, 38);
    assert_int_equal(g22.n_refused, 10);
    assert_int_equal(g18.n_models, 38);
    assert_int_equal(g18.n_refused, 6);
    c2s_json_free(v22);
    c2s_json_free(v18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_equal_the_toolkits),
        cmocka_unit_test(weights_in_steps_equal_the_toolkits),
        cmocka_unit_test(models_equal_the_toolkits_files),
        cmocka_unit_test(gallery_verdicts_are_those_of_the_toolkit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
