/* Runs another program and takes what it prints. */
#ifndef UI_PROGRAM_H
#define UI_PROGRAM_H

#include <c2s/error.h>

#include <signal.h>

struct program_output {
    char *text, *messages; /* owned; standard output and standard error, never NULL on success */
    int status;            /* exit code; 128 + signal when it was killed */
};

/* argv[0] is looked up in PATH; its standard input is empty. cancelled, if not NULL, is watched:
 * when it becomes set the program is ended and the call fails with CANCELLED.
 * Fails also: IO (cannot be started), NOMEM. A status that is not 0 is no failure here. */
bool program_run(char *const argv[], const volatile sig_atomic_t *cancelled,
                 struct program_output *out, struct c2s_error *err) C2S_MUST_CHECK;
void program_output_finish(struct program_output *out); /* accepts a zeroed one */

#endif
