/* A check as a whole: everything at once, sorted, and float models without noise. */
#include "support.h"
#include "check_cases.h"
#include "chains.h"

#include <string.h>

/* Three mistakes at once, as users make them. */
static void all_problems_come_at_once_and_sorted(void **state)
{
    (void)state;
    struct c2s_model *m = chain_create(16, 300, 3);
    chain_conv(m, "conv", 200, 4)->attr.conv.function = C2S_FN_TANH;
    chain_add(m, C2S_OP_AVERAGE_POOL, "average")->attr.pool =
        (struct c2s_pool_attr){.size = {2, 2}, .strides = {2, 2}};
    chain_add(m, C2S_OP_LEAKY_RELU, "leaky");
    chain_rear(m);
    chain_finish(m);
    struct c2s_findings f = run_check(m, C2S_LEVEL_AKD1000, false);
    static const char *const expected[] = {"E005", "E029", "E040", "E004", "E004", "E053", "W032"};
    assert_int_equal(f.n_rows, 7);
    for (int i = 0; i < f.n_rows; i++)
        assert_string_equal(f.rows[i].rule->id, expected[i]);
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

static void a_float_model_is_one_warning_for_each_kind(void **state)
{
    (void)state;
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_inner(m);
    chain_rear(m);
    chain_finish(m);
    struct c2s_findings f = run_check(m, C2S_LEVEL_AKD1000, false);
    assert_int_equal(f.n_errors, 0);
    assert_int_equal(f.n_warnings, 2);
    assert_string_equal(f.rows[0].rule->id, "W032");
    assert_non_null(strstr(f.rows[0].text, "2 more layers"));
    assert_string_equal(f.rows[1].rule->id, "W031");
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

/* Names are no patterns to the prediction of thresholds, whatever they hold. */
static void odd_names_are_predicted(void **state)
{
    (void)state;
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv,1", 8, 3);
    chain_relu(m, "relu[a-");
    chain_conv(m, "c*", 8, 3)->attr.conv.use_bias = true;
    chain_relu(m, "\\?");
    chain_rear(m);
    chain_finish(m);
    c2s_f32(m->layers[c2s_model_find(m, "c*")]->params[C2S_BIAS])[0] = 20000;
    struct c2s_findings f = run_check(m, C2S_LEVEL_AKD1000, false);
    assert_int_equal(f.n_errors, 1);
    assert_string_equal(f.rows[0].rule->id, "E056");
    assert_string_equal(m->layers[f.rows[0].layer]->name, "c*");
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

static struct c2s_layer *reads(struct c2s_model *m, const char *name, const char *from)
{
    struct c2s_layer *l = m->layers[c2s_model_find(m, name)];
    l->inputs[0] = c2s_model_find(m, from);
    return l;
}

static void is_told_once(const struct c2s_model *m, const struct c2s_findings *f, const char *id,
                         const char *layer)
{
    int n = 0;
    for (int i = 0; i < f->n_rows; i++)
        n += strcmp(f->rows[i].rule->id, id) == 0 && f->rows[i].layer >= 0 &&
             strcmp(m->layers[f->rows[i].layer]->name, layer) == 0;
    if (n != 1)
        fail_msg("%s is told %d times on %s", id, n, layer);
}

/* Rules about order hold on every branch: the main path, a side branch that joins it, and one that
 * ends in an output of its own. What all share is told once. */
static void every_path_is_looked_at(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = chain_image();
    chain_conv(m, "stem", 8, 3); /* no activation: all three paths begin like this */
    chain_conv(m, "main", 8, 3);
    chain_relu(m, "main_relu");
    chain_conv(m, "side", 8, 3);
    reads(m, "side", "stem");
    chain_relu(m, "side_relu");
    chain_relu(m, "side_relu_2");
    struct c2s_layer *add = chain_add(m, C2S_OP_ADD, "add");
    add->inputs[0] = c2s_model_find(m, "main_relu");
    assert_ok(c2s_layer_add_input(add, c2s_model_find(m, "side_relu_2"), &err), &err);
    chain_rear(m);
    chain_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "side_gap");
    reads(m, "side_gap", "side_relu_2");
    chain_dense(m, "side_dense", 2);
    assert_ok(c2s_model_add_output(m, c2s_model_find(m, "dense"), &err), &err);
    chain_finish(m);
    struct c2s_findings f = run_check(m, C2S_LEVEL_AKIDA, false);
    assert_int_equal(count_rule(&f, "E015"), 2); /* the next layer is another one on each path */
    is_told_once(m, &f, "E016", "side_relu_2");
    is_told_once(m, &f, "E018", "side_gap");
    is_told_once(m, &f, "E003", "add");
    is_told_once(m, &f, "E002", "side_dense");
    assert_string_equal(f.rows[0].rule->id, "E003");
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

/* A ReLU inside the only convolution is one problem: it is not told that none is there. */
static void an_inner_relu_is_not_missed_again(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_findings f = {0};
    struct c2s_check_options options = {.level = C2S_LEVEL_AKD1000};
    for (int inside = 0; inside < 2; inside++) {
        struct c2s_model *m = chain_create(8, 8, 1);
        chain_conv(m, "conv", 8, 3)->attr.conv.function = inside ? C2S_FN_RELU : C2S_FN_LINEAR;
        chain_finish(m);
        assert_ok(c2s_check(m, &options, &f, &err), &err);
        assert_int_equal(f.n_errors, 1);
        assert_string_equal(f.rows[0].rule->id, inside ? "E005" : "E045");
        c2s_findings_finish(&f);
        c2s_model_destroy(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_problems_come_at_once_and_sorted),
        cmocka_unit_test(a_float_model_is_one_warning_for_each_kind),
        cmocka_unit_test(odd_names_are_predicted),
        cmocka_unit_test(every_path_is_looked_at),
        cmocka_unit_test(an_inner_relu_is_not_missed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
