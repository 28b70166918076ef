/* Where buffers lie in one stretch of memory when not all are in use at the same time. */
#ifndef C2S_ENGINE_ARENA_H
#define C2S_ENGINE_ARENA_H

#include <stddef.h>

struct arena_buffer {
    size_t bytes;    /* 0 = not there */
    int first, last; /* steps during which it is in use, both included */
    size_t offset;   /* set by arena_place; a multiple of 64 */
};

/* Lays every buffer as low as those alive at the same time allow; returns the bytes in all. */
size_t arena_place(struct arena_buffer *buffers, int n);

#endif
