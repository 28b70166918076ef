/* Stands in for the full screen until it is there. */
#include "tui.h"

bool tui_run(struct cmd_ctx *ctx, struct c2s_error *err)
{
    (void)ctx;
    return c2s_fail(err, C2S_UNSUPPORTED,
                    "this build has no full screen; start without --tui for the prompt");
}
