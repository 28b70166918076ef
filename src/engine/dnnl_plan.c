/* Making a plan: which layers fuse, which step writes which value, where each value lies. */
#include "engine/dnnl_plan.h"

#include "base/alloc.h"
#include "engine/arena.h"

/* Bytes of activations that a lane should hold at most, about what a core's second cache keeps. */
#define LANE_BYTES (512 * 1024)
#define MAX_CHUNK  64

static int64_t count(const struct c2s_layer *l)
{
    int64_t n = 1;
    for (int i = 0; i < l->rank; i++)
        n *= l->dims[i];
    return n;
}

static bool is_output(const struct c2s_model *m, int index)
{
    for (int i = 0; i < m->n_outputs; i++)
        if (m->outputs[i] == index)
            return true;
    return false;
}

/* The only reader of a layer that is not an output, or -1. */
static int only_reader(const struct c2s_model *m, int index)
{
    int reader = -1;
    if (is_output(m, index) || c2s_model_n_readers(m, index, &reader) != 1)
        return -1;
    return reader;
}

static bool can_fuse(const struct c2s_layer *l)
{
    enum c2s_function f = c2s_layer_function(l);
    return (l->op != C2S_OP_DENSE || l->rank == 1) &&
           (f == C2S_FN_LINEAR || f == C2S_FN_RELU || f == C2S_FN_RELU6);
}

/* An inlined ReLU and another one behind it are not both fused: oneDNN 2.6's convolutions compute
 * the second with the first one's slope. */
static void fuse(struct plan *p, struct plan_step *s, bool *is_done)
{
    const struct c2s_model *m = p->model;
    int next = can_fuse(s->layer) ? only_reader(m, s->index) : -1;
    if (next >= 0 && m->layers[next]->op == C2S_OP_BATCH_NORM) {
        s->normalize = m->layers[next];
        is_done[s->value = next] = true;
        next = only_reader(m, next);
    }
    if (next >= 0 && c2s_layer_function(s->layer) == C2S_FN_LINEAR &&
        plan_can_fuse_activation(m->layers[next])) {
        s->activate = m->layers[next];
        is_done[s->value = next] = true;
    }
}

static bool add_step(struct plan *p, int index, bool *is_done, struct c2s_error *err)
{
    const struct c2s_layer *l = p->model->layers[index];
    struct plan_step *s = &p->steps[p->n_steps++];
    *s = (struct plan_step){.layer = l,
                            .index = index,
                            .value = index,
                            .between = p->model->n_layers + index,
                            .kind = PLAN_REF};
    switch (c2s_op_info(l->op)->family) {
    case C2S_FAMILY_NEURAL:
        s->kind = PLAN_PRIMITIVES;
        if (p->is_fused)
            fuse(p, s, is_done);
        return true;
    case C2S_FAMILY_POOL:
        s->kind = PLAN_PRIMITIVES;
        return true;
    case C2S_FAMILY_SHAPE:
    case C2S_FAMILY_TRAINING:
        if (l->op == C2S_OP_FLATTEN || l->op == C2S_OP_RESHAPE || l->op == C2S_OP_DROPOUT)
            s->kind = PLAN_NOTHING;
        return true;
    default:
        if (!fast_map_init(&s->map, l, err))
            return false;
        if (s->map.kind != FAST_NONE)
            s->kind = PLAN_MAP;
        return true;
    }
}

static bool add_steps(struct plan *p, struct c2s_error *err)
{
    const struct c2s_model *m = p->model;
    bool *is_done = c2s_calloc((size_t)m->n_layers, sizeof *is_done);
    if (!is_done)
        return c2s_fail_nomem(err);
    bool ok = true;
    for (int i = 0; ok && i < m->n_layers; i++)
        if (m->layers[i]->op != C2S_OP_INPUT && !is_done[i])
            ok = add_step(p, i, is_done, err);
    c2s_free(is_done);
    return ok;
}

/* Values that no step writes, because they are fused away, keep the size 0. */
static void size_values(struct plan *p)
{
    const struct c2s_model *m = p->model;
    for (int i = 0; i < 2 * m->n_layers; i++)
        p->values[i] = (struct plan_value){.root = i, .first = -1, .last = -1};
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        p->values[i].is_private = only_reader(m, i) >= 0;
        if (l->op == C2S_OP_INPUT)
            p->values[i].floats = count(l);
    }
    for (int i = 0; i < p->n_steps; i++) {
        const struct plan_step *s = &p->steps[i];
        const struct c2s_layer *l = s->layer;
        p->values[s->value].floats = count(m->layers[s->value]);
        if (l->op == C2S_OP_SEPARABLE_CONV2D)
            p->values[s->between].floats = l->dims[0] * l->dims[1] * l->attr.conv.depth_multiplier *
                                           m->layers[l->inputs[0]]->dims[2];
    }
}

/* When each buffer is in use. A value that is the input under another shape, or written in place of
 * an input that nobody else reads, shares the input's buffer. */
static void set_lives(struct plan *p)
{
    const struct c2s_model *m = p->model;
    for (int i = 0; i < p->n_steps; i++) {
        const struct plan_step *s = &p->steps[i];
        struct plan_value *v = &p->values[s->value];
        const struct plan_value *in = &p->values[s->layer->inputs[0]];
        if (s->kind == PLAN_NOTHING || (s->kind == PLAN_MAP && in->is_private)) {
            v->root = in->root;
            v->is_private = v->is_private && in->is_private;
        } else {
            v->first = v->last = i;
        }
        for (int k = 0; k < s->layer->n_inputs; k++)
            p->values[p->values[s->layer->inputs[k]].root].last = i;
        p->values[s->between].first = p->values[s->between].last = i;
    }
    for (int i = 0; i < m->n_outputs; i++)
        p->values[p->values[m->outputs[i]].root].last = p->n_steps;
}

/* Lays out buffers of one sample each. */
static bool place_buffers(struct plan *p, size_t *bytes, struct c2s_error *err)
{
    int n = 2 * p->model->n_layers;
    struct arena_buffer *buffers = c2s_calloc((size_t)n, sizeof *buffers);
    if (!buffers)
        return c2s_fail_nomem(err);
    for (int i = 0; i < n; i++) {
        const struct plan_value *v = &p->values[i];
        bool is_there = v->root == i;
        buffers[i] =
            (struct arena_buffer){.bytes = is_there ? (size_t)v->floats * sizeof(float) : 0,
                                  .first = v->first,
                                  .last = v->last};
    }
    *bytes = arena_place(buffers, n);
    for (int i = 0; i < n; i++)
        p->values[i].offset = buffers[i].offset;
    c2s_free(buffers);
    return true;
}

static int64_t choose_chunk(size_t sample_bytes, const struct plan_options *options)
{
    int64_t fit = (int64_t)(LANE_BYTES / (sample_bytes ? sample_bytes : 1));
    int64_t share = (options->max_batch + options->n_lanes - 1) / options->n_lanes;
    fit = fit < 1 ? 1 : fit > MAX_CHUNK ? MAX_CHUNK : fit;
    return fit < share ? fit : share;
}

static bool build(struct plan *p, struct c2s_error *err)
{
    for (int i = 0; i < p->n_steps; i++) {
        struct plan_step *s = &p->steps[i];
        if (s->kind != PLAN_PRIMITIVES)
            continue;
        if (!(c2s_layer_is_neural(s->layer) ? plan_neural(p, s, err) : plan_pool(p, s, err)))
            return false;
        for (int k = 0; k < s->n_primitives; k++) {
            size_t bytes = dnnl_memory_desc_get_size(&s->primitives[k].scratch);
            p->scratch_bytes = bytes > p->scratch_bytes ? bytes : p->scratch_bytes;
        }
    }
    return true;
}

bool plan_create(const struct c2s_model *m, const struct engine_weights *weights,
                 dnnl_engine_t engine, const struct plan_options *options, struct plan **out,
                 struct c2s_error *err)
{
    struct plan *p = c2s_calloc(1, sizeof *p);
    if (!p)
        return c2s_fail_nomem(err);
    p->model = m;
    p->weights = weights;
    p->engine = engine;
    p->is_fused = options->is_fused;
    p->steps = c2s_calloc((size_t)m->n_layers, sizeof *p->steps);
    p->values = c2s_calloc((size_t)m->n_layers * 2, sizeof *p->values);
    size_t sample_bytes = 0;
    bool ok = p->steps && p->values ? add_steps(p, err) : c2s_fail_nomem(err);
    if (ok) {
        size_values(p);
        set_lives(p);
        ok = place_buffers(p, &sample_bytes, err);
    }
    if (ok) {
        p->chunk = choose_chunk(sample_bytes, options);
        p->arena_bytes = sample_bytes * (size_t)p->chunk;
        p->n_lanes = (int)((options->max_batch + p->chunk - 1) / p->chunk);
        p->n_lanes = p->n_lanes < options->n_lanes ? p->n_lanes : options->n_lanes;
        ok = build(p, err) && plan_lanes_create(p, err);
    }
    if (!ok) {
        plan_destroy(p);
        return false;
    }
    *out = p;
    return true;
}

void plan_destroy(struct plan *p)
{
    if (!p)
        return;
    plan_lanes_destroy(p);
    for (int i = 0; i < p->n_steps; i++) {
        fast_map_finish(&p->steps[i].map);
        for (int k = 0; k < 2; k++)
            plan_primitive_finish(&p->steps[i].primitives[k]);
    }
    c2s_free(p->steps);
    c2s_free(p->values);
    c2s_free(p);
}
