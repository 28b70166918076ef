/* Lanes: one worker's buffers and the arguments of every primitive over them. */
#include "engine/dnnl_plan.h"

#include <string.h>

#include "base/alloc.h"

static void *data_of(const struct plan *p, const struct plan_lane *lane, int value)
{
    return lane->arena + p->values[p->values[value].root].offset * (size_t)p->chunk;
}

static void set_tensors(const struct plan *p, struct plan_lane *lane)
{
    for (int i = 0; i < p->model->n_layers; i++) {
        const struct c2s_layer *l = p->model->layers[i];
        struct c2s_tensor *t = &lane->tensors[i];
        *t = (struct c2s_tensor){
            .dtype = C2S_F32, .rank = l->rank + 1, .dims = {p->chunk}, .refs = 1};
        memcpy(t->dims + 1, l->dims, sizeof *l->dims * (size_t)l->rank);
        t->data = data_of(p, lane, i);
    }
}

static bool add_memory(const struct plan *p, struct plan_lane *lane, int k, int arg,
                       const dnnl_memory_desc_t *desc, void *data)
{
    dnnl_memory_t memory;
    if (dnnl_memory_create(&memory, desc, p->engine, data) != dnnl_success)
        return false;
    lane->args[k][lane->n_args[k]++] = (dnnl_exec_arg_t){arg, memory};
    return true;
}

static bool set_args(const struct plan *p, struct plan_lane *lane)
{
    char *scratch = lane->arena + p->arena_bytes;
    for (int k = 0; k < 2 * p->n_steps; k++) {
        const struct plan_primitive *q = &p->steps[k / 2].primitives[k % 2];
        if (!q->primitive)
            continue;
        if (!add_memory(p, lane, k, DNNL_ARG_SRC, &q->source, data_of(p, lane, q->from)) ||
            !add_memory(p, lane, k, DNNL_ARG_DST, &q->dest, data_of(p, lane, q->to)) ||
            !add_memory(p, lane, k, DNNL_ARG_SCRATCHPAD, &q->scratch, scratch))
            return false;
        for (int i = 0; i < q->n_fixed; i++)
            lane->args[k][lane->n_args[k]++] = (dnnl_exec_arg_t){q->fixed_arg[i], q->fixed[i]};
    }
    return true;
}

static bool lane_init(const struct plan *p, struct plan_lane *lane)
{
    lane->arena = c2s_aligned(p->arena_bytes + p->scratch_bytes);
    lane->tensors = c2s_calloc((size_t)p->model->n_layers, sizeof *lane->tensors);
    lane->args = c2s_calloc((size_t)p->n_steps * 2, sizeof *lane->args);
    lane->n_args = c2s_calloc((size_t)p->n_steps * 2, sizeof *lane->n_args);
    if (!lane->arena || !lane->tensors || !lane->args || !lane->n_args ||
        dnnl_stream_create(&lane->stream, p->engine, dnnl_stream_default_flags) != dnnl_success)
        return false;
    set_tensors(p, lane);
    return set_args(p, lane);
}

bool plan_lanes_create(struct plan *p, struct c2s_error *err)
{
    p->lanes = c2s_calloc((size_t)p->n_lanes, sizeof *p->lanes);
    if (!p->lanes)
        return c2s_fail_nomem(err);
    for (int i = 0; i < p->n_lanes; i++)
        if (!lane_init(p, &p->lanes[i]))
            return c2s_fail_nomem(err);
    return true;
}

static void lane_finish(const struct plan *p, struct plan_lane *lane)
{
    for (int k = 0; lane->n_args && k < 2 * p->n_steps; k++) /* the first three are the lane's */
        for (int i = 0; i < lane->n_args[k] && i < 3; i++)
            dnnl_memory_destroy(lane->args[k][i].memory);
    if (lane->stream)
        dnnl_stream_destroy(lane->stream);
    c2s_free(lane->arena);
    c2s_free(lane->tensors);
    c2s_free(lane->args);
    c2s_free(lane->n_args);
}

void plan_lanes_destroy(struct plan *p)
{
    for (int i = 0; p->lanes && i < p->n_lanes; i++)
        lane_finish(p, &p->lanes[i]);
    c2s_free(p->lanes);
}

static bool run_primitives(const struct plan *p, struct plan_lane *lane, int step,
                           struct c2s_error *err)
{
    const struct plan_step *s = &p->steps[step];
    for (int i = 0; i < s->n_primitives; i++) {
        int k = 2 * step + i;
        if (!plan_ok(dnnl_primitive_execute(s->primitives[i].primitive, lane->stream,
                                            lane->n_args[k], lane->args[k]),
                     s->layer, err))
            return false;
    }
    if (!plan_ok(dnnl_stream_wait(lane->stream), s->layer, err))
        return false;
    if (s->function != C2S_FN_LINEAR) {
        const struct c2s_tensor *out = &lane->tensors[s->value];
        int64_t columns = out->dims[out->rank - 1];
        ref_function(s->function, c2s_f32(out), c2s_f32(out), c2s_tensor_count(out) / columns,
                     columns);
    }
    return true;
}

static bool run_ref(const struct plan *p, struct plan_lane *lane, const struct plan_step *s,
                    struct c2s_error *err)
{
    const struct c2s_tensor **in = c2s_calloc((size_t)s->layer->n_inputs, sizeof *in);
    if (!in)
        return c2s_fail_nomem(err);
    for (int k = 0; k < s->layer->n_inputs; k++)
        in[k] = &lane->tensors[s->layer->inputs[k]];
    bool ok = ref_forward(
        &(struct ref_call){s->layer, &p->weights[s->index], in, &lane->tensors[s->value]}, err);
    c2s_free(in);
    return ok;
}

bool plan_lane_step(const struct plan *p, struct plan_lane *lane, int step, struct c2s_error *err)
{
    const struct plan_step *s = &p->steps[step];
    const struct c2s_tensor *in = &lane->tensors[s->layer->inputs[0]];
    switch (s->kind) {
    case PLAN_PRIMITIVES:
        return run_primitives(p, lane, step, err);
    case PLAN_MAP:
        fast_map_run(&s->map, c2s_f32(in), c2s_f32(&lane->tensors[s->value]), c2s_tensor_count(in));
        return true;
    case PLAN_REF:
        return run_ref(p, lane, s, err);
    case PLAN_NOTHING:
        break;
    }
    return true;
}
