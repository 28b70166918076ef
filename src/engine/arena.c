/* Where buffers lie in one stretch of memory when not all are in use at the same time. */
#include "engine/arena.h"

#include <stdbool.h>

static size_t rounded(const struct arena_buffer *v)
{
    return (v->bytes + 63) / 64 * 64;
}

static bool overlap(const struct arena_buffer *a, const struct arena_buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

size_t arena_place(struct arena_buffer *buffers, int n)
{
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        struct arena_buffer *v = &buffers[i];
        if (v->bytes == 0)
            continue;
        size_t at = 0;
        for (int k = 0; k < i; k++) {
            const struct arena_buffer *other = &buffers[k];
            bool collides = other->bytes > 0 && overlap(v, other) &&
                            at < other->offset + rounded(other) && other->offset < at + rounded(v);
            if (collides) {
                at = other->offset + rounded(other);
                k = -1; /* what lay below may collide now */
            }
        }
        v->offset = at;
        total = at + rounded(v) > total ? at + rounded(v) : total;
    }
    return total;
}
