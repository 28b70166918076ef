/* Private to the dnnl_backward*.c files: how the gradient engine "dnnl" computes a step of
 * training.
 *
 * A batch is cut into pieces of a fixed number of samples, pieces into at most BACKWARD_GROUPS
 * groups. One thread ("lane") takes a group and takes its pieces, in order, through all steps of a
 * phase: forward, loss, backward, while the activations lie in its core's cache. Sums over samples
 * are kept for each group and added in the order of groups. So neither the number of threads nor
 * who was faster changes a bit.
 *
 * A batch normalization in training needs the whole batch's statistics before it can go on, and the
 * whole batch's gradient before it can go back: each ends a phase, for all groups. Buffers that
 * only one phase uses are a lane's; others are wide: they hold the whole batch.
 *
 * Dense layers keep their input and gradient of the whole batch, and multiply them at the end: one
 * product over all samples, cut along the weights, instead of many sums as large as the weights. */
#ifndef C2S_ENGINE_DNNL_BACKWARD_H
#define C2S_ENGINE_DNNL_BACKWARD_H

#include <stdatomic.h>

#include "engine/dnnl_plan.h"
#include "engine/fast_backward.h"
#include "engine/fast_quantizer.h"
#include "engine/gradient_engine.h"
#include "engine/workers.h"

#define BACKWARD_GROUPS   16
#define BACKWARD_MAX_ARGS 5

/* What a layer has buffers for. Buffer of a part of layer i: part * n_layers + i. */
enum backward_part {
    BACKWARD_DATA,           /* its output */
    BACKWARD_GRADIENT,       /* of the loss by its output */
    BACKWARD_EXTRA,          /* separable: between both convolutions; places of maxima; masks */
    BACKWARD_EXTRA_GRADIENT, /* separable: of what is between */
    BACKWARD_TEMPORARY,      /* a gradient before it is added to one that is there */
    BACKWARD_PARTS
};

struct backward_buffer {
    int64_t floats;  /* per sample; 0 = not there */
    int root;        /* the buffer whose memory this one shares, or itself */
    int first, last; /* steps that use it (roots only); first -1 = none */
    bool is_wide;
    size_t offset; /* bytes per sample: in a lane's arena, or in the wide memory */
};

/* One primitive over a piece; each lane has memories of its own for the arguments. */
struct backward_primitive {
    dnnl_primitive_t primitive; /* owned; NULL = none */
    int first_memory;           /* number of the first argument's memory in a lane */
    int n_args;
    int arg[BACKWARD_MAX_ARGS];
    dnnl_memory_desc_t desc[BACKWARD_MAX_ARGS];
};

struct backward_reorder {
    dnnl_primitive_t primitive; /* owned, as are the memories */
    dnnl_memory_t memory[2];    /* from, to */
    float *laid_out; /* owned; NULL = the layout is Keras' own, or the result lies elsewhere */
};

/* Weights of a neural layer: Keras' [rows, channels], and as primitives want them. Cut into blocks
 * of rows, which threads share out. */
struct backward_kernel {
    const struct c2s_layer *layer;
    int index; /* the layer's */
    enum c2s_role role;
    const struct c2s_quantizer_spec *spec; /* id NONE: float */
    struct c2s_tensor *master;             /* borrowed */
    float *effective; /* what the layer computes with; master's data if float */
    int64_t rows, channels, block_rows;
    int n_blocks, first_block; /* among those of all kernels */
    bool is_trained;
    bool is_ready; /* not trained, and prepared once for all */
    bool is_late;  /* dense: its gradient is computed at the end */
    bool is_fast;  /* quantized in blocks */
    struct fast_quantizer fast;
    bool is_direct;                              /* gradient is the parameter's own */
    float *gradient;                             /* Keras' order */
    struct backward_reorder forward, data, sums; /* convolutions: effective -> layouts, sums -> */
    size_t first_sum, n_sums;                    /* floats of a group; padding included */
};

struct backward_convolution {
    struct backward_kernel *kernel;
    struct backward_primitive forward, data, weights;
};

struct backward_piece;
struct backward_layer;
typedef bool backward_run(const struct backward_piece *p, const struct backward_layer *l,
                          struct c2s_error *err);

/* How a kind of layer is computed. */
struct backward_kind {
    backward_run *forward, *backward;
    bool needs_input, needs_output; /* in backward */
    bool is_map;                    /* may write over its input, forward and backward */
};

struct backward_layer {
    const struct c2s_layer *layer;
    int index;
    const struct backward_kind *kind;
    int level;         /* batch normalizations in front of it that wait for the batch */
    bool is_reached;   /* the output depends on it */
    bool has_gradient; /* something at or in front of it is trained, and it is reached */
    bool is_waiting;   /* batch normalization in training */
    int edge;          /* of its first input in backward.adds */
    struct fast_map map;
    struct fast_pool pool;
    int n_kernels;
    struct backward_kernel *kernels[2]; /* separable: depthwise, pointwise */
    struct backward_convolution convolutions[2];
    int64_t extra; /* numbers per sample of its part BACKWARD_EXTRA */
    size_t first_sum,
        n_sums;      /* its sums among a group's doubles: bias, batch statistics, scalars */
    double *numbers; /* owned; batch normalization: see dnnl_backward_norm.c */
};

enum backward_what {
    BACKWARD_FORWARD,
    BACKWARD_STATISTICS, /* of a batch normalization's input */
    BACKWARD_LOSS,
    BACKWARD_GRADIENT_SUMS, /* of a batch normalization's gradient */
    BACKWARD_BACK
};

struct backward_step {
    enum backward_what what;
    int phase;
    struct backward_layer *l; /* NULL: the loss */
    backward_run *run;
};

struct backward_lane {
    char *arena; /* owned */
    dnnl_stream_t stream;
    dnnl_memory_t *memories; /* owned [n_memories] */
    void **handles;          /* owned [n_memories]: what each points to */
};

struct backward {
    const struct c2s_model *model;
    struct c2s_gradients *base; /* borrowed */
    dnnl_engine_t engine;
    struct backward_layer *layers; /* [n_layers] */
    bool *adds;                    /* for each edge: the input's gradient is there already */
    struct backward_buffer *buffers;
    struct backward_step *steps;
    int n_steps, n_phases;
    struct backward_kernel *kernels; /* [2 * n_layers] */
    int n_kernels, n_blocks;
    bool *is_direct;         /* [parameters]: a kernel writes the gradient itself ... */
    atomic_bool is_bad;      /* ... and one had NaN or infinity */
    int64_t piece, capacity; /* samples; capacity: the largest batch in whole pieces */
    size_t arena_bytes, sums_bytes, scratch_bytes; /* of a lane, one behind the other */
    size_t wide_bytes;
    char *wide, *tail; /* tail: the last piece of x, filled up with zeros */
    struct backward_lane *lanes;
    int n_lanes, n_memories;
    struct workers *workers;
    size_t n_floats, n_doubles;  /* sums of one group */
    float *floats;               /* [BACKWARD_GROUPS][n_floats] */
    double *doubles;             /* [BACKWARD_GROUPS][n_doubles] */
    struct c2s_loss_sum *losses; /* of each piece */
    /* of the batch at hand */
    const float *x;
    int64_t batch, step;
    int n_pieces, n_groups;
    const struct c2s_batch_loss *loss;
    int phase;
    atomic_int *first_bad; /* while looking for it: the first step that gave NaN or infinity */
};

/* A piece on its way through the steps of a phase. */
struct backward_piece {
    const struct backward *b;
    struct backward_lane *lane;
    int64_t first, n; /* samples; n <= b->piece */
    int group;
    bool is_first; /* of its group: sums are written, not added to */
};

/* dnnl_backward_kind.c: what a layer is, and what it keeps, all but primitives. */
bool backward_layer_init(struct backward *b, struct backward_layer *l,
                         struct c2s_error *err) C2S_MUST_CHECK;
void backward_layer_finish(struct backward_layer *l);
/* Whether the way back needs the layer's input, or its output. */
bool backward_needs_input(const struct backward_layer *l);
bool backward_needs_output(const struct backward_layer *l);
/* A dense layer whose weights are trained: they get their gradient at the end. */
bool backward_is_late(const struct backward_layer *l);
/* The gradient of a layer's parameter, or NULL when it is not trained. */
float *backward_gradient_of(const struct backward *b, int layer, enum c2s_role role);
void backward_gather_sums(const struct backward *b);

/* dnnl_backward_layers.c, dnnl_backward_shape.c, dnnl_backward_norm.c */
extern const struct backward_kind backward_same, backward_relu, backward_clipped_relu,
    backward_odd_relu, backward_quantized, backward_trained, backward_function, backward_axis,
    backward_frozen_norm, backward_rescaling, backward_dropout, backward_max_pool,
    backward_average_pool, backward_add, backward_concatenate, backward_padding,
    backward_upsampling, backward_norm;
/* A layer's inlined function (or its own) on its output, and the way back on the gradient of it. */
void backward_apply_function(const struct backward_piece *p, const struct backward_layer *l);
void backward_function_back(const struct backward_piece *p, const struct backward_layer *l);

/* dnnl_backward_plan.c: levels, steps, buffers, the size of a piece. */
void backward_reach(struct backward *b); /* what the output depends on */
bool backward_plan(struct backward *b, struct c2s_error *err) C2S_MUST_CHECK;

/* dnnl_backward_neural.c: convolutions and dense layers. */
bool backward_neural_init(struct backward *b, struct backward_layer *l,
                          struct c2s_error *err) C2S_MUST_CHECK;
void backward_neural_finish(struct backward_layer *l);
backward_run backward_convolution_forward, backward_convolution_back;
backward_run backward_dense_forward, backward_dense_back;

/* dnnl_backward_norm.c: batch normalization in training. What is not a run is done by one thread
 * between phases, with the sums of all groups. */
bool backward_norm_init(struct backward_layer *l, struct c2s_error *err) C2S_MUST_CHECK;
void backward_norm_begin(const struct backward_layer *l);
backward_run backward_norm_statistics, backward_norm_forward;
backward_run backward_norm_sums, backward_norm_back;
void backward_norm_end_statistics(const struct backward *b, const struct backward_layer *l);
void backward_norm_end_sums(const struct backward *b, const struct backward_layer *l);
void backward_norm_move(const struct backward *b, const struct backward_layer *l);

/* dnnl_backward_kernel.c: weights before a step, gradients after it. */
bool backward_kernel_init(struct backward *b, struct backward_layer *l, enum c2s_role role,
                          struct c2s_error *err) C2S_MUST_CHECK;
void backward_kernel_finish(struct backward_kernel *k);
bool backward_reorder_init(const struct backward *b, struct backward_reorder *r,
                           const struct c2s_layer *l, const dnnl_memory_desc_t *from,
                           const dnnl_memory_desc_t *to, struct c2s_error *err) C2S_MUST_CHECK;
/* Effective weights, whose layout is `plain`, in another layout; nothing when it is the same. */
bool backward_lay_out(const struct backward *b, const struct backward_kernel *k,
                      struct backward_reorder *r, const dnnl_memory_desc_t *plain,
                      const dnnl_memory_desc_t *wanted, struct c2s_error *err) C2S_MUST_CHECK;
bool backward_kernels_prepare(struct backward *b, struct c2s_error *err) C2S_MUST_CHECK;
bool backward_kernels_gather(struct backward *b, struct c2s_error *err) C2S_MUST_CHECK;

/* dnnl_backward_piece.c: where a piece's numbers lie, and primitives over them. */
float *backward_part(const struct backward_piece *p, enum backward_part part, int layer);
float *backward_wide(const struct backward *b, enum backward_part part, int layer); /* sample 0 */
static inline const float *backward_input(const struct backward_piece *p,
                                          const struct backward_layer *l)
{
    return backward_part(p, BACKWARD_DATA, l->layer->inputs[0]);
}
int64_t backward_count(const struct c2s_layer *l); /* numbers per sample */
/* The sums of the piece's group that belong to a layer; how many is up to its kind. */
double *backward_sums(const struct backward_piece *p, const struct backward_layer *l);
/* Whether input k of a layer gets a gradient. */
bool backward_wants(const struct backward *b, const struct backward_layer *l, int k);
/* Where the gradient of a layer's first input is written, and what is done then: added to the one
 * that other readers left, when there is one. */
float *backward_target(const struct backward_piece *p, const struct backward_layer *l);
void backward_settle(const struct backward_piece *p, const struct backward_layer *l,
                     const float *written);
bool backward_execute(const struct backward_piece *p, const struct backward_layer *l,
                      const struct backward_primitive *q, void *const *data,
                      struct c2s_error *err) C2S_MUST_CHECK;
/* Looks at what a step wrote of the samples there are. */
void backward_watch(const struct backward_piece *p, int step);
bool backward_lanes_create(struct backward *b, struct c2s_error *err) C2S_MUST_CHECK;
void backward_lanes_destroy(struct backward *b);

/* dnnl_backward.c: calls task(b, i) for i below n, on all lanes. A task that fails fills *err of
 * its own. */
typedef bool backward_task(struct backward *b, int lane, int i, struct c2s_error *err);
bool backward_share(struct backward *b, int n, backward_task *task,
                    struct c2s_error *err) C2S_MUST_CHECK;

#endif
