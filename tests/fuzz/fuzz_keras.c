/* Fuzz target: whole Keras .h5 files. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2 && data[0] == 0x89 && data[1] == 'H')
        fuzz_load(data, size);
    return 0;
}
