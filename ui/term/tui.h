/* The full-screen interface on the same sheets and commands. */
#ifndef UI_TUI_H
#define UI_TUI_H

#include "cmd/cmd.h"

/* Runs until the user leaves; ctx->sink is replaced meanwhile. Fails: STATE when the screen cannot
 * be used (no terminal, too small). */
bool tui_run(struct cmd_ctx *ctx, struct c2s_error *err) C2S_MUST_CHECK;

#endif
