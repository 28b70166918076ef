/* A set of addresses by open addressing: a model has thousands of groups. */
#include "h5/addresses.h"

#include "base/alloc.h"

/* The address's slot, or the free one where it would be. */
static size_t find(const struct h5_addresses *set, uint64_t address)
{
    size_t at = (size_t)((address * 0x9e3779b97f4a7c15u) >> 32) & (set->room - 1);
    while (set->slots[at] != 0 && set->slots[at] != address + 1)
        at = (at + 1) & (set->room - 1);
    return at;
}

bool h5_addresses_have(const struct h5_addresses *set, uint64_t address)
{
    return set->room > 0 && set->slots[find(set, address)] != 0;
}

static bool grow(struct h5_addresses *set, struct c2s_error *err)
{
    struct h5_addresses wide = {.room = set->room ? 2 * set->room : 64, .n = set->n};
    wide.slots = c2s_calloc(wide.room, sizeof *wide.slots);
    if (!wide.slots)
        return c2s_fail_nomem(err);
    for (size_t i = 0; i < set->room; i++)
        if (set->slots[i] != 0)
            wide.slots[find(&wide, set->slots[i] - 1)] = set->slots[i];
    h5_addresses_finish(set);
    *set = wide;
    return true;
}

bool h5_addresses_add(struct h5_addresses *set, uint64_t address, struct c2s_error *err)
{
    if (2 * (set->n + 1) > set->room && !grow(set, err))
        return false;
    size_t at = find(set, address);
    set->n += set->slots[at] == 0;
    set->slots[at] = address + 1;
    return true;
}

void h5_addresses_finish(struct h5_addresses *set)
{
    c2s_free(set->slots);
    *set = (struct h5_addresses){0};
}
