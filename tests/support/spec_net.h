/* Chains of layers from one line of text, with random parameters, for tests that need many. */
#ifndef TESTS_SPEC_NET_H
#define TESTS_SPEC_NET_H

#include <c2s/fix.h>

/* New model from a line such as "16,16,3 conv8k3 bn relu6 max2v flat dense4": the input's shape,
 * then layers, each reading the one before it. A layer is a kind, its number, and options:
 *   conv8  sep8  dw  filters; k3 or k1x3 kernel, s2 strides, d2 dilation, g2 groups, m2 depth
 *          multiplier, v padding 'valid' (else 'same'), n no bias, r t x own relu, tanh, softmax
 *   dense4 units; n r t x as above
 *   bn     n one negative gamma, z one gamma 0, a on another axis; resc
 *   relu relu6 (max_value), l1 negative slope 0.1, h1 threshold 0.1; leaky3 (slope 0.3) prelu soft
 *   act:relu, act:tanh ...: Activation
 *   max2 avg2 size and strides; s1 other strides; v 'valid'; gap; flat; drop; resh8,8,2; pad1,1,0,2
 * Layers are named by their kind and how often it came before: conv, conv_1, ... Numbers are random
 * from the seed of series_seed. Fails the test when the line makes no sense. */
struct c2s_model *spec_net(const char *line);
/* All that can be quantized gets so many bits, batch normalization is kept; takes m, new. */
struct c2s_model *spec_quantized(struct c2s_model *m, int weights, int activations);

/* Fixes m as asked; rule NULL = all. *out is NULL when nothing changed. Fails the test when c2s_fix
 * fails. End the report. */
struct fix_asked {
    const char *rule, *layers;
    bool approximate, integers;
};
struct c2s_model *fix_net(const struct c2s_model *m, const struct fix_asked *asked,
                          struct c2s_fix_report *report);
/* Findings of one rule ("" = errors) for the AKD1000. */
int count_findings(const struct c2s_model *m, const char *rule, bool integers);

#endif
