/* One small model in the words of many writers (tests/data/variants, made by make.py there): each
 * file loads, its report says what was special about it, and all predict the same, to the bit. Rows
 * are those of the list of Keras files: H = container, J = structure, Q = quantized dialects. */
#include "support.h"
#include "files.h"
#include "nets.h"

#include <c2s/keras.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* Predictions for samples(), by TF 2.4, TF 2.10 and Keras 3; the quantized model's by cnn2snn 1.8
 * and 2.2. */
static const double float_output[] = {0.3844414949417114,  0.36365899443626404, 0.25189951062202454,
                                      0.37994539737701416, 0.3662036061286926,  0.2538509964942932};
static const double quantized_output[] = {0.843458890914917,   0.109375,
                                          -0.624708890914917,  0.8929219245910645,
                                          0.20830099284648895, -0.4763197898864746};

enum group { FLOAT, QUANTIZED, UNCOMPUTED, REFUSED };

static const struct {
    const char *file, *config;
    enum group group;
    int n_unread;     /* tensors in the file that no layer takes */
    const char *says; /* the report, or the refusal; NULL = no note but the first */
    const char *rows;
} variants[] = {
    {"keras_1.h5", NULL, REFUSED, 0, "Keras 1", "J18"},
    {"keras_2.0.9.h5", NULL, FLOAT, 0, NULL, "J1 J2 J8 J16"},
    {"keras_2.1.6.h5", NULL, FLOAT, 0, NULL, "J1 J2 J16"},
    {"keras_2.2.4_model.h5", NULL, FLOAT, 0, NULL, "H1 J5 J11 J12"},
    {"keras_2.3.1_theano.h5", NULL, FLOAT, 0, "1 kernel turned around", "H8"},
    {"tf_1.15.h5", NULL, FLOAT, 0, NULL, "J2 J6 J8"},
    {"tf_2.4_model.h5", NULL, FLOAT, 0, NULL, "H1 H3 H4 H5 H10 J5 J9 J10 J15"},
    {"tf_2.4_nested_weights.h5", "tf_2.4_nested.json", FLOAT, 0, "its structure from", "H2 H9 J14"},
    {"tf_2.4_nested_weights.h5", "tf_2.10_nested.h5", FLOAT, 0, "its structure from", "H2"},
    {"tf_2.4_nested_weights.h5", "inline.h5", REFUSED, 0, "4 layers of the structure", "H2"},
    {"../corpus/v18_seq_weights.h5", "../corpus/k3_seq.h5", REFUSED, 0, "holds 13 tensors", "H2"},
    {"tf_2.4_nested_weights.h5", NULL, REFUSED, 0, "--config OTHER", "H2"},
    {"tf_2.4_nested.json", NULL, REFUSED, 0, "structure without weights", "H2 H14"},
    {"tf_2.4_model.h5", "tf_2.4_model.h5", REFUSED, 0, "holds its own structure", "H2"},
    {"tf_2.10_nested.h5", NULL, FLOAT, 0, NULL, "H7 H9 J14"},
    {"tf_2.12_hdf5.keras", NULL, FLOAT, 0, NULL, "H14"},
    {"tf_2.12.keras", NULL, FLOAT, 0, NULL, "archive: _layer_checkpoint_dependencies"},
    {"tf_2.13_nested.keras", NULL, FLOAT, 0, NULL, "archive: _layer_checkpoint_dependencies J14"},
    {"tf_2.13_model.weights.h5", "tf_2.13_model.json", FLOAT, 0, "state of the optimizer", "H2"},
    {"tf_2.13_model.weights.h5", "aliases.h5", FLOAT, 0, "its structure from", "H2"},
    {"tf_2.13_model.weights.h5", "keras_3.11_ops.keras", REFUSED, 0, "'k': its kernel", "H2"},
    {"tf_2.13_model.weights.h5", "keras_3.11_nested.weights.h5", REFUSED, 0, "no structure", "H2"},
    {"keras_3.0.keras", NULL, FLOAT, 0, "state of the optimizer", "archive: no names J3 J7 J8"},
    {"keras_3.5_model.keras", NULL, FLOAT, 0, NULL, "archive: no names J11 J12"},
    {"keras_3.6_nested.keras", NULL, FLOAT, 0, NULL, "archive: names J14"},
    {"keras_3.11_nested.weights.h5", "tf_2.13_nested.keras", FLOAT, 0, "its structure from", "H2"},
    {"keras_3.11_nested.weights.h5", "keras_3.6_nested.keras", FLOAT, 0, "its structure", "H2"},
    {"keras_3.11_bfloat16.keras", NULL, FLOAT, 0, "10 tensors stored as bfloat16", "H11 J7"},
    {"keras_3.11_float16.keras", NULL, FLOAT, 0, "computed in float32", "H11 J7"},
    {"keras_3.11_int8.keras", NULL, UNCOMPUTED, 3, "Keras' own quantize()", "J7"},
    {"keras_3.11_ops.keras", NULL, UNCOMPUTED, 0, "outside any layer", "J13"},
    {"keras_3.11_model.keras", NULL, FLOAT, 0, NULL, "archive: names J11 J12"},
    {"deflated.keras", NULL, FLOAT, 0, NULL, "archive: deflated"},
    {"zip64.keras", NULL, FLOAT, 0, NULL, "archive: ZIP64"},
    {"more_members.keras", NULL, FLOAT, 0, NULL, "archive: odd names"},
    {"fixed_strings.h5", NULL, FLOAT, 0, NULL, "H3 H4"},
    {"space_padded.h5", NULL, FLOAT, 0, NULL, "H3"},
    {"utf8_names.h5", NULL, FLOAT, 0, NULL, "H3 H4"},
    {"gzip.h5", NULL, FLOAT, 0, NULL, "H12"},
    {"float16.h5", NULL, FLOAT, 0, "10 tensors stored as float16", "H11"},
    {"float64.h5", NULL, FLOAT, 0, "10 tensors stored as float64", "H11"},
    {"big_endian.h5", NULL, FLOAT, 0, NULL, "H11"},
    {"split_names.h5", NULL, FLOAT, 0, NULL, "H6"},
    {"scopes.h5", NULL, FLOAT, 0, NULL, "H8"},
    {"cntk.h5", NULL, FLOAT, 0, NULL, "H8"},
    {"weights_reversed.h5", NULL, FLOAT, 0, NULL, "H9"},
    {"user_block.h5", NULL, FLOAT, 0, NULL, "H14"},
    {"top_level.h5", NULL, FLOAT, 1, "1 tensor of 'top_level_model_weights'", "H7"},
    {"list.h5", NULL, FLOAT, 0, NULL, "J1 J2"},
    {"no_version.h5", NULL, FLOAT, 0, NULL, "J18"},
    {"input_at_end.h5", NULL, FLOAT, 0, NULL, "J4"},
    {"no_shape.h5", NULL, REFUSED, 0, "--input-shape", "J4"},
    {"open_shape.h5", NULL, UNCOMPUTED, 0, NULL, "J4"},
    {"reversed.h5", NULL, FLOAT, 0, NULL, "J11"},
    {"subclass.h5", NULL, FLOAT, 0, NULL, "J5"},
    {"aliases.h5", NULL, FLOAT, 0, NULL, "J6"},
    {"numpy_values.h5", NULL, FLOAT, 0, NULL, "J8 J16 J17"},
    {"inline.h5", NULL, FLOAT, 0, NULL, "J15"},
    {"unknown_keys.h5", NULL, FLOAT, 0, NULL, "J7 J9"},
    {"nan.h5", NULL, FLOAT, 0, NULL, "J9"},
    {"cnn2snn_1.8.h5", NULL, QUANTIZED, 0, NULL, "Q"},
    {"cnn2snn_1.8_relu.h5", NULL, QUANTIZED, 0, NULL, "Q QuantizedReLU with weights"},
    {"cnn2snn_2.2.h5", NULL, QUANTIZED, 0, NULL, "Q"},
    {"cnn2snn_2.2_relu.h5", NULL, QUANTIZED, 0, NULL, "Q QuantizedReLU with max_value"},
    {"quantized_old.h5", NULL, QUANTIZED, 0, NULL, "Q WeightQuantizer"},
    {"quantized_22.h5", NULL, QUANTIZED, 0, NULL, "Q QuantizedReLU with max_value"},
    {"quantized_trained.h5", NULL, QUANTIZED, 0, NULL, "Q TrainableWeightQuantizer"},
};
enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

static struct c2s_tensor *samples(void)
{
    float values[2 * 8 * 8];
    for (int i = 0; i < 2 * 8 * 8; i++)
        values[i] = (float)(i * 29 % 97) / 97.0f;
    return tensor_of(4, (int64_t[]){2, 8, 8, 1}, values);
}

static bool read_variant(int i, const struct c2s_keras_read_options *more, struct c2s_model **m,
                         struct c2s_error *err)
{
    struct c2s_keras_read_options options = more ? *more : (struct c2s_keras_read_options){0};
    *err = (struct c2s_error){0};
    if (variants[i].config)
        options.config = data_path("variants/%s", variants[i].config);
    return c2s_keras_read(data_path("variants/%s", variants[i].file), &options, m, err);
}

static bool has_note(const struct c2s_model *m, const char *text)
{
    for (int i = 0; i < m->n_notes; i++)
        if (strstr(m->notes[i].text, text))
            return true;
    return false;
}

static void assert_report(int i, const struct c2s_model *m)
{
    const char *says = variants[i].says;
    assert_int_equal(m->n_tensors_expected - m->n_tensors_read, variants[i].n_unread);
    if (says && !has_note(m, says))
        fail_msg("%s: the report does not say '%s'", variants[i].file, says);
    if (!says && m->n_notes != 1)
        fail_msg("%s: the report also says '%s'", variants[i].file, m->notes[1].text);
}

static void every_variant_reports(void **state)
{
    (void)state;
    for (int i = 0; i < N_VARIANTS; i++) {
        struct c2s_error err;
        struct c2s_model *m;
        bool ok = read_variant(i, NULL, &m, &err);
        if (variants[i].group == REFUSED) {
            if (ok || !strstr(err.text, variants[i].says))
                fail_msg("%s: '%s' does not say '%s'", variants[i].file, err.text,
                         variants[i].says);
            continue;
        }
        assert_ok(ok, &err);
        assert_report(i, m);
        c2s_model_destroy(m);
    }
}

/* All outputs of a group are those of its first file, bit by bit. */
static int compare_group(enum group group, const char *engine, const double *wanted)
{
    struct c2s_tensor *x = samples(), *first = NULL;
    int n = 0;
    for (int i = 0; i < N_VARIANTS; i++) {
        struct c2s_error err;
        struct c2s_model *m;
        if (variants[i].group != group)
            continue;
        assert_ok(read_variant(i, NULL, &m, &err), &err);
        struct c2s_tensor *got = run_net(engine, m, (const struct c2s_tensor *const[]){x});
        if (!first)
            first = c2s_tensor_ref(got);
        assert_int_equal(c2s_tensor_count(got), 6);
        for (int k = 0; k < 6; k++) {
            if (fabs((double)c2s_f32(got)[k] - wanted[k]) > 1e-6)
                fail_msg("%s on %s: %.9g instead of %.9g", variants[i].file, engine,
                         (double)c2s_f32(got)[k], wanted[k]);
            if (c2s_f32(got)[k] != c2s_f32(first)[k])
                fail_msg("%s on %s differs from the first", variants[i].file, engine);
        }
        c2s_tensor_unref(got);
        c2s_model_destroy(m);
        n++;
    }
    c2s_tensor_unref(first);
    c2s_tensor_unref(x);
    return n;
}

static void all_variants_predict_the_same(void **state)
{
    (void)state;
    static const char *const engines[] = {"ref", "dnnl"};
    for (int e = 0; e < 2; e++) {
        assert_int_equal(compare_group(FLOAT, engines[e], float_output), 48);
        assert_int_equal(compare_group(QUANTIZED, engines[e], quantized_output), 7);
    }
}

/* J4: where the file leaves the shape open, it is given. */
static void an_input_shape_is_taken_where_the_file_has_none(void **state)
{
    (void)state;
    struct c2s_keras_read_options options = {.input_rank = 3, .input_dims = {8, 8, 1}};
    struct c2s_error err = {0};
    struct c2s_model *m;
    static const char *const open[] = {"no_shape.h5", "open_shape.h5"};
    struct c2s_tensor *x = samples();
    for (int i = 0; i < 2; i++) {
        assert_ok(c2s_keras_read(data_path("variants/%s", open[i]), &options, &m, &err), &err);
        assert_true(has_note(m, "as --input-shape says"));
        struct c2s_tensor *got = run_net("ref", m, (const struct c2s_tensor *const[]){x});
        assert_true(fabs((double)c2s_f32(got)[0] - float_output[0]) < 1e-6);
        c2s_tensor_unref(got);
        c2s_model_destroy(m);
    }
    c2s_tensor_unref(x);
    assert_ok(c2s_keras_read(data_path("variants/list.h5"), &options, &m, &err), &err);
    assert_int_equal(m->n_notes, 1); /* nothing had to be assumed */
    c2s_model_destroy(m);
    options.input_dims[0] = 9;
    assert_false(c2s_keras_read(data_path("variants/list.h5"), &options, &m, &err));
    assert_int_equal(err.code, C2S_SHAPE);
    assert_non_null(strstr(err.text, "9,8,1"));
}

/* H2: Keras goes by the order of layers, whatever their names are in the structure. */
static void weights_are_paired_in_order(void **state)
{
    (void)state;
    size_t n;
    struct c2s_error err = {0};
    struct c2s_model *m;
    char *json = read_file(data_path("variants/tf_2.4_nested.json"), &n), *at;
    struct c2s_keras_read_options options = {.config = in_test_folder("renamed.json")};
    while ((at = strstr(json, "\"name\": \"c\"")) || (at = strstr(json, "\"name\": \"d\"")))
        at[9] = (char)(at[9] - 'a' + 'K'); /* c -> M, d -> N */
    write_file(options.config, json, n);
    free(json);
    const char *path = data_path("variants/tf_2.4_nested_weights.h5");
    assert_ok(c2s_keras_read(path, &options, &m, &err), &err);
    assert_true(has_note(m, "layer 'M' has the weights of 'c'"));
    assert_true(has_note(m, "layer 'N' has the weights of 'd'"));
    struct c2s_tensor *x = samples();
    struct c2s_tensor *got = run_net("ref", m, (const struct c2s_tensor *const[]){x});
    for (int k = 0; k < 6; k++)
        assert_true(fabs((double)c2s_f32(got)[k] - float_output[k]) < 1e-6);
    c2s_tensor_unref(got);
    c2s_tensor_unref(x);
    c2s_model_destroy(m);
    bool ok = false;
    for (long refused = 1; !ok; refused++) { /* every allocation on the way, one after the other */
        err = (struct c2s_error){0};
        c2s_alloc_fail_after(refused);
        ok = c2s_keras_read(path, &options, &m, &err);
        c2s_alloc_fail_after(0);
        assert_int_equal(err.code, ok ? C2S_OK : C2S_NOMEM);
    }
    c2s_model_destroy(m);
}

/* Every file of the folder is in the table, as itself or as a config. */
static void no_file_is_forgotten(void **state)
{
    (void)state;
    DIR *dir = opendir(data_path("variants"));
    int n = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        bool is_known = entry->d_name[0] == '.' || strcmp(entry->d_name, "make.py") == 0;
        for (int i = 0; i < N_VARIANTS && !is_known; i++)
            is_known = strcmp(entry->d_name, variants[i].file) == 0 ||
                       (variants[i].config && strcmp(entry->d_name, variants[i].config) == 0);
        if (!is_known)
            fail_msg("%s is in no row of the table", entry->d_name);
        n++;
    }
    closedir(dir);
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_variant_reports),
        cmocka_unit_test(all_variants_predict_the_same),
        cmocka_unit_test(an_input_shape_is_taken_where_the_file_has_none),
        cmocka_unit_test(weights_are_paired_in_order),
        cmocka_unit_test(no_file_is_forgotten),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
