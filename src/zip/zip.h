/* Zip archives: NumPy's .npz and Keras' .keras. Nothing is ever unpacked to a path of the archive's
 * choice: members are looked up by their exact names, and given out as bytes. zip.c is the only
 * file that includes minizip. */
#ifndef C2S_ZIP_H
#define C2S_ZIP_H

#include <stddef.h>
#include <stdint.h>
#include <c2s/error.h>

struct zip_member {
    char *name; /* owned; as in the archive, whatever it says */
    int method; /* 0 stored, 8 deflated */
    bool is_encrypted;
    uint32_t crc;
    int64_t packed_bytes, bytes;
    uint64_t place[2]; /* minizip's own: where in the directory */
};

struct zip {
    struct zip_member *members; /* owned */
    int n;
    void *handle;
    struct zip_input *input;
};

/* Reads the directory of the archive in the file of that size; fd is borrowed until zip_finish.
 * Fails: FORMAT (truncated, damaged, too many members), IO, NOMEM; *z needs no finish then. */
bool zip_open(int fd, int64_t size, struct zip *z, struct c2s_error *err) C2S_MUST_CHECK;
void zip_finish(struct zip *z); /* accepts a zeroed one */

/* Index of the member of that name, -1 = none, -2 = several. */
int zip_find(const struct zip *z, const char *name);

/* Where the packed bytes of a member begin in the file, for who unpacks them himself. Fails: FORMAT
 * (its local header contradicts the directory, it reaches behind the end), UNSUPPORTED (encrypted,
 * a packing other than deflate). */
bool zip_offset(struct zip *z, int member, int64_t *offset, struct c2s_error *err) C2S_MUST_CHECK;

/* Unpacks a member: calls sink with one piece after the other, its CRC-32 checked at the end. Never
 * gives more than the member's `bytes`, which the caller has found acceptable. Fails: as
 * zip_offset, and what sink fails with. */
bool zip_unpack(struct zip *z, int member,
                bool (*sink)(void *arg, const void *bytes, size_t n, struct c2s_error *err),
                void *arg, struct c2s_error *err) C2S_MUST_CHECK;

#endif
