/* Integer execution: the meaning of levels, padding and pooling on hand-made layers, and the fast
 * loops against the naive ones on random layers: no integer may differ. */
#include "random_net.h"

#include <stdio.h>

static struct c2s_tensor *forward(const struct c2s_akida_net *net, const struct c2s_tensor *x,
                                  bool fast)
{
    struct c2s_error err = {0};
    struct c2s_tensor *y = NULL;
    assert_ok(c2s_akida_forward(net, x, fast, NULL, NULL, &y, &err), &err);
    return y;
}

static int64_t n_different(const struct c2s_tensor *a, const struct c2s_tensor *b)
{
    assert_true(c2s_tensor_same_shape(a, b));
    int64_t n = 0;
    for (int64_t i = 0; i < c2s_tensor_count(a); i++)
        n += c2s_i32(a)[i] != c2s_i32(b)[i];
    return n;
}

static void assert_fast_equals_naive(const struct c2s_akida_net *net, int batch, const char *what)
{
    const struct c2s_akida_layer *l = &net->layers[0];
    int64_t dims[4] = {batch, l->input_dims[0], l->input_dims[1], l->input_dims[2]};
    struct c2s_tensor *x = random_tensor(C2S_U8, 4, dims, 0, (1 << l->input_bits) - 1);
    struct c2s_tensor *naive = forward(net, x, false), *fast = forward(net, x, true);
    int64_t n = n_different(naive, fast);
    if (n > 0)
        fail_msg("%s: %lld of %lld integers differ", what, (long long)n,
                 (long long)c2s_tensor_count(naive));
    c2s_tensor_unref(x);
    c2s_tensor_unref(naive);
    c2s_tensor_unref(fast);
}

static struct layer_recipe random_recipe(bool is_first)
{
    static const int kernels[] = {1, 3, 5, 7}, bits[] = {1, 2, 4};
    struct layer_recipe r = {0};
    r.type = is_first && random_int(0, 1)
                 ? C2S_AKIDA_INPUT_CONVOLUTIONAL
                 : random_int(C2S_AKIDA_CONVOLUTIONAL, C2S_AKIDA_FULLY_CONNECTED);
    r.filters = random_int(1, 70);
    r.weights_bits = random_int(2, 8);
    r.act_bits = random_int(0, 3) ? bits[random_int(0, 2)] : 0;
    r.padding = random_int(0, 1) ? C2S_SAME : C2S_VALID;
    r.padding_value = random_int(0, 1) ? random_int(1, 255) : 0;
    for (int i = 0; i < 2; i++) {
        bool is_dense = r.type == C2S_AKIDA_FULLY_CONNECTED;
        r.kernel[i] = is_dense ? 1 : kernels[random_int(0, 3)];
        r.strides[i] = is_dense ? 1 : random_int(1, 3);
        r.pool_size[i] = random_int(1, 3);
        r.pool_strides[i] = random_int(1, r.pool_size[i]);
    }
    if (r.type != C2S_AKIDA_FULLY_CONNECTED)
        r.pool = random_int(C2S_AKIDA_NO_POOL, C2S_AKIDA_AVERAGE_POOL);
    return r;
}

static void random_single_layers_agree(void **state)
{
    (void)state;
    for (int i = 0; i < 400; i++) {
        random_state = (uint64_t)i + 1;
        struct layer_recipe r = random_recipe(true);
        bool is_image = r.type == C2S_AKIDA_INPUT_CONVOLUTIONAL;
        int in[3] = {random_int(24, 31), random_int(24, 31),
                     is_image ? 1 + 2 * random_int(0, 1) : random_int(1, 40)};
        if (r.type == C2S_AKIDA_FULLY_CONNECTED)
            in[0] = random_int(1, 5), in[1] = random_int(1, 5);
        struct c2s_akida_net *net = random_net(in, &r, 1);
        char what[160];
        snprintf(what, sizeof what,
                 "seed %d: %s in %d,%d,%d filters %d kernel %d,%d stride %d,%d pad %d pool %d "
                 "w%d a%d",
                 i + 1, c2s_akida_type_name(r.type), in[0], in[1], in[2], r.filters, r.kernel[0],
                 r.kernel[1], r.strides[0], r.strides[1], r.padding, r.pool, r.weights_bits,
                 r.act_bits);
        assert_fast_equals_naive(net, random_int(1, 3), what);
        c2s_akida_net_destroy(net);
    }
}

static void random_chains_agree(void **state)
{
    (void)state;
    const struct layer_recipe chain[] = {
        {.type = C2S_AKIDA_INPUT_CONVOLUTIONAL,
         .filters = 12,
         .kernel = {5, 3},
         .strides = {2, 1},
         .padding = C2S_SAME,
         .pool = C2S_AKIDA_MAX_POOL,
         .pool_size = {2, 2},
         .pool_strides = {2, 2},
         .weights_bits = 8,
         .act_bits = 4,
         .padding_value = 128},
        {.type = C2S_AKIDA_CONVOLUTIONAL,
         .filters = 17,
         .kernel = {3, 3},
         .strides = {1, 1},
         .padding = C2S_SAME,
         .weights_bits = 4,
         .act_bits = 2},
        {.type = C2S_AKIDA_SEPARABLE_CONVOLUTIONAL,
         .filters = 33,
         .kernel = {3, 3},
         .strides = {1, 1},
         .padding = C2S_SAME,
         .pool = C2S_AKIDA_MAX_POOL,
         .pool_size = {3, 3},
         .pool_strides = {2, 2},
         .weights_bits = 4,
         .act_bits = 1},
        dense_recipe(70, 2, 4),
        dense_recipe(5, 4, 0),
    };
    for (int i = 0; i < 10; i++) {
        random_state = (uint64_t)i + 77;
        struct c2s_akida_net *net = random_net((int[]){30, 26, 3}, chain, 5);
        assert_fast_equals_naive(net, i == 0 ? 130 : 4, "chain"); /* 130: more than one chunk */
        c2s_akida_net_destroy(net);
    }
}

/* Products and sums that no fast route may take: 255 * 127 in pairs leaves 16 bits, and a sum of
 * 7 * 7 * 40 * 15 * 127 times 127 leaves float32's 24 bits. */
static void extreme_weights_agree(void **state)
{
    (void)state;
    const struct layer_recipe recipes[] = {
        {.type = C2S_AKIDA_INPUT_CONVOLUTIONAL,
         .filters = 8,
         .kernel = {7, 7},
         .strides = {1, 1},
         .padding = C2S_SAME,
         .weights_bits = 8,
         .padding_value = 255},
        {.type = C2S_AKIDA_SEPARABLE_CONVOLUTIONAL,
         .filters = 8,
         .kernel = {7, 7},
         .strides = {1, 1},
         .padding = C2S_SAME,
         .weights_bits = 8},
        dense_recipe(4, 8, 0),
    };
    for (int i = 0; i < 3; i++) {
        struct c2s_akida_net *net = random_net((int[]){20, 20, i == 0 ? 3 : 40}, &recipes[i], 1);
        struct c2s_akida_layer *l = &net->layers[net->n_layers - 1];
        memset(l->weights->data, 127, c2s_tensor_bytes(l->weights));
        if (l->weights_pw)
            memset(l->weights_pw->data, 127, c2s_tensor_bytes(l->weights_pw));
        int64_t dims[4] = {2, 20, 20, l->input_dims[2]};
        int top = (1 << l->input_bits) - 1;
        struct c2s_tensor *x = random_tensor(C2S_U8, 4, dims, top, top);
        struct c2s_tensor *naive = forward(net, x, false), *fast = forward(net, x, true);
        assert_int_equal(n_different(naive, fast), 0);
        /* The middle pixel sees the whole window: its sum is known. */
        int64_t taps = i == 0 ? 49 * 3 : i == 1 ? 49 * 40 * 127 : 20 * 20 * 40;
        size_t at = i == 2 ? 0 : (10 * 20 + 10) * 8;
        assert_int_equal(c2s_i32(fast)[at], taps * 127 * top);
        c2s_tensor_unref(x);
        c2s_tensor_unref(naive);
        c2s_tensor_unref(fast);
        c2s_akida_net_destroy(net);
    }
}

/* One unit with weight 1 on one input of 0..15: the potential is the input itself. */
static struct c2s_akida_net *identity_net(int act_bits, int threshold, float act_step)
{
    struct layer_recipe r = dense_recipe(1, 2, act_bits);
    struct c2s_akida_net *net = random_net((int[]){1, 1, 1}, &r, 1);
    c2s_i8(net->layers[1].weights)[0] = 1;
    c2s_i32(net->layers[1].threshold)[0] = threshold;
    c2s_f32(net->layers[1].act_step)[0] = act_step;
    return net;
}

static void assert_levels(int act_bits, int threshold, float act_step, const int expected[16])
{
    struct c2s_akida_net *net = identity_net(act_bits, threshold, act_step);
    int64_t dims[4] = {16, 1, 1, 1};
    struct c2s_tensor *x = random_tensor(C2S_U8, 4, dims, 0, 0);
    for (int i = 0; i < 16; i++)
        c2s_u8(x)[i] = (uint8_t)i;
    for (int fast = 0; fast < 2; fast++) {
        struct c2s_tensor *y = forward(net, x, fast);
        for (int i = 0; i < 16; i++)
            assert_int_equal(c2s_i32(y)[i], expected[i]);
        c2s_tensor_unref(y);
    }
    c2s_tensor_unref(x);
    c2s_akida_net_destroy(net);
}

/* T + n * S < p <= T + (n + 1) * S gives level n + 1, S = floor(act_step * 16) / 2^bits. */
static void levels_follow_the_rule(void **state)
{
    (void)state;
    assert_levels(1, 4, 3.0f, (int[]){0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    assert_levels(2, 2, 0.5f, (int[]){0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3});
    assert_levels(4, 3, 2.0f, (int[]){0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6});
    assert_levels(4, -3, 2.0f, (int[]){2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9});
    /* 1.12 lies in sixteenths at 17.92: floored to 17 / 16 = 1.0625. */
    assert_levels(4, 0, 1.12f, (int[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
    assert_levels(4, -2, 1.12f, (int[]){2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15, 15});
    /* Below 1/16 the step floors to 0: all or nothing. */
    assert_levels(4, 5, 0.05f, (int[]){0, 0, 0, 0, 0, 0, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15});
    assert_levels(4, 5, 1e30f, (int[]){0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
}

static void last_layer_without_activation_gives_potentials(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_akida_net *net = identity_net(0, -7, 2.5f);
    struct c2s_tensor *x = random_tensor(C2S_U8, 4, (int64_t[]){1, 1, 1, 1}, 3, 3), *scaled = NULL;
    struct c2s_tensor *y = forward(net, x, true);
    assert_int_equal(c2s_i32(y)[0], 3);
    assert_ok(c2s_akida_rescale(net, y, &scaled, &err), &err);
    assert_true(c2s_f32(scaled)[0] == 4.0f);
    c2s_tensor_unref(x);
    c2s_tensor_unref(y);
    c2s_tensor_unref(scaled);
    c2s_akida_net_destroy(net);
}

static void wrong_inputs_are_refused(void **state)
{
    (void)state;
    struct c2s_akida_net *net = identity_net(4, 0, 1);
    struct c2s_tensor *too_large = random_tensor(C2S_U8, 4, (int64_t[]){1, 1, 1, 1}, 16, 16);
    struct c2s_tensor *too_many = random_tensor(C2S_U8, 4, (int64_t[]){1, 1, 1, 2}, 1, 1);
    struct c2s_tensor *wrong_type = random_tensor(C2S_I32, 4, (int64_t[]){1, 1, 1, 1}, 1, 1);
    struct c2s_tensor *inputs[] = {too_large, too_many, wrong_type}, *y = NULL;
    enum c2s_code codes[] = {C2S_RANGE, C2S_SHAPE, C2S_SHAPE};
    for (int i = 0; i < 3; i++) {
        struct c2s_error err = {0};
        assert_false(c2s_akida_forward(net, inputs[i], true, NULL, NULL, &y, &err));
        assert_int_equal(err.code, codes[i]);
        assert_null(y);
        c2s_tensor_unref(inputs[i]);
    }
    c2s_akida_net_destroy(net);
}

struct seen {
    int n_layers, stop_at;
    int64_t batch;
};

static bool see(void *arg, int layer, const struct c2s_tensor *y)
{
    struct seen *s = arg;
    assert_int_equal(layer, s->n_layers);
    assert_int_equal(y->dtype, C2S_I32);
    s->n_layers++;
    s->batch = y->dims[0];
    return layer != s->stop_at;
}

static void each_layer_is_shown_and_can_stop(void **state)
{
    (void)state;
    struct c2s_akida_net *net = identity_net(4, 0, 1);
    struct c2s_tensor *x = random_tensor(C2S_U8, 4, (int64_t[]){100, 1, 1, 1}, 0, 15), *y = NULL;
    struct seen all = {.stop_at = -1}, first = {.stop_at = 0};
    struct c2s_error err = {0};
    assert_ok(c2s_akida_forward(net, x, true, see, &all, &y, &err), &err);
    assert_int_equal(all.n_layers, 2);
    assert_int_equal(all.batch, 100);
    c2s_tensor_unref(y);
    assert_false(c2s_akida_forward(net, x, true, see, &first, &y, &err));
    assert_int_equal(err.code, C2S_CANCELLED);
    assert_int_equal(first.n_layers, 1);
    c2s_tensor_unref(x);
    c2s_akida_net_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_follow_the_rule),
        cmocka_unit_test(last_layer_without_activation_gives_potentials),
        cmocka_unit_test(random_single_layers_agree),
        cmocka_unit_test(random_chains_agree),
        cmocka_unit_test(extreme_weights_agree),
        cmocka_unit_test(wrong_inputs_are_refused),
        cmocka_unit_test(each_layer_is_shown_and_can_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
