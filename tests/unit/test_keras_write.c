/* Writing Keras files: what is read back is the same model; what a dialect cannot say is refused.
 * That the real toolkits load these files is checked by tests/toolkit. */
#include "support.h"
#include "files.h"
#include "nets.h"

#include <c2s/keras.h>
#include <c2s/quantizer.h>
#include <dirent.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static struct c2s_model *load(const char *path)
{
    struct c2s_error err = {0};
    struct c2s_model *m;
    assert_ok(c2s_keras_read(path, NULL, &m, &err), &err);
    return m;
}

static bool save(const struct c2s_model *m, enum c2s_dialect dialect, struct c2s_error *err)
{
    struct c2s_keras_write_options options = {dialect, true};
    *err = (struct c2s_error){0};
    return c2s_keras_write(m, in_test_folder("out.h5"), &options, err);
}

/* Equal steps and thresholds, whatever the class. */
static void assert_same_steps(const struct c2s_layer *a, const struct c2s_layer *b)
{
    float step_a, step_b, threshold_a, threshold_b;
    c2s_layer_activation_step(a, &step_a, &threshold_a);
    c2s_layer_activation_step(b, &step_b, &threshold_b);
    assert_true(step_a == step_b);
    assert_true(threshold_a == threshold_b);
    assert_int_equal(a->attr.quantized_relu.bitwidth, b->attr.quantized_relu.bitwidth);
}

static void assert_same_layer(const struct c2s_layer *a, const struct c2s_layer *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->n_inputs, b->n_inputs);
    for (int i = 0; i < a->n_inputs; i++)
        assert_int_equal(a->inputs[i], b->inputs[i]);
    assert_int_equal(a->rank, b->rank);
    assert_memory_equal(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank);
    if (c2s_layer_is_quantized_activation(a)) {
        assert_same_steps(a, b);
        return;
    }
    assert_int_equal(a->op, b->op);
    assert_memory_equal(&a->attr, &b->attr, sizeof a->attr);
    assert_int_equal(a->quantizer.id, b->quantizer.id);
    assert_int_equal(a->quantizer.bitwidth, b->quantizer.bitwidth);
    assert_int_equal(a->quantizer_dw.id, b->quantizer_dw.id);
    assert_int_equal(a->quantizer_dw.bitwidth, b->quantizer_dw.bitwidth);
    for (int role = 0; role < C2S_ROLE_COUNT; role++) {
        assert_int_equal(a->params[role] == NULL, b->params[role] == NULL);
        if (a->params[role])
            assert_memory_equal(a->params[role]->data, b->params[role]->data,
                                c2s_tensor_bytes(a->params[role]));
    }
}

static void write_and_compare(const struct c2s_model *m, enum c2s_dialect dialect)
{
    struct c2s_error err;
    assert_ok(save(m, dialect, &err), &err);
    struct c2s_model *back = load(in_test_folder("out.h5"));
    assert_int_equal(back->n_layers, m->n_layers);
    assert_string_equal(back->name, m->name);
    for (int i = 0; i < m->n_layers; i++)
        assert_same_layer(m->layers[i], back->layers[i]);
    assert_int_equal(back->n_outputs, m->n_outputs);
    for (int i = 0; i < m->n_outputs; i++)
        assert_int_equal(back->outputs[i], m->outputs[i]);
    c2s_model_destroy(back);
}

static bool has_nan(const struct c2s_model *m)
{
    for (int i = 0; i < m->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++)
            for (int64_t k = 0;
                 m->layers[i]->params[role] && k < c2s_tensor_count(m->layers[i]->params[role]);
                 k++)
                if (isnan(c2s_f32(m->layers[i]->params[role])[k]))
                    return true;
    return false;
}

static void round_trip_folder(const char *from, int *n_written, int *n_refused)
{
    DIR *dir = opendir(data_path("%s", from));
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct c2s_error err = {0};
        struct c2s_model *m;
        const char *tail = strrchr(entry->d_name, '.');
        if (!tail || strcmp(tail, ".h5") != 0 ||
            !c2s_keras_read(data_path("%s/%s", from, entry->d_name), NULL, &m, &err))
            continue;
        if (has_nan(m)) {
            assert_false(save(m, m->dialect, &err));
            assert_int_equal(err.code, C2S_RANGE);
            assert_non_null(strstr(err.text, "NaN"));
            ++*n_refused;
        } else {
            for (int d = 0; d < 3; d++)
                if ((d == C2S_DIALECT_KERAS) == (m->dialect == C2S_DIALECT_KERAS))
                    write_and_compare(m, (enum c2s_dialect)d);
            ++*n_written;
        }
        c2s_model_destroy(m);
    }
    closedir(dir);
}

static void every_file_comes_back(void **state)
{
    (void)state;
    static const char *const folders[] = {"", "corpus", "gallery", "expected"};
    int n_written = 0, n_refused = 0;
    for (int i = 0; i < 4; i++)
        round_trip_folder(folders[i], &n_written, &n_refused);
    assert_int_equal(n_written + n_refused, 93);
    assert_int_equal(n_refused, 8); /* the files that numpy finds NaN in */
    assert_int_equal(count_files(test_folder()), 1);
}

static void existing_files_stay(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = load(data_path("mlp.h5"));
    struct c2s_keras_write_options options = {C2S_DIALECT_KERAS, false};
    unlink(in_test_folder("out.h5"));
    assert_ok(c2s_keras_write(m, in_test_folder("out.h5"), &options, &err), &err);
    assert_false(c2s_keras_write(m, in_test_folder("out.h5"), &options, &err));
    assert_int_equal(err.code, C2S_EXISTS);
    c2s_model_destroy(m);
}

static void refuse(const struct c2s_model *m, enum c2s_dialect dialect, const char *word)
{
    struct c2s_error err;
    unlink(in_test_folder("out.h5"));
    assert_false(save(m, dialect, &err));
    assert_int_equal(err.code, C2S_UNSUPPORTED);
    if (!strstr(err.text, word))
        fail_msg("'%s' does not say '%s'", err.text, word);
    assert_int_equal(count_files(test_folder()), 0);
}

static struct c2s_tensor *fill(const struct c2s_tensor *like, float value)
{
    struct c2s_error err = {0};
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, like->rank, like->dims, &err);
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        c2s_f32(t)[i] = value;
    return t;
}

static void what_a_dialect_lacks_is_refused(void **state)
{
    (void)state;
    struct c2s_model *m = load(data_path("expected/mlp.expected_v22_iq4_wq4_aq4.h5"));
    struct c2s_layer *dense = m->layers[c2s_model_find(m, "fc1")];
    refuse(m, C2S_DIALECT_KERAS, "'fc1' is quantized");
    dense->attr.dense.function = C2S_FN_RELU;
    refuse(m, C2S_DIALECT_CNN2SNN_22, "activation of its own");
    dense->attr.dense.function = C2S_FN_LINEAR;
    dense->quantizer.id = C2S_QUANTIZER_STD_PER_AXIS;
    dense->quantizer.threshold = 3;
    refuse(m, C2S_DIALECT_CNN2SNN_18, "StdPerAxisQuantizer");
    dense->quantizer.id = C2S_QUANTIZER_MAX_PER_AXIS;
    /* kmax / max|w| = 7 / 0.001 is above the limit of 1000 */
    c2s_layer_set_param(dense, C2S_KERNEL, fill(dense->params[C2S_KERNEL], 0.001f));
    assert_true(dense->quantizer.is_limited);
    refuse(m, C2S_DIALECT_CNN2SNN_18, "above 1000");
    write_and_compare(m, C2S_DIALECT_CNN2SNN_22);
    dense->quantizer.is_limited = false;
    refuse(m, C2S_DIALECT_CNN2SNN_22, "above 1000");
    c2s_layer_set_param(dense, C2S_KERNEL, fill(dense->params[C2S_KERNEL], 0));
    refuse(m, C2S_DIALECT_CNN2SNN_18, "zeros");
    struct c2s_error err;
    assert_ok(save(m, C2S_DIALECT_CNN2SNN_22, &err), &err);
    dense->op = C2S_OP_UNKNOWN;
    refuse(m, C2S_DIALECT_CNN2SNN_22, "not known");
    c2s_model_destroy(m);
}

static void make_trained(struct c2s_layer *l, float threshold, float step)
{
    struct c2s_error err = {0};
    l->op = C2S_OP_QUANTIZED_RELU;
    l->attr.quantized_relu.kind = C2S_RELU_TRAINED;
    for (int i = 0; i < 2; i++) {
        struct c2s_tensor *t = c2s_tensor_create(C2S_F32, 0, NULL, &err);
        *c2s_f32(t) = i ? step : threshold;
        c2s_layer_set_param(l, i ? C2S_STEP : C2S_THRESHOLD, t);
    }
}

/* A trained ReLU can be said with a range only when its threshold is half its step. */
static void trained_activations_are_said_where_equal(void **state)
{
    (void)state;
    struct c2s_model *m = load(data_path("expected/ds_cnn.expected_v18_iq8_wq4_aq4.h5"));
    int index = -1;
    for (int i = 0; i < m->n_layers && index < 0; i++)
        if (c2s_layer_is_quantized_activation(m->layers[i]))
            index = i;
    struct c2s_layer *l = m->layers[index];
    make_trained(l, 0.25f, 0.313f); /* 4 bits: the step width is 0.313 */
    refuse(m, C2S_DIALECT_CNN2SNN_22, "trained threshold");
    write_and_compare(m, C2S_DIALECT_CNN2SNN_18);
    make_trained(l, 0.5f * 0.3125f, 0.3125f);
    write_and_compare(m, C2S_DIALECT_CNN2SNN_22);
    struct c2s_model *back = load(in_test_folder("out.h5"));
    assert_int_equal(back->layers[index]->attr.quantized_relu.kind, C2S_RELU_RANGED);
    assert_true(back->layers[index]->attr.quantized_relu.max_value == 15 * 0.3125f);
    c2s_model_destroy(back);
    c2s_model_destroy(m);
}

/* 2.2 has no trainable quantizer, but a fixed threshold gives the same scale. */
static void trained_weight_thresholds_become_fixed(void **state)
{
    (void)state;
    struct c2s_error err;
    struct c2s_model *m = load(data_path("expected/mlp.expected_v18_iq4_wq4_aq4.h5"));
    int index = c2s_model_first_neural(m);
    struct c2s_layer *l = m->layers[index];
    struct c2s_tensor *threshold = c2s_tensor_create(C2S_F32, 0, NULL, &err);
    *c2s_f32(threshold) = 2.3f;
    c2s_layer_set_param(l, C2S_WEIGHT_THRESHOLD, threshold);
    l->quantizer.id = C2S_QUANTIZER_TRAINABLE_STD;
    l->quantizer.threshold = 3;
    write_and_compare(m, C2S_DIALECT_CNN2SNN_18);
    assert_ok(save(m, C2S_DIALECT_CNN2SNN_22, &err), &err);
    struct c2s_model *back = load(in_test_folder("out.h5"));
    assert_int_equal(back->layers[index]->quantizer.id, C2S_QUANTIZER_STD);
    assert_true(back->layers[index]->quantizer.threshold == 2.3f);
    c2s_model_destroy(back);
    c2s_model_destroy(m);
}

/* A separable layer has one for each kernel. The file is of 1.8.13. */
static void both_trained_thresholds_of_a_separable_layer(void **state)
{
    (void)state;
    struct c2s_error err;
    struct c2s_model *m = load(data_path("training/trained.h5"));
    int index = c2s_model_find(m, "separable");
    struct c2s_layer *l = m->layers[index];
    assert_true(*c2s_f32(l->params[C2S_WEIGHT_THRESHOLD]) == 2);
    assert_true(*c2s_f32(l->params[C2S_DEPTHWISE_THRESHOLD]) == 1.5f);
    c2s_layer_set_param(l, C2S_DEPTHWISE_THRESHOLD, tensor_of(0, NULL, (float[]){1.25f}));
    write_and_compare(m, C2S_DIALECT_CNN2SNN_18);
    assert_ok(save(m, C2S_DIALECT_CNN2SNN_22, &err), &err);
    struct c2s_model *back = load(in_test_folder("out.h5"));
    const struct c2s_layer *fixed = back->layers[index];
    assert_int_equal(fixed->quantizer.id, C2S_QUANTIZER_STD);
    assert_int_equal(fixed->quantizer_dw.id, C2S_QUANTIZER_STD);
    assert_true(fixed->quantizer.threshold == 2 && fixed->quantizer_dw.threshold == 1.25f);
    assert_null(fixed->params[C2S_DEPTHWISE_THRESHOLD]);
    c2s_model_destroy(back);
    c2s_model_destroy(m);
}

/* What is there for training only is kept; odd names become ones TensorFlow takes. */
static void training_keys_and_names(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = load(data_path("corpus/k3_seq.h5"));
    struct c2s_layer *l = m->layers[c2s_model_first_neural(m)];
    assert_true(c2s_layer_set_text(
        &l->config,
        "{\"trainable\": false, \"kernel_regularizer\": {\"module\": \"keras.regularizers\", "
        "\"class_name\": \"L2\", \"config\": {\"l2\": 0.125}, \"registered_name\": null}, "
        "\"kernel_initializer\": {\"class_name\": \"MyOwn\", \"config\": {}}, "
        "\"bias_initializer\": {\"class_name\": \"Constant\", \"config\": {\"value\": 0.5, "
        "\"seed\": {\"class_name\": \"SeedGenerator\"}, \"input_axes\": null}}}",
        &err));
    assert_true(c2s_layer_set_text(&l->name, "sub@2/c 0", &err));
    assert_ok(save(m, C2S_DIALECT_KERAS, &err), &err);
    struct c2s_model *back = load(in_test_folder("out.h5"));
    const struct c2s_layer *same = back->layers[c2s_model_first_neural(back)];
    assert_string_equal(same->name, "sub_2/c_0");
    assert_non_null(strstr(same->config, "\"kernel_regularizer\": {\"class_name\": \"L2\", "
                                         "\"config\": {\"l2\": 0.125}}"));
    assert_non_null(strstr(same->config, "\"bias_initializer\": {\"class_name\": \"Constant\", "
                                         "\"config\": {\"value\": 0.5}}"));
    assert_non_null(strstr(same->config, "\"trainable\": false"));
    assert_null(strstr(same->config, "MyOwn"));
    assert_null(strstr(same->config, "module"));
    c2s_model_destroy(back);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_comes_back),
        cmocka_unit_test(existing_files_stay),
        cmocka_unit_test(what_a_dialect_lacks_is_refused),
        cmocka_unit_test(trained_activations_are_said_where_equal),
        cmocka_unit_test(trained_weight_thresholds_become_fixed),
        cmocka_unit_test(both_trained_thresholds_of_a_separable_layer),
        cmocka_unit_test(training_keys_and_names),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
