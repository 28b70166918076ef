/* Members of a zip archive such as NumPy's .npz. An own reader because zlib unpacks but knows no
 * archive, and libzip or minizip would be one more dependency for 200 lines; it also lets stored
 * members be read in place. */
#ifndef C2S_DATA_ZIP_H
#define C2S_DATA_ZIP_H

#include "data/array.h"

struct data_zip_member {
    char *name; /* owned */
    int method; /* 0 stored, 8 deflated */
    bool is_encrypted;
    uint32_t crc;
    int64_t packed_bytes, bytes, header_offset;
};

struct data_zip {
    const struct data_file *file; /* borrowed */
    struct data_zip_member *members;
    int n;
};

/* Reads the central directory. Fails: FORMAT, IO, NOMEM; *z needs no finish then. */
bool data_zip_open(const struct data_file *file, struct data_zip *z,
                   struct c2s_error *err) C2S_MUST_CHECK;
void data_zip_finish(struct data_zip *z);
/* The .npy array in a member; its CRC is checked. *a is zeroed by the caller. */
bool data_zip_array(const struct data_zip *z, int member, struct data_array *a,
                    struct c2s_error *err) C2S_MUST_CHECK;

#endif
