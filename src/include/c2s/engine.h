/* Numeric engines: run a model on data. "ref" is naive and readable, the judge of the others;
 * "dnnl" is the default; "akida" executes the converted network in integers, as the chip does. */
#ifndef C2S_ENGINE_H
#define C2S_ENGINE_H

#include <c2s/model.h>
#include <c2s/progress.h>

struct c2s_engine;

struct c2s_engine_options {
    int max_batch;                   /* largest batch it will be given; 0 = 64 */
    double input_scale, input_shift; /* akida_x = input_scale * keras_x + input_shift; akida only */
    bool input_is_integers;          /* akida only: 2-D data of 0..15, first layer InputData */
};

/* Float engines agree up to the rounding of float32 sums, and so does one engine with and without
 * an observer (with one, "dnnl" does not fuse layers). Behind a quantized activation such a
 * rounding, where it meets the edge between two levels, becomes a whole step. */

/* Called after each layer of the model, inputs included, with its output [batch, ...], float32
 * (akida: int32), which is borrowed until it returns. Akida reports a fused layer once, as its last
 * Keras layer's index. False cancels. */
struct c2s_observer {
    bool (*layer)(void *arg, int layer_index, const struct c2s_tensor *output);
    void *arg;
};

struct c2s_engine_ops {
    const char *name;
    bool takes_integers; /* inputs are uint8 tensors of raw data instead of float32 Keras inputs */
    /* Makes e->state, which begins as NULL, from e->model and e->options. */
    bool (*prepare)(struct c2s_engine *e, struct c2s_error *err);
    bool (*run)(struct c2s_engine *e, const struct c2s_tensor *const *inputs,
                struct c2s_tensor **outputs, const struct c2s_observer *observer,
                struct c2s_error *err);
    void (*finish)(struct c2s_engine *e); /* accepts a half-prepared engine */
};

/* The fields are for engines; callers use the functions. */
struct c2s_engine {
    const struct c2s_engine_ops *ops;
    const struct c2s_model *model; /* borrowed; shapes inferred */
    struct c2s_engine_options options;
    void *state;
};

/* *out is new; m is borrowed and must outlive it, shapes inferred. options may be NULL.
 * Fails: NOT_FOUND (no such engine), UNSUPPORTED (a layer it cannot compute: names layer and class
 * in a sentence), SHAPE, RANGE (NaN or infinite weights), NOMEM. */
bool c2s_engine_create(const char *name, const struct c2s_model *m,
                       const struct c2s_engine_options *options, struct c2s_engine **out,
                       struct c2s_error *err) C2S_MUST_CHECK;
void c2s_engine_destroy(struct c2s_engine *e); /* accepts NULL */

/* Runs one batch. inputs[m->n_inputs] are [batch, ...]; outputs[m->n_outputs] get new float32
 * tensors [batch, ...] (akida: (p - threshold) / act_step for the last layer, i.e. what akida's
 * predict gives). observer may be NULL. Fails: SHAPE, RANGE, CANCELLED, NOMEM. */
bool c2s_engine_run(struct c2s_engine *e, const struct c2s_tensor *const *inputs,
                    struct c2s_tensor **outputs, const struct c2s_observer *observer,
                    struct c2s_error *err) C2S_MUST_CHECK;

/* Names of all engines, ends with NULL; borrowed. */
const char *const *c2s_engine_names(void);

#endif
