/* Runs a converted network on any number of samples: chunks of them go to lanes, one for each
 * thread. What happens to a chunk is in lane.c. */
#include <omp.h>
#include <stdatomic.h>
#include <string.h>

#include "akida/lane.h"
#include "base/alloc.h"
#include "engine/workers.h"

enum { CHUNK = 32 }; /* samples: bounds memory, keeps what is between two layers in caches */

struct c2s_akida_runner {
    const struct c2s_akida_net *net; /* borrowed, or cut */
    struct c2s_akida_net cut;        /* the first layers of a net; only the array is owned */
    struct akida_lane **lanes;
    struct workers *workers; /* one for each lane */
    int n_lanes;
    int64_t chunk; /* samples in a chunk; grows up to CHUNK */
};

/* Makes the lanes of *out, or destroys it. */
static bool finish_creation(struct c2s_akida_runner *r, bool fast, struct c2s_akida_runner **out,
                            struct c2s_error *err)
{
    int n_lanes = fast ? omp_get_max_threads() : 1;
    r->lanes = c2s_calloc((size_t)n_lanes, sizeof(struct akida_lane *));
    bool ok = r->lanes ? workers_create(n_lanes, &r->workers, err) : c2s_fail_nomem(err);
    for (int i = 0; ok && i < n_lanes; i++) {
        ok = akida_lane_create(r->net, fast, &r->lanes[i], err);
        r->n_lanes += ok;
    }
    if (!ok) {
        c2s_akida_runner_destroy(r);
        *out = NULL;
    }
    return ok;
}

bool c2s_akida_runner_create(const struct c2s_akida_net *net, bool fast,
                             struct c2s_akida_runner **out, struct c2s_error *err)
{
    struct c2s_akida_runner *r = *out = c2s_calloc(1, sizeof *r);
    if (!r)
        return c2s_fail_nomem(err);
    r->net = net;
    return finish_creation(r, fast, out, err);
}

bool c2s_akida_runner_create_potentials(const struct c2s_akida_net *net, int layer, bool fast,
                                        struct c2s_akida_runner **out, struct c2s_error *err)
{
    struct c2s_akida_runner *r = *out = c2s_calloc(1, sizeof *r);
    if (!r)
        return c2s_fail_nomem(err);
    r->cut = *net;
    r->cut.n_layers = layer + 1;
    r->cut.layers = c2s_malloc(sizeof *net->layers * (size_t)r->cut.n_layers);
    r->net = &r->cut;
    if (r->cut.layers) {
        memcpy(r->cut.layers, net->layers, sizeof *net->layers * (size_t)r->cut.n_layers);
        r->cut.layers[layer].has_activation = false; /* so that it ends with its potentials */
        return finish_creation(r, fast, out, err);
    }
    c2s_akida_runner_destroy(r);
    *out = NULL;
    return c2s_fail_nomem(err);
}

void c2s_akida_runner_destroy(struct c2s_akida_runner *r)
{
    if (!r)
        return;
    workers_destroy(r->workers);
    for (int i = 0; i < r->n_lanes; i++)
        akida_lane_destroy(r->lanes[i]);
    c2s_free(r->lanes);
    c2s_free(r->cut.layers);
    c2s_free(r);
}

static bool check_input(const struct c2s_akida_net *net, const struct c2s_tensor *x,
                        struct c2s_error *err)
{
    const int *d = net->layers[0].input_dims;
    int64_t size = (int64_t)d[0] * d[1] * d[2];
    char text[96];
    if (x->dtype != C2S_U8 || x->rank < 1 ||
        (x->rank == 4 && (x->dims[1] != d[0] || x->dims[2] != d[1] || x->dims[3] != d[2])) ||
        c2s_tensor_count(x) != x->dims[0] * size)
        return c2s_fail(err, C2S_SHAPE,
                        "Akida network '%s' takes uint8 samples of %d,%d,%d, not %s of %s; use "
                        "raw data of that shape",
                        net->name, d[0], d[1], d[2], c2s_dtype_name(x->dtype),
                        c2s_shape_text(x->rank - 1, x->dims + 1, text, sizeof text));
    int top = (1 << net->layers[0].input_bits) - 1;
    for (int64_t i = 0, n = c2s_tensor_count(x); top < 255 && i < n; i++)
        if (c2s_u8(x)[i] > top)
            return c2s_fail(err, C2S_RANGE,
                            "Akida network '%s' takes integers of 0 to %d, and one is %d; scale "
                            "the raw data to that range",
                            net->name, top, c2s_u8(x)[i]);
    return true;
}

/* What all lanes work on. */
struct job {
    struct c2s_akida_runner *runner;
    const uint8_t *x;
    int32_t *y;
    int64_t n, in_size, out_size;
    atomic_long next;      /* first sample that no lane has taken */
    atomic_bool is_failed; /* set by the lane that may then write *err */
    struct c2s_error *err;
};

/* The last chunk may be short: it is filled up with zeros, computed for nothing. */
static bool run_short(const struct job *j, struct akida_lane *lane, int64_t at, int64_t n,
                      struct c2s_error *err)
{
    int64_t chunk = j->runner->chunk;
    uint8_t *x = c2s_aligned((size_t)(chunk * j->in_size));
    int32_t *y = c2s_aligned(sizeof *y * (size_t)(chunk * j->out_size));
    bool ok = x && y ? true : c2s_fail_nomem(err);
    if (ok)
        memcpy(x, j->x + at * j->in_size, (size_t)(n * j->in_size));
    ok = ok && akida_lane_run(lane, x, NULL, y, err);
    if (ok)
        memcpy(j->y + at * j->out_size, y, sizeof *y * (size_t)(n * j->out_size));
    c2s_free(x);
    c2s_free(y);
    return ok;
}

static bool run_chunk(const struct job *j, struct akida_lane *lane, int64_t at,
                      struct c2s_error *err)
{
    int64_t chunk = j->runner->chunk, left = j->n - at;
    if (!akida_lane_prepare(lane, chunk, err))
        return false;
    if (left < chunk)
        return run_short(j, lane, at, left, err);
    return akida_lane_run(lane, j->x + at * j->in_size, NULL, j->y + at * j->out_size, err);
}

/* Takes chunks until none is left. */
static void run_lane(void *arg, int index)
{
    struct job *j = arg;
    int before = omp_get_max_threads();
    omp_set_num_threads(1); /* of this thread: oneDNN starts no threads inside */
    for (;;) {
        int64_t at = atomic_fetch_add(&j->next, j->runner->chunk);
        struct c2s_error problem = {0};
        if (at >= j->n || atomic_load(&j->is_failed))
            break;
        if (!run_chunk(j, j->runner->lanes[index], at, &problem) &&
            !atomic_exchange(&j->is_failed, true))
            *j->err = problem;
    }
    omp_set_num_threads(before);
}

static bool run_lanes(struct job *j, struct c2s_error *err)
{
    struct c2s_akida_runner *r = j->runner;
    int64_t share = (j->n + r->n_lanes - 1) / r->n_lanes;
    int64_t wanted = share < CHUNK ? share : CHUNK;
    if (r->chunk < wanted)
        r->chunk = wanted;
    int64_t n_chunks = (j->n + r->chunk - 1) / r->chunk;
    j->err = err;
    workers_run(r->workers, n_chunks < r->n_lanes ? (int)n_chunks : r->n_lanes, run_lane, j);
    return !atomic_load(&j->is_failed);
}

/* All samples at once on one lane, so that each layer is seen whole. */
static bool run_watched(const struct job *j, const struct akida_watch *watch, struct c2s_error *err)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    bool ok = akida_lane_prepare(j->runner->lanes[0], j->n, err) &&
              akida_lane_run(j->runner->lanes[0], j->x, watch, j->y, err);
    omp_set_num_threads(before);
    return ok;
}

bool c2s_akida_runner_run(struct c2s_akida_runner *r, const struct c2s_tensor *x,
                          bool (*each)(void *arg, int layer, const struct c2s_tensor *y), void *arg,
                          struct c2s_tensor **out, struct c2s_error *err)
{
    *out = NULL;
    if (!check_input(r->net, x, err))
        return false;
    const int *d = r->net->layers[r->net->n_layers - 1].output_dims;
    int64_t n = x->dims[0];
    struct c2s_tensor *y = c2s_tensor_create(C2S_I32, 4, (int64_t[]){n, d[0], d[1], d[2]}, err);
    if (!y)
        return false;
    struct job j = {.runner = r,
                    .x = c2s_u8(x),
                    .y = c2s_i32(y),
                    .n = n,
                    .in_size = n > 0 ? c2s_tensor_count(x) / n : 0,
                    .out_size = (int64_t)d[0] * d[1] * d[2]};
    struct akida_watch watch = {each, arg};
    if (n == 0 || (each ? run_watched(&j, &watch, err) : run_lanes(&j, err))) {
        *out = y;
        return true;
    }
    c2s_tensor_unref(y);
    return false;
}

bool c2s_akida_forward(const struct c2s_akida_net *net, const struct c2s_tensor *x, bool fast,
                       bool (*each)(void *arg, int layer, const struct c2s_tensor *y), void *arg,
                       struct c2s_tensor **out, struct c2s_error *err)
{
    struct c2s_akida_runner *r = NULL;
    *out = NULL;
    bool ok = c2s_akida_runner_create(net, fast, &r, err) &&
              c2s_akida_runner_run(r, x, each, arg, out, err);
    c2s_akida_runner_destroy(r);
    return ok;
}

bool c2s_akida_rescale(const struct c2s_akida_net *net, const struct c2s_tensor *potentials,
                       struct c2s_tensor **out, struct c2s_error *err)
{
    const struct c2s_akida_layer *last = &net->layers[net->n_layers - 1];
    struct c2s_tensor *y = *out =
        c2s_tensor_create(C2S_F32, potentials->rank, potentials->dims, err);
    if (!y)
        return false;
    const int32_t *p = c2s_i32(potentials);
    bool is_rescaled = last->type != C2S_AKIDA_INPUT_DATA && !last->has_activation;
    for (int64_t i = 0, n = c2s_tensor_count(y); i < n; i++) {
        int filter = (int)(i % last->output_dims[2]);
        c2s_f32(y)[i] = is_rescaled ? (float)((int64_t)p[i] - c2s_i32(last->threshold)[filter]) /
                                          c2s_f32(last->act_step)[filter]
                                    : (float)p[i];
    }
    return true;
}
