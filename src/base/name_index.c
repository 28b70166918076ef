/* An index of names by open addressing. */
#include "base/name_index.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

/* The name's slot, or the free one where it would be. */
static struct c2s_name_slot *slot_of(const struct c2s_name_index *index, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (const char *p = name; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
    size_t at = (size_t)(hash ^ hash >> 32) & (index->room - 1);
    while (index->slots[at].name && strcmp(index->slots[at].name, name) != 0)
        at = (at + 1) & (index->room - 1);
    return &index->slots[at];
}

int *c2s_name_index_find(const struct c2s_name_index *index, const char *name)
{
    struct c2s_name_slot *slot = index->room > 0 ? slot_of(index, name) : NULL;
    return slot && slot->name ? &slot->value : NULL;
}

static bool grow(struct c2s_name_index *index, struct c2s_error *err)
{
    struct c2s_name_index wide = {.room = index->room ? 2 * index->room : 64, .n = index->n};
    wide.slots = c2s_calloc(wide.room, sizeof *wide.slots);
    if (!wide.slots)
        return c2s_fail_nomem(err);
    for (size_t i = 0; i < index->room; i++)
        if (index->slots[i].name)
            *slot_of(&wide, index->slots[i].name) = index->slots[i];
    c2s_free(index->slots);
    *index = wide;
    return true;
}

bool c2s_name_index_add(struct c2s_name_index *index, const char *name, int value,
                        struct c2s_error *err)
{
    if (2 * (index->n + 1) > index->room && !grow(index, err))
        return false;
    struct c2s_name_slot *slot = slot_of(index, name);
    if (slot->name)
        return true;
    slot->name = c2s_strdup(name);
    if (!slot->name)
        return c2s_fail_nomem(err);
    slot->value = value;
    index->n++;
    return true;
}

void c2s_name_index_finish(struct c2s_name_index *index)
{
    for (size_t i = 0; i < index->room; i++)
        c2s_free(index->slots[i].name);
    c2s_free(index->slots);
    *index = (struct c2s_name_index){0};
}
