/* Private to src/h5: an open file and its objects, for the readers of attributes and datasets. */
#ifndef C2S_H5_OBJECT_H
#define C2S_H5_OBJECT_H

#include <hdf5.h>

#include "h5/heap.h"

struct h5_file {
    hid_t id;
    char *path;
    void *memory; /* owned; the whole file when it is in memory, else NULL */
    uint64_t bytes;
    uint64_t
        unbacked; /* bytes that datasets claim beyond what can be packed into what they store */
    struct h5_heap heap;
};

/* New object id behind hard links only; negative on failure. HDF5 is silent from here on. */
hid_t h5_object_open(struct h5_file *f, const char *path, struct c2s_error *err);
/* True for the types of number that are read (h5_type.c). */
bool h5_type_is_number(hid_t type);
/* HDF5's innermost reason for its last failure; borrowed, never NULL. */
const char *h5_reason(void);

#endif
