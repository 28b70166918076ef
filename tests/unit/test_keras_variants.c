/* Configs of old and new Keras releases that no fixture has, and those that must not be computed.
 */
#include "support.h"
#include "files.h"

#include <c2s/keras.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "h5/h5.h"

/* A weight of a file: its group and name, its shape; its numbers count up from `first`. */
struct weight {
    const char *group, *name;
    int rank;
    int64_t dims[4];
    float first;
};

static const char *make_file(const char *config, const struct weight *weights, int n)
{
    static char path[600];
    struct c2s_error err = {0};
    struct h5_writer *w;
    snprintf(path, sizeof path, "%s/made.h5", test_folder());
    assert_ok(h5_create(path, true, &w, &err), &err);
    if (config)
        assert_ok(h5_write_text(w, "/", "model_config", config, &err), &err);
    assert_ok(h5_write_group(w, "/model_weights", &err), &err);
    for (int i = 0; i < n;) {
        const char *group = weights[i].group, *names[16];
        char at[256];
        int n_names = 0;
        snprintf(at, sizeof at, "/model_weights/%s", group);
        for (; i < n && strcmp(weights[i].group, group) == 0; i++) {
            char dataset[512];
            struct c2s_tensor *t =
                c2s_tensor_create(C2S_F32, weights[i].rank, weights[i].dims, &err);
            for (int64_t k = 0; k < c2s_tensor_count(t); k++)
                c2s_f32(t)[k] = weights[i].first + (float)k;
            snprintf(dataset, sizeof dataset, "%s/%s", at, weights[i].name);
            assert_ok(h5_write(w, dataset, t, &err), &err);
            c2s_tensor_unref(t);
            names[n_names++] = weights[i].name;
        }
        assert_ok(h5_write_names(w, at, "weight_names", names, n_names, &err), &err);
    }
    assert_ok(h5_commit(w, &err), &err);
    return path;
}

static struct c2s_model *read_made(const char *config, const struct weight *weights, int n)
{
    struct c2s_error err = {0};
    struct c2s_model *m;
    assert_ok(c2s_keras_read(make_file(config, weights, n), NULL, &m, &err), &err);
    return m;
}

static void refuse_made(const char *config, const struct weight *weights, int n, enum c2s_code code,
                        const char *word)
{
    struct c2s_error err = {0};
    struct c2s_model *m;
    assert_false(c2s_keras_read(make_file(config, weights, n), NULL, &m, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.text, word))
        fail_msg("'%s' does not say '%s'", err.text, word);
}

static bool has_note(const struct c2s_model *m, const char *word)
{
    for (int i = 0; i < m->n_notes; i++)
        if (strstr(m->notes[i].text, word))
            return true;
    return false;
}

/* Keras 2.0: a list without InputLayer, numbers as objects, old class names, weights by position.
 */
static void keras_2_0(void **state)
{
    (void)state;
    static const struct weight weights[] = {
        {"c", "param_0", 4, {3, 3, 1, 2}, 1}, {"c", "param_1", 1, {2}, 100},
        {"b", "param_0", 1, {2}, 1},          {"b", "param_1", 1, {2}, 2},
        {"b", "param_2", 1, {2}, 3},          {"b", "param_3", 1, {2}, 4},
    };
    struct c2s_model *m = read_made(
        "{\"class_name\": \"Sequential\", \"config\": ["
        "{\"class_name\": \"Convolution2D\", \"config\": {\"name\": \"c\", \"batch_input_shape\": "
        "[null, 8, 8, 1], \"filters\": 2, \"kernel_size\": [3, 3], \"activation\": \"linear\"}},"
        "{\"class_name\": \"BatchNormalizationV1\", \"config\": {\"name\": \"b\", \"axis\": 3}},"
        "{\"class_name\": \"LeakyReLU\", \"config\": {\"name\": \"l\", \"alpha\": {\"type\": "
        "\"ndarray\", \"value\": 0.25}}},"
        "{\"class_name\": \"MaxPool2D\", \"config\": {\"name\": \"p\", \"pool_size\": [3, 2], "
        "\"strides\": null}}]}",
        weights, 6);
    assert_int_equal(m->n_layers, 5);
    assert_true(m->is_sequential);
    assert_int_equal(m->layers[1]->op, C2S_OP_CONV2D);
    assert_true(c2s_f32(m->layers[1]->params[C2S_BIAS])[1] == 101);
    assert_int_equal(m->layers[2]->op, C2S_OP_BATCH_NORM);
    assert_int_equal(m->layers[2]->attr.batch_norm.axis, -1);
    assert_true(c2s_f32(m->layers[2]->params[C2S_MOVING_VARIANCE])[0] == 4);
    assert_true(m->layers[3]->attr.relu.negative_slope == 0.25f);
    assert_int_equal(m->layers[4]->attr.pool.strides[0], 3);
    assert_int_equal(m->layers[4]->dims[1], 3);
    c2s_model_destroy(m);
}

/* Keras 3 names the kernel of a DepthwiseConv2D as that of a Conv2D, here both in one group. */
static void keras_3_depthwise(void **state)
{
    (void)state;
    static const struct weight weights[] = {
        {"in", "d/kernel", 4, {3, 3, 2, 1}, 1},   {"in", "d/bias", 1, {2}, 100},
        {"in", "c/kernel", 4, {3, 3, 2, 1}, 200}, {"in", "c/bias", 1, {1}, 300},
        {"e", "e/kernel", 4, {3, 3, 1, 1}, 400},
    };
    struct c2s_model *m = read_made(
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": ["
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"in\", \"layers\": ["
        "{\"class_name\": \"InputLayer\", \"config\": {\"name\": \"i\", \"batch_shape\": "
        "[null, 8, 8, 2]}}, {\"class_name\": \"DepthwiseConv2D\", \"config\": {\"name\": \"d\", "
        "\"kernel_size\": [3, 3]}}, {\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", "
        "\"filters\": 1, \"kernel_size\": [3, 3]}}]}},"
        "{\"class_name\": \"DepthwiseConv2D\", \"config\": {\"name\": \"e\", "
        "\"kernel_size\": [3, 3], \"use_bias\": false}}]}}",
        weights, 5);
    assert_int_equal(m->n_layers, 4);
    assert_true(c2s_f32(m->layers[1]->params[C2S_DEPTHWISE_KERNEL])[0] == 1);
    assert_true(c2s_f32(m->layers[1]->params[C2S_BIAS])[0] == 100);
    assert_true(c2s_f32(m->layers[2]->params[C2S_KERNEL])[0] == 200);
    assert_true(c2s_f32(m->layers[3]->params[C2S_DEPTHWISE_KERNEL])[0] == 400);
    c2s_model_destroy(m);
}

static void where_the_input_shape_is(void **state)
{
    (void)state;
#define DENSE "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\", \"units\": 2}}"
    static const struct weight weights[] = {{"d", "d/kernel:0", 2, {5, 2}, 1},
                                            {"d", "d/bias:0", 1, {2}, 1}};
    struct c2s_model *m =
        read_made("{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": "
                  "[" DENSE "], \"build_input_shape\": [null, 5]}}",
                  weights, 2);
    assert_int_equal(m->layers[0]->dims[0], 5);
    c2s_model_destroy(m);
    refuse_made("{\"class_name\": \"Sequential\", \"config\": {\"layers\": [" DENSE "]}}", weights,
                2, C2S_FORMAT, "--input-shape");
    refuse_made("{\"class_name\": \"Sequential\", \"config\": {\"layers\": [" DENSE
                "], \"build_input_shape\": [null, 1, 2, 3, 4, 5, 6]}}",
                weights, 2, C2S_FORMAT, "dimensions");
    refuse_made("{\"class_name\": \"Sequential\", \"config\": {\"layers\": [" DENSE
                "], \"build_input_shape\": [null, 6]}}",
                weights, 2, C2S_SHAPE, "its kernel");
    refuse_made("{\"class_name\": \"Sequential\", \"config\": {\"layers\": [" DENSE
                "], \"build_input_shape\": [null, 5]}}",
                weights, 1, C2S_FORMAT, "bias");
}

static void broken_files_are_explained(void **state)
{
    (void)state;
    refuse_made("{\"class_name\": \"Sequential\", \"config\": {\"lay", NULL, 0, C2S_FORMAT,
                "line 1");
    refuse_made("{\"class_name\": \"MyModel\", \"config\": {}}", NULL, 0, C2S_FORMAT, "MyModel");
    refuse_made(
        "{\"class_name\": \"Sequential\", \"config\": {\"build_input_shape\": [null, 16000000,"
        "16000000, 1], \"layers\": [{\"class_name\": \"Flatten\", \"config\": {\"name\": "
        "\"f\"}}]}}",
        NULL, 0, C2S_SHAPE, "too large");
    refuse_made("[1, 2]", NULL, 0, C2S_FORMAT, "no list of layers");
    refuse_made(NULL, NULL, 0, C2S_FORMAT, "without a Keras model");
    refuse_made(
        "{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Convolution2D\", "
        "\"config\": {\"name\": \"c\", \"nb_filter\": 3, \"batch_input_shape\": [null, 8, 8, "
        "1]}}]}",
        NULL, 0, C2S_FORMAT, "Keras 1");
    refuse_made("{\"class_name\": \"Functional\", \"config\": {\"layers\": [{\"class_name\": "
                "\"InputLayer\", \"name\": \"i\", \"config\": {\"name\": \"i\", "
                "\"batch_input_shape\": [null, 4]}, \"inbound_nodes\": []}], \"input_layers\": "
                "[[\"i\", 0, 0]], \"output_layers\": [[\"gone\", 0, 0]]}}",
                NULL, 0, C2S_FORMAT, "'gone' cannot be reached");
}

/* A layer between an input [6, 6, 2] and a ReLU: must be UNKNOWN, with a note that says why. */
static void keep_unknown(const char *layer, const char *why)
{
    char config[2000];
    snprintf(config, sizeof config,
             "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": ["
             "{\"class_name\": \"InputLayer\", \"config\": {\"name\": \"i\", "
             "\"batch_input_shape\": [null, 6, 6, 2]}}, %s, "
             "{\"class_name\": \"ReLU\", \"config\": {\"name\": \"r\"}}]}}",
             layer);
    struct c2s_model *m = read_made(config, NULL, 0);
    assert_int_equal(m->n_layers, 3);
    assert_int_equal(m->layers[1]->op, C2S_OP_UNKNOWN);
    assert_non_null(m->layers[1]->config);
    assert_int_equal(m->layers[2]->rank, -1);
    if (!has_note(m, why))
        fail_msg("no note says '%s': %s", why, m->notes[0].text);
    c2s_model_destroy(m);
}

static void what_cannot_be_computed_is_kept(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"class_name\": \"Lambda\", \"config\": {\"name\": \"x\", \"function\": "
         "[\"4wEAAA==\"]}}",
         "never run"},
        {"{\"class_name\": \"QuantizeWrapperV2\", \"config\": {\"name\": \"x\"}}",
         "Model Optimization"},
        {"{\"class_name\": \"QConv2D\", \"config\": {\"name\": \"x\"}}", "QKeras"},
        {"{\"class_name\": \"Custom>Mine\", \"config\": {\"name\": \"x\"}}", "does not know"},
        {"{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"x\", \"filters\": 2, "
         "\"kernel_size\": [3, 3], \"data_format\": \"channels_first\"}}",
         "channels_first"},
        {"{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"x\", \"filters\": 2, "
         "\"kernel_size\": [3, 3, 3]}}",
         "kernel_size has 3"},
        {"{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"x\", \"filters\": 3, "
         "\"kernel_size\": 3, \"groups\": 2}}",
         "groups"},
        {"{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"x\", \"filters\": 2, "
         "\"kernel_size\": 3, \"padding\": \"causal\"}}",
         "causal"},
        {"{\"class_name\": \"BatchNormalization\", \"config\": {\"name\": \"x\", \"axis\": [1]}}",
         "another axis"},
        {"{\"class_name\": \"BatchNormalization\", \"config\": {\"name\": \"x\", \"axis\": [1, "
         "2]}}",
         "several axes"},
        {"{\"class_name\": \"Rescaling\", \"config\": {\"name\": \"x\", \"scale\": [1.0, 2.0]}}",
         "scale is not one number"},
        {"{\"class_name\": \"Softmax\", \"config\": {\"name\": \"x\", \"axis\": [1, 2]}}", "axis"},
        {"{\"class_name\": \"Softmax\", \"config\": {\"name\": \"x\", \"axis\": 5}}", "axis"},
        {"{\"class_name\": \"UpSampling2D\", \"config\": {\"name\": \"x\", \"interpolation\": "
         "\"lanczos3\"}}",
         "lanczos3"},
        {"{\"class_name\": \"QuantizedDense\", \"config\": {\"name\": \"x\", \"units\": 2, "
         "\"quantizer\": {\"class_name\": \"ScaleFactorQuantizer\", \"config\": {}}}}",
         "ScaleFactorQuantizer"},
        {"{\"class_name\": \"quantizeml>QuantizedDense\", \"config\": {\"name\": \"x\", \"units\": "
         "2, \"quant_config\": {}}}",
         "Akida 2"},
        {"{\"class_name\": \"QuantizedReLU\", \"config\": {\"name\": \"x\", \"bitwidth\": 12, "
         "\"max_value\": 6}}",
         "bitwidth"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        keep_unknown(cases[i][0], cases[i][1]);
}

static void quantized_layers_of_old_releases(void **state)
{
    (void)state;
    static const struct weight weights[] = {
        {"q", "q/depthwise_kernel:0", 4, {3, 3, 2, 1}, 1},
        {"q", "q/pointwise_kernel:0", 4, {1, 1, 2, 4}, 1},
        {"q", "q/bias:0", 1, {4}, 1},
        {"t", "t/kernel:0", 4, {1, 1, 4, 2}, 1},
        {"t", "t/bias:0", 1, {2}, 1},
        {"t", "trainable_std_weight_quantizer/threshold:0", 0, {0}, 2.5f},
        {"a", "a/threshold:0", 0, {0}, 0.5f},
        {"a", "a/step:0", 0, {0}, 0.25f},
    };
    struct c2s_model *m = read_made(
        "{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": "
        "\"QuantizedSeparableConv2D\""
        ", \"config\": {\"name\": \"q\", \"batch_input_shape\": [null, 6, 6, 2], \"filters\": 4, "
        "\"kernel_size\": [3, 3], \"quantizer\": {\"class_name\": \"WeightQuantizer\", \"config\": "
        "{\"bitwidth\": 4, \"threshold\": 2.0}}}}, {\"class_name\": \"QuantizedConv2D\", "
        "\"config\": {\"name\": \"t\", \"filters\": 2, \"kernel_size\": 1, \"quantizer\": "
        "{\"class_name\": \"TrainableWeightQuantizer\", \"config\": {\"bitwidth\": 2}}}}, "
        "{\"class_name\": \"QuantizedReLU\", \"config\": {\"name\": \"a\", \"bitwidth\": 3}}]}",
        weights, 8);
    const struct c2s_layer *q = m->layers[1], *t = m->layers[2], *a = m->layers[3];
    assert_int_equal(q->quantizer.id, C2S_QUANTIZER_STD);
    assert_true(q->quantizer.threshold == 2);
    assert_int_equal(q->quantizer_dw.id, C2S_QUANTIZER_STD); /* as the pointwise one */
    assert_int_equal(q->quantizer_dw.bitwidth, 4);
    assert_int_equal(t->quantizer.id, C2S_QUANTIZER_TRAINABLE_STD);
    assert_true(*c2s_f32(t->params[C2S_WEIGHT_THRESHOLD]) == 2.5f);
    assert_int_equal(a->attr.quantized_relu.kind, C2S_RELU_TRAINED);
    assert_true(*c2s_f32(a->params[C2S_STEP]) == 0.25f);
    assert_int_equal(m->dialect, C2S_DIALECT_CNN2SNN_18);
    c2s_model_destroy(m);
}

#define INPUT_LAYER                                                                                \
    "{\"class_name\": \"InputLayer\", \"name\": \"i\", \"config\": {\"name\": \"i\", "             \
    "\"batch_shape\": [null, 3]}, \"inbound_nodes\": []}"

/* One Dense and one submodel, each used twice; Keras counts the submodel's uses from 1. */
static void shared_layers(void **state)
{
    (void)state;
    static const struct weight weights[] = {{"d", "d/kernel:0", 2, {3, 3}, 1},
                                            {"s", "z/kernel:0", 2, {3, 3}, 50}};
    struct c2s_model *m = read_made(
        "{\"class_name\": \"Functional\", \"config\": {\"name\": \"f\", \"layers\": [" INPUT_LAYER
        ", {\"class_name\": \"Add\", \"name\": \"add\", \"config\": {\"name\": \"add\"}, "
        "\"inbound_nodes\": [[[\"s\", 1, 0, {}], [\"s\", 2, 0, {}]]]}, "
        "{\"class_name\": \"Dense\", \"name\": \"d\", \"config\": {\"name\": \"d\", \"units\": 3, "
        "\"use_bias\": false}, \"inbound_nodes\": [[[\"i\", 0, 0, {}]], [[\"d\", 0, 0, {}]]]}, "
        "{\"class_name\": \"Sequential\", \"name\": \"s\", \"config\": {\"name\": \"s\", "
        "\"layers\": [{\"class_name\": \"InputLayer\", \"config\": {\"name\": \"zi\", "
        "\"batch_input_shape\": [null, 3]}}, {\"class_name\": \"Dense\", \"config\": {\"name\": "
        "\"z\", \"units\": 3, \"use_bias\": false}}]}, \"inbound_nodes\": [[[\"d\", 1, 0, {}]], "
        "[[\"i\", 0, 0, {}]]]}], \"input_layers\": [[\"i\", 0, 0]], \"output_layers\": [[\"add\", "
        "0, 0]]}}",
        weights, 2);
    assert_int_equal(m->n_layers, 6);
    int d = c2s_model_find(m, "d"), again = c2s_model_find(m, "d@2");
    int z = c2s_model_find(m, "s/z"), z_again = c2s_model_find(m, "s@2/z");
    int add = c2s_model_find(m, "add");
    assert_true(d > 0 && again > 0 && z > 0 && z_again > 0 && add == m->outputs[0]);
    assert_int_equal(m->layers[again]->inputs[0], d);
    assert_int_equal(m->layers[z]->inputs[0], again);
    assert_int_equal(m->layers[z_again]->inputs[0], 0);
    assert_int_equal(m->layers[add]->inputs[0], z);
    assert_int_equal(m->layers[add]->inputs[1], z_again);
    assert_ptr_equal(m->layers[d]->params[C2S_KERNEL], m->layers[again]->params[C2S_KERNEL]);
    assert_ptr_equal(m->layers[z]->params[C2S_KERNEL], m->layers[z_again]->params[C2S_KERNEL]);
    assert_true(c2s_f32(m->layers[z]->params[C2S_KERNEL])[0] == 50);
    assert_true(has_note(m, "used more than once"));
    c2s_model_destroy(m);
}

/* Keras 3's way to write references, one output not in a list, and two submodels whose layers have
 * the same name. */
static void keras_3_graph(void **state)
{
    (void)state;
#define REF(name)                                                                                  \
    "{\"class_name\": \"__keras_tensor__\", \"config\": {\"shape\": [null, 3], "                   \
    "\"keras_history\": [\"" name "\", 0, 0]}}"
#define DENSE_3(name, from)                                                                        \
    "{\"class_name\": \"Dense\", \"name\": \"" name "\", \"config\": {\"name\": \"" name           \
    "\", \"units\": 3, \"use_bias\": false}, \"inbound_nodes\": [{\"args\": [" REF(                \
        from) "], \"kwargs\": {}}]}"
#define SUBMODEL(name, from)                                                                       \
    "{\"class_name\": \"Functional\", \"name\": \"" name "\", \"config\": {\"name\": \"" name      \
    "\", \"layers\": [" INPUT_LAYER ", " DENSE_3(                                                  \
        "h", "i") "], \"input_layers\": [[\"i\", 0, 0]], \"output_layers\": [\"h\", 0, 0]}, "      \
                  "\"inbound_nodes\": [{\"args\": [" REF(from) "], \"kwargs\": {}}]}"
    static const struct weight weights[] = {{"outer", "outer/b/h/kernel", 2, {3, 3}, 20},
                                            {"outer", "outer/a/h/kernel", 2, {3, 3}, 10}};
    struct c2s_model *m = read_made(
        "{\"class_name\": \"Functional\", \"config\": {\"name\": \"f\", \"layers\": [" INPUT_LAYER
        ", {\"class_name\": \"Functional\", \"name\": \"outer\", \"config\": {\"name\": "
        "\"outer\", \"layers\": [" INPUT_LAYER ", " SUBMODEL("a", "i") ", " SUBMODEL(
            "b",
            "a") "], \"input_layers\": [\"i\", 0, 0], \"output_layers\": [\"b\", 0, 0]}, "
                 "\"inbound_nodes\": [{\"args\": [" REF(
                     "i") "], \"kwargs\": {}}]}], "
                          "\"input_layers\": [\"i\", 0, 0], \"output_layers\": [\"outer\", 0, 0]}}",
        weights, 2);
    assert_int_equal(m->n_layers, 3);
    int a = c2s_model_find(m, "outer/a/h"), b = c2s_model_find(m, "outer/b/h");
    assert_int_equal(m->layers[b]->inputs[0], a);
    assert_true(c2s_f32(m->layers[a]->params[C2S_KERNEL])[0] == 10);
    assert_true(c2s_f32(m->layers[b]->params[C2S_KERNEL])[0] == 20);
    c2s_model_destroy(m);
}

/* 2^20 layers in a few lines: each submodel applies the next one twice. */
static void endless_models_are_refused(void **state)
{
    (void)state;
    char *config = malloc(100000), *p = config;
    p +=
        sprintf(p, "{\"class_name\": \"Sequential\", \"config\": {\"build_input_shape\": [null, 3],"
                   " \"layers\": [");
    for (int i = 0; i < 20; i++)
        p += sprintf(
            p, "{\"class_name\": \"Functional\", \"name\": \"m\", \"config\": {\"name\": \"m\""
               ", \"input_layers\": [[\"i\", 0, 0]], \"output_layers\": [[\"m\", 1, 0]], "
               "\"layers\": [" INPUT_LAYER ", ");
    p += sprintf(p, "{\"class_name\": \"ReLU\", \"name\": \"m\", \"config\": {\"name\": \"m\"}, "
                    "\"inbound_nodes\": [[[\"i\", 0, 0, {}]], [[\"m\", 0, 0, {}]]]}");
    for (int i = 0; i < 20; i++)
        p += sprintf(p, "]}, \"inbound_nodes\": [[[\"i\", 0, 0, {}]], [[\"m\", 0, 0, {}]]]}");
    p += sprintf(p, "]}}");
    refuse_made(config, NULL, 0, C2S_FORMAT, "more than 5000 layers");
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keras_2_0),
        cmocka_unit_test(keras_3_depthwise),
        cmocka_unit_test(where_the_input_shape_is),
        cmocka_unit_test(broken_files_are_explained),
        cmocka_unit_test(what_cannot_be_computed_is_kept),
        cmocka_unit_test(quantized_layers_of_old_releases),
        cmocka_unit_test(shared_layers),
        cmocka_unit_test(keras_3_graph),
        cmocka_unit_test(endless_models_are_refused),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
