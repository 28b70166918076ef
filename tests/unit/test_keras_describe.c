/* The JSON form of a model: exact, the same for equal models, and refused when damaged. */
#include "support.h"

#include <c2s/keras.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Finds a tensor of the model by hash, as the workspace does. */
static bool find_tensor(void *arg, const char *hash, struct c2s_tensor **out, struct c2s_error *err)
{
    const struct c2s_model *m = arg;
    for (int i = 0; i < m->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++) {
            char own[C2S_HASH_LENGTH + 1];
            if (!m->layers[i]->params[role])
                continue;
            c2s_tensor_hash(m->layers[i]->params[role], own);
            if (strcmp(own, hash) == 0) {
                *out = c2s_tensor_ref(m->layers[i]->params[role]);
                return true;
            }
        }
    return c2s_fail(err, C2S_NOT_FOUND, "no tensor %s", hash);
}

static void assert_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a)
        assert_string_equal(a, b);
}

static void assert_same_layer(const struct c2s_layer *a, const struct c2s_layer *b)
{
    assert_int_equal(a->op, b->op);
    assert_text(a->name, b->name);
    assert_text(a->class_name, b->class_name);
    assert_text(a->config, b->config);
    assert_int_equal(a->n_inputs, b->n_inputs);
    for (int i = 0; i < a->n_inputs; i++)
        assert_int_equal(a->inputs[i], b->inputs[i]);
    assert_memory_equal(&a->attr, &b->attr, sizeof a->attr);
    assert_memory_equal(&a->quantizer, &b->quantizer, sizeof a->quantizer);
    assert_memory_equal(&a->quantizer_dw, &b->quantizer_dw, sizeof a->quantizer_dw);
    for (int role = 0; role < C2S_ROLE_COUNT; role++) {
        assert_int_equal(a->params[role] == NULL, b->params[role] == NULL);
        if (!a->params[role])
            continue;
        assert_true(c2s_tensor_same_shape(a->params[role], b->params[role]));
        assert_memory_equal(a->params[role]->data, b->params[role]->data,
                            c2s_tensor_bytes(a->params[role]));
    }
    assert_int_equal(a->rank, b->rank);
    for (int i = 0; i < a->rank; i++)
        assert_int_equal(a->dims[i], b->dims[i]);
}

static void assert_same_model(const struct c2s_model *a, const struct c2s_model *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->keras_version, b->keras_version);
    assert_int_equal(a->is_sequential, b->is_sequential);
    assert_int_equal(a->dialect, b->dialect);
    assert_int_equal(a->n_layers, b->n_layers);
    for (int i = 0; i < a->n_layers; i++)
        assert_same_layer(a->layers[i], b->layers[i]);
    assert_int_equal(a->n_inputs, b->n_inputs);
    assert_int_equal(a->n_outputs, b->n_outputs);
    for (int i = 0; i < a->n_inputs; i++)
        assert_int_equal(a->inputs[i], b->inputs[i]);
    for (int i = 0; i < a->n_outputs; i++)
        assert_int_equal(a->outputs[i], b->outputs[i]);
    assert_int_equal(a->n_notes, b->n_notes);
    for (int i = 0; i < a->n_notes; i++)
        assert_string_equal(a->notes[i].text, b->notes[i].text);
    assert_int_equal(a->n_tensors_read, b->n_tensors_read);
    assert_int_equal(a->n_tensors_expected, b->n_tensors_expected);
}

static void round_trip(const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_model *copy;
    char *text, *again, hash[C2S_HASH_LENGTH + 1], hash_again[C2S_HASH_LENGTH + 1];
    assert_ok(c2s_model_describe(m, &text, &err), &err);
    assert_ok(c2s_model_from_description(text, find_tensor, (void *)m, &copy, &err), &err);
    assert_same_model(m, copy);
    assert_ok(c2s_model_describe(copy, &again, &err), &err);
    assert_string_equal(text, again);
    assert_ok(c2s_model_hash(m, hash, &err) && c2s_model_hash(copy, hash_again, &err), &err);
    assert_string_equal(hash, hash_again);
    c2s_text_free(text);
    c2s_text_free(again);
    c2s_model_destroy(copy);
}

static int round_trip_folder(const char *folder)
{
    int n = 0;
    DIR *dir = opendir(data_path("%s", folder));
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct c2s_error err = {0};
        struct c2s_model *m;
        const char *tail = strrchr(entry->d_name, '.');
        if (!tail || strcmp(tail, ".h5") != 0 ||
            !c2s_keras_read(data_path("%s/%s", folder, entry->d_name), NULL, &m, &err))
            continue;
        round_trip(m);
        c2s_model_destroy(m);
        n++;
    }
    closedir(dir);
    return n;
}

static void every_file_round_trips(void **state)
{
    (void)state;
    /* 93 files hold a model; test_keras_read.c lists them */
    assert_int_equal(round_trip_folder("") + round_trip_folder("corpus") +
                         round_trip_folder("gallery") + round_trip_folder("expected"),
                     93);
}

/* Values no fixture has: each op, with numbers that tell its fields apart. */
static void every_field_round_trips(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = c2s_model_create("odd \"name\" \xc3\xa4", &err);
    for (int op = 0; op < C2S_OP_COUNT; op++) {
        char name[16];
        snprintf(name, sizeof name, "layer_%d", op);
        struct c2s_layer *l = c2s_layer_create((enum c2s_op)op, name, &err);
        if (op > 0)
            assert_true(c2s_layer_add_input(l, op - 1, &err));
        assert_ok(c2s_model_add(m, l, NULL, &err), &err);
    }
    struct c2s_layer **l = m->layers;
    memset(&l[C2S_OP_CONV2D]->attr.conv, 0, sizeof l[0]->attr.conv);
    struct c2s_conv_attr *conv = &l[C2S_OP_CONV2D]->attr.conv;
    conv->filters = 11, conv->groups = 2, conv->depth_multiplier = 3, conv->padding = C2S_SAME;
    conv->kernel[0] = 5, conv->kernel[1] = 6, conv->strides[0] = 7, conv->strides[1] = 8;
    conv->dilation[0] = 9, conv->dilation[1] = 10, conv->function = C2S_FN_TANH;
    l[C2S_OP_DISCRETE_RELU]->attr.quantized_relu.bitwidth = 3;
    l[C2S_OP_QUANTIZED_RELU]->attr.quantized_relu.bitwidth = 8;
    l[C2S_OP_QUANTIZED_RELU]->attr.quantized_relu.kind = C2S_RELU_TRAINED;
    l[C2S_OP_LEAKY_RELU]->attr.relu.negative_slope = 0.1f;
    l[C2S_OP_RELU]->attr.relu.threshold = -0.0f;
    l[C2S_OP_RELU]->attr.relu.negative_slope = NAN;
    l[C2S_OP_RESCALING]->attr.rescaling.offset = -INFINITY;
    l[C2S_OP_RESHAPE]->attr.reshape.rank = 2;
    l[C2S_OP_RESHAPE]->attr.reshape.dims[0] = -1;
    l[C2S_OP_RESHAPE]->attr.reshape.dims[1] = 123456789012;
    l[C2S_OP_ZERO_PADDING]->attr.zero_padding.right = 4;
    l[C2S_OP_DROPOUT]->attr.dropout.rate = 1.0f / 3;
    l[C2S_OP_DENSE]->quantizer =
        (struct c2s_quantizer_spec){C2S_QUANTIZER_STD_PER_AXIS, 5, 2.7182817f, true};
    assert_true(
        c2s_layer_set_text(&l[C2S_OP_UNKNOWN]->config, "{\"function\": [1, \"\\n\"]}", &err));
    assert_true(c2s_model_add_input(m, 0, &err) && c2s_model_add_output(m, m->n_layers - 1, &err));
    m->dialect = C2S_DIALECT_CNN2SNN_18;
    round_trip(m);
    c2s_model_destroy(m);
}

static void a_changed_number_changes_the_hash(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m;
    char before[C2S_HASH_LENGTH + 1], after[C2S_HASH_LENGTH + 1];
    assert_ok(c2s_keras_read(data_path("corpus/k3_seq.h5"), NULL, &m, &err), &err);
    assert_ok(c2s_model_hash(m, before, &err), &err);
    struct c2s_layer *l = m->layers[c2s_model_first_neural(m)];
    struct c2s_tensor *kernel = c2s_tensor_clone(l->params[C2S_KERNEL], &err);
    c2s_f32(kernel)[7] = nextafterf(c2s_f32(kernel)[7], 1);
    c2s_layer_set_param(l, C2S_KERNEL, kernel);
    assert_ok(c2s_model_hash(m, after, &err), &err);
    assert_string_not_equal(before, after);
    c2s_model_destroy(m);
}

/* Cut or with one byte changed, the text is refused or read, and never does harm. */
static void damaged_text_is_refused(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m, *copy;
    char *text;
    int n_refused = 0;
    assert_ok(c2s_keras_read(data_path("corpus/v22_q.h5"), NULL, &m, &err), &err);
    assert_ok(c2s_model_describe(m, &text, &err), &err);
    size_t n = strlen(text);
    char *damaged = malloc(n + 1);
    for (size_t i = 0; i < n; i += 13) {
        memcpy(damaged, text, n + 1);
        damaged[i] = i % 2 ? '\0' : '7';
        err = (struct c2s_error){0};
        if (c2s_model_from_description(damaged, find_tensor, m, &copy, &err))
            c2s_model_destroy(copy);
        else
            n_refused += err.text[0] != '\0';
    }
    assert_true(n_refused > (int)n / 26); /* every cut one at least */
    free(damaged);
    c2s_text_free(text);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_round_trips),
        cmocka_unit_test(every_field_round_trips),
        cmocka_unit_test(a_changed_number_changes_the_hash),
        cmocka_unit_test(damaged_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
