/* What a file is when it is not HDF5, told from its first bytes. */
#ifndef C2S_H5_MAGIC_H
#define C2S_H5_MAGIC_H

#include <c2s/error.h>

/* True when path is a regular file that may be HDF5. Else fails: IO (missing, unreadable) or
 * FORMAT (a folder, empty, or another format: says which and what to do). */
bool h5_check_magic(const char *path, struct c2s_error *err) C2S_MUST_CHECK;

#endif
