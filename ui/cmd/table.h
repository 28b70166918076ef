/* The entries of the command table, one per line, sorted. cmd_table.c lists them; nothing else
 * needs them by name. */
#ifndef UI_TABLE_H
#define UI_TABLE_H

#include "cmd.h"

#define CMD_ENTRIES(X)                                                                             \
    X(auto_quantize)                                                                               \
    X(calibrate)                                                                                   \
    X(check)                                                                                       \
    X(checkout)                                                                                    \
    X(compare)                                                                                     \
    X(data)                                                                                        \
    X(diff)                                                                                        \
    X(eval)                                                                                        \
    X(export)                                                                                      \
    X(fix)                                                                                         \
    X(gc)                                                                                          \
    X(help)                                                                                        \
    X(hist)                                                                                        \
    X(inspect)                                                                                     \
    X(layers)                                                                                      \
    X(load)                                                                                        \
    X(log)                                                                                         \
    X(mode)                                                                                        \
    X(quantize)                                                                                    \
    X(quit)                                                                                        \
    X(retrain)                                                                                     \
    X(rm)                                                                                          \
    X(show)                                                                                        \
    X(source)                                                                                      \
    X(sql)                                                                                         \
    X(tag)                                                                                         \
    X(undo)

#define X(name) extern const struct cmd_entry entry_##name;
CMD_ENTRIES(X)
#undef X

#endif
