/* Arrays of numbers in files: reading rows and converting them. */
#include "data/array.h"

#include <string.h>

#include "base/alloc.h"

static const struct {
    size_t bytes;
    const char *name;
} elements[DATA_ELEMENT_COUNT] = {
#define X(id, bytes, text) [DATA_##id] = {bytes, text},
    DATA_ELEMENTS(X)
#undef X
};

enum { BLOCK_BYTES = 1 << 14 };

void data_array_finish(struct data_array *a)
{
    c2s_free(a->memory);
    data_file_close(&a->file);
    *a = (struct data_array){0};
}

size_t data_element_bytes(enum data_element e)
{
    return elements[e].bytes;
}

int64_t data_array_row(const struct data_array *a)
{
    int64_t n = 1;
    for (int i = 1; i < a->rank; i++)
        n *= a->dims[i];
    return n;
}

/* Axes of length 0 count as 1 until the end, so that no product of some of them overflows. */
bool data_array_total(const struct data_array *a, int64_t *bytes)
{
    int64_t n = (int64_t)elements[a->element].bytes;
    bool is_empty = false;
    for (int i = 0; i < a->rank; i++) {
        is_empty = is_empty || a->dims[i] == 0;
        if (a->dims[i] < 0 || __builtin_mul_overflow(n, a->dims[i] ? a->dims[i] : 1, &n))
            return false;
    }
    *bytes = is_empty ? 0 : n;
    return n < INT64_MAX / 16;
}

static bool read_elements(const struct data_array *a, int64_t first, int64_t n, void *out,
                          struct c2s_error *err)
{
    size_t bytes = elements[a->element].bytes, total = (size_t)n * bytes;
    int64_t offset = first * (int64_t)bytes;
    if (!a->memory)
        return data_file_read(&a->file, a->offset + offset, out, total, err);
    memcpy(out, a->memory + offset, total);
    return true;
}

static double value_at(const uint8_t *p, enum data_element e, bool is_big_endian)
{
    union {
        uint8_t bytes[8];
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
        float f32;
        double f64;
    } v;
    size_t n = elements[e].bytes;
    for (size_t i = 0; i < n; i++)
        v.bytes[i] = p[is_big_endian ? n - 1 - i : i];
    switch (e) {
    case DATA_BOOL:
        return v.bytes[0] != 0;
    case DATA_U8:
        return v.bytes[0];
    case DATA_I8:
        return (int8_t)v.bytes[0];
    case DATA_U16:
        return v.u16;
    case DATA_I16:
        return v.i16;
    case DATA_U32:
        return v.u32;
    case DATA_I32:
        return v.i32;
    case DATA_U64:
        return (double)v.u64;
    case DATA_I64:
        return (double)v.i64;
    case DATA_F32:
        return v.f32;
    default:
        return v.f64;
    }
}

/* Exactly one of the outputs is not NULL. */
static bool convert(const struct data_array *a, int64_t first, int64_t n, float *floats,
                    double *doubles, struct c2s_error *err)
{
    uint8_t block[BLOCK_BYTES];
    size_t bytes = elements[a->element].bytes;
    int64_t row = data_array_row(a), from = first * row, left = n * row, done = 0;
    while (left > 0) {
        int64_t m = left < (int64_t)(BLOCK_BYTES / bytes) ? left : (int64_t)(BLOCK_BYTES / bytes);
        if (!read_elements(a, from, m, block, err))
            return false;
        for (int64_t i = 0; i < m; i++) {
            double v = value_at(block + (size_t)i * bytes, a->element, a->is_big_endian);
            if (floats)
                floats[done + i] = (float)v;
            else
                doubles[done + i] = v;
        }
        from += m;
        done += m;
        left -= m;
    }
    return true;
}

bool data_array_floats(const struct data_array *a, int64_t first, int64_t n, float *out,
                       struct c2s_error *err)
{
    int64_t row = data_array_row(a);
    if (a->element == DATA_F32 && !a->is_big_endian)
        return read_elements(a, first * row, n * row, out, err);
    return convert(a, first, n, out, NULL, err);
}

bool data_array_doubles(const struct data_array *a, int64_t first, int64_t n, double *out,
                        struct c2s_error *err)
{
    return convert(a, first, n, NULL, out, err);
}

bool data_array_bytes(const struct data_array *a, int64_t first, int64_t n, uint8_t *out,
                      struct c2s_error *err)
{
    int64_t row = data_array_row(a);
    if (!read_elements(a, first * row, n * row, out, err))
        return false;
    for (int64_t i = 0; a->element == DATA_BOOL && i < n * row; i++)
        out[i] = out[i] != 0;
    return true;
}

static bool read_packed_body(struct data_array *a, struct data_stream *s, int64_t bytes,
                             struct c2s_error *err)
{
    uint8_t more;
    size_t got;
    a->memory = c2s_malloc((size_t)bytes);
    if (!a->memory)
        return c2s_fail_nomem(err);
    if (!data_stream_exactly(s, a->memory, (size_t)bytes, "data", err) ||
        !data_stream_read(s, &more, 1, &got, err))
        return false;
    return got == 0 || c2s_fail(err, C2S_FORMAT,
                                "the file holds more bytes than the %lld its header declares; "
                                "it is damaged or of another format",
                                (long long)bytes);
}

bool data_array_body(struct data_array *a, struct data_stream *s, struct c2s_error *err)
{
    int64_t bytes, left = data_stream_left(s);
    const struct data_file *file;
    char shape[96];
    c2s_shape_text(a->rank, a->dims, shape, sizeof shape);
    if (!data_array_total(a, &bytes))
        return c2s_fail(err, C2S_FORMAT, "the header declares an impossible size (%s)", shape);
    if (bytes > left)
        return c2s_fail(err, C2S_FORMAT,
                        "the header declares %s of %s, %lld bytes, but at most %lld can follow; "
                        "the file is truncated, copy or download it again",
                        shape, elements[a->element].name, (long long)bytes, (long long)left);
    if (!data_stream_place(s, &file, &a->offset))
        return read_packed_body(a, s, bytes, err);
    if (bytes < left)
        return c2s_fail(err, C2S_FORMAT,
                        "the header declares %s of %s, %lld bytes, but %lld follow; the file is "
                        "damaged or of another format",
                        shape, elements[a->element].name, (long long)bytes, (long long)left);
    return data_file_share(file, &a->file, err);
}

bool data_array_transpose(struct data_array *a, struct c2s_error *err)
{
    size_t size = elements[a->element].bytes;
    int64_t bytes, index[C2S_MAX_RANK] = {0};
    if (!data_array_total(a, &bytes))
        return c2s_fail(err, C2S_FORMAT, "the array is too large");
    uint8_t *from = c2s_malloc((size_t)bytes), *to = c2s_malloc((size_t)bytes);
    int64_t n = bytes / (int64_t)size;
    bool ok = from && to ? read_elements(a, 0, n, from, err) : c2s_fail_nomem(err);
    for (int64_t i = 0; ok && i < n; i++) { /* i counts in column-major order: axis 0 is fastest */
        int64_t place = 0;
        for (int k = 0; k < a->rank; k++)
            place = place * a->dims[k] + index[k];
        memcpy(to + (size_t)place * size, from + (size_t)i * size, size);
        for (int k = 0; k < a->rank && ++index[k] == a->dims[k]; k++)
            index[k] = 0;
    }
    c2s_free(from);
    if (!ok) {
        c2s_free(to);
        return false;
    }
    c2s_free(a->memory);
    data_file_close(&a->file);
    a->memory = to;
    return true;
}

bool data_array_read(struct data_array *a, struct data_stream *s, const char **format,
                     struct c2s_error *err)
{
    uint8_t head[4];
    if (!data_stream_exactly(s, head, sizeof head, "first 4 bytes", err))
        return false;
    if (memcmp(head, "\x93NUM", 4) == 0) {
        *format = "npy";
        return data_npy_read(a, s, err);
    }
    *format = "idx";
    if (head[0] == 0 && head[1] == 0)
        return data_idx_read(a, head, s, err);
    return c2s_fail(err, C2S_FORMAT,
                    "neither IDX, .npy, .npz nor HDF5 (it begins with %02x %02x %02x %02x); "
                    "save the samples with numpy.savez(FILE, x_test=..., y_test=...)",
                    head[0], head[1], head[2], head[3]);
}
