/* Small models built in code, random tensors, and running them on an engine. */
#ifndef TESTS_NETS_H
#define TESTS_NETS_H

#include <c2s/engine.h>

/* Everything here fails the test instead of returning an error. */
struct c2s_model *net_create(void);
int net_input(struct c2s_model *m, int rank, const int64_t *dims); /* index of the new layer */
/* New layer that reads `inputs` [n]; its attributes may be set until net_finish. */
struct c2s_layer *net_layer(struct c2s_model *m, enum c2s_op op, int n, const int *inputs);
/* The last layer becomes the output (unless there is one); infers shapes. */
void net_finish(struct c2s_model *m);
/* Sets a parameter; values are copied. */
void net_param(struct c2s_layer *l, enum c2s_role role, int rank, const int64_t *dims,
               const float *values);

struct c2s_tensor *tensor_of(int rank, const int64_t *dims, const float *values);
/* xorshift64*: the same numbers on every machine */
struct random {
    uint64_t state;
};
float random_real(struct random *r, float low, float high);
int random_int(struct random *r, int low, int high); /* both ends included */
struct c2s_tensor *random_tensor(struct random *r, int rank, const int64_t *dims, float low,
                                 float high);

/* Runs one batch; new tensor, the only output. */
struct c2s_tensor *run_net(const char *engine, const struct c2s_model *m,
                           const struct c2s_tensor *const *inputs);

#endif
