/* Which Akida layer each Keras layer becomes. */
#include "support.h"
#include "chains.h"

#include <c2s/finding.h>

struct expected {
    const char *layer;
    int akida;
    const char *role;
};

static void assert_map(struct c2s_model *m, bool integers, const struct expected *rows, int n_rows)
{
    int index[32];
    const char *role[32];
    assert_true(m->n_layers <= 32);
    assert_int_equal(m->n_layers, n_rows);
    c2s_check_map(m, integers, index, role);
    for (int i = 0; i < n_rows; i++) {
        assert_string_equal(m->layers[i]->name, rows[i].layer);
        if (index[i] != rows[i].akida)
            fail_msg("%s is in Akida layer %d, not %d", rows[i].layer, index[i], rows[i].akida);
        assert_string_equal(role[i], rows[i].role);
    }
    c2s_model_destroy(m);
}

static void an_image_model_starts_with_an_input_convolution(void **state)
{
    (void)state;
    struct c2s_model *m = chain_create(28, 28, 1);
    chain_add(m, C2S_OP_RESCALING, "scale");
    chain_conv(m, "conv", 8, 3);
    chain_max_pool(m, "pool", 2);
    chain_add(m, C2S_OP_BATCH_NORM, "bn");
    chain_relu(m, "relu");
    chain_separable(m, "sep", 8, 3);
    chain_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "gap");
    chain_relu(m, "relu_1");
    chain_add(m, C2S_OP_DROPOUT, "drop");
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_dense(m, "dense", 10);
    chain_add(m, C2S_OP_SOFTMAX, "softmax");
    chain_finish(m);
    static const struct expected rows[] = {{"in", -1, "input"},
                                           {"scale", 0, "input scaling"},
                                           {"conv", 0, "InputConvolutional"},
                                           {"pool", 0, "max 2x2"},
                                           {"bn", 0, "folded"},
                                           {"relu", 0, "activation"},
                                           {"sep", 1, "SeparableConvolutional"},
                                           {"gap", 1, "global average"},
                                           {"relu_1", 1, "activation"},
                                           {"drop", -1, "dropped"},
                                           {"flat", 2, "in front"},
                                           {"dense", 2, "FullyConnected"},
                                           {"softmax", -1, "dropped"}};
    assert_map(m, false, rows, 13);
}

static void integer_inputs_are_an_akida_layer(void **state)
{
    (void)state;
    struct c2s_model *m = chain_create(4, 4, 8);
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_dense(m, "fc", 4);
    chain_finish(m);
    static const struct expected rows[] = {
        {"in", 0, "InputData"}, {"flat", 1, "in front"}, {"fc", 1, "FullyConnected"}};
    assert_map(m, true, rows, 3);
}

static void a_pool_behind_its_relu_belongs_to_the_layer(void **state)
{
    (void)state;
    struct c2s_model *m = chain_create(16, 16, 3);
    chain_conv(m, "conv", 8, 3);
    chain_relu(m, "relu");
    chain_max_pool(m, "pool", 2);
    chain_conv(m, "conv_1", 8, 3);
    chain_finish(m);
    static const struct expected rows[] = {{"in", -1, "input"},
                                           {"conv", 0, "InputConvolutional"},
                                           {"relu", 0, "activation"},
                                           {"pool", 0, "max 2x2"},
                                           {"conv_1", 1, "Convolutional"}};
    assert_map(m, false, rows, 5);
}

static void what_akida_cannot_take_is_marked(void **state)
{
    (void)state;
    struct c2s_model *m = chain_create(16, 16, 3);
    chain_conv(m, "conv", 8, 3);
    chain_add(m, C2S_OP_LEAKY_RELU, "leaky");
    chain_add(m, C2S_OP_BATCH_NORM, "bn");
    chain_conv(m, "conv_1", 8, 3);
    chain_finish(m);
    static const struct expected rows[] = {{"in", -1, "input"},
                                           {"conv", 0, "InputConvolutional"},
                                           {"leaky", -1, "?"},
                                           {"bn", -1, "?"},
                                           {"conv_1", 1, "Convolutional"}};
    assert_map(m, false, rows, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_model_starts_with_an_input_convolution),
        cmocka_unit_test(integer_inputs_are_an_akida_layer),
        cmocka_unit_test(a_pool_behind_its_relu_belongs_to_the_layer),
        cmocka_unit_test(what_akida_cannot_take_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
