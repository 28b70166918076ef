/* A training of a model file, step by step in a fixed order of samples, as the recorded trainings
 * of TensorFlow went: the same weights, batches and optimizer. */
#ifndef TESTS_TRAINING_STEPS_H
#define TESTS_TRAINING_STEPS_H

#include <c2s/dataset.h>
#include <c2s/optimizer.h>

struct training_steps {
    struct c2s_model *model;
    struct c2s_dataset *data;
    struct c2s_gradients *gradients;
    struct c2s_optimizer *optimizer;
    struct c2s_tensor *x; /* [batch, ...] */
    int32_t *labels;      /* [batch] */
    struct c2s_loss loss;
    double learning_rate;
    int64_t step;
};
struct steps_options {
    const char *engine, *model, *data; /* paths; data: IDX folder of 28x28 images */
    enum c2s_optimizer_kind optimizer;
    double learning_rate, momentum;
    double scale; /* pixels are divided by it; 0 = 255 */
    int batch;
};
/* Sample number s of step k is image (k * batch + s) modulo their number, pixels / scale, label
 * modulo the model's classes. A model of another input takes the pixels in order from the middle,
 * again from the start when they end. Dropout drops nothing. Fails as what it calls. */
bool steps_start(struct training_steps *t, const struct steps_options *options,
                 struct c2s_error *err) C2S_MUST_CHECK;
/* Gradients of the next batch, before and after which the weights are the same; mean loss. */
bool steps_gradients(struct training_steps *t, double *loss, struct c2s_error *err) C2S_MUST_CHECK;
void steps_apply(struct training_steps *t); /* the optimizer's step; the next batch is the next */
/* Numbers under the names of the recordings: "gradient/LAYER/ROLE" of the last batch,
 * "weightsSTEP/LAYER/ROLE" of every parameter, "moment0/LAYER/ROLE" and, for Adam, moment1 of what
 * the optimizer keeps. Values may be written to: a training goes on from there. */
struct steps_visitor {
    void (*number)(void *arg, const char *name, struct c2s_tensor *value);
    void *arg;
};
void steps_visit_gradients(const struct training_steps *t, const struct steps_visitor *v);
void steps_visit_weights(const struct training_steps *t, int step, const struct steps_visitor *v);
void steps_visit_moments(const struct training_steps *t, const struct steps_visitor *v);
void steps_finish(struct training_steps *t); /* accepts a zeroed one */

#endif
