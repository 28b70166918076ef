/* The random choices of a training. Each follows from the seed and what it is for alone, so that a
 * training that goes on later chooses the same. */
#ifndef C2S_TRAIN_RANDOM_H
#define C2S_TRAIN_RANDOM_H

#include <c2s/train.h>

/* Chooses n_part of the places 0..n-1 by seed; part [n_part] and rest [n - n_part] are filled in
 * ascending order. Fails: NOMEM. */
bool train_split(uint64_t seed, int64_t n, int64_t n_part, int64_t *part, int64_t *rest,
                 struct c2s_error *err) C2S_MUST_CHECK;
/* Puts places [n] into the order of an epoch; they must be as they were before epoch 1. */
void train_shuffle(uint64_t seed, int epoch, int64_t n, int64_t *places);
/* Changes a sample [H,W,C] in place. scratch: as large as the sample; background: what moves in. */
struct train_image {
    int64_t height, width, channels;
    float background;
    float *scratch;
};
void train_augment(const struct c2s_augment *augment, const struct train_image *image,
                   uint64_t seed, int epoch, int64_t sample, float *values);

#endif
