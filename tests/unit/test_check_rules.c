/* Every rule on two models: one that breaks it and one that just does not. The first must be
 * reported on the right layer and by no other error than those named, the second must be clean. */
#include "support.h"
#include "chains.h"

#include <math.h>
#include <string.h>

#include <c2s/finding.h>

/* in (16,16,3) -> conv -> relu -> conv_1 -> relu_1 -> flat -> dense; parts added as asked. */
static struct c2s_layer *front(struct c2s_model *m)
{
    struct c2s_layer *conv = chain_conv(m, "conv", 8, 3);
    chain_relu(m, "relu");
    return conv;
}

static void rear(struct c2s_model *m)
{
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_dense(m, "dense", 4);
}

static struct c2s_layer *inner(struct c2s_model *m)
{
    struct c2s_layer *conv = chain_conv(m, "conv_1", 8, 3);
    chain_relu(m, "relu_1");
    return conv;
}

static struct c2s_model *image_net(void)
{
    return chain_create(16, 16, 3);
}

static struct c2s_model *one_input(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    rear(m);
    struct c2s_error err = {0};
    if (breaks) { /* not read by any layer: the count alone is wrong */
        struct c2s_layer *second = c2s_layer_create(C2S_OP_INPUT, "second", &err);
        second->rank = 1;
        second->dims[0] = 4;
        assert_ok(c2s_model_add(m, second, NULL, &err), &err);
        assert_ok(c2s_model_add_input(m, m->n_layers - 1, &err), &err);
        assert_ok(c2s_model_add_output(m, m->n_layers - 2, &err), &err);
    }
    if (!breaks)
        chain_finish(m);
    assert_ok(c2s_model_infer_shapes(m, &err), &err);
    return m;
}

static struct c2s_model *one_output(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    rear(m);
    chain_finish(m);
    struct c2s_error err = {0};
    if (breaks)
        assert_ok(c2s_model_add_output(m, c2s_model_find(m, "relu"), &err), &err);
    return m;
}

static struct c2s_model *serial(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    inner(m);
    struct c2s_error err = {0};
    if (breaks) {
        struct c2s_layer *add = chain_add(m, C2S_OP_ADD, "add");
        assert_ok(c2s_layer_add_input(add, c2s_model_find(m, "relu"), &err), &err);
    }
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *supported(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", 8, 3);
    if (breaks)
        chain_add(m, C2S_OP_LEAKY_RELU, "leaky");
    else
        chain_relu(m, "relu");
    inner(m);
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *inlined(bool breaks)
{
    struct c2s_model *m = image_net();
    struct c2s_layer *conv = chain_conv(m, "conv", 8, 3);
    if (breaks)
        conv->attr.conv.function = C2S_FN_RELU;
    else
        chain_relu(m, "relu");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *dilation(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    inner(m)->attr.conv.dilation[1] = breaks ? 2 : 1;
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *groups(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    inner(m)->attr.conv.groups = breaks ? 2 : 1;
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *depth_multiplier(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    chain_separable(m, "sep", 8, 3)->attr.conv.depth_multiplier = breaks ? 2 : 1;
    chain_relu(m, "relu_1");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *channels_last(bool breaks)
{
    struct c2s_model *m = image_net();
    struct c2s_error err = {0};
    assert_ok(c2s_layer_set_text(&front(m)->config,
                                 breaks
                                     ? "{\"name\": \"conv\", \"data_format\": \"channels_first\"}"
                                     : "{\"name\": \"channels_first\", \"data_format\": "
                                       "\"channels_last\"}",
                                 &err),
              &err);
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *normalized(float gamma, bool is_pooled)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", 8, 3);
    if (is_pooled)
        chain_max_pool(m, "pool", 2);
    struct c2s_layer *bn = chain_add(m, C2S_OP_BATCH_NORM, "bn");
    chain_relu(m, "relu");
    rear(m);
    chain_finish(m);
    c2s_f32(bn->params[C2S_GAMMA])[3] = gamma;
    return m;
}

static struct c2s_model *zero_gamma(bool breaks)
{
    return normalized(breaks ? 0.0f : -0.5f, false);
}

static struct c2s_model *negative_gamma(bool breaks)
{
    return normalized(breaks ? -0.5f : 0.5f, true);
}

static struct c2s_model *norm_axis(bool breaks)
{
    struct c2s_model *m = chain_create(8, 8, 3);
    chain_conv(m, "conv", 8, 3);
    chain_add(m, C2S_OP_BATCH_NORM, "bn")->attr.batch_norm.axis = breaks ? 2 : 3;
    chain_relu(m, "relu");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *norm_place(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", 8, 3);
    if (breaks)
        chain_relu(m, "relu");
    else
        chain_add(m, C2S_OP_DROPOUT, "drop"); /* does not stand between them for convert */
    chain_add(m, C2S_OP_BATCH_NORM, "bn");
    if (!breaks)
        chain_relu(m, "relu");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *max_pool_then_dense(bool breaks)
{
    struct c2s_model *m = image_net();
    if (breaks)
        front(m);
    chain_conv(m, "conv_1", 8, 3); /* the first convolution may be pooled */
    chain_max_pool(m, "pool", 2);
    chain_relu(m, "relu_1");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *missing_activation(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", 8, 3);
    if (!breaks)
        chain_relu(m, "relu");
    inner(m);
    rear(m); /* dense has none: the last layer needs none */
    chain_finish(m);
    return m;
}

static struct c2s_model *extra_activation(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    if (breaks)
        chain_relu(m, "relu_1");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *other_activation(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", 8, 3);
    if (breaks)
        chain_add(m, C2S_OP_ACTIVATION, "act")->attr.activation.function = C2S_FN_RELU;
    else
        chain_relu(m, "relu");
    rear(m);
    chain_add(m, C2S_OP_ACTIVATION, "last")->attr.activation.function = C2S_FN_SIGMOID;
    chain_finish(m);
    return m;
}

static struct c2s_model *pool_place(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    chain_conv(m, "conv_1", 8, 3);
    if (breaks)
        chain_relu(m, "relu_1");
    chain_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "gap");
    if (!breaks)
        chain_relu(m, "relu_1");
    chain_dense(m, "dense", 4);
    chain_finish(m);
    return m;
}

static struct c2s_model *pool_padding(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    chain_max_pool(m, "pool", 2)->attr.pool.padding = breaks ? C2S_VALID : C2S_SAME;
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *flatten(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", 8, 3);
    if (!breaks)
        chain_relu(m, "relu");
    chain_add(m, C2S_OP_FLATTEN, "flat");
    if (breaks)
        chain_relu(m, "relu");
    else
        chain_add(m, C2S_OP_DROPOUT, "drop");
    chain_dense(m, "dense", 4);
    chain_finish(m);
    return m;
}

static void set_reshape(struct c2s_layer *l, int rank, int64_t a, int64_t b, int64_t c)
{
    l->attr.reshape.rank = rank;
    l->attr.reshape.dims[0] = a;
    l->attr.reshape.dims[1] = b;
    l->attr.reshape.dims[2] = c;
}

static struct c2s_model *reshape(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    chain_conv(m, "conv_1", 8, 3);
    if (!breaks)
        chain_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "gap");
    chain_relu(m, "relu_1");
    struct c2s_layer *l = chain_add(m, C2S_OP_RESHAPE, "reshape");
    if (breaks)
        set_reshape(l, 3, 8, 32, 8);
    else
        set_reshape(l, 3, 1, 1, 8);
    chain_conv(m, "conv_2", 8, 3);
    chain_relu(m, "relu_2");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *dense_input(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    if (!breaks)
        chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_dense(m, "dense", 4);
    chain_finish(m);
    return m;
}

static struct c2s_model *rescaling(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_add(m, C2S_OP_RESCALING, "scale")->attr.rescaling.scale = breaks ? 0 : 1 / 255.0f;
    front(m);
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *first_layer(bool breaks)
{
    struct c2s_model *m = chain_create(16, 16, breaks ? 4 : 1);
    front(m);
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *relu_options(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", 8, 3);
    chain_relu(m, "relu")->attr.relu.negative_slope = breaks ? 0.1f : 0;
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_layer *discrete(struct c2s_model *m, const char *name, int bits)
{
    struct c2s_layer *l = chain_add(m, C2S_OP_QUANTIZED_RELU, name);
    l->attr.quantized_relu.bitwidth = bits;
    l->attr.quantized_relu.max_value = 6;
    return l;
}

/* conv (8 bits) -> act -> sep (bits) -> act_1 -> flat -> dense, all quantized */
static struct c2s_model *quantized(int separable_bits, int activation_bits, int dense_bits)
{
    struct c2s_model *m = image_net();
    chain_quantize(chain_conv(m, "conv", 8, 3), 8);
    discrete(m, "act", 4);
    chain_quantize(chain_separable(m, "sep", 8, 3), separable_bits);
    discrete(m, "act_1", activation_bits);
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_quantize(chain_dense(m, "dense", 4), dense_bits);
    chain_finish(m);
    return m;
}

static struct c2s_model *weight_bits(bool breaks)
{
    return quantized(4, 4, breaks ? 3 : 2);
}

static struct c2s_model *activation_bits(bool breaks)
{
    return quantized(4, breaks ? 3 : 1, 4);
}

static struct c2s_model *separable_bits(bool breaks)
{
    struct c2s_model *m = quantized(4, 4, 4);
    if (breaks)
        m->layers[c2s_model_find(m, "sep")]->quantizer_dw.bitwidth = 2;
    return m;
}

static struct c2s_model *even_kernel(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    chain_conv(m, "conv_1", 8, breaks ? 4 : 5);
    chain_relu(m, "relu_1");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *stride_over_window(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    struct c2s_layer *pool = chain_max_pool(m, "pool", 2);
    pool->attr.pool.strides[0] = pool->attr.pool.strides[1] = breaks ? 3 : 2;
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *float_activations(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_quantize(chain_conv(m, "conv", 8, 3), 8);
    discrete(m, "act", 4);
    chain_quantize(chain_conv(m, "conv_1", 8, 3), 4);
    if (breaks)
        chain_relu(m, "relu_1");
    else
        discrete(m, "act_1", 4);
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_quantize(chain_dense(m, "dense", 4), 4);
    chain_finish(m);
    return m;
}

static struct c2s_model *float_weights(bool breaks)
{
    struct c2s_model *m = quantized(4, 4, 4);
    if (breaks)
        m->layers[c2s_model_find(m, "dense")]->quantizer.id = C2S_QUANTIZER_NONE;
    return m;
}

static struct c2s_model *with_weights(float value, int n)
{
    struct c2s_model *m = image_net();
    struct c2s_layer *conv = front(m);
    rear(m);
    chain_finish(m);
    for (int i = 0; i < n; i++) /* [3,3,3,8]: the first filter */
        c2s_f32(conv->params[C2S_KERNEL])[8 * i] = value;
    return m;
}

static struct c2s_model *finite_weights(bool breaks)
{
    return with_weights(breaks ? INFINITY : 1000, 1);
}

static struct c2s_model *dead_filters(bool breaks)
{
    return with_weights(0, breaks ? 27 : 26);
}

static struct c2s_model *zero_kernel(bool breaks)
{
    struct c2s_model *m = quantized(4, 4, 4);
    struct c2s_tensor *t = m->layers[c2s_model_find(m, "sep")]->params[C2S_DEPTHWISE_KERNEL];
    for (int64_t i = breaks ? 0 : 1; i < c2s_tensor_count(t); i++)
        c2s_f32(t)[i] = 0;
    return m;
}

static struct c2s_model *input_shape(bool breaks)
{
    struct c2s_model *m = image_net();
    m->layers[0]->dims[0] = breaks ? -1 : 16;
    front(m);
    chain_conv(m, "conv_1", 8, 3);
    chain_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "gap");
    chain_relu(m, "relu_1");
    chain_dense(m, "dense", 4);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_size(bool breaks)
{
    struct c2s_model *m = chain_create(5, breaks ? 257 : 256, 1);
    front(m);
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_kernel(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", 8, breaks ? 9 : 7);
    chain_relu(m, "relu");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_stride(bool breaks)
{
    struct c2s_model *m = image_net();
    struct c2s_layer *conv = front(m);
    conv->attr.conv.strides[0] = 3;
    conv->attr.conv.strides[1] = breaks ? 4 : 1; /* unequal strides do map */
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_filters(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", breaks ? 65 : 64, 5);
    chain_relu(m, "relu");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_pool(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    struct c2s_layer *pool = chain_max_pool(m, "pool", 2);
    pool->attr.pool.strides[0] = breaks ? 1 : 2;
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *image_activation(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", 8, 3);
    if (!breaks)
        chain_relu(m, "relu");
    chain_finish(m);
    return m;
}

static struct c2s_model *inner_padding(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m)->attr.conv.padding = C2S_VALID; /* the first one may */
    inner(m)->attr.conv.padding = breaks ? C2S_VALID : C2S_SAME;
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *inner_kernel(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    if (breaks)
        chain_separable(m, "sep", 8, 1);
    else
        chain_conv(m, "conv_1", 8, 1);
    chain_relu(m, "relu_1");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *inner_stride(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    struct c2s_layer *conv = chain_conv(m, "conv_1", 8, breaks ? 5 : 3);
    conv->attr.conv.strides[0] = conv->attr.conv.strides[1] = 2;
    chain_relu(m, "relu_1");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *inner_pool(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    chain_conv(m, "conv_1", 8, 3);
    chain_max_pool(m, "pool", breaks ? 3 : 2);
    chain_relu(m, "relu_1");
    chain_conv(m, "conv_2", 8, 3);
    chain_relu(m, "relu_2");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *max_pool_last(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
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
    front(m);
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
    front(m);
    chain_conv(m, "conv_1", breaks ? 2049 : 2048, 1);
    chain_relu(m, "relu_1");
    rear(m);
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
    return quantized(breaks ? 8 : 4, 4, 4);
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

static struct c2s_model *note_dropout(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    if (breaks)
        chain_add(m, C2S_OP_DROPOUT, "drop");
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *note_last_activation(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    rear(m);
    if (breaks)
        chain_add(m, C2S_OP_SOFTMAX, "softmax");
    chain_finish(m);
    return m;
}

static struct c2s_model *note_max_value(bool breaks)
{
    struct c2s_model *m = image_net();
    chain_conv(m, "conv", 8, 3);
    chain_relu(m, "relu")->attr.relu.max_value = breaks ? 3 : 6;
    rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *note_flatten_dropout(bool breaks)
{
    struct c2s_model *m = image_net();
    front(m);
    if (!breaks)
        chain_add(m, C2S_OP_DROPOUT, "drop");
    chain_add(m, C2S_OP_FLATTEN, "flat");
    if (breaks)
        chain_add(m, C2S_OP_DROPOUT, "drop");
    chain_dense(m, "dense", 4);
    chain_finish(m);
    return m;
}

static struct c2s_model *note_vector_input(bool breaks)
{
    struct c2s_model *m = breaks ? chain_create(0, 0, 20) : chain_create(1, 1, 20);
    chain_dense(m, "dense", 4);
    chain_finish(m);
    return m;
}

static struct c2s_model *note_image_bits(bool breaks)
{
    struct c2s_model *m = quantized(4, 4, 4);
    m->layers[c2s_model_find(m, "conv")]->quantizer.bitwidth = breaks ? 4 : 8;
    return m;
}

static const struct {
    const char *id;
    const char *layer; /* where the broken model is reported */
    struct c2s_model *(*build)(bool breaks);
    bool input_is_integers;
    const char *also; /* other errors the same mistake is */
} cases[] = {
    {"E001", "second", one_input},
    {"E002", "relu", one_output},
    {"E003", "add", serial},
    {"E004", "leaky", supported},
    {"E005", "conv", inlined},
    {"E006", "conv_1", dilation},
    {"E007", "conv_1", groups},
    {"E008", "sep", depth_multiplier},
    {"E009", "conv", channels_last},
    {"E010", "bn", zero_gamma},
    {"E011", "bn", negative_gamma},
    {"E012", "bn", norm_axis},
    {"E013", "bn", norm_place},
    {"E014", "dense", max_pool_then_dense},
    {"E015", "conv", missing_activation},
    {"E016", "relu_1", extra_activation},
    {"E017", "act", other_activation},
    {"E018", "gap", pool_place},
    {"E019", "pool", pool_padding},
    {"E020", "flat", flatten},
    {"E021", "reshape", reshape},
    {"E022", "dense", dense_input},
    {"E023", "scale", rescaling},
    {"E024", "conv", first_layer},
    {"E025", "relu", relu_options},
    {"E026", "dense", weight_bits, .also = "E054"},
    {"E027", "act_1", activation_bits},
    {"E028", "sep", separable_bits},
    {"E029", "conv_1", even_kernel, .also = "E047"},
    {"E030", "pool", stride_over_window, .also = "E044"},
    {"W031", "relu_1", float_activations},
    {"W032", "dense", float_weights},
    {"E033", "conv", finite_weights},
    {"W034", "conv", dead_filters},
    {"E035", "in", input_shape},
    {"E040", "conv", image_size},
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
    {"E054", "sep", chip_weight_bits},
    {"W055", "dense", first_bits_to_come, .input_is_integers = true},
    {"E058", "sep", zero_kernel},
    {"N061", "drop", note_dropout},
    {"N062", "softmax", note_last_activation},
    {"N063", "relu", note_max_value},
    {"N064", "flat", note_flatten_dropout},
    {"N065", "in", note_vector_input, .input_is_integers = true},
    {"N066", "conv", note_image_bits},
};
#define N_CASES ((int)(sizeof cases / sizeof cases[0]))

static struct c2s_findings check(const struct c2s_model *m, enum c2s_level level, bool integers)
{
    struct c2s_findings f;
    struct c2s_error err = {0};
    const struct c2s_check_options options = {.level = level, .input_is_integers = integers};
    assert_ok(c2s_check(m, &options, &f, &err), &err);
    return f;
}

static void broken_models_are_reported(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        struct c2s_model *m = cases[i].build(true);
        struct c2s_findings f = check(m, C2S_LEVEL_AKD1000, cases[i].input_is_integers);
        int n_there = 0;
        for (int k = 0; k < f.n_rows; k++) {
            const struct c2s_finding *row = &f.rows[k];
            const char *name = row->layer < 0 ? "" : m->layers[row->layer]->name;
            bool is_it = strcmp(row->rule->id, cases[i].id) == 0;
            n_there += is_it && strcmp(name, cases[i].layer) == 0;
            bool is_named = cases[i].also && strcmp(row->rule->id, cases[i].also) == 0;
            if (row->rule->severity == C2S_ERROR && !is_it && !is_named)
                fail_msg("%s: also %s on %s: %s", cases[i].id, row->rule->id, name, row->text);
            size_t n = strlen(row->text);
            if (n < 5 || row->text[n - 1] == '.' || n >= sizeof row->text - 1)
                fail_msg("%s: bad text '%s'", row->rule->id, row->text);
        }
        if (n_there != 1)
            fail_msg("%s: %d times on %s, not once", cases[i].id, n_there, cases[i].layer);
        c2s_findings_finish(&f);
        c2s_model_destroy(m);
    }
}

static void sound_models_are_not(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        struct c2s_model *m = cases[i].build(false);
        struct c2s_findings f = check(m, C2S_LEVEL_AKD1000, cases[i].input_is_integers);
        for (int k = 0; k < f.n_rows; k++)
            if (f.rows[k].rule->severity == C2S_ERROR ||
                strcmp(f.rows[k].rule->id, cases[i].id) == 0)
                fail_msg("%s: %s on the sound model: %s", cases[i].id, f.rows[k].rule->id,
                         f.rows[k].text);
        c2s_findings_finish(&f);
        c2s_model_destroy(m);
    }
}

static void every_rule_has_its_two_models(void **state)
{
    (void)state;
    for (const struct c2s_rule_info *r = c2s_rules(); r->id; r++) {
        int i = 0;
        while (i < N_CASES && strcmp(cases[i].id, r->id) != 0)
            i++;
        if (i == N_CASES)
            fail_msg("%s is not tested", r->id);
    }
}

static void a_level_leaves_later_ones_out(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        struct c2s_model *m = cases[i].build(true);
        for (int level = C2S_LEVEL_KERAS; level <= C2S_LEVEL_AKD1000; level++) {
            struct c2s_findings f = check(m, (enum c2s_level)level, cases[i].input_is_integers);
            bool is_there = false;
            int n_errors = 0;
            for (int k = 0; k < f.n_rows; k++) {
                is_there = is_there || strcmp(f.rows[k].rule->id, cases[i].id) == 0;
                assert_true((int)f.rows[k].rule->level <= level);
                n_errors += f.rows[k].rule->severity == C2S_ERROR;
            }
            assert_int_equal(n_errors, f.n_errors);
            assert_int_equal(n_errors, f.n_errors_at[0] + f.n_errors_at[1] + f.n_errors_at[2]);
            assert_int_equal(f.n_rows, f.n_errors + f.n_warnings + f.n_notes);
            assert_int_equal(is_there, (int)c2s_rule_find(cases[i].id)->level <= level);
            c2s_findings_finish(&f);
        }
        c2s_model_destroy(m);
    }
}

/* Three mistakes at once, as users make them. */
static void all_problems_come_at_once_and_sorted(void **state)
{
    (void)state;
    struct c2s_model *m = chain_create(16, 300, 3);
    chain_conv(m, "conv", 200, 4)->attr.conv.function = C2S_FN_TANH;
    chain_add(m, C2S_OP_AVERAGE_POOL, "average")->attr.pool =
        (struct c2s_pool_attr){.size = {2, 2}, .strides = {2, 2}};
    chain_add(m, C2S_OP_LEAKY_RELU, "leaky");
    rear(m);
    chain_finish(m);
    struct c2s_findings f = check(m, C2S_LEVEL_AKD1000, false);
    static const char *const expected[] = {"E005", "E029", "E040", "E041",
                                           "W032", "E004", "E004", "E053"};
    assert_int_equal(f.n_rows, 8);
    for (int i = 0; i < f.n_rows; i++)
        assert_string_equal(f.rows[i].rule->id, expected[i]);
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

static void a_float_model_is_one_warning_for_each_kind(void **state)
{
    (void)state;
    struct c2s_model *m = image_net();
    front(m);
    inner(m);
    rear(m);
    chain_finish(m);
    struct c2s_findings f = check(m, C2S_LEVEL_AKD1000, false);
    assert_int_equal(f.n_errors, 0);
    assert_int_equal(f.n_warnings, 2);
    assert_string_equal(f.rows[0].rule->id, "W032");
    assert_non_null(strstr(f.rows[0].text, "2 more layers"));
    assert_string_equal(f.rows[1].rule->id, "W031");
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_models_are_reported),
        cmocka_unit_test(sound_models_are_not),
        cmocka_unit_test(every_rule_has_its_two_models),
        cmocka_unit_test(a_level_leaves_later_ones_out),
        cmocka_unit_test(all_problems_come_at_once_and_sorted),
        cmocka_unit_test(a_float_model_is_one_warning_for_each_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
