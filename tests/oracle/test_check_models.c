/* Check on the reference models, float and as cnn2snn 1.8.13 and 2.2.6 quantized them. All were
 * converted by the toolkit, so none may have an error at level akida. For those of 2.2.6 the answer
 * of mapping on the virtual AKD1000 of akida 2.2.6 is known: its complaint names the layer. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include <c2s/finding.h>
#include <c2s/keras.h>

static const struct {
    const char *name;
    bool input_is_integers;
    double scale, shift; /* attributes of NAME.expected.h5 */
} models[] = {
    {"akidanet", false, 1, 0}, {"ds_cnn", false, 255, 0}, {"fm_sep", false, 255, 0},
    {"fm_vgg", false, 255, 0}, {"mlp", true, 15, 0},      {"valid_net", false, 128, 128},
};
#define N_MODELS (sizeof models / sizeof models[0])

/* rule NULL: the device took the model. The float model is judged as quantized to 4, 4, 8. */
static const struct {
    const char *model, *tag, *rule, *layer;
} mapped[] = {
    /* Complaint: act_step should be between 0 and 65535, receives 70233. */
    {"akidanet", "", "E057", "separable_5"},
    {"akidanet", "expected_v22_iq8_wq4_aq4", "E057", "separable_5"},
    {"akidanet", "expected_v22_iq8_wq2_aq4", NULL, NULL},
    {"ds_cnn", "", NULL, NULL},
    {"ds_cnn", "expected_v22_iq4_wq2_aq2", NULL, NULL},
    {"ds_cnn", "expected_v22_iq8_wq4_aq1", NULL, NULL},
    {"ds_cnn", "expected_v22_iq8_wq4_aq4", NULL, NULL},
    /* Complaint: max pooling must be followed by another convolutional layer. */
    {"fm_sep", "", "E014", "dense"},
    {"fm_sep", "expected_v22_iq4_wq4_aq1", "E014", "dense"},
    {"fm_sep", "expected_v22_iq8_wq2_aq2", "E014", "dense"},
    {"fm_sep", "expected_v22_iq8_wq4_aq4", "E014", "dense"},
    /* Complaint: only padding same is supported. */
    {"fm_vgg", "", "E046", "conv2d_3"},
    {"fm_vgg", "expected_v22_iq8_wq2_aq4", "E046", "conv2d_3"},
    {"fm_vgg", "expected_v22_iq8_wq4_aq2", "E046", "conv2d_3"},
    {"fm_vgg", "expected_v22_iq8_wq4_aq4", "E046", "conv2d_3"},
    {"mlp", "", NULL, NULL},
    {"mlp", "expected_v22_iq2_wq2_aq2", NULL, NULL},
    {"mlp", "expected_v22_iq4_wq4_aq1", NULL, NULL},
    {"mlp", "expected_v22_iq4_wq4_aq4", NULL, NULL},
    {"valid_net", "", "E014", "d4"},
    {"valid_net", "expected_v22_iq8_wq2_aq2", "E014", "d4"},
    {"valid_net", "expected_v22_iq8_wq4_aq4", "E014", "d4"},
};

static struct c2s_model *load(const char *name, const char *tag)
{
    struct c2s_model *m;
    struct c2s_error err = {0};
    const char *path =
        tag[0] ? data_path("expected/%s.%s.h5", name, tag) : data_path("%s.h5", name);
    assert_ok(c2s_keras_read(path, NULL, &m, &err), &err);
    return m;
}

static struct c2s_findings check(const struct c2s_model *m, const char *name, enum c2s_level level)
{
    struct c2s_findings f;
    struct c2s_error err = {0};
    size_t i = 0;
    while (strcmp(models[i].name, name) != 0)
        assert_true(++i < N_MODELS);
    const struct c2s_check_options options = {.level = level,
                                              .input_is_integers = models[i].input_is_integers,
                                              .input_scale = models[i].scale,
                                              .input_shift = models[i].shift};
    assert_ok(c2s_check(m, &options, &f, &err), &err);
    return f;
}

static void assert_converts(const char *name, const char *tag)
{
    struct c2s_model *m = load(name, tag);
    struct c2s_findings f = check(m, name, C2S_LEVEL_AKIDA);
    for (int i = 0; i < f.n_rows; i++)
        if (f.rows[i].rule->severity == C2S_ERROR)
            fail_msg("%s %s: %s: %s", name, tag, f.rows[i].rule->id, f.rows[i].text);
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

static void every_reference_model_converts(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++)
        assert_converts(models[i].name, "");
    for (size_t i = 0; i < sizeof mapped / sizeof mapped[0]; i++) {
        char tag[64];
        snprintf(tag, sizeof tag, "%s", mapped[i].tag);
        assert_converts(mapped[i].model, tag);
        char *release = strstr(tag, "v22");
        if (release) { /* the same model and bits from 1.8.13 */
            memcpy(release, "v18", 3);
            assert_converts(mapped[i].model, tag);
        }
    }
}

static void the_chip_verdict_is_the_device_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mapped / sizeof mapped[0]; i++) {
        struct c2s_model *m = load(mapped[i].model, mapped[i].tag);
        struct c2s_findings f = check(m, mapped[i].model, C2S_LEVEL_AKD1000);
        int n_found = 0;
        for (int k = 0; k < f.n_rows; k++) {
            const struct c2s_finding *row = &f.rows[k];
            if (row->rule->severity != C2S_ERROR)
                continue;
            const char *layer = row->layer < 0 ? "" : m->layers[row->layer]->name;
            if (!mapped[i].rule || strcmp(mapped[i].rule, row->rule->id) != 0 ||
                strcmp(mapped[i].layer, layer) != 0)
                fail_msg("%s %s: %s on %s: %s", mapped[i].model, mapped[i].tag, row->rule->id,
                         layer, row->text);
            n_found++;
        }
        if (n_found != (mapped[i].rule ? 1 : 0))
            fail_msg("%s %s: %s is not found", mapped[i].model, mapped[i].tag, mapped[i].rule);
        c2s_findings_finish(&f);
        c2s_model_destroy(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reference_model_converts),
        cmocka_unit_test(the_chip_verdict_is_the_device_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
