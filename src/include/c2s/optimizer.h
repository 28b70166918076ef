/* Losses and optimizers: plain arithmetic on arrays, as Keras 2.10 does it. */
#ifndef C2S_OPTIMIZER_H
#define C2S_OPTIMIZER_H

#include <c2s/gradient.h>

enum c2s_loss_kind {
    C2S_LOSS_AUTO, /* CROSSENTROPY */
    C2S_LOSS_CROSSENTROPY,
    C2S_LOSS_MSE,  /* mean over units of (output - one-hot)^2; Keras "mse" */
    C2S_LOSS_HINGE /* mean over units of max(0, 1 - t * output), t = +1 or -1; Keras "hinge" */
};
struct c2s_loss {
    enum c2s_loss_kind kind;
    bool is_probability; /* the model ends with softmax or sigmoid */
    bool takes_logits;   /* outputs are the logits in front of that: c2s_batch_loss.takes_logits */
    int64_t units;       /* numbers per sample; 1 = one unit, binary crossentropy */
    const int32_t *labels; /* [batch] class numbers; borrowed */
    /* Distillation: [batch, units] outputs of the teacher, probabilities when the model ends with
     * softmax or sigmoid, else logits; or NULL; borrowed.
     * loss = (1 - share) * loss(label) + share * crossentropy(teacher's probabilities, output). */
    const float *teacher;
    double teacher_share; /* 0..1 */
};
/* Kind, is_probability, takes_logits and units for a model, the rest zero. Keras takes logits for
 * crossentropy wherever softmax or sigmoid is the very last function of the model. */
struct c2s_loss c2s_loss_of(enum c2s_loss_kind kind, const struct c2s_model *m);
/* To be given to c2s_gradients_compute; l is borrowed. */
struct c2s_batch_loss c2s_loss_batch(const struct c2s_loss *l);
/* As c2s_batch_loss.samples; arg is a struct c2s_loss.
 * Crossentropy of logits z: log(sum exp z) - z[label], gradient softmax(z) - one-hot; one unit:
 * that of sigmoid. Of probabilities (Reshape behind the softmax, say): clipped to 1e-7..1 - 1e-7,
 * then as the logits log p; no gradient where clipped; one unit: -log(p + 1e-7), 1 - p likewise.
 * Mse: mean over units. Hinge: t = 1 for the label, -1 for others; the kink passes the gradient.
 * Each gradient is divided by batch. Correct counts the largest output; of one unit, whether it is
 * above 0.5 (a left-out sigmoid: above 0). In float64, rounded once.
 * Source: losses.py and backend.py of Keras 2.10. */
void c2s_loss_samples(const void *arg, int64_t first, int64_t n, int64_t batch, const float *output,
                      float *gradient, struct c2s_loss_sum *sum);
const char *c2s_loss_name(enum c2s_loss_kind kind); /* "crossentropy" */

enum c2s_optimizer_kind { C2S_ADAM, C2S_SGD };
struct c2s_optimizer_options {
    enum c2s_optimizer_kind kind;
    double beta_1, beta_2, epsilon; /* ADAM; 0 = 0.9, 0.999, 1e-7 as in Keras */
    double momentum;                /* SGD; 0 = plain */
    int n_threads;                  /* 0 = all of the machine; results do not depend on it */
};
struct c2s_optimizer; /* opaque: options, step count, moments */
/* *out is new, for the n parameters, which are borrowed. Fails: RANGE, NOMEM. */
bool c2s_optimizer_create(const struct c2s_optimizer_options *options,
                          const struct c2s_parameter *parameters, int n, struct c2s_optimizer **out,
                          struct c2s_error *err) C2S_MUST_CHECK;
void c2s_optimizer_destroy(struct c2s_optimizer *o); /* accepts NULL */
/* Changes every parameter by its gradient, in float32. The same bits for any number of threads.
 *   ADAM  rate = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t), t = steps from 1;
 *         m += (g - m) * (1 - beta_1); v += (g^2 - v) * (1 - beta_2);
 *         w -= m * rate / (sqrt(v) + epsilon)
 *   SGD   a = momentum * a - learning_rate * g; w += a; without momentum w -= learning_rate * g
 * Source: ResourceApplyAdam and ResourceApplyKerasMomentum of TensorFlow 2.10, which Keras uses. */
void c2s_optimizer_step(struct c2s_optimizer *o, double learning_rate);

/* What has to be kept to go on later with the same results: the step count and the moments, two
 * tensors per parameter for ADAM, one for SGD with momentum. moments: borrowed, in a fixed order;
 * their data may be written to restore them. */
int64_t c2s_optimizer_steps(const struct c2s_optimizer *o);
void c2s_optimizer_set_steps(struct c2s_optimizer *o, int64_t steps);
struct c2s_tensor *const *c2s_optimizer_moments(const struct c2s_optimizer *o, int *n);

#endif
