/* Where the first objects of an HDF5 file are, told before HDF5 is asked. */
#ifndef C2S_H5_SUPERBLOCK_H
#define C2S_H5_SUPERBLOCK_H

#include "h5/heap.h"

/* Moves the heap behind a user block, if there is one, and checks that the object headers HDF5
 * reads when it opens the file do not claim more than the file has. True also for what HDF5 refuses
 * by itself. Fails: FORMAT, NOMEM. */
bool h5_superblock_check(struct h5_heap *heap, struct c2s_error *err) C2S_MUST_CHECK;

#endif
