/* Content hash of a dataset, taken by several threads, since SHA-256 is the slow part of opening.
 */
#ifndef C2S_DATA_DIGEST_H
#define C2S_DATA_DIGEST_H

#include <c2s/dataset.h>

struct data_digest {
    /* Writes rows first..first+n-1 to out, row_bytes each; called from several threads at once. */
    bool (*rows)(const void *arg, int64_t first, int64_t n, void *out, struct c2s_error *err);
    const void *arg;
    int64_t n, row_bytes;
};

/* SHA-256 over: a line with dtype, shape, scale and shift; the SHA-256 (hexadecimal) of each block
 * of rows, as many rows as fit 256 KiB, at least one; the labels as little-endian int32. So it
 * does not depend on the file format, on packing, or on the number of threads. */
bool data_digest(const struct data_digest *what, const struct c2s_dataset_info *info,
                 const int32_t *labels, char hex[C2S_HASH_LENGTH + 1],
                 struct c2s_error *err) C2S_MUST_CHECK;

#endif
