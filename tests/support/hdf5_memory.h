/* For programs that give damaged files to HDF5 under AddressSanitizer: what HDF5 does with memory
 * then is no fault of ours. To be included by one file of the program. */
#ifndef TESTS_HDF5_MEMORY_H
#define TESTS_HDF5_MEMORY_H

/* HDF5 asks for whatever size a damaged file names and copes with NULL: so must the sanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* HDF5 loses some of its own memory when a file is damaged. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

#endif
