/* Memory for the core: like malloc and friends, with a hook so that tests can fail any call. */
#ifndef C2S_BASE_ALLOC_H
#define C2S_BASE_ALLOC_H

#include <stddef.h>

void *c2s_malloc(size_t size);
void *c2s_calloc(size_t count, size_t size);
void *c2s_realloc(void *p, size_t size);
void *c2s_aligned(size_t size); /* 64-byte aligned, zero-filled; free with c2s_free */
char *c2s_strdup(const char *text);
void c2s_free(void *p);

/* Tests: the n-th call from now (1 = the next) and all later ones return NULL; 0 = never. */
void c2s_alloc_fail_after(long n);

#endif
