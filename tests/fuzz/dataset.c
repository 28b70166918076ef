/* Files of samples and labels, for fuzz_npz and fuzz_hdf5_data: whatever opens must give all its
 * samples in both forms. */
#include "fuzz.h"

#include <c2s/dataset.h>

void fuzz_dataset(const uint8_t *data, size_t size)
{
    struct c2s_error err = {0};
    struct c2s_dataset *d = NULL;
    const struct c2s_dataset_options options = {.scale = 255, .limit = 5, .seed = 1};
    fuzz_begin(size);
    bool ok = c2s_dataset_open(fuzz_file(data, size), &options, &d, &err);
    fuzz_end();
    fuzz_answer(ok, &err);
    if (!ok)
        return;
    struct c2s_tensor *x = NULL;
    fuzz_answer(c2s_dataset_keras(d, 0, c2s_dataset_info(d)->n, &x, &err), &err);
    c2s_tensor_unref(x);
    x = NULL;
    err = (struct c2s_error){0};
    fuzz_answer(c2s_dataset_raw(d, 0, c2s_dataset_info(d)->n, &x, &err), &err);
    c2s_tensor_unref(x);
    c2s_dataset_close(d);
}
