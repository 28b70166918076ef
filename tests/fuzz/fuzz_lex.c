/* Fuzz target: scripts, up to the point where a command would run: lines are joined, split into
 * words, the command is found, its arguments typed and completed. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/complete.h"

static void check_words(const char *line, const struct lex_words *words)
{
    size_t end = 0;
    for (int i = 0; i < words->n; i++) {
        const struct lex_word *w = &words->at[i];
        if (w->column < 1 || (size_t)w->column - 1 < end || w->end < (size_t)w->column ||
            w->end > strlen(line))
            fuzz_abort("a word is not where it says");
        end = w->end;
    }
}

static void type_line(const char *line)
{
    struct c2s_error err = {0};
    struct lex_words words = {0};
    struct cmd_args *args = NULL;
    struct complete complete = {0};
    struct cmd_ctx ctx = {0};
    bool wants_json, ok = lex_line(line, &words, &err);
    if (lex_goes_on(line) && ok)
        fuzz_abort("a line that goes on is accepted");
    if (ok)
        check_words(line, &words);
    fuzz_answer(ok, &err);
    const struct cmd_entry *entry = words.n > 0 ? cmd_find(words.at[0].text, &err) : NULL;
    fuzz_answer(!words.n || entry, &err);
    if (entry) {
        fuzz_answer(args_parse(entry, &words, line, &args, &wants_json, &err), &err);
        args_destroy(args);
    }
    complete_line(&ctx, line, &complete);
    complete_finish(&complete);
    lex_finish(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *line = NULL;
    for (char *at = text, *end; at < text + size; at = end + 1) {
        struct c2s_error err = {0};
        end = at + strcspn(at, "\n");
        *end = '\0';
        if (!lex_join(&line, at, &err))
            fuzz_abort(err.text);
        if (lex_goes_on(line) && end < text + size)
            continue;
        type_line(line);
        free(line);
        line = NULL;
    }
    free(line);
    free(text);
    return 0;
}
