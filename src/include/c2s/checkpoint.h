/* The story of a training, epoch by epoch, and what it takes to go on after one of them. */
#ifndef C2S_CHECKPOINT_H
#define C2S_CHECKPOINT_H

#include <c2s/tensor.h>

/* One row of the story. Row 0, when there is validation, is the model as it was before. */
struct c2s_epoch {
    int epoch;                                   /* 0 = before training, then from 1 */
    double learning_rate;                        /* at its end; NAN in row 0 */
    double loss, accuracy;                       /* on the training data, while training, augmented;
                                                    NAN in row 0 */
    double validation_loss, validation_accuracy; /* NAN = no validation */
    double seconds;                              /* wall clock; means nothing for the result */
    bool is_best;                                /* better than every row before */
};

/* Everything that is needed to go on after an epoch with the same result as without a stop: the
 * order of the samples and their augmentation follow from seed and epoch. The tensors are never
 * changed once they are here. */
struct c2s_checkpoint {
    struct c2s_epoch *epochs; /* owned [n_epochs]; the last one is finished */
    int n_epochs;
    int64_t n_steps;             /* of the optimizer */
    struct c2s_tensor **tensors; /* owned references [n_tensors]: every parameter of the model now,
                                    in the order of layers and roles; the same of the best epoch;
                                    the optimizer's moments */
    int n_tensors;
};
void c2s_checkpoint_finish(struct c2s_checkpoint *c); /* accepts a zeroed one */
/* *out is new: own lists, shared tensors. Fails: NOMEM. */
bool c2s_checkpoint_copy(const struct c2s_checkpoint *c, struct c2s_checkpoint *out,
                         struct c2s_error *err) C2S_MUST_CHECK;
/* For those who read one: copies the epochs; makes room for one more tensor. Fail: NOMEM. */
bool c2s_checkpoint_set_epochs(struct c2s_checkpoint *c, const struct c2s_epoch *epochs, int n,
                               struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_checkpoint_reserve(struct c2s_checkpoint *c, struct c2s_error *err) C2S_MUST_CHECK;
/* The number of the best epoch, 0 also when there is none. */
int c2s_best_epoch(const struct c2s_epoch *epochs, int n);

#endif
