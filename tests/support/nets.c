/* Small models built in code, random tensors, and running them on an engine. */
#include "support.h"
#include "nets.h"

#include <stdio.h>
#include <string.h>

struct c2s_model *net_create(void)
{
    struct c2s_error err = {0};
    struct c2s_model *m = c2s_model_create("net", &err);
    assert_non_null(m);
    return m;
}

struct c2s_layer *net_layer(struct c2s_model *m, enum c2s_op op, int n, const int *inputs)
{
    struct c2s_error err = {0};
    char name[32];
    snprintf(name, sizeof name, "layer_%d", m->n_layers);
    struct c2s_layer *l = c2s_layer_create(op, name, &err);
    assert_non_null(l);
    for (int i = 0; i < n; i++)
        assert_ok(c2s_layer_add_input(l, inputs[i], &err), &err);
    assert_ok(c2s_model_add(m, l, NULL, &err), &err);
    return l;
}

int net_input(struct c2s_model *m, int rank, const int64_t *dims)
{
    struct c2s_error err = {0};
    struct c2s_layer *l = net_layer(m, C2S_OP_INPUT, 0, NULL);
    l->rank = rank;
    memcpy(l->dims, dims, sizeof *dims * (size_t)rank);
    assert_ok(c2s_model_add_input(m, m->n_layers - 1, &err), &err);
    return m->n_layers - 1;
}

void net_finish(struct c2s_model *m)
{
    struct c2s_error err = {0};
    if (m->n_outputs == 0)
        assert_ok(c2s_model_add_output(m, m->n_layers - 1, &err), &err);
    assert_ok(c2s_model_infer_shapes(m, &err), &err);
}

struct c2s_tensor *tensor_of(int rank, const int64_t *dims, const float *values)
{
    struct c2s_error err = {0};
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, rank, dims, &err);
    assert_non_null(t);
    if (values)
        memcpy(t->data, values, c2s_tensor_bytes(t));
    return t;
}

void net_param(struct c2s_layer *l, enum c2s_role role, int rank, const int64_t *dims,
               const float *values)
{
    c2s_layer_set_param(l, role, tensor_of(rank, dims, values));
}

static uint64_t next(struct random *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 2685821657736338717u;
}

float random_real(struct random *r, float low, float high)
{
    return low + (high - low) * (float)(next(r) >> 40) / 16777216.0f;
}

int random_int(struct random *r, int low, int high)
{
    return low + (int)((next(r) >> 33) % (uint64_t)(high - low + 1));
}

struct c2s_tensor *random_tensor(struct random *r, int rank, const int64_t *dims, float low,
                                 float high)
{
    struct c2s_tensor *t = tensor_of(rank, dims, NULL);
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        c2s_f32(t)[i] = random_real(r, low, high);
    return t;
}

struct c2s_tensor *run_net(const char *engine, const struct c2s_model *m,
                           const struct c2s_tensor *const *inputs)
{
    struct c2s_error err = {0};
    struct c2s_engine *e;
    struct c2s_tensor *out;
    assert_ok(c2s_engine_create(engine, m, NULL, &e, &err), &err);
    assert_int_equal(m->n_outputs, 1);
    assert_ok(c2s_engine_run(e, inputs, &out, NULL, &err), &err);
    c2s_engine_destroy(e);
    return out;
}
