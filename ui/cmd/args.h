/* Words into typed arguments, by the spec of a command. */
#ifndef UI_ARGS_H
#define UI_ARGS_H

#include "cmd.h"
#include "lex.h"

/* words->at[0] is the command itself. line is what the words came from, or NULL (argv). *out is
 * new. *wants_json: the option --json, which every command takes. Fails: USAGE, naming what is
 * expected; NOMEM. */
bool args_parse(const struct cmd_entry *entry, const struct lex_words *words, const char *line,
                struct cmd_args **out, bool *wants_json, struct c2s_error *err) C2S_MUST_CHECK;
void args_destroy(struct cmd_args *a); /* accepts NULL */

/* "quantize WHAT BITS [--input N] ..." into out, wrapped nowhere; returns out. */
char *args_synopsis(const struct cmd_entry *entry, char *out, size_t size);
bool args_is_option(const struct cmd_arg *arg);

#endif
