/* Forward and backward of a model in training: one call gives the loss of a batch and the gradient
 * of every trainable parameter. Engines: "ref" (naive, the judge) and "dnnl" (the default). What
 * becomes of the gradients is in optimizer.h; epochs are in train.h.
 *
 * What flows where:
 * - Weights are float32 master weights. A quantized layer computes with their fake-quantized form
 *   (quantizer.h); the gradient reaches the master weight, and the scale factor, as
 *   c2s_quantizer_gradient says.
 * - A quantized activation gives its levels forward; backward as c2s_activation_gradient says. The
 *   threshold and step of cnn2snn 1.8's QuantizedReLU are trained, and so is the threshold of each
 *   TrainableStdWeightQuantizer; a separable layer may have one for each of its kernels.
 * - BatchNormalization uses the batch's mean and variance and moves its moving ones (momentum from
 *   the layer's Keras config, 0.99 when it has none), unless its layer is frozen: then it uses the
 *   moving ones and stays as it is, as Keras does with trainable=False.
 * - Dropout drops by a mask that depends on seed, step, layer and place alone.
 * - A model that ends with softmax or sigmoid is trained through it, or without it when the loss
 *   takes logits. */
#ifndef C2S_GRADIENT_H
#define C2S_GRADIENT_H

#include <c2s/model.h>

struct c2s_gradients; /* opaque */

struct c2s_gradients_options {
    int max_batch;         /* largest batch it will be given */
    int n_threads;         /* 0 = all of the machine; results do not depend on it */
    uint64_t seed;         /* of Dropout's masks */
    const bool *is_frozen; /* [n_layers] layers that stay as they are; NULL = none; borrowed during
                              create */
};

/* A parameter that training changes: kernels, biases, gamma and beta, trained thresholds and steps,
 * as far as the layer computes with them. One that several layers share is one, with the sum of
 * their gradients; it stays as it is when one of them is frozen. */
struct c2s_parameter {
    int layer; /* the first that has it */
    enum c2s_role role;
    struct c2s_tensor *value;    /* of the model; the optimizer changes it in place */
    struct c2s_tensor *gradient; /* float32 of its shape; valid after c2s_gradients_compute */
};

/* Sums over samples; engines add those of pieces of a batch in a fixed order. */
struct c2s_loss_sum {
    double loss;     /* sum over samples, not the mean */
    int64_t correct; /* samples whose largest output is the label */
};

/* The loss of samples first..first+n-1 of the batch, of which there are `batch`.
 *   output    in   float32 [n, units], the model's output as it is (probabilities or logits)
 *   gradient  out  float32 [n, units], of the mean loss over the whole batch
 * Pure: called for pieces of a batch, from several threads at once. */
struct c2s_batch_loss {
    void (*samples)(const void *arg, int64_t first, int64_t n, int64_t batch, const float *output,
                    float *gradient, struct c2s_loss_sum *sum);
    const void *arg;
    /* A softmax or sigmoid that is the model's last function is left out: output and gradient are
     * those of its input, the logits. Keras does so for crossentropy. */
    bool takes_logits;
};

/* *out is new. m is borrowed, must outlive it, and belongs to the training: every parameter must be
 * a tensor of which it is the only owner (c2s_model_own_parameters). Shapes inferred; one input,
 * one output. Fails: NOT_FOUND (no such engine), UNSUPPORTED (a layer that cannot be trained: names
 * layer and class), SHAPE, RANGE (NaN or infinite weights), STATE (a parameter has another owner),
 * NOMEM. */
bool c2s_gradients_create(const char *engine, struct c2s_model *m,
                          const struct c2s_gradients_options *options, struct c2s_gradients **out,
                          struct c2s_error *err) C2S_MUST_CHECK;
void c2s_gradients_destroy(struct c2s_gradients *g); /* accepts NULL */

/* All trainable parameters of layers that are not frozen, by layer and role; borrowed. */
const struct c2s_parameter *c2s_gradients_parameters(const struct c2s_gradients *g, int *n);

/* One batch x float32 [batch, ...]: loss in *sum, gradients in the parameters. `step` numbers the
 * batches of a training from 0. Moving averages of batch normalizations change, nothing else of the
 * model does. The same bits for any number of threads. Fails: SHAPE, RANGE (an output or a gradient
 * is NaN or infinite: names the first layer where it is), NOMEM. */
bool c2s_gradients_compute(struct c2s_gradients *g, const struct c2s_tensor *x, int64_t step,
                           const struct c2s_batch_loss *loss, struct c2s_loss_sum *sum,
                           struct c2s_error *err) C2S_MUST_CHECK;

/* Gives m tensors of its own: a parameter with another owner is replaced by a copy, except that
 * layers of m that share one keep sharing it (a layer used twice is trained once). Fails: NOMEM. */
bool c2s_model_own_parameters(struct c2s_model *m, struct c2s_error *err) C2S_MUST_CHECK;

#endif
