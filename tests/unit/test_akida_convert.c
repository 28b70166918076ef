/* Conversion: what cannot convert says why, thresholds on numbers computed by hand, which Keras
 * layers an Akida layer stands for. The toolkit's own numbers are in tests/oracle. */
#include "chains.h"
#include "nets.h"
#include "support.h"

#include <math.h>
#include <string.h>

#include <c2s/akida.h>

static void quantized_relu(struct c2s_model *m, const char *name, int bits)
{
    struct c2s_layer *l = chain_add(m, C2S_OP_QUANTIZED_RELU, name);
    l->attr.quantized_relu = (struct c2s_quantized_relu_attr){C2S_RELU_RANGED, bits, 6.0f};
}

/* Image 8,8,1 -> conv, ReLU -> what build adds -> Flatten, Dense. */
static struct c2s_model *model_with(void (*build)(struct c2s_model *m))
{
    struct c2s_model *m = chain_create(8, 8, 1);
    chain_quantize(chain_conv(m, "conv_0", 4, 3), 8);
    quantized_relu(m, "relu_0", 4);
    if (build)
        build(m);
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_quantize(chain_dense(m, "dense", 3), 4);
    chain_finish(m);
    return m;
}

static bool convert(const struct c2s_model *m, enum c2s_rule_of_conversion rule,
                    struct c2s_akida_net **net, struct c2s_error *err)
{
    struct c2s_convert_options options = {.input_scale = 255, .rule = rule};
    return c2s_akida_convert(m, &options, net, err);
}

static void dilated(struct c2s_model *m)
{
    struct c2s_layer *l = chain_conv(m, "odd", 4, 3);
    chain_quantize(l, 4);
    l->attr.conv.dilation[0] = 2;
}
static void even(struct c2s_model *m)
{
    chain_quantize(chain_conv(m, "odd", 4, 2), 4);
}
static void float_weights(struct c2s_model *m)
{
    chain_conv(m, "odd", 4, 3);
}
static void float_relu(struct c2s_model *m)
{
    chain_quantize(chain_conv(m, "conv_1", 4, 3), 4);
    chain_relu(m, "odd");
}
static void no_activation(struct c2s_model *m)
{
    chain_quantize(chain_conv(m, "conv_1", 4, 3), 4);
    chain_quantize(chain_conv(m, "odd", 4, 3), 4);
    quantized_relu(m, "relu_2", 4);
}
static void inlined(struct c2s_model *m)
{
    struct c2s_layer *l = chain_conv(m, "odd", 4, 3);
    chain_quantize(l, 4);
    l->attr.conv.function = C2S_FN_RELU;
    quantized_relu(m, "relu_1", 4);
}
static void three_bits(struct c2s_model *m)
{
    chain_quantize(chain_conv(m, "odd", 4, 3), 3);
    quantized_relu(m, "relu_1", 4);
}
static void eight_bit_activation(struct c2s_model *m)
{
    chain_quantize(chain_conv(m, "conv_1", 4, 3), 4);
    quantized_relu(m, "odd", 8);
}
static void two_activations(struct c2s_model *m)
{
    quantized_relu(m, "odd", 4);
}
static void late_batch_norm(struct c2s_model *m)
{
    chain_add(m, C2S_OP_BATCH_NORM, "odd");
}
static void late_average(struct c2s_model *m)
{
    chain_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "odd");
}
static void other_padding(struct c2s_model *m)
{
    chain_max_pool(m, "odd", 2)->attr.pool.padding = C2S_VALID;
}
static void two_pools(struct c2s_model *m)
{
    chain_max_pool(m, "pool", 2);
    chain_max_pool(m, "odd", 2);
}
static void average_pool(struct c2s_model *m)
{
    struct c2s_layer *l = chain_add(m, C2S_OP_AVERAGE_POOL, "odd");
    l->attr.pool = (struct c2s_pool_attr){.size = {2, 2}, .strides = {2, 2}};
}
static void softmax_inside(struct c2s_model *m)
{
    chain_add(m, C2S_OP_SOFTMAX, "odd");
}
static void add_separable(struct c2s_model *m)
{
    chain_quantize(chain_separable(m, "sep", 4, 3), 4);
    quantized_relu(m, "relu_1", 4);
}
static void reshaped(struct c2s_model *m)
{
    struct c2s_layer *l = chain_add(m, C2S_OP_RESHAPE, "odd");
    l->attr.reshape.rank = 3;
    memcpy(l->attr.reshape.dims, (int64_t[]){4, 4, 16}, 3 * sizeof(int64_t));
}
static void what_cannot_convert_says_where_and_what_to_do(void **state)
{
    (void)state;
    static const struct {
        void (*build)(struct c2s_model *m);
        const char *rule; /* whose words say what to do */
    } cases[] = {{dilated, "E006"},         {even, "E029"},
                 {float_weights, "W032"},   {float_relu, "W031"},
                 {no_activation, "E015"},   {inlined, "E005"},
                 {three_bits, "E026"},      {eight_bit_activation, "E027"},
                 {two_activations, "E016"}, {late_batch_norm, "E013"},
                 {late_average, "E018"},    {other_padding, "E019"},
                 {two_pools, "E018"},       {average_pool, "E004"},
                 {softmax_inside, "E017"},  {reshaped, "E021"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct c2s_model *m = model_with(cases[i].build);
        struct c2s_akida_net *net = NULL;
        struct c2s_error err = {0};
        assert_false(convert(m, C2S_CONVERT_22, &net, &err));
        assert_null(net);
        assert_int_equal(err.code, C2S_UNSUPPORTED);
        if (!strstr(err.text, "'odd'") || strcmp(err.rule, cases[i].rule) != 0)
            fail_msg("case %zu does not name the layer and %s: %s", i, cases[i].rule, err.text);
        c2s_model_destroy(m);
    }
}

static void a_dense_layer_cannot_be_first_on_an_image(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_akida_net *net = NULL;
    struct c2s_model *m = chain_create(8, 8, 1);
    chain_quantize(chain_dense(m, "odd", 3), 4);
    chain_finish(m);
    assert_false(convert(m, C2S_CONVERT_22, &net, &err));
    assert_int_equal(err.code, C2S_UNSUPPORTED);
    assert_non_null(strstr(err.text, "'odd'"));
    c2s_model_destroy(m);
}

static void wrong_input_scaling_is_refused(void **state)
{
    (void)state;
    struct c2s_model *m = model_with(NULL);
    const struct c2s_convert_options wrong[] = {
        {.input_scale = -1},
        {.input_scale = NAN},
        {.input_scale = 1, .input_shift = INFINITY},
        {.input_scale = 1, .input_shift = 3, .input_is_integers = true}};
    for (int i = 0; i < 4; i++) {
        struct c2s_error err = {0};
        struct c2s_akida_net *net = NULL;
        assert_false(c2s_akida_convert(m, &wrong[i], &net, &err));
        assert_int_equal(err.code, C2S_RANGE);
    }
    c2s_model_destroy(m);
}

static void layers_in_front_and_behind_belong_to_their_block(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_akida_net *net = NULL;
    struct c2s_model *m = chain_create(8, 6, 3);
    struct c2s_layer *rescaling = chain_add(m, C2S_OP_RESCALING, "rescaling");
    rescaling->attr.rescaling.scale = 1.0f / 128;
    rescaling->attr.rescaling.offset = -1;
    chain_quantize(chain_conv(m, "conv_0", 4, 3), 8);
    chain_add(m, C2S_OP_DROPOUT, "drop");
    quantized_relu(m, "relu_0", 2);
    chain_max_pool(m, "pool_0", 2); /* behind its activation: max and levels commute */
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_quantize(chain_dense(m, "dense", 3), 4);
    chain_add(m, C2S_OP_SOFTMAX, "softmax");
    chain_finish(m);
    assert_ok(convert(m, C2S_CONVERT_22, &net, &err), &err);
    assert_int_equal(net->n_layers, 2);
    assert_true(net->input_scale == 128 && net->input_shift == 128);
    const struct c2s_akida_layer *a = &net->layers[0], *b = &net->layers[1];
    assert_int_equal(a->keras_first, 0);
    assert_string_equal(m->layers[a->keras_last]->name, "pool_0");
    assert_string_equal(m->layers[b->keras_first]->name, "flat");
    assert_string_equal(m->layers[b->keras_last]->name, "dense");
    assert_int_equal(a->type, C2S_AKIDA_INPUT_CONVOLUTIONAL);
    assert_int_equal(a->pool, C2S_AKIDA_MAX_POOL);
    assert_int_equal(a->padding_value, 128);
    assert_memory_equal(a->output_dims, ((int[]){4, 3, 4}), sizeof a->output_dims);
    assert_memory_equal(b->input_dims, a->output_dims, sizeof a->output_dims);
    assert_int_equal(b->input_bits, 2);
    assert_false(b->has_activation);
    c2s_akida_net_destroy(net);
    c2s_model_destroy(m);
}

/* Dense 1 -> 2 with weights 7 and -3.5 (integers 7 and -7, delta 1 and 2), bias 0.5 and 1, an
 * unfolded BatchNormalization with gamma 2 and -2, beta 1, mean 3, variance 4 - epsilon (sigma 2)
 * and an activation of 4 bits up to 6: step 0.4, threshold 0.2. Input scale 10.
 *
 * rule 1.8: T = floor(10 * delta * (sigma / gamma * (0.2 - beta) + mean - bias)):
 *   filter 0: 10 * (1 * -0.8 + 2.5) = 17;     filter 1: 20 * (-1 * -0.8 + 2) = 56
 *   act_step = 10 * delta * sigma / gamma * 0.4: 4 and -8, so filter 1 changes its sign.
 * rule 2.2 folds k = gamma / sigma = 1 and -1: weights 7 and 3.5, bias = 1 + (bias - 3) * k = -1.5
 *   and 3, T = floor(10 * delta * (0.2 - bias)): 17 and 20 * -2.8 = -56, the same network. */
static struct c2s_model *small_batch_norm(void)
{
    struct c2s_model *m = chain_create(0, 0, 1);
    chain_quantize(chain_dense(m, "dense", 2), 4);
    struct c2s_layer *bn = chain_add(m, C2S_OP_BATCH_NORM, "bn");
    bn->attr.batch_norm.epsilon = 0;
    quantized_relu(m, "relu", 4);
    chain_finish(m);
    struct c2s_layer *dense = m->layers[1];
    float *values[] = {
        c2s_f32(dense->params[C2S_KERNEL]),   c2s_f32(dense->params[C2S_BIAS]),
        c2s_f32(bn->params[C2S_GAMMA]),       c2s_f32(bn->params[C2S_BETA]),
        c2s_f32(bn->params[C2S_MOVING_MEAN]), c2s_f32(bn->params[C2S_MOVING_VARIANCE])};
    const float wanted[][2] = {{7, -3.5f}, {0.5f, 1}, {2, -2}, {1, 1}, {3, 3}, {4, 4}};
    for (int i = 0; i < 6; i++)
        memcpy(values[i], wanted[i], sizeof wanted[i]);
    return m;
}

static void unfolded_batch_norm_with_a_negative_gamma(void **state)
{
    (void)state;
    struct c2s_model *m = small_batch_norm();
    for (int rule = C2S_CONVERT_22; rule <= C2S_CONVERT_18; rule++) {
        struct c2s_error err = {0};
        struct c2s_akida_net *net = NULL;
        struct c2s_convert_options options = {.input_scale = 10,
                                              .input_is_integers = true,
                                              .rule = (enum c2s_rule_of_conversion)rule};
        assert_ok(c2s_akida_convert(m, &options, &net, &err), &err);
        const struct c2s_akida_layer *l = &net->layers[1];
        assert_int_equal(c2s_i8(l->weights)[0], 7);
        assert_int_equal(c2s_i8(l->weights)[1], 7);
        /* 0.2 is no float: T lies within one of the exact value, at its floor. */
        assert_in_range(c2s_i32(l->threshold)[0], 16, 17);
        assert_in_range(-c2s_i32(l->threshold)[1], 55, 57);
        /* Some float32 roundings of numbers up to 8, each 5e-7 at the most. */
        assert_true(fabsf(c2s_f32(l->act_step)[0] - 4) < 1e-5f);
        assert_true(fabsf(c2s_f32(l->act_step)[1] - 8) < 1e-5f);
        c2s_akida_net_destroy(net);
    }
    c2s_model_destroy(m);
}

static void rule_22_stops_scales_at_1000(void **state)
{
    (void)state;
    struct c2s_model *m = model_with(NULL);
    struct c2s_tensor *w = m->layers[m->n_layers - 1]->params[C2S_KERNEL];
    for (int64_t i = 0; i < c2s_tensor_count(w); i++)
        c2s_f32(w)[i] = i % 3 == 0 ? 0.001f : 0.5f;
    struct c2s_akida_net *nets[2] = {NULL, NULL};
    struct c2s_error err = {0};
    assert_ok(convert(m, C2S_CONVERT_22, &nets[0], &err), &err);
    assert_ok(convert(m, C2S_CONVERT_18, &nets[1], &err), &err);
    const struct c2s_akida_layer *a = &nets[0]->layers[1], *b = &nets[1]->layers[1];
    assert_int_equal(c2s_i8(a->weights)[0], 1); /* 0.001 * 1000 */
    assert_int_equal(c2s_i8(b->weights)[0], 7); /* 0.001 * 7000 */
    assert_true(fabsf(c2s_f32(b->act_step)[0] / c2s_f32(a->act_step)[0] - 7) < 1e-5f);
    assert_true(c2s_f32(a->act_step)[1] == c2s_f32(b->act_step)[1]);
    c2s_akida_net_destroy(nets[0]);
    c2s_akida_net_destroy(nets[1]);
    c2s_model_destroy(m);
}

/* A trained threshold gives the integers of a fixed one, in both kernels of a separable layer. */
static void trained_thresholds_count(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = model_with(add_separable);
    struct c2s_layer *l = m->layers[c2s_model_find(m, "sep")];
    struct c2s_akida_net *nets[2];
    for (int is_trained = 0; is_trained < 2; is_trained++) {
        enum c2s_quantizer_id id = is_trained ? C2S_QUANTIZER_TRAINABLE_STD : C2S_QUANTIZER_STD;
        l->quantizer = (struct c2s_quantizer_spec){id, 4, is_trained ? 3 : 1.25f, false};
        l->quantizer_dw = (struct c2s_quantizer_spec){id, 4, is_trained ? 3 : 0.75f, false};
        if (is_trained) {
            c2s_layer_set_param(l, C2S_WEIGHT_THRESHOLD, tensor_of(0, NULL, (float[]){1.25f}));
            c2s_layer_set_param(l, C2S_DEPTHWISE_THRESHOLD, tensor_of(0, NULL, (float[]){0.75f}));
        }
        assert_ok(convert(m, C2S_CONVERT_18, &nets[is_trained], &err), &err);
    }
    const struct c2s_akida_layer *a = &nets[0]->layers[1], *b = &nets[1]->layers[1];
    assert_memory_equal(a->weights->data, b->weights->data, c2s_tensor_bytes(a->weights));
    assert_memory_equal(a->weights_pw->data, b->weights_pw->data, c2s_tensor_bytes(a->weights_pw));
    assert_memory_equal(a->act_step->data, b->act_step->data, c2s_tensor_bytes(a->act_step));
    c2s_akida_net_destroy(nets[0]);
    c2s_akida_net_destroy(nets[1]);
    c2s_model_destroy(m);
}

static void nan_weights_are_refused(void **state)
{
    (void)state;
    static const enum c2s_role roles[] = {C2S_KERNEL, C2S_BIAS};
    for (int i = 0; i < 2; i++) {
        struct c2s_model *m = model_with(NULL);
        struct c2s_error err = {0};
        struct c2s_akida_net *net = NULL;
        c2s_f32(m->layers[1]->params[roles[i]])[2] = NAN;
        assert_false(convert(m, C2S_CONVERT_22, &net, &err));
        assert_int_equal(err.code, C2S_RANGE);
        assert_true(strstr(err.text, "conv_0") || strstr(err.where, "conv_0"));
        c2s_model_destroy(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_convert_says_where_and_what_to_do),
        cmocka_unit_test(a_dense_layer_cannot_be_first_on_an_image),
        cmocka_unit_test(wrong_input_scaling_is_refused),
        cmocka_unit_test(layers_in_front_and_behind_belong_to_their_block),
        cmocka_unit_test(unfolded_batch_norm_with_a_negative_gamma),
        cmocka_unit_test(rule_22_stops_scales_at_1000),
        cmocka_unit_test(trained_thresholds_count),
        cmocka_unit_test(nan_weights_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
