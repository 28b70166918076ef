/* The plan of a training step: which layer is computed in which phase, who writes a gradient first
 * and who adds to it, which buffers share memory, and where they lie. */
#include "engine/dnnl_backward.h"

#include "base/alloc.h"
#include "engine/arena.h"

/* Bytes of a lane's own buffers, about what a core's second cache keeps; the same on every machine,
 * because the size of a piece decides in which order numbers are summed. */
#define LANE_BYTES (1024 * 1024)
#define MAX_PIECE  32

static int buffer_of(const struct backward *b, enum backward_part part, int layer)
{
    return (int)part * b->model->n_layers + layer;
}

void backward_reach(struct backward *b)
{
    const struct c2s_model *m = b->model;
    b->layers[m->outputs[0]].is_reached = true;
    for (int i = m->n_layers - 1; i >= 0; i--) {
        struct backward_layer *l = &b->layers[i];
        for (int k = 0; l->is_reached && k < m->layers[i]->n_inputs; k++)
            b->layers[m->layers[i]->inputs[k]].is_reached = true;
        l->has_gradient = l->has_gradient && l->is_reached;
    }
}

static void set_levels(struct backward *b)
{
    const struct c2s_model *m = b->model;
    for (int i = 0, edge = 0; i < m->n_layers; i++) {
        struct backward_layer *l = &b->layers[i];
        l->edge = edge;
        edge += m->layers[i]->n_inputs;
        for (int k = 0; k < m->layers[i]->n_inputs; k++) {
            int level = b->layers[m->layers[i]->inputs[k]].level + l->is_waiting;
            l->level = level > l->level ? level : l->level;
        }
    }
}

static void add_step(struct backward *b, enum backward_what what, int phase,
                     struct backward_layer *l, backward_run *run)
{
    if (run || what == BACKWARD_LOSS)
        b->steps[b->n_steps++] = (struct backward_step){what, phase, l, run};
}

static void add_forward(struct backward *b, int level)
{
    const struct c2s_model *m = b->model;
    for (int i = 0; i < m->n_layers; i++) {
        struct backward_layer *l = &b->layers[i];
        if (l->level != level)
            continue;
        if (m->layers[i]->op != C2S_OP_INPUT)
            add_step(b, BACKWARD_FORWARD, level, l, l->kind->forward);
        for (int k = i + 1; k < m->n_layers; k++)
            if (b->layers[k].is_waiting && m->layers[k]->inputs[0] == i)
                add_step(b, BACKWARD_STATISTICS, level, &b->layers[k], backward_norm_statistics);
    }
}

static void add_back(struct backward *b, int level, int phase)
{
    for (int i = b->model->n_layers - 1; i >= 0; i--) {
        struct backward_layer *l = &b->layers[i];
        if (!l->has_gradient)
            continue;
        if (l->is_waiting && l->level == level)
            add_step(b, BACKWARD_GRADIENT_SUMS, phase, l, backward_norm_sums);
        if (l->level - l->is_waiting == level)
            add_step(b, BACKWARD_BACK, phase, l, l->kind->backward);
    }
}

static void add_steps(struct backward *b)
{
    int last = 0;
    for (int i = 0; i < b->model->n_layers; i++)
        last = b->layers[i].level > last ? b->layers[i].level : last;
    for (int level = 0; level <= last; level++)
        add_forward(b, level);
    add_step(b, BACKWARD_LOSS, last, NULL, NULL);
    for (int level = last; level >= 0; level--)
        add_back(b, level, 2 * last - level);
    b->n_phases = 2 * last + 1;
}

/* Whether a map may write over its input: nobody reads that again, under whatever name. */
static bool may_overwrite(const struct backward *b, const struct backward_layer *l)
{
    if (!l->kind->is_map || backward_needs_input(l))
        return false;
    for (int i = l->layer->inputs[0];; i = b->model->layers[i]->inputs[0]) {
        if (i == b->model->outputs[0] || c2s_model_n_readers(b->model, i, NULL) != 1 ||
            backward_needs_output(&b->layers[i]) || b->model->layers[i]->op == C2S_OP_INPUT)
            return false;
        if (b->buffers[i].root == i)
            return true;
    }
}

static void share_data(struct backward *b)
{
    for (int i = 0; i < b->model->n_layers; i++) {
        const struct backward_layer *l = &b->layers[i];
        if (l->layer->op != C2S_OP_INPUT && (!l->kind->forward || may_overwrite(b, l)))
            b->buffers[i].root = b->buffers[l->layer->inputs[0]].root;
    }
}

/* In the order of steps: the first who writes a gradient, and the others, who add. */
static void share_gradients(struct backward *b, bool *is_written)
{
    for (int t = 0; t < b->n_steps; t++) {
        const struct backward_layer *l = b->steps[t].l;
        if (b->steps[t].what == BACKWARD_LOSS)
            is_written[b->model->outputs[0]] = true;
        if (b->steps[t].what != BACKWARD_BACK)
            continue;
        for (int k = 0; k < l->layer->n_inputs; k++) {
            int in = l->layer->inputs[k];
            if (!backward_wants(b, l, k))
                continue;
            b->adds[l->edge + k] = is_written[in];
            if (!is_written[in] && l->kind->is_map)
                b->buffers[buffer_of(b, BACKWARD_GRADIENT, in)].root =
                    b->buffers[buffer_of(b, BACKWARD_GRADIENT, l->index)].root;
            is_written[in] = true;
        }
    }
}

static int phase_of(const struct backward *b, int step)
{
    return step < b->n_steps ? b->steps[step].phase : b->n_phases;
}

static void touch(struct backward *b, enum backward_part part, int layer, int step)
{
    struct backward_buffer *u = &b->buffers[buffer_of(b, part, layer)];
    u = &b->buffers[u->root];
    u->first = u->first < 0 ? step : u->first;
    u->last = step;
    u->is_wide = phase_of(b, u->first) != phase_of(b, u->last);
}

static void touch_back(struct backward *b, const struct backward_layer *l, int step)
{
    touch(b, BACKWARD_GRADIENT, l->index, step);
    touch(b, BACKWARD_EXTRA, l->index, step);
    touch(b, BACKWARD_EXTRA_GRADIENT, l->index, step);
    if (backward_needs_input(l))
        touch(b, BACKWARD_DATA, l->layer->inputs[0], step);
    if (backward_needs_output(l))
        touch(b, BACKWARD_DATA, l->index, step);
    for (int k = 0; k < l->layer->n_inputs; k++)
        if (backward_wants(b, l, k)) {
            touch(b, BACKWARD_GRADIENT, l->layer->inputs[k], step);
            if (b->adds[l->edge + k])
                touch(b, BACKWARD_TEMPORARY, l->index, step);
        }
}

static void set_lives(struct backward *b)
{
    int output = b->model->outputs[0];
    for (int t = 0; t < b->n_steps; t++) {
        const struct backward_layer *l = b->steps[t].l;
        switch (b->steps[t].what) {
        case BACKWARD_FORWARD:
            for (int k = 0; k < l->layer->n_inputs; k++)
                touch(b, BACKWARD_DATA, l->layer->inputs[k], t);
            touch(b, BACKWARD_DATA, l->index, t);
            touch(b, BACKWARD_EXTRA, l->index, t);
            break;
        case BACKWARD_STATISTICS:
            touch(b, BACKWARD_DATA, l->layer->inputs[0], t);
            break;
        case BACKWARD_LOSS:
            touch(b, BACKWARD_DATA, output, t);
            touch(b, BACKWARD_GRADIENT, output, t);
            break;
        case BACKWARD_GRADIENT_SUMS:
            touch(b, BACKWARD_DATA, l->layer->inputs[0], t);
            touch(b, BACKWARD_GRADIENT, l->index, t);
            break;
        case BACKWARD_BACK:
            touch_back(b, l, t);
            break;
        }
    }
    for (int i = 0; i < b->model->n_layers; i++)
        if (backward_is_late(&b->layers[i])) {
            touch(b, BACKWARD_DATA, b->layers[i].layer->inputs[0], b->n_steps);
            touch(b, BACKWARD_GRADIENT, i, b->n_steps);
        }
}

/* Numbers per sample of every buffer; what nobody touches keeps 0. */
static void size_buffers(struct backward *b)
{
    const struct c2s_model *m = b->model;
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        int64_t n = backward_count(l),
                in = l->n_inputs ? backward_count(m->layers[l->inputs[0]]) : 0;
        int64_t extra = b->layers[i].extra;
        bool is_separable = l->op == C2S_OP_SEPARABLE_CONV2D;
        int64_t floats[BACKWARD_PARTS] = {l->op == C2S_OP_INPUT ? 0 : n, n, extra,
                                          is_separable ? extra : 0, in};
        for (int part = 0; part < BACKWARD_PARTS; part++)
            b->buffers[part * m->n_layers + i] = (struct backward_buffer){
                .floats = floats[part], .root = part * m->n_layers + i, .first = -1};
    }
}

/* Lays out the buffers of lanes, or the wide ones; returns bytes per sample in all. A piece goes
 * through all steps of a phase before the next, so wide buffers are in use for whole phases. */
static size_t place(struct backward *b, bool is_wide, struct arena_buffer *places)
{
    int n = BACKWARD_PARTS * b->model->n_layers;
    for (int i = 0; i < n; i++) {
        const struct backward_buffer *u = &b->buffers[i];
        places[i] = (struct arena_buffer){0};
        if (u->root != i || u->first < 0 || u->is_wide != is_wide)
            continue;
        places[i].bytes = (size_t)u->floats * sizeof(float);
        places[i].first = is_wide ? phase_of(b, u->first) : u->first;
        places[i].last = is_wide ? phase_of(b, u->last) : u->last;
    }
    size_t total = arena_place(places, n);
    for (int i = 0; i < n; i++)
        if (places[i].bytes > 0)
            b->buffers[i].offset = places[i].offset;
    return total;
}

static void choose_piece(struct backward *b, size_t lane_bytes, size_t wide_bytes)
{
    int64_t capacity = b->base->options.max_batch;
    size_t sample = lane_bytes + wide_bytes / (size_t)b->n_phases;
    int64_t fit = LANE_BYTES / (int64_t)(sample ? sample : 1);
    fit = fit < 1 ? 1 : fit > MAX_PIECE ? MAX_PIECE : fit;
    b->piece = fit < capacity ? fit : capacity;
    b->capacity = (capacity + b->piece - 1) / b->piece * b->piece;
    b->arena_bytes = lane_bytes * (size_t)b->piece;
    b->wide_bytes = wide_bytes * (size_t)b->capacity;
}

bool backward_plan(struct backward *b, struct c2s_error *err)
{
    size_t n = (size_t)b->model->n_layers, n_edges = 0;
    for (size_t i = 0; i < n; i++)
        n_edges += (size_t)b->model->layers[i]->n_inputs;
    b->adds = c2s_calloc(n_edges, sizeof *b->adds);
    b->steps = c2s_calloc(4 * n + 1, sizeof *b->steps);
    b->buffers = c2s_calloc(BACKWARD_PARTS * n, sizeof *b->buffers);
    bool *is_written = c2s_calloc(n, sizeof *is_written);
    struct arena_buffer *places = c2s_calloc(BACKWARD_PARTS * n, sizeof *places);
    bool ok = b->adds && b->steps && b->buffers && is_written && places;
    if (ok) {
        set_levels(b);
        add_steps(b);
        size_buffers(b);
        share_data(b);
        share_gradients(b, is_written);
        set_lives(b);
        size_t lane_bytes = place(b, false, places);
        choose_piece(b, lane_bytes, place(b, true, places));
    }
    c2s_free(is_written);
    c2s_free(places);
    return ok || c2s_fail_nomem(err);
}
