/* The naive kernels against numbers worked out by hand. */
#include "support.h"
#include "nets.h"

#include <math.h>

#define DIMS(...)                                                                                  \
    (const int64_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define VALUES(...)                                                                                \
    (const float[])                                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* A net of one input and one layer, which is returned for its attributes. */
static struct c2s_model *one(enum c2s_op op, int rank, const int64_t *dims, struct c2s_layer **l)
{
    struct c2s_model *m = net_create();
    int in = net_input(m, rank, dims);
    *l = net_layer(m, op, 1, &in);
    return m;
}

/* One sample through the net, which is destroyed. The numbers are small integers and halves, so
 * every sum is exact, unless a tolerance is given: 1e-7, two float32 roundings of results below 1,
 * for functions of irrational numbers. */
static void gives(struct c2s_model *m, const float *x, const float *wanted, size_t n,
                  float tolerance)
{
    net_finish(m);
    const struct c2s_layer *in = m->layers[0];
    int64_t dims[C2S_MAX_RANK] = {1};
    for (int i = 0; i < in->rank; i++)
        dims[i + 1] = in->dims[i];
    struct c2s_tensor *input = tensor_of(in->rank + 1, dims, x);
    struct c2s_tensor *out = run_net("ref", m, (const struct c2s_tensor *const[]){input});
    assert_int_equal(c2s_tensor_count(out), n);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(c2s_f32(out)[i] - wanted[i]) <= tolerance))
            fail_msg("value %zu is %.9g, not %.9g", i, (double)c2s_f32(out)[i], (double)wanted[i]);
    c2s_tensor_unref(input);
    c2s_tensor_unref(out);
    c2s_model_destroy(m);
}

#define GIVES(m, x, wanted)         gives(m, x, wanted, sizeof(wanted) / sizeof(float), 0)
#define GIVES_NEAR(m, x, wanted, t) gives(m, x, wanted, sizeof(wanted) / sizeof(float), t)

static struct c2s_conv_attr window(int filters, int kernel, int stride, enum c2s_padding padding)
{
    return (struct c2s_conv_attr){.filters = filters,
                                  .kernel = {kernel, kernel},
                                  .strides = {stride, stride},
                                  .dilation = {1, 1},
                                  .groups = 1,
                                  .depth_multiplier = 1,
                                  .padding = padding};
}

static const float nine[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void conv_valid_slides_the_kernel_unflipped(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_CONV2D, 3, DIMS(3, 3, 1), &l);
    l->attr.conv = window(1, 2, 1, C2S_VALID);
    l->attr.conv.use_bias = true;
    net_param(l, C2S_KERNEL, 4, DIMS(2, 2, 1, 1), VALUES(1, 0, 0, 2));
    net_param(l, C2S_BIAS, 1, DIMS(1), VALUES(0.5f));
    GIVES(m, nine, VALUES(11.5f, 14.5f, 20.5f, 23.5f));
}

static void conv_same_pads_behind_first(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_CONV2D, 3, DIMS(3, 3, 1), &l);
    l->attr.conv = window(1, 2, 2, C2S_SAME); /* 2 x 2 outputs, one row of padding behind */
    net_param(l, C2S_KERNEL, 4, DIMS(2, 2, 1, 1), VALUES(1, 10, 100, 1000));
    GIVES(m, nine, VALUES(5421, 603, 87, 9));
}

static void conv_dilates(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_CONV2D, 3, DIMS(3, 3, 1), &l);
    l->attr.conv = window(1, 2, 1, C2S_VALID);
    l->attr.conv.dilation[0] = l->attr.conv.dilation[1] = 2;
    net_param(l, C2S_KERNEL, 4, DIMS(2, 2, 1, 1), VALUES(1, 10, 100, 1000));
    GIVES(m, nine, VALUES(9731));
}

static void conv_groups_read_their_channels(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_CONV2D, 3, DIMS(1, 1, 4), &l);
    l->attr.conv = window(2, 1, 1, C2S_VALID);
    l->attr.conv.groups = 2;
    /* kernel [1, 1, 2, 2]: filter 0 reads channels 0 and 1, filter 1 channels 2 and 3 */
    net_param(l, C2S_KERNEL, 4, DIMS(1, 1, 2, 2), VALUES(1, 2, 3, 4));
    GIVES(m, VALUES(1, 10, 100, 1000), VALUES(31, 4200));
}

static void depthwise_multiplies_channels(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_DEPTHWISE_CONV2D, 3, DIMS(1, 2, 2), &l);
    l->attr.conv = window(0, 1, 1, C2S_SAME);
    l->attr.conv.depth_multiplier = 2;
    net_param(l, C2S_DEPTHWISE_KERNEL, 4, DIMS(1, 1, 2, 2), VALUES(1, 2, 3, 4));
    GIVES(m, VALUES(1, 10, 100, 1000), VALUES(1, 2, 30, 40, 100, 200, 3000, 4000));
}

static void separable_is_depthwise_then_pointwise(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_SEPARABLE_CONV2D, 3, DIMS(2, 1, 2), &l);
    l->attr.conv = window(1, 1, 1, C2S_VALID);
    l->attr.conv.kernel[0] = 2;
    l->attr.conv.use_bias = true;
    l->attr.conv.function = C2S_FN_RELU;
    net_param(l, C2S_DEPTHWISE_KERNEL, 4, DIMS(2, 1, 2, 1), VALUES(1, 2, 3, 4));
    net_param(l, C2S_POINTWISE_KERNEL, 4, DIMS(1, 1, 2, 1), VALUES(10, -1));
    net_param(l, C2S_BIAS, 1, DIMS(1), VALUES(-0.5f));
    /* depthwise: 1*1 + 3*3 = 10, 2*2 + 4*4 = 20; pointwise: 100 - 20 */
    GIVES(m, VALUES(1, 2, 3, 4), VALUES(79.5f));
}

static void dense_works_on_the_last_axis(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_DENSE, 2, DIMS(2, 2), &l);
    l->attr.dense.units = 3;
    net_param(l, C2S_KERNEL, 2, DIMS(2, 3), VALUES(1, 2, 3, 4, 5, 6));
    net_param(l, C2S_BIAS, 1, DIMS(3), VALUES(0, 0, 1));
    GIVES(m, VALUES(1, 10, 100, 1000), VALUES(41, 52, 64, 4100, 5200, 6301));
}

static void quantized_kernels_are_used(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_DENSE, 1, DIMS(2), &l);
    l->attr.dense = (struct c2s_dense_attr){.units = 1};
    l->quantizer = (struct c2s_quantizer_spec){.id = C2S_QUANTIZER_MAX, .bitwidth = 3};
    /* scale factor 3 / 6: 6 -> 3 steps of 2, 2.5 -> round(1.25) = 1 step */
    net_param(l, C2S_KERNEL, 2, DIMS(2, 1), VALUES(6, 2.5f));
    GIVES(m, VALUES(1, 10), VALUES(26));
}

static void batch_norm_uses_moving_statistics(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_BATCH_NORM, 2, DIMS(2, 2), &l);
    l->attr.batch_norm.epsilon = 1;
    net_param(l, C2S_GAMMA, 1, DIMS(2), VALUES(2, 6));
    net_param(l, C2S_BETA, 1, DIMS(2), VALUES(0, 1));
    net_param(l, C2S_MOVING_MEAN, 1, DIMS(2), VALUES(1, 0));
    net_param(l, C2S_MOVING_VARIANCE, 1, DIMS(2), VALUES(3, 0));
    GIVES(m, VALUES(1, 1, 3, 0.5f), VALUES(0, 7, 2, 4));
}

static const float line[6] = {-4, -1, 0, 1, 4, 9};

static void relu_has_three_parameters(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_RELU, 1, DIMS(6), &l);
    GIVES(m, line, VALUES(0, 0, 0, 1, 4, 9));
    m = one(C2S_OP_RELU, 1, DIMS(6), &l);
    l->attr.relu.max_value = 6;
    GIVES(m, line, VALUES(0, 0, 0, 1, 4, 6));
    m = one(C2S_OP_RELU, 1, DIMS(6), &l);
    l->attr.relu = (struct c2s_relu_attr){.max_value = 8, .negative_slope = 0.5f, .threshold = 1};
    GIVES(m, line, VALUES(-2.5f, -1, -0.5f, 0, 4, 8));
}

static void leaky_and_parametric_slopes(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_LEAKY_RELU, 1, DIMS(6), &l);
    l->attr.relu.negative_slope = 0.25f;
    GIVES(m, line, VALUES(-1, -0.25f, 0, 1, 4, 9));
    m = one(C2S_OP_PRELU, 2, DIMS(3, 2), &l); /* the first axis shares its slopes */
    net_param(l, C2S_ALPHA, 2, DIMS(1, 2), VALUES(0.5f, 2));
    GIVES(m, VALUES(-4, -1, 2, -3, -1, 1), VALUES(-2, -2, 2, -6, -0.5f, 1));
}

static void functions_match_their_definition(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_ACTIVATION, 1, DIMS(3), &l);
    l->attr.activation.function = C2S_FN_SIGMOID; /* logit of 0.75 is ln 3 */
    GIVES_NEAR(m, VALUES(0, logf(3), -logf(3)), VALUES(0.5f, 0.75f, 0.25f), 1e-7f);
    m = one(C2S_OP_ACTIVATION, 1, DIMS(2), &l);
    l->attr.activation.function = C2S_FN_TANH; /* tanh(ln 2) = 3 / 5 */
    GIVES_NEAR(m, VALUES(0, logf(2)), VALUES(0, 0.6f), 1e-7f);
    m = one(C2S_OP_ACTIVATION, 1, DIMS(3), &l);
    l->attr.activation.function = C2S_FN_RELU6;
    GIVES(m, VALUES(-1, 5, 7), VALUES(0, 5, 6));
    m = one(C2S_OP_ACTIVATION, 1, DIMS(2), &l);
    l->attr.activation.function = C2S_FN_LINEAR;
    GIVES(m, VALUES(-1, 5), VALUES(-1, 5));
}

static void softmax_survives_large_inputs(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_SOFTMAX, 1, DIMS(3), &l);
    /* 1000 + ln 2 itself is rounded by up to 3e-5, which the results follow. */
    GIVES_NEAR(m, VALUES(1000, 1000 + logf(2), 0), VALUES(1 / 3.0f, 2 / 3.0f, 0), 1e-4f);
    m = one(C2S_OP_SOFTMAX, 2, DIMS(2, 2), &l);
    l->attr.softmax.axis = 1;
    GIVES_NEAR(m, VALUES(0, logf(3), 0, 0), VALUES(0.5f, 0.75f, 0.5f, 0.25f), 1e-7f);
}

/* x at a boundary belongs to the lower level: level = ceil((x - step / 2) / step). */
static void quantized_activations_step(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_DISCRETE_RELU, 1, DIMS(6), &l);
    l->attr.quantized_relu =
        (struct c2s_quantized_relu_attr){.kind = C2S_RELU_DISCRETE, .bitwidth = 2};
    GIVES(m, VALUES(-1, 0.5f, 0.75f, 1.5f, 2.75f, 50), VALUES(0, 0, 1, 1, 3, 3));
    m = one(C2S_OP_QUANTIZED_RELU, 1, DIMS(4), &l);
    l->attr.quantized_relu =
        (struct c2s_quantized_relu_attr){.kind = C2S_RELU_RANGED, .bitwidth = 2, .max_value = 6};
    GIVES(m, VALUES(1, 1.25f, 3, 9), VALUES(0, 2, 2, 6));
    m = one(C2S_OP_QUANTIZED_RELU, 1, DIMS(4), &l); /* step = 16 * 0.5 / 4 = 2 */
    l->attr.quantized_relu =
        (struct c2s_quantized_relu_attr){.kind = C2S_RELU_TRAINED, .bitwidth = 2};
    net_param(l, C2S_STEP, 0, NULL, VALUES(0.5f));
    net_param(l, C2S_THRESHOLD, 0, NULL, VALUES(0.25f));
    GIVES(m, VALUES(0.25f, 0.5f, 2.5f, 99), VALUES(0, 2, 4, 6));
}

static struct c2s_pool_attr pool(int size, int stride, enum c2s_padding padding)
{
    return (struct c2s_pool_attr){
        .size = {size, size}, .strides = {stride, stride}, .padding = padding};
}

static void pools_leave_padding_out(void **state)
{
    (void)state;
    static const float below_zero[9] = {-1, -2, -3, -4, -5, -6, -7, -8, -9};
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_MAX_POOL, 3, DIMS(3, 3, 1), &l);
    l->attr.pool = pool(2, 2, C2S_SAME);
    GIVES(m, below_zero, VALUES(-1, -3, -7, -9));
    m = one(C2S_OP_AVERAGE_POOL, 3, DIMS(3, 3, 1), &l);
    l->attr.pool = pool(2, 2, C2S_SAME);
    GIVES(m, nine, VALUES(3, 4.5f, 7.5f, 9));
    m = one(C2S_OP_AVERAGE_POOL, 3, DIMS(3, 3, 1), &l);
    l->attr.pool = pool(2, 1, C2S_VALID);
    GIVES(m, nine, VALUES(3, 4, 6, 7));
    m = one(C2S_OP_GLOBAL_AVERAGE_POOL, 3, DIMS(2, 2, 2), &l);
    GIVES(m, VALUES(1, 10, 2, 20, 3, 30, 6, 60), VALUES(3, 30));
}

static void shapes_change_and_numbers_stay(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_ZERO_PADDING, 3, DIMS(1, 2, 1), &l);
    l->attr.zero_padding.top = 1;
    l->attr.zero_padding.right = 2;
    GIVES(m, VALUES(5, 6), VALUES(0, 0, 0, 0, 5, 6, 0, 0));
    m = one(C2S_OP_FLATTEN, 3, DIMS(1, 2, 2), &l);
    GIVES(m, VALUES(1, 2, 3, 4), VALUES(1, 2, 3, 4));
    m = one(C2S_OP_RESHAPE, 1, DIMS(4), &l);
    l->attr.reshape.rank = 2;
    l->attr.reshape.dims[0] = -1;
    l->attr.reshape.dims[1] = 1;
    GIVES(m, VALUES(1, 2, 3, 4), VALUES(1, 2, 3, 4));
    m = one(C2S_OP_DROPOUT, 1, DIMS(2), &l);
    l->attr.dropout.rate = 0.5f;
    GIVES(m, VALUES(1, 2), VALUES(1, 2));
    m = one(C2S_OP_RESCALING, 1, DIMS(2), &l);
    l->attr.rescaling.scale = 0.5f;
    l->attr.rescaling.offset = -1;
    GIVES(m, VALUES(0, 8), VALUES(-1, 3));
}

static void upsampling_repeats_or_blends(void **state)
{
    (void)state;
    struct c2s_layer *l;
    struct c2s_model *m = one(C2S_OP_UPSAMPLING, 3, DIMS(1, 2, 1), &l);
    GIVES(m, VALUES(1, 5), VALUES(1, 1, 5, 5, 1, 1, 5, 5));
    m = one(C2S_OP_UPSAMPLING, 3, DIMS(1, 2, 1), &l);
    l->attr.upsampling.is_bilinear = true; /* centres at -0.25, 0.25, 0.75, 1.25 */
    l->attr.upsampling.size[0] = 1;
    GIVES(m, VALUES(1, 5), VALUES(1, 2, 4, 5));
}

static void merges_join_branches(void **state)
{
    (void)state;
    struct c2s_model *m = net_create();
    int in = net_input(m, 2, DIMS(2, 2));
    net_layer(m, C2S_OP_RELU, 1, &in);
    net_layer(m, C2S_OP_ADD, 2, (int[]){0, 1});
    net_layer(m, C2S_OP_CONCATENATE, 2, (int[]){2, 0});
    GIVES(m, VALUES(1, -2, 3, -4), VALUES(2, -2, 1, -2, 6, -4, 3, -4));
    m = net_create();
    in = net_input(m, 2, DIMS(2, 2));
    net_layer(m, C2S_OP_CONCATENATE, 2, (int[]){0, 0})->attr.concatenate.axis = 1;
    GIVES(m, VALUES(1, 2, 3, 4), VALUES(1, 2, 3, 4, 1, 2, 3, 4));
}

static void add_repeats_dimensions_of_one(void **state)
{
    (void)state;
    struct c2s_model *m = net_create();
    net_input(m, 3, DIMS(1, 2, 2));
    net_input(m, 3, DIMS(1, 1, 2));
    net_layer(m, C2S_OP_ADD, 2, (int[]){0, 1});
    net_finish(m);
    struct c2s_tensor *x = tensor_of(4, DIMS(2, 1, 2, 2), VALUES(1, 2, 3, 4, 5, 6, 7, 8));
    struct c2s_tensor *y = tensor_of(4, DIMS(2, 1, 1, 2), VALUES(10, 20, 30, 40));
    struct c2s_tensor *out = run_net("ref", m, (const struct c2s_tensor *const[]){x, y});
    assert_memory_equal(out->data, VALUES(11, 22, 13, 24, 35, 46, 37, 48), 8 * sizeof(float));
    c2s_tensor_unref(x);
    c2s_tensor_unref(y);
    c2s_tensor_unref(out);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_valid_slides_the_kernel_unflipped),
        cmocka_unit_test(conv_same_pads_behind_first),
        cmocka_unit_test(conv_dilates),
        cmocka_unit_test(conv_groups_read_their_channels),
        cmocka_unit_test(depthwise_multiplies_channels),
        cmocka_unit_test(separable_is_depthwise_then_pointwise),
        cmocka_unit_test(dense_works_on_the_last_axis),
        cmocka_unit_test(quantized_kernels_are_used),
        cmocka_unit_test(batch_norm_uses_moving_statistics),
        cmocka_unit_test(relu_has_three_parameters),
        cmocka_unit_test(leaky_and_parametric_slopes),
        cmocka_unit_test(functions_match_their_definition),
        cmocka_unit_test(softmax_survives_large_inputs),
        cmocka_unit_test(quantized_activations_step),
        cmocka_unit_test(pools_leave_padding_out),
        cmocka_unit_test(shapes_change_and_numbers_stay),
        cmocka_unit_test(upsampling_repeats_or_blends),
        cmocka_unit_test(merges_join_branches),
        cmocka_unit_test(add_repeats_dimensions_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
