/* Which samples two datasets have in common, whatever they are called and wherever they stand. */
#include <c2s/dataset.h>

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { BLOCK_BYTES = 1 << 18 };

/* Word by word, the last one filled with zeros: every sample compared is of the same size. */
static uint64_t hash_sample(const uint8_t *bytes, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0, left; i < n; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        left = n - i;
        memcpy(&word, bytes + i, left < sizeof word ? left : sizeof word);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    return h;
}

static bool hash_all(const struct c2s_dataset *d, bool is_raw, uint64_t *hashes,
                     struct c2s_error *err)
{
    const struct c2s_dataset_info *info = c2s_dataset_info(d);
    size_t size = is_raw ? 1 : sizeof(float);
    for (int i = 0; i < info->rank; i++)
        size *= (size_t)info->dims[i];
    int64_t per_block = size < BLOCK_BYTES ? (int64_t)(BLOCK_BYTES / size) : 1;
    for (int64_t first = 0, n; first < info->n; first += n) {
        struct c2s_tensor *x;
        n = info->n - first < per_block ? info->n - first : per_block;
        if (is_raw ? !c2s_dataset_raw(d, first, n, &x, err)
                   : !c2s_dataset_keras(d, first, n, &x, err))
            return false;
        for (int64_t i = 0; i < n; i++)
            hashes[first + i] = hash_sample((const uint8_t *)x->data + (size_t)i * size, size);
        c2s_tensor_unref(x);
    }
    return true;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

bool c2s_dataset_count_shared(const struct c2s_dataset *of, const struct c2s_dataset *in,
                              int64_t *n_shared, struct c2s_error *err)
{
    const struct c2s_dataset_info *a = c2s_dataset_info(of), *b = c2s_dataset_info(in);
    *n_shared = strcmp(a->hash, b->hash) == 0 ? a->n : 0;
    if (*n_shared || a->rank != b->rank ||
        memcmp(a->dims, b->dims, sizeof a->dims[0] * (size_t)a->rank) != 0)
        return true;
    bool is_raw = a->dtype == C2S_U8 && b->dtype == C2S_U8;
    uint64_t *ours = c2s_malloc(sizeof *ours * (size_t)a->n);
    uint64_t *theirs = c2s_malloc(sizeof *theirs * (size_t)b->n);
    bool ok = (ours && theirs) || c2s_fail_nomem(err);
    ok = ok && hash_all(of, is_raw, ours, err) && hash_all(in, is_raw, theirs, err);
    if (ok)
        qsort(theirs, (size_t)b->n, sizeof *theirs, ascending);
    for (int64_t i = 0; ok && i < a->n; i++)
        *n_shared += bsearch(&ours[i], theirs, (size_t)b->n, sizeof *theirs, ascending) != NULL;
    c2s_free(ours);
    c2s_free(theirs);
    return ok;
}
