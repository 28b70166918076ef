/* Gradient engine "ref": readable, in double from the input to the gradients, so that it judges the
 * other engine and can itself be judged by central differences. Weights are the float32 ones,
 * fake-quantized as the layer uses them. */
#ifndef C2S_ENGINE_REF_TRAIN_H
#define C2S_ENGINE_REF_TRAIN_H

#include "engine/gradient_engine.h"

struct ref_train {
    struct c2s_gradients *g;
    const struct c2s_batch_loss *loss;
    int64_t batch, step;
    /* Of the batch, by layer. slopes: d loss / d output, added up by the layer's readers; NULL
     * where no trained parameter lies in front. saved: what backward needs beside values. */
    double **values, **slopes, **saved;
    struct engine_weights *weights;
};

struct ref_train_op {
    void (*forward)(struct ref_train *t, int layer);
    /* Adds to the slopes of the layer's inputs and to gradients of its parameters. Fails: NOMEM. */
    bool (*backward)(struct ref_train *t, int layer, struct c2s_error *err);
    /* Numbers in saved[layer]; NULL = 0. */
    int64_t (*count_saved)(const struct ref_train *t, int layer);
};

/* ref_gradient.c */
const struct c2s_layer *ref_train_layer(const struct ref_train *t, int layer);
const struct c2s_layer *ref_train_source(const struct ref_train *t, int layer, int k); /* input k */
const double *ref_train_in(const struct ref_train *t, int layer, int k);
double *ref_train_d_in(const struct ref_train *t, int layer, int k); /* NULL = not wanted */
int64_t ref_train_count(const struct ref_train *t, int layer);       /* numbers of its output */
/* gradient_add of d [n], which is taken (c2s_free); NULL gives NOMEM. */
bool ref_train_add(struct ref_train *t, int layer, enum c2s_role role, double *d, int64_t n,
                   struct c2s_error *err) C2S_MUST_CHECK;
/* The model's output of the last batch [batch, units]; borrowed, for tests. */
const double *ref_train_output(const struct c2s_gradients *g);

/* ref_train_*.c */
extern const struct ref_train_op ref_train_conv2d, ref_train_depthwise, ref_train_separable,
    ref_train_dense, ref_train_batch_norm, ref_train_activation, ref_train_max_pool,
    ref_train_average_pool, ref_train_copy, ref_train_dropout, ref_train_zero_padding,
    ref_train_upsampling, ref_train_rescaling, ref_train_add_layers, ref_train_concatenate;

/* A function of rows of `columns` numbers, in place; and d loss / d its input from that of its
 * output y, in place. */
void ref_train_function(enum c2s_function f, double *y, int64_t rows, int64_t columns);
void ref_train_function_back(enum c2s_function f, const double *y, double *d, int64_t rows,
                             int64_t columns);

#endif
