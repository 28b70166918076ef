/* The parameters of a sketched model: all that a line does not write, from a generator. */
#ifndef TESTS_SKETCH_NUMBERS_H
#define TESTS_SKETCH_NUMBERS_H

#include <c2s/model.h>

struct sketch_numbers {
    const char *seed; /* a text; the same text gives the same numbers, to the bit */
    bool are_wide;    /* ReLUs saturate and normalizations move much; else as after a training */
};

/* Gives every layer its parameters; shapes are inferred. Fails with NOMEM. */
bool sketch_give_numbers(struct c2s_model *m, const struct sketch_numbers *numbers,
                         struct c2s_error *err);

#endif
