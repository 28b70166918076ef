/* The naive kernels: one layer on one batch. Readable before fast; they judge the other engines,
 * which may also borrow them for what they have no faster way to do. */
#ifndef C2S_ENGINE_REF_H
#define C2S_ENGINE_REF_H

#include "engine/engines.h"

/* Tensors are float32, row-major, [batch, ...]; images N,H,W,C. Sums run in double and are rounded
 * once, so that the judge's own rounding is far below that of the engine it judges; everything
 * else is float32 in Keras' order of operations. */
struct ref_call {
    const struct c2s_layer *layer;
    const struct engine_weights *weights;
    const struct c2s_tensor *const *in; /* [layer->n_inputs] */
    struct c2s_tensor *out;             /* shape [batch, layer->dims]; every element is written */
};

/* Computes any layer that engine_check_float accepts, but INPUT. Fails: NOMEM. */
bool ref_forward(const struct ref_call *c, struct c2s_error *err) C2S_MUST_CHECK;

/* ref_neural.c: where the windows of a convolution lie on an image. */
struct ref_window {
    int64_t h, w, c, oh, ow; /* input and output image */
    int64_t top, left;       /* padding in front */
    const struct c2s_conv_attr *attr;
};
struct ref_window ref_window_of(const struct c2s_conv_attr *a, const int64_t *image /* H, W, C */);
/* Offset in the image of the pixel under kernel tap (ky, kx) at output (y, x); -1 = padding. */
int64_t ref_pixel(const struct ref_window *v, int64_t y, int64_t x, int ky, int kx);

/* ref_neural.c; the first two include bias and inlined activation. */
void ref_conv2d(const struct ref_call *c);
void ref_dense(const struct ref_call *c);
void ref_depthwise(const struct ref_call *c);
bool ref_separable(const struct ref_call *c, struct c2s_error *err) C2S_MUST_CHECK;

/* ref_pool.c: the input rows (or columns) that an output covers, cut to the image. */
struct ref_range {
    int64_t first, end;
};
struct ref_range ref_covered(int64_t output, int stride, int window, int64_t pad, int64_t length);
/* ref_pool.c */
void ref_max_pool(const struct ref_call *c);
void ref_average_pool(const struct ref_call *c);
void ref_global_average_pool(const struct ref_call *c);

/* ref_elementwise.c: y may be x */
void ref_batch_norm(const struct ref_call *c);
void ref_activation(const struct ref_call *c); /* every op of the activation family */
void ref_function(enum c2s_function f, const float *x, float *y, int64_t rows, int64_t columns);
void ref_rescaling(const struct ref_call *c);
void ref_add(const struct ref_call *c);
/* Position in a tensor of `dims` of element `index` of one of shape `of`; dimensions of 1 repeat.
 * Both have that rank. */
int64_t ref_broadcast(int64_t index, int rank, const int64_t *of, const int64_t *dims);

/* ref_shape.c: where upsampled pixel `output` reads along one axis: two input pixels and the share
 * of the second. */
struct ref_blend {
    int64_t first, second;
    float share;
};
struct ref_blend ref_blend_at(int64_t output, int factor, int64_t length, bool is_bilinear);
/* ref_shape.c */
void ref_copy(const struct ref_call *c); /* Flatten, Reshape, Dropout */
void ref_zero_padding(const struct ref_call *c);
void ref_upsampling(const struct ref_call *c);
void ref_concatenate(const struct ref_call *c);

#endif
