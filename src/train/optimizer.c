/* Optimizers: Adam and SGD with momentum, in the float32 arithmetic of TensorFlow's kernels. */
#include <c2s/optimizer.h>

#include <math.h>

#include "base/alloc.h"
#include "base/wide_code.h"

struct c2s_optimizer {
    struct c2s_optimizer_options options;
    const struct c2s_parameter *parameters; /* borrowed */
    int n_parameters, n_moments;
    struct c2s_tensor **moments; /* owned; by parameter: m, v for Adam, one for SGD */
    int64_t steps;
};

static int moments_per_parameter(const struct c2s_optimizer_options *o)
{
    return o->kind == C2S_ADAM ? 2 : o->momentum != 0;
}

static bool check_options(const struct c2s_optimizer_options *o, struct c2s_error *err)
{
    const struct {
        const char *name;
        double value;
    } shares[] = {{"beta_1", o->beta_1}, {"beta_2", o->beta_2}, {"momentum", o->momentum}};
    for (int i = 0; i < 3; i++)
        if (!(shares[i].value >= 0 && shares[i].value < 1))
            return c2s_fail(err, C2S_RANGE, "%s is %g; it must be at least 0 and below 1",
                            shares[i].name, shares[i].value);
    if (!(o->epsilon > 0 && isfinite(o->epsilon)))
        return c2s_fail(err, C2S_RANGE, "epsilon is %g; it must be above 0, usually 1e-7",
                        o->epsilon);
    return true;
}

bool c2s_optimizer_create(const struct c2s_optimizer_options *options,
                          const struct c2s_parameter *parameters, int n, struct c2s_optimizer **out,
                          struct c2s_error *err)
{
    struct c2s_optimizer_options o = *options;
    *out = NULL;
    o.beta_1 = o.beta_1 != 0 ? o.beta_1 : 0.9;
    o.beta_2 = o.beta_2 != 0 ? o.beta_2 : 0.999;
    o.epsilon = o.epsilon != 0 ? o.epsilon : 1e-7;
    if (!check_options(&o, err))
        return false;
    int per_parameter = moments_per_parameter(&o);
    struct c2s_optimizer *new = c2s_calloc(1, sizeof *new);
    if (!new)
        return c2s_fail_nomem(err);
    *new = (struct c2s_optimizer){.options = o, .parameters = parameters, .n_parameters = n};
    new->moments = c2s_calloc((size_t)(n * per_parameter) + 1, sizeof(struct c2s_tensor *));
    bool ok = new->moments || c2s_fail_nomem(err);
    for (; ok && new->n_moments < n *per_parameter; new->n_moments += ok) {
        const struct c2s_tensor *t = parameters[new->n_moments / per_parameter].value;
        new->moments[new->n_moments] = c2s_tensor_create(C2S_F32, t->rank, t->dims, err);
        ok = new->moments[new->n_moments] != NULL;
    }
    if (ok)
        *out = new;
    else
        c2s_optimizer_destroy(new);
    return ok;
}

void c2s_optimizer_destroy(struct c2s_optimizer *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->n_moments; i++)
        c2s_tensor_unref(o->moments[i]);
    c2s_free(o->moments);
    c2s_free(o);
}

WIDE_CODE static void adam(const struct c2s_optimizer *o, int parameter, float rate)
{
    const struct c2s_parameter *p = &o->parameters[parameter];
    const float keep_1 = 1.0f - (float)o->options.beta_1, keep_2 = 1.0f - (float)o->options.beta_2;
    const float epsilon = (float)o->options.epsilon;
    const float *g = c2s_f32(p->gradient);
    float *w = c2s_f32(p->value);
    float *m = c2s_f32(o->moments[2 * parameter]), *v = c2s_f32(o->moments[2 * parameter + 1]);
    int64_t n = c2s_tensor_count(p->value);
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        m[i] += (g[i] - m[i]) * keep_1;
        v[i] += (g[i] * g[i] - v[i]) * keep_2;
        w[i] -= m[i] * rate / (sqrtf(v[i]) + epsilon);
    }
}

WIDE_CODE static void descend(const struct c2s_optimizer *o, int parameter, float rate)
{
    const struct c2s_parameter *p = &o->parameters[parameter];
    const float *g = c2s_f32(p->gradient), momentum = (float)o->options.momentum;
    float *w = c2s_f32(p->value);
    int64_t n = c2s_tensor_count(p->value);
    if (o->n_moments == 0) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            w[i] -= rate * g[i];
        return;
    }
    float *a = c2s_f32(o->moments[parameter]);
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        a[i] = a[i] * momentum - g[i] * rate;
        w[i] += a[i];
    }
}

void c2s_optimizer_step(struct c2s_optimizer *o, double learning_rate)
{
    float rate = (float)learning_rate, t = (float)++o->steps;
    if (o->options.kind == C2S_ADAM)
        rate = rate * sqrtf(1.0f - powf((float)o->options.beta_2, t)) /
               (1.0f - powf((float)o->options.beta_1, t));
    for (int i = 0; i < o->n_parameters; i++)
        if (o->options.kind == C2S_ADAM)
            adam(o, i, rate);
        else
            descend(o, i, rate);
}

int64_t c2s_optimizer_steps(const struct c2s_optimizer *o)
{
    return o->steps;
}

void c2s_optimizer_set_steps(struct c2s_optimizer *o, int64_t steps)
{
    o->steps = steps;
}

struct c2s_tensor *const *c2s_optimizer_moments(const struct c2s_optimizer *o, int *n)
{
    *n = o->n_moments;
    return o->moments;
}
