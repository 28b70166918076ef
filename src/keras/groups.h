/* Private to src/keras: the layers of each group of weights, found without a search. */
#ifndef C2S_KERAS_GROUPS_H
#define C2S_KERAS_GROUPS_H

#include "base/name_index.h"
#include "keras/keras.h"

struct keras_groups {
    struct c2s_name_index first; /* from a group's name to the first layer in it */
    int *next;                   /* [n_layers], owned: the next layer in the same group, or -1 */
};

/* By b->origins. Fails: NOMEM. */
bool keras_groups_build(const struct keras_build *b, struct keras_groups *out,
                        struct c2s_error *err) C2S_MUST_CHECK;
/* The first layer in the group, whose others follow by next; -1 when there is none. */
int keras_groups_first(const struct keras_groups *g, const char *name);
void keras_groups_finish(struct keras_groups *g); /* accepts a zeroed one */

#endif
