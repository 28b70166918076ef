/* Files of one array, for fuzz_idx and fuzz_npy: whatever is accepted must give all its numbers. */
#include "fuzz.h"

#include <stdlib.h>

#include "data/source.h"

enum { MOST_NUMBERS = 1 << 20 };

static void read_rows(const struct data_array *a, int64_t n_numbers)
{
    struct c2s_error err = {0};
    int64_t n = a->dims[0];
    float *floats = calloc((size_t)n_numbers + 1, sizeof *floats);
    double *doubles = calloc((size_t)n_numbers + 1, sizeof *doubles);
    int32_t *labels = calloc((size_t)n + 1, sizeof *labels);
    int n_classes = 0;
    if (!floats || !doubles || !labels)
        fuzz_abort("no memory for the numbers");
    fuzz_answer(data_array_floats(a, 0, n, floats, &err), &err);
    fuzz_answer(data_array_doubles(a, 0, n, doubles, &err), &err);
    if (a->element == DATA_U8 || a->element == DATA_BOOL)
        fuzz_answer(data_array_bytes(a, 0, n, (uint8_t *)floats, &err), &err);
    if (a->rank <= 2)
        fuzz_answer(data_labels_read(a, labels, &n_classes, &err), &err);
    free(floats);
    free(doubles);
    free(labels);
}

void fuzz_array(const uint8_t *data, size_t size)
{
    struct c2s_error err = {0};
    struct data_array a = {0};
    const char *format = NULL;
    fuzz_begin(size);
    bool ok = data_file_array(fuzz_file(data, size), &a, &format, &err);
    fuzz_end();
    fuzz_answer(ok, &err);
    if (!ok)
        return;
    int64_t n_bytes;
    if (!data_array_total(&a, &n_bytes))
        fuzz_abort("an array that was read is too large to be one");
    int64_t n_numbers = n_bytes / (int64_t)data_element_bytes(a.element);
    /* An array without numbers may have any number of rows. */
    if (n_numbers <= MOST_NUMBERS && a.dims[0] <= MOST_NUMBERS)
        read_rows(&a, n_numbers);
    data_array_finish(&a);
}
