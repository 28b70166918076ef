/* Fuzz target: samples and labels in HDF5 files. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2 && data[0] == 0x89 && data[1] == 'H')
        fuzz_dataset(data, size);
    return 0;
}
