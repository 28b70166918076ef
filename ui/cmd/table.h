/* The entries of the command table, one per line, sorted. cmd_table.c lists them; nothing else
 * needs them by name. */
#ifndef UI_TABLE_H
#define UI_TABLE_H

#include "cmd.h"

#define CMD_ENTRIES(X)                                                                             \
    X(help)                                                                                        \
    X(mode)                                                                                        \
    X(quit)                                                                                        \
    X(source)

#define X(name) extern const struct cmd_entry cmd_##name;
CMD_ENTRIES(X)
#undef X

#endif
