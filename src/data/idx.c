/* IDX, the format of MNIST: magic 00 00 TYPE RANK, RANK dimensions and the data, all big-endian.
 * Source: yann.lecun.com/exdb/mnist, "The IDX file format". */
#include "data/array.h"

static bool element_of(uint8_t code, enum data_element *e)
{
    static const struct {
        uint8_t code;
        enum data_element element;
    } known[] = {{0x08, DATA_U8},  {0x09, DATA_I8},  {0x0b, DATA_I16},
                 {0x0c, DATA_I32}, {0x0d, DATA_F32}, {0x0e, DATA_F64}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].code == code) {
            *e = known[i].element;
            return true;
        }
    return false;
}

bool data_idx_read(struct data_array *a, const uint8_t head[4], struct data_stream *s,
                   struct c2s_error *err)
{
    uint8_t dims[4 * C2S_MAX_RANK];
    if (!element_of(head[2], &a->element) || head[3] == 0)
        return c2s_fail(err, C2S_FORMAT,
                        "no IDX file: its first 4 bytes are %02x %02x %02x %02x, where MNIST has "
                        "00 00 08 03 for images and 00 00 08 01 for labels",
                        head[0], head[1], head[2], head[3]);
    if (head[3] > C2S_MAX_RANK)
        return c2s_fail(err, C2S_FORMAT, "an IDX file of %d axes; at most %d are possible", head[3],
                        C2S_MAX_RANK);
    a->rank = head[3];
    a->is_big_endian = true;
    if (!data_stream_exactly(s, dims, 4 * (size_t)a->rank, "header", err))
        return false;
    for (int i = 0; i < a->rank; i++) {
        const uint8_t *d = dims + 4 * i;
        a->dims[i] = (int64_t)d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3];
    }
    return data_array_body(a, s, err);
}
