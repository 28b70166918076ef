/* The members of a group, checked before HDF5 lists them: 1.10 takes the sizes and places it finds
 * in a damaged file for true. */
#ifndef C2S_H5_SYMBOLS_H
#define C2S_H5_SYMBOLS_H

#include "h5/heap.h"

/* False when the group with that B-tree and local heap (addresses from base) is damaged; err is set
 * on NOMEM only. */
bool h5_symbols_check(struct h5_heap *file, uint64_t tree, uint64_t names,
                      struct c2s_error *err) C2S_MUST_CHECK;

#endif
