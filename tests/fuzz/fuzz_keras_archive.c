/* Fuzz target: Keras 3's .keras archives. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2 && data[0] == 'P' && data[1] == 'K')
        fuzz_load(data, size);
    return 0;
}
