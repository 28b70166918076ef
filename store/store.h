/* The workspace: the journal port (c2s/journal.h) kept in one SQLite file. */
#ifndef STORE_H
#define STORE_H

#include <c2s/journal.h>

/* Opens the workspace at path, created when it is not there; ":memory:" keeps it in memory. An
 * older layout is migrated after a copy was made beside it; a file that cannot be written is opened
 * read-only. *out is new: end it with its close function. Several programs may have one workspace
 * open at a time: each sees the others' versions.
 * Fails: IO (no such folder, no permission), FORMAT (not a workspace: never changed; or made by a
 * newer program), STORE (damaged, busy for too long, disk full), NOMEM. */
bool c2s_store_open(const char *path, struct c2s_journal **out,
                    struct c2s_error *err) C2S_MUST_CHECK;

#endif
