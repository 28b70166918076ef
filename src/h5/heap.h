/* Variable-length strings read from the file's bytes with every length checked. HDF5 1.10 trusts
 * the lengths it finds there: one damaged byte can make it read or write outside its memory, or
 * never end. */
#ifndef C2S_H5_HEAP_H
#define C2S_H5_HEAP_H

#include "h5/addresses.h"
#include "h5/h5.h"

struct h5_heap {
    int fd;                      /* -1 = none */
    const unsigned char *memory; /* borrowed; instead of fd */
    uint64_t base;               /* where the HDF5 file begins in the file: behind a user block */
    uint64_t bytes;              /* from base to the end */
    unsigned tree_k, leaf_k; /* half the most entries in a node of a group's B-tree, and its leaf */
    unsigned char *collection; /* owned: the last global heap collection read */
    uint64_t collection_at, collection_bytes;
    struct h5_addresses checked; /* object headers of groups */
};

bool h5_heap_open(struct h5_heap *heap, const char *path, struct c2s_error *err) C2S_MUST_CHECK;
void h5_heap_in_memory(struct h5_heap *heap, const void *memory, uint64_t n);
void h5_heap_close(struct h5_heap *heap);

/* Fails with FORMAT when a part of the object header at `header` (from base) claims more bytes than
 * the file can have there: HDF5 1.10 asks for as much memory. */
bool h5_heap_sizes(struct h5_heap *heap, uint64_t header, struct c2s_error *err) C2S_MUST_CHECK;

/* Fails with FORMAT when an attribute in the object header at `header` (from base) claims more data
 * than it has, or the members of a group cannot be what they say: HDF5 1.10 believes both. */
bool h5_heap_check(struct h5_heap *heap, uint64_t header, struct c2s_error *err) C2S_MUST_CHECK;

/* Appends the `count` strings of the attribute in the object header at `header` (from base).
 * *found false when it is not stored in the header itself. Fails: FORMAT. */
bool h5_heap_strings(struct h5_heap *heap, uint64_t header, const char *attribute, size_t count,
                     struct h5_names *out, bool *found, struct c2s_error *err) C2S_MUST_CHECK;

/* The n bytes at that address (from base); false when they are not all there. */
bool h5_heap_read(const struct h5_heap *heap, uint64_t at, void *out, uint64_t n);
/* A little-endian number of n bytes, 8 at most. */
uint64_t h5_heap_number(const unsigned char *p, int n);

#endif
