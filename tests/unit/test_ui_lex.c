/* Splitting command lines and typing their words. */
#include "support.h"

#include "cmd/args.h"
#include "cmd/suggest.h"

#include <stdlib.h>
#include <string.h>

static void check_words(const char *line, const char *const *expected)
{
    struct c2s_error err = {0};
    struct lex_words words;
    assert_ok(lex_line(line, &words, &err), &err);
    int n = 0;
    for (; expected[n]; n++) {
        assert_true(n < words.n);
        assert_string_equal(words.at[n].text, expected[n]);
    }
    assert_int_equal(words.n, n);
    lex_finish(&words);
}

static void words_are_split_at_blanks(void **state)
{
    (void)state;
    check_words("", (const char *[]){NULL});
    check_words("  \t ", (const char *[]){NULL});
    check_words(" eval  v3\t--json ", (const char *[]){"eval", "v3", "--json", NULL});
}

static void quotes_and_backslashes_keep_blanks(void **state)
{
    (void)state;
    check_words("load 'my model.h5'", (const char *[]){"load", "my model.h5", NULL});
    check_words("load \"a \\\"b\\\" \\\\ \\n\"", (const char *[]){"load", "a \"b\" \\ \\n", NULL});
    check_words("load my\\ model.h5", (const char *[]){"load", "my model.h5", NULL});
    check_words("a'b c'd \"\"", (const char *[]){"ab cd", "", NULL});
    check_words("load 'a\\'", (const char *[]){"load", "a\\", NULL});
}

static void a_tilde_is_the_home_folder(void **state)
{
    (void)state;
    assert_int_equal(setenv("HOME", "/homes/ann lee", 1), 0);
    check_words("load ~/m.h5 ~",
                (const char *[]){"load", "/homes/ann lee/m.h5", "/homes/ann lee", NULL});
    check_words("load ~/'my model.h5'",
                (const char *[]){"load", "/homes/ann lee/my model.h5", NULL});
    check_words("load '~/m.h5' \"~\" \\~/m.h5",
                (const char *[]){"load", "~/m.h5", "~", "~/m.h5", NULL});
    check_words("show HEAD~1 ~bob/m.h5 a~",
                (const char *[]){"show", "HEAD~1", "~bob/m.h5", "a~", NULL});
    assert_int_equal(unsetenv("HOME"), 0);
    check_words("load ~/m.h5", (const char *[]){"load", "~/m.h5", NULL});
}

static void comments_begin_only_at_a_word(void **state)
{
    (void)state;
    check_words("# nothing", (const char *[]){NULL});
    check_words("eval # all of it", (const char *[]){"eval", NULL});
    check_words("tag a#b '#c'", (const char *[]){"tag", "a#b", "#c", NULL});
}

static void columns_point_into_the_line(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct lex_words words;
    assert_ok(lex_line("hist  'a b' 3", &words, &err), &err);
    assert_int_equal(words.at[0].column, 1);
    assert_int_equal(words.at[1].column, 7);
    assert_int_equal(words.at[1].end, 11);
    assert_int_equal(words.at[2].column, 13);
    assert_true(words.at[1].is_quoted);
    assert_false(words.at[2].is_quoted);
    lex_finish(&words);
}

static void open_quotes_say_where(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct lex_words words;
    assert_false(lex_line("load 'abc", &words, &err));
    assert_int_equal(err.code, C2S_USAGE);
    assert_non_null(strstr(err.text, "column 6"));
    assert_true(lex_goes_on("load 'abc"));
    assert_true(lex_goes_on("load abc \\"));
    assert_false(lex_goes_on("load abc # it's"));
    assert_false(lex_goes_on("load 'abc'"));
    assert_false(lex_goes_on("load abc # \\"));
}

static const char *const whats[] = {"activations", "weights", "all", NULL};
static const struct cmd_entry sample = {
    .name = "sample",
    .args = (const struct cmd_arg[]){
        {.name = "WHAT", .type = ARG_CHOICE, .choices = whats, .is_required = true},
        {.name = "BITS", .type = ARG_INTEGER, .low = 1, .high = 8, .is_required = true},
        {.name = "VERSION", .type = ARG_VERSION, .is_repeated = true},
        {.name = "--scale", .value = "X", .type = ARG_REAL, .low = -10, .high = 1e9},
        {.name = "--no-fold", .type = ARG_FLAG},
        {.name = "--limit", .value = "N", .type = ARG_INTEGER, .low = 0, .high = 1e6},
        {0}}};
static const struct cmd_entry sql = {
    .name = "sql",
    .args =
        (const struct cmd_arg[]){{.name = "SELECT", .type = ARG_REST, .is_required = true}, {0}}};

static struct cmd_args *parse(const struct cmd_entry *entry, const char *line, bool *json,
                              struct c2s_error *err)
{
    struct lex_words words;
    struct cmd_args *a = NULL;
    assert_ok(lex_line(line, &words, err), err);
    if (!args_parse(entry, &words, line, &a, json, err))
        assert_null(a);
    lex_finish(&words);
    return a;
}

static void arguments_are_typed(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    bool json;
    struct cmd_args *a =
        parse(&sample, "sample act 4 --scale=-2.5 v1 --no-fold --lim 7 -- --odd", &json, &err);
    assert_ok(a != NULL, &err);
    assert_string_equal(cmd_text(a, "WHAT"), "activations");
    assert_int_equal(cmd_integer(a, "BITS", -1), 4);
    assert_int_equal(cmd_integer(a, "--limit", -1), 7);
    assert_true(cmd_real(a, "--scale", 0) == -2.5);
    assert_true(cmd_flag(a, "--no-fold"));
    assert_int_equal(cmd_count(a, "VERSION"), 2);
    assert_string_equal(cmd_text_at(a, "VERSION", 0), "v1");
    assert_string_equal(cmd_text_at(a, "VERSION", 1), "--odd");
    assert_false(json);
    args_destroy(a);

    a = parse(&sample, "sample weights 2 --json", &json, &err);
    assert_true(json);
    assert_int_equal(cmd_count(a, "VERSION"), 0);
    assert_null(cmd_text(a, "VERSION"));
    assert_true(cmd_real(a, "--scale", 1.5) == 1.5);
    args_destroy(a);
}

static void check_usage(const char *line, const char *expected)
{
    struct c2s_error err = {0};
    bool json;
    assert_null(parse(&sample, line, &json, &err));
    assert_int_equal(err.code, C2S_USAGE);
    if (!strstr(err.text, expected))
        fail_msg("\"%s\" does not say \"%s\": %s", line, expected, err.text);
}

static void wrong_arguments_name_what_is_expected(void **state)
{
    (void)state;
    check_usage("sample", "WHAT is missing; the form is: sample activations|weights|all BITS");
    check_usage("sample weights", "BITS is missing");
    check_usage("sample all 9", "BITS takes a whole number from 1 to 8, not \"9\"");
    check_usage("sample all 4x", "not \"4x\"");
    check_usage("sample a 4", "WHAT is activations, weights or all, not \"a\"");
    check_usage("sample all 4 --scale", "--scale needs a value: --scale X");
    check_usage("sample all 4 --scale nan", "not \"nan\"");
    check_usage("sample all 4 --scale=", "--scale must not be empty");
    check_usage("sample all 4 --no-fold=1", "takes no value");
    check_usage("sample all 4 --limit 1 --limit 2", "given twice");
    check_usage("sample all 4 --bogus", "sample has no option --bogus; 'help sample'");
    check_usage("sample all 99999999999999999999", "whole number");
}

static void one_positional_too_many_shows_the_form(void **state)
{
    (void)state;
    const struct cmd_entry none = {.name = "gc", .args = (const struct cmd_arg[]){{0}}};
    struct c2s_error err = {0};
    bool json;
    assert_null(parse(&none, "gc all", &json, &err));
    assert_string_equal(err.text, "\"all\" is one argument too many; the form is: gc");
}

static void the_rest_is_taken_as_typed(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    bool json;
    struct cmd_args *a = parse(&sql, "sql SELECT  'a b', \"x\" FROM t -- note", &json, &err);
    assert_string_equal(cmd_text(a, "SELECT"), "SELECT  'a b', \"x\" FROM t -- note");
    args_destroy(a);
    a = parse(&sql, "sql \"SELECT 'a'\" --json", &json, &err);
    assert_string_equal(cmd_text(a, "SELECT"), "SELECT 'a'");
    assert_true(json);
    args_destroy(a);
    assert_null(parse(&sql, "sql", &json, &err));
    assert_int_equal(err.code, C2S_USAGE);
}

static void distances_count_edits(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("", ""), 0);
    assert_int_equal(suggest_distance("eval", "eval"), 0);
    assert_int_equal(suggest_distance("", "abc"), 3);
    assert_int_equal(suggest_distance("quantise", "quantize"), 1);
    assert_int_equal(suggest_distance("laod", "load"), 1);
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
    struct suggestion s = {0};
    suggest_offer(&s, "chekc", "compare");
    assert_null(s.best);
    suggest_offer(&s, "chekc", "checkout");
    suggest_offer(&s, "chekc", "check");
    assert_string_equal(s.best, "check");
    s = (struct suggestion){0};
    suggest_offer(&s, "bad", "load");
    suggest_offer(&s, "ls", "log");
    suggest_offer(&s, "ls", "rm");
    assert_null(s.best);
    suggest_offer(&s, "lgo", "log");
    assert_string_equal(s.best, "log");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_at_blanks),
        cmocka_unit_test(quotes_and_backslashes_keep_blanks),
        cmocka_unit_test(a_tilde_is_the_home_folder),
        cmocka_unit_test(comments_begin_only_at_a_word),
        cmocka_unit_test(columns_point_into_the_line),
        cmocka_unit_test(open_quotes_say_where),
        cmocka_unit_test(arguments_are_typed),
        cmocka_unit_test(wrong_arguments_name_what_is_expected),
        cmocka_unit_test(one_positional_too_many_shows_the_form),
        cmocka_unit_test(the_rest_is_taken_as_typed),
        cmocka_unit_test(distances_count_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
