/* Dense arrays of numbers: dtype, dimensions, data. Refcounted, immutable once published.
 * Statistics and histograms are not here: see histogram.h. */
#ifndef C2S_TENSOR_H
#define C2S_TENSOR_H

#include <stddef.h>
#include <stdint.h>
#include <c2s/error.h>

#define C2S_MAX_RANK    6
#define C2S_HASH_LENGTH 64 /* hexadecimal digits of a SHA-256 */

enum c2s_dtype { C2S_F32, C2S_I32, C2S_I8, C2S_U8, C2S_DTYPE_COUNT };

/* Row-major: the last dimension is contiguous. Images are N,H,W,C; convolution kernels
 * KH,KW,CI,CO; depthwise kernels KH,KW,C,M; dense kernels CI,CO. Rank 0 is a scalar.
 * Whoever creates a tensor may write data until a second owner exists (c2s_tensor_ref). */
struct c2s_tensor {
    enum c2s_dtype dtype;
    int rank; /* 0..C2S_MAX_RANK */
    int64_t dims[C2S_MAX_RANK];
    void *data; /* aligned to 64 bytes, never NULL */
    int refs;   /* private: counted atomically */
};

/* New tensor, zero-filled; NULL on NOMEM, or RANGE when a dimension is negative or the size
 * overflows. A dimension of 0 is allowed. */
struct c2s_tensor *c2s_tensor_create(enum c2s_dtype dtype, int rank, const int64_t *dims,
                                     struct c2s_error *err) C2S_MUST_CHECK;

/* New tensor with the same contents, free to be changed. NULL on NOMEM. */
struct c2s_tensor *c2s_tensor_clone(const struct c2s_tensor *t,
                                    struct c2s_error *err) C2S_MUST_CHECK;

/* Adds an owner and returns t; NULL gives NULL. Safe between threads. */
struct c2s_tensor *c2s_tensor_ref(const struct c2s_tensor *t);

/* Drops an owner; the last one frees. Accepts NULL. */
void c2s_tensor_unref(struct c2s_tensor *t);

int64_t c2s_tensor_count(const struct c2s_tensor *t); /* elements */
size_t c2s_tensor_bytes(const struct c2s_tensor *t);
size_t c2s_dtype_bytes(enum c2s_dtype dtype);
const char *c2s_dtype_name(enum c2s_dtype dtype); /* "float32", "int32", "int8", "uint8" */

static inline float *c2s_f32(const struct c2s_tensor *t)
{
    return t->data;
}
static inline int32_t *c2s_i32(const struct c2s_tensor *t)
{
    return t->data;
}
static inline int8_t *c2s_i8(const struct c2s_tensor *t)
{
    return t->data;
}
static inline uint8_t *c2s_u8(const struct c2s_tensor *t)
{
    return t->data;
}

/* Rank and every dimension are equal; the dtype does not matter. */
bool c2s_tensor_same_shape(const struct c2s_tensor *a, const struct c2s_tensor *b);

/* SHA-256 of dtype, rank, dimensions and data, as lower-case hexadecimal, NUL-terminated.
 * Equal for equal tensors on every machine (little-endian). */
void c2s_tensor_hash(const struct c2s_tensor *t, char hex[C2S_HASH_LENGTH + 1]);

/* SHA-256 of any bytes, in pieces: begin, add.., end. */
struct c2s_hasher;
/* New; NULL on NOMEM. finish takes it. */
struct c2s_hasher *c2s_hasher_create(struct c2s_error *err) C2S_MUST_CHECK;
void c2s_hasher_add(struct c2s_hasher *h, const void *data, size_t n_bytes);
void c2s_hasher_finish(struct c2s_hasher *h, char hex[C2S_HASH_LENGTH + 1]);

/* "28,28,32" into out (always terminated); returns out. Negative dimensions print as "?". */
char *c2s_shape_text(int rank, const int64_t *dims, char *out, size_t size);

#endif
