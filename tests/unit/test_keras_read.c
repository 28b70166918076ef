/* Reading Keras files: every fixture against counts taken from the files by h5py and json. */
#include "support.h"

#include <c2s/keras.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Layers (submodels count as their layers, inputs of submodels not), tensors and their elements in
 * the file, and the bits of each layer in order ("" = none is quantized). */
static const struct {
    const char *path;
    int n_layers, n_tensors, n_params;
    const char *bits;
} files[] = {
    {"akidanet.h5", 25, 35, 9948, ""},
    {"corpus/chunk.h5", 401, 2, 20, ""},
    {"corpus/k3_fun.h5", 5, 4, 475, ""},
    {"corpus/k3_fun.keras", 5, 4, 475, ""},
    {"corpus/k3_mix.h5", 2, 2, 40, ""},
    {"corpus/k3_nest.h5", 5, 4, 166, ""},
    {"corpus/k3_nest.keras", 5, 4, 166, ""},
    {"corpus/k3_seq.h5", 9, 9, 299, ""},
    {"corpus/k3_seq.keras", 9, 9, 299, ""},
    {"corpus/nest2.h5", 7, 14, 140, ""},
    {"corpus/v18_fun.h5", 6, 4, 475, ""},
    {"corpus/v18_nest.h5", 6, 8, 174, ""},
    {"corpus/v18_q.h5", 9, 7, 291, "080444004"},
    {"corpus/v18_qt.h5", 9, 11, 295, "040444004"},
    {"corpus/v18_seq.h5", 11, 13, 315, ""},
    {"corpus/v18_seq_noopt.h5", 11, 13, 315, ""},
    {"corpus/v22_fun.h5", 6, 4, 475, ""},
    {"corpus/v22_nest.h5", 6, 8, 174, ""},
    {"corpus/v22_q.h5", 9, 7, 291, "080444004"},
    {"corpus/v22_seq.h5", 11, 13, 315, ""},
    {"corpus/v22_seq_noopt.h5", 11, 13, 315, ""},
    {"ds_cnn.h5", 21, 31, 4052, ""},
    {"expected/akidanet.expected_v18_iq8_wq2_aq4.h5", 19, 17, 9444, "0084242042420420402"},
    {"expected/akidanet.expected_v18_iq8_wq4_aq4.h5", 19, 17, 9444, "0084444044440440404"},
    {"expected/akidanet.expected_v22_iq8_wq2_aq4.h5", 19, 17, 9444, "0084242042420420402"},
    {"expected/akidanet.expected_v22_iq8_wq4_aq4.h5", 19, 17, 9444, "0084444044440440404"},
    {"expected/ds_cnn.expected_v18_iq4_wq2_aq2.h5", 16, 16, 3716, "0422222222020020"},
    {"expected/ds_cnn.expected_v18_iq8_wq4_aq1.h5", 16, 16, 3716, "0814141414010040"},
    {"expected/ds_cnn.expected_v18_iq8_wq4_aq4.h5", 16, 16, 3716, "0844444444040040"},
    {"expected/ds_cnn.expected_v22_iq4_wq2_aq2.h5", 16, 16, 3716, "0422222222020020"},
    {"expected/ds_cnn.expected_v22_iq8_wq4_aq1.h5", 16, 16, 3716, "0814141414010040"},
    {"expected/ds_cnn.expected_v22_iq8_wq4_aq4.h5", 16, 16, 3716, "0844444444040040"},
    {"expected/fm_sep.expected_v18_iq4_wq4_aq1.h5", 12, 9, 405546, "040140100414"},
    {"expected/fm_sep.expected_v18_iq8_wq2_aq2.h5", 12, 9, 405546, "080220200222"},
    {"expected/fm_sep.expected_v18_iq8_wq4_aq4.h5", 12, 9, 405546, "080440400444"},
    {"expected/fm_sep.expected_v22_iq4_wq4_aq1.h5", 12, 9, 405546, "040140100414"},
    {"expected/fm_sep.expected_v22_iq8_wq2_aq2.h5", 12, 9, 405546, "080220200222"},
    {"expected/fm_sep.expected_v22_iq8_wq4_aq4.h5", 12, 9, 405546, "080440400444"},
    {"expected/fm_vgg.expected_v18_iq8_wq2_aq4.h5", 13, 10, 60874, "0842042420420"},
    {"expected/fm_vgg.expected_v18_iq8_wq4_aq2.h5", 13, 10, 60874, "0824024240240"},
    {"expected/fm_vgg.expected_v18_iq8_wq4_aq4.h5", 13, 10, 60874, "0844044440440"},
    {"expected/fm_vgg.expected_v22_iq8_wq2_aq4.h5", 13, 10, 60874, "0842042420420"},
    {"expected/fm_vgg.expected_v22_iq8_wq4_aq2.h5", 13, 10, 60874, "0824024240240"},
    {"expected/fm_vgg.expected_v22_iq8_wq4_aq4.h5", 13, 10, 60874, "0844044440440"},
    {"expected/mlp.expected_v18_iq2_wq2_aq2.h5", 7, 6, 10501, "0022222"},
    {"expected/mlp.expected_v18_iq4_wq4_aq1.h5", 7, 6, 10501, "0041414"},
    {"expected/mlp.expected_v18_iq4_wq4_aq4.h5", 7, 6, 10501, "0044444"},
    {"expected/mlp.expected_v22_iq2_wq2_aq2.h5", 7, 6, 10501, "0022222"},
    {"expected/mlp.expected_v22_iq4_wq4_aq1.h5", 7, 6, 10501, "0041414"},
    {"expected/mlp.expected_v22_iq4_wq4_aq4.h5", 7, 6, 10501, "0044444"},
    {"expected/valid_net.expected_v18_iq8_wq2_aq2.h5", 10, 8, 16263, "0822220202"},
    {"expected/valid_net.expected_v18_iq8_wq4_aq4.h5", 10, 8, 16263, "0844440404"},
    {"expected/valid_net.expected_v22_iq8_wq2_aq2.h5", 10, 8, 16263, "0822220202"},
    {"expected/valid_net.expected_v22_iq8_wq4_aq4.h5", 10, 8, 16263, "0844440404"},
    {"fm_sep.h5", 15, 18, 406218, ""},
    {"fm_vgg.h5", 15, 18, 61258, ""},
    {"gallery/activation_relu_layer.h5", 5, 4, 8420, ""},
    {"gallery/big_fc.h5", 5, 4, 295812, ""},
    {"gallery/bn_after_relu.h5", 6, 8, 8452, ""},
    {"gallery/bn_negative_gamma.h5", 6, 8, 8452, ""},
    {"gallery/bn_negative_gamma_after_pool.h5", 7, 8, 2308, ""},
    {"gallery/bn_zero_gamma.h5", 6, 8, 8452, ""},
    {"gallery/dense_first.h5", 4, 4, 204, ""},
    {"gallery/depth_multiplier.h5", 7, 7, 8700, ""},
    {"gallery/depthwise.h5", 7, 6, 8500, ""},
    {"gallery/dilation.h5", 5, 4, 8420, ""},
    {"gallery/even_kernel.h5", 5, 4, 8588, ""},
    {"gallery/flatten_dropout_dense.h5", 6, 4, 8420, ""},
    {"gallery/gap_after_relu.h5", 7, 6, 844, ""},
    {"gallery/inline_relu.h5", 4, 4, 8420, ""},
    {"gallery/inline_softmax.h5", 5, 4, 8420, ""},
    {"gallery/inner_valid.h5", 7, 6, 7084, ""},
    {"gallery/leaky_relu.h5", 5, 4, 8420, ""},
    {"gallery/many_filters.h5", 5, 4, 210404, ""},
    {"gallery/maxpool_before_dense.h5", 8, 6, 2860, ""},
    {"gallery/nan_weight.h5", 5, 4, 8420, ""},
    {"gallery/nested.h5", 7, 7, 8564, ""},
    {"gallery/no_activation_hidden.h5", 6, 6, 9004, ""},
    {"gallery/ok_dropout.h5", 6, 4, 8420, ""},
    {"gallery/ok_gap.h5", 7, 6, 844, ""},
    {"gallery/ok_plain.h5", 9, 15, 8628, ""},
    {"gallery/ok_pool_bn.h5", 7, 8, 2308, ""},
    {"gallery/ok_relu_3.h5", 5, 4, 8420, ""},
    {"gallery/ok_relu_no_max.h5", 5, 4, 8420, ""},
    {"gallery/ok_relu_then_maxpool.h5", 6, 4, 2276, ""},
    {"gallery/ok_softmax_end.h5", 6, 4, 8420, ""},
    {"gallery/pool_padding_mismatch.h5", 6, 4, 2276, ""},
    {"gallery/reshape_bad.h5", 8, 6, 4588, ""},
    {"gallery/residual.h5", 8, 6, 9004, ""},
    {"gallery/sep_first.h5", 5, 5, 8255, ""},
    {"gallery/two_inputs.h5", 4, 2, 51, ""},
    {"gallery/two_outputs.h5", 6, 6, 8069, ""},
    {"gallery/two_pools.h5", 7, 4, 740, ""},
    {"gallery/wide_input.h5", 5, 4, 13028, ""},
    {"mlp.h5", 8, 9, 10693, ""},
    {"valid_net.h5", 11, 12, 16343, ""},
};

static void every_file_loads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct c2s_error err = {0};
        struct c2s_model *m;
        assert_ok(c2s_keras_read(data_path("%s", files[i].path), NULL, &m, &err), &err);
        assert_int_equal(m->n_layers, files[i].n_layers);
        assert_int_equal(m->n_tensors_read, files[i].n_tensors);
        assert_int_equal(m->n_tensors_expected, files[i].n_tensors);
        assert_int_equal(c2s_model_n_params(m), files[i].n_params);
        for (int k = 0; k < m->n_layers; k++) {
            const struct c2s_layer *l = m->layers[k];
            int bits = *files[i].bits ? files[i].bits[k] - '0' : 0;
            assert_int_not_equal(l->op, C2S_OP_UNKNOWN);
            assert_true(l->rank > 0);
            assert_int_equal(c2s_layer_weight_bits(l) + c2s_layer_activation_bits(l), bits);
        }
        bool is_18 = strstr(files[i].path, "v18") != NULL;
        assert_int_equal(m->dialect, !*files[i].bits ? C2S_DIALECT_KERAS
                                     : is_18         ? C2S_DIALECT_CNN2SNN_18
                                                     : C2S_DIALECT_CNN2SNN_22);
        c2s_model_destroy(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
