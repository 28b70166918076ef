/* Threads that wait asleep for work: OpenMP's own wait in a loop, which costs a busy machine more
 * than it saves an idle one. */
#ifndef C2S_ENGINE_WORKERS_H
#define C2S_ENGINE_WORKERS_H

#include <c2s/error.h>

struct workers;

/* *out is new: n workers, of which the thread that calls workers_run is one. As many threads are
 * started as the system allows. They take no signals. Fails: NOMEM. */
bool workers_create(int n, struct workers **out, struct c2s_error *err) C2S_MUST_CHECK;
void workers_destroy(struct workers *w); /* accepts NULL */

/* Calls work(arg, i) once for every worker i below n, each on its own thread (0 on the caller's),
 * and returns when all have returned. Those whose thread could not be started are left out: work
 * must share out its pieces itself. From one thread at a time. Signals are handled between calls:
 * none is on a thread that works, the caller's neither, because oneDNN's matrix products do not
 * bear a handler on their stack. */
void workers_run(struct workers *w, int n, void (*work)(void *arg, int worker), void *arg);

#endif
