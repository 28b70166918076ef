/* Our verdicts against the toolkit's, on files with one planted problem each. verdicts_VERSION.json
 * says what cnn2snn answered for each file, mapping.json what mapping the conversion of 2.2.6 on
 * the virtual AKD1000 answered. All were made with weights 4, activations 4, first layer 8. */
#include "support.h"
#include "files.h"
#include "gallery.h"

#include <stdio.h>
#include <string.h>

#include <c2s/finding.h>
#include <c2s/json.h>
#include <c2s/keras.h>
#include <c2s/quantize.h>

/* What is planted in each file, and on which layer. A file without a row has no error. */
static const struct {
    const char *file, *rule, *layer;
} planted[] = {
    {"activation_relu_layer", "E017", "activation"},
    {"big_fc", "E053", "dense_41"},
    {"bn_after_relu", "E013", "batch_normalization_3"},
    {"bn_negative_gamma_after_pool", "E011", "bn"},
    {"bn_zero_gamma", "E010", "bn"},
    {"depth_multiplier", "E008", "separable_conv2d_1"},
    {"depthwise", "E004", "depthwise_conv2d"},
    {"dilation", "E006", "conv2d_25"},
    {"even_kernel", "E029", "conv2d_38"},
    {"gap_after_relu", "E018", "global_average_pooling2d_1"},
    {"inline_relu", "E005", "conv2d_19"},
    {"inline_softmax", "E005", "dense_17"},
    {"inner_valid", "E046", "conv2d_42"},
    {"leaky_relu", "E004", "leaky_re_lu"},
    {"many_filters", "E043", "conv2d_40"},
    {"maxpool_before_dense", "E014", "dense_40"},
    {"nan_weight", "E033", "c"},
    {"no_activation_hidden", "E015", "conv2d_17"},
    {"pool_padding_mismatch", "E019", "max_pooling2d_2"},
    {"reshape_bad", "E021", "reshape"},
    {"residual", "E003", "add"},
    {"two_inputs", "E001", "input_2"},
    {"two_outputs", "E002", "dense_1"},
    {"two_pools", "E018", "max_pooling2d_4"},
    {"wide_input", "E040", "conv2d_39"},
};

/* Where we mean to differ from the toolkit, at level akida and at level akd1000. */
static const struct {
    const char *file;
    bool at_akida, at_akd1000;
    bool only_float; /* gone once the model is quantized */
    const char *reason;
} differences[] = {
    {"nan_weight", true, false, false, "it converts NaN into garbage without a word; we refuse"},
    {"nested", true, true, false, "it refuses a model in a model; our reader flattens it"},
    {"dense_first", false, true, true,
     "the recorded mapping has 8-bit weights in the first layer; the float file may get 4"},
    {"sep_first", false, true, true,
     "the recorded mapping has 8-bit weights in the first layer; the float file may get 4"},
};

static bool is_different(const char *file, enum c2s_level level, bool is_float)
{
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++)
        if (strcmp(differences[i].file, file) == 0 && (is_float || !differences[i].only_float))
            return level == C2S_LEVEL_AKIDA ? differences[i].at_akida : differences[i].at_akd1000;
    return false;
}

static bool is_said(const struct c2s_json *v)
{
    return c2s_json_kind(v) == C2S_JSON_STRING;
}

/* At any stage: check, quantize, check again, convert. */
static bool toolkit_refuses(const struct c2s_json *verdict)
{
    return !c2s_json_bool(c2s_json_get(c2s_json_get(verdict, "check_float"), "result"), false) ||
           !c2s_json_bool(c2s_json_get(c2s_json_get(verdict, "check_quantized"), "result"), true) ||
           is_said(c2s_json_get(verdict, "quantize_error")) ||
           is_said(c2s_json_get(verdict, "convert_error"));
}

static struct c2s_findings check(const struct c2s_model *m, enum c2s_level level, bool integers)
{
    struct c2s_findings f;
    struct c2s_error err = {0};
    const struct c2s_check_options options = {.level = level, .input_is_integers = integers};
    assert_ok(c2s_check(m, &options, &f, &err), &err);
    return f;
}

static int count_errors(const struct c2s_model *m, enum c2s_level level, bool integers)
{
    struct c2s_findings f = check(m, level, integers);
    int n = f.n_errors;
    c2s_findings_finish(&f);
    return n;
}

static void agree(const char *file, const struct c2s_model *m, enum c2s_level level, bool refuses,
                  bool is_float)
{
    int n_errors = count_errors(m, level, gallery_takes_integers(file));
    bool is_same = (n_errors > 0) == refuses;
    if (is_same == is_different(file, level, is_float))
        fail_msg("%s, %s%s: we find %d errors, the toolkit %s", file, is_float ? "" : "quantized, ",
                 c2s_level_name(level), n_errors, refuses ? "refuses" : "accepts");
}

static struct c2s_json *verdicts, *verdicts_18, *mapping;

static void agree_as_float(const char *file, struct c2s_model *m)
{
    const struct c2s_json *verdict = c2s_json_get(verdicts, file);
    const char *stage = c2s_json_text(c2s_json_get(c2s_json_get(mapping, file), "stage"), NULL);
    assert_non_null(verdict);
    assert_non_null(stage);
    agree(file, m, C2S_LEVEL_AKIDA, toolkit_refuses(verdict), true);
    agree(file, m, C2S_LEVEL_AKD1000, strcmp(stage, "mapped") != 0, true);
}

/* Where quantize takes the model, the verdict on the result is the one on the float model. */
static void agree_quantized(const char *file, struct c2s_model *m)
{
    const struct c2s_quantize_plan plan = {
        .weight_quantization = 4, .activ_quantization = 4, .input_weight_quantization = 8};
    struct c2s_quantize_report report;
    struct c2s_model *quantized;
    struct c2s_error err = {0};
    bool is_taken = count_errors(m, C2S_LEVEL_KERAS, gallery_takes_integers(file)) == 0;
    bool ok = c2s_quantize(m, &plan, NULL, &quantized, &report, &err);
    if (is_taken != ok)
        fail_msg("%s: check at level keras and quantize do not agree: %s", file, err.text);
    if (!ok)
        return;
    const char *stage = c2s_json_text(c2s_json_get(c2s_json_get(mapping, file), "stage"), "");
    agree(file, quantized, C2S_LEVEL_AKIDA, toolkit_refuses(c2s_json_get(verdicts, file)), false);
    agree(file, quantized, C2S_LEVEL_AKD1000, strcmp(stage, "mapped") != 0, false);
    c2s_model_destroy(quantized);
}

static void find_planted(const char *file, struct c2s_model *m)
{
    struct c2s_findings f = check(m, C2S_LEVEL_AKD1000, gallery_takes_integers(file));
    for (size_t i = 0; i < sizeof planted / sizeof planted[0]; i++) {
        if (strcmp(planted[i].file, file) != 0)
            continue;
        int n_found = 0;
        for (int k = 0; k < f.n_rows; k++)
            n_found += strcmp(f.rows[k].rule->id, planted[i].rule) == 0 && f.rows[k].layer >= 0 &&
                       strcmp(m->layers[f.rows[k].layer]->name, planted[i].layer) == 0;
        if (n_found != 1)
            fail_msg("%s: %s is reported %d times on %s", file, planted[i].rule, n_found,
                     planted[i].layer);
        c2s_findings_finish(&f);
        return;
    }
    for (int k = 0; k < f.n_rows; k++)
        if (f.rows[k].rule->severity == C2S_ERROR)
            fail_msg("%s is clean, but %s: %s", file, f.rows[k].rule->id, f.rows[k].text);
    c2s_findings_finish(&f);
}

static void verdicts_of_float_files(void **state)
{
    (void)state;
    gallery_each(agree_as_float);
}

static void verdicts_after_quantization(void **state)
{
    (void)state;
    gallery_each(agree_quantized);
}

static void planted_problems_are_found(void **state)
{
    (void)state;
    gallery_each(find_planted);
}

/* Where release 1.8.13 answers otherwise than we, a note says so, or it is wrong. */
static const struct {
    const char *file, *rule, *reason;
} differences_18[] = {
    {"dense_first", "N065", "it wants inputs of three axes"},
    {"flatten_dropout_dense", "N064", "it wants the Dense layer directly behind Flatten"},
    {"nan_weight", "E033", "it converts NaN without a word"},
    {"nested", NULL, "it refuses a model in a model; our reader flattens it"},
};

static void agree_with_18(const char *file, struct c2s_model *m)
{
    bool refuses = toolkit_refuses(c2s_json_get(verdicts_18, file));
    struct c2s_findings f = check(m, C2S_LEVEL_AKIDA, gallery_takes_integers(file));
    bool is_same = (f.n_errors > 0) == refuses;
    for (size_t i = 0; i < sizeof differences_18 / sizeof differences_18[0]; i++) {
        if (strcmp(differences_18[i].file, file) != 0)
            continue;
        if (is_same)
            fail_msg("%s: 1.8.13 agrees with us after all", file);
        bool is_told = !differences_18[i].rule;
        for (int k = 0; k < f.n_rows && !is_told; k++)
            is_told = strcmp(f.rows[k].rule->id, differences_18[i].rule) == 0;
        if (!is_told)
            fail_msg("%s: no %s tells that %s", file, differences_18[i].rule,
                     differences_18[i].reason);
        is_same = true;
    }
    if (!is_same)
        fail_msg("%s: we find %d errors, 1.8.13 %s", file, f.n_errors,
                 refuses ? "refuses" : "accepts");
    c2s_findings_finish(&f);
}

static void verdicts_of_release_18(void **state)
{
    (void)state;
    gallery_each(agree_with_18);
}

static int load_verdicts(void **state)
{
    (void)state;
    verdicts = read_json(data_path("gallery/%s", "verdicts_2.2.6.json"));
    verdicts_18 = read_json(data_path("gallery/%s", "verdicts_1.8.13.json"));
    mapping = read_json(data_path("gallery/%s", "mapping.json"));
    return 0;
}

static int free_verdicts(void **state)
{
    (void)state;
    c2s_json_free(verdicts);
    c2s_json_free(verdicts_18);
    c2s_json_free(mapping);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_of_float_files),
        cmocka_unit_test(verdicts_after_quantization),
        cmocka_unit_test(planted_problems_are_found),
        cmocka_unit_test(verdicts_of_release_18),
    };
    return cmocka_run_group_tests(tests, load_verdicts, free_verdicts);
}
