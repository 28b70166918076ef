/* The prompt. */
#ifndef UI_REPL_H
#define UI_REPL_H

#include "cmd/cmd.h"

/* Reads and runs lines until quit or the end of input. Failures are told and the prompt comes
 * back. */
void repl_run(struct cmd_ctx *ctx);

#endif
