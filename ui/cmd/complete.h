/* What could come next on a command line. */
#ifndef UI_COMPLETE_H
#define UI_COMPLETE_H

#include "cmd.h"

struct complete {
    char **words; /* owned, ends with NULL: whole words that begin as the last one does */
    int n;
    bool is_path;               /* the word is a file name: words is empty */
    const char *const *endings; /* of files that fit, ends with NULL; NULL = any */
};

/* text: the line up to the cursor. Without a session (ctx->session NULL) names of layers, versions
 * and tags are left out. Never fails: what cannot be known is not offered. */
void complete_line(struct cmd_ctx *ctx, const char *text, struct complete *out);
void complete_finish(struct complete *c); /* accepts a zeroed one */

#endif
