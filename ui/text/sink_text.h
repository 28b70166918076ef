/* The sink that prints: tables for people, or JSON, CSV, Markdown for programs. */
#ifndef UI_SINK_TEXT_H
#define UI_SINK_TEXT_H

#include "view/sink.h"

#include <c2s/json.h>

#include <stdio.h>

enum text_mode { TEXT_TABLE, TEXT_JSON, TEXT_CSV, TEXT_MARKDOWN, TEXT_MODE_COUNT };

struct text_sink {
    struct sink sink; /* first */
    enum text_mode mode;
    FILE *out, *messages; /* borrowed: results, failures */
    bool has_color, messages_have_color;
    bool is_quiet;             /* leaves out the "what to do next" line */
    int width;                 /* columns */
    bool breaks_words;         /* of those wider than the screen; else they run over its edge */
    const char *more_room;     /* static: what shows the columns that are left out */
    void (*before)(void *arg); /* called before anything is printed; may be NULL */
    void *before_arg;
    bool has_told;    /* private: the failure was part of the last document */
    int pending;      /* private: blanks owed before the next text of the line */
    int output_error; /* errno of the first failed write, or 0 */
};

/* Makes a sink in memory of the caller; the streams stay the caller's. */
void text_sink_init(struct text_sink *t, FILE *out, FILE *messages);
/* The names of the modes, ends with NULL: "table", "json", "csv", "md". */
extern const char *const text_mode_names[];

/* {"code": ...}; new (c2s_json_free), or NULL when out of memory. */
struct c2s_json *text_failure_json(const struct c2s_error *error);
/* The four ways to print a sheet, one file each. */
void text_print_table(struct text_sink *t, const struct sheet *s);
bool text_print_json(struct text_sink *t, const struct sheet *s, struct c2s_error *err);
void text_print_csv(struct text_sink *t, const struct sheet *s);
void text_print_markdown(struct text_sink *t, const struct sheet *s);

#endif
