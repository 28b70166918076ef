/* The command table: complete and consistent; every example runs, also as JSON; completion. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/args.h"
#include "cmd/complete.h"
#include "text/sink_text.h"

#include <c2s/json.h>

#include "store.h"
#include "support.h"

/* ---- a shell in memory, in a folder of its own ---- */

struct bench {
    char *folder, *before;
    struct c2s_journal *journal;
    struct text_sink sink;
    struct cmd_ctx ctx;
    FILE *out;
    char *text;
    size_t size;
};

static void run(struct bench *b, const char *line)
{
    struct c2s_error err = {0};
    if (!cmd_run_line(&b->ctx, line, &err))
        fail_msg("\"%s\": %s: %s", line, err.where, err.text);
}

static void start(struct bench *b)
{
    struct c2s_error err = {0};
    *b = (struct bench){.folder = make_temp_dir(), .before = getcwd(NULL, 0)};
    assert_int_equal(chdir(b->folder), 0);
    assert_int_equal(symlink(data_path("fm_sep.h5"), "fm_sep.h5"), 0);
    assert_int_equal(symlink(data_path("fashion-mnist-1k"), "fashion-mnist-1k"), 0);
    FILE *steps = fopen("steps.c2s", "w");
    assert_non_null(steps);
    fputs("# what the example of source runs\nlog\n", steps);
    fclose(steps);
    b->out = open_memstream(&b->text, &b->size);
    text_sink_init(&b->sink, b->out, b->out);
    b->ctx = (struct cmd_ctx){.sink = &b->sink.sink};
    assert_ok(c2s_store_open(":memory:", &b->journal, &err), &err);
    assert_ok(c2s_session_create(b->journal, NULL, &b->ctx.session, &err), &err);
}

/* v1 float, v2 4-bit activations, v3 4-bit weights besides; few samples, so that it is quick. */
static void start_tour(struct bench *b)
{
    start(b);
    run(b, "load fm_sep.h5");
    run(b, "data use fashion-mnist-1k --scale 255 --limit 60");
    run(b, "quantize activations 4");
    run(b, "quantize weights 4 --input 8");
}

static void clear(struct bench *b)
{
    fflush(b->out);
    rewind(b->out);
    fflush(b->out);
}

static void finish(struct bench *b)
{
    c2s_session_destroy(b->ctx.session);
    b->journal->ops->close(b->journal);
    fclose(b->out);
    free(b->text);
    assert_int_equal(chdir(b->before), 0);
    free(b->before);
    remove_temp_dir(b->folder);
}

/* ---- the table ---- */

static void the_table_is_sorted_and_complete(void **state)
{
    (void)state;
    int n = 0;
    for (; cmd_table[n]; n++) {
        const struct cmd_entry *e = cmd_table[n];
        bool has_group = false;
        assert_true(n == 0 || strcmp(cmd_table[n - 1]->name, e->name) < 0);
        assert_non_null(e->run);
        assert_true(e->summary && strlen(e->summary) > 0 && strlen(e->summary) <= 60);
        assert_true(e->example && strlen(e->example) > 0);
        for (int g = 0; cmd_groups[g]; g++)
            has_group |= strcmp(cmd_groups[g], e->group) == 0;
        if (!has_group)
            fail_msg("%s is in no group: %s", e->name, e->group);
    }
    assert_true(n >= 20);
}

static void arguments_are_in_order_and_explained(void **state)
{
    (void)state;
    for (int n = 0; cmd_table[n]; n++) {
        bool seen_option = false, seen_optional = false, seen_last = false;
        for (const struct cmd_arg *arg = cmd_table[n]->args; arg->name; arg++) {
            bool is_option = args_is_option(arg);
            if (!arg->help || !arg->help[0])
                fail_msg("%s %s is not explained", cmd_table[n]->name, arg->name);
            assert_false(!is_option && (seen_option || seen_last));
            assert_false(!is_option && arg->is_required && seen_optional);
            assert_false(is_option && (arg->is_required || strncmp(arg->name, "--", 2) != 0));
            assert_true(arg->type != ARG_CHOICE || arg->choices);
            assert_true(!is_option || (arg->type == ARG_FLAG) == (arg->value == NULL));
            assert_true((arg->type != ARG_INTEGER && arg->type != ARG_REAL) ||
                        arg->low < arg->high);
            seen_option |= is_option;
            seen_optional |= !is_option && !arg->is_required;
            seen_last |= arg->is_repeated || arg->type == ARG_REST;
        }
    }
}

static void related_commands_exist(void **state)
{
    (void)state;
    for (int n = 0; cmd_table[n]; n++) {
        char copy[200], *rest = copy;
        snprintf(copy, sizeof copy, "%s", cmd_table[n]->see ? cmd_table[n]->see : "");
        for (char *word; (word = strsep(&rest, ","));) {
            struct c2s_error err = {0};
            word += strspn(word, " ");
            word[strcspn(word, " ")] = '\0';
            if (*word && (!cmd_find(word, &err) || strcmp(cmd_find(word, &err)->name, word) != 0))
                fail_msg("%s: there is no command %s", cmd_table[n]->name, word);
        }
    }
}

static void names_may_be_shortened(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    assert_string_equal(cmd_find("quan", &err)->name, "quantize");
    assert_string_equal(cmd_find("check", &err)->name, "check");
    assert_string_equal(cmd_find("exit", &err)->name, "quit");
    assert_null(cmd_find("", &err));
    err = (struct c2s_error){0};
    assert_null(cmd_find("che", &err));
    assert_string_equal(err.text, "\"che\" could be check, checkout; type one letter more");
    err = (struct c2s_error){0};
    assert_null(cmd_find("evla", &err));
    assert_string_equal(err.text, "unknown command \"evla\"; did you mean \"eval\"?");
}

/* ---- examples and help ---- */

static void check_json(struct bench *b, const char *line)
{
    struct c2s_error err = {0};
    fflush(b->out);
    struct c2s_json *value = c2s_json_parse(b->text, b->size, &err);
    if (!value)
        fail_msg("\"%s\" printed no single JSON value: %s", line, b->text);
    enum c2s_json_kind kind = c2s_json_kind(value);
    assert_true(kind == C2S_JSON_ARRAY || kind == C2S_JSON_OBJECT);
    c2s_json_free(value);
}

/* Runs each line of the example; as_json adds --json, and what is printed then must be JSON. */
static void run_example(const struct cmd_entry *entry, bool as_json)
{
    struct bench b;
    char copy[400], *rest = copy;
    snprintf(copy, sizeof copy, "%s", entry->example);
    start_tour(&b);
    for (char *line; (line = strsep(&rest, "\n"));) {
        char command[200];
        assert_true(strlen(line) <= 78);
        snprintf(command, sizeof command, "%s%s", line, as_json ? " --json" : "");
        clear(&b);
        run(&b, command);
        fflush(b.out);
        bool is_silent = b.size == 0;
        assert_true(!is_silent || strncmp(line, "mode ", 5) == 0 || strcmp(line, "quit") == 0);
        if (as_json && !is_silent && strncmp(line, "source ", 7) != 0)
            check_json(&b, command);
    }
    finish(&b);
}

static void every_example_runs(void **state)
{
    (void)state;
    for (int n = 0; cmd_table[n]; n++)
        run_example(cmd_table[n], false);
}

static void every_example_runs_as_json(void **state)
{
    (void)state;
    for (int n = 0; cmd_table[n]; n++)
        run_example(cmd_table[n], true);
}

static void help_explains_every_command_and_rule(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    for (int n = 0; cmd_table[n]; n++) {
        char line[60];
        snprintf(line, sizeof line, "help %s", cmd_table[n]->name);
        clear(&b);
        run(&b, line);
        fflush(b.out);
        assert_non_null(strstr(b.text, cmd_table[n]->summary));
        assert_non_null(strstr(b.text, "--json behind any command"));
        for (const struct cmd_arg *arg = cmd_table[n]->args; arg->name; arg++)
            assert_non_null(strstr(b.text, arg->name));
    }
    int n_rules = 0;
    for (const struct c2s_rule_info *rule = c2s_rules(); rule->id; rule++, n_rules++) {
        char line[60];
        snprintf(line, sizeof line, "help %s", rule->id);
        clear(&b);
        run(&b, line);
        fflush(b.out);
        assert_memory_equal(b.text, rule->id, strlen(rule->id));
        assert_non_null(strstr(b.text, rule->title));
        char *alone = strdup(b.text);
        snprintf(line, sizeof line, "help rule %s", rule->id);
        clear(&b);
        run(&b, line);
        fflush(b.out);
        assert_string_equal(b.text, alone);
        free(alone);
    }
    clear(&b);
    run(&b, "help rules");
    fflush(b.out);
    for (const struct c2s_rule_info *rule = c2s_rules(); rule->id; rule++)
        assert_non_null(strstr(b.text, rule->id));
    assert_true(n_rules > 10);
    finish(&b);
}

static void needs_are_told(void **state)
{
    (void)state;
    struct bench b;
    start(&b);
    struct c2s_error err = {0};
    assert_false(cmd_run_line(&b.ctx, "eval", &err));
    assert_int_equal(err.code, C2S_STATE);
    assert_string_equal(err.where, "eval");
    run(&b, "load fm_sep.h5");
    err = (struct c2s_error){0};
    assert_false(cmd_run_line(&b.ctx, "eval", &err));
    assert_string_equal(err.text, "needs data; try: data use PATH");
    run(&b, "");
    run(&b, "   # only a comment");
    finish(&b);
}

static bool stop(void *arg, const struct c2s_progress_event *event)
{
    (void)event;
    ++*(int *)arg;
    return true;
}

static void progress_stops_when_cancelled(void **state)
{
    (void)state;
    int n = 0;
    volatile sig_atomic_t cancelled = 0;
    struct cmd_ctx ctx = {.cancelled = &cancelled, .progress = stop, .progress_arg = &n};
    struct c2s_progress_event event = {.what = "x", .done = 1, .total = 2};
    assert_true(cmd_progress(&ctx, &event));
    assert_int_equal(n, 1);
    cancelled = 1;
    assert_false(cmd_progress(&ctx, &event));
    assert_int_equal(n, 1);
}

/* ---- completion ---- */

static void check_completion(struct cmd_ctx *ctx, const char *text, const char *const *expected)
{
    struct complete found;
    complete_line(ctx, text, &found);
    int n = 0;
    for (; expected[n]; n++)
        if (n >= found.n || strcmp(found.words[n], expected[n]) != 0)
            fail_msg("\"%s\" offers %s, not %s", text, n < found.n ? found.words[n] : "no more",
                     expected[n]);
    if (found.n != n)
        fail_msg("\"%s\" offers %s too", text, found.words[n]);
    complete_finish(&found);
}

static void words_are_completed(void **state)
{
    (void)state;
    struct bench b;
    start_tour(&b);
    run(&b, "tag vivid v1");
    struct cmd_ctx *ctx = &b.ctx;
    check_completion(ctx, "che", (const char *[]){"check", "checkout", NULL});
    check_completion(ctx, "  lay", (const char *[]){"layers", NULL});
    check_completion(ctx, "quantize ", (const char *[]){"activations", "weights", "all", NULL});
    check_completion(ctx, "quantize a", (const char *[]){"activations", "all", NULL});
    check_completion(ctx, "quantize all ", (const char *[]){NULL});
    check_completion(ctx, "quantize all 4 --l", (const char *[]){"--layers", NULL});
    check_completion(ctx, "quantize all 4 --rule ", (const char *[]){"1.8", "2.2", NULL});
    check_completion(ctx, "quantize all 4 --rule=2", (const char *[]){"--rule=2.2", NULL});
    check_completion(ctx, "hist den", (const char *[]){"dense", "dense_1", NULL});
    check_completion(ctx, "hist 'den", (const char *[]){NULL});
    check_completion(ctx, "hist dense --version ",
                     (const char *[]){"v1", "v2", "v3", "vivid", "HEAD", NULL});
    check_completion(ctx, "compare v1 v", (const char *[]){"v1", "v2", "v3", "vivid", NULL});
    check_completion(ctx, "check --level ak", (const char *[]){"akida", "akd1000", NULL});
    check_completion(ctx, "help quan", (const char *[]){"quantize", NULL});
    check_completion(ctx, "help ru", (const char *[]){"rules", NULL});
    check_completion(ctx, "check --pr", (const char *[]){"--profile", NULL});
    check_completion(ctx, "check --profile pre", (const char *[]){"preproduction", NULL});
    check_completion(ctx, "fix E05", (const char *[]){"E050", NULL}); /* E051 has no fix */
    check_completion(ctx, "fix separable_conv2d", (const char *[]){"separable_conv2d", NULL});
    check_completion(ctx, "fix --a", (const char *[]){"--all", "--approximate", NULL});
    check_completion(ctx, "eval --js", (const char *[]){"--json", NULL});
    check_completion(ctx, "nonsense ", (const char *[]){NULL});
    finish(&b);
}

static void files_are_completed_by_their_endings(void **state)
{
    (void)state;
    struct cmd_ctx ctx = {0};
    struct complete found;
    complete_line(&ctx, "load mod", &found);
    assert_true(found.is_path);
    assert_string_equal(found.endings[0], ".h5");
    complete_finish(&found);
    complete_line(&ctx, "data use ", &found);
    assert_true(found.is_path);
    assert_null(found.endings);
    complete_finish(&found);
    complete_line(&ctx, "load weights.h5 --config ", &found);
    assert_true(found.is_path);
    assert_string_equal(found.endings[0], ".json");
    complete_finish(&found);
    check_completion(&ctx, "checkout ", (const char *[]){NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sorted_and_complete),
        cmocka_unit_test(arguments_are_in_order_and_explained),
        cmocka_unit_test(related_commands_exist),
        cmocka_unit_test(names_may_be_shortened),
        cmocka_unit_test(every_example_runs),
        cmocka_unit_test(every_example_runs_as_json),
        cmocka_unit_test(help_explains_every_command_and_rule),
        cmocka_unit_test(needs_are_told),
        cmocka_unit_test(progress_stops_when_cancelled),
        cmocka_unit_test(words_are_completed),
        cmocka_unit_test(files_are_completed_by_their_endings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
