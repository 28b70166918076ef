/* Descriptions of types in an object header, checked before HDF5 1.10 reads them: it looks for the
 * end of a member's name, and for as many members as a damaged file says, beyond the description.
 */
#ifndef C2S_H5_DATATYPE_H
#define C2S_H5_DATATYPE_H

#include <stdbool.h>
#include <stdint.h>

/* True when all parts of the description at p are inside its bytes. */
bool h5_datatype_fits(const unsigned char *p, uint64_t bytes);

#endif
