/* Optimizers: Adam and SGD with momentum, in the float32 arithmetic of TensorFlow's kernels. */
#include <c2s/optimizer.h>

#include <math.h>
#include <omp.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/wide_code.h"
#include "engine/workers.h"

/* Numbers that one thread takes at a time. */
#define STRETCH 16384
/* Stretches below which other threads are not worth waking. */
#define FEW 8

struct c2s_optimizer {
    struct c2s_optimizer_options options;
    const struct c2s_parameter *parameters; /* borrowed */
    int n_parameters, n_moments;
    struct c2s_tensor **moments; /* owned; by parameter: m, v for Adam, one for SGD */
    int64_t steps;
    struct workers *workers; /* owned; NULL = the caller's thread alone */
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

static int stretches_of(const struct c2s_parameter *p)
{
    return (int)((c2s_tensor_count(p->value) + STRETCH - 1) / STRETCH);
}

static bool start_workers(struct c2s_optimizer *o, struct c2s_error *err)
{
    int n = 0;
    for (int i = 0; i < o->n_parameters; i++)
        n += stretches_of(&o->parameters[i]);
    if (o->options.n_threads <= 0)
        o->options.n_threads = omp_get_max_threads();
    if (o->options.n_threads > n)
        o->options.n_threads = n;
    return n < FEW || o->options.n_threads < 2 ||
           workers_create(o->options.n_threads, &o->workers, err);
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
    ok = ok && start_workers(new, err);
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
    workers_destroy(o->workers);
    for (int i = 0; i < o->n_moments; i++)
        c2s_tensor_unref(o->moments[i]);
    c2s_free(o->moments);
    c2s_free(o);
}

/* A stretch of one parameter's numbers, and how far they go. */
struct stretch {
    const float *gradient;
    float *value;
    float *moments[2]; /* NULL = the optimizer has none */
    int64_t n;
    float rate;
};

WIDE_CODE static void adam(const struct c2s_optimizer_options *o, const struct stretch *s)
{
    const float keep_1 = 1.0f - (float)o->beta_1, keep_2 = 1.0f - (float)o->beta_2;
    const float epsilon = (float)o->epsilon, rate = s->rate;
    const float *g = s->gradient;
    float *w = s->value, *m = s->moments[0], *v = s->moments[1];
#pragma omp simd
    for (int64_t i = 0; i < s->n; i++) {
        m[i] += (g[i] - m[i]) * keep_1;
        v[i] += (g[i] * g[i] - v[i]) * keep_2;
        w[i] -= m[i] * rate / (sqrtf(v[i]) + epsilon);
    }
}

WIDE_CODE static void descend(const struct c2s_optimizer_options *o, const struct stretch *s)
{
    const float *g = s->gradient, momentum = (float)o->momentum, rate = s->rate;
    float *w = s->value, *a = s->moments[0];
    if (!a) {
#pragma omp simd
        for (int64_t i = 0; i < s->n; i++)
            w[i] -= rate * g[i];
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < s->n; i++) {
        a[i] = a[i] * momentum - g[i] * rate;
        w[i] += a[i];
    }
}

/* Numbers `first` and behind of a parameter, at most STRETCH. */
static void step_stretch(const struct c2s_optimizer *o, int parameter, int64_t first, float rate)
{
    const struct c2s_parameter *p = &o->parameters[parameter];
    int64_t left = c2s_tensor_count(p->value) - first;
    int per_parameter = moments_per_parameter(&o->options);
    struct stretch s = {.gradient = c2s_f32(p->gradient) + first,
                        .value = c2s_f32(p->value) + first,
                        .n = left < STRETCH ? left : STRETCH,
                        .rate = rate};
    for (int k = 0; k < per_parameter; k++)
        s.moments[k] = c2s_f32(o->moments[parameter * per_parameter + k]) + first;
    if (o->options.kind == C2S_ADAM)
        adam(&o->options, &s);
    else
        descend(&o->options, &s);
}

struct job {
    const struct c2s_optimizer *o;
    float rate;
    atomic_int next; /* stretch, over all parameters */
};

static void take_stretches(void *arg, int worker)
{
    struct job *j = arg;
    int parameter = 0, before = 0;
    (void)worker;
    for (;;) {
        int i = atomic_fetch_add(&j->next, 1);
        while (parameter < j->o->n_parameters &&
               i >= before + stretches_of(&j->o->parameters[parameter]))
            before += stretches_of(&j->o->parameters[parameter++]);
        if (parameter == j->o->n_parameters)
            return;
        step_stretch(j->o, parameter, (int64_t)(i - before) * STRETCH, j->rate);
    }
}

void c2s_optimizer_step(struct c2s_optimizer *o, double learning_rate)
{
    float rate = (float)learning_rate, t = (float)++o->steps;
    if (o->options.kind == C2S_ADAM)
        rate = rate * sqrtf(1.0f - powf((float)o->options.beta_2, t)) /
               (1.0f - powf((float)o->options.beta_1, t));
    struct job j = {.o = o, .rate = rate};
    if (o->workers)
        workers_run(o->workers, o->options.n_threads, take_stretches, &j);
    else
        take_stretches(&j, 0);
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
