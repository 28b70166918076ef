/* Weights in training: before a step quantized and laid out as primitives want them, after it their
 * gradients, summed over groups, in Keras' order and through the quantizer. Threads share out
 * blocks of rows of dense layers, and whole kernels of convolutions. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/dnnl_backward.h"

/* Weights in a block of a dense layer's, about. */
#define BLOCK_WEIGHTS 16384

static int64_t rows_in_block(const struct backward_kernel *k)
{
    if (k->layer->op != C2S_OP_DENSE)
        return k->rows;
    int64_t rows = BLOCK_WEIGHTS / k->channels / 16 * 16;
    rows = rows < 16 ? 16 : rows;
    return rows < k->rows ? rows : k->rows;
}

/* How many slots of the model have that parameter. */
static int count_users(const struct backward *b, int slot)
{
    int n = 0;
    for (int i = 0; i < b->model->n_layers * C2S_ROLE_COUNT; i++)
        n += b->base->slots[i] == slot;
    return n;
}

static bool set_trained(struct backward *b, struct backward_kernel *k, struct c2s_error *err)
{
    int slot = b->base->slots[k->index * C2S_ROLE_COUNT + k->role];
    bool is_float = k->spec->id == C2S_QUANTIZER_NONE;
    k->is_trained =
        b->layers[k->index].has_gradient &&
        (slot >= 0 || (c2s_layer_threshold(k->layer, k->role) &&
                       gradient_wants(b->base, k->index, c2s_threshold_role(k->layer, k->role))));
    k->is_direct =
        k->is_trained && slot >= 0 && (is_float || k->is_fast) && count_users(b, slot) == 1;
    if (k->is_direct) {
        k->gradient = c2s_f32(b->base->parameters[slot].gradient);
        b->is_direct[slot] = true;
    }
    if (k->is_trained && !k->is_direct)
        k->gradient = c2s_aligned((size_t)(k->rows * k->channels) * sizeof *k->gradient);
    return !k->is_trained || k->gradient || c2s_fail_nomem(err);
}

bool backward_kernel_init(struct backward *b, struct backward_layer *l, enum c2s_role role,
                          struct c2s_error *err)
{
    struct backward_kernel *k = &b->kernels[b->n_kernels];
    l->kernels[l->n_kernels++] = k;
    b->n_kernels++;
    k->layer = l->layer;
    k->index = l->index;
    k->role = role;
    k->spec = c2s_layer_quantizer(l->layer, role);
    k->master = l->layer->params[role];
    k->channels = k->master->dims[k->master->rank - 1];
    k->rows = c2s_tensor_count(k->master) / k->channels;
    k->block_rows = rows_in_block(k);
    k->n_blocks = (int)((k->rows + k->block_rows - 1) / k->block_rows);
    k->first_block = b->n_blocks;
    b->n_blocks += k->n_blocks;
    k->is_late = l->layer->op == C2S_OP_DENSE;
    k->is_fast = fast_quantizer_can(k->spec) && k->block_rows < 1 << 24;
    k->effective = c2s_f32(k->master);
    if (k->spec->id != C2S_QUANTIZER_NONE) {
        k->effective = c2s_aligned(c2s_tensor_bytes(k->master));
        if (!k->effective)
            return c2s_fail_nomem(err);
    }
    if (k->is_fast && !fast_quantizer_init(&k->fast, k->spec, k->master, k->block_rows, err))
        return false;
    return set_trained(b, k, err);
}

static void reorder_finish(struct backward_reorder *r)
{
    if (r->primitive)
        dnnl_primitive_destroy(r->primitive);
    for (int i = 0; i < 2; i++)
        if (r->memory[i])
            dnnl_memory_destroy(r->memory[i]);
    c2s_free(r->laid_out);
}

void backward_kernel_finish(struct backward_kernel *k)
{
    reorder_finish(&k->forward);
    reorder_finish(&k->data);
    reorder_finish(&k->sums);
    if (k->spec && k->spec->id != C2S_QUANTIZER_NONE)
        c2s_free(k->effective);
    if (!k->is_direct)
        c2s_free(k->gradient);
    fast_quantizer_finish(&k->fast);
}

bool backward_reorder_init(const struct backward *b, struct backward_reorder *r,
                           const struct c2s_layer *l, const dnnl_memory_desc_t *from,
                           const dnnl_memory_desc_t *to, struct c2s_error *err)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status =
        dnnl_reorder_primitive_desc_create(&pd, from, b->engine, to, b->engine, NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&r->primitive, pd);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    if (status == dnnl_success)
        status = dnnl_memory_create(&r->memory[0], from, b->engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = dnnl_memory_create(&r->memory[1], to, b->engine, DNNL_MEMORY_NONE);
    return plan_ok(status, l, err);
}

bool backward_lay_out(const struct backward *b, const struct backward_kernel *k,
                      struct backward_reorder *r, const dnnl_memory_desc_t *plain,
                      const dnnl_memory_desc_t *wanted, struct c2s_error *err)
{
    if (dnnl_memory_desc_equal(plain, wanted))
        return true;
    r->laid_out = c2s_aligned(dnnl_memory_desc_get_size(wanted));
    return r->laid_out ? backward_reorder_init(b, r, k->layer, plain, wanted, err)
                       : c2s_fail_nomem(err);
}

static bool reorder(struct backward_lane *lane, const struct backward_reorder *r, float *from,
                    float *to, const struct c2s_layer *l, struct c2s_error *err)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, r->memory[0]}, {DNNL_ARG_TO, r->memory[1]}};
    dnnl_status_t status = dnnl_memory_set_data_handle(r->memory[0], from);
    if (status == dnnl_success)
        status = dnnl_memory_set_data_handle(r->memory[1], to);
    if (status == dnnl_success)
        status = dnnl_primitive_execute(r->primitive, lane->stream, 2, args);
    if (status == dnnl_success)
        status = dnnl_stream_wait(lane->stream);
    return plan_ok(status, l, err);
}

/* The kernel of a block, and which of its blocks. */
static struct backward_kernel *kernel_of(struct backward *b, int i, int *block)
{
    struct backward_kernel *k = b->kernels;
    while (i >= k->first_block + k->n_blocks)
        k++;
    *block = i - k->first_block;
    return k;
}

static bool quantize_slowly(struct backward_kernel *k, struct c2s_error *err)
{
    struct c2s_tensor *fake = NULL;
    if (!c2s_layer_effective_kernel(k->layer, k->role, &fake, err))
        return false;
    memcpy(k->effective, fake->data, c2s_tensor_bytes(fake));
    c2s_tensor_unref(fake);
    return true;
}

static bool lay_out(struct backward *b, int lane, struct backward_kernel *k, struct c2s_error *err)
{
    if (k->forward.laid_out &&
        !reorder(&b->lanes[lane], &k->forward, k->effective, k->forward.laid_out, k->layer, err))
        return false;
    return !k->data.laid_out ||
           reorder(&b->lanes[lane], &k->data, k->effective, k->data.laid_out, k->layer, err);
}

/* All that can be done before the largest weight of kernels of several blocks is known. */
static bool measure_block(struct backward *b, int lane, int i, struct c2s_error *err)
{
    int block;
    struct backward_kernel *k = kernel_of(b, i, &block);
    if (k->is_ready)
        return true;
    if (k->is_fast) {
        fast_quantizer_measure(&k->fast, block, c2s_f32(k->master));
        if (k->n_blocks > 1)
            return true;
        fast_quantizer_scale(&k->fast);
        fast_quantizer_fake(&k->fast, 0, c2s_f32(k->master), k->effective);
    } else if (k->spec->id != C2S_QUANTIZER_NONE && block == 0 && !quantize_slowly(k, err)) {
        return false;
    }
    return lay_out(b, lane, k, err);
}

static bool needs_second(const struct backward_kernel *k)
{
    return k->is_fast && k->n_blocks > 1 && !k->is_ready;
}

static bool fake_block(struct backward *b, int lane, int i, struct c2s_error *err)
{
    int block;
    const struct backward_kernel *k = kernel_of(b, i, &block);
    (void)lane;
    (void)err;
    if (needs_second(k))
        fast_quantizer_fake(&k->fast, block, c2s_f32(k->master), k->effective);
    return true;
}

bool backward_kernels_prepare(struct backward *b, struct c2s_error *err)
{
    bool is_cut = false;
    if (!backward_share(b, b->n_blocks, measure_block, err))
        return false;
    for (int i = 0; i < b->n_kernels; i++)
        if (needs_second(&b->kernels[i])) {
            fast_quantizer_scale(&b->kernels[i].fast);
            is_cut = true;
        }
    if (is_cut && !backward_share(b, b->n_blocks, fake_block, err))
        return false;
    for (int i = 0; i < b->n_kernels; i++)
        b->kernels[i].is_ready = !b->kernels[i].is_trained;
    return true;
}

/* A block of a dense layer's gradient: input transposed times gradient of the output, over all
 * samples. */
static bool multiply_block(struct backward *b, const struct backward_kernel *k, int block,
                           struct c2s_error *err)
{
    const struct c2s_layer *l = k->layer;
    int64_t first = block * k->block_rows, left = k->rows - first;
    int64_t rows = left < k->block_rows ? left : k->block_rows;
    int64_t samples = b->batch * (backward_count(l) / k->channels);
    const float *x = backward_wide(b, BACKWARD_DATA, l->inputs[0]);
    const float *d = backward_wide(b, BACKWARD_GRADIENT, k->index);
    return plan_ok(dnnl_sgemm('T', 'N', rows, k->channels, samples, 1, x + first, k->rows, d,
                              k->channels, 0, k->gradient + first * k->channels, k->channels),
                   l, err);
}

static bool gather_convolution(struct backward *b, int lane, const struct backward_kernel *k,
                               struct c2s_error *err)
{
    float *sums = b->floats + k->first_sum;
    for (int g = 1; g < b->n_groups; g++)
        fast_add(b->floats + (size_t)g * b->n_floats + k->first_sum, sums, (int64_t)k->n_sums);
    return reorder(&b->lanes[lane], &k->sums, sums, k->gradient, k->layer, err);
}

static bool gather_block(struct backward *b, int lane, int i, struct c2s_error *err)
{
    int block;
    const struct backward_kernel *k = kernel_of(b, i, &block);
    if (!k->is_trained)
        return true;
    if (!(k->is_late ? multiply_block(b, k, block, err) : gather_convolution(b, lane, k, err)))
        return false;
    int64_t first = block * k->block_rows, rows = k->rows - first;
    rows = rows < k->block_rows ? rows : k->block_rows;
    if (!fast_is_finite(k->gradient + first * k->channels, rows * k->channels))
        atomic_store(&b->is_bad, true);
    if (k->is_fast && k->is_direct)
        fast_quantizer_sum(&k->fast, block, c2s_f32(k->master), k->effective, k->gradient);
    return true;
}

bool backward_kernels_gather(struct backward *b, struct c2s_error *err)
{
    if (!backward_share(b, b->n_blocks, gather_block, err))
        return false;
    for (int i = 0; i < b->n_kernels; i++) {
        struct backward_kernel *k = &b->kernels[i];
        if (k->is_direct && k->is_fast)
            fast_quantizer_to_largest(&k->fast, c2s_f32(k->master), k->gradient);
        else if (k->is_trained && !k->is_direct &&
                 !gradient_add(b->base, k->index, k->role, k->gradient, err))
            return false;
    }
    return true;
}
