/* The limits of the AKD1000. Every number is in the Akida 1.0 hardware page (generation 2.3 to
 * present), or was answered by the public akida package (2.2.6 and 2.19.3) when a model was mapped
 * on its virtual device; where both speak and differ, the device is believed. Not here: how many
 * processors or how much memory a layer takes, which is not documented. */
#include "check/target.h"

#include <stdio.h>

const struct c2s_target c2s_target_akd1000 = {
    .input =
        {
            .min_height = 5,
            .min_width = 5,
            .max_width = 256,
            .channels = C2S_SET(1) | C2S_SET(3),
            .kernels = C2S_SET(3) | C2S_SET(5) | C2S_SET(7),
            .strides = C2S_SET(1) | C2S_SET(2) | C2S_SET(3),
            .pool_sizes = C2S_SET(1) | C2S_SET(2),
            .weights_bits = C2S_SET(1) | C2S_SET(2) | C2S_SET(3) | C2S_SET(4) | C2S_SET(5) |
                            C2S_SET(6) | C2S_SET(7) | C2S_SET(8),
            .documented_weights_bits = C2S_SET(8),
            .max_filters = {{512, 192, 96}, {192, 64, 32}},
        },
    .convolutional =
        {
            .kernels = C2S_SET(1) | C2S_SET(3) | C2S_SET(5) | C2S_SET(7),
            .strides = C2S_SET(1) | C2S_SET(2),
            .stride_2_kernel = 3,
            .pool_sizes = C2S_SET(1) | C2S_SET(2),
            .pool_strides = C2S_SET(1) | C2S_SET(2),
            .average_max_height = 32,
            .average_min_width = 3,
            .weights_bits = C2S_SET(1) | C2S_SET(2) | C2S_SET(4),
            .max_height = 4096,
            .max_width = 4096,
            .max_channels = 2048,
            .max_filters = 2048,
        },
    .separable =
        {
            .kernels = C2S_SET(3) | C2S_SET(5) | C2S_SET(7),
            .strides = C2S_SET(1) | C2S_SET(2),
            .stride_2_kernel = 3,
            .pool_sizes = C2S_SET(1) | C2S_SET(2),
            .pool_strides = C2S_SET(1) | C2S_SET(2),
            .average_max_height = 32,
            .average_min_width = 3,
            .weights_bits = C2S_SET(2) | C2S_SET(4),
            .max_height = 4096,
            .max_width = 4096,
            .max_channels = 2048,
            .max_filters = 2048,
        },
    .dense = {.weights_bits = C2S_SET(1) | C2S_SET(2) | C2S_SET(4), .max_inputs = 57334},
    .activation_bits = C2S_SET(1) | C2S_SET(2) | C2S_SET(4),
    .max_act_step = (1 << 16) - 1,
    .max_threshold = (1 << 19) - 1,
    .input_max_act_step = (1 << 20) - 1,
    .input_max_threshold = (1 << 23) - 1,
};

bool c2s_set_has(unsigned set, int n)
{
    return n >= 0 && n < 32 && (set & C2S_SET(n));
}

char *c2s_set_text(unsigned set, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int n = 0; n < 32 && used < size; n++) {
        if (!c2s_set_has(set, n))
            continue;
        bool is_last = n == 31 || (set >> (n + 1)) == 0;
        const char *between = used == 0 ? "" : is_last ? " or " : ", ";
        used += (size_t)snprintf(out + used, size - used, "%s%d", between, n);
    }
    return out;
}
