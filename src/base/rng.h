/* Random numbers that are the same on every machine, for choices that must be repeatable. */
#ifndef C2S_BASE_RNG_H
#define C2S_BASE_RNG_H

#include <stdint.h>

/* xoshiro256** (Blackman and Vigna 2018, public domain), its state filled by splitmix64. */
struct c2s_rng {
    uint64_t state[4];
};

void c2s_rng_seed(struct c2s_rng *r, uint64_t seed);
uint64_t c2s_rng_next(struct c2s_rng *r);
/* Uniform in 0..n-1 without bias (values of the incomplete last stretch are drawn again); n > 0. */
uint64_t c2s_rng_below(struct c2s_rng *r, uint64_t n);
/* Uniform in [0, 1), 53 bits. */
double c2s_rng_unit(struct c2s_rng *r);

#endif
