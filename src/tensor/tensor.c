/* Tensors: creation, sharing, size, shape text. Hashing is in hash.c, statistics in stats.c. */
#include <c2s/tensor.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static const struct {
    const char *name;
    size_t bytes;
} dtypes[C2S_DTYPE_COUNT] = {
    [C2S_F32] = {"float32", 4},
    [C2S_I32] = {"int32", 4},
    [C2S_I8] = {"int8", 1},
    [C2S_U8] = {"uint8", 1},
};

size_t c2s_dtype_bytes(enum c2s_dtype dtype)
{
    return dtypes[dtype].bytes;
}

const char *c2s_dtype_name(enum c2s_dtype dtype)
{
    return dtypes[dtype].name;
}

struct c2s_tensor *c2s_tensor_create(enum c2s_dtype dtype, int rank, const int64_t *dims,
                                     struct c2s_error *err)
{
    assert(rank >= 0 && rank <= C2S_MAX_RANK);
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(count, dims[i], &count) ||
            count > INT64_MAX / 16) {
            c2s_fail(err, C2S_RANGE, "a tensor of dimension %lld is not possible",
                     (long long)dims[i]);
            return NULL;
        }
    struct c2s_tensor *t = c2s_calloc(1, sizeof *t);
    void *data = c2s_aligned((size_t)count * dtypes[dtype].bytes);
    if (!t || !data) {
        c2s_free(t);
        c2s_free(data);
        c2s_fail_nomem(err);
        return NULL;
    }
    t->dtype = dtype;
    t->rank = rank;
    for (int i = 0; i < rank; i++)
        t->dims[i] = dims[i];
    t->data = data;
    t->refs = 1;
    return t;
}

struct c2s_tensor *c2s_tensor_clone(const struct c2s_tensor *t, struct c2s_error *err)
{
    struct c2s_tensor *copy = c2s_tensor_create(t->dtype, t->rank, t->dims, err);
    if (copy)
        memcpy(copy->data, t->data, c2s_tensor_bytes(t));
    return copy;
}

struct c2s_tensor *c2s_tensor_ref(const struct c2s_tensor *t)
{
    struct c2s_tensor *shared = (struct c2s_tensor *)t; /* the count is not part of the value */
    if (shared)
        __atomic_add_fetch(&shared->refs, 1, __ATOMIC_RELAXED);
    return shared;
}

void c2s_tensor_unref(struct c2s_tensor *t)
{
    if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    c2s_free(t->data);
    c2s_free(t);
}

int64_t c2s_tensor_count(const struct c2s_tensor *t)
{
    int64_t count = 1;
    for (int i = 0; i < t->rank; i++)
        count *= t->dims[i];
    return count;
}

size_t c2s_tensor_bytes(const struct c2s_tensor *t)
{
    return (size_t)c2s_tensor_count(t) * dtypes[t->dtype].bytes;
}

bool c2s_tensor_same_shape(const struct c2s_tensor *a, const struct c2s_tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

char *c2s_shape_text(int rank, const int64_t *dims, char *out, size_t size)
{
    size_t used = 0;
    if (size > 0)
        out[0] = '\0';
    for (int i = 0; i < rank && used < size; i++) {
        const char *comma = i ? "," : "";
        int n = dims[i] < 0
                    ? snprintf(out + used, size - used, "%s?", comma)
                    : snprintf(out + used, size - used, "%s%lld", comma, (long long)dims[i]);
        used += (size_t)n;
    }
    return out;
}
