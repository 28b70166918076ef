/* Whether labelled data fits a model, and how the model ends: what evaluation and training share.
 */
#ifndef C2S_TRAIN_FIT_H
#define C2S_TRAIN_FIT_H

#include <c2s/dataset.h>
#include <c2s/model.h>

/* What the model's last layer makes of its numbers. */
enum train_ending { TRAIN_ENDS_PLAIN, TRAIN_ENDS_SOFTMAX, TRAIN_ENDS_SIGMOID };

/* Reshape, Flatten and Dropout behind a softmax or sigmoid leave it the model's ending. One output.
 */
enum train_ending train_ending_of(const struct c2s_model *m);

struct train_fit {
    const struct c2s_layer *input; /* the model's */
    int64_t units;                 /* numbers per sample of its output; 1 = two classes */
    enum train_ending ending;
};

/* Fails: UNSUPPORTED (several inputs or outputs), SHAPE (samples of another shape, more classes
 * than the model tells apart). */
bool train_fit(const struct c2s_model *m, const struct c2s_dataset *d, struct train_fit *out,
               struct c2s_error *err) C2S_MUST_CHECK;

#endif
