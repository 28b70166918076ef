/* Which tensors a layer needs, in what order Keras lists them and with which shapes; for both
 * readers of weights. */
#ifndef C2S_KERAS_WANTED_H
#define C2S_KERAS_WANTED_H

#include "keras/keras.h"

enum { KERAS_MOST_WANTED = 6 }; /* tensors of one layer */

/* One tensor a layer needs. */
struct keras_wanted {
    int layer;
    enum c2s_role role;
    int rank;
    int64_t dims[C2S_MAX_RANK]; /* -1 = any */
};

/* All tensors that m's layer needs, in Keras' order; returns how many. Shapes must be inferred. */
int keras_wanted(const struct c2s_model *m, int layer, struct keras_wanted out[KERAS_MOST_WANTED]);
bool keras_fits(const struct keras_wanted *w, const struct h5_shape *shape);

/* Fails: what is wanted is not in the file, or has another shape there (NULL = it is not). */
bool keras_fail_missing(const struct keras_build *b, const struct keras_wanted *w,
                        const struct h5_shape *has, struct c2s_error *err);
/* A later use of a shared layer gets the tensors of the first one. */
void keras_share(struct keras_build *b);

/* Reads the dataset at path as what is wanted, and counts it. */
bool keras_take(struct keras_build *b, const struct keras_wanted *w, const char *path,
                const struct h5_shape *shape, struct c2s_error *err) C2S_MUST_CHECK;

#endif
