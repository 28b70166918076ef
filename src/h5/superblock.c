/* Reads the first bytes of an HDF5 file after the HDF5 File Format Specification 3.0, section II.A:
 * HDF5 1.10 asks for as much memory as the first object header claims to need. */
#include "h5/superblock.h"

#include <string.h>

#define NO_ADDRESS UINT64_MAX

struct superblock {
    uint64_t end;             /* of the file, user block included */
    uint64_t root, extension; /* object headers, or NO_ADDRESS */
    uint64_t driver;          /* a block of a file driver's own, or NO_ADDRESS */
};

/* False when it is none of the versions with addresses of 8 bytes. */
static bool parse(const unsigned char *p, struct superblock *out)
{
    int version = p[8];
    *out = (struct superblock){.extension = NO_ADDRESS, .driver = NO_ADDRESS};
    if (version <= 1 && p[13] == 8 && p[14] == 8) {
        const unsigned char *addresses = p + (version == 0 ? 24 : 28); /* base, free space, end, */
        out->end = h5_heap_number(addresses + 16, 8);                  /* driver, name of root */
        out->driver = h5_heap_number(addresses + 24, 8);
        out->root = h5_heap_number(addresses + 40, 8);
        return true;
    }
    if ((version != 2 && version != 3) || p[9] != 8 || p[10] != 8)
        return false;
    out->extension = h5_heap_number(p + 20, 8);
    out->end = h5_heap_number(p + 28, 8);
    out->root = h5_heap_number(p + 36, 8);
    return true;
}

static bool check_driver(const struct h5_heap *heap, uint64_t at, struct c2s_error *err)
{
    unsigned char head[16];
    return at == NO_ADDRESS || !h5_heap_read(heap, at, head, sizeof head) ||
           h5_heap_number(head + 4, 4) <= heap->bytes ||
           c2s_fail(err, C2S_FORMAT,
                    "its first block claims more than the file has; copy or download the file "
                    "again");
}

bool h5_superblock_check(struct h5_heap *heap, struct c2s_error *err)
{
    static const char signature[8] = "\x89HDF\r\n\x1a\n";
    unsigned char p[96];
    struct superblock s;
    uint64_t base = 0;
    while (h5_heap_read(heap, base, p, sizeof p) && memcmp(p, signature, sizeof signature) != 0)
        base = base ? 2 * base : 512;
    if (!h5_heap_read(heap, base, p, sizeof p))
        return true;
    heap->base += base;
    heap->bytes -= base;
    if (!parse(p, &s) || s.end > heap->base + heap->bytes) /* HDF5 sees that it is cut */
        return true;
    return check_driver(heap, s.driver, err) &&
           (s.extension == NO_ADDRESS || h5_heap_sizes(heap, s.extension, err)) &&
           h5_heap_sizes(heap, s.root, err);
}
