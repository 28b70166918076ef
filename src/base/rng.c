/* Repeatable random numbers: xoshiro256** seeded by splitmix64. */
#include "base/rng.h"

static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void c2s_rng_seed(struct c2s_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->state[i] = splitmix64(&seed);
}

uint64_t c2s_rng_next(struct c2s_rng *r)
{
    uint64_t *s = r->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t c2s_rng_below(struct c2s_rng *r, uint64_t n)
{
    uint64_t incomplete = -n % n; /* 2^64 mod n */
    uint64_t x = c2s_rng_next(r);
    while (x < incomplete)
        x = c2s_rng_next(r);
    return x % n;
}

double c2s_rng_unit(struct c2s_rng *r)
{
    return (double)(c2s_rng_next(r) >> 11) * 0x1p-53;
}
