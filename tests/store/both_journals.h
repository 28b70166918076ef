/* Runs a test on both implementations of the journal port, each new and empty. */
#ifndef TESTS_BOTH_JOURNALS_H
#define TESTS_BOTH_JOURNALS_H

#include "memory_journal.h"
#include "store.h"
#include "support.h"

static inline int open_memory(void **state)
{
    *state = memory_journal_create();
    return 0;
}

static inline int open_store(void **state)
{
    struct c2s_error err = {0};
    struct c2s_journal *j = NULL;
    assert_ok(c2s_store_open(":memory:", &j, &err), &err);
    *state = j;
    return 0;
}

static inline int close_journal(void **state)
{
    struct c2s_journal *j = *state;
    j->ops->close(j);
    return 0;
}

/* Two entries of an array of tests. */
#define ON_BOTH(test)                                                                              \
    {#test " (memory)", test, open_memory, close_journal, NULL},                                   \
    {                                                                                              \
#test " (store)", test, open_store, close_journal, NULL                                    \
    }

#endif
