/* Fuzz target: IDX files, MNIST's format. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2 && data[0] == 0 && data[1] == 0)
        fuzz_array(data, size);
    return 0;
}
