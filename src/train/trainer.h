/* The state of a training, shared by the files that make one up. */
#ifndef C2S_TRAIN_TRAINER_H
#define C2S_TRAIN_TRAINER_H

#include <c2s/train.h>

#include "train/fit.h"
#include "train/random.h"

/* Samples of a dataset: those at places [n], which are owned. */
struct train_set {
    const struct c2s_dataset *data;
    int64_t *places;
    int64_t n;
};

struct trainer {
    const struct c2s_train_request *request;
    struct c2s_train_options options; /* engine is never NULL */
    struct train_fit fit;
    struct c2s_model *model; /* owned: the one that changes */
    struct c2s_gradients *gradients;
    struct c2s_optimizer *optimizer;
    struct c2s_engine *teacher; /* or NULL */
    bool teacher_is_probability;
    struct c2s_loss loss; /* of the batch in labels and teacher_outputs */
    struct train_set training, validation;
    int64_t *order;              /* owned [training.n]: places of this epoch */
    struct c2s_tensor *x;        /* one batch of samples */
    int32_t *labels;             /* owned [batch] */
    float *teacher_outputs;      /* owned [batch, units] or NULL */
    float *slopes;               /* owned [batch, units]: gradients that validation throws away */
    struct train_image image;    /* for augmentation */
    int n_state;                 /* parameters of the model */
    struct c2s_checkpoint story; /* what is told at an epoch's end: now, best, moments */
    struct c2s_tensor **best;    /* owned references [n_state] */
    int64_t steps_per_epoch, n_steps;
    struct c2s_train_now now;
};

/* options.c. Fails: RANGE. */
bool train_check_options(const struct c2s_train_options *o, struct c2s_error *err) C2S_MUST_CHECK;
double train_rate(const struct c2s_train_options *o, int64_t step, int64_t n_steps);

/* batch.c: fills x, labels and the teacher's outputs with the samples at places [n], which belong
 * to set; those of the training set are augmented for `epoch`. */
bool train_batch(struct trainer *t, const struct train_set *set, const int64_t *places, int64_t n,
                 int epoch, struct c2s_error *err) C2S_MUST_CHECK;
bool train_prepare_batches(struct trainer *t, struct c2s_error *err) C2S_MUST_CHECK;
bool train_prepare_teacher(struct trainer *t, struct c2s_error *err) C2S_MUST_CHECK;
/* validate.c: loss and accuracy of the model as it is. *stopped: the watcher said so. */
bool train_validate(struct trainer *t, double *loss, double *accuracy, bool *stopped,
                    struct c2s_error *err) C2S_MUST_CHECK;

/* state.c: the parameters of the model as the story keeps them. */
bool train_state_begin(struct trainer *t, struct c2s_error *err) C2S_MUST_CHECK;
/* Adds the row; the story's tensors become those of now, and the best ones when it is the best. */
bool train_state_add(struct trainer *t, const struct c2s_epoch *row,
                     struct c2s_error *err) C2S_MUST_CHECK;
/* Continues where request->resume stands. Fails: STATE when it belongs to another training. */
bool train_state_resume(struct trainer *t, struct c2s_error *err) C2S_MUST_CHECK;
/* *out is new: the request's model with the best parameters. */
bool train_state_result(const struct trainer *t, struct c2s_model **out,
                        struct c2s_error *err) C2S_MUST_CHECK;
void train_state_finish(struct trainer *t);

#endif
