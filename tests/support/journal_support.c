/* Versions and measures for tests of the journal port. */
#include "journal_support.h"

#include <stdlib.h>
#include <string.h>

#include <c2s/keras.h>

#include "nets.h"
#include "support.h"

struct c2s_model *small_model(int size, unsigned seed)
{
    struct c2s_model *m = net_create();
    struct random random = {.state = seed + 1};
    int64_t dims[] = {size, 3};
    int input = net_input(m, 1, dims);
    struct c2s_layer *dense = net_layer(m, C2S_OP_DENSE, 1, &input);
    dense->attr.dense.units = 3;
    dense->attr.dense.use_bias = false;
    c2s_layer_set_param(dense, C2S_KERNEL, random_tensor(&random, 2, dims, -1, 1));
    net_finish(m);
    return m;
}

int64_t append_version(struct c2s_journal *j, int64_t parent, const char *step,
                       struct c2s_model *model)
{
    struct c2s_error err = {0};
    struct c2s_version_info info = {.parent = parent,
                                    .step = step,
                                    .name = "small",
                                    .tool = "test 1",
                                    .note = "a note",
                                    .created = 1700000000 + parent,
                                    .source = parent ? "" : "/models/small.h5"};
    int64_t id = 0;
    bool is_new;
    assert_ok(c2s_model_hash(model, info.model_hash, &err), &err);
    struct c2s_version *v = c2s_version_create(&info, model, &err);
    assert_ok(v != NULL, &err);
    assert_ok(j->ops->append(j, v, &id, &is_new, &err), &err);
    c2s_version_destroy(v);
    return id;
}

struct c2s_version *fetch_version(struct c2s_journal *j, int64_t id)
{
    struct c2s_error err = {0};
    struct c2s_version *v = NULL;
    assert_ok(j->ops->fetch(j, id, &v, &err), &err);
    return v;
}

int64_t head_of(struct c2s_journal *j)
{
    struct c2s_error err = {0};
    int64_t id = -1;
    assert_ok(j->ops->head(j, &id, &err), &err);
    return id;
}

static bool count_one(void *arg, const struct c2s_version_info *info)
{
    int *state = arg; /* number, last id */
    assert_true(info->id > state[1]);
    state[0]++;
    state[1] = (int)info->id;
    return true;
}

int count_versions(struct c2s_journal *j)
{
    struct c2s_error err = {0};
    int state[2] = {0, 0};
    assert_ok(j->ops->each(j, count_one, state, &err), &err);
    return state[0];
}

struct c2s_measure measure_of(int64_t version, int64_t correct)
{
    return (struct c2s_measure){
        .version = version,
        .dataset = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        .dataset_name = "four",
        .engine = "dnnl",
        .metrics = {.n = 4, .correct = correct, .loss = 0.1, .seconds = 0.25},
        .taken = 1700000001};
}

void assert_same_model(const struct c2s_model *a, const struct c2s_model *b)
{
    assert_int_equal(a->n_layers, b->n_layers);
    for (int i = 0; i < a->n_layers; i++) {
        assert_string_equal(a->layers[i]->name, b->layers[i]->name);
        assert_int_equal(a->layers[i]->op, b->layers[i]->op);
        for (int role = 0; role < C2S_ROLE_COUNT; role++) {
            const struct c2s_tensor *x = a->layers[i]->params[role],
                                    *y = b->layers[i]->params[role];
            assert_int_equal(x != NULL, y != NULL);
            if (!x)
                continue;
            assert_true(c2s_tensor_same_shape(x, y));
            assert_memory_equal(x->data, y->data, c2s_tensor_bytes(x));
        }
    }
}

static bool take_first(void *arg, int64_t row, int n, const char *const *values)
{
    assert_true(n >= 1);
    if (row == 0)
        *(int64_t *)arg = values[0] ? strtoll(values[0], NULL, 10) : 0;
    return row < 0;
}

int64_t query_integer(struct c2s_journal *j, const char *sql)
{
    struct c2s_error err = {0};
    int64_t value = -1;
    assert_ok(j->ops->query(j, sql, take_first, &value, &err), &err);
    return value;
}
