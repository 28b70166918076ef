/* A piece of the batch: where its numbers lie, and primitives executed over them. */
#include <math.h>

#include "base/alloc.h"
#include "engine/dnnl_backward.h"

int64_t backward_count(const struct c2s_layer *l)
{
    int64_t n = 1;
    for (int i = 0; i < l->rank; i++)
        n *= l->dims[i];
    return n;
}

/* x itself, but for a last piece that is not full. */
static float *input_part(const struct backward_piece *p, int64_t floats)
{
    if (p->n < p->b->piece)
        return (float *)p->b->tail;
    return (float *)p->b->x + p->first * floats;
}

static const struct backward_buffer *root_of(const struct backward *b, enum backward_part part,
                                             int layer, int *root)
{
    *root = b->buffers[(int)part * b->model->n_layers + layer].root;
    return &b->buffers[*root];
}

/* The root of a gradient's, not of an output's buffer may be that of the model's input. */
static bool is_input(const struct backward *b, int root)
{
    return root < b->model->n_layers && b->model->layers[root]->op == C2S_OP_INPUT;
}

float *backward_part(const struct backward_piece *p, enum backward_part part, int layer)
{
    const struct backward *b = p->b;
    int root;
    const struct backward_buffer *u = root_of(b, part, layer, &root);
    if (is_input(b, root))
        return input_part(p, backward_count(b->model->layers[root]));
    if (u->is_wide)
        return (float *)(b->wide + u->offset * (size_t)b->capacity) + p->first * u->floats;
    return (float *)(p->lane->arena + u->offset * (size_t)b->piece);
}

float *backward_wide(const struct backward *b, enum backward_part part, int layer)
{
    int root;
    const struct backward_buffer *u = root_of(b, part, layer, &root);
    if (is_input(b, root))
        return (float *)b->x;
    return (float *)(b->wide + u->offset * (size_t)b->capacity);
}

double *backward_sums(const struct backward_piece *p, const struct backward_layer *l)
{
    return p->b->doubles + (size_t)p->group * p->b->n_doubles + l->first_sum;
}

bool backward_wants(const struct backward *b, const struct backward_layer *l, int k)
{
    return l->has_gradient && b->layers[l->layer->inputs[k]].has_gradient;
}

float *backward_target(const struct backward_piece *p, const struct backward_layer *l)
{
    return p->b->adds[l->edge] ? backward_part(p, BACKWARD_TEMPORARY, l->index)
                               : backward_part(p, BACKWARD_GRADIENT, l->layer->inputs[0]);
}

void backward_settle(const struct backward_piece *p, const struct backward_layer *l,
                     const float *written)
{
    int in = l->layer->inputs[0];
    if (p->b->adds[l->edge])
        fast_add(written, backward_part(p, BACKWARD_GRADIENT, in),
                 p->b->piece * backward_count(p->b->model->layers[in]));
}

bool backward_execute(const struct backward_piece *p, const struct backward_layer *l,
                      const struct backward_primitive *q, void *const *data, struct c2s_error *err)
{
    struct backward_lane *lane = p->lane;
    dnnl_exec_arg_t args[BACKWARD_MAX_ARGS];
    for (int i = 0; i < q->n_args; i++) {
        int k = q->first_memory + i;
        args[i] = (dnnl_exec_arg_t){q->arg[i], lane->memories[k]};
        if (lane->handles[k] == data[i])
            continue;
        if (!plan_ok(dnnl_memory_set_data_handle(lane->memories[k], data[i]), l->layer, err))
            return false;
        lane->handles[k] = data[i];
    }
    return plan_ok(dnnl_primitive_execute(q->primitive, lane->stream, q->n_args, args), l->layer,
                   err) &&
           plan_ok(dnnl_stream_wait(lane->stream), l->layer, err);
}

static bool is_finite(const struct backward_piece *p, enum backward_part part, int layer)
{
    return fast_is_finite(backward_part(p, part, layer),
                          p->n * backward_count(p->b->model->layers[layer]));
}

void backward_watch(const struct backward_piece *p, int step)
{
    const struct backward *b = p->b;
    const struct backward_step *s = &b->steps[step];
    int layer = s->l ? s->l->index : b->model->outputs[0];
    bool ok = true;
    if (s->what == BACKWARD_FORWARD)
        ok = is_finite(p, BACKWARD_DATA, layer);
    else if (s->what == BACKWARD_LOSS)
        ok =
            is_finite(p, BACKWARD_GRADIENT, layer) && isfinite(b->losses[p->first / b->piece].loss);
    else if (s->what == BACKWARD_BACK)
        for (int k = 0; k < s->l->layer->n_inputs; k++)
            ok = ok && (!backward_wants(b, s->l, k) ||
                        is_finite(p, BACKWARD_GRADIENT, s->l->layer->inputs[k]));
    int first = atomic_load(b->first_bad);
    while (!ok && step < first && !atomic_compare_exchange_weak(b->first_bad, &first, step)) {
    }
}

static bool add_memories(const struct backward *b, struct backward_lane *lane,
                         const struct backward_primitive *q)
{
    for (int i = 0; q->primitive && i < q->n_args; i++)
        if (dnnl_memory_create(&lane->memories[q->first_memory + i], &q->desc[i], b->engine,
                               DNNL_MEMORY_NONE) != dnnl_success)
            return false;
    return true;
}

static bool lane_init(const struct backward *b, struct backward_lane *lane)
{
    lane->arena = c2s_aligned(b->arena_bytes + b->sums_bytes + b->scratch_bytes + 64);
    lane->memories = c2s_calloc((size_t)b->n_memories + 1, sizeof *lane->memories);
    lane->handles = c2s_calloc((size_t)b->n_memories + 1, sizeof *lane->handles);
    if (!lane->arena || !lane->memories || !lane->handles ||
        dnnl_stream_create(&lane->stream, b->engine, dnnl_stream_default_flags) != dnnl_success)
        return false;
    for (int i = 0; i < b->model->n_layers; i++)
        for (int k = 0; k < 2; k++) {
            const struct backward_convolution *c = &b->layers[i].convolutions[k];
            if (!add_memories(b, lane, &c->forward) || !add_memories(b, lane, &c->data) ||
                !add_memories(b, lane, &c->weights))
                return false;
        }
    return true;
}

bool backward_lanes_create(struct backward *b, struct c2s_error *err)
{
    b->lanes = c2s_calloc((size_t)b->n_lanes, sizeof *b->lanes);
    if (!b->lanes)
        return c2s_fail_nomem(err);
    for (int i = 0; i < b->n_lanes; i++)
        if (!lane_init(b, &b->lanes[i]))
            return c2s_fail_nomem(err);
    return true;
}

void backward_lanes_destroy(struct backward *b)
{
    for (int i = 0; b->lanes && i < b->n_lanes; i++) {
        struct backward_lane *lane = &b->lanes[i];
        for (int k = 0; lane->memories && k < b->n_memories; k++)
            if (lane->memories[k])
                dnnl_memory_destroy(lane->memories[k]);
        if (lane->stream)
            dnnl_stream_destroy(lane->stream);
        c2s_free(lane->arena);
        c2s_free(lane->memories);
        c2s_free(lane->handles);
    }
    c2s_free(b->lanes);
}
