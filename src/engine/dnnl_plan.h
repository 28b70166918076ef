/* Private to the dnnl*.c files, the only ones that include dnnl.h: the plan by which engine "dnnl"
 * computes a model.
 *
 * A plan is a list of steps over a small chunk of the batch. Every worker ("lane") has its own
 * buffers and takes the next chunk through all steps, so that the activations of a chunk stay in
 * its core's cache; primitives and weights are shared. All buffers are row-major, images N,H,W,C,
 * which is what observers and the naive kernels take and what oneDNN's kernels like as well. */
#ifndef C2S_ENGINE_DNNL_PLAN_H
#define C2S_ENGINE_DNNL_PLAN_H

#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_debug.h>

#include "engine/fast.h"
#include "engine/ref.h"

#define PLAN_MAX_ARGS 10

/* One primitive of a step, and what it reads and writes. */
struct plan_primitive {
    dnnl_primitive_t primitive;      /* owned */
    dnnl_engine_t engine;            /* borrowed */
    dnnl_memory_desc_t source, dest; /* of a chunk */
    dnnl_memory_desc_t scratch;      /* size 0: none */
    int from, to;                    /* values */
    int n_fixed;                     /* memories that all lanes share: weights, bias, post-ops */
    int fixed_arg[PLAN_MAX_ARGS];
    dnnl_memory_t fixed[PLAN_MAX_ARGS]; /* owned */
};

enum plan_kind {
    PLAN_NOTHING,    /* the output is the input under another shape */
    PLAN_PRIMITIVES, /* oneDNN, then an inlined function that it cannot fuse */
    PLAN_MAP,        /* elementwise, fast.h */
    PLAN_REF         /* naive kernel */
};

struct plan_step {
    enum plan_kind kind;
    const struct c2s_layer *layer; /* the first one, when others are fused into it */
    int index;                     /* its index */
    int value;                     /* written: layer index of the last one fused */
    int between;                   /* value between the two convolutions of a separable layer */
    const struct c2s_layer *normalize, *activate; /* fused into a neural layer, or NULL */
    int n_primitives;
    struct plan_primitive primitives[2]; /* separable: depthwise, pointwise */
    enum c2s_function function;          /* after the primitives; LINEAR = none */
    struct fast_map map;                 /* owns its factors */
};

/* Values 0..n_layers-1 are outputs of layers, n_layers..2*n_layers-1 what a separable layer holds
 * between its two convolutions. */
struct plan_value {
    int64_t floats;  /* per sample; 0 = not there */
    int root;        /* the value whose buffer this one shares, or itself */
    int first, last; /* steps during which the buffer is in use (roots only) */
    size_t offset;   /* of the buffer in a lane's arena, bytes */
    bool is_private; /* one reader only, so that it may be overwritten in place */
};

struct plan_lane {
    char *arena; /* owned */
    dnnl_stream_t stream;
    struct c2s_tensor *tensors; /* [n_layers]: headers over the arena, chunk samples each */
    dnnl_exec_arg_t (*args)[PLAN_MAX_ARGS]; /* [2 * n_steps] */
    int *n_args;
};

struct plan {
    const struct c2s_model *model;
    const struct engine_weights *weights; /* [n_layers], borrowed */
    dnnl_engine_t engine;                 /* borrowed */
    int64_t chunk;                        /* samples */
    bool is_fused;                        /* false: one step for each layer */
    struct plan_step *steps;
    int n_steps;
    struct plan_value *values; /* [2 * n_layers] */
    size_t arena_bytes, scratch_bytes;
    struct plan_lane *lanes;
    int n_lanes;
};

struct plan_options {
    int max_batch, n_lanes;
    bool is_fused;
};

/* dnnl_plan.c. *out is new; borrows model, weights and engine. */
bool plan_create(const struct c2s_model *m, const struct engine_weights *weights,
                 dnnl_engine_t engine, const struct plan_options *options, struct plan **out,
                 struct c2s_error *err) C2S_MUST_CHECK;
void plan_destroy(struct plan *p); /* accepts NULL */

/* dnnl_lane.c */
bool plan_lanes_create(struct plan *p, struct c2s_error *err) C2S_MUST_CHECK;
void plan_lanes_destroy(struct plan *p);
/* Computes one step of the chunk that lies in the lane's buffers. */
bool plan_lane_step(const struct plan *p, struct plan_lane *lane, int step,
                    struct c2s_error *err) C2S_MUST_CHECK;

/* dnnl_neural.c, dnnl_pool.c: fill step->primitives. */
bool plan_neural(struct plan *p, struct plan_step *s, struct c2s_error *err) C2S_MUST_CHECK;
bool plan_pool(struct plan *p, struct plan_step *s, struct c2s_error *err) C2S_MUST_CHECK;
/* Whether plan_neural can fuse that activation layer. */
bool plan_can_fuse_activation(const struct c2s_layer *l);

/* dnnl_convolution.c: everything that one convolution needs besides its images. */
struct plan_convolution {
    const struct c2s_tensor *kernel;
    const struct c2s_tensor *bias; /* or NULL */
    int rank;                      /* of the weights: 4, or 5 with groups */
    dnnl_dims_t dims, order;       /* of the weights as oneDNN counts them, and Keras' strides */
    dnnl_dims_t strides, dilates, front, behind;
};
void plan_set_kernel(struct plan_convolution *v, const struct c2s_tensor *kernel, int64_t groups);
void plan_set_depthwise_kernel(struct plan_convolution *v, const struct c2s_tensor *kernel);
void plan_set_window(struct plan_convolution *v, const struct c2s_conv_attr *a, const int64_t *in);

/* dnnl_primitive.c. plan_ok turns a status into a failure that names the layer. */
bool plan_ok(dnnl_status_t status, const struct c2s_layer *l, struct c2s_error *err);
/* oneDNN shares its work among OpenMP threads, and its primitives remember for how many they were
 * made. Here every lane is one thread, so primitives are made and executed for one. The setting is
 * the calling thread's own; returns what it was, for omp_set_num_threads. */
int plan_one_thread(void);
dnnl_memory_desc_t plan_image_desc(int64_t n, int64_t h, int64_t w, int64_t c);
dnnl_memory_desc_t plan_matrix_desc(int64_t rows, int64_t columns);
dnnl_memory_desc_t plan_vector_desc(int64_t n);
dnnl_memory_desc_t plan_any_desc(int rank, const dnnl_dims_t dims); /* oneDNN chooses the layout */
/* What a primitive is made of: op descriptor; attr and hint (the forward one, for a backward one)
 * or NULL. Scratchpad by the user. *pd is new. */
struct plan_request {
    const_dnnl_op_desc_t op;
    dnnl_primitive_attr_t attr;
    const_dnnl_primitive_desc_t hint;
};
bool plan_describe(dnnl_engine_t engine, const struct c2s_layer *l, const struct plan_request *r,
                   dnnl_primitive_desc_t *pd, struct c2s_error *err) C2S_MUST_CHECK;
bool plan_primitive_init(struct plan_primitive *q, const struct c2s_layer *l,
                         dnnl_primitive_desc_t pd, struct c2s_error *err) C2S_MUST_CHECK;
void plan_primitive_finish(struct plan_primitive *q);
/* Adds a shared argument: data of layout `plain`, reordered into `wanted`. */
bool plan_add_fixed(struct plan_primitive *q, int arg, const dnnl_memory_desc_t *plain,
                    const dnnl_memory_desc_t *wanted, const float *data,
                    struct c2s_error *err) C2S_MUST_CHECK;

#endif
