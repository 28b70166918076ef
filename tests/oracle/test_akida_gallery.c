/* Which models convert: our answer against the toolkit's, on files with one planted problem each.
 * verdicts_VERSION.json was made with weights 4, activations 4, first layer 8. */
#include "support.h"
#include "files.h"

#include <string.h>

#include <c2s/akida.h>
#include <c2s/json.h>
#include <c2s/keras.h>
#include <c2s/quantize.h>

/* Where we mean to differ: what we answer, and why. */
static const struct {
    const char *file, *release;
    bool converts;
    const char *reason;
} differences[] = {
    {"nan_weight", NULL, false, "the toolkit converts NaN into garbage without a word"},
    {"nested", NULL, true, "our reader flattens a model in a model"},
    {"flatten_dropout_dense", "1.8.13", true, "a Dropout does nothing here; 2.2.6 ignores it too"},
    {"dense_first", "1.8.13", true, "an input of N is 1,1,N, as in 2.2.6"},
    {"bn_negative_gamma_after_pool", "1.8.13", false,
     "1.8.13 folds it although max and a negative factor do not commute; 2.2.6 refuses"},
};

static bool we_convert(const char *path, const char *release, struct c2s_error *err)
{
    bool is_old = strcmp(release, "1.8.13") == 0;
    struct c2s_model *m = NULL, *q = NULL;
    struct c2s_akida_net *net = NULL;
    struct c2s_quantize_report report;
    struct c2s_quantize_plan plan = {.rule = is_old ? C2S_RULE_18 : C2S_RULE_22,
                                     .weight_quantization = 4,
                                     .activ_quantization = 4,
                                     .input_weight_quantization = 8};
    assert_ok(c2s_keras_read(path, NULL, &m, err), err);
    bool ok = c2s_quantize(m, &plan, NULL, &q, &report, err);
    if (ok) {
        int first = c2s_model_first_neural(q);
        const struct c2s_layer *l = q->layers[first], *in = q->layers[l->inputs[0]];
        int64_t channels = in->rank == 3 ? in->dims[2] : 0;
        struct c2s_convert_options options = {.input_scale = 1,
                                              .input_is_integers = l->op != C2S_OP_CONV2D ||
                                                                   (channels != 1 && channels != 3),
                                              .rule = is_old ? C2S_CONVERT_18 : C2S_CONVERT_22};
        ok = c2s_akida_convert(q, &options, &net, err);
    }
    c2s_akida_net_destroy(net);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
    return ok;
}

static bool expected_answer(const char *file, const char *release, const struct c2s_json *verdict)
{
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++)
        if (strcmp(differences[i].file, file) == 0 &&
            (!differences[i].release || strcmp(differences[i].release, release) == 0))
            return differences[i].converts;
    return c2s_json_kind(c2s_json_get(verdict, "quantize_error")) == C2S_JSON_NULL &&
           c2s_json_kind(c2s_json_get(verdict, "convert_error")) == C2S_JSON_NULL;
}

struct walk {
    const char *release;
    int n, n_converted;
};

static bool compare(void *arg, const char *file, const struct c2s_json *verdict)
{
    struct walk *w = arg;
    struct c2s_error err = {0};
    bool converts = we_convert(data_path("gallery/%s.h5", file), w->release, &err);
    if (converts != expected_answer(file, w->release, verdict))
        fail_msg("%s, rule %s: %s", file, w->release, converts ? "converts" : err.text);
    if (!converts) {
        assert_true(err.code == C2S_UNSUPPORTED || err.code == C2S_RANGE || err.code == C2S_STATE);
        assert_true(strlen(err.text) > 20);
    }
    w->n++;
    w->n_converted += converts;
    return true;
}

static void the_same_models_convert(void **state)
{
    (void)state;
    static const char *const all[] = {"1.8.13", "2.2.6"};
    for (int i = 0; i < 2; i++) {
        struct walk w = {.release = all[i]};
        struct c2s_json *verdicts = read_json(data_path("gallery/verdicts_%s.json", all[i]));
        c2s_json_each(verdicts, compare, &w);
        assert_int_equal(w.n, c2s_json_size(verdicts));
        assert_true(w.n_converted > 10 && w.n - w.n_converted > 10);
        c2s_json_free(verdicts);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_models_convert)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
