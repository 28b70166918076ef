/* Tables on narrow screens: no number is ever cut, and what is left out is named. */
#include "support.h"

#include "base/rng.h"
#include "printed.h"
#include "text/columns.h"
#include "view/glyph.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static void check(struct sheet *s, int width, const char *expected)
{
    char *text = print_sheet(s, (struct print_as){.width = width});
    assert_string_equal(text, expected);
    free(text);
}

/* As retrain shows its epochs. */
static struct sheet *make_epochs(void)
{
    struct sheet *s = sheet_create("%s", "");
    sheet_column(s, "epoch", "epoch", SHEET_RIGHT);
    sheet_column(s, "loss", "val loss", SHEET_RIGHT);
    sheet_minor(s, 2);
    sheet_column(s, "accuracy", "validation", SHEET_RIGHT);
    sheet_column(s, "rate", "lr", SHEET_RIGHT);
    sheet_minor(s, 1);
    sheet_column(s, NULL, "", SHEET_LEFT);
    sheet_row(s, SHEET_PLAIN);
    sheet_integer(s, 12);
    sheet_real(s, 0.70821, 4);
    sheet_percent(s, 0.66667, 2);
    sheet_text(s, "5.3e-05");
    sheet_text(s, "kept");
    return s;
}

static void minor_columns_go_first_and_are_named(void **state)
{
    (void)state;
    struct sheet *s = make_epochs();
    check(s, 42,
          "epoch  val loss  validation       lr\n"
          "   12    0.7082     66.67 %  5.3e-05  kept\n");
    check(s, 41,
          "epoch val loss validation      lr\n"
          "   12   0.7082    66.67 % 5.3e-05 kept\n");
    check(s, 37,
          "epoch  validation       lr\n"
          "   12     66.67 %  5.3e-05  kept\n"
          "no room for val loss: a wider screen\n"
          "or --json shows all\n");
    check(s, 28,
          "epoch  validation\n"
          "   12     66.67 %  kept\n"
          "no room for val loss, lr: a\n"
          "wider screen or --json shows\n"
          "all\n");
    sheet_destroy(s);
}

/* Columns of which none is minor, as those of sql. */
static void others_go_on_below_beside_the_keys(void **state)
{
    (void)state;
    struct sheet *s = sheet_create("%s", "");
    static const char *const names[] = {"version", "epoch", "loss", "accuracy", "is_kept"};
    for (int c = 0; c < 5; c++)
        sheet_column(s, names[c], names[c], SHEET_LEFT);
    for (int r = 0; r < 2; r++) {
        sheet_row(s, SHEET_PLAIN);
        sheet_text_or_number(s, "3");
        sheet_text_or_number(s, r ? "1" : "0");
        sheet_text_or_number(s, r ? "1.17162347894" : NULL);
        sheet_text_or_number(s, r ? "0.629622962296229" : "0.1");
        sheet_text_or_number(s, r ? "1" : "0");
    }
    check(s, 40,
          "version  epoch  loss\n"
          "3        0      -\n"
          "3        1      1.17162347894\n"
          "version epoch accuracy          is_kept\n"
          "3       0     0.1               0\n"
          "3       1     0.629622962296229 1\n");
    sheet_destroy(s);
}

static void text_is_shortened_or_wrapped(void **state)
{
    (void)state;
    struct sheet *s = sheet_create("%s", "");
    sheet_column(s, "a", "a", SHEET_LEFT);
    sheet_column(s, "b", "b", SHEET_LEFT);
    sheet_wraps(s);
    sheet_column(s, "c", "c", SHEET_LEFT);
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, "abcdefghijklmnopqrstuvwxyzabcd");
    sheet_text(s, "weights f -> 4 activations");
    sheet_text(s, "one two three four five six");
    check(s, 45,
          "a              b              c\n"
          "abcdefghi~abcd weights f -> 4 one two three\n"
          "               activations    four five six\n");
    sheet_destroy(s);
}

static void a_word_that_is_too_long_stands_alone(void **state)
{
    (void)state;
    struct sheet *s = sheet_create("%s", "");
    sheet_before(s, SHEET_PLAIN, "it is in /very/long/path/to/data,scale=255,limit=60 now");
    check(s, 20, "it is in\n/very/long/path/to/data,scale=255,limit=60\nnow\n");
    char *text = print_sheet(s, (struct print_as){.width = 20, .breaks_words = true});
    assert_string_equal(text, "it is in\n/very/long/path/to/\ndata,scale=255,\nlimit=60 now\n");
    free(text);
    sheet_destroy(s);
    s = sheet_create("%s", "");
    sheet_before(s, SHEET_PLAIN, "abcdefgh12345678 is 66.7 %% right");
    text = print_sheet(s, (struct print_as){.width = 12, .breaks_words = true});
    assert_string_equal(text, "abcdefgh\n12345678 is\n66.7 % right\n");
    free(text);
    text = print_sheet(s, (struct print_as){.width = 11, .breaks_words = true});
    assert_string_equal(text, "abcdefgh\n12345678 is\n66.7 %\nright\n");
    free(text);
    sheet_destroy(s);
}

static void check_cut(const char *text, int width, const char *expected)
{
    char *cut = columns_cut(text, width);
    assert_string_equal(cut, expected);
    free(cut);
}

static void cut_text_has_no_part_of_a_number(void **state)
{
    (void)state;
    check_cut("quantize weights 4", 18, "quantize weights 4");
    check_cut("quantize weights 4 --input 8", 12, "quantize we~");
    check_cut("retrain --epochs 1000 --lr 0.25", 20, "retrain --epochs ~");
    check_cut("retrain --epochs 10 --lr 0.25", 27, "retrain --epochs 10 --lr ~");
    check_cut("block_12_depthwise_conv_1234", 16, "block_12_d~_1234");
    check_cut("block_12_depthwise_conv_1234", 11, "block_12_d~");
    check_cut("block_12_depthwise_conv_1234", 8, "block_~");
}

/* ---- any table on any screen ---- */

static struct c2s_rng rng;

static int draw(int low, int high)
{
    return low + (int)c2s_rng_below(&rng, (uint64_t)(high - low + 1));
}

/* A number that no other cell has. */
static void make_number(int place, char *out, size_t size)
{
    snprintf(out, size, "%d.%0*d", place, draw(1, 14), draw(0, 9));
}

static void make_word(char *out, int longest)
{
    int n = draw(1, longest);
    for (int i = 0; i < n; i++)
        out[i] = (char)('a' + draw(0, 25));
    out[n] = '\0';
}

struct random_table {
    struct sheet *sheet;
    int n_rows, n_columns;
    bool has_numbers[10], is_minor[10];
    char number[6][10][24];
    char heading[10][8];
};

static void make_table(struct random_table *t)
{
    char word[40];
    *t = (struct random_table){.n_rows = draw(1, 6), .n_columns = draw(1, 10)};
    t->sheet = sheet_create("%s", "");
    for (int c = 0; c < t->n_columns; c++) {
        t->has_numbers[c] = draw(0, 2) > 0;
        snprintf(t->heading[c], sizeof t->heading[c], "h%c", 'A' + c);
        sheet_column(t->sheet, t->heading[c], t->heading[c], draw(0, 1) ? SHEET_RIGHT : SHEET_LEFT);
        t->is_minor[c] = draw(0, 2) == 0;
        if (t->is_minor[c])
            sheet_minor(t->sheet, draw(1, 3));
        if (draw(0, 4) == 0)
            sheet_wraps(t->sheet);
    }
    for (int r = 0; r < t->n_rows; r++) {
        sheet_row(t->sheet, SHEET_PLAIN);
        for (int c = 0; c < t->n_columns; c++) {
            make_word(word, t->sheet->columns[c].align == SHEET_RIGHT ? 12 : 30);
            make_number(100 * r + c + 1000, t->number[r][c], sizeof t->number[r][c]);
            sheet_text(t->sheet, t->has_numbers[c] ? t->number[r][c] : word);
        }
    }
}

static bool has_token(const char *text, const char *token)
{
    size_t n = strlen(token);
    for (const char *at = text; (at = strstr(at, token)); at++)
        if ((at == text || strchr(" \n", at[-1])) && strchr(" \n", at[n]))
            return true;
    return false;
}

static void check_table(const struct random_table *t, int width)
{
    char *text = print_sheet(t->sheet, (struct print_as){.width = width, .breaks_words = true});
    const char *left_out = strstr(text, "no room for ");
    for (int c = 0; c < t->n_columns; c++) {
        bool is_out = left_out && strstr(left_out, t->heading[c]);
        assert_true(is_out ? t->is_minor[c] : has_token(text, t->heading[c]));
        for (int r = 0; r < t->n_rows; r++)
            if (t->has_numbers[c] && has_token(text, t->number[r][c]) == is_out)
                fail_msg("%s on %d columns in\n%s", t->number[r][c], width, text);
    }
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        char *copy = strndup(line, n);
        if (glyph_width(copy) > width)
            fail_msg("wider than %d columns: %s", width, copy);
        free(copy);
        line += n + 1;
    }
    free(text);
}

static void numbers_are_whole_on_every_screen(void **state)
{
    (void)state;
    c2s_rng_seed(&rng, 5);
    int n_left_out = 0, n_parts = 0;
    for (int i = 0; i < 400; i++) {
        struct random_table t;
        make_table(&t);
        for (int width = 44; width <= 120; width += draw(1, 30))
            check_table(&t, width);
        char *text = print_sheet(t.sheet, (struct print_as){.width = 46});
        n_left_out += strstr(text, "no room for ") != NULL;
        const char *first = strstr(text, "hA");
        n_parts += first && strstr(first + 1, "hA");
        free(text);
        sheet_destroy(t.sheet);
    }
    assert_true(n_left_out > 50); /* the tables were wide enough to try both */
    assert_true(n_parts > 50);
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minor_columns_go_first_and_are_named),
        cmocka_unit_test(others_go_on_below_beside_the_keys),
        cmocka_unit_test(text_is_shortened_or_wrapped),
        cmocka_unit_test(a_word_that_is_too_long_stands_alone),
        cmocka_unit_test(cut_text_has_no_part_of_a_number),
        cmocka_unit_test(numbers_are_whole_on_every_screen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
