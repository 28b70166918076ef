/* One lane: the prepared layers of a converted network, one after the other. */
#include "akida/lane.h"

#include <string.h>

#include "akida/stage.h"
#include "base/alloc.h"

struct akida_lane {
    const struct c2s_akida_net *net;
    struct akida_stage *stages;
    struct akida_dnnl *dnnl;
    int64_t batch; /* the stages are prepared for */
    struct akida_buffer outputs[2];
    struct akida_scratch scratch;
};

bool akida_lane_prepare(struct akida_lane *lane, int64_t batch, struct c2s_error *err)
{
    if (lane->batch == batch)
        return true;
    lane->batch = 0;
    for (int i = 0; i < lane->net->n_layers; i++)
        if (!akida_stage_prepare(&lane->stages[i], lane->dnnl, batch, err))
            return false;
    lane->batch = batch;
    return true;
}

bool akida_lane_create(const struct c2s_akida_net *net, bool fast, struct akida_lane **out,
                       struct c2s_error *err)
{
    struct akida_lane *lane = *out = c2s_calloc(1, sizeof *lane);
    if (!lane)
        return c2s_fail_nomem(err);
    lane->net = net;
    lane->stages = c2s_calloc((size_t)net->n_layers, sizeof *lane->stages);
    bool ok = lane->stages ? true : c2s_fail_nomem(err);
    if (ok && fast)
        ok = akida_dnnl_create(&lane->dnnl, err);
    for (int i = 0; ok && i < net->n_layers; i++)
        ok = akida_stage_init(&lane->stages[i], &net->layers[i], fast, err);
    if (!ok) {
        akida_lane_destroy(lane);
        *out = NULL;
    }
    return ok;
}

void akida_lane_destroy(struct akida_lane *lane)
{
    if (!lane)
        return;
    for (int i = 0; lane->stages && i < lane->net->n_layers; i++)
        akida_stage_finish(&lane->stages[i]);
    akida_scratch_finish(&lane->scratch);
    for (int i = 0; i < 2; i++)
        c2s_free(lane->outputs[i].data);
    c2s_free(lane->stages);
    akida_dnnl_destroy(lane->dnnl);
    c2s_free(lane);
}

/* ---- running ---- */

static int64_t output_size(const struct akida_lane *lane, int layer)
{
    const int *d = lane->net->layers[layer].output_dims;
    return lane->batch * d[0] * d[1] * d[2];
}

static bool gives_potentials(const struct c2s_akida_layer *l)
{
    return l->type != C2S_AKIDA_INPUT_DATA && !l->has_activation;
}

/* What a layer gives, as int32: its levels, or its potentials when it has no activation. */
static void widen(const struct akida_lane *lane, int layer, const void *output, int32_t *to)
{
    int64_t n = output_size(lane, layer);
    if (gives_potentials(&lane->net->layers[layer])) {
        memcpy(to, output, sizeof *to * (size_t)n);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        to[i] = ((const uint8_t *)output)[i];
}

static bool tell(const struct akida_lane *lane, int layer, const void *output,
                 const struct akida_watch *watch, struct c2s_error *err)
{
    const int *d = lane->net->layers[layer].output_dims;
    struct c2s_tensor *t =
        c2s_tensor_create(C2S_I32, 4, (int64_t[]){lane->batch, d[0], d[1], d[2]}, err);
    if (!t)
        return false;
    widen(lane, layer, output, c2s_i32(t));
    bool goes_on = watch->each(watch->arg, layer, t);
    c2s_tensor_unref(t);
    return goes_on || c2s_fail(err, C2S_CANCELLED, "cancelled after layer '%s'",
                               lane->net->layers[layer].name);
}

bool akida_lane_run(struct akida_lane *lane, const uint8_t *x, const struct akida_watch *watch,
                    int32_t *y, struct c2s_error *err)
{
    const void *output = x;
    for (int i = 0; i < lane->net->n_layers; i++) {
        const struct c2s_akida_layer *l = &lane->net->layers[i];
        struct akida_buffer *to = &lane->outputs[i % 2];
        size_t each = gives_potentials(l) ? sizeof(int32_t) : sizeof(uint8_t);
        if (l->type != C2S_AKIDA_INPUT_DATA) {
            if (!akida_reserve(to, each * (size_t)output_size(lane, i), err) ||
                !akida_stage_run(&lane->stages[i], &lane->scratch, output, to->data, err))
                return c2s_fail_at(err, "layer %s", l->name);
            output = to->data;
        }
        if (watch && !tell(lane, i, output, watch, err))
            return false;
    }
    widen(lane, lane->net->n_layers - 1, output, y);
    return true;
}
