/* The engines there are, for the registry in engine.c, and what the two float engines share. */
#ifndef C2S_ENGINE_ENGINES_H
#define C2S_ENGINE_ENGINES_H

#include <c2s/engine.h>

extern const struct c2s_engine_ops c2s_engine_ref;   /* ref.c */
extern const struct c2s_engine_ops c2s_engine_akida; /* akida_engine.c */
extern const struct c2s_engine_ops c2s_engine_dnnl;  /* dnnl.c */

/* The tensors a layer computes with: its parameters, kernels fake-quantized when it is quantized.
 * NULL where the layer has no such role. */
struct engine_weights {
    struct c2s_tensor *kernel;    /* owned; KERNEL, or POINTWISE_KERNEL of a separable layer */
    struct c2s_tensor *depthwise; /* owned; DEPTHWISE_KERNEL */
};
bool engine_weights_init(struct engine_weights *w, const struct c2s_layer *l,
                         struct c2s_error *err) C2S_MUST_CHECK;
void engine_weights_finish(struct engine_weights *w); /* accepts a zeroed one */

/* Whether the float engines can compute m: every layer and function known, dimensions known and
 * positive, parameters there, finite and of the shape their layer needs. Fails: UNSUPPORTED, SHAPE,
 * RANGE (NaN, infinity), naming the layer. */
bool engine_check_float(const struct c2s_model *m, struct c2s_error *err) C2S_MUST_CHECK;

/* New float32 tensor [batch, output shape of l]. */
struct c2s_tensor *engine_output_create(const struct c2s_layer *l, int64_t batch,
                                        struct c2s_error *err) C2S_MUST_CHECK;

/* Axis counted with the batch axis or from the end -> axis of a tensor of that rank, batch axis
 * included; -1 when it is out of range or the batch axis. */
int engine_axis(int axis, int rank);

#endif
