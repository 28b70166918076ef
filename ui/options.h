/* The command line of the program. */
#ifndef UI_OPTIONS_H
#define UI_OPTIONS_H

#include "text/color.h"
#include "text/sink_text.h"

#include <c2s/error.h>

struct options_step { /* -x FILE or -c COMMAND, in their order */
    const char *text;
    bool is_file;
};
struct options {
    const char *workspace;      /* path, or ":memory:" */
    const char *model;          /* file to load first, or NULL */
    struct options_step *steps; /* owned */
    int n_steps;
    char **command; /* one-shot command, borrowed from argv */
    int n_command;
    enum text_mode mode;
    enum color_choice color;
    bool has_workspace; /* given, not the default */
    bool is_tui, is_interactive, is_quiet, echo, no_progress, wants_help, wants_version;
};

/* Fails: USAGE, IO (the file is not there), NOMEM. What was understood before the failure is in
 * out, which is to be finished anyway. */
bool options_parse(int argc, char **argv, struct options *out,
                   struct c2s_error *err) C2S_MUST_CHECK;
void options_finish(struct options *o);

extern const char options_help[], options_version[], options_version_json[];

#endif
