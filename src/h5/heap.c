/* Finds an attribute in an object header and its strings in the global heap, byte by byte after the
 * HDF5 File Format Specification 3.0 (sections III.E, IV.A and IV.A.2.m). */
#include "h5/heap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "h5/datatype.h"
#include "h5/symbols.h"

#define MAX_BLOCKS        256       /* of one object header */
#define MAX_BLOCK_BYTES   (1 << 24) /* of one block of an object header */
#define MESSAGE_TYPE      0x03
#define MESSAGE_ATTRIBUTE 0x0c
#define MESSAGE_CONTINUED 0x10
#define MESSAGE_SYMBOLS   0x11
#define REFERENCE_BYTES   16 /* length 4, address 8, index 4 */

/* A piece of an object header: messages one behind the other. */
struct block {
    uint64_t at, bytes;
};

struct header {
    struct h5_heap *heap;
    int version;
    bool has_order;  /* version 2: messages carry their creation order */
    bool sizes_only; /* what messages say is not looked at */
    struct block blocks[MAX_BLOCKS];
    int n_blocks;
    bool is_group; /* with the addresses of its B-tree and local heap */
    uint64_t tree, names;
};

uint64_t h5_heap_number(const unsigned char *p, int n)
{
    uint64_t value = 0;
    for (int i = n - 1; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

static bool fail_damaged(struct c2s_error *err)
{
    return c2s_fail(err, C2S_FORMAT,
                    "an attribute in the file is damaged; copy or download the file again");
}

bool h5_names_add(struct h5_names *names, const char *text, size_t n, struct c2s_error *err)
{
    char **grown = names->items;
    if ((names->n & (names->n - 1)) == 0) /* doubles at powers of two */
        grown = c2s_realloc(names->items, sizeof *grown * (size_t)(names->n ? 2 * names->n : 1));
    if (!grown)
        return c2s_fail_nomem(err);
    names->items = grown;
    n = strnlen(text, n);
    char *copy = c2s_malloc(n + 1);
    if (!copy)
        return c2s_fail_nomem(err);
    memcpy(copy, text, n);
    copy[n] = '\0';
    names->items[names->n++] = copy;
    return true;
}

bool h5_heap_open(struct h5_heap *heap, const char *path, struct c2s_error *err)
{
    struct stat info;
    *heap = (struct h5_heap){0};
    heap->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (heap->fd < 0 || fstat(heap->fd, &info) != 0)
        return c2s_fail(err, C2S_IO, "cannot read '%s'; check your permissions", path);
    heap->bytes = (uint64_t)info.st_size;
    return true;
}

void h5_heap_in_memory(struct h5_heap *heap, const void *memory, uint64_t n)
{
    *heap = (struct h5_heap){.fd = -1, .memory = memory, .bytes = n};
}

void h5_heap_close(struct h5_heap *heap)
{
    if (heap->fd >= 0)
        close(heap->fd);
    c2s_free(heap->collection);
    h5_addresses_finish(&heap->checked);
}

bool h5_heap_read(const struct h5_heap *heap, uint64_t at, void *out, uint64_t n)
{
    if (n > heap->bytes || at > heap->bytes - n)
        return false;
    if (heap->memory)
        return memcpy(out, heap->memory + heap->base + at, n) != NULL;
    return pread(heap->fd, out, n, (off_t)(heap->base + at)) == (ssize_t)n;
}

static bool add_block(struct header *h, uint64_t at, uint64_t bytes)
{
    if (h->n_blocks == MAX_BLOCKS || bytes > MAX_BLOCK_BYTES)
        return false;
    h->blocks[h->n_blocks++] = (struct block){at, bytes};
    return true;
}

/* Version 1: 12 bytes and 4 of padding. Version 2: a signature, then fields its flags tell of. */
static bool start_header(struct header *h, struct h5_heap *heap, uint64_t at)
{
    unsigned char p[64] = {0};
    uint64_t room = heap->bytes > at ? heap->bytes - at : 0;
    *h = (struct header){.heap = heap};
    if (room < 16 || !h5_heap_read(heap, at, p, room < sizeof p ? room : sizeof p))
        return false;
    if (p[0] == 1) {
        h->version = 1;
        return add_block(h, at + 16, h5_heap_number(p + 8, 4));
    }
    if (memcmp(p, "OHDR", 4) != 0 || p[4] != 2)
        return false;
    unsigned flags = p[5];
    int skip = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0), width = 1 << (flags & 3);
    h->version = 2;
    h->has_order = flags & 4;
    return add_block(h, at + (uint64_t)(skip + width), h5_heap_number(p + skip, width));
}

static bool add_continuation(struct header *h, const unsigned char *data, uint64_t n)
{
    uint64_t at = n < 16 ? 0 : h5_heap_number(data, 8),
             bytes = n < 16 ? 0 : h5_heap_number(data + 8, 8);
    if (h->version == 1)
        return n >= 16 && add_block(h, at, bytes);
    return bytes >= 8 && add_block(h, at + 4, bytes - 8); /* a signature and a checksum around */
}

static bool add_symbols(struct header *h, const unsigned char *data, uint64_t n)
{
    if (n < 16 || h->is_group)
        return false;
    h->is_group = true;
    h->tree = h5_heap_number(data, 8);
    h->names = h5_heap_number(data + 8, 8);
    return true;
}

static uint64_t padded(uint64_t n, bool is_padded)
{
    return is_padded ? (n + 7) / 8 * 8 : n;
}

/* The parts of an attribute message. */
struct attribute_parts {
    const unsigned char *name, *type, *space, *data;
    uint64_t name_bytes, type_bytes, space_bytes, data_bytes;
};

static bool split_attribute(const unsigned char *p, uint64_t bytes, struct attribute_parts *a)
{
    if (bytes < 9 || p[0] < 1 || p[0] > 3)
        return false;
    bool is_padded = p[0] == 1;
    uint64_t head = p[0] == 3 ? 9 : 8;
    a->name_bytes = h5_heap_number(p + 2, 2);
    a->type_bytes = h5_heap_number(p + 4, 2);
    a->space_bytes = h5_heap_number(p + 6, 2);
    uint64_t type = head + padded(a->name_bytes, is_padded);
    uint64_t space = type + padded(a->type_bytes, is_padded);
    uint64_t data = space + padded(a->space_bytes, is_padded);
    if (data > bytes)
        return false;
    a->name = p + head;
    a->type = p + type;
    a->space = p + space;
    a->data = p + data;
    a->data_bytes = bytes - data;
    return true;
}

/* True when the message holds as much data as its type and shape promise. Types and shapes that
 * are shared are elsewhere in the file (flags 1 and 2) and cannot be judged here. */
static bool attribute_fits(const unsigned char *p, uint64_t bytes)
{
    struct attribute_parts a;
    if (!split_attribute(p, bytes, &a) || a.name_bytes == 0 || a.name[a.name_bytes - 1] != '\0')
        return false;
    if (p[0] > 1 && (p[1] & 3) != 0)
        return true;
    uint64_t head = a.space_bytes > 0 && a.space[0] == 1 ? 8 : 4;
    if (!h5_datatype_fits(a.type, a.type_bytes) || a.space_bytes < head ||
        a.space_bytes < head + 8u * a.space[1])
        return false;
    if (a.space[0] == 2 && a.space[3] == 2) /* no shape at all, no data */
        return true;
    uint64_t needed = h5_heap_number(a.type + 4, 4);
    for (int i = 0; i < a.space[1]; i++)
        if (__builtin_mul_overflow(needed, h5_heap_number(a.space + head + 8 * i, 8), &needed))
            return false;
    return needed <= a.data_bytes;
}

static bool message_fits(unsigned type, const unsigned char *p, uint64_t bytes)
{
    return type == MESSAGE_ATTRIBUTE ? attribute_fits(p, bytes)
           : type == MESSAGE_TYPE    ? h5_datatype_fits(p, bytes)
                                     : true;
}

/* The references inside an attribute message of that name, or NULL; *n is their size. */
static const unsigned char *match_attribute(const unsigned char *p, uint64_t bytes,
                                            const char *name, uint64_t *n)
{
    struct attribute_parts a;
    if (!name || !split_attribute(p, bytes, &a) || a.name_bytes != strlen(name) + 1 ||
        memcmp(a.name, name, a.name_bytes) != 0)
        return NULL;
    *n = a.data_bytes;
    return a.data;
}

/* New copy of the attribute's references, NULL with ok true when this block has no such one. */
static unsigned char *search_block(struct header *h, const struct block *block, const char *name,
                                   uint64_t *n, bool *ok, struct c2s_error *err)
{
    uint64_t head = h->version == 1 ? 8 : h->has_order ? 6 : 4, at = 0;
    unsigned char *data = c2s_malloc(block->bytes), *found = NULL;
    *ok = data ? h5_heap_read(h->heap, block->at, data, block->bytes) : c2s_fail_nomem(err);
    while (*ok && !found && at + head <= block->bytes) {
        const unsigned char *p = data + at;
        unsigned type = h->version == 1 ? (unsigned)h5_heap_number(p, 2) : p[0];
        uint64_t bytes = h5_heap_number(h->version == 1 ? p + 2 : p + 1, 2);
        bool is_shared = p[h->version == 1 ? 4 : 3] & 2;
        const unsigned char *refs = NULL;
        if (bytes > block->bytes - at - head)
            break;
        if (type == MESSAGE_CONTINUED)
            *ok = add_continuation(h, p + head, bytes);
        else if (h->sizes_only)
            ; /* only where the next block is */
        else if (type == MESSAGE_SYMBOLS)
            *ok = add_symbols(h, p + head, bytes);
        else if (type == MESSAGE_ATTRIBUTE && !is_shared)
            refs = match_attribute(p + head, bytes, name, n);
        if (!is_shared && !h->sizes_only && !message_fits(type, p + head, bytes))
            *ok = false;
        if (*ok && refs) {
            found = c2s_malloc(*n);
            *ok = found ? memcpy(found, refs, *n) != NULL : c2s_fail_nomem(err);
        }
        at += head + bytes;
    }
    c2s_free(data);
    return found;
}

/* Makes the collection at that address the current one. */
static bool load_collection(struct h5_heap *heap, uint64_t at, struct c2s_error *err)
{
    unsigned char head[16];
    if (heap->collection && heap->collection_at == at)
        return true;
    c2s_free(heap->collection);
    heap->collection = NULL;
    if (!h5_heap_read(heap, at, head, sizeof head) || memcmp(head, "GCOL", 4) != 0 || head[4] != 1)
        return false;
    uint64_t bytes = h5_heap_number(head + 8, 8);
    if (bytes < sizeof head || bytes > heap->bytes - at)
        return false;
    heap->collection = c2s_malloc(bytes);
    if (!heap->collection)
        return c2s_fail_nomem(err);
    heap->collection_at = at;
    heap->collection_bytes = bytes;
    return h5_heap_read(heap, at, heap->collection, bytes);
}

/* The object's bytes in the current collection, or NULL. */
static const unsigned char *find_object(const struct h5_heap *heap, uint64_t index, uint64_t *n)
{
    uint64_t at = 16;
    while (at + 16 <= heap->collection_bytes) {
        const unsigned char *p = heap->collection + at;
        uint64_t own = h5_heap_number(p, 2), bytes = h5_heap_number(p + 8, 8);
        if (own == 0 || bytes > heap->collection_bytes - at - 16) /* free space is the last */
            return NULL;
        if (own == index) {
            *n = bytes;
            return p + 16;
        }
        at += 16 + padded(bytes, true);
    }
    return NULL;
}

static bool add_string(struct h5_heap *heap, const unsigned char *reference, struct h5_names *out,
                       struct c2s_error *err)
{
    uint64_t length = h5_heap_number(reference, 4), n = 0;
    const unsigned char *text = NULL;
    if (length == 0)
        return h5_names_add(out, "", 0, err);
    if (load_collection(heap, h5_heap_number(reference + 4, 8), err))
        text = find_object(heap, h5_heap_number(reference + 12, 4), &n);
    if (!text || n < length)
        return fail_damaged(err);
    return h5_names_add(out, (const char *)text, length, err);
}

bool h5_heap_sizes(struct h5_heap *heap, uint64_t header, struct c2s_error *err)
{
    struct header h;
    uint64_t n;
    if (h5_addresses_have(&heap->checked, header))
        return true;
    bool ok = start_header(&h, heap, header);
    h.sizes_only = true;
    for (int i = 0; ok && i < h.n_blocks; i++)
        search_block(&h, &h.blocks[i], NULL, &n, &ok, err);
    return ok || c2s_fail(err, C2S_FORMAT,
                          "an object in the file claims more than the file has; copy or download "
                          "the file again");
}

bool h5_heap_check(struct h5_heap *heap, uint64_t header, struct c2s_error *err)
{
    struct header h;
    uint64_t n;
    if (h5_addresses_have(&heap->checked, header))
        return true;
    bool ok = start_header(&h, heap, header);
    for (int i = 0; ok && i < h.n_blocks; i++)
        search_block(&h, &h.blocks[i], NULL, &n, &ok, err);
    if (!ok)
        return fail_damaged(err);
    if (!h.is_group)
        return true;
    if (!h5_symbols_check(heap, h.tree, h.names, err))
        return c2s_fail(err, C2S_FORMAT,
                        "its list of members is damaged; copy or download the file again");
    return h5_addresses_add(&heap->checked, header, err);
}

bool h5_heap_strings(struct h5_heap *heap, uint64_t header, const char *attribute, size_t count,
                     struct h5_names *out, bool *found, struct c2s_error *err)
{
    struct header h;
    unsigned char *references = NULL;
    uint64_t n = 0;
    bool ok = start_header(&h, heap, header);
    for (int i = 0; ok && !references && i < h.n_blocks; i++)
        references = search_block(&h, &h.blocks[i], attribute, &n, &ok, err);
    *found = references != NULL;
    if (!ok)
        fail_damaged(err);
    else if (references && count > n / REFERENCE_BYTES)
        ok = fail_damaged(err);
    for (size_t i = 0; ok && references && i < count; i++)
        ok = add_string(heap, references + i * REFERENCE_BYTES, out, err);
    c2s_free(references);
    return ok;
}
