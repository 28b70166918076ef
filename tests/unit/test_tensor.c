/* Tensors and hashes. */
#include "support.h"

#include <c2s/tensor.h>

static void tensors_are_shared_and_counted(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    int64_t dims[2] = {2, 3};
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, 2, dims, &err);
    assert_non_null(t);
    assert_int_equal(c2s_tensor_count(t), 6);
    assert_int_equal(c2s_tensor_bytes(t), 24);
    struct c2s_tensor *same = c2s_tensor_ref(t);
    c2s_tensor_unref(t);
    c2s_f32(same)[5] = 1.5f;
    struct c2s_tensor *copy = c2s_tensor_clone(same, &err);
    assert_true(c2s_tensor_same_shape(same, copy));
    assert_true(c2s_f32(copy)[5] == 1.5f);
    c2s_tensor_unref(copy);
    c2s_tensor_unref(same);
}

static void impossible_sizes_fail(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    assert_null(c2s_tensor_create(C2S_F32, 2, (int64_t[]){1LL << 40, 1LL << 40}, &err));
    assert_int_equal(err.code, C2S_RANGE);
}

static void hash_is_sha256_of_head_and_data(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_tensor *t = c2s_tensor_create(C2S_U8, 1, (int64_t[]){3}, &err);
    c2s_u8(t)[0] = 'a', c2s_u8(t)[1] = 'b', c2s_u8(t)[2] = 'c';
    char hex[C2S_HASH_LENGTH + 1];
    c2s_tensor_hash(t, hex);
    /* printf 'uint8[3]\0abc' | sha256sum */
    assert_string_equal(hex, "6ce8b6ff7c1ab397dde79cb6d94bb11e1b1864de002470df2f574b2aba0c2765");
    struct c2s_hasher *h = c2s_hasher_create(&err);
    c2s_hasher_add(h, "a", 1);
    c2s_hasher_add(h, "bc", 2);
    c2s_hasher_finish(h, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    c2s_tensor_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_shared_and_counted),
        cmocka_unit_test(impossible_sizes_fail),
        cmocka_unit_test(hash_is_sha256_of_head_and_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
