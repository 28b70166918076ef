/* The limits of the AKD1000.
 * Production: every number is in the Akida 1.0 hardware page (generation 2.3 to present), or was
 * answered by the public akida package (2.2.6 and 2.19.3) when a model was mapped on its virtual
 * device; where both speak and differ, the device is believed.
 * Preproduction (NSoC_v1): the hardware page of release 1.8, section Pre-production, and what
 * akida.compatibility.model_hardware_incompatibilities(model, NsocVersion.v1) of akida 1.8.13
 * answered; where both speak and differ, the stricter one, as no such device can be asked any more.
 * The width of that page is the second axis of an image, its height the first.
 * Not here: how many processors or how much memory a layer takes, which is not documented. */
#include "check/target.h"

#include <stdio.h>

#define ONE_TWO_FOUR (C2S_SET(1) | C2S_SET(2) | C2S_SET(4))

/* What convolutional and separable layers share. */
#define PRODUCTION_WINDOWS                                                                         \
    .strides = C2S_SET(1) | C2S_SET(2), .stride_2_kernel = 3,                                      \
    .pool_sizes = C2S_SET(1) | C2S_SET(2), .pool_strides = C2S_SET(1) | C2S_SET(2),                \
    .average_max_height = 32, .average_max_width = C2S_NO_LIMIT, .average_multiple = 1,            \
    .average_min_width = 3, .max_height = 4096, .max_width = 4096, .max_channels = 2048,           \
    .max_filters = 2048
#define PREPRODUCTION_WINDOWS                                                                      \
    .strides = C2S_SET(1), .pool_sizes = C2S_SET(1) | C2S_SET(2) | C2S_SET(3),                     \
    .pool_strides = C2S_SET(1) | C2S_SET(2) | C2S_SET(3), .kernel_within_input = true,             \
    .average_max_height = C2S_NO_LIMIT, .average_max_width = 32, .average_multiple = 8,            \
    .max_height = C2S_NO_LIMIT, .max_width = C2S_NO_LIMIT, .max_channels = C2S_NO_LIMIT,           \
    .max_filters = C2S_NO_LIMIT

/* Of the production chip. The tutorial on the first ones speaks of 20-bit registers too, without
 * more. */
#define RANGES                                                                                     \
    .max_act_step = (1 << 16) - 1, .max_threshold = (1 << 19) - 1,                                 \
    .input_max_act_step = (1 << 20) - 1, .input_max_threshold = (1 << 23) - 1

static const struct c2s_target production = {
    .has_input_convolution = true,
    .input =
        {
            .min_height = 5,
            .min_width = 5,
            .max_width = 256,
            .channels = C2S_SET(1) | C2S_SET(3),
            .kernels = C2S_SET(3) | C2S_SET(5) | C2S_SET(7),
            .strides = C2S_SET(1) | C2S_SET(2) | C2S_SET(3),
            .pool_sizes = C2S_SET(1) | C2S_SET(2),
            .weights_bits =
                ONE_TWO_FOUR | C2S_SET(3) | C2S_SET(5) | C2S_SET(6) | C2S_SET(7) | C2S_SET(8),
            .documented_weights_bits = C2S_SET(8),
            .max_filters = {{512, 192, 96}, {192, 64, 32}},
        },
    .convolutional = {PRODUCTION_WINDOWS,
                      .kernels = C2S_SET(1) | C2S_SET(3) | C2S_SET(5) | C2S_SET(7),
                      .average_filters_multiple = 1, .weights_bits = ONE_TWO_FOUR},
    .separable = {PRODUCTION_WINDOWS, .kernels = C2S_SET(3) | C2S_SET(5) | C2S_SET(7),
                  .average_filters_multiple = 1, .weights_bits = C2S_SET(2) | C2S_SET(4)},
    .dense = {.weights_bits = ONE_TWO_FOUR, .input_bits = ONE_TWO_FOUR, .max_inputs = 57334},
    .activation_bits = ONE_TWO_FOUR,
    RANGES,
};

static const struct c2s_target preproduction = {
    .has_input_convolution = false,
    .input = {.channels = C2S_SET(1) | C2S_SET(3)}, /* decides what is an image */
    .convolutional = {PREPRODUCTION_WINDOWS,
                      .kernels = C2S_SET(1) | C2S_SET(3) | C2S_SET(5) | C2S_SET(7),
                      .average_filters_multiple = 1, .weights_bits = C2S_SET(1) | C2S_SET(2)},
    .separable = {PREPRODUCTION_WINDOWS, .kernels = C2S_SET(3) | C2S_SET(5) | C2S_SET(7),
                  .average_filters_multiple = 8, .weights_bits = C2S_SET(2) | C2S_SET(4)},
    .dense = {.weights_bits = C2S_SET(1) | C2S_SET(2),
              .input_bits = C2S_SET(1) | C2S_SET(2),
              .max_inputs = 81920},
    .activation_bits = ONE_TWO_FOUR,
    RANGES,
};

const struct c2s_target *c2s_target_of(enum c2s_profile profile)
{
    return profile == C2S_PROFILE_PREPRODUCTION ? &preproduction : &production;
}

int c2s_set_largest(unsigned set)
{
    int n = 31;
    while (n > 0 && !c2s_set_has(set, n))
        n--;
    return n;
}

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
