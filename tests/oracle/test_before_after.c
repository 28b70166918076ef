/* The verdict on a float model is the one on the same model quantized: every rule finds the same
 * layers before and after, but for those that speak of bits or of what quantize takes away. On the
 * gallery and on the generated models. */
#include "support.h"
#include "files.h"
#include "sketch.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include <c2s/finding.h>
#include <c2s/keras.h>

/* Rules that a quantization may change, and why. */
static const struct {
    const char *rules, *reason;
} changed[] = {
    {"W031 W032 W055 W069", "they speak of what is float"},
    {"E026 E027 E028 E054 E068 N066 N083", "they speak of bits"},
    {"N063", "a ReLU whose range the releases see differently has got one"},
    {"W081 N082", "their normalization is folded"},
};

static int n_compared, n_findings;

static bool may_change(const struct c2s_rule_info *rule)
{
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++)
        if (strstr(changed[i].rules, rule->id))
            return true;
    return false;
}

static const char *layer_of(const struct c2s_model *m, const struct c2s_finding *f)
{
    return f->layer < 0 ? "" : m->layers[f->layer]->name;
}

static int count(const struct c2s_model *m, const struct c2s_findings *f,
                 const struct c2s_rule_info *rule, const char *layer)
{
    int n = 0;
    for (int i = 0; i < f->n_rows; i++)
        n += f->rows[i].rule == rule && strcmp(layer_of(m, &f->rows[i]), layer) == 0;
    return n;
}

/* Every finding of a is one of b. */
static void are_found_in(const char *name, const struct c2s_model *m, const struct c2s_findings *a,
                         const struct c2s_model *other, const struct c2s_findings *b,
                         const char *when)
{
    for (int i = 0; i < a->n_rows; i++) {
        const struct c2s_rule_info *rule = a->rows[i].rule;
        const char *layer = layer_of(m, &a->rows[i]);
        if (!may_change(rule) && count(m, a, rule, layer) != count(other, b, rule, layer))
            fail_msg("%s: %s on '%s' only %s: %s", name, rule->id, layer, when, a->rows[i].text);
        n_findings++;
    }
}

static struct c2s_findings check(const struct c2s_model *m, bool integers, enum c2s_profile profile)
{
    struct c2s_findings f;
    struct c2s_error err = {0};
    const struct c2s_check_options options = {
        .level = C2S_LEVEL_AKD1000, .input_is_integers = integers, .profile = profile};
    assert_ok(c2s_check(m, &options, &f, &err), &err);
    return f;
}

/* With the bits that check foresees for a float model. */
static void compare(const char *name, const struct c2s_model *m, bool integers)
{
    struct c2s_error err = {0};
    struct c2s_model *q;
    const struct c2s_quantize_plan plan = {.weight_quantization = 4,
                                           .activ_quantization = 4,
                                           .input_weight_quantization = integers ? 4 : 8};
    if (!c2s_quantize(m, &plan, NULL, &q, NULL, &err)) {
        assert_true(err.code == C2S_UNSUPPORTED || err.code == C2S_RANGE);
        return;
    }
    for (int p = C2S_PROFILE_PRODUCTION; p <= C2S_PROFILE_PREPRODUCTION; p++) {
        struct c2s_findings before = check(m, integers, (enum c2s_profile)p);
        struct c2s_findings after = check(q, integers, (enum c2s_profile)p);
        are_found_in(name, m, &before, q, &after, "before");
        are_found_in(name, q, &after, m, &before, "after");
        c2s_findings_finish(&before);
        c2s_findings_finish(&after);
    }
    c2s_model_destroy(q);
    n_compared++;
}

static bool compare_line(void *arg, const char *line)
{
    struct sketch s;
    struct c2s_error err = {0};
    (void)arg;
    assert_ok(sketch_read(line, &s, &err), &err);
    compare(s.name, s.model, s.input_is_integers);
    compare(s.name, s.model, !s.input_is_integers);
    sketch_finish(&s);
    return true;
}

static void generated_models(void **state)
{
    (void)state;
    n_compared = n_findings = 0;
    assert_true(sketch_each(data_path("generated/%s", "models.txt"), compare_line, NULL));
    assert_true(n_compared > 200 && n_findings > 1000);
}

static void gallery(void **state)
{
    (void)state;
    DIR *folder = opendir(data_path("gallery"));
    assert_non_null(folder);
    n_compared = n_findings = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct c2s_model *m;
        struct c2s_error err = {0};
        if (!strstr(entry->d_name, ".h5"))
            continue;
        assert_ok(c2s_keras_read(data_path("gallery/%s", entry->d_name), NULL, &m, &err), &err);
        compare(entry->d_name, m, false);
        compare(entry->d_name, m, true);
        c2s_model_destroy(m);
    }
    closedir(folder);
    assert_true(n_compared > 40 && n_findings > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gallery),
        cmocka_unit_test(generated_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
