/* Port: where sheets go. The text sink prints them; the full-screen interface has its own. */
#ifndef UI_SINK_H
#define UI_SINK_H

#include "sheet.h"

struct sink;

struct sink_ops {
    /* Paints one sheet. Fails: IO when the output is gone. */
    bool (*show)(struct sink *sink, const struct sheet *sheet, struct c2s_error *err);
    /* Tells a failure. in_script: error->where begins with file and line. */
    void (*tell)(struct sink *sink, const struct c2s_error *error, bool in_script);
    /* Selects "table", "json", "csv" or "md" and returns the mode before; NULL only asks.
     * A name it does not know changes nothing and gives NULL. */
    const char *(*mode)(struct sink *sink, const char *name);
};

/* Implementations put this first in their own struct. */
struct sink {
    const struct sink_ops *ops;
    const struct c2s_error *failure; /* that will be told next, when the sheet to show is of a
                                        command that fails; borrowed; else NULL */
};

#endif
