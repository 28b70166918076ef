/* Layers with random attributes and parameters, for comparing engines. */
#ifndef TESTS_RANDOM_LAYERS_H
#define TESTS_RANDOM_LAYERS_H

#include "nets.h"

void random_param(struct random *r, struct c2s_layer *l, enum c2s_role role, int rank,
                  const int64_t *dims, float low, float high);
enum c2s_function random_function(struct random *r);
/* A window and strides that fit an image of [H, W] = in. */
void random_window(struct random *r, int *window, int *strides, enum c2s_padding *padding,
                   const int64_t *in);

/* Each adds a layer on layer `in`, whose output has those dims, and returns it. */
struct c2s_layer *random_conv(struct random *r, struct c2s_model *m, enum c2s_op op, int in,
                              const int64_t *dims); /* any of the three kinds */
struct c2s_layer *random_batch_norm(struct random *r, struct c2s_model *m, int in,
                                    int64_t channels);
/* BATCH_NORM, activations, RESCALING, SOFTMAX, UPSAMPLING, ZERO_PADDING; rank 3. */
void random_elementwise(struct random *r, struct c2s_model *m, enum c2s_op op, int in,
                        const int64_t *dims, int rank);
void random_quantized_relu(struct random *r, struct c2s_layer *l);

#endif
