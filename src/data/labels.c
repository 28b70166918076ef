/* Labels of every usual form as class numbers. */
#include "data/source.h"

#include <math.h>

#include "base/alloc.h"

/* A label above this is rather a pixel or a time stamp taken for a label. */
enum { LARGEST_LABEL = 99999, BLOCK_VALUES = 1 << 14 };

static bool class_number(double v, int64_t sample, int32_t *out, struct c2s_error *err)
{
    if (!(v >= 0 && v <= LARGEST_LABEL && v == floor(v)))
        return c2s_fail(err, C2S_RANGE,
                        "label %g of sample %lld is no class number (0..%d); are these the labels?",
                        v, (long long)sample, LARGEST_LABEL);
    *out = (int32_t)v;
    return true;
}

static bool one_hot(const double *row, int64_t width, int64_t sample, int32_t *out,
                    struct c2s_error *err)
{
    int64_t at = -1;
    bool ok = true;
    for (int64_t i = 0; i < width; i++) {
        ok = ok && (row[i] == 0 || (row[i] == 1 && at < 0));
        if (row[i] == 1)
            at = i;
    }
    if (!ok || at < 0)
        return c2s_fail(err, C2S_RANGE,
                        "the labels have %lld columns, but those of sample %lld are not one-hot "
                        "(one 1, else 0); give class numbers",
                        (long long)width, (long long)sample);
    *out = (int32_t)at;
    return true;
}

static bool read_block(const struct data_array *labels, int64_t first, int64_t n, double *block,
                       int32_t *out, struct c2s_error *err)
{
    int64_t width = data_array_row(labels);
    if (!data_array_doubles(labels, first, n, block, err))
        return false;
    for (int64_t i = 0; i < n; i++) {
        int64_t sample = first + i;
        bool ok = width == 1 ? class_number(block[i], sample, &out[sample], err)
                             : one_hot(block + i * width, width, sample, &out[sample], err);
        if (!ok)
            return false;
    }
    return true;
}

bool data_labels_read(const struct data_array *labels, int32_t *out, int *n_classes,
                      struct c2s_error *err)
{
    int64_t n = labels->dims[0], width = data_array_row(labels);
    char shape[96];
    if (labels->rank > 2 && width != 1)
        return c2s_fail(err, C2S_SHAPE,
                        "labels of shape %s; wanted are class numbers [n] or one-hot [n,classes]",
                        c2s_shape_text(labels->rank, labels->dims, shape, sizeof shape));
    if (width < 1 || width > LARGEST_LABEL + 1)
        return c2s_fail(err, C2S_SHAPE, "labels of %lld columns", (long long)width);
    int64_t per_block = width > BLOCK_VALUES ? 1 : BLOCK_VALUES / width;
    double *block = c2s_calloc((size_t)(per_block * width), sizeof *block);
    bool ok = block ? true : c2s_fail_nomem(err);
    for (int64_t i = 0; ok && i < n; i += per_block)
        ok = read_block(labels, i, n - i < per_block ? n - i : per_block, block, out, err);
    c2s_free(block);
    int32_t largest = width > 1 ? (int32_t)width - 1 : 0;
    for (int64_t i = 0; ok && i < n; i++)
        largest = out[i] > largest ? out[i] : largest;
    *n_classes = largest + 1;
    return ok;
}
