/* Small models built by hand, layer behind layer. */
#ifndef TESTS_CHAINS_H
#define TESTS_CHAINS_H

#include <c2s/model.h>

/* New model with an input "in" of that shape; width and height 0 make it a vector. */
struct c2s_model *chain_create(int height, int width, int channels);
/* Appends a layer that reads the last one; borrowed, so that attributes can be set. */
struct c2s_layer *chain_add(struct c2s_model *m, enum c2s_op op, const char *name);
struct c2s_layer *chain_conv(struct c2s_model *m, const char *name, int filters, int kernel);
struct c2s_layer *chain_separable(struct c2s_model *m, const char *name, int filters, int kernel);
struct c2s_layer *chain_dense(struct c2s_model *m, const char *name, int units);
struct c2s_layer *chain_relu(struct c2s_model *m, const char *name);               /* max_value 6 */
struct c2s_layer *chain_max_pool(struct c2s_model *m, const char *name, int size); /* 'same' */
/* Makes the last layer the output, infers shapes and gives every layer the parameters it lacks:
 * kernels of small numbers other than 0, gammas and variances 1, the rest 0. */
void chain_finish(struct c2s_model *m);

/* A quantizer of that many bits on every kernel of l. */
void chain_quantize(struct c2s_layer *l, int bits);

#endif
