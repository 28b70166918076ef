/* From names to numbers, so that a file with thousands of layers needs no search for each. */
#ifndef C2S_BASE_NAME_INDEX_H
#define C2S_BASE_NAME_INDEX_H

#include <c2s/error.h>
#include <stddef.h>

struct c2s_name_index {
    struct c2s_name_slot {
        char *name; /* owned; NULL = free */
        int value;
    } * slots;      /* owned */
    size_t room, n; /* room is a power of two */
};

/* The name's value, to be read or changed until the next add; NULL when it is not there. */
int *c2s_name_index_find(const struct c2s_name_index *index, const char *name);
/* Does nothing when the name is there already. Fails: NOMEM. */
bool c2s_name_index_add(struct c2s_name_index *index, const char *name, int value,
                        struct c2s_error *err) C2S_MUST_CHECK;
void c2s_name_index_finish(struct c2s_name_index *index); /* accepts a zeroed one */

#endif
