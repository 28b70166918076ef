/* Content addresses: SHA-256 by nettle (the only file that includes it). */
#include <c2s/tensor.h>

#include <nettle/sha2.h>
#include <stdio.h>

#include "base/alloc.h"

struct c2s_hasher {
    struct sha256_ctx state;
};

static void finish_to_hex(struct sha256_ctx *state, char *hex)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(state, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

struct c2s_hasher *c2s_hasher_create(struct c2s_error *err)
{
    struct c2s_hasher *h = c2s_malloc(sizeof *h);
    if (!h) {
        c2s_fail_nomem(err);
        return NULL;
    }
    sha256_init(&h->state);
    return h;
}

void c2s_hasher_add(struct c2s_hasher *h, const void *data, size_t n_bytes)
{
    sha256_update(&h->state, n_bytes, data);
}

void c2s_hasher_finish(struct c2s_hasher *h, char hex[C2S_HASH_LENGTH + 1])
{
    finish_to_hex(&h->state, hex);
    c2s_free(h);
}

void c2s_tensor_hash(const struct c2s_tensor *t, char hex[C2S_HASH_LENGTH + 1])
{
    struct sha256_ctx state;
    sha256_init(&state);
    char head[128], shape[96];
    int n = snprintf(head, sizeof head, "%s[%s]", c2s_dtype_name(t->dtype),
                     c2s_shape_text(t->rank, t->dims, shape, sizeof shape));
    sha256_update(&state, (size_t)n + 1, (const uint8_t *)head);
    sha256_update(&state, c2s_tensor_bytes(t), t->data);
    finish_to_hex(&state, hex);
}
