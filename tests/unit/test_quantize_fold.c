/* Swapping and folding of batch normalization: same function, refused where it would not be. */
#include "series.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct c2s_quantize_plan plan_448 = {C2S_RULE_22, 4, 4, 8, NULL, false};
static const struct c2s_quantize_plan fold_only = {C2S_RULE_22, 0, 0, -1, NULL, false};

/* A random net of blocks: neural layer, normalization and pool in both orders, ReLU. */
static struct c2s_model *random_net(int *n_norms)
{
    static const enum c2s_op convs[] = {C2S_OP_CONV2D, C2S_OP_SEPARABLE_CONV2D,
                                        C2S_OP_DEPTHWISE_CONV2D};
    struct c2s_model *m = series_start(3, 5 + series_random_int(6), 5 + series_random_int(6),
                                       1 + series_random_int(3));
    int n_blocks = 1 + series_random_int(3);
    char name[32];
    *n_norms = 0;
    for (int b = 0; b < n_blocks; b++) {
        snprintf(name, sizeof name, "conv_%d", b);
        series_add_conv(m, convs[series_random_int(3)], name, 2 + series_random_int(4),
                        series_random_int(2));
        int order = series_random_int(4); /* none, BN, BN - pool, pool - BN */
        snprintf(name, sizeof name, "pool_%d", b);
        if (order == 3)
            series_add_pool(m, name);
        snprintf(name, sizeof name, "bn_%d", b);
        if (order > 0)
            series_add_norm(m, name, series_random_int(2), series_random_int(2));
        *n_norms += order > 0;
        snprintf(name, sizeof name, "pool_%d", b);
        if (order == 2)
            series_add_pool(m, name);
        snprintf(name, sizeof name, "relu_%d", b);
        series_add(m, C2S_OP_RELU, name);
    }
    if (series_random_int(2)) {
        series_add_conv(m, C2S_OP_CONV2D, "last_conv", 4, false);
        series_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "gap");
        series_add_norm(m, "bn_gap", true, true);
        /* An average commutes with any affine map: gamma may be negative. */
        c2s_f32(m->layers[m->n_layers - 1]->params[C2S_GAMMA])[0] = -0.7f;
        *n_norms += 1;
    } else {
        series_add(m, C2S_OP_FLATTEN, "flatten");
    }
    series_add_dense(m, "dense", 3, series_random_int(2));
    series_add_norm(m, "bn_dense", true, true);
    *n_norms += 1;
    return series_end(m);
}

static void folding_keeps_the_function(void **state)
{
    (void)state;
    series_seed(3);
    for (int round = 0; round < 40; round++) {
        int n_norms = 0;
        struct c2s_model *m = random_net(&n_norms);
        struct c2s_quantize_report report = {0};
        struct c2s_model *folded = series_quantized(m, &fold_only, &report);
        assert_int_equal(report.n_folded, n_norms);
        assert_int_equal(series_count_op(folded, C2S_OP_BATCH_NORM), 0);
        assert_int_equal(folded->n_layers, m->n_layers - n_norms);
        assert_true(report.fold_error > 0 && report.fold_error <= 1e-5);
        assert_same_function(m, folded);
        c2s_model_destroy(folded);
        c2s_model_destroy(m);
    }
}

static void folded_numbers_are_those_of_the_formula(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = series_start(1, 0, 0, 1);
    struct c2s_layer *dense = series_add_dense(m, "dense", 2, false), *bn = NULL;
    bn = series_add_norm(m, "bn", true, true);
    series_end(m);
    bn->attr.batch_norm.epsilon = 0;
    memcpy(dense->params[C2S_KERNEL]->data, (float[]){2, -3}, 8);
    memcpy(bn->params[C2S_GAMMA]->data, (float[]){4, -1}, 8);
    memcpy(bn->params[C2S_BETA]->data, (float[]){10, 20}, 8);
    memcpy(bn->params[C2S_MOVING_MEAN]->data, (float[]){1, 2}, 8);
    memcpy(bn->params[C2S_MOVING_VARIANCE]->data, (float[]){16, 0.25f}, 8);
    int n = 0;
    assert_ok(c2s_model_fold_batch_norm(m, false, &n, &err), &err);
    assert_int_equal(n, 1);
    dense = series_layer(m, "dense");
    /* k = 4/4, -1/0.5: all exact. */
    assert_memory_equal(dense->params[C2S_KERNEL]->data, ((float[]){2, 6}), 8);
    assert_memory_equal(dense->params[C2S_BIAS]->data, ((float[]){9, 24}), 8);
    assert_true(dense->attr.dense.use_bias);
    assert_int_equal(m->outputs[0], 1);
    c2s_model_destroy(m);
}

static void max_pooling_needs_gammas_above_0(void **state)
{
    (void)state;
    struct c2s_model *m = series_usual();
    const struct c2s_quantize_plan kept = {C2S_RULE_22, 4, 4, 8, NULL, true};
    for (int i = 0; i < 2; i++) {
        struct c2s_quantize_plan plan = plan_448;
        plan.rule = i ? C2S_RULE_18 : C2S_RULE_22;
        c2s_f32(series_layer(m, "bn_1")->params[C2S_GAMMA])[2] = i ? 0 : -0.5f;
        assert_refused(m, &plan, C2S_UNSUPPORTED, "'bn_1' behind 'pool'");
    }
    struct c2s_model *q = series_quantized(m, &kept, NULL);
    assert_int_equal(series_count_op(q, C2S_OP_BATCH_NORM), 2);
    assert_int_equal(c2s_layer_weight_bits(series_layer(q, "sep")), 4);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
}

static void a_gamma_of_0_folds_only_under_rule_18(void **state)
{
    (void)state;
    struct c2s_model *m = series_usual();
    c2s_f32(series_layer(m, "bn")->params[C2S_GAMMA])[1] = 0;
    assert_refused(m, &plan_448, C2S_UNSUPPORTED, "'bn' has gamma 0 in 1 of 4 channels");
    struct c2s_quantize_plan plan = fold_only;
    plan.rule = C2S_RULE_18;
    struct c2s_model *folded = series_quantized(m, &plan, NULL);
    assert_same_function(m, folded);
    c2s_model_destroy(folded);
    c2s_model_destroy(m);
}

static void normalization_stays_where_folding_would_be_wrong(void **state)
{
    (void)state;
    /* Behind a ReLU; behind an activation of its own; behind a layer that others read too. */
    struct c2s_error err = {0};
    struct c2s_model *m = series_start(3, 4, 4, 2);
    series_add_conv(m, C2S_OP_CONV2D, "a", 3, true);
    series_add(m, C2S_OP_RELU, "relu");
    series_add_norm(m, "bn_a", true, true);
    series_add_conv(m, C2S_OP_CONV2D, "b", 3, true)->attr.conv.function = C2S_FN_RELU;
    series_add_norm(m, "bn_b", true, true);
    int shared = m->n_layers;
    series_add_conv(m, C2S_OP_CONV2D, "c", 3, true);
    series_add_norm(m, "bn_c", true, true);
    struct c2s_layer *join = c2s_layer_create(C2S_OP_CONCATENATE, "join", &err);
    assert_ok(c2s_layer_add_input(join, shared, &err) &&
                  c2s_layer_add_input(join, shared + 1, &err) && c2s_model_add(m, join, NULL, &err),
              &err);
    series_end(m);
    struct c2s_quantize_report report = {0};
    struct c2s_quantize_plan plan = {C2S_RULE_22, 0, 4, -1, NULL, false};
    struct c2s_model *q = series_quantized(m, &plan, &report);
    assert_int_equal(report.n_folded, 0);
    assert_int_equal(series_count_op(q, C2S_OP_BATCH_NORM), 3);
    assert_int_equal(report.n_activations, 1);
    assert_refused(m, &plan_448, C2S_UNSUPPORTED, "'b' (Conv2D) has an activation of its own");
    c2s_model_destroy(q);
    c2s_model_destroy(m);
}

static void a_normalization_of_another_axis_is_refused(void **state)
{
    (void)state;
    struct c2s_model *m = series_start(3, 4, 4, 4);
    series_add_conv(m, C2S_OP_CONV2D, "conv", 4, true);
    series_add_norm(m, "bn", true, true)->attr.batch_norm.axis = 1;
    series_end(m);
    assert_refused(m, &plan_448, C2S_UNSUPPORTED, "'bn' works on axis 1");
    c2s_model_destroy(m);
}

/* float32 cannot hold (x - mean) when the mean is far from the deviation: the fold loses digits
 * that the user should hear about. */
static void a_fold_that_changes_the_outputs_is_refused(void **state)
{
    (void)state;
    struct c2s_model *m = series_start(1, 0, 0, 3);
    struct c2s_layer *dense = series_add_dense(m, "dense", 2, true);
    for (int c = 0; c < 2; c++)
        c2s_f32(dense->params[C2S_BIAS])[c] = 1e6f;
    struct c2s_layer *bn = series_add_norm(m, "bn", true, true);
    for (int c = 0; c < 2; c++)
        c2s_f32(bn->params[C2S_MOVING_MEAN])[c] = 1e6f;
    series_end(m);
    assert_refused(m, &plan_448, C2S_STATE, "folding batch normalization changes the outputs");
    c2s_model_destroy(m);
}

static void a_model_no_engine_computes_is_folded_unchecked(void **state)
{
    (void)state;
    struct c2s_model *m = series_start(3, 4, 4, 2);
    series_add_conv(m, C2S_OP_CONV2D, "conv", 3, true);
    series_add_norm(m, "bn", true, true);
    series_add(m, C2S_OP_UNKNOWN, "mystery");
    series_end(m);
    struct c2s_quantize_report report = {0};
    struct c2s_model *q = series_quantized(m, &plan_448, &report);
    assert_int_equal(report.n_folded, 1);
    assert_true(isnan(report.fold_error));
    c2s_model_destroy(q);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folding_keeps_the_function),
        cmocka_unit_test(folded_numbers_are_those_of_the_formula),
        cmocka_unit_test(max_pooling_needs_gammas_above_0),
        cmocka_unit_test(a_gamma_of_0_folds_only_under_rule_18),
        cmocka_unit_test(normalization_stays_where_folding_would_be_wrong),
        cmocka_unit_test(a_normalization_of_another_axis_is_refused),
        cmocka_unit_test(a_fold_that_changes_the_outputs_is_refused),
        cmocka_unit_test(a_model_no_engine_computes_is_folded_unchecked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
