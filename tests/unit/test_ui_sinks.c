/* The four printed forms of one sheet, and text that must not reach a terminal as it is. */
#include "support.h"

#include "printed.h"
#include "text/color.h"
#include "view/glyph.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sheet *make_sheet(void)
{
    struct sheet *s = sheet_create("layers of v%d", 3);
    sheet_column(s, "name", "layer", SHEET_LEFT);
    sheet_column(s, "n", "params", SHEET_RIGHT);
    sheet_column(s, "share", "share", SHEET_RIGHT);
    sheet_column(s, "hash", NULL, SHEET_LEFT);
    sheet_column(s, "note", "note", SHEET_LEFT);
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, "conv2d");
    sheet_integer(s, 401408);
    sheet_percent(s, 0.5, 1);
    sheet_text(s, "ab");
    sheet_text(s, "a, \"b\"|");
    sheet_row(s, SHEET_ERROR);
    sheet_text(s, "re_lu");
    sheet_none(s);
    sheet_real(s, NAN, 2);
    sheet_none(s);
    sheet_text(s, "");
    sheet_note(s, SHEET_DIM, "why");
    sheet_before(s, SHEET_PLAIN, "before");
    sheet_after(s, SHEET_PLAIN, "after");
    sheet_next(s, "Next: eval");
    return s;
}

static void check_print(struct sheet *s, const char *mode, const char *expected)
{
    char *text = print_sheet(s, (struct print_as){.mode = mode});
    assert_string_equal(text, expected);
    free(text);
    sheet_destroy(s);
}

static void tables_are_aligned(void **state)
{
    (void)state;
    check_print(make_sheet(), "table",
                "layers of v3\n"
                "before\n"
                "layer    params   share  note\n"
                "conv2d  401,408  50.0 %  a, \"b\"|\n"
                "re_lu         -       -\n"
                "      why\n"
                "after\n"
                "Next: eval\n");
}

static void json_is_an_array_of_rows(void **state)
{
    (void)state;
    check_print(
        make_sheet(), "json",
        "[{\"name\": \"conv2d\", \"n\": 401408, \"share\": 0.5, \"hash\": \"ab\", "
        "\"note\": \"a, \\\"b\\\"|\"}, "
        "{\"name\": \"re_lu\", \"n\": null, \"share\": null, \"hash\": null, \"note\": \"\"}]\n");
}

static void facts_make_json_an_object(void **state)
{
    (void)state;
    struct sheet *s = make_sheet();
    sheet_fact_text(s, "version", "v3");
    sheet_fact_bool(s, "ok", true);
    sheet_fact_real(s, "x", INFINITY);
    sheet_fact_item(s, "notes", NULL);
    sheet_fact_item(s, "many", "one");
    sheet_fact_item(s, "many", "two");
    struct sheet *rows = sheet_create("%s", "");
    sheet_column(rows, "epoch", NULL, SHEET_RIGHT);
    sheet_column(rows, NULL, "for people", SHEET_RIGHT);
    sheet_row(rows, SHEET_PLAIN);
    sheet_integer(rows, 2);
    sheet_text(rows, "two");
    sheet_fact_rows(s, "epochs", rows);
    sheet_rows_key(s, "layers");
    struct sheet *copy = sheet_clone(s);
    sheet_destroy(s);
    char *text = print_sheet(copy, (struct print_as){.mode = "json"});
    const char *begin =
        "{\"version\": \"v3\", \"ok\": true, \"x\": null, \"notes\": [], "
        "\"many\": [\"one\", \"two\"], \"epochs\": [{\"epoch\": 2}], \"layers\": [{\"name\"";
    assert_memory_equal(text, begin, strlen(begin));
    free(text);
    sheet_destroy(copy);
    check_print(sheet_create("%s", ""), "json", "{}\n");
}

static void csv_quotes_what_must_be_quoted(void **state)
{
    (void)state;
    check_print(make_sheet(), "csv",
                "name,n,share,hash,note\n"
                "conv2d,401408,0.5,ab,\"a, \"\"b\"\"|\"\n"
                "re_lu,,,,\n");
    struct sheet *s = sheet_create("%s", "");
    sheet_fact_text(s, "version", "v3");
    sheet_fact_real(s, "accuracy", 0.1);
    check_print(s, "csv", "version,accuracy\nv3,0.1\n");
}

static void markdown_escapes_pipes(void **state)
{
    (void)state;
    check_print(make_sheet(), "md",
                "**layers of v3**\n\n"
                "    before\n\n"
                "| layer | params | share | note |\n"
                "|---|---:|---:|---|\n"
                "| conv2d | 401,408 | 50.0 % | a, \"b\"\\| |\n"
                "| re_lu | - | - |  |\n\n"
                "    after\n\n");
}

static void colour_only_when_asked(void **state)
{
    (void)state;
    struct sheet *s = make_sheet();
    char *text = print_sheet(s, (struct print_as){.color = true});
    assert_non_null(strstr(text, "\033[31mre_lu\033[0m"));
    free(text);
    text = print_sheet(s, (struct print_as){.mode = "json", .color = true});
    assert_null(strchr(text, '\033'));
    free(text);
    sheet_destroy(s);
    setenv("NO_COLOR", "1", 1);
    assert_false(color_is_wanted(COLOR_AUTO, stdout));
    assert_true(color_is_wanted(COLOR_ALWAYS, stdout));
    unsetenv("NO_COLOR");
    assert_false(color_is_wanted(COLOR_NEVER, stdout));
}

static void names_cannot_control_the_terminal(void **state)
{
    (void)state;
    struct sheet *s = sheet_create("%s", "");
    sheet_column(s, "name", "name", SHEET_LEFT);
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, "a\033[2Jb\nc\x80\xc2\x9b");
    sheet_before(s, SHEET_PLAIN, "x\ry");
    check_print(s, "table", "x?y\nname\na?[2Jb?c??\n");
}

static void widths_count_columns_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(glyph_width("abc"), 3);
    assert_int_equal(glyph_width("\xc3\xa4\xe2\x96\x88"), 2);
    assert_int_equal(glyph_fit("\xc3\xa4\xe2\x96\x88x", 2), 5);
    size_t skip;
    assert_int_equal(glyph_wrap("one two", 5, &skip), 3);
    assert_int_equal(skip, 1);
    assert_int_equal(glyph_wrap("onetwo", 5, &skip), 5);
    assert_int_equal(skip, 0);
}

static void failures_are_told_in_both_forms(void **state)
{
    (void)state;
    struct c2s_error err = {.code = C2S_USAGE, .where = "steps.c2s:3: eval", .text = "no \"data\""};
    char *out_text = NULL, *message_text = NULL;
    size_t out_size, message_size;
    FILE *out = open_memstream(&out_text, &out_size);
    FILE *messages = open_memstream(&message_text, &message_size);
    struct text_sink t;
    text_sink_init(&t, out, messages);
    t.sink.ops->tell(&t.sink, &err, true);
    t.sink.ops->tell(&t.sink, &err, false);
    assert_string_equal(message_text, "steps.c2s:3: eval: no \"data\"\n"
                                      "error: steps.c2s:3: eval: no \"data\"\n");
    assert_string_equal(t.sink.ops->mode(&t.sink, "json"), "table");
    assert_null(t.sink.ops->mode(&t.sink, "xml"));
    t.sink.ops->tell(&t.sink, &err, true);
    assert_string_equal(out_text,
                        "{\"error\": {\"code\": \"usage\", \"where\": \"steps.c2s:3: eval\", "
                        "\"rule\": null, \"text\": \"no \\\"data\\\"\"}}\n");
    fclose(out);
    fclose(messages);
    free(out_text);
    free(message_text);
}

/* What a command shows before it fails, and the failure, are one document. */
static void a_failure_is_part_of_the_document(void **state)
{
    (void)state;
    struct c2s_error err = {.code = C2S_GATE, .where = "eval", .text = "too low"}, none = {0};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct text_sink t;
    struct sheet *s = sheet_create("%s", "");
    sheet_fact_integer(s, "n", 3);
    text_sink_init(&t, out, out);
    t.mode = TEXT_JSON;
    t.sink.failure = &err;
    assert_true(t.sink.ops->show(&t.sink, s, &none));
    t.sink.failure = NULL;
    t.sink.ops->tell(&t.sink, &err, false); /* told already */
    assert_true(t.sink.ops->show(&t.sink, s, &none));
    t.sink.ops->tell(&t.sink, &err, false);
    sheet_destroy(s);
    fclose(out);
    assert_string_equal(text, "{\"n\": 3, \"error\": {\"code\": \"gate\", \"where\": \"eval\", "
                              "\"rule\": null, \"text\": \"too low\"}}\n"
                              "{\"n\": 3}\n"
                              "{\"error\": {\"code\": \"gate\", \"where\": \"eval\", "
                              "\"rule\": null, \"text\": \"too low\"}}\n");
    free(text);
}

/* A failure that stems from a rule names it, and where to read more. */
static void rules_of_failures_are_told(void **state)
{
    (void)state;
    struct c2s_error err = {.code = C2S_UNSUPPORTED, .text = "E005: a; b", .rule = "E005"};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct text_sink t;
    text_sink_init(&t, out, out);
    t.sink.ops->tell(&t.sink, &err, false);
    assert_string_equal(t.sink.ops->mode(&t.sink, "json"), "table");
    t.sink.ops->tell(&t.sink, &err, false);
    fclose(out);
    assert_string_equal(text, "error: E005: a; b\nNext: help E005, check\n"
                              "{\"error\": {\"code\": \"unsupported\", \"where\": \"\", "
                              "\"rule\": \"E005\", \"text\": \"E005: a; b\"}}\n");
    free(text);
}

static void a_full_disk_is_noticed(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    struct text_sink t;
    struct c2s_error err = {0};
    text_sink_init(&t, full, stderr);
    struct sheet *s = make_sheet();
    assert_false(t.sink.ops->show(&t.sink, s, &err));
    assert_int_equal(err.code, C2S_IO);
    assert_int_not_equal(t.output_error, 0);
    sheet_destroy(s);
    fclose(full);
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_aligned),
        cmocka_unit_test(json_is_an_array_of_rows),
        cmocka_unit_test(facts_make_json_an_object),
        cmocka_unit_test(csv_quotes_what_must_be_quoted),
        cmocka_unit_test(markdown_escapes_pipes),
        cmocka_unit_test(colour_only_when_asked),
        cmocka_unit_test(names_cannot_control_the_terminal),
        cmocka_unit_test(widths_count_columns_not_bytes),
        cmocka_unit_test(failures_are_told_in_both_forms),
        cmocka_unit_test(a_failure_is_part_of_the_document),
        cmocka_unit_test(rules_of_failures_are_told),
        cmocka_unit_test(a_full_disk_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
