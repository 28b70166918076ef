/* Arrays of numbers as data files hold them: element kind, dimensions, and where the bytes are.
 * Nothing here knows which array is the samples and which the labels: see source.h. */
#ifndef C2S_DATA_ARRAY_H
#define C2S_DATA_ARRAY_H

#include <c2s/tensor.h>

#include "data/stream.h"

#define DATA_ELEMENTS(X)                                                                           \
    X(BOOL, 1, "bool")                                                                             \
    X(U8, 1, "uint8")                                                                              \
    X(I8, 1, "int8")                                                                               \
    X(U16, 2, "uint16")                                                                            \
    X(I16, 2, "int16")                                                                             \
    X(U32, 4, "uint32")                                                                            \
    X(I32, 4, "int32")                                                                             \
    X(U64, 8, "uint64")                                                                            \
    X(I64, 8, "int64")                                                                             \
    X(F32, 4, "float32")                                                                           \
    X(F64, 8, "float64")

enum data_element {
#define X(id, bytes, text) DATA_##id,
    DATA_ELEMENTS(X)
#undef X
        DATA_ELEMENT_COUNT
};

/* Row-major, first axis = samples. The bytes are in memory (owned), or at an offset of an open
 * file: such a file is read row by row, so that a large one needs no memory and a file that is cut
 * while in use gives an error instead of a crash. */
struct data_array {
    enum data_element element;
    bool is_big_endian;
    int rank;
    int64_t dims[C2S_MAX_RANK];
    uint8_t *memory;
    struct data_file file;
    int64_t offset;
};

void data_array_finish(struct data_array *a); /* accepts a zeroed one */
size_t data_element_bytes(enum data_element e);
int64_t data_array_row(const struct data_array *a); /* elements of one sample */
/* Bytes of all elements; false on overflow or a negative dimension. */
bool data_array_total(const struct data_array *a, int64_t *bytes);

/* Rows first..first+n-1, converted. Bytes only from BOOL and U8. Fails: IO, FORMAT, NOMEM. */
bool data_array_floats(const struct data_array *a, int64_t first, int64_t n, float *out,
                       struct c2s_error *err) C2S_MUST_CHECK;
bool data_array_doubles(const struct data_array *a, int64_t first, int64_t n, double *out,
                        struct c2s_error *err) C2S_MUST_CHECK;
bool data_array_bytes(const struct data_array *a, int64_t first, int64_t n, uint8_t *out,
                      struct c2s_error *err) C2S_MUST_CHECK;

/* The rest of a stream as the elements of a, whose kind and dimensions are set. The declared size
 * must be what the stream holds. A plain file is not read, only pointed to. */
bool data_array_body(struct data_array *a, struct data_stream *s,
                     struct c2s_error *err) C2S_MUST_CHECK;
/* Changes an array read in column-major order (NumPy: fortran_order) to row-major, in memory. */
bool data_array_transpose(struct data_array *a, struct c2s_error *err) C2S_MUST_CHECK;

/* One array from a stream, by its first bytes. *a is zeroed by the caller. format: "idx", "npy". */
bool data_array_read(struct data_array *a, struct data_stream *s, const char **format,
                     struct c2s_error *err) C2S_MUST_CHECK;
/* The same, after the first 4 bytes were taken from the stream: idx.c, npy.c. */
bool data_idx_read(struct data_array *a, const uint8_t head[4], struct data_stream *s,
                   struct c2s_error *err) C2S_MUST_CHECK;
bool data_npy_read(struct data_array *a, struct data_stream *s,
                   struct c2s_error *err) C2S_MUST_CHECK;

#endif
