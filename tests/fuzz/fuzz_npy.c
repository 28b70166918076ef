/* Fuzz target: NumPy's .npy files, plain or packed by gzip. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2 && data[0] != 0)
        fuzz_array(data, size);
    return 0;
}
