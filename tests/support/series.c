/* Chains of layers for tests: built layer by layer, computed by the naive engine, compared. */
#include "series.h"

#include <math.h>
#include <string.h>

#include <c2s/engine.h>

#include "chains.h"
#include "support.h"

static uint64_t seed;

void series_seed(uint64_t value)
{
    seed = value;
}

float series_random(float low, float high)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * (float)(seed >> 40) * 0x1p-24f;
}

int series_random_int(int n)
{
    return (int)series_random(0, (float)n);
}

void series_fill(struct c2s_layer *l, enum c2s_role role, int rank, const int64_t *dims, float low,
                 float high)
{
    struct c2s_error err = {0};
    struct c2s_tensor *t = c2s_tensor_create(C2S_F32, rank, dims, &err);
    assert_non_null(t);
    for (int64_t i = 0; i < c2s_tensor_count(t); i++)
        c2s_f32(t)[i] = series_random(low, high);
    c2s_layer_set_param(l, role, t);
}

struct c2s_layer *series_add(struct c2s_model *m, enum c2s_op op, const char *name)
{
    struct c2s_error err = {0};
    struct c2s_layer *l = chain_add(m, op, name);
    assert_ok(c2s_model_infer_shapes(m, &err), &err);
    return l;
}

struct c2s_model *series_start(int rank, int64_t h, int64_t w, int64_t c)
{
    return chain_create(rank == 3 ? (int)h : 0, (int)w, (int)c);
}

struct c2s_model *series_end(struct c2s_model *m)
{
    struct c2s_error err = {0};
    assert_ok(c2s_model_add_output(m, m->n_layers - 1, &err), &err);
    assert_ok(c2s_model_infer_shapes(m, &err), &err);
    return m;
}

static int64_t channels_at_end(const struct c2s_model *m)
{
    const struct c2s_layer *l = m->layers[m->n_layers - 1];
    return l->dims[l->rank - 1];
}

struct c2s_layer *series_add_conv(struct c2s_model *m, enum c2s_op op, const char *name,
                                  int filters, bool use_bias)
{
    int64_t in = channels_at_end(m);
    struct c2s_error err = {0};
    struct c2s_layer *l = c2s_layer_create(op, name, &err);
    l->attr.conv.filters = op == C2S_OP_DEPTHWISE_CONV2D ? (int)in : filters;
    l->attr.conv.kernel[0] = l->attr.conv.kernel[1] = 3;
    l->attr.conv.padding = C2S_SAME;
    l->attr.conv.use_bias = use_bias;
    if (op == C2S_OP_CONV2D) {
        series_fill(l, C2S_KERNEL, 4, (int64_t[]){3, 3, in, filters}, -1, 1);
    } else {
        series_fill(l, C2S_DEPTHWISE_KERNEL, 4, (int64_t[]){3, 3, in, 1}, -1, 1);
        if (op == C2S_OP_SEPARABLE_CONV2D)
            series_fill(l, C2S_POINTWISE_KERNEL, 4, (int64_t[]){1, 1, in, filters}, -1, 1);
    }
    if (use_bias)
        series_fill(l, C2S_BIAS, 1, (int64_t[]){l->attr.conv.filters}, -1, 1);
    assert_ok(c2s_layer_add_input(l, m->n_layers - 1, &err) && c2s_model_add(m, l, NULL, &err),
              &err);
    assert_ok(c2s_model_infer_shapes(m, &err), &err);
    return l;
}

struct c2s_layer *series_add_dense(struct c2s_model *m, const char *name, int units, bool use_bias)
{
    int64_t in = channels_at_end(m);
    struct c2s_error err = {0};
    struct c2s_layer *l = c2s_layer_create(C2S_OP_DENSE, name, &err);
    l->attr.dense.units = units;
    l->attr.dense.use_bias = use_bias;
    series_fill(l, C2S_KERNEL, 2, (int64_t[]){in, units}, -1, 1);
    if (use_bias)
        series_fill(l, C2S_BIAS, 1, (int64_t[]){units}, -1, 1);
    assert_ok(c2s_layer_add_input(l, m->n_layers - 1, &err) && c2s_model_add(m, l, NULL, &err),
              &err);
    assert_ok(c2s_model_infer_shapes(m, &err), &err);
    return l;
}

struct c2s_layer *series_add_norm(struct c2s_model *m, const char *name, bool scale, bool center)
{
    int64_t channels = channels_at_end(m);
    struct c2s_layer *l = series_add(m, C2S_OP_BATCH_NORM, name);
    l->attr.batch_norm.axis = l->rank; /* counted with the batch axis, as files say it */
    l->attr.batch_norm.scale = scale;
    l->attr.batch_norm.center = center;
    if (scale)
        series_fill(l, C2S_GAMMA, 1, &channels, 0.3f, 2);
    if (center)
        series_fill(l, C2S_BETA, 1, &channels, -1, 1);
    series_fill(l, C2S_MOVING_MEAN, 1, &channels, -1, 1);
    series_fill(l, C2S_MOVING_VARIANCE, 1, &channels, 0.1f, 3);
    return l;
}

struct c2s_layer *series_add_pool(struct c2s_model *m, const char *name)
{
    struct c2s_error err = {0};
    struct c2s_layer *l = c2s_layer_create(C2S_OP_MAX_POOL, name, &err);
    l->attr.pool = (struct c2s_pool_attr){{2, 2}, {2, 2}, C2S_SAME, false};
    assert_ok(c2s_layer_add_input(l, m->n_layers - 1, &err) && c2s_model_add(m, l, NULL, &err),
              &err);
    assert_ok(c2s_model_infer_shapes(m, &err), &err);
    return l;
}

/* conv - BN - ReLU6 - sep - pool - BN - ReLU - flatten - dense. */
struct c2s_model *series_usual_for(int side, int channels, int classes)
{
    struct c2s_model *m = series_start(3, side, side, channels);
    series_add_conv(m, C2S_OP_CONV2D, "conv", 4, true);
    series_add_norm(m, "bn", true, true);
    series_add(m, C2S_OP_RELU, "relu")->attr.relu.max_value = 6;
    series_add_conv(m, C2S_OP_SEPARABLE_CONV2D, "sep", 5, false);
    series_add_pool(m, "pool");
    series_add_norm(m, "bn_1", true, true);
    series_add(m, C2S_OP_RELU, "relu_1");
    series_add(m, C2S_OP_FLATTEN, "flatten");
    series_add_dense(m, "dense", classes, true);
    return series_end(m);
}

struct c2s_model *series_usual(void)
{
    return series_usual_for(6, 2, 3);
}

struct c2s_layer *series_layer(const struct c2s_model *m, const char *name)
{
    int i = c2s_model_find(m, name);
    if (i < 0)
        fail_msg("no layer '%s'", name);
    return m->layers[i];
}

static struct c2s_tensor *outputs_of(const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_engine *e = NULL;
    const struct c2s_layer *input = m->layers[0];
    int64_t dims[4] = {3, input->dims[0], input->dims[1], input->dims[2]};
    struct c2s_tensor *x = c2s_tensor_create(C2S_F32, input->rank + 1, dims, &err), *y = NULL;
    uint64_t kept = seed;
    seed = 99;
    for (int64_t i = 0; i < c2s_tensor_count(x); i++)
        c2s_f32(x)[i] = series_random(-2, 2);
    seed = kept;
    assert_ok(c2s_engine_create("ref", m, NULL, &e, &err), &err);
    assert_ok(c2s_engine_run(e, (const struct c2s_tensor *const *)&x, &y, NULL, &err), &err);
    c2s_engine_destroy(e);
    c2s_tensor_unref(x);
    return y;
}

/* Rounding of a few dozen float32 operations: 1e-5 of the largest output. */
void assert_same_function(const struct c2s_model *a, const struct c2s_model *b)
{
    struct c2s_tensor *x = outputs_of(a), *y = outputs_of(b);
    assert_true(c2s_tensor_same_shape(x, y));
    double largest = 0, difference = 0;
    for (int64_t i = 0; i < c2s_tensor_count(x); i++) {
        largest = fmax(largest, fabs((double)c2s_f32(x)[i]));
        difference = fmax(difference, fabs((double)c2s_f32(x)[i] - (double)c2s_f32(y)[i]));
    }
    if (!(difference <= 1e-5 * largest))
        fail_msg("outputs differ by %g of %g", difference, largest);
    c2s_tensor_unref(x);
    c2s_tensor_unref(y);
}

int series_count_op(const struct c2s_model *m, enum c2s_op op)
{
    int n = 0;
    for (int i = 0; i < m->n_layers; i++)
        n += m->layers[i]->op == op;
    return n;
}

struct c2s_model *series_quantized(const struct c2s_model *m, const struct c2s_quantize_plan *plan,
                                   struct c2s_quantize_report *report)
{
    struct c2s_error err = {0};
    struct c2s_model *out = NULL;
    assert_ok(c2s_quantize(m, plan, NULL, &out, report, &err), &err);
    return out;
}

void assert_refused(const struct c2s_model *m, const struct c2s_quantize_plan *plan,
                    enum c2s_code code, const char *part)
{
    struct c2s_error err = {0};
    struct c2s_model *out = NULL;
    assert_false(c2s_quantize(m, plan, NULL, &out, NULL, &err));
    assert_null(out);
    if (err.code != code || !strstr(err.text, part))
        fail_msg("%s: %s, not about '%s'", c2s_code_name(err.code), err.text, part);
}
