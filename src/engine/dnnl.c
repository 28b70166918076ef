/* Engine "dnnl": oneDNN's primitives, chunks of the batch in parallel. Without an observer layers
 * fuse; with one, every layer is computed for the whole batch before the next. */
#include "engine/dnnl_plan.h"

#include <omp.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/walk.h"
#include "engine/workers.h"

struct dnnl_state {
    struct engine_weights *weights; /* [n_layers] */
    dnnl_engine_t engine;
    struct plan *fused;      /* made in prepare */
    struct plan *layered;    /* made at the first run with an observer, else NULL */
    struct workers *workers; /* one for each lane */
    int n_threads;
};

static bool make_plan(struct c2s_engine *e, bool is_fused, struct plan **out, struct c2s_error *err)
{
    struct dnnl_state *s = e->state;
    struct plan_options options = {
        .max_batch = e->options.max_batch, .n_lanes = s->n_threads, .is_fused = is_fused};
    int before = plan_one_thread();
    bool ok = plan_create(e->model, s->weights, s->engine, &options, out, err);
    omp_set_num_threads(before);
    return ok;
}

static bool dnnl_prepare(struct c2s_engine *e, struct c2s_error *err)
{
    const struct c2s_model *m = e->model;
    if (!engine_check_float(m, err))
        return false;
    struct dnnl_state *s = e->state = c2s_calloc(1, sizeof *s);
    if (!s)
        return c2s_fail_nomem(err);
    s->n_threads = omp_get_max_threads();
    s->weights = c2s_calloc((size_t)m->n_layers, sizeof *s->weights);
    if (!s->weights || dnnl_engine_create(&s->engine, dnnl_cpu, 0) != dnnl_success)
        return c2s_fail_nomem(err);
    for (int i = 0; i < m->n_layers; i++)
        if (!engine_weights_init(&s->weights[i], m->layers[i], err))
            return false;
    return make_plan(e, true, &s->fused, err) && workers_create(s->n_threads, &s->workers, err);
}

static void dnnl_finish(struct c2s_engine *e)
{
    struct dnnl_state *s = e->state;
    if (!s)
        return;
    workers_destroy(s->workers);
    plan_destroy(s->fused);
    plan_destroy(s->layered);
    for (int i = 0; s->weights && i < e->model->n_layers; i++)
        engine_weights_finish(&s->weights[i]);
    c2s_free(s->weights);
    if (s->engine)
        dnnl_engine_destroy(s->engine);
    c2s_free(s);
    e->state = NULL;
}

/* Samples first..first+n-1 between a tensor of the batch and a lane's chunk; the rest of a chunk at
 * the end of the batch keeps what it held, and is computed for nothing. */
static void copy_samples(const struct c2s_tensor *batch, const struct c2s_tensor *chunk,
                         int64_t first, bool to_batch)
{
    int64_t n = batch->dims[0] - first < chunk->dims[0] ? batch->dims[0] - first : chunk->dims[0];
    size_t sample = c2s_tensor_bytes(chunk) / (size_t)chunk->dims[0];
    char *there = (char *)batch->data + (size_t)first * sample;
    memcpy(to_batch ? there : (char *)chunk->data, to_batch ? (char *)chunk->data : there,
           sample * (size_t)n);
}

struct job {
    const struct plan *plan;
    int first_step, end_step;
    const int *from; /* values copied in before the first step [n_from] */
    int n_from;
    struct c2s_tensor *const *in; /* of the batch [n_from] */
    const int *to;                /* values copied out after the last step [n_to] */
    int n_to;
    struct c2s_tensor *const *out;
    int64_t batch;
    atomic_long next;      /* first sample that no lane has taken */
    atomic_bool is_failed; /* set by the lane that may then write *err */
    struct c2s_error *err;
};

static bool run_chunk(const struct job *j, struct plan_lane *lane, int64_t first,
                      struct c2s_error *err)
{
    for (int k = 0; k < j->n_from; k++)
        copy_samples(j->in[k], &lane->tensors[j->from[k]], first, false);
    for (int i = j->first_step; i < j->end_step; i++)
        if (!plan_lane_step(j->plan, lane, i, err))
            return false;
    for (int k = 0; k < j->n_to; k++)
        copy_samples(j->out[k], &lane->tensors[j->to[k]], first, true);
    return true;
}

/* Takes chunks until none is left. */
static void run_lane(void *arg, int index)
{
    struct job *j = arg;
    int before = plan_one_thread();
    for (;;) {
        int64_t first = atomic_fetch_add(&j->next, j->plan->chunk);
        struct c2s_error own = {0};
        if (first >= j->batch || atomic_load(&j->is_failed))
            break;
        if (!run_chunk(j, &j->plan->lanes[index], first, &own) &&
            !atomic_exchange(&j->is_failed, true))
            *j->err = own;
    }
    omp_set_num_threads(before);
}

static bool run_job(struct c2s_engine *e, struct job *j, struct c2s_error *err)
{
    const struct dnnl_state *s = e->state;
    int64_t n_chunks = (j->batch + j->plan->chunk - 1) / j->plan->chunk;
    j->err = err;
    workers_run(s->workers, n_chunks < j->plan->n_lanes ? (int)n_chunks : j->plan->n_lanes,
                run_lane, j);
    return !atomic_load(&j->is_failed);
}

static bool run_fused(struct c2s_engine *e, const struct c2s_tensor *const *inputs,
                      struct c2s_tensor **outputs, struct c2s_error *err)
{
    const struct dnnl_state *s = e->state;
    const struct c2s_model *m = e->model;
    int64_t batch = inputs[0]->dims[0];
    for (int i = 0; i < m->n_outputs; i++)
        if (!(outputs[i] = engine_output_create(m->layers[m->outputs[i]], batch, err)))
            return false;
    struct job j = {.plan = s->fused,
                    .end_step = s->fused->n_steps,
                    .from = m->inputs,
                    .n_from = m->n_inputs,
                    .in = (struct c2s_tensor *const *)inputs,
                    .to = m->outputs,
                    .n_to = m->n_outputs,
                    .out = outputs,
                    .batch = batch};
    return run_job(e, &j, err);
}

/* One layer for the whole batch, for engine_walk. */
static bool compute_layer(struct c2s_engine *e, int index, struct c2s_tensor *const *in,
                          struct c2s_tensor *out, struct c2s_error *err)
{
    const struct plan *p = ((const struct dnnl_state *)e->state)->layered;
    int step = 0;
    while (p->steps[step].index != index)
        step++;
    const struct c2s_layer *l = p->steps[step].layer;
    struct job j = {.plan = p,
                    .first_step = step,
                    .end_step = step + 1,
                    .from = l->inputs,
                    .n_from = l->n_inputs,
                    .in = in,
                    .to = &index,
                    .n_to = 1,
                    .out = &out,
                    .batch = out->dims[0]};
    return run_job(e, &j, err);
}

static bool dnnl_run(struct c2s_engine *e, const struct c2s_tensor *const *inputs,
                     struct c2s_tensor **outputs, const struct c2s_observer *observer,
                     struct c2s_error *err)
{
    struct dnnl_state *s = e->state;
    if (!observer)
        return run_fused(e, inputs, outputs, err);
    if (!s->layered && !make_plan(e, false, &s->layered, err))
        return false;
    return engine_walk(e, compute_layer, inputs, outputs, observer, err);
}

const struct c2s_engine_ops c2s_engine_dnnl = {
    .name = "dnnl",
    .prepare = dnnl_prepare,
    .run = dnnl_run,
    .finish = dnnl_finish,
};
