/* The limits of each chip, as data. The rules that compare models with them are in rules_chip.c. */
#ifndef C2S_CHECK_TARGET_H
#define C2S_CHECK_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* A set of small numbers: bit n stands for n. */
#define C2S_SET(n) (1u << (n))

struct c2s_conv_limits { /* Convolutional, SeparableConvolutional */
    unsigned kernels, strides;
    int stride_2_kernel; /* the only kernel that strides of 2 go with */
    unsigned pool_sizes, pool_strides;
    int average_max_height; /* of the layer's input; global average pooling only */
    int average_min_width;  /* of the convolution's output */
    unsigned weights_bits;
    int max_height, max_width, max_channels, max_filters;
};

struct c2s_target {
    struct { /* InputConvolutional */
        int min_height, min_width, max_width;
        unsigned channels, kernels, strides, pool_sizes;
        unsigned weights_bits, documented_weights_bits;
        int max_filters[2][3]; /* [1 or 3 channels][3x3, 5x5, 7x7] */
    } input;
    struct c2s_conv_limits convolutional, separable;
    struct { /* FullyConnected */
        unsigned weights_bits;
        int max_inputs; /* H * W * C */
    } dense;
    unsigned activation_bits;
    /* Whole numbers after rounding down; thresholds reach from -max - 1 to max. */
    int max_act_step, max_threshold;             /* every layer but the first convolution */
    int input_max_act_step, input_max_threshold; /* InputConvolutional */
};

extern const struct c2s_target c2s_target_akd1000;

bool c2s_set_has(unsigned set, int n);
/* "3, 5 or 7" into out (always terminated); returns out. */
char *c2s_set_text(unsigned set, char *out, size_t size);

#endif
