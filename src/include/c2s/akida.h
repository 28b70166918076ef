/* The network as Akida 1.0 executes it: integer weights, thresholds, activation steps; and the
 * Akida image, an HDF5 file that holds it (documented in c2s-image(5)). */
#ifndef C2S_AKIDA_H
#define C2S_AKIDA_H

#include <c2s/model.h>

enum c2s_akida_type {
    C2S_AKIDA_INPUT_DATA,
    C2S_AKIDA_INPUT_CONVOLUTIONAL,
    C2S_AKIDA_CONVOLUTIONAL,
    C2S_AKIDA_SEPARABLE_CONVOLUTIONAL,
    C2S_AKIDA_FULLY_CONNECTED,
    C2S_AKIDA_TYPE_COUNT
};

/* Whose conversion: cnn2snn 2.2 folds BatchNormalization into the weights and stops scale factors
 * at 1000; 1.8 puts it into thresholds and steps and has no limit. */
enum c2s_rule_of_conversion { C2S_CONVERT_22, C2S_CONVERT_18 };

enum c2s_akida_pool { C2S_AKIDA_NO_POOL, C2S_AKIDA_MAX_POOL, C2S_AKIDA_AVERAGE_POOL };

/* Names as in akida >= 2.1.4's public API. Layouts of tensors as that API takes them:
 *   weights     int8: INPUT_CONVOLUTIONAL (KH,KW,C,N) as Keras; CONVOLUTIONAL (KH,KW,C,N) flipped
 *               in both spatial axes; SEPARABLE: depthwise (KH,KW,C,1), flipped;
 *               FULLY_CONNECTED (1,1,C*W*H,N)
 *   weights_pw  int8 (1,1,C,N), SEPARABLE only, else NULL
 *   threshold   int32 [N]; act_step float32 [N] */
struct c2s_akida_layer {
    enum c2s_akida_type type;
    char *name;                        /* owned: the neural layer's name */
    int keras_first, keras_last;       /* model->layers indices this layer stands for */
    int input_dims[3], output_dims[3]; /* H, W, C */
    int filters;                       /* or units */
    int kernel[2], strides[2];         /* {vertical, horizontal} */
    enum c2s_padding padding;
    enum c2s_akida_pool pool;
    int pool_size[2], pool_strides[2]; /* {vertical, horizontal}; -1 = none, or global */
    enum c2s_padding pool_padding;
    int weights_bits, act_bits, input_bits; /* act_bits 0 without activation */
    bool has_activation;                    /* only the last layer may have none */
    int padding_value;                      /* INPUT_CONVOLUTIONAL only */
    struct c2s_tensor *weights, *weights_pw, *threshold, *act_step;
};

struct c2s_akida_net {
    char *name;
    struct c2s_akida_layer *layers; /* owned */
    int n_layers;
    double input_scale, input_shift; /* akida_x = scale * keras_x + shift */
    enum c2s_rule_of_conversion rule;
};

struct c2s_convert_options {
    double input_scale, input_shift; /* akida_x = scale * keras_x + shift; scale 0 means 1; ignored
                                        when the model begins with Rescaling */
    bool input_is_integers;          /* not an image: InputData in front (cnn2snn:
                                        input_is_image=False) */
    enum c2s_rule_of_conversion rule;
};

/* *out is new; owns its tensors and keeps nothing of m. Fails: UNSUPPORTED with the layer's name
 * and the reason, RANGE (scaling, NaN, thresholds beyond int32), NOMEM. Source: cnn2snn 1.8.13
 * and 2.2.6 converter, weights_ops.py; T and act_step equal to the bit. */
bool c2s_akida_convert(const struct c2s_model *m, const struct c2s_convert_options *options,
                       struct c2s_akida_net **out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_akida_net_destroy(struct c2s_akida_net *net); /* accepts NULL */

/* Integer execution, as the chip does it: potentials p, pooled, then levels
 * clip(ceil((p - threshold) / S), 0, 2^act_bits - 1) with S = floor(act_step * 16) / 2^act_bits;
 * when that is 0, every p above the threshold has the highest level. x: uint8 [batch,H,W,C]; *out
 * new: int32 [batch,H,W,C] when the last layer has no activation (raw potentials), else the
 * activations as int32. each, if not NULL, gets every layer's output (borrowed). fast = false uses
 * the naive loops, the judge of the fast ones. */
bool c2s_akida_forward(const struct c2s_akida_net *net, const struct c2s_tensor *x, bool fast,
                       bool (*each)(void *arg, int layer, const struct c2s_tensor *y), void *arg,
                       struct c2s_tensor **out, struct c2s_error *err) C2S_MUST_CHECK;
/* The same for many batches: what is prepared for one is kept for the next. net is borrowed and
 * must outlive the runner, which one thread at a time may use. Without each, memory grows with 32
 * samples for each thread, not with the batch. Fails: SHAPE, RANGE (an input or potential out of
 * range), NOMEM, CANCELLED (each returned false). */
struct c2s_akida_runner;
bool c2s_akida_runner_create(const struct c2s_akida_net *net, bool fast,
                             struct c2s_akida_runner **out, struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_akida_runner_run(struct c2s_akida_runner *r, const struct c2s_tensor *x,
                          bool (*each)(void *arg, int layer, const struct c2s_tensor *y), void *arg,
                          struct c2s_tensor **out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_akida_runner_destroy(struct c2s_akida_runner *r); /* accepts NULL */
/* A runner that stops in the given layer (not InputData) and gives its potentials after pooling,
 * before its activation. */
bool c2s_akida_runner_create_potentials(const struct c2s_akida_net *net, int layer, bool fast,
                                        struct c2s_akida_runner **out,
                                        struct c2s_error *err) C2S_MUST_CHECK;
/* How a layer with an activation makes levels of potentials: its S in 1 / 2^act_bits potentials. */
int64_t c2s_akida_step(const struct c2s_akida_layer *l, int filter);

/* (p - threshold) / act_step of the last layer, float32 arithmetic, in a new float32 tensor of the
 * same shape; when that layer has an activation, its levels as they are. Fails: NOMEM. */
bool c2s_akida_rescale(const struct c2s_akida_net *net, const struct c2s_tensor *potentials,
                       struct c2s_tensor **out, struct c2s_error *err) C2S_MUST_CHECK;

/* Writes the Akida image. Atomic (temporary file, fsync, rename). Fails: EXISTS unless overwrite,
 * RANGE when an act_step or the scaling is NaN/Inf, IO, NOMEM. samples (uint8 [n,H,W,C]) and
 * expected (int32, our engine's forward) may be NULL: they let the exporter verify the .fbz it
 * builds. */
bool c2s_akida_image_write(const struct c2s_akida_net *net, const char *path, bool overwrite,
                           const struct c2s_tensor *samples, const struct c2s_tensor *expected,
                           struct c2s_error *err) C2S_MUST_CHECK;
/* *out is new. Fails: IO, FORMAT (another file, a newer version, or what no network can be), NOMEM.
 */
bool c2s_akida_image_read(const char *path, struct c2s_akida_net **out,
                          struct c2s_error *err) C2S_MUST_CHECK;

const char *c2s_akida_type_name(enum c2s_akida_type type); /* "InputConvolutional" */

#endif
