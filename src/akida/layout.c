/* Orders of weights, between Keras and Akida. */
#include "akida/layout.h"

#include <string.h>

void akida_flip(int8_t *to, const int8_t *from, int64_t taps, int64_t each)
{
    for (int64_t i = 0; i < taps; i++)
        memcpy(to + i * each, from + (taps - 1 - i) * each, (size_t)each);
}

/* A row of `units` moves from [a,b,c] of dims to [c,b,a]. */
static void swap_ends(int8_t *to, const int8_t *from, const int64_t dims[3], int64_t units)
{
    for (int64_t a = 0; a < dims[0]; a++)
        for (int64_t b = 0; b < dims[1]; b++)
            for (int64_t c = 0; c < dims[2]; c++, from += units)
                memcpy(to + ((c * dims[1] + b) * dims[0] + a) * units, from, (size_t)units);
}

void akida_dense_from_keras(int8_t *to, const int8_t *from, const int dims[3], int units)
{
    swap_ends(to, from, (int64_t[]){dims[0], dims[1], dims[2]}, units);
}

void akida_dense_to_keras(int8_t *to, const int8_t *from, const int dims[3], int units)
{
    swap_ends(to, from, (int64_t[]){dims[2], dims[1], dims[0]}, units);
}
