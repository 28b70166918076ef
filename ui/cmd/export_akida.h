/* Export for the chip: the Akida image, and from it the .fbz by akida's own Python package. */
#ifndef UI_EXPORT_AKIDA_H
#define UI_EXPORT_AKIDA_H

#include "cmd.h"

#include <c2s/akida.h>

struct export_request {
    const struct c2s_version *version;
    const char *file; /* .fbz or .c2simage */
    bool overwrite;
    bool verify;      /* put samples in the image and compare every integer */
    bool must_verify; /* asked for: no data is a failure */
    enum c2s_rule_of_conversion rule;
};

/* Writes the image alone (file ends in .c2simage), or beside the .fbz and then the .fbz; shows what
 * was made. Fails: EXISTS, STATE (no data to verify with; akida is not installed: says the two
 * commands that finish the job), GATE (integers differ), and as conversion does. */
bool export_akida(struct cmd_ctx *ctx, const struct export_request *request,
                  struct c2s_error *err) C2S_MUST_CHECK;

#endif
