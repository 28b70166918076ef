/* Chains of layers for tests: built layer by layer with random parameters, computed by the naive
 * engine, compared. Everything fails the running test when it cannot. */
#ifndef TESTS_SERIES_H
#define TESTS_SERIES_H

#include <c2s/quantize.h>

void series_seed(uint64_t value);
float series_random(float low, float high);
int series_random_int(int n); /* 0..n-1 */
/* Gives the layer a parameter of random numbers. */
void series_fill(struct c2s_layer *l, enum c2s_role role, int rank, const int64_t *dims, float low,
                 float high);

/* A chain: start, add.. (each returns the new last layer, borrowed), end. Neural layers: 3x3, same
 * padding. Pool: max, 2x2, stride 2, same padding. Names are the caller's, kept by copy. */
struct c2s_model *series_start(int rank, int64_t h, int64_t w, int64_t c); /* new */
struct c2s_layer *series_add(struct c2s_model *m, enum c2s_op op, const char *name);
struct c2s_layer *series_add_conv(struct c2s_model *m, enum c2s_op op, const char *name,
                                  int filters, bool use_bias);
struct c2s_layer *series_add_dense(struct c2s_model *m, const char *name, int units, bool use_bias);
struct c2s_layer *series_add_norm(struct c2s_model *m, const char *name, bool scale, bool center);
struct c2s_layer *series_add_pool(struct c2s_model *m, const char *name);
struct c2s_model *series_end(struct c2s_model *m); /* its argument */
/* conv - bn - relu (max 6) - sep - pool - bn_1 - relu_1 - flatten - dense; new. */
struct c2s_model *series_usual(void); /* for images 6x6x2 of 3 classes */
struct c2s_model *series_usual_for(int side, int channels, int classes);

struct c2s_layer *series_layer(const struct c2s_model *m, const char *name); /* borrowed */
int series_count_op(const struct c2s_model *m, enum c2s_op op);
/* Outputs on a fixed random batch differ by at most 1e-5 of the largest one. */
void assert_same_function(const struct c2s_model *a, const struct c2s_model *b);

/* c2s_quantize that must succeed (new), or fail with that code and that part of its sentence. */
struct c2s_model *series_quantized(const struct c2s_model *m, const struct c2s_quantize_plan *plan,
                                   struct c2s_quantize_report *report);
void assert_refused(const struct c2s_model *m, const struct c2s_quantize_plan *plan,
                    enum c2s_code code, const char *part);

#endif
