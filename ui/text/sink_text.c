/* Chooses how a sheet is printed, tells failures, and notices when the output is gone. */
#include "sink_text.h"

#include "color.h"

#include <c2s/json.h>

#include <errno.h>
#include <string.h>

const char *const text_mode_names[] = {"table", "json", "csv", "md", NULL};

static void print_verbatim(struct text_sink *t, const struct sheet *s)
{
    for (int i = 0; i < s->before.n; i++)
        fprintf(t->out, "%s\n", s->before.at[i].text);
}

static bool show(struct sink *sink, const struct sheet *sheet, struct c2s_error *err)
{
    struct text_sink *t = (struct text_sink *)sink;
    bool ok = true;
    if (t->before)
        t->before(t->before_arg);
    errno = 0;
    t->has_told = false;
    if (t->mode == TEXT_JSON)
        ok = text_print_json(t, sheet, err);
    else if (sheet->is_verbatim)
        print_verbatim(t, sheet);
    else if (t->mode == TEXT_CSV)
        text_print_csv(t, sheet);
    else if (t->mode == TEXT_MARKDOWN)
        text_print_markdown(t, sheet);
    else
        text_print_table(t, sheet);
    if (!ok)
        return false;
    if (fflush(t->out) == 0 && !ferror(t->out)) {
        t->has_told = t->mode == TEXT_JSON && sink->failure;
        return true;
    }
    if (!t->output_error)
        t->output_error = errno ? errno : EIO;
    return c2s_fail(err, C2S_IO,
                    "cannot write the result: %s; free some space or choose another output",
                    strerror(t->output_error));
}

struct c2s_json *text_failure_json(const struct c2s_error *error)
{
    struct c2s_json *failure = c2s_json_new_object();
    bool ok = failure &&
              c2s_json_set(failure, "code", c2s_json_new_text(c2s_code_name(error->code))) &&
              c2s_json_set(failure, "where", c2s_json_new_text(error->where)) &&
              c2s_json_set(failure, "rule",
                           error->rule[0] ? c2s_json_new_text(error->rule) : c2s_json_new_null()) &&
              c2s_json_set(failure, "text", c2s_json_new_text(error->text));
    if (ok)
        return failure;
    c2s_json_free(failure);
    return NULL;
}

static void tell_json(struct text_sink *t, const struct c2s_error *error)
{
    struct c2s_json *outer = c2s_json_new_object();
    bool ok = outer && c2s_json_set(outer, "error", text_failure_json(error));
    char *text = ok ? c2s_json_print(outer, 15, false) : NULL;
    fprintf(t->out, "%s\n", text ? text : "{\"error\":{\"code\":\"nomem\"}}");
    fflush(t->out);
    c2s_json_text_free(text);
    c2s_json_free(outer);
}

static void tell(struct sink *sink, const struct c2s_error *error, bool in_script)
{
    struct text_sink *t = (struct text_sink *)sink;
    if (t->before)
        t->before(t->before_arg);
    if (t->mode == TEXT_JSON) {
        if (!t->has_told || in_script) /* a script's failure names the line */
            tell_json(t, error);
        t->has_told = false;
        return;
    }
    bool color = t->messages_have_color;
    fprintf(t->messages, "%s%s%s%s%s%s\n", color ? color_begin(SHEET_ERROR) : "",
            in_script ? "" : "error: ", color ? COLOR_END : "", error->where,
            error->where[0] ? ": " : "", error->text);
    if (error->rule[0])
        fprintf(t->messages, "Next: help %s, check\n", error->rule);
    fflush(t->messages);
}

static const char *mode(struct sink *sink, const char *name)
{
    struct text_sink *t = (struct text_sink *)sink;
    const char *before = text_mode_names[t->mode];
    if (!name)
        return before;
    for (int i = 0; i < TEXT_MODE_COUNT; i++)
        if (strcmp(text_mode_names[i], name) == 0) {
            t->mode = (enum text_mode)i;
            return before;
        }
    return NULL;
}

void text_sink_init(struct text_sink *t, FILE *out, FILE *messages)
{
    static const struct sink_ops ops = {.show = show, .tell = tell, .mode = mode};
    *t = (struct text_sink){.sink = {.ops = &ops},
                            .out = out,
                            .messages = messages,
                            .width = 80,
                            .more_room = "a wider screen or --json shows all"};
}
