/* Rules about the graph, its layers and their order, each on two models: one that breaks the rule
 * and one that just does not. */
#include "support.h"
#include "check_cases.h"
#include "chains.h"

#include <string.h>

#include <c2s/finding.h>

static struct c2s_model *one_input(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_rear(m);
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
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_rear(m);
    chain_finish(m);
    struct c2s_error err = {0};
    if (breaks)
        assert_ok(c2s_model_add_output(m, c2s_model_find(m, "relu"), &err), &err);
    return m;
}

static struct c2s_model *serial(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_inner(m);
    struct c2s_error err = {0};
    if (breaks) {
        struct c2s_layer *add = chain_add(m, C2S_OP_ADD, "add");
        assert_ok(c2s_layer_add_input(add, c2s_model_find(m, "relu"), &err), &err);
    }
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *supported(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", 8, 3);
    if (breaks)
        chain_add(m, C2S_OP_LEAKY_RELU, "leaky");
    else
        chain_relu(m, "relu");
    chain_inner(m);
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *inlined(bool breaks)
{
    struct c2s_model *m = chain_image();
    struct c2s_layer *conv = chain_conv(m, "conv", 8, 3);
    if (breaks)
        conv->attr.conv.function = C2S_FN_RELU;
    else
        chain_relu(m, "relu");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *dilation(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_inner(m)->attr.conv.dilation[1] = breaks ? 2 : 1;
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *groups(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_inner(m)->attr.conv.groups = breaks ? 2 : 1;
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *depth_multiplier(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_separable(m, "sep", 8, 3)->attr.conv.depth_multiplier = breaks ? 2 : 1;
    chain_relu(m, "relu_1");
    chain_rear(m);
    chain_finish(m);
    return m;
}

/* The reader keeps a layer with channels first as an unknown one. */
static struct c2s_model *channels_last(bool breaks)
{
    struct c2s_model *m = chain_image();
    struct c2s_error err = {0};
    chain_front(m);
    struct c2s_layer *l =
        breaks ? chain_add(m, C2S_OP_UNKNOWN, "conv_1") : chain_conv(m, "conv_1", 8, 3);
    assert_ok(c2s_layer_set_text(&l->config,
                                 breaks
                                     ? "{\"name\": \"conv_1\", \"data_format\": \"channels_first\"}"
                                     : "{\"name\": \"channels_first\", \"data_format\": null}",
                                 &err),
              &err);
    chain_relu(m, "relu_1");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *norm_axis(bool breaks)
{
    struct c2s_model *m = chain_create(8, 8, 3);
    chain_conv(m, "conv", 8, 3);
    chain_add(m, C2S_OP_BATCH_NORM, "bn")->attr.batch_norm.axis = breaks ? 2 : 3;
    chain_relu(m, "relu");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *norm_place(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", 8, 3);
    if (breaks)
        chain_relu(m, "relu");
    else
        chain_add(m, C2S_OP_DROPOUT, "drop"); /* does not stand between them for convert */
    chain_add(m, C2S_OP_BATCH_NORM, "bn");
    if (!breaks)
        chain_relu(m, "relu");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *missing_activation(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", 8, 3);
    if (!breaks)
        chain_relu(m, "relu");
    chain_inner(m);
    chain_rear(m); /* dense has none: the last layer needs none */
    chain_finish(m);
    return m;
}

static struct c2s_model *extra_activation(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    if (breaks)
        chain_relu(m, "relu_1");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *other_activation(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", 8, 3);
    if (breaks)
        chain_add(m, C2S_OP_ACTIVATION, "act")->attr.activation.function = C2S_FN_RELU;
    else
        chain_relu(m, "relu");
    chain_rear(m);
    chain_add(m, C2S_OP_ACTIVATION, "last")->attr.activation.function = C2S_FN_SIGMOID;
    chain_finish(m);
    return m;
}

static struct c2s_model *pool_place(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
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
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_max_pool(m, "pool", 2)->attr.pool.padding = breaks ? C2S_VALID : C2S_SAME;
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *flatten(bool breaks)
{
    struct c2s_model *m = chain_image();
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
    struct c2s_model *m = chain_image();
    chain_front(m);
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
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *dense_input(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    if (!breaks)
        chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_dense(m, "dense", 4);
    chain_finish(m);
    return m;
}

static struct c2s_model *rescaling(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_add(m, C2S_OP_RESCALING, "scale")->attr.rescaling.scale = breaks ? 0 : 1 / 255.0f;
    chain_front(m);
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *first_layer(bool breaks)
{
    struct c2s_model *m = chain_create(16, 16, breaks ? 4 : 1);
    chain_front(m);
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *relu_threshold(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", 8, 3);
    chain_relu(m, "relu")->attr.relu.threshold = breaks ? 0.1f : 0;
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *relu_slope(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", 8, 3);
    chain_relu(m, "relu")->attr.relu.negative_slope = breaks ? 0.1f : 0;
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *even_kernel(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_conv(m, "conv_1", 8, breaks ? 4 : 5);
    chain_relu(m, "relu_1");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *stride_over_window(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    struct c2s_layer *pool = chain_max_pool(m, "pool", 2);
    pool->attr.pool.strides[0] = pool->attr.pool.strides[1] = breaks ? 3 : 2;
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *input_shape(bool breaks)
{
    struct c2s_model *m = chain_image();
    m->layers[0]->dims[0] = breaks ? -1 : 16;
    chain_front(m);
    chain_conv(m, "conv_1", 8, 3);
    chain_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "gap");
    chain_relu(m, "relu_1");
    chain_dense(m, "dense", 4);
    chain_finish(m);
    return m;
}

static struct c2s_model *note_dropout(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    if (breaks)
        chain_add(m, C2S_OP_DROPOUT, "drop");
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *note_last_activation(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
    chain_rear(m);
    if (breaks)
        chain_add(m, C2S_OP_SOFTMAX, "softmax");
    chain_finish(m);
    return m;
}

static struct c2s_model *note_max_value(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", 8, 3);
    chain_relu(m, "relu")->attr.relu.max_value = breaks ? 3 : 6;
    chain_rear(m);
    chain_finish(m);
    return m;
}

static struct c2s_model *note_flatten_dropout(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_front(m);
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

static const struct check_case cases[] = {
    {"E001", "second", one_input},
    {"E002", "relu", one_output},
    {"E003", "add", serial},
    {"E004", "leaky", supported},
    {"E005", "conv", inlined},
    {"E006", "conv_1", dilation},
    {"E007", "conv_1", groups},
    {"E008", "sep", depth_multiplier},
    {"E009", "conv_1", channels_last},
    {"E012", "bn", norm_axis},
    {"E013", "bn", norm_place},
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
    {"E025", "relu", relu_threshold},
    {"E029", "conv_1", even_kernel},
    {"E030", "pool", stride_over_window},
    {"E035", "in", input_shape},
    {"E039", "relu", relu_slope},
    {"N061", "drop", note_dropout},
    {"N062", "softmax", note_last_activation},
    {"N063", "relu", note_max_value},
    {"N064", "flat", note_flatten_dropout},
    {"N065", "in", note_vector_input, .input_is_integers = true},
};

static bool belongs(const struct c2s_rule_info *rule)
{
    return rule->level != C2S_LEVEL_AKD1000 && !strstr(NUMBER_RULES, rule->id) &&
           !strstr(DATA_RULES, rule->id);
}

int main(void)
{
    return run_check_cases(cases, sizeof cases / sizeof cases[0], belongs);
}
