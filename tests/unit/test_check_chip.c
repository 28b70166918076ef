/* Rules of the chip, each on two models: one that breaks the rule and one that just does not. */
#include "support.h"
#include "check_cases.h"
#include "chains.h"

#include <string.h>

#include <c2s/finding.h>

static struct c2s_model *max_pool_then_dense(bool breaks)
{
    struct c2s_model *m = chain_image();
    if (breaks)
        chain_front(m);
    chain_conv(m, "conv_1", 8, 3); /* the first convolution may be pooled */
    chain_max_pool(m, "pool", 2);
    chain_relu(m, "relu_1");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_size(bool breaks)
{
    struct c2s_model *m = chain_create(5, breaks ? 257 : 256, 1);
    chain_front(m);
    chain_rear(m);
    chain_finish(m);
    return m;
}

/* Without padding a row holds a window and one step more. */
static struct c2s_model *image_row(bool breaks)
{
    struct c2s_model *m = chain_create(16, breaks ? 8 : 9, 3);
    struct c2s_layer *conv = chain_conv(m, "conv", 8, 7);
    conv->attr.conv.padding = C2S_VALID;
    conv->attr.conv.strides[1] = 2;
    chain_relu(m, "relu");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_kernel(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", 8, breaks ? 9 : 7);
    chain_relu(m, "relu");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_stride(bool breaks)
{
    struct c2s_model *m = chain_image();
    struct c2s_layer *conv = chain_front(m);
    conv->attr.conv.strides[0] = 3;
    conv->attr.conv.strides[1] = breaks ? 4 : 1; /* unequal strides do map */
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_filters(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", breaks ? 65 : 64, 5);
    chain_relu(m, "relu");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_pool(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    struct c2s_layer *pool = chain_max_pool(m, "pool", 2);
    pool->attr.pool.strides[0] = breaks ? 1 : 2;
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_activation(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", 8, 3);
    if (!breaks)
        chain_relu(m, "relu");
    chain_finish(m);
    return m;
}

static struct c2s_model *inner_padding(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m)->attr.conv.padding = C2S_VALID; /* the first one may */
    chain_inner(m)->attr.conv.padding = breaks ? C2S_VALID : C2S_SAME;
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *inner_kernel(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    if (breaks)
        chain_separable(m, "sep", 8, 1);
    else
        chain_conv(m, "conv_1", 8, 1);
    chain_relu(m, "relu_1");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *inner_stride(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    struct c2s_layer *conv = chain_conv(m, "conv_1", 8, breaks ? 5 : 3);
    conv->attr.conv.strides[0] = conv->attr.conv.strides[1] = 2;
    chain_relu(m, "relu_1");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *inner_pool(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_conv(m, "conv_1", 8, 3);
    chain_max_pool(m, "pool", breaks ? 3 : 2);
    chain_relu(m, "relu_1");
    chain_conv(m, "conv_2", 8, 3);
    chain_relu(m, "relu_2");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *overlapping_pool(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_conv(m, "conv_1", 8, 3);
    struct c2s_layer *pool = chain_max_pool(m, "pool", 2);
    pool->attr.pool.strides[0] = pool->attr.pool.strides[1] = breaks ? 1 : 2;
    chain_relu(m, "relu_1");
    chain_conv(m, "conv_2", 8, 3);
    chain_relu(m, "relu_2");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *max_pool_last(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_conv(m, "conv_1", 8, 3);
    if (breaks)
        chain_max_pool(m, "pool", 2);
    chain_relu(m, "relu_1");
    chain_finish(m);
    return m;
}

static struct c2s_model *global_average(bool breaks)
{
    struct c2s_model *m = chain_create(breaks ? 33 : 32, 16, 3);
    chain_front(m);
    chain_conv(m, "conv_1", 8, 3);
    chain_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "gap");
    chain_relu(m, "relu_1");
    chain_dense(m, "dense", 4);
    chain_finish(m);
    return m;
}

static struct c2s_model *inner_size(bool breaks)
{
    struct c2s_model *m = chain_create(5, 5, 1);
    chain_front(m);
    chain_conv(m, "conv_1", breaks ? 2049 : 2048, 1);
    chain_relu(m, "relu_1");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *dense_size(bool breaks)
{
    struct c2s_model *m = chain_create(0, 0, breaks ? 57335 : 57334);
    chain_dense(m, "dense", 1);
    chain_finish(m);
    return m;
}

static struct c2s_model *chip_weight_bits(bool breaks)
{
    return chain_quantized(breaks ? 8 : 4, 4, 4);
}

static struct c2s_model *first_bits_to_come(bool breaks)
{
    struct c2s_model *m = chain_create(0, 0, 20);
    struct c2s_layer *dense = chain_dense(m, "dense", 8);
    chain_relu(m, "relu");
    chain_dense(m, "dense_1", 4);
    chain_finish(m);
    if (!breaks)
        chain_quantize(dense, 4);
    return m;
}

static struct c2s_model *zero_kernel(bool breaks)
{
    struct c2s_model *m = chain_quantized(4, 4, 4);
    struct c2s_tensor *t = m->layers[c2s_model_find(m, "sep")]->params[C2S_DEPTHWISE_KERNEL];
    for (int64_t i = breaks ? 0 : 1; i < c2s_tensor_count(t); i++)
        c2s_f32(t)[i] = 0;
    return m;
}

static struct c2s_model *note_image_bits(bool breaks)
{
    struct c2s_model *m = chain_quantized(4, 4, 4);
    m->layers[c2s_model_find(m, "conv")]->quantizer.bitwidth = breaks ? 4 : 8;
    return m;
}

static const struct check_case cases[] = {
    {"E014", "dense", max_pool_then_dense},
    {"E040", "conv", image_size},
    {"E040", "conv", image_row},
    {"E041", "conv", image_kernel},
    {"E042", "conv", image_stride},
    {"E043", "conv", image_filters},
    {"E044", "pool", image_pool},
    {"E045", "conv", image_activation},
    {"E046", "conv_1", inner_padding},
    {"E047", "sep", inner_kernel},
    {"E048", "conv_1", inner_stride},
    {"E049", "pool", inner_pool},
    {"E050", "conv_1", max_pool_last},
    {"E051", "conv_1", global_average},
    {"E052", "conv_1", inner_size},
    {"E053", "dense", dense_size, .input_is_integers = true},
    {"E054", "sep", chip_weight_bits, .also = "E057"},
    {"W055", "dense", first_bits_to_come, .input_is_integers = true},
    {"W059", "pool", overlapping_pool},
    {"E058", "sep", zero_kernel},
    {"N066", "conv", note_image_bits},
};

static bool belongs(const struct c2s_rule_info *rule)
{
    return rule->level == C2S_LEVEL_AKD1000 && !strstr(NUMBER_RULES, rule->id) &&
           !strstr(PROFILE_RULES, rule->id);
}

int main(void)
{
    return run_check_cases(cases, sizeof cases / sizeof cases[0], belongs);
}
