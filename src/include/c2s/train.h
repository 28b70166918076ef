/* Training of a model on labelled data, epoch by epoch, with what it takes to stop, keep the best
 * and go on later. Gradients are in gradient.h, losses and optimizers in optimizer.h. */
#ifndef C2S_TRAIN_H
#define C2S_TRAIN_H

#include <c2s/metrics.h>
#include <c2s/optimizer.h>

enum c2s_schedule {
    C2S_SCHEDULE_CONSTANT,
    C2S_SCHEDULE_COSINE, /* from learning_rate to 0 over all steps */
    C2S_SCHEDULE_STEP    /* a tenth after half and again after three quarters of the epochs */
};
struct c2s_augment { /* per sample, chosen by seed, epoch and sample alone */
    bool flip;       /* left-right, every other one */
    int shift;       /* up to so many pixels in both directions; what moves in is the border's 0 */
};
struct c2s_train_options {
    int epochs;
    double learning_rate;
    struct c2s_optimizer_options optimizer;
    enum c2s_schedule schedule;
    int batch;
    enum c2s_loss_kind loss;
    struct c2s_augment augment;
    double validation; /* share of the training data kept for validation, chosen by seed; 0 = none
                          (then the loss on the training data decides); ignored when validation
                          data is given */
    int patience;      /* stop after so many epochs without a better one; 0 = never */
    uint64_t seed;
    const char *freeze;   /* glob list of layers that stay as they are, or NULL; borrowed */
    const char *engine;   /* "dnnl" when NULL */
    double teacher_share; /* of the loss, when there is a teacher */
    int stop_after;       /* end after this epoch as if stopped by the user; 0 = no */
};

struct c2s_epoch {         /* one row of the story of a training */
    int epoch;             /* from 1 */
    double learning_rate;  /* at its end */
    double loss, accuracy; /* of the training data, while training, augmented */
    double validation_loss, validation_accuracy; /* NAN = no validation */
    double seconds;
    bool is_best; /* so far */
};

/* Everything that is needed to go on after an epoch with the same result as without a stop: the
 * shuffling and the augmentation follow from seed and epoch. */
struct c2s_checkpoint {
    struct c2s_epoch *epochs; /* owned [n_epochs] */
    int n_epochs, best_epoch;
    int64_t n_steps;
    struct c2s_tensor **tensors; /* owned references: parameters and batch statistics now, the same
                                    of the best epoch, the optimizer's moments */
    int n_tensors;
};
void c2s_checkpoint_finish(struct c2s_checkpoint *c); /* accepts a zeroed one */

struct c2s_train_watcher { /* any function may be NULL */
    /* Often. False stops at once; the best epoch so far is kept. */
    bool (*batch)(void *arg, int epoch, int64_t done, int64_t total, double loss, double accuracy,
                  double images_per_s);
    /* At an epoch's end. False with *err set ends the training with that failure. */
    bool (*epoch)(void *arg, const struct c2s_checkpoint *checkpoint, struct c2s_error *err);
    void *arg;
};

struct c2s_train_request {
    const struct c2s_model *model;
    const struct c2s_dataset *data, *validation; /* validation may be NULL */
    const struct c2s_model *teacher;             /* or NULL */
    const struct c2s_train_options *options;
    const struct c2s_checkpoint *resume; /* or NULL */
    const struct c2s_train_watcher *watcher;
};
struct c2s_train_report {
    struct c2s_epoch *epochs; /* owned */
    int n_epochs, best_epoch; /* 0 = the model as it was is the best (validated before epoch 1) */
    bool was_stopped;         /* by the user, before the last epoch */
    bool was_patient;         /* by patience */
    struct c2s_epoch before;  /* epoch 0: the model as it was, on the validation data */
    char trouble[256];        /* why it ended early although nobody asked: "NaN loss at step 12 in
                                 layer conv2d"; "" = none */
};
/* *out is new: the model of the best epoch, by validation accuracy, then validation loss (without
 * validation: training loss). The same options, data and seed give the same bits, on any number of
 * threads, in one go or resumed. Fails: SHAPE (data and model do not fit), RANGE (options, labels
 * outside the classes, data with fewer samples than a batch, one class only), CANCELLED (stopped
 * before the first epoch ended), STATE (NaN loss in the first epoch: step and layer), NOMEM, and as
 * the watcher does. */
bool c2s_train(const struct c2s_train_request *request, struct c2s_model **out,
               struct c2s_train_report *report, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_train_report_finish(struct c2s_train_report *r); /* accepts a zeroed one */

#endif
