/* The command table. */
#include "table.h"

#include <stddef.h>

const struct cmd_entry *const cmd_table[] = {
#define X(name) &entry_##name,
    CMD_ENTRIES(X)
#undef X
        NULL};

const char *const cmd_groups[] = {"load",   "inspect", "quantize", "history",
                                  "export", "shell",   NULL};
