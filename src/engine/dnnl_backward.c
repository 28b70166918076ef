/* Gradient engine "dnnl": groups of pieces of the batch on as many threads as there are, phase by
 * phase; see dnnl_backward.h. */
#include "engine/dnnl_backward.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/alloc.h"

/* Tasks that lanes take until none is left. */
struct sharing {
    struct backward *b;
    backward_task *task;
    int n;
    atomic_int next;
    atomic_bool is_failed; /* set by the lane that may then write *err */
    struct c2s_error *err;
};

static void take_tasks(void *arg, int lane)
{
    struct sharing *s = arg;
    int before = plan_one_thread();
    for (;;) {
        int i = atomic_fetch_add(&s->next, 1);
        struct c2s_error own = {0};
        if (i >= s->n || atomic_load(&s->is_failed))
            break;
        if (!s->task(s->b, lane, i, &own) && !atomic_exchange(&s->is_failed, true))
            *s->err = own;
    }
    omp_set_num_threads(before);
}

bool backward_share(struct backward *b, int n, backward_task *task, struct c2s_error *err)
{
    struct sharing s = {.b = b, .task = task, .n = n, .err = err};
    workers_run(b->workers, n < b->n_lanes ? n : b->n_lanes, take_tasks, &s);
    return !atomic_load(&s.is_failed);
}

/* The loss of a piece and its gradient, zeros behind the end of the batch. */
static void find_loss(const struct backward_piece *p)
{
    const struct backward *b = p->b;
    int last = b->model->outputs[0];
    int64_t units = backward_count(b->model->layers[last]);
    float *gradient = backward_part(p, BACKWARD_GRADIENT, last);
    struct c2s_loss_sum *sum = &b->losses[p->first / b->piece];
    *sum = (struct c2s_loss_sum){0};
    b->loss->samples(b->loss->arg, p->first, p->n, b->batch, backward_part(p, BACKWARD_DATA, last),
                     gradient, sum);
    memset(gradient + p->n * units, 0, sizeof *gradient * (size_t)((b->piece - p->n) * units));
}

static bool run_steps(const struct backward_piece *p, struct c2s_error *err)
{
    const struct backward *b = p->b;
    for (int t = 0; t < b->n_steps; t++) {
        const struct backward_step *s = &b->steps[t];
        if (s->phase != b->phase)
            continue;
        if (s->what == BACKWARD_LOSS)
            find_loss(p);
        else if (!s->run(p, s->l, err))
            return false;
        if (b->first_bad)
            backward_watch(p, t);
    }
    return true;
}

/* All pieces of a group, in order, through the phase. */
static bool run_group(struct backward *b, int lane, int group, struct c2s_error *err)
{
    int first = group * b->n_pieces / b->n_groups, end = (group + 1) * b->n_pieces / b->n_groups;
    for (int i = first; i < end; i++) {
        struct backward_piece p = {.b = b,
                                   .lane = &b->lanes[lane],
                                   .first = i * b->piece,
                                   .n = b->batch - i * b->piece,
                                   .group = group,
                                   .is_first = i == first};
        p.n = p.n < b->piece ? p.n : b->piece;
        if (!run_steps(&p, err))
            return false;
    }
    return true;
}

/* What the sums of all groups give, before the next phase. */
static void end_phase(const struct backward *b)
{
    for (int t = 0; t < b->n_steps; t++) {
        const struct backward_step *s = &b->steps[t];
        if (s->phase == b->phase && s->what == BACKWARD_STATISTICS)
            backward_norm_end_statistics(b, s->l);
        else if (s->phase == b->phase && s->what == BACKWARD_GRADIENT_SUMS)
            backward_norm_end_sums(b, s->l);
    }
}

static bool run_phases(struct backward *b, struct c2s_error *err)
{
    memset(b->doubles, 0, sizeof *b->doubles * b->n_doubles * (size_t)b->n_groups);
    for (int i = 0; i < b->model->n_layers; i++)
        if (b->layers[i].is_waiting)
            backward_norm_begin(&b->layers[i]);
    for (b->phase = 0; b->phase < b->n_phases; b->phase++) {
        if (!backward_share(b, b->n_groups, run_group, err))
            return false;
        end_phase(b);
    }
    return true;
}

static void begin_batch(struct backward *b, const struct c2s_tensor *x)
{
    int64_t sample = backward_count(b->model->layers[b->model->inputs[0]]);
    int64_t whole = x->dims[0] / b->piece * b->piece, rest = x->dims[0] - whole;
    b->x = c2s_f32(x);
    b->batch = x->dims[0];
    b->n_pieces = (int)((b->batch + b->piece - 1) / b->piece);
    b->n_groups = b->n_pieces < BACKWARD_GROUPS ? b->n_pieces : BACKWARD_GROUPS;
    memset(b->tail, 0, sizeof(float) * (size_t)(b->piece * sample));
    memcpy(b->tail, b->x + whole * sample, sizeof(float) * (size_t)(rest * sample));
}

/* Gradients that kernels do not write themselves become zero. */
static void clear_gradients(struct backward *b)
{
    atomic_store(&b->is_bad, false);
    for (int i = 0; i < b->base->n_parameters; i++)
        if (!b->is_direct[i])
            gradient_clear(b->base, i);
}

static bool is_finite(const struct backward *b, const struct c2s_loss_sum *sum)
{
    struct c2s_error ignored = {0};
    bool all = isfinite(sum->loss) && !atomic_load(&b->is_bad);
    for (int i = 0; i < b->base->n_parameters; i++)
        all = all && (b->is_direct[i] || gradient_check(b->base, i, b->step, &ignored));
    return all;
}

/* Runs the batch again to find where the first number is that is none. */
static bool fail_not_finite(struct backward *b, struct c2s_error *err)
{
    atomic_int first = b->n_steps;
    b->first_bad = &first;
    bool ok = run_phases(b, err);
    b->first_bad = NULL;
    if (!ok)
        return false;
    int t = atomic_load(&first), last = b->model->outputs[0];
    for (int i = 0; t == b->n_steps && i < b->base->n_parameters; i++)
        if (!gradient_check(b->base, i, b->step, err)) /* it came about in the weights' gradient */
            return false;
    if (t == b->n_steps) /* the loss's sum alone: each of its parts is finite */
        return gradient_fail_not_finite(b->base, last, "loss behind the output", b->step, err);
    const struct backward_step *s = &b->steps[t];
    if (s->what == BACKWARD_LOSS)
        return gradient_fail_not_finite(b->base, last, "loss behind the output", b->step, err);
    return gradient_fail_not_finite(
        b->base, s->l->index, s->what == BACKWARD_FORWARD ? "output" : "gradient", b->step, err);
}

static bool compute(struct c2s_gradients *g, const struct c2s_tensor *x, int64_t step,
                    const struct c2s_batch_loss *loss, struct c2s_loss_sum *sum,
                    struct c2s_error *err)
{
    struct backward *b = g->state;
    begin_batch(b, x);
    b->step = step;
    b->loss = loss;
    clear_gradients(b);
    if (!backward_kernels_prepare(b, err) || !run_phases(b, err) ||
        !backward_kernels_gather(b, err))
        return false;
    backward_gather_sums(b);
    for (int i = 0; i < b->n_pieces; i++) {
        sum->loss += b->losses[i].loss;
        sum->correct += b->losses[i].correct;
    }
    if (!is_finite(b, sum))
        return fail_not_finite(b, err);
    for (int i = 0; i < b->model->n_layers; i++)
        if (b->layers[i].is_waiting)
            backward_norm_move(b, &b->layers[i]);
    return true;
}

static bool init_layers(struct backward *b, struct c2s_error *err)
{
    const struct c2s_model *m = b->model;
    bool *is_needed = c2s_calloc((size_t)m->n_layers, sizeof *is_needed);
    if (!is_needed)
        return c2s_fail_nomem(err);
    gradient_needed(b->base, is_needed);
    bool ok = true;
    for (int i = 0; i < m->n_layers; i++) {
        b->layers[i].layer = m->layers[i];
        b->layers[i].index = i;
        b->layers[i].has_gradient = is_needed[i];
    }
    c2s_free(is_needed);
    backward_reach(b);
    for (int i = 0; ok && i < m->n_layers; i++)
        ok = backward_layer_init(b, &b->layers[i], err);
    return ok;
}

static bool allocate(struct backward *b, struct c2s_error *err)
{
    size_t max_pieces = (size_t)(b->capacity / b->piece);
    size_t sample = (size_t)backward_count(b->model->layers[b->model->inputs[0]]);
    b->wide = c2s_aligned(b->wide_bytes + 64);
    b->tail = c2s_aligned(sizeof(float) * sample * (size_t)b->piece + 64);
    b->floats = c2s_aligned(sizeof *b->floats * BACKWARD_GROUPS * (b->n_floats + 16));
    b->doubles = c2s_calloc(BACKWARD_GROUPS * (b->n_doubles + 1), sizeof *b->doubles);
    b->losses = c2s_calloc(max_pieces, sizeof *b->losses);
    return (b->wide && b->tail && b->floats && b->doubles && b->losses) || c2s_fail_nomem(err);
}

static bool build(struct backward *b, struct c2s_error *err)
{
    if (!init_layers(b, err) || !backward_plan(b, err))
        return false;
    for (int i = 0; i < b->model->n_layers; i++)
        if (b->layers[i].n_kernels > 0 && !backward_neural_init(b, &b->layers[i], err))
            return false;
    return allocate(b, err) && backward_lanes_create(b, err) &&
           workers_create(b->n_lanes, &b->workers, err);
}

static bool prepare(struct c2s_gradients *g, struct c2s_error *err)
{
    size_t n = (size_t)g->model->n_layers;
    struct backward *b = g->state = c2s_calloc(1, sizeof *b);
    if (!b)
        return c2s_fail_nomem(err);
    b->base = g;
    b->model = g->model;
    b->layers = c2s_calloc(n, sizeof *b->layers);
    b->kernels = c2s_calloc(2 * n, sizeof *b->kernels);
    b->is_direct = c2s_calloc((size_t)g->n_parameters + 1, sizeof *b->is_direct);
    if (!b->layers || !b->kernels || !b->is_direct ||
        dnnl_engine_create(&b->engine, dnnl_cpu, 0) != dnnl_success)
        return c2s_fail_nomem(err);
    b->n_lanes = g->options.n_threads > 0 ? g->options.n_threads : omp_get_max_threads();
    int before = plan_one_thread();
    bool ok = build(b, err);
    omp_set_num_threads(before);
    return ok;
}

static void finish(struct c2s_gradients *g)
{
    struct backward *b = g->state;
    if (!b)
        return;
    workers_destroy(b->workers);
    backward_lanes_destroy(b);
    for (int i = 0; b->layers && i < b->model->n_layers; i++)
        backward_layer_finish(&b->layers[i]);
    for (int i = 0; i < b->n_kernels; i++)
        backward_kernel_finish(&b->kernels[i]);
    void *const owned[] = {b->layers, b->kernels, b->adds,    b->steps,  b->buffers,  b->wide,
                           b->tail,   b->floats,  b->doubles, b->losses, b->is_direct};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        c2s_free(owned[i]);
    if (b->engine)
        dnnl_engine_destroy(b->engine);
    c2s_free(b);
    g->state = NULL;
}

const struct gradient_ops gradient_dnnl = {
    .name = "dnnl",
    .prepare = prepare,
    .compute = compute,
    .finish = finish,
};
