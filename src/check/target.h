/* The limits of each chip, as data. The rules that compare models with them are in rules_chip.c. */
#ifndef C2S_CHECK_TARGET_H
#define C2S_CHECK_TARGET_H

#include <c2s/finding.h>

#include <limits.h>

/* A set of small numbers: bit n stands for n. */
#define C2S_SET(n) (1u << (n))

#define C2S_NO_LIMIT INT_MAX

struct c2s_conv_limits { /* Convolutional, SeparableConvolutional */
    unsigned kernels, strides;
    int stride_2_kernel; /* the only kernel that strides of 2 go with; 0 = none */
    unsigned pool_sizes, pool_strides;
    bool kernel_within_input; /* when it is max-pooled */
    /* Global average pooling: of the layer's input, and of the convolution's output. */
    int average_max_height, average_max_width;
    int average_multiple; /* that height and width of the input are of */
    int average_filters_multiple;
    int average_min_width;
    unsigned weights_bits;
    int max_height, max_width, max_channels, max_filters;
};

struct c2s_target {
    bool has_input_convolution;
    struct { /* InputConvolutional */
        int min_height, min_width, max_width;
        unsigned channels, kernels, strides, pool_sizes;
        unsigned weights_bits, documented_weights_bits;
        int max_filters[2][3]; /* [1 or 3 channels][3x3, 5x5, 7x7] */
    } input;
    struct c2s_conv_limits convolutional, separable;
    struct { /* FullyConnected */
        unsigned weights_bits, input_bits;
        int max_inputs; /* H * W * C */
    } dense;
    unsigned activation_bits;
    /* Whole numbers after rounding down; thresholds reach from -max - 1 to max. */
    int max_act_step, max_threshold;             /* every layer but the first convolution */
    int input_max_act_step, input_max_threshold; /* InputConvolutional */
};

const struct c2s_target *c2s_target_of(enum c2s_profile profile); /* borrowed, static */

/* The largest number in it, 0 = it is empty. */
int c2s_set_largest(unsigned set);
bool c2s_set_has(unsigned set, int n);
/* "3, 5 or 7" into out (always terminated); returns out. */
char *c2s_set_text(unsigned set, char *out, size_t size);

#endif
