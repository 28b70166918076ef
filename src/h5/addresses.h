/* A set of addresses in a file: what was checked once. */
#ifndef C2S_H5_ADDRESSES_H
#define C2S_H5_ADDRESSES_H

#include <c2s/error.h>
#include <stddef.h>
#include <stdint.h>

struct h5_addresses {
    uint64_t *slots; /* owned; address + 1, 0 = free */
    size_t room, n;  /* room is a power of two */
};

bool h5_addresses_have(const struct h5_addresses *set, uint64_t address);
/* Fails: NOMEM. */
bool h5_addresses_add(struct h5_addresses *set, uint64_t address,
                      struct c2s_error *err) C2S_MUST_CHECK;
void h5_addresses_finish(struct h5_addresses *set); /* accepts a zeroed one */

#endif
