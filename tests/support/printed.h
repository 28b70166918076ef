/* A sheet as the printing sink prints it. */
#ifndef TEST_PRINTED_H
#define TEST_PRINTED_H

#include "support.h"

#include "text/sink_text.h"

#include <stdio.h>

struct print_as {
    const char *mode; /* NULL = "table" */
    int width;        /* 0 = 80 */
    bool color, breaks_words;
};

/* New text. Not inline: gcc takes the stream's buffer for a variable of this function then. */
__attribute__((noinline, unused)) static char *print_sheet(const struct sheet *s,
                                                           struct print_as as)
{
    struct c2s_error err = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct text_sink t;
    text_sink_init(&t, out, out);
    t.has_color = as.color;
    t.breaks_words = as.breaks_words;
    t.width = as.width ? as.width : 80;
    assert_non_null(t.sink.ops->mode(&t.sink, as.mode ? as.mode : "table"));
    assert_ok(sheet_finish(s, &err), &err);
    assert_ok(t.sink.ops->show(&t.sink, s, &err), &err);
    fclose(out);
    return text;
}

#endif
