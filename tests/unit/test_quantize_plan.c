/* Quantization plans on a small net: who gets which bits, in which order, what is refused. The
 * numbers of the toolkit are compared in tests/oracle. */
#include "series.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct c2s_quantize_plan plan_448 = {C2S_RULE_22, 4, 4, 8, NULL, false};
static const struct c2s_quantize_plan fold_only = {C2S_RULE_22, 0, 0, -1, NULL, false};

static void every_layer_gets_its_quantizer(void **state)
{
    (void)state;
    struct c2s_model *m = series_usual();
    struct c2s_quantize_report report = {0};
    struct c2s_model *q = series_quantized(m, &plan_448, &report);
    assert_int_equal(report.n_swapped, 1);
    assert_int_equal(report.n_folded, 2);
    assert_int_equal(report.n_weights, 3);
    assert_int_equal(report.n_activations, 2);
    assert_int_equal(q->dialect, C2S_DIALECT_CNN2SNN_22);
    const struct c2s_layer *conv = series_layer(q, "conv"), *sep = series_layer(q, "sep");
    assert_string_equal(conv->class_name, "QuantizedConv2D");
    assert_int_equal(conv->quantizer.id, C2S_QUANTIZER_MAX_PER_AXIS);
    assert_int_equal(conv->quantizer.bitwidth, 8);
    assert_true(conv->quantizer.is_limited);
    assert_string_equal(sep->class_name, "QuantizedSeparableConv2D");
    assert_int_equal(sep->quantizer.id, C2S_QUANTIZER_MAX_PER_AXIS);
    assert_int_equal(sep->quantizer_dw.id, C2S_QUANTIZER_MAX);
    assert_int_equal(sep->quantizer_dw.bitwidth, 4);
    assert_true(sep->attr.conv.use_bias && sep->params[C2S_BIAS]);
    assert_string_equal(series_layer(q, "dense")->class_name, "QuantizedDense");
    const struct c2s_layer *relu = series_layer(q, "relu"), *relu_1 = series_layer(q, "relu_1");
    assert_int_equal(relu->op, C2S_OP_QUANTIZED_RELU);
    assert_string_equal(relu->class_name, "QuantizedReLU");
    assert_true(relu->attr.quantized_relu.max_value == 6);
    assert_true(relu_1->attr.quantized_relu.max_value == 15); /* 2^4 - 1 */
    /* The original is as it was. */
    assert_int_equal(series_count_op(m, C2S_OP_BATCH_NORM), 2);
    assert_int_equal(series_layer(m, "conv")->quantizer.id, C2S_QUANTIZER_NONE);
    assert_null(series_layer(m, "sep")->params[C2S_BIAS]);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
}

static void rule_18_has_its_own_activation_and_no_limit(void **state)
{
    (void)state;
    struct c2s_model *m = series_usual();
    series_layer(m, "relu_1")->attr.relu.threshold = 0.5f;
    struct c2s_quantize_plan plan = plan_448;
    struct c2s_model *q22 = series_quantized(m, &plan, NULL);
    assert_int_equal(series_layer(q22, "relu_1")->op, C2S_OP_RELU); /* 2.2 skips a shifted ReLU */
    plan.rule = C2S_RULE_18;
    struct c2s_model *q18 = series_quantized(m, &plan, NULL);
    assert_int_equal(q18->dialect, C2S_DIALECT_CNN2SNN_18);
    assert_int_equal(series_layer(q18, "relu")->op, C2S_OP_DISCRETE_RELU);
    assert_string_equal(series_layer(q18, "relu_1")->class_name, "ActivationDiscreteRelu");
    assert_false(series_layer(q18, "dense")->quantizer.is_limited);
    plan = (struct c2s_quantize_plan){C2S_RULE_22, 0, 2, -1, NULL, false};
    struct c2s_model *again = series_quantized(q18, &plan, NULL);
    /* 2.2 keeps the range of 6 of the discrete ReLU. */
    assert_int_equal(series_layer(again, "relu")->attr.quantized_relu.kind, C2S_RELU_RANGED);
    assert_true(fabsf(series_layer(again, "relu")->attr.quantized_relu.max_value - 6) < 1e-6f);
    assert_int_equal(c2s_layer_weight_bits(series_layer(again, "dense")), 4);
    c2s_model_destroy(again);
    c2s_model_destroy(q18);
    c2s_model_destroy(q22);
    c2s_model_destroy(m);
}

static void only_float_layers_when_asked(void **state)
{
    (void)state;
    struct c2s_model *m = series_usual();
    struct c2s_quantize_plan plan = {
        .weight_quantization = 2, .input_weight_quantization = -1, .layers = "dense"};
    struct c2s_model *first = series_quantized(m, &plan, NULL);
    plan = plan_448;
    plan.only_float = true;
    struct c2s_model *rest = series_quantized(first, &plan, NULL);
    assert_int_equal(c2s_layer_weight_bits(series_layer(rest, "dense")), 2);
    assert_int_equal(c2s_layer_weight_bits(series_layer(rest, "conv")), 8);
    assert_int_equal(c2s_layer_activation_bits(series_layer(rest, "relu")), 4);
    c2s_model_destroy(rest);
    c2s_model_destroy(first);
    c2s_model_destroy(m);
}

static void assert_same_model(const struct c2s_model *a, const struct c2s_model *b)
{
    assert_int_equal(a->n_layers, b->n_layers);
    for (int i = 0; i < a->n_layers; i++) {
        const struct c2s_layer *x = a->layers[i], *y = b->layers[i];
        assert_string_equal(x->name, y->name);
        assert_string_equal(x->class_name, y->class_name);
        assert_int_equal(c2s_layer_weight_bits(x), c2s_layer_weight_bits(y));
        assert_int_equal(c2s_layer_activation_bits(x), c2s_layer_activation_bits(y));
        if (c2s_layer_is_quantized_activation(x))
            assert_true(x->attr.quantized_relu.max_value == y->attr.quantized_relu.max_value);
        for (int r = 0; r < C2S_ROLE_COUNT; r++) {
            assert_int_equal(!x->params[r], !y->params[r]);
            if (x->params[r])
                assert_memory_equal(x->params[r]->data, y->params[r]->data,
                                    c2s_tensor_bytes(x->params[r]));
        }
    }
}

static void steps_in_any_order_equal_one_step(void **state)
{
    (void)state;
    struct c2s_quantize_plan activations = {C2S_RULE_22, 0, 4, -1, NULL, false};
    struct c2s_quantize_plan weights = {C2S_RULE_22, 4, 0, 8, NULL, false};
    struct c2s_model *m = series_usual(), *both = series_quantized(m, &plan_448, NULL);
    for (int i = 0; i < 2; i++) {
        struct c2s_quantize_report report = {0};
        struct c2s_model *first = series_quantized(m, i ? &weights : &activations, NULL);
        struct c2s_model *second = series_quantized(first, i ? &activations : &weights, &report);
        assert_int_equal(report.n_weights, i ? 0 : 3);
        assert_int_equal(report.n_activations, i ? 2 : 0);
        assert_same_model(both, second);
        struct c2s_model *full = series_quantized(first, &plan_448, NULL);
        assert_same_model(both, full);
        c2s_model_destroy(full);
        c2s_model_destroy(second);
        c2s_model_destroy(first);
    }
    c2s_model_destroy(both);
    c2s_model_destroy(m);
}

static void quantizing_again_changes_only_bits(void **state)
{
    (void)state;
    struct c2s_model *m = series_usual(), *q = series_quantized(m, &plan_448, NULL);
    struct c2s_quantize_plan plan = {C2S_RULE_22, 2, 2, -1, NULL, false};
    struct c2s_quantize_report report = {0};
    struct c2s_model *again = series_quantized(q, &plan, &report);
    assert_int_equal(report.n_weights, 3);
    assert_int_equal(report.n_activations, 2);
    assert_int_equal(series_layer(again, "conv")->quantizer.bitwidth, 2);
    assert_int_equal(series_layer(again, "sep")->quantizer_dw.bitwidth, 2);
    assert_true(series_layer(again, "relu_1")->attr.quantized_relu.max_value == 15);
    assert_ptr_equal(series_layer(again, "conv")->params[C2S_KERNEL],
                     series_layer(q, "conv")->params[C2S_KERNEL]);
    c2s_model_destroy(again);
    plan.input_weight_quantization = 0;
    assert_refused(q, &plan, C2S_RANGE, "'conv' is quantized already");
    plan = (struct c2s_quantize_plan){C2S_RULE_22, 0, 0, 4, NULL, false};
    again = series_quantized(q, &plan, &report);
    assert_int_equal(report.n_weights, 1);
    assert_int_equal(series_layer(again, "conv")->quantizer.bitwidth, 4);
    c2s_model_destroy(again);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
}

static void patterns_choose_layers(void **state)
{
    (void)state;
    struct c2s_model *m = series_usual();
    struct c2s_quantize_plan plan = plan_448;
    plan.layers = "sep,relu_*";
    struct c2s_model *q = series_quantized(m, &plan, NULL);
    assert_int_equal(c2s_layer_weight_bits(series_layer(q, "conv")), 0);
    assert_int_equal(c2s_layer_weight_bits(series_layer(q, "sep")), 4);
    assert_int_equal(series_layer(q, "relu")->op, C2S_OP_RELU);
    assert_int_equal(c2s_layer_activation_bits(series_layer(q, "relu_1")), 4);
    c2s_model_destroy(q);
    plan.layers = "conv*"; /* the first layer keeps its own bits */
    q = series_quantized(m, &plan, NULL);
    assert_int_equal(c2s_layer_weight_bits(series_layer(q, "conv")), 8);
    c2s_model_destroy(q);
    plan.layers = "nothing*";
    assert_refused(m, &plan, C2S_NOT_FOUND, "'nothing*' names no layer");
    plan = (struct c2s_quantize_plan){C2S_RULE_22, 0, 4, -1, "conv*", false};
    assert_refused(m, &plan, C2S_NOT_FOUND, "'conv*' names no layer");
    c2s_model_destroy(m);
}

static bool say_no(void *arg, const struct c2s_progress_event *event)
{
    return (void)arg, (void)event, false;
}

static void bad_plans_and_models_are_refused(void **state)
{
    (void)state;
    struct c2s_model *m = series_usual();
    const struct c2s_quantize_plan bad[] = {
        {C2S_RULE_22, 1, 4, -1, NULL, false}, {C2S_RULE_22, 9, 4, -1, NULL, false},
        {C2S_RULE_22, 4, 9, -1, NULL, false}, {C2S_RULE_22, 4, -1, -1, NULL, false},
        {C2S_RULE_22, 4, 4, 1, NULL, false},  {C2S_RULE_22, 4, 4, -2, NULL, false},
        {C2S_RULE_18, -4, 4, 8, NULL, false},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(m, &bad[i], C2S_RANGE, "bits; choose");
    struct c2s_error err = {0};
    struct c2s_model *out = NULL;
    struct c2s_progress never = {say_no, NULL};
    assert_false(c2s_quantize(m, &plan_448, &never, &out, NULL, &err));
    assert_int_equal(err.code, C2S_CANCELLED);
    series_layer(m, "conv")->attr.conv.dilation[1] = 2;
    assert_refused(m, &plan_448, C2S_UNSUPPORTED, "'conv' (Conv2D) has a dilation");
    series_layer(m, "conv")->attr.conv.dilation[1] = 1;
    c2s_f32(series_layer(m, "bn_1")->params[C2S_MOVING_MEAN])[0] = NAN;
    assert_refused(m, &plan_448, C2S_RANGE, "'bn_1' has NaN in its moving_mean");
    c2s_model_destroy(m);
}

/* A quantized layer takes a normalization when its weights have a scale for each channel. */
static void folding_into_quantized_layers(void **state)
{
    (void)state;
    struct c2s_model *m = series_usual();
    struct c2s_quantize_plan kept = plan_448;
    kept.keep_batch_norm = true;
    struct c2s_model *q = series_quantized(m, &kept, NULL);
    struct c2s_quantize_report report = {0};
    struct c2s_model *folded = series_quantized(q, &fold_only, &report);
    struct c2s_model *both = series_quantized(m, &plan_448, NULL);
    assert_int_equal(report.n_folded, 2);
    assert_same_model(both, folded);
    series_layer(q, "conv")->quantizer.id = C2S_QUANTIZER_STD;
    assert_refused(q, &fold_only, C2S_UNSUPPORTED, "share one scale");
    c2s_model_destroy(both);
    c2s_model_destroy(folded);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_gets_its_quantizer),
        cmocka_unit_test(rule_18_has_its_own_activation_and_no_limit),
        cmocka_unit_test(only_float_layers_when_asked),
        cmocka_unit_test(steps_in_any_order_equal_one_step),
        cmocka_unit_test(quantizing_again_changes_only_bits),
        cmocka_unit_test(patterns_choose_layers),
        cmocka_unit_test(bad_plans_and_models_are_refused),
        cmocka_unit_test(folding_into_quantized_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
