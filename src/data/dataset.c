/* Labelled samples: opening, choosing a subset, content hash, and batches in the two forms. */
#include <c2s/dataset.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "data/digest.h"
#include "data/source.h"

struct c2s_dataset {
    struct c2s_dataset_info info;
    struct data_array samples;
    int64_t *chosen; /* ascending source indices; NULL = the first info.n */
    int32_t *labels;
    char *path, *name, *split;
};

void c2s_dataset_close(struct c2s_dataset *d)
{
    if (!d)
        return;
    data_array_finish(&d->samples);
    c2s_free(d->chosen);
    c2s_free(d->labels);
    c2s_free(d->path);
    c2s_free(d->name);
    c2s_free(d->split);
    c2s_free(d);
}

const struct c2s_dataset_info *c2s_dataset_info(const struct c2s_dataset *d)
{
    return &d->info;
}

const int32_t *c2s_dataset_labels(const struct c2s_dataset *d)
{
    return d->labels;
}

int64_t c2s_dataset_source_index(const struct c2s_dataset *d, int64_t k)
{
    return d->chosen ? d->chosen[k] : k;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The first n places of a Fisher-Yates shuffle of all samples, put in ascending order. */
static bool choose(struct c2s_dataset *d, struct c2s_error *err)
{
    int64_t n_all = d->info.n_available, n = d->info.n;
    if (d->info.seed == 0 || n == n_all)
        return true;
    d->chosen = c2s_malloc(sizeof *d->chosen * (size_t)n_all);
    if (!d->chosen)
        return c2s_fail_nomem(err);
    for (int64_t i = 0; i < n_all; i++)
        d->chosen[i] = i;
    struct c2s_rng rng;
    c2s_rng_seed(&rng, d->info.seed);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = i + (int64_t)c2s_rng_below(&rng, (uint64_t)(n_all - i)), t = d->chosen[i];
        d->chosen[i] = d->chosen[j];
        d->chosen[j] = t;
    }
    qsort(d->chosen, (size_t)n, sizeof *d->chosen, ascending);
    return true;
}

/* Calls read for each run of samples that stand side by side in the source. */
static bool gather(const struct c2s_dataset *d, int64_t first, int64_t n, void *out,
                   struct c2s_error *err)
{
    int64_t row = data_array_row(&d->samples);
    for (int64_t i = 0, run; i < n; i += run) {
        int64_t source = c2s_dataset_source_index(d, first + i);
        for (run = 1; i + run < n; run++)
            if (c2s_dataset_source_index(d, first + i + run) != source + run)
                break;
        bool ok = d->info.dtype == C2S_U8
                      ? data_array_bytes(&d->samples, source, run, (uint8_t *)out + i * row, err)
                      : data_array_floats(&d->samples, source, run, (float *)out + i * row, err);
        if (!ok)
            return c2s_fail_at(err, "%s", d->path);
    }
    return true;
}

/* Model inputs are float32: a scale too small for that, or values too large, make infinities. */
static bool is_input(const struct c2s_dataset_info *info, float raw)
{
    return isfinite((raw - (float)info->shift) / (float)info->scale);
}

static bool digest_rows(const void *arg, int64_t first, int64_t n, void *out, struct c2s_error *err)
{
    const struct c2s_dataset *d = arg;
    if (!gather(d, first, n, out, err))
        return false;
    const float *values = out;
    int64_t row = data_array_row(&d->samples);
    for (int64_t i = 0; d->info.dtype == C2S_F32 && i < n * row; i++)
        if (!is_input(&d->info, values[i])) {
            long long sample = c2s_dataset_source_index(d, first + i / row);
            return isfinite(values[i])
                       ? c2s_fail(err, C2S_RANGE,
                                  "sample %lld of %s holds %g, too large for a scale of %g; use "
                                  "another scale or clean the data",
                                  sample, d->path, (double)values[i], d->info.scale)
                       : c2s_fail(err, C2S_RANGE, "sample %lld of %s holds %s; clean the data",
                                  sample, d->path, isnan(values[i]) ? "a NaN" : "an infinity");
        }
    return true;
}

static struct c2s_tensor *new_batch(const struct c2s_dataset *d, int64_t first, int64_t n,
                                    enum c2s_dtype dtype, struct c2s_error *err)
{
    int64_t dims[C2S_MAX_RANK];
    if (first < 0 || n < 0 || first > d->info.n || n > d->info.n - first) {
        c2s_fail(err, C2S_RANGE, "samples %lld..%lld of %lld do not exist", (long long)first,
                 (long long)(first + n - 1), (long long)d->info.n);
        return NULL;
    }
    dims[0] = n;
    memcpy(dims + 1, d->info.dims, sizeof dims[0] * (size_t)d->info.rank);
    return c2s_tensor_create(dtype, d->info.rank + 1, dims, err);
}

/* Where `count` raw values are read to, so that they become Keras inputs in out: bytes into the
 * last quarter of the floats' memory, for widening from the front never overtakes them. */
static void *raw_place(const struct c2s_dataset *d, int64_t count, float *out)
{
    return d->info.dtype == C2S_U8 ? (uint8_t *)out + 3 * count : (void *)out;
}

static void raw_to_keras(const struct c2s_dataset *d, int64_t count, float *out)
{
    float scale = (float)d->info.scale, shift = (float)d->info.shift;
    const uint8_t *bytes = raw_place(d, count, out);
    bool is_bytes = d->info.dtype == C2S_U8;
    for (int64_t i = 0; i < count; i++) {
        float raw = is_bytes ? (float)bytes[i] : out[i];
        out[i] = (raw - shift) / scale;
    }
}

bool c2s_dataset_keras(const struct c2s_dataset *d, int64_t first, int64_t n, struct c2s_tensor **x,
                       struct c2s_error *err)
{
    struct c2s_tensor *t = new_batch(d, first, n, C2S_F32, err);
    if (!t)
        return false;
    int64_t count = c2s_tensor_count(t);
    if (!gather(d, first, n, raw_place(d, count, c2s_f32(t)), err)) {
        c2s_tensor_unref(t);
        return false;
    }
    raw_to_keras(d, count, c2s_f32(t));
    *x = t;
    return true;
}

bool c2s_dataset_gather(const struct c2s_dataset *d, const int64_t *indices, int64_t n, float *out,
                        struct c2s_error *err)
{
    int64_t row = data_array_row(&d->samples);
    for (int64_t i = 0; i < n; i++, out += row) {
        if (indices[i] < 0 || indices[i] >= d->info.n)
            return c2s_fail(err, C2S_RANGE, "sample %lld of %lld does not exist",
                            (long long)indices[i], (long long)d->info.n);
        if (!gather(d, indices[i], 1, raw_place(d, row, out), err))
            return false;
        raw_to_keras(d, row, out);
    }
    return true;
}

static bool floats_to_bytes(const struct c2s_dataset *d, const float *in, int64_t first,
                            int64_t count, uint8_t *out, struct c2s_error *err)
{
    int64_t row = data_array_row(&d->samples);
    for (int64_t i = 0; i < count; i++) {
        if (!(in[i] >= 0 && in[i] <= 255 && in[i] == floorf(in[i])))
            return c2s_fail(
                err, C2S_RANGE,
                "value %g in sample %lld is no integer of 0..255, which the chip takes; "
                "raw pixels are needed, as they were before they were scaled and saved: data use "
                "PATH with the --scale and --shift of the training",
                (double)in[i], (long long)c2s_dataset_source_index(d, first + i / row));
        out[i] = (uint8_t)in[i];
    }
    return true;
}

bool c2s_dataset_raw(const struct c2s_dataset *d, int64_t first, int64_t n, struct c2s_tensor **x,
                     struct c2s_error *err)
{
    struct c2s_tensor *t = new_batch(d, first, n, C2S_U8, err), *floats = NULL;
    bool ok = t != NULL;
    if (ok && d->info.dtype == C2S_U8) {
        ok = gather(d, first, n, t->data, err);
    } else if (ok) {
        floats = new_batch(d, first, n, C2S_F32, err);
        ok = floats && gather(d, first, n, floats->data, err) &&
             floats_to_bytes(d, c2s_f32(floats), first, c2s_tensor_count(t), c2s_u8(t), err);
    }
    c2s_tensor_unref(floats);
    if (ok)
        *x = t;
    else
        c2s_tensor_unref(t);
    return ok;
}

static bool take_labels(struct c2s_dataset *d, const struct data_array *labels,
                        struct c2s_error *err)
{
    d->labels = c2s_malloc(sizeof *d->labels * (size_t)d->info.n_available);
    if (!d->labels)
        return c2s_fail_nomem(err);
    if (!data_labels_read(labels, d->labels, &d->info.n_classes, err))
        return false;
    for (int64_t i = 0; d->chosen && i < d->info.n; i++) /* chosen[i] >= i: nothing is lost */
        d->labels[i] = d->labels[d->chosen[i]];
    return true;
}

static bool set_shape(struct c2s_dataset *d, const struct data_array *labels, struct c2s_error *err)
{
    struct c2s_dataset_info *info = &d->info;
    const struct data_array *x = &d->samples;
    char shape[96];
    c2s_shape_text(x->rank, x->dims, shape, sizeof shape);
    if (x->rank < 2)
        return c2s_fail(err, C2S_SHAPE,
                        "samples of shape %s: one number each; is this the file of the labels?",
                        shape);
    for (int i = 0; i < x->rank; i++)
        if (x->dims[i] == 0)
            return c2s_fail(err, C2S_SHAPE, "samples of shape %s: there are none", shape);
    if (x->dims[0] != labels->dims[0])
        return c2s_fail(err, C2S_SHAPE,
                        "%lld sample%s but %lld label%s; give files that belong together",
                        (long long)x->dims[0], x->dims[0] == 1 ? "" : "s",
                        (long long)labels->dims[0], labels->dims[0] == 1 ? "" : "s");
    info->n_available = x->dims[0];
    info->rank = x->rank - 1;
    memcpy(info->dims, x->dims + 1, sizeof x->dims[0] * (size_t)info->rank);
    if (info->rank == 2)
        info->dims[info->rank++] = 1;
    info->dtype = x->element == DATA_U8 || x->element == DATA_BOOL ? C2S_U8 : C2S_F32;
    return true;
}

static bool set_options(struct c2s_dataset *d, const char *path,
                        const struct c2s_dataset_options *o, struct c2s_error *err)
{
    d->info.scale = o->scale == 0 ? 1 : o->scale;
    d->info.shift = o->shift;
    d->info.seed = o->seed;
    if (!isfinite(d->info.scale) || !isfinite(d->info.shift))
        return c2s_fail(err, C2S_RANGE, "scale and shift must be finite numbers");
    if (!is_input(&d->info, 0) || !is_input(&d->info, 255))
        return c2s_fail(err, C2S_RANGE,
                        "a scale of %g makes infinite inputs of pixels; give another scale",
                        d->info.scale);
    if (o->limit < 0)
        return c2s_fail(err, C2S_RANGE, "a limit of %lld samples; give a number above 0",
                        (long long)o->limit);
    d->split = c2s_strdup(o->split ? o->split : "test");
    d->path = c2s_strdup(path);
    if (!d->split || !d->path)
        return c2s_fail_nomem(err);
    if (strcmp(d->split, "test") != 0 && strcmp(d->split, "train") != 0)
        return c2s_fail(err, C2S_RANGE, "split '%s' is unknown; use test or train", d->split);
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    d->name = c2s_calloc(1, end - begin + 1);
    if (!d->name)
        return c2s_fail_nomem(err);
    memcpy(d->name, path + begin, end - begin);
    d->info.path = d->path;
    d->info.name = d->name;
    d->info.split = d->split;
    return true;
}

static bool set_hash(struct c2s_dataset *d, struct c2s_error *err)
{
    int64_t row = data_array_row(&d->samples) * (int64_t)c2s_dtype_bytes(d->info.dtype);
    struct data_digest digest = {.rows = digest_rows, .arg = d, .n = d->info.n, .row_bytes = row};
    return data_digest(&digest, &d->info, d->labels, d->info.hash, err);
}

bool c2s_dataset_open(const char *path, const struct c2s_dataset_options *options,
                      struct c2s_dataset **out, struct c2s_error *err)
{
    static const struct c2s_dataset_options none;
    const struct c2s_dataset_options *o = options ? options : &none;
    struct data_source source = {0};
    struct c2s_dataset *d = c2s_calloc(1, sizeof *d);
    if (!d)
        return c2s_fail_nomem(err);
    bool ok = set_options(d, path, o, err) && data_source_open(path, o, &source, err);
    if (ok) {
        d->samples = source.samples;
        source.samples = (struct data_array){0};
        d->info.format = source.format;
        ok = set_shape(d, &source.labels, err) || c2s_fail_at(err, "%s", path);
    }
    if (ok) {
        bool all = o->limit == 0 || o->limit >= d->info.n_available;
        d->info.n = all ? d->info.n_available : o->limit;
        ok =
            choose(d, err) && (take_labels(d, &source.labels, err) || c2s_fail_at(err, "%s", path));
        ok = ok && set_hash(d, err);
    }
    data_source_finish(&source);
    if (ok)
        *out = d;
    else
        c2s_dataset_close(d);
    return ok;
}
