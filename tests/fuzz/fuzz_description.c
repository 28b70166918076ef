/* Fuzz target: the JSON form of a model that a workspace stores. Every hash finds a tensor. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <c2s/keras.h>

/* Two shapes of tensor, so that some do not fit their layer. */
static bool any_tensor(void *arg, const char *hash, struct c2s_tensor **out, struct c2s_error *err)
{
    static const int64_t dims[] = {3, 3, 2, 4};
    (void)arg;
    *out = strlen(hash) % 2 ? c2s_tensor_create(C2S_F32, 1, dims + 3, err)
                            : c2s_tensor_create(C2S_F32, 4, dims, err);
    return *out != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct c2s_error err = {0};
    struct c2s_model *m = NULL;
    char *text = fuzz_text(data, size);
    fuzz_begin(size);
    bool ok = c2s_model_from_description(text, any_tensor, NULL, &m, &err);
    fuzz_end();
    fuzz_answer(ok, &err);
    if (ok) {
        err = (struct c2s_error){0};
        fuzz_answer(c2s_model_infer_shapes(m, &err), &err);
    }
    c2s_model_destroy(m);
    free(text);
    return 0;
}
