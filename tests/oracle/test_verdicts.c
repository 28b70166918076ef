/* Our verdicts against the real toolkits' on the generated models of tests/data/generated: does
 * quantize take the model, does it convert (cnn2snn 1.8.13 and 2.2.6), does it map on a virtual
 * AKD1000 (akida 2.2.6), what fits the first chips (akida 1.8.13). The answers were recorded by
 * tests/toolkit/remake_verdicts. Where both refuse, check must have found what 2.2.6 names. Where
 * we mean to differ, a table says why; a row that nothing needs fails too. */
#include "support.h"
#include "files.h"
#include "sketch.h"

#include <stdio.h>
#include <string.h>

#include <c2s/akida.h>
#include <c2s/finding.h>
#include <c2s/json.h>

enum stage {
    QUANTIZE_18,
    QUANTIZE_22,
    CONVERT_18,
    CONVERT_22,
    AKIDA,
    AKD1000,
    FIRST_CHIPS,
    N_STAGES
};
static const char *const stage_names[] = {
    "quantize, rule 1.8", "quantize, rule 2.2", "convert, rule 1.8",  "convert, rule 2.2",
    "check akida",        "check akd1000",      "check preproduction"};

#define AT(stage) (1u << (stage))
#define QUANTIZE  (AT(QUANTIZE_18) | AT(QUANTIZE_22))
#define CONVERT   (AT(CONVERT_18) | AT(CONVERT_22))
#define CHECK     (AT(AKIDA) | AT(AKD1000) | AT(FIRST_CHIPS))

/* We refuse for this rule, the toolkit does not. */
static struct {
    const char *rule;
    unsigned stages;
    const char *reason;
    int n_used;
} stricter[] = {
    {"E033", QUANTIZE | CONVERT | CHECK, "it converts NaN and infinity without a word"},
    {"E039", QUANTIZE | CONVERT | CHECK, "it drops the slope of a ReLU without a word"},
    {"E013", AT(CONVERT_18) | AT(FIRST_CHIPS),
     "1.8.13 leaves out a normalization in front of all layers without a word"},
    {"E011", AT(QUANTIZE_18) | AT(CONVERT_18),
     "1.8.13 moves a negative factor in front of a maximum, which changes the function"},
    {"E023", AT(CONVERT_18), "integers pass unchanged here, as in 2.2.6"},
    {"E038", AT(CONVERT_18), "1.8.13 lets thresholds beyond 32 bits wrap around"},
    {"E049", AT(FIRST_CHIPS), "the page of 1.8 wants a pooled kernel within its input"},
    {"E051", AT(FIRST_CHIPS), "the page of 1.8 wants averaged sizes in multiples of 8"},
    {"E054", AT(FIRST_CHIPS), "the page of 1.8 lists 1 and 2 bits for dense layers"},
    {"E068", AT(FIRST_CHIPS), "the page of 1.8 lists 1 and 2 bits, InputData has 4"},
};

/* The toolkit refuses with these words, we do not. */
static struct {
    const char *words;
    unsigned stages;
    const char *reason;
    int n_used;
} laxer[] = {
    {"Input shape of model must be 4-D", AT(CONVERT_18) | AT(FIRST_CHIPS),
     "a vector of N is 1,1,N here, as in 2.2.6; note N065"},
    {"Flatten layer only supported before a Dense one", AT(CONVERT_18) | AT(FIRST_CHIPS),
     "a Dropout between them does nothing, as in 2.2.6; note N064"},
    {"already visited", QUANTIZE, "quantize takes a Concatenate wherever it is; check: E003"},
    {"Unsupported act_step", CONVERT,
     "convert keeps the step, so that its potentials can be looked at; check: E036"},
};

/* What the words of cnn2snn and akida 2.2.6 are about; the first that fit count. A normalization
 * behind a Flatten is one mistake to us, of the normalization; numbers that are not finite are told
 * before what they make of steps and thresholds. */
static const struct {
    const char *words, *rules;
} meanings[] = {
    {"Argument 'activation'", "E005"},
    {"Argument 'dilation_rate'", "E006"},
    {"Argument 'groups'", "E007"},
    {"Argument 'depth_multiplier'", "E008"},
    {"only one inbound layer", "E003"},
    {"already visited", "E003"},
    {"only one output layer", "E002"},
    {"null gammas", "E010"},
    {"negative gammas", "E011"},
    {"A Flatten layer is only", "E020 E013"},
    {"A Rescaling layer must be", "E023"},
    {"unsupported type Rescaling", "E023"},
    {"unsupported type ReLU", "E025"},
    {"type BatchNormalization", "E013"},
    {"is not supported for Akida", "E004"},
    {"A neural layer is required", "E016"},
    {"An activation layer is required", "E015"},
    {"Activation layers other than", "E017"},
    {"Activation bitwidth", "E027"},
    {"Weight bitwidth", "E026"},
    {"cannot be even", "E029"},
    {"must be placed after", "E018"},
    {"must have the same padding", "E019"},
    {"Strides > kernel size", "E030"},
    {"The Dense layer", "E022"},
    {"The Reshape layer", "E021"},
    {"With input_is_image=True", "E024"},
    {"Unsupported act_step", "E036 E033"},
    {"Convolution stride must be", "E048"},
    {"stride_x should be", "E042"},
    {"CNP weights bitwidth", "E054"},
    {"Weight bits should be", "E054"},
    {"With valid padding", "E040"},
    {"dimension size cannot be smaller", "E040"},
    {"kernel size should be", "E041"},
    {"Kernel size must be", "E047"},
    {"Kernel width and height", "E047"},
    {"Horizontal and vertical strides", "E048"},
    {"Pooling width and height", "E049"},
    {"Global Average Pooling", "E051"},
    {"pool_type cannot be", "E044"},
    {"pooling_stride_x cannot be", "E030"},
    {"pool_size and pool_stride", "E044"},
    {"padding same", "E046"},
    {"too large to fit in a FNP", "E053"},
    {"cannot be zeroes", "E058"},
    {"cannot fit in a", "E056 E057 E033"},
    {"Pooling size", "E049"},
    {"must be followed by", "E014 E050"},
};

static int n_models, n_refused[N_STAGES], n_taken[N_STAGES], n_wrong;

static bool explains(const char *rule, enum stage stage)
{
    for (size_t i = 0; i < sizeof stricter / sizeof stricter[0]; i++)
        if ((stricter[i].stages & AT(stage)) && strcmp(stricter[i].rule, rule) == 0) {
            stricter[i].n_used++;
            return true;
        }
    return false;
}

static bool is_excused(const char *words, enum stage stage)
{
    for (size_t i = 0; i < sizeof laxer / sizeof laxer[0]; i++)
        if ((laxer[i].stages & AT(stage)) && strstr(words, laxer[i].words)) {
            laxer[i].n_used++;
            return true;
        }
    return false;
}

static void wrong(const struct sketch *s, enum stage stage, const char *ours, const char *theirs)
{
    n_wrong++;
    print_error("%s, %s: we %s; the toolkit: %s\n", s->name, stage_names[stage], ours,
                theirs ? theirs : "accepts");
}

/* One of our rules is what the words are about. */
static void is_the_same(const struct sketch *s, enum stage stage, const char *const *rules,
                        int n_rules, const char *theirs)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (!strstr(theirs, meanings[i].words))
            continue;
        for (int k = 0; k < n_rules; k++)
            if (strstr(meanings[i].rules, rules[k]))
                return;
        wrong(s, stage, rules[0], theirs);
        return;
    }
    wrong(s, stage, "do not know these words", theirs);
}

/* theirs: what the toolkit said against the model, NULL = nothing. */
static void compare(const struct sketch *s, enum stage stage, bool is_refused,
                    const char *const *rules, int n_rules, const char *theirs)
{
    n_refused[stage] += is_refused;
    n_taken[stage] += !is_refused;
    if (!is_refused && theirs && !is_excused(theirs, stage))
        wrong(s, stage, "accept", theirs);
    if (is_refused && theirs && (stage == AKIDA || stage == AKD1000))
        is_the_same(s, stage, rules, n_rules, theirs);
    if (!is_refused || theirs)
        return;
    for (int i = 0; i < n_rules; i++)
        if (!explains(rules[i], stage))
            wrong(s, stage, rules[i], NULL);
}

static const char *said(const struct c2s_json *answers, const char *key)
{
    return c2s_json_text(c2s_json_get(answers, key), NULL);
}

static const char *first_of(const char *a, const char *b)
{
    return a ? a : b;
}

/* ---- quantize and convert ---- */

static void refusal(const struct sketch *s, enum stage stage, const struct c2s_error *err,
                    const char *theirs)
{
    const char *rule = err->rule[0] ? err->rule : err->text;
    compare(s, stage, err->code != C2S_OK, &rule, 1, theirs);
}

/* *quantized is new, or NULL. */
static void convert(const struct sketch *s, bool is_18, const struct c2s_json *answers,
                    struct c2s_model **quantized)
{
    struct c2s_error err = {0};
    struct c2s_quantize_plan plan = s->plan;
    struct c2s_akida_net *net = NULL;
    bool scales = s->model->n_layers > 1 && s->model->layers[1]->op == C2S_OP_RESCALING;
    const struct c2s_convert_options options = {
        .input_scale = s->input_is_integers ? 1
                       : scales             ? 0
                                            : 255,
        .input_is_integers = s->input_is_integers,
        .rule = is_18 ? C2S_CONVERT_18 : C2S_CONVERT_22,
    };
    plan.rule = is_18 ? C2S_RULE_18 : C2S_RULE_22;
    *quantized = NULL;
    bool ok = c2s_quantize(s->model, &plan, NULL, quantized, NULL, &err);
    assert_int_equal(ok, err.code == C2S_OK);
    refusal(s, is_18 ? QUANTIZE_18 : QUANTIZE_22, &err, said(answers, "quantize"));
    if (!ok || said(answers, "quantize"))
        return;
    ok = c2s_akida_convert(*quantized, &options, &net, &err);
    assert_int_equal(ok, err.code == C2S_OK);
    refusal(s, is_18 ? CONVERT_18 : CONVERT_22, &err, said(answers, "convert"));
    c2s_akida_net_destroy(net);
}

/* ---- check ---- */

static void check(const struct sketch *s, const struct c2s_model *m, enum stage stage,
                  const char *theirs)
{
    struct c2s_findings f;
    struct c2s_error err = {0};
    const char *rules[64];
    int n = 0;
    const struct c2s_check_options options = {
        .level = stage == AKIDA ? C2S_LEVEL_AKIDA : C2S_LEVEL_AKD1000,
        .input_is_integers = s->input_is_integers,
        .profile = stage == FIRST_CHIPS ? C2S_PROFILE_PREPRODUCTION : C2S_PROFILE_PRODUCTION,
    };
    assert_ok(c2s_check(m, &options, &f, &err), &err);
    for (int i = 0; i < f.n_rows; i++)
        /* That release looks at the input convolution, which the chip does not have. */
        if (f.rows[i].rule->severity == C2S_ERROR && n < 64 &&
            !(stage == FIRST_CHIPS && strcmp(f.rows[i].rule->id, "E067") == 0))
            rules[n++] = f.rows[i].rule->id;
    compare(s, stage, n > 0, rules, n, theirs);
    c2s_findings_finish(&f);
}

/* The bits a float model is judged by. */
static bool has_usual_bits(const struct sketch *s)
{
    return s->plan.weight_quantization == 4 && s->plan.activ_quantization == 4 &&
           s->plan.input_weight_quantization == (s->input_is_integers ? 4 : 8);
}

static void judge(const struct sketch *s, const struct c2s_model *m, const struct c2s_json *by_18,
                  const struct c2s_json *by_22)
{
    const char *refusal_22 =
        first_of(first_of(said(by_22, "quantize"), said(by_22, "check")),
                 first_of(said(by_22, "check_quantized"), said(by_22, "convert")));
    const char *refusal_18 =
        first_of(first_of(said(by_18, "quantize"), said(by_18, "check")),
                 first_of(said(by_18, "check_quantized"), said(by_18, "convert")));
    check(s, m, AKIDA, refusal_22);
    check(s, m, AKD1000, first_of(refusal_22, said(by_22, "map")));
    if (m != s->model) /* of a float model, the first chips' bits are yet to come */
        check(s, m, FIRST_CHIPS, first_of(refusal_18, said(by_18, "v1")));
}

static struct c2s_json *verdicts_18, *verdicts_22;

static bool look_at(void *arg, const char *line)
{
    (void)arg;
    struct sketch s;
    struct c2s_error err = {0};
    struct c2s_model *by_18, *by_22;
    assert_ok(sketch_read(line, &s, &err), &err);
    const struct c2s_json *answers_18 = c2s_json_get(verdicts_18, s.name);
    const struct c2s_json *answers_22 = c2s_json_get(verdicts_22, s.name);
    assert_non_null(answers_18);
    assert_non_null(answers_22);
    convert(&s, true, answers_18, &by_18);
    convert(&s, false, answers_22, &by_22);
    if (has_usual_bits(&s) || !by_22)
        judge(&s, s.model, answers_18, answers_22);
    if (by_22)
        judge(&s, by_22, answers_18, answers_22);
    c2s_model_destroy(by_18);
    c2s_model_destroy(by_22);
    sketch_finish(&s);
    n_models++;
    return true;
}

static void verdicts_agree(void **state)
{
    (void)state;
    assert_true(sketch_each(data_path("generated/%s", "models.txt"), look_at, NULL));
    assert_true(n_models >= 200);
    assert_int_equal(n_models, c2s_json_size(verdicts_18));
    assert_int_equal(n_models, c2s_json_size(verdicts_22));
    for (int i = 0; i < N_STAGES; i++)
        if (n_refused[i] < 15 || n_taken[i] < 15)
            fail_msg("%s refuses %d and takes %d: not much of a test", stage_names[i], n_refused[i],
                     n_taken[i]);
    if (n_wrong > 0)
        fail_msg("%d verdicts differ", n_wrong);
}

static void every_difference_occurs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stricter / sizeof stricter[0]; i++)
        if (stricter[i].n_used == 0)
            fail_msg("%s is nowhere stricter: %s", stricter[i].rule, stricter[i].reason);
    for (size_t i = 0; i < sizeof laxer / sizeof laxer[0]; i++)
        if (laxer[i].n_used == 0)
            fail_msg("'%s' is nowhere passed over: %s", laxer[i].words, laxer[i].reason);
}

static int load(void **state)
{
    (void)state;
    verdicts_18 = read_json(data_path("generated/%s", "verdicts_1.8.13.json"));
    verdicts_22 = read_json(data_path("generated/%s", "verdicts_2.2.6.json"));
    return 0;
}

static int unload(void **state)
{
    (void)state;
    c2s_json_free(verdicts_18);
    c2s_json_free(verdicts_22);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_agree),
        cmocka_unit_test(every_difference_occurs),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
