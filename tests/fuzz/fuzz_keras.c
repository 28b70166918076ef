/* Fuzz target: whole Keras .h5 files. */
#include "fuzz.h"

#include <c2s/keras.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct c2s_error err = {0};
    struct c2s_model *m = NULL;
    fuzz_begin(size);
    bool ok = c2s_keras_read(fuzz_file(data, size), NULL, &m, &err);
    fuzz_end();
    fuzz_answer(ok, &err);
    if (ok)
        fuzz_model(m);
    c2s_model_destroy(m);
    return 0;
}
