/* Each fix on small models: what it takes out, that the outputs stay, and where it must refuse. */
#include "support.h"
#include "fix_support.h"
#include "series.h"

#include <math.h>
#include <string.h>

/* line: see sketch.h; rule: the finding, reported on the broken model; fix: the row that takes it
 * out. integers: the input is no image. */
static const struct {
    const char *rule, *fix, *line;
    bool integers;
} exact[] = {
    {"E005", "split_activation", "in 12,12,3; conv 8 3 same act=relu; flatten; dense 4"},
    {"E005", "split_activation",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same act=relu; max 2 same; sep 4 3 same "
     "act=relu; flatten; dense 4 act=softmax"},
    {"E005", "split_activation", "in 12,12,3; conv 8 3 same; relu 6; flatten; dense 4 act=tanh"},
    {"E005", "split_activation", "in 12,12,3; conv 8 3 same; relu 6; flatten; dense 4 act=relu"},
    {"E005", "split_activation", "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same act=tanh"},
    {"E017", "activation_to_relu", "in 12,12,3; conv 8 3 same; act relu; flatten; dense 4"},
    {"E017", "activation_to_relu", "in 12,12,3; conv 8 3 same; act relu6; flatten; dense 4"},
    {"E017", "activation_to_relu",
     "in 12,12,3; conv 8 3 same; act linear; relu 6; flatten; dense 4"},
    {"E004", "activation_to_relu", "in 12,12,3; conv 8 3 same; leaky 0; flatten; dense 4"},
    {"E016", "merge_relus", "in 12,12,3; conv 8 3 same; relu 6; relu 3; flatten; dense 4"},
    {"E016", "merge_relus",
     "in 12,12,3; conv 8 3 same; relu 3; max 2 same; relu 6; flatten; dense 4"},
    {"E016", "merge_relus", "in 12,12,3; conv 8 3 same; relu; drop; relu 6; flatten; dense 4"},
    {"E021", "input_shape", "in 432; reshape 12,12,3; conv 8 3 same; relu 6; flatten; dense 4"},
    {"E035", "input_shape", "in 12,12; reshape 12,12,1; conv 8 3 same; relu 6; flatten; dense 4"},
    {"E021", "simplify_reshape", "in 12,12,3; conv 8 3 same; relu 6; reshape 1152; dense 4"},
    {"E021", "simplify_reshape",
     "in 12,12,3; conv 8 3 same; relu 6; reshape 1152; reshape 12,12,8; conv 4 3 same; relu 6; "
     "flatten; dense 4"},
    {"E021", "simplify_reshape",
     "in 12,12,3; conv 8 3 same; relu 6; reshape 6,24,8; flatten; dense 4"},
    {"E020", "move_flatten", "in 12,12,3; conv 8 3 same; flatten; relu 6; dense 4"},
    {"E020", "move_flatten", "in 12,12,3; conv 8 3 same; flatten; drop; relu 6; dense 4"},
    {"E004", "merge_padding", "in 12,12,3; pad 1; conv 8 3; relu 6; flatten; dense 4"},
    {"E004", "merge_padding", "in 12,12,3; pad 2; conv 8 5; relu 6; flatten; dense 4"},
    {"E004", "merge_padding", "in 13,12,3; pad 1,1,0,1; conv 8 3 s=2; relu 6; flatten; dense 4"},
    {"E004", "merge_padding", "in 12,12,3; pad 1; conv 8 3 s=2; relu 6; flatten; dense 4"},
    {"E004", "merge_padding",
     "in 12,12,3; conv 8 3 same; relu 6; pad 0,1,0,1; conv 8 3 s=2; relu 6; flatten; dense 4"},
    {"E004", "merge_padding",
     "in 12,12,3; conv 8 3 same; relu 6; pad 1; sep 8 3; relu 6; flatten; dense 4"},
    {"E004", "depthwise_to_separable",
     "in 12,12,3; conv 8 3 same; relu 6; dw 3 same; relu 6; flatten; dense 4"},
    {"E004", "depthwise_to_separable",
     "in 12,12,3; conv 8 3 same; relu 6; dw 3 same; conv 6 1 same; relu 6; flatten; dense 4"},
    {"E004", "depthwise_to_separable",
     "in 12,12,3; conv 8 3 same; relu 6; dw 3 same m=2; relu 6; flatten; dense 4"},
    {"E004", "depthwise_to_separable",
     "in 12,12,3; conv 8 3 same; relu 6; dw 3 same m=2; conv 6 1 same; relu 6; flatten; dense 4"},
    {"E004", "depthwise_to_separable",
     "in 12,12,3; conv 8 3 same; relu 6; dw 3 same s=2 nobias; conv 6 1 same act=relu; relu 6; "
     "flatten; dense 4"},
    {"E006", "spread_dilation", "in 12,12,3; conv 8 3 same d=2; relu 6; flatten; dense 4"},
    {"E006", "spread_dilation", "in 12,12,3; conv 8 3 d=3; relu 6; flatten; dense 4"},
    {"E006", "spread_dilation",
     "in 12,12,3; conv 8 3 same; relu 6; sep 8 3 same d=2; relu 6; flatten; dense 4"},
    {"E007", "join_groups",
     "in 12,12,3; conv 8 3 same; relu 6; conv 6 3 same g=2; relu 6; flatten; dense 4"},
    {"E007", "join_groups", "in 12,12,3; conv 6 3 same g=3; relu 6; flatten; dense 4"},
    {"E008", "separable_to_conv",
     "in 12,12,3; conv 8 3 same; relu 6; sep 6 3 same m=2; relu 6; flatten; dense 4"},
    {"E024", "separable_to_conv", "in 12,12,3; sep 6 3 same; relu 6; flatten; dense 4"},
    {"E047", "separable_to_conv",
     "in 12,12,3; conv 8 3 same; relu 6; sep 6 1 same; relu 6; flatten; dense 4"},
    {"E022", "dense_to_conv",
     "in 12,12,3; conv 8 3 same; relu 6; dense 5; relu 6; flatten; dense 4"},
    {"E029", "enlarge_kernel", "in 12,12,3; conv 8 4 same; relu 6; flatten; dense 4"},
    {"E029", "enlarge_kernel", "in 12,12,3; conv 8 2 s=2; relu 6; flatten; dense 4"},
    {"E029", "enlarge_kernel",
     "in 12,11,3; conv 8 3 same; relu 6; sep 8 2 same; relu 6; flatten; dense 4"},
    {"E029", "enlarge_kernel",
     "in 12,11,3; conv 8 3 same; relu 6; conv 8 2 same s=2; relu 6; flatten; dense 4"},
    {"E030", "enlarge_kernel",
     "in 12,11,3; conv 8 3 same; relu 6; conv 8 1 same s=2; relu 6; flatten; dense 4"},
    {"E041", "enlarge_kernel", "in 12,12,3; conv 8 1 same; relu 6; flatten; dense 4"},
    {"E041", "enlarge_kernel", "in 12,12,3; conv 8 3x5 same; relu 6; flatten; dense 4"},
    {"E046", "enlarge_kernel",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 1; relu 6; flatten; dense 4"},
    {"E047", "enlarge_kernel",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 1x5 same; relu 6; flatten; dense 4"},
    {"E048", "enlarge_kernel",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 2 s=2; relu 6; flatten; dense 4"},
    {"E013", "merge_norms", "in 12,12,3; conv 8 3 same; bn; bn; relu 6; flatten; dense 4"},
    {"E013", "merge_norms",
     "in 12,12,3; conv 8 3 same; bn gamma=negative; drop; bn; relu 6; flatten; dense 4"},
    {"E013", "norm_before_pool",
     "in 12,12,3; conv 8 3 same; max 2 same; max 2 same; bn; relu 6; flatten; dense 4"},
    {"E013", "norm_into_next", "in 12,12,3; conv 8 3 same; relu 6; bn; flatten; dense 4"},
    {"E013", "norm_into_next",
     "in 12,12,3; conv 8 3 same; relu 6; flatten; bn gamma=negative; dense 4 nobias"},
    {"E013", "norm_into_next",
     "in 12,12,3; conv 8 3 same; relu 6; max 2 same; bn; flatten; drop; dense 4"},
    {"E013", "norm_into_next",
     "in 12,12,3; conv 8 3 same; relu 6; bn; max 2 same; flatten; dense 4"},
    {"E013", "norm_into_next",
     "in 12,12,3; conv 8 3 same; relu 6; bn; conv 8 1 same; relu 6; flatten; dense 4"},
    {"E013", "norm_into_next", "in 12,12,3; bn; conv 8 3; relu 6; flatten; dense 4"},
    {"E013", "norm_into_next",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; gap; relu 6; bn gamma=negative; dense 4"},
    {"E023", "norm_into_next", "in 12; rescale 0.5,0.25; dense 8; relu 6; dense 4", true},
    {"E010", "fold_zero_gamma",
     "in 12,12,3; conv 8 3 same; bn gamma=zero; relu 6; flatten; dense 4"},
    {"E010", "fold_zero_gamma",
     "in 12,12,3; conv 8 3 same; max 2 same; bn gamma=zero; relu 6; flatten; dense 4"},
    {"E015", "merge_linear", "in 12,12,3; conv 8 3 same; relu 6; flatten; dense 8; dense 4"},
    {"E015", "merge_linear",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; conv 4 1 same; relu 6; flatten; dense 4"},
    {"E015", "merge_linear",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; conv 6 1 same; conv 4 1 same; relu 6; "
     "flatten; dense 4"},
    {"E015", "merge_linear",
     "in 12,12,3; conv 8 3 same; relu 6; flatten; dense 8 nobias; drop; dense 4 act=relu; relu 6; "
     "dense 3"},
    {"E019", "pool_padding", "in 12,12,3; conv 8 3 same; max 2; relu 6; flatten; dense 4"},
    {"E019", "pool_padding", "in 12,12,3; conv 8 3; max 2 same; relu 6; flatten; dense 4"},
    {"E019", "ignore_border", "in 13,13,3; conv 8 3 same; relu 6; max 2; flatten; dense 4"},
    {"E046", "ignore_border",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3; relu 6; flatten; dense 4"},
    {"E046", "ignore_border",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3; bn; relu 6; conv 6 3; relu 6; flatten; drop; "
     "dense 4"},
    {"E046", "ignore_border",
     "in 13,13,3; conv 8 3 same; relu 6; conv 8 3; max 2; relu 6; flatten; dense 4"},
    {"E046", "ignore_border",
     "in 28,28,1; conv 8 3; relu 6; max 2; conv 8 3; relu 6; max 2; flatten; dense 4"},
    {"E046", "ignore_border",
     "in 18,18,3; conv 8 3 same; relu 6; sep 8 3; relu 6; conv 8 3 s=2; relu 6; flatten; dense 4"},
    {"E029", "ignore_border", "in 13,12,3; conv 8 2 s=2; relu 6; flatten; dense 4"},
    {"E029", "ignore_border",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 2; relu 6; flatten; dense 4"},
    {"E014", "insert_identity",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; max 2 same; relu 6; flatten; dense 4"},
    {"E014", "insert_identity",
     "in 12,12,3; conv 8 3 same; relu 6; sep 8 3 same; relu; max 2 same; drop; flatten; dense 4"},
    {"E018", "insert_identity",
     "in 12,12,3; conv 8 3 same; max 2 same; max 2 same; relu 6; flatten; dense 4"},
    {"E018", "insert_identity",
     "in 12,12,3; conv 8 3 same; relu 6; max 2 same; max 2 same; flatten; dense 4"},
    {"E018", "insert_identity",
     "in 12,12,3; conv 8 3 same; max 2 same; relu 6; max 2 same; relu 6; flatten; dense 4"},
    {"E018", "insert_identity", "in 12,12,3; conv 8 3 same; relu 6; gap; dense 4"},
    {"E018", "insert_identity", "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; relu; gap"},
    {"E050", "insert_identity",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; relu 6; max 2 same"},
    {"N064", "move_dropout", "in 12,12,3; conv 8 3 same; relu 6; flatten; drop; dense 4"},
    {"N062", "drop_last_activation",
     "in 12,12,3; conv 8 3 same; relu 6; flatten; dense 4; softmax"},
    {"N062", "drop_last_activation",
     "in 12,12,3; conv 8 3 same; relu 6; flatten; dense 1; act sigmoid"},
};
#define N_EXACT (int)(sizeof exact / sizeof exact[0])

/* rule stays; part: of why. */
static const struct {
    const char *rule, *line, *part;
    bool integers;
} refused[] = {
    {"E017", "in 12,12,3; conv 8 3 same; act tanh; flatten; dense 4", "no ReLU computes"},
    {"E004", "in 12,12,3; conv 8 3 same; leaky; flatten; dense 4", "below 0"},
    {"E016", "in 12,12,3; relu 6; conv 8 3 same; relu 6; flatten; dense 4", "no rewrite"},
    {"E021",
     "in 12,12,3; conv 8 3 same; relu 6; reshape 6,6,32; conv 4 3 same; relu 6; flatten; dense 4",
     "moves numbers"},
    {"E020", "in 12,12,3; conv 8 3 same; relu 6; flatten; softmax; dense 4", "needs its vector"},
    {"E004", "in 12,12,3; pad 3; conv 8 3; relu 6; flatten; dense 4", "same pixels"},
    {"E004", "in 12,12,3; pad 1; conv 8 3 same; relu 6; flatten; dense 4", "pads once more"},
    {"E004", "in 12,12,3; conv 8 3 same; pad 1; relu 6; flatten; dense 4", "directly"},
    {"E006", "in 20,20,3; conv 8 3 same d=4; relu 6; flatten; dense 4", "9x9"},
    {"E029", "in 12,12,3; conv 8 4; relu 6; conv 8 3 same; gap; relu 6; dense 4", "'conv_3' pads"},
    {"E047", "in 12,12,3; conv 8 3 same; relu 6; conv 8 9 same; relu 6; flatten; dense 4",
     "small kernels stand for"},
    {"E048", "in 12,12,3; conv 8 3 same; relu 6; conv 8 5 same s=2; relu 6; flatten; dense 4",
     "stand for strides of 2"},
    {"E013", "in 12,12,3; conv 8 3 same; relu 6; bn; conv 8 3 same; relu 6; flatten; dense 4",
     "pads with zeros"},
    {"E013", "in 12,12,3; conv 8 3 same; relu 6; bn gamma=negative; max 2 same; flatten; dense 4",
     "negative"},
    {"E013", "in 12,12,3; conv 8 3 same; relu 6; bn; relu 3; flatten; dense 4", "stands between"},
    {"E013", "in 12,12,3; conv 8 3 same; relu 6; flatten; dense 4; relu 6; bn",
     "no neural layer follows"},
    {"E011", "in 12,12,3; conv 8 3 same; max 2 same; bn gamma=negative; relu 6; flatten; dense 4",
     "--approximate would do it"},
    {"E012", "in 12,12,3; conv 8 3 same; bn axis=1; relu 6; flatten; dense 4", "no rewrite"},
    {"E015",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; conv 8 3 same; relu 6; flatten; dense 4",
     "more than one pixel"},
    {"E015", "in 12,12,3; conv 8 3 same; max 2 same; conv 8 1 same; relu 6; flatten; dense 4",
     "keeps them apart"},
    {"E019", "in 13,13,3; conv 8 3 same; max 2; relu 6; conv 8 3 same; relu 6; flatten; dense 4",
     "'conv_4' pads"},
    {"E046", "in 12,12,3; conv 8 3 same; relu 6; conv 8 3; gap; relu 6; dense 4",
     "would see the new border"},
    {"E046",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3; relu 6; conv 8 3 same; relu 6; flatten; dense 4",
     "'conv_5' pads"},
    {"E046", "in 20,20,3; conv 8 3 same; relu 6; conv 8 7; relu 6; max 2; flatten; dense 4",
     "same pixels"},
    {"E018", "in 12,12,3; max 2 same; conv 8 3 same; relu 6; flatten; dense 4",
     "no convolution stands"},
    {"E014", "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; max 2 same; flatten; dense 4",
     "no ReLU stands"},
    {"E053", "in 120,120,3; conv 8 3 same; relu 6; flatten; dense 4", "written as convolutions"},
};
#define N_REFUSED (int)(sizeof refused / sizeof refused[0])

static const struct {
    const char *rule, *fix, *line;
} approximate[] = {
    {"E004", "replace_activation", "in 12,12,3; conv 8 3 same; leaky; flatten; dense 4"},
    {"E004", "replace_activation", "in 12,12,3; conv 8 3 same; prelu; flatten; dense 4"},
    {"E017", "replace_activation", "in 12,12,3; conv 8 3 same; act tanh; flatten; dense 4"},
    {"E017", "replace_activation", "in 12,12,3; conv 8 3 same; act sigmoid; flatten; dense 4"},
    {"E039", "replace_activation", "in 12,12,3; conv 8 3 same; relu 6 slope=0.2; flatten; dense 4"},
    {"E025", "replace_activation",
     "in 12,12,3; conv 8 3 same; relu 6 threshold=0.5; flatten; dense 4"},
    {"E004", "average_to_max",
     "in 12,12,3; conv 8 3 same; avg 2 same; relu 6; conv 8 3 same; relu 6; flatten; dense 4"},
    {"E011", "norm_before_max_pool",
     "in 12,12,3; conv 8 3 same; max 2 same; bn gamma=negative; relu 6; flatten; dense 4"},
    {"E013", "norm_into_next_inside",
     "in 12,12,3; conv 8 3 same; relu 6; bn; conv 8 3 same; relu 6; flatten; dense 4"},
    {"E046", "change_padding", "in 12,12,3; conv 8 3 same; relu 6; conv 8 3; gap; relu 6; dense 4"},
    {"E046", "change_padding",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3; relu 6; conv 8 3 same; relu 6; flatten; dense "
     "4"},
    {"E019", "change_padding",
     "in 13,13,3; conv 8 3 same; max 2; relu 6; conv 8 3 same; relu 6; flatten; dense 4"},
    {"E029", "change_padding", "in 12,12,3; conv 8 4; relu 6; conv 8 3 same; gap; relu 6; dense 4"},
    {"E015", "add_activation",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; conv 8 3 same; relu 6; flatten; dense 4"},
    {"E015", "add_activation",
     "in 12,12,3; conv 8 3 same; relu 6; conv 8 3 same; bn; max 2 same; conv 8 3 same; relu 6; "
     "flatten; dense 4"},
};
#define N_APPROXIMATE (int)(sizeof approximate / sizeof approximate[0])

static bool has_change(const struct c2s_fix_report *r, const char *fix, const char *rule)
{
    for (int i = 0; i < r->n_changes; i++)
        if (strcmp(r->changes[i].fix->id, fix) == 0 && strcmp(r->changes[i].rule->id, rule) == 0)
            return true;
    return false;
}

static void exact_fixes_keep_the_function(void **state)
{
    (void)state;
    for (int i = 0; i < N_EXACT; i++) {
        struct c2s_model *m = sketched(exact[i].line);
        struct c2s_fix_report r;
        bool integers = exact[i].integers;
        if (count_findings(m, exact[i].rule, integers) == 0)
            fail_msg("%s is not found in %s", exact[i].rule, exact[i].line);
        struct c2s_model *fixed =
            fix_net(m, &(struct fix_asked){.rule = exact[i].rule, .integers = integers}, &r);
        if (!fixed || !has_change(&r, exact[i].fix, exact[i].rule))
            fail_msg("%s: no %s for %s: %s", exact[i].line, exact[i].fix, exact[i].rule,
                     r.n_left ? r.left[0].text : "");
        if (count_findings(fixed, exact[i].rule, integers) != 0)
            fail_msg("%s: %s is still there: %s", exact[i].line, exact[i].rule,
                     r.n_left ? r.left[0].text : "");
        assert_true(r.is_exact);
        assert_true(r.difference <= 1e-5);
        assert_true(r.n_errors_after <= r.n_errors_before);
        assert_int_equal(r.n_errors_after, count_findings(fixed, "", integers));
        if (strcmp(exact[i].fix, "drop_last_activation") != 0)
            assert_same_function(m, fixed);
        c2s_fix_report_finish(&r);
        c2s_model_destroy(fixed);
        c2s_model_destroy(m);
    }
}

static void what_is_not_exact_is_left_with_a_reason(void **state)
{
    (void)state;
    for (int i = 0; i < N_REFUSED; i++) {
        struct c2s_model *m = sketched(refused[i].line);
        struct c2s_fix_report r;
        int n = count_findings(m, refused[i].rule, refused[i].integers);
        struct c2s_model *fixed = fix_net(
            m, &(struct fix_asked){.rule = refused[i].rule, .integers = refused[i].integers}, &r);
        if (n == 0 || fixed || r.n_left != n)
            fail_msg("%s: %s found %d times, left %d times%s%s", refused[i].line, refused[i].rule,
                     n, r.n_left, fixed ? ", fixed by " : "", fixed ? r.changes[0].fix->id : "");
        if (!strstr(r.left[0].text, refused[i].part))
            fail_msg("%s: %s: '%s', not about '%s'", refused[i].line, refused[i].rule,
                     r.left[0].text, refused[i].part);
        assert_string_equal(r.left[0].finding.rule->id, refused[i].rule);
        assert_int_equal(r.n_errors_before, r.n_errors_after);
        c2s_fix_report_finish(&r);
        c2s_model_destroy(m);
    }
}

static void approximate_fixes_are_for_those_who_ask(void **state)
{
    (void)state;
    for (int i = 0; i < N_APPROXIMATE; i++) {
        struct c2s_model *m = sketched(approximate[i].line);
        struct c2s_fix_report r;
        struct fix_asked asked = {.rule = approximate[i].rule};
        assert_true(count_findings(m, asked.rule, false) > 0);
        struct c2s_model *fixed = fix_net(m, &asked, &r);
        if (fixed || r.n_left == 0 || !r.left[0].needs_approximate)
            fail_msg("%s: left as %s", approximate[i].line, r.n_left ? r.left[0].text : "nothing");
        c2s_fix_report_finish(&r);
        asked.approximate = true;
        fixed = fix_net(m, &asked, &r);
        if (!fixed || !has_change(&r, approximate[i].fix, asked.rule))
            fail_msg("%s: no %s for %s", approximate[i].line, approximate[i].fix, asked.rule);
        assert_int_equal(count_findings(fixed, asked.rule, false), 0);
        assert_false(r.is_exact);
        assert_true(r.difference > 1e-5); /* it is really another function */
        assert_true(r.n_errors_after <= r.n_errors_before);
        c2s_fix_report_finish(&r);
        c2s_model_destroy(fixed);
        c2s_model_destroy(m);
    }
}

/* Every row of the table is one that some case needs, and has rules that exist. */
static void every_fix_is_tested(void **state)
{
    (void)state;
    for (const struct c2s_fix_info *fix = c2s_fixes(); fix->id; fix++) {
        int n = 0;
        for (int i = 0; i < N_EXACT; i++)
            n += fix->is_exact && strcmp(exact[i].fix, fix->id) == 0;
        for (int i = 0; i < N_APPROXIMATE; i++)
            n += !fix->is_exact && strcmp(approximate[i].fix, fix->id) == 0;
        if (n == 0)
            fail_msg("%s is not tested", fix->id);
        for (const char *at = fix->rules; *at; at += at[4] == ',' ? 5 : 4) {
            char id[5] = {at[0], at[1], at[2], at[3], '\0'};
            const struct c2s_rule_info *rule = c2s_rule_find(id);
            bool has_exact, has_approximate;
            if (!rule)
                fail_msg("%s answers %s, which is no rule", fix->id, id);
            assert_true(c2s_fix_answers(rule, &has_exact, &has_approximate));
            assert_true(fix->is_exact ? has_exact : has_approximate);
        }
    }
    bool has_exact, has_approximate;
    assert_false(c2s_fix_answers(c2s_rule_find("E033"), &has_exact, &has_approximate));
    assert_false(has_exact || has_approximate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_fixes_keep_the_function),
        cmocka_unit_test(what_is_not_exact_is_left_with_a_reason),
        cmocka_unit_test(approximate_fixes_are_for_those_who_ask),
        cmocka_unit_test(every_fix_is_tested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
