/* Training of a model on labelled data, epoch by epoch, with what it takes to stop, keep the best
 * and go on later. Gradients are in gradient.h, losses and optimizers in optimizer.h. */
#ifndef C2S_TRAIN_H
#define C2S_TRAIN_H

#include <c2s/checkpoint.h>
#include <c2s/metrics.h>
#include <c2s/optimizer.h>

enum c2s_schedule {
    C2S_SCHEDULE_CONSTANT,
    C2S_SCHEDULE_COSINE, /* learning_rate * (1 + cos(pi * step / steps)) / 2 over all epochs */
    C2S_SCHEDULE_STEP    /* a tenth after half and again after three quarters of the epochs */
};
const char *c2s_schedule_name(enum c2s_schedule schedule); /* "cosine" */

struct c2s_augment { /* per sample, chosen by seed, epoch and sample alone */
    bool flip;       /* left-right, every other one */
    int shift;       /* up to so many pixels in both directions; what moves in is raw 0 */
};
struct c2s_train_options {
    int epochs;           /* from 1 */
    double learning_rate; /* above 0 */
    struct c2s_optimizer_options optimizer;
    enum c2s_schedule schedule;
    int batch; /* from 1; the last one of an epoch may be smaller, as in Keras */
    enum c2s_loss_kind loss;
    struct c2s_augment augment;
    double validation; /* share of the training data kept for validation, chosen by seed; 0 = none
                          (then the loss on the training data decides); ignored when validation
                          data is given */
    int patience;      /* stop after so many epochs without a better one; 0 = never */
    uint64_t seed;
    const char *freeze;   /* glob list of layers that stay as they are, or NULL; borrowed */
    const char *engine;   /* of the gradients and of the validation; NULL = "dnnl"; borrowed */
    double teacher_share; /* of the loss, when there is a teacher: 0..1 */
    int stop_after;       /* end after this epoch as if stopped by the user; 0 = no */
    int n_threads;        /* 0 = all; the result does not depend on it */
};
/* What a training is unless told otherwise. */
struct c2s_train_options c2s_train_defaults(void);
/* What to try after a training at this rate did harm: a tenth of it, at most the usual one. */
double c2s_train_gentler_rate(double rate);

struct c2s_train_now {                    /* how far a training is */
    int epoch, n_epochs;                  /* epoch from 1 */
    int64_t done, total;                  /* samples, over all epochs */
    double loss, accuracy, learning_rate; /* of this epoch so far */
    double images_per_s;
    const struct c2s_epoch *ended; /* an epoch that has just ended (0: the model as it was was
                                      measured); else NULL */
};
struct c2s_train_watcher { /* either function may be NULL */
    /* After each batch and each epoch. False stops at once: the best epoch so far is kept. */
    bool (*now)(void *arg, const struct c2s_train_now *now);
    /* At an epoch's end. False with *err set ends the training with that failure. */
    bool (*checkpoint)(void *arg, const struct c2s_checkpoint *checkpoint, struct c2s_error *err);
    void *arg;
};

struct c2s_train_request {
    const struct c2s_model *model;               /* shapes inferred; one input, one output */
    const struct c2s_dataset *data, *validation; /* validation may be NULL */
    const struct c2s_model *teacher;             /* or NULL; as many outputs as the model has */
    const struct c2s_train_options *options;
    const struct c2s_checkpoint *resume; /* or NULL */
    struct c2s_train_watcher watcher;
};
struct c2s_train_report {
    struct c2s_epoch *epochs; /* owned; row 0 is the model as it was, when it could be validated */
    int n_epochs;             /* rows */
    int best_epoch;           /* 0 = no epoch was better than the model as it was */
    int last_epoch;           /* the last that ended */
    int64_t n_data, n_validation; /* samples */
    bool was_stopped;             /* by the user, before the last epoch */
    bool was_patient;             /* ended by patience */
    char trouble[256];            /* why it ended early although nobody asked: "epoch 2: the
                                     gradient of layer 'conv2d' (Conv2D) is NaN or infinite at step 12"; "" =
                                     none */
};
/* *out is new: the model of the best epoch, by validation accuracy, then validation loss (without
 * validation by training loss); parameters that are as they were are shared with the request's
 * model. The same options, data and seed give the same bits, on any number of threads, in one go or
 * resumed. Fails: SHAPE (data and model do not fit), RANGE (options; labels outside the classes;
 * fewer samples than a batch; one class only), UNSUPPORTED, CANCELLED (stopped before the first
 * epoch ended), STATE (NaN in the first epoch: step and layer; a checkpoint of another training),
 * NOMEM, and as the watcher does. */
bool c2s_train(const struct c2s_train_request *request, struct c2s_model **out,
               struct c2s_train_report *report, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_train_report_finish(struct c2s_train_report *r); /* accepts a zeroed one */

#endif
