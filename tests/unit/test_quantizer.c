/* Weight quantizers: against numbers of the toolkit, and properties on random tensors. */
#include "support.h"
#include "nets.h"

#include <math.h>
#include <stdlib.h>

#include <c2s/quantizer.h>

static struct c2s_tensor *scale(const struct c2s_quantizer_spec *spec, const struct c2s_tensor *w)
{
    struct c2s_error err = {0};
    struct c2s_tensor *sf = NULL;
    assert_ok(c2s_quantizer_scale(spec, w, NULL, &sf, &err), &err);
    return sf;
}

static struct c2s_tensor *integers(const struct c2s_quantizer_spec *spec,
                                   const struct c2s_tensor *w, const struct c2s_tensor *sf)
{
    struct c2s_error err = {0};
    struct c2s_tensor *q = NULL;
    assert_ok(c2s_quantizer_integers(spec, w, sf, &q, &err), &err);
    return q;
}

/* Weights and results printed by cnn2snn 1.8.13 (is_limited false) and 2.2.6 (true):
 * scale_factor(w), and round(quantize(w) * scale_factor(w)). Threshold of the Std kinds: 1.5. */
static const float weights[12] = {0.1103f,  -0.0827f, 0.0005f, -0.063f,  0.0274f, 0.3956f,
                                  -0.0021f, -0.1479f, 0.0469f, -0.0825f, 0.0013f, -0.0512f};
static const struct golden {
    struct c2s_quantizer_spec spec;
    float sf[4];
    int8_t q[12];
} golden[] = {
    {{C2S_QUANTIZER_MAX, 4, 0, false}, {0x1.1b1d40p+4f}, {2, -1, 0, -1, 0, 7, 0, -3, 1, -1, 0, -1}},
    {{C2S_QUANTIZER_MAX, 8, 0, true},
     {0x1.410806p+8f},
     {35, -27, 0, -20, 9, 127, -1, -47, 15, -26, 0, -16}},
    {{C2S_QUANTIZER_MAX, 2, 0, true}, {0x1.438f24p+1f}, {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}},
    {{C2S_QUANTIZER_MAX_PER_AXIS, 4, 0, false},
     {0x1.fbb4cep+5f, 0x1.1b1d40p+4f, 0x1.a0aaacp+11f, 0x1.7aa25cp+5f},
     {7, -1, 2, -3, 2, 7, -7, -7, 3, -1, 4, -2}},
    {{C2S_QUANTIZER_MAX_PER_AXIS, 8, 0, false},
     {0x1.1fd9f0p+10f, 0x1.410806p+8f, 0x1.d87862p+15f, 0x1.ad581ap+9f},
     {127, -27, 30, -54, 32, 127, -127, -127, 54, -26, 79, -44}},
    {{C2S_QUANTIZER_MAX_PER_AXIS, 2, 0, false},
     {0x1.221e2cp+3f, 0x1.438f24p+1f, 0x1.dc30c4p+8f, 0x1.b0b98ep+2f},
     {1, 0, 0, 0, 0, 1, -1, -1, 0, 0, 1, 0}},
    {{C2S_QUANTIZER_MAX_PER_AXIS, 4, 0, true},
     {0x1.fbb4cep+5f, 0x1.1b1d40p+4f, 1000, 0x1.7aa25cp+5f},
     {7, -1, 0, -3, 2, 7, -2, -7, 3, -1, 1, -2}},
    {{C2S_QUANTIZER_MAX_PER_AXIS, 8, 0, true},
     {1000, 0x1.410806p+8f, 1000, 0x1.ad581ap+9f},
     {110, -27, 0, -54, 27, 127, -2, -127, 47, -26, 1, -44}},
    {{C2S_QUANTIZER_STD, 4, 1.5f, false},
     {0x1.19045ap+5f},
     {4, -3, 0, -2, 1, 7, 0, -5, 2, -3, 0, -2}},
    {{C2S_QUANTIZER_STD, 8, 1.5f, true},
     {0x1.3ea73ap+9f},
     {70, -53, 0, -40, 17, 127, -1, -94, 30, -53, 1, -33}},
    {{C2S_QUANTIZER_TRAINABLE_STD, 2, 1.5f, false},
     {0x1.41298cp+2f},
     {1, 0, 0, 0, 0, 1, 0, -1, 0, 0, 0, 0}},
    {{C2S_QUANTIZER_STD_PER_AXIS, 4, 1.5f, true},
     {0x1.07b9eap+7f, 0x1.4b39a8p+4f, 1000, 0x1.b15d7cp+6f},
     {7, -2, 0, -7, 4, 7, -2, -7, 6, -2, 1, -6}},
    {{C2S_QUANTIZER_STD_PER_AXIS, 2, 1.5f, true},
     {0x1.2d66c2p+4f, 0x1.7a8b0ap+1f, 0x1.cb50b4p+8f, 0x1.ef4644p+3f},
     {1, 0, 0, -1, 1, 1, -1, -1, 1, 0, 1, -1}},
};

static void numbers_are_those_of_the_toolkit(void **state)
{
    (void)state;
    struct c2s_tensor *w = tensor_of(2, (int64_t[]){3, 4}, weights);
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        const struct golden *g = &golden[i];
        struct c2s_tensor *sf = scale(&g->spec, w), *q = integers(&g->spec, w, sf);
        bool is_max = g->spec.id == C2S_QUANTIZER_MAX || g->spec.id == C2S_QUANTIZER_MAX_PER_AXIS;
        for (int64_t c = 0; c < c2s_tensor_count(sf); c++) {
            float got = c2s_f32(sf)[c];
            /* Standard deviations: the reference sums in float32, 4 units in the last place. */
            if (fabsf(got - g->sf[c]) > (is_max ? 0 : 4 * 0x1p-23f * g->sf[c]))
                fail_msg("case %zu channel %d: %a, not %a", i, (int)c, (double)got,
                         (double)g->sf[c]);
        }
        assert_memory_equal(q->data, g->q, sizeof g->q);
        c2s_tensor_unref(sf);
        c2s_tensor_unref(q);
    }
    c2s_tensor_unref(w);
}

static void a_trained_threshold_replaces_the_one_in_the_config(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_tensor *w = tensor_of(2, (int64_t[]){3, 4}, weights);
    struct c2s_tensor *threshold = tensor_of(0, NULL, &(float){3.0f}), *sf = NULL;
    struct c2s_quantizer_spec spec = {C2S_QUANTIZER_TRAINABLE_STD, 4, 1.5f, false};
    struct c2s_tensor *from_config = scale(&spec, w);
    assert_ok(c2s_quantizer_scale(&spec, w, threshold, &sf, &err), &err);
    /* Twice the threshold, half the scale: exact, it is a power of two. */
    assert_true(*c2s_f32(sf) * 2 == *c2s_f32(from_config));
    c2s_tensor_unref(from_config);
    c2s_tensor_unref(sf);
    c2s_tensor_unref(threshold);
    c2s_tensor_unref(w);
}

static void halves_go_to_the_even_integer(void **state)
{
    (void)state;
    /* max 7 at 4 bits gives sf = 1, so the weights are the values that get rounded. */
    const float w8[8] = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 7, 6.5f};
    const int8_t expected[8] = {0, 2, 2, 0, -2, -2, 7, 6};
    struct c2s_tensor *w = tensor_of(2, (int64_t[]){8, 1}, w8);
    struct c2s_quantizer_spec spec = {C2S_QUANTIZER_MAX_PER_AXIS, 4, 0, true};
    struct c2s_tensor *sf = scale(&spec, w), *q = integers(&spec, w, sf);
    assert_true(*c2s_f32(sf) == 1.0f);
    assert_memory_equal(q->data, expected, sizeof expected);
    c2s_tensor_unref(sf);
    c2s_tensor_unref(q);
    c2s_tensor_unref(w);
}

static void a_channel_of_zeros_becomes_integers_0(void **state)
{
    (void)state;
    const float values[6] = {1, 0, -2, 0, 0.5f, 0};
    struct c2s_tensor *w = tensor_of(2, (int64_t[]){3, 2}, values);
    for (int id = C2S_QUANTIZER_MAX; id < C2S_QUANTIZER_COUNT; id++)
        for (int limited = 0; limited < 2; limited++) {
            struct c2s_quantizer_spec spec = {(enum c2s_quantizer_id)id, 4, 3, limited};
            struct c2s_tensor *sf = scale(&spec, w), *q = integers(&spec, w, sf);
            for (int i = 1; i < 6; i += 2)
                assert_int_equal(c2s_i8(q)[i], 0);
            if (sf->rank == 1)
                assert_true(c2s_f32(sf)[1] == (limited ? 1000.0f : 1.0f));
            c2s_tensor_unref(sf);
            c2s_tensor_unref(q);
        }
    c2s_tensor_unref(w);
}

/* One random tensor: bounds of the integers, the largest weight at kmax, error at most half a step,
 * and quantizing the quantized weights changes nothing. */
static void check_random(const struct c2s_quantizer_spec *spec, const struct c2s_tensor *w)
{
    struct c2s_error err = {0};
    struct c2s_tensor *sf = scale(spec, w), *q = integers(spec, w, sf), *fake = NULL;
    assert_ok(c2s_quantizer_fake(spec, w, sf, &fake, &err), &err);
    struct c2s_tensor *again = integers(spec, fake, sf);
    int kmax = (1 << (spec->bitwidth - 1)) - 1, largest = 0;
    int64_t n_scales = c2s_tensor_count(sf);
    for (int64_t i = 0; i < c2s_tensor_count(w); i++) {
        float step = 1 / c2s_f32(sf)[i % n_scales], x = c2s_f32(w)[i], y = c2s_f32(fake)[i];
        assert_in_range(c2s_i8(q)[i] + kmax, 0, 2 * kmax);
        largest = abs(c2s_i8(q)[i]) > largest ? abs(c2s_i8(q)[i]) : largest;
        if (fabsf(x) <= (float)kmax * step)
            assert_true(fabsf(y - x) <= step * 0.50001f);
        else
            assert_int_equal(c2s_i8(q)[i], x > 0 ? kmax : -kmax);
    }
    if (spec->id == C2S_QUANTIZER_MAX || spec->id == C2S_QUANTIZER_MAX_PER_AXIS)
        assert_int_equal(largest, kmax);
    assert_memory_equal(q->data, again->data, c2s_tensor_bytes(q));
    c2s_tensor_unref(sf);
    c2s_tensor_unref(q);
    c2s_tensor_unref(fake);
    c2s_tensor_unref(again);
}

static void random_tensors_keep_the_bounds(void **state)
{
    (void)state;
    srand(11);
    for (int round = 0; round < 200; round++) {
        int rank = 2 + rand() % 3;
        int64_t dims[4];
        for (int i = 0; i < rank; i++)
            dims[i] = 1 + rand() % 6;
        struct c2s_tensor *w = tensor_of(rank, dims, NULL);
        for (int64_t i = 0; i < c2s_tensor_count(w); i++)
            c2s_f32(w)[i] = ((float)rand() / (float)RAND_MAX - 0.5f) * (float)(1 + round % 7) +
                            (float)(i % 2) * 0.3f;
        struct c2s_quantizer_spec spec = {
            (enum c2s_quantizer_id)(C2S_QUANTIZER_MAX + round % (C2S_QUANTIZER_COUNT - 1)),
            2 + rand() % 7, 2.5f, false};
        check_random(&spec, w);
        c2s_tensor_unref(w);
    }
}

static void impossible_input_is_refused(void **state)
{
    (void)state;
    const float bad[3] = {NAN, INFINITY, -INFINITY};
    struct c2s_quantizer_spec spec = {C2S_QUANTIZER_MAX_PER_AXIS, 4, 0, true};
    for (int i = 0; i < 3; i++) {
        struct c2s_error err = {0};
        struct c2s_tensor *w = tensor_of(2, (int64_t[]){3, 4}, weights), *sf = NULL;
        c2s_f32(w)[7] = bad[i];
        assert_false(c2s_quantizer_scale(&spec, w, NULL, &sf, &err));
        assert_int_equal(err.code, C2S_RANGE);
        assert_null(sf);
        c2s_tensor_unref(w);
    }
    struct c2s_tensor *w = tensor_of(2, (int64_t[]){3, 4}, weights), *sf = NULL;
    const struct c2s_quantizer_spec specs[] = {{C2S_QUANTIZER_NONE, 4, 0, true},
                                               {C2S_QUANTIZER_MAX, 1, 0, true},
                                               {C2S_QUANTIZER_MAX, 9, 0, true},
                                               {C2S_QUANTIZER_STD, 4, 0, true},
                                               {C2S_QUANTIZER_STD, 4, NAN, true}};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct c2s_error err = {0};
        assert_false(c2s_quantizer_scale(&specs[i], w, NULL, &sf, &err));
        assert_int_equal(err.code, C2S_RANGE);
    }
    struct c2s_error err = {0};
    struct c2s_tensor *flat = tensor_of(1, (int64_t[]){12}, weights);
    assert_false(c2s_quantizer_scale(&spec, flat, NULL, &sf, &err));
    assert_int_equal(err.code, C2S_SHAPE);
    struct c2s_error misfit = {0};
    struct c2s_tensor *q = NULL;
    assert_false(c2s_quantizer_integers(&spec, w, flat, &q, &misfit));
    assert_int_equal(misfit.code, C2S_SHAPE);
    c2s_tensor_unref(flat);
    c2s_tensor_unref(w);
}

static void effective_kernel_follows_the_quantizer(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_layer *l = c2s_layer_create(C2S_OP_DENSE, "fc", &err);
    struct c2s_tensor *k = NULL;
    assert_ok(c2s_layer_effective_kernel(l, C2S_KERNEL, &k, &err), &err);
    assert_null(k);
    c2s_layer_set_param(l, C2S_KERNEL, tensor_of(2, (int64_t[]){3, 4}, weights));
    assert_ok(c2s_layer_effective_kernel(l, C2S_KERNEL, &k, &err), &err);
    assert_ptr_equal(k, l->params[C2S_KERNEL]);
    c2s_tensor_unref(k);
    l->quantizer = (struct c2s_quantizer_spec){C2S_QUANTIZER_MAX, 2, 0, true};
    assert_ok(c2s_layer_effective_kernel(l, C2S_KERNEL, &k, &err), &err);
    assert_true(c2s_f32(k)[5] == 1 / 0x1.438f24p+1f && c2s_f32(k)[0] == 0);
    c2s_tensor_unref(k);
    k = NULL;
    c2s_f32(l->params[C2S_KERNEL])[2] = NAN;
    assert_false(c2s_layer_effective_kernel(l, C2S_KERNEL, &k, &err));
    assert_int_equal(err.code, C2S_RANGE);
    assert_string_equal(err.where, "layer fc");
    c2s_layer_destroy(l);
}

static void class_names_go_both_ways(void **state)
{
    (void)state;
    for (int id = C2S_QUANTIZER_MAX; id < C2S_QUANTIZER_COUNT; id++)
        assert_int_equal(c2s_quantizer_from_class(c2s_quantizer_class((enum c2s_quantizer_id)id)),
                         id);
    assert_int_equal(c2s_quantizer_from_class("WeightQuantizer"), C2S_QUANTIZER_STD);
    assert_int_equal(c2s_quantizer_from_class("TrainableWeightQuantizer"),
                     C2S_QUANTIZER_TRAINABLE_STD);
    assert_int_equal(c2s_quantizer_from_class("WeightFloat"), C2S_QUANTIZER_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_the_toolkit),
        cmocka_unit_test(a_trained_threshold_replaces_the_one_in_the_config),
        cmocka_unit_test(halves_go_to_the_even_integer),
        cmocka_unit_test(a_channel_of_zeros_becomes_integers_0),
        cmocka_unit_test(random_tensors_keep_the_bounds),
        cmocka_unit_test(impossible_input_is_refused),
        cmocka_unit_test(effective_kernel_follows_the_quantizer),
        cmocka_unit_test(class_names_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
