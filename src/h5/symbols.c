/* Checks the members of a group as HDF5's old files keep them: a B-tree of names in a heap of the
 * group's own. After the HDF5 File Format Specification 3.0, sections III.A.1, III.B, III.C, III.D.
 */
#include "h5/symbols.h"

#include <string.h>

#include "base/alloc.h"

#define NODE_BYTES   24 /* before the keys */
#define SYMBOL_BYTES 40
#define CACHED_LINK  2 /* a soft link: its target's name is in the heap too */

struct symbols {
    struct h5_heap *file;
    unsigned char *names; /* owned: the data of the local heap */
    uint64_t n_names;     /* bytes */
    uint64_t nodes_left;  /* a tree has no more of them than fit the file */
};

/* A name begins there and ends inside the heap. */
static bool is_name(const struct symbols *s, uint64_t at)
{
    return at < s->n_names && memchr(s->names + at, '\0', s->n_names - at);
}

static bool load_names(struct symbols *s, uint64_t at, struct c2s_error *err)
{
    unsigned char head[32];
    if (!h5_heap_read(s->file, at, head, sizeof head) || memcmp(head, "HEAP", 4) != 0)
        return false;
    s->n_names = h5_heap_number(head + 8, 8);
    if (s->n_names > s->file->bytes)
        return false;
    s->names = c2s_malloc(s->n_names);
    if (!s->names)
        return c2s_fail_nomem(err);
    return h5_heap_read(s->file, h5_heap_number(head + 24, 8), s->names, s->n_names);
}

static bool check_leaf(const struct symbols *s, uint64_t at)
{
    unsigned char head[8], symbol[SYMBOL_BYTES];
    if (!h5_heap_read(s->file, at, head, sizeof head) || memcmp(head, "SNOD", 4) != 0)
        return false;
    uint64_t n = h5_heap_number(head + 6, 2);
    bool ok = n <= 2 * (uint64_t)s->file->leaf_k;
    for (uint64_t i = 0; ok && i < n; i++) {
        ok = h5_heap_read(s->file, at + sizeof head + i * SYMBOL_BYTES, symbol, sizeof symbol) &&
             is_name(s, h5_heap_number(symbol, 8));
        if (ok && h5_heap_number(symbol + 16, 4) == CACHED_LINK)
            ok = is_name(s, h5_heap_number(symbol + 24, 4));
    }
    return ok;
}

/* Levels go down to 0, so that a node cannot be inside itself. */
static bool check_node(struct symbols *s, uint64_t at, int level)
{
    unsigned char head[NODE_BYTES], key[16];
    if (s->nodes_left-- == 0 || !h5_heap_read(s->file, at, head, sizeof head) ||
        memcmp(head, "TREE", 4) != 0 || head[4] != 0 || (level >= 0 && head[5] != level))
        return false;
    uint64_t n = h5_heap_number(head + 6, 2);
    bool ok = n <= 2 * (uint64_t)s->file->tree_k;
    for (uint64_t i = 0; ok && i < n; i++) {
        ok = h5_heap_read(s->file, at + NODE_BYTES + i * sizeof key, key, sizeof key) &&
             is_name(s, h5_heap_number(key, 8));
        uint64_t child = h5_heap_number(key + 8, 8);
        ok = ok && (head[5] > 0 ? check_node(s, child, head[5] - 1) : check_leaf(s, child));
    }
    if (ok && h5_heap_read(s->file, at + NODE_BYTES + n * sizeof key, key, 8))
        return is_name(s, h5_heap_number(key, 8));
    return false;
}

bool h5_symbols_check(struct h5_heap *file, uint64_t tree, uint64_t names, struct c2s_error *err)
{
    struct symbols s = {.file = file, .nodes_left = file->bytes / NODE_BYTES};
    bool ok = load_names(&s, names, err) && check_node(&s, tree, -1);
    c2s_free(s.names);
    return ok;
}
