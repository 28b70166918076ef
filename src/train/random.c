/* Random choices of a training: validation samples, order of an epoch, augmentation. */
#include "train/random.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"

enum purpose { OF_SPLIT = 1, OF_ORDER, OF_AUGMENTATION };

static void begin(struct c2s_rng *r, uint64_t seed, enum purpose purpose, uint64_t epoch,
                  uint64_t sample)
{
    c2s_rng_seed(r, seed);
    c2s_rng_seed(r, c2s_rng_next(r) ^ (uint64_t)purpose);
    c2s_rng_seed(r, c2s_rng_next(r) ^ epoch);
    c2s_rng_seed(r, c2s_rng_next(r) ^ sample);
}

/* Fisher and Yates: after it the first n_first places are a random choice in random order. */
static void shuffle(struct c2s_rng *r, int64_t n, int64_t n_first, int64_t *places)
{
    for (int64_t i = 0; i < n_first && i < n - 1; i++) {
        int64_t j = i + (int64_t)c2s_rng_below(r, (uint64_t)(n - i)), other = places[j];
        places[j] = places[i];
        places[i] = other;
    }
}

bool train_split(uint64_t seed, int64_t n, int64_t n_part, int64_t *part, int64_t *rest,
                 struct c2s_error *err)
{
    struct c2s_rng r;
    int64_t *places = c2s_malloc(sizeof *places * (size_t)(n + 1));
    bool *is_part = c2s_calloc((size_t)(n + 1), sizeof *is_part);
    if (places && is_part) {
        for (int64_t i = 0; i < n; i++)
            places[i] = i;
        begin(&r, seed, OF_SPLIT, 0, 0);
        shuffle(&r, n, n_part, places);
        for (int64_t i = 0; i < n_part; i++)
            is_part[places[i]] = true;
        for (int64_t i = 0; i < n; i++)
            *(is_part[i] ? part++ : rest++) = i;
    }
    bool ok = places && is_part;
    c2s_free(places);
    c2s_free(is_part);
    return ok || c2s_fail_nomem(err);
}

void train_shuffle(uint64_t seed, int epoch, int64_t n, int64_t *places)
{
    struct c2s_rng r;
    begin(&r, seed, OF_ORDER, (uint64_t)epoch, 0);
    shuffle(&r, n, n, places);
}

static void flip(const struct train_image *m, float *values)
{
    for (int64_t y = 0; y < m->height; y++)
        for (int64_t x = 0; x < m->width; x++)
            memcpy(values + (y * m->width + x) * m->channels,
                   m->scratch + (y * m->width + m->width - 1 - x) * m->channels,
                   sizeof *values * (size_t)m->channels);
}

static void shift(const struct train_image *m, int64_t down, int64_t right, float *values)
{
    int64_t n = m->height * m->width * m->channels;
    int64_t from = right < 0 ? -right : 0, to = right > 0 ? right : 0;
    int64_t n_columns = m->width - from - to;
    for (int64_t i = 0; i < n; i++)
        values[i] = m->background;
    for (int64_t y = 0; n_columns > 0 && y < m->height; y++)
        if (y - down >= 0 && y - down < m->height)
            memcpy(values + (y * m->width + to) * m->channels,
                   m->scratch + ((y - down) * m->width + from) * m->channels,
                   sizeof *values * (size_t)(n_columns * m->channels));
}

void train_augment(const struct c2s_augment *augment, const struct train_image *image,
                   uint64_t seed, int epoch, int64_t sample, float *values)
{
    struct c2s_rng r;
    size_t bytes = sizeof *values * (size_t)(image->height * image->width * image->channels);
    begin(&r, seed, OF_AUGMENTATION, (uint64_t)epoch, (uint64_t)sample);
    /* Both are drawn in any case: switching one on leaves the choices of the other. */
    bool flips = c2s_rng_next(&r) >> 63;
    uint64_t range = 2 * (uint64_t)augment->shift + 1;
    int64_t down = (int64_t)c2s_rng_below(&r, range) - augment->shift;
    int64_t right = (int64_t)c2s_rng_below(&r, range) - augment->shift;
    if (augment->flip && flips) {
        memcpy(image->scratch, values, bytes);
        flip(image, values);
    }
    if (augment->shift > 0) {
        memcpy(image->scratch, values, bytes);
        shift(image, down, right, values);
    }
}
