/* Graph edits and shape inference. */
#include "support.h"

#include <c2s/model.h>

static struct c2s_layer *chain(struct c2s_model *m, enum c2s_op op, const char *name)
{
    struct c2s_error err = {0};
    struct c2s_layer *l = c2s_layer_create(op, name, &err);
    if (m->n_layers > 0)
        assert_true(c2s_layer_add_input(l, m->n_layers - 1, &err));
    assert_true(c2s_model_add(m, l, NULL, &err));
    return l;
}

static struct c2s_model *small_net(void)
{
    struct c2s_error err = {0};
    struct c2s_model *m = c2s_model_create("net", &err);
    struct c2s_layer *in = chain(m, C2S_OP_INPUT, "in");
    in->rank = 3;
    in->dims[0] = 49, in->dims[1] = 10, in->dims[2] = 1;
    struct c2s_layer *conv = chain(m, C2S_OP_CONV2D, "conv");
    conv->attr.conv.filters = 16;
    conv->attr.conv.kernel[0] = conv->attr.conv.kernel[1] = 5;
    conv->attr.conv.strides[0] = conv->attr.conv.strides[1] = 2;
    conv->attr.conv.padding = C2S_SAME;
    chain(m, C2S_OP_RELU, "relu");
    chain(m, C2S_OP_FLATTEN, "flatten");
    assert_true(c2s_model_add_input(m, 0, &err));
    assert_true(c2s_model_add_output(m, 3, &err));
    return m;
}

static void shapes_follow_keras(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = small_net();
    assert_true(c2s_model_infer_shapes(m, &err));
    assert_int_equal(m->layers[1]->dims[0], 25);
    assert_int_equal(m->layers[1]->dims[1], 5);
    assert_int_equal(m->layers[1]->dims[2], 16);
    assert_int_equal(m->layers[3]->dims[0], 25 * 5 * 16);
    c2s_model_destroy(m);
}

static void windows_pad_less_in_front(void **state)
{
    (void)state;
    int64_t pad;
    assert_int_equal(c2s_window_length(10, 5, 2, 1, C2S_SAME, &pad), 5);
    assert_int_equal(pad, 1); /* 3 in all: 1 in front, 2 behind */
    assert_int_equal(c2s_window_length(10, 3, 1, 2, C2S_VALID, &pad), 6);
    assert_int_equal(pad, 0);
    assert_int_equal(c2s_window_length(2, 3, 1, 1, C2S_VALID, &pad), 0);
}

static void edits_keep_edges(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = small_net();
    assert_true(c2s_model_swap_with_input(m, 2, &err));
    assert_string_equal(m->layers[1]->name, "relu");
    assert_string_equal(m->layers[2]->name, "conv");
    assert_int_equal(m->layers[1]->inputs[0], 0);
    assert_int_equal(m->layers[2]->inputs[0], 1);
    assert_int_equal(m->layers[3]->inputs[0], 2);
    assert_true(c2s_model_remove(m, 2, &err));
    assert_int_equal(m->n_layers, 3);
    assert_int_equal(m->outputs[0], 2);
    assert_string_equal(m->layers[2]->name, "flatten");
    assert_int_equal(m->layers[2]->inputs[0], 1);
    assert_false(c2s_model_remove(m, 0, &err));
    assert_int_equal(err.code, C2S_STATE);
    c2s_model_destroy(m);
}

static void concatenate_adds_along_its_axis(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = small_net();
    struct c2s_layer *cat = c2s_layer_create(C2S_OP_CONCATENATE, "cat", &err);
    assert_true(c2s_layer_add_input(cat, 1, &err) && c2s_layer_add_input(cat, 2, &err));
    assert_true(c2s_model_add(m, cat, NULL, &err));
    assert_true(c2s_model_infer_shapes(m, &err));
    assert_int_equal(cat->dims[2], 32);
    assert_int_equal(cat->dims[0], 25);
    cat->attr.concatenate.axis = 1;
    assert_true(c2s_model_infer_shapes(m, &err));
    assert_int_equal(cat->dims[0], 50);
    assert_int_equal(cat->dims[2], 16);
    m->layers[0]->dims[0] = -1; /* open in the model: so is what is joined along it */
    assert_true(c2s_model_infer_shapes(m, &err));
    assert_int_equal(cat->dims[0], -1);
    assert_int_equal(cat->dims[2], 16);
    c2s_model_destroy(m);
}

static void globs_match_lists(void **state)
{
    (void)state;
    assert_true(c2s_glob_match("conv*", "conv2d_1"));
    assert_false(c2s_glob_match("conv", "conv2d"));
    assert_true(c2s_glob_match("dense,re_lu_?", "re_lu_3"));
    assert_true(c2s_glob_match("*", "inner/conv"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_follow_keras), cmocka_unit_test(windows_pad_less_in_front),
        cmocka_unit_test(edits_keep_edges),    cmocka_unit_test(concatenate_adds_along_its_axis),
        cmocka_unit_test(globs_match_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
