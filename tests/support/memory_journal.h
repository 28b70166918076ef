/* A second implementation of the journal port, in memory: the port's contract is what both do. */
#ifndef TESTS_MEMORY_JOURNAL_H
#define TESTS_MEMORY_JOURNAL_H

#include <c2s/journal.h>

/* New; end it with its close function. Fails the test when there is no memory. */
struct c2s_journal *memory_journal_create(void);

#endif
