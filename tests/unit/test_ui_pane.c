/* Panes of the full screen without a terminal: what a list shows when it is narrow. */
#include "support.h"

#include "term/pane.h"
#include "view/glyph.h"

#include <locale.h>
#include <string.h>

static const char *const layer_keys[] = {"layer", "w", "see", "output", NULL};

static struct sheet *make_layers(void)
{
    struct sheet *s = sheet_create("%s", "");
    sheet_column(s, "layer", "layer", SHEET_LEFT);
    sheet_column(s, NULL, "w", SHEET_RIGHT);
    sheet_column(s, "output", "output", SHEET_LEFT);
    sheet_column(s, NULL, "see", SHEET_LEFT);
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, "block_12_separable_conv2d_of_the_second_branch");
    sheet_integer(s, 4);
    sheet_text(s, "112,112,128");
    sheet_text(s, "E005+1");
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, "dense");
    sheet_integer(s, 8);
    sheet_text(s, "10");
    sheet_text(s, "");
    return s;
}

static void lay_out(struct pane *p, int width)
{
    p->area = (struct screen_area){.height = 10, .width = width};
    pane_layout(p);
}

static void ids_stay_and_names_are_shortened(void **state)
{
    (void)state;
    struct pane p = {.title = "layers", .keys = layer_keys};
    struct sheet *s = make_layers();
    assert_true(pane_add(&p, s));
    sheet_destroy(s);
    lay_out(&p, 80);
    assert_string_equal(p.lines[0].text,
                        "block_12_separable_conv2d_of_the_second_branch 4 E005+1 112,112,128");
    assert_string_equal(p.left_out, "");
    assert_int_equal(pane_wanted_width(&p), glyph_width(p.lines[0].text) + 4);
    lay_out(&p, 32);
    assert_string_equal(p.lines[0].text, "block_12_sep~branch 4 E005+1");
    assert_string_equal(p.lines[1].text, "dense               8");
    assert_string_equal(p.left_out, "output");
    /* The row is found by what it stands for, shown or not. */
    assert_string_equal(pane_key(&p), "block_12_separable_conv2d_of_the_second_branch");
    pane_move(&p, 1);
    assert_true(pane_search(&p, "of_the_second", false));
    assert_int_equal(p.cursor, 0);
    pane_finish(&p);
}

/* Names of columns that live as long as their sheet are copied with it. */
static void a_pane_keeps_what_it_shows(void **state)
{
    (void)state;
    struct pane p = {.title = "sql"};
    struct sheet *s = sheet_create("%s", "");
    const char *name = sheet_keep(s, "accuracy");
    sheet_column(s, name, name, SHEET_LEFT);
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, "0.5");
    assert_true(pane_add(&p, s));
    sheet_destroy(s);
    lay_out(&p, 40);
    assert_int_equal(p.n_lines, 2);
    assert_non_null(strstr(p.lines[0].text, "accuracy"));
    pane_finish(&p);
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_stay_and_names_are_shortened),
        cmocka_unit_test(a_pane_keeps_what_it_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
