/* Texts that grow, with words and numbers written so that they read back: what steps, descriptions
 * of data and the like are made with. */
#ifndef C2S_BASE_TEXT_H
#define C2S_BASE_TEXT_H

#include <c2s/error.h>

#include <stddef.h>

/* After a failure it stays as it was and failed is true. */
struct text {
    char *at; /* owned; NULL = empty */
    size_t length;
    bool failed;
};
void text_add(struct text *t, const char *fmt, ...) C2S_PRINTF(2, 3);
void text_add_quoted(struct text *t, const char *word); /* so that the shell reads it as one word */
void text_add_number(struct text *t, double value);     /* shortest that reads back the same */
/* *out is taken from t: new text (c2s_free). Fails: NOMEM if any part failed. */
bool text_take(struct text *t, char **out, struct c2s_error *err) C2S_MUST_CHECK;

#endif
