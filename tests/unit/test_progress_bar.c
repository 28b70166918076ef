/* The progress line of a training on terminals of every width: numbers are whole or not there. */
#include "support.h"

#include "term/progress_bar.h"
#include "view/glyph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is painted of a training at its learning rate of 7.6e-05; owned. */
static char *paint(int columns)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct c2s_train_now now = {.epoch = 3,
                                .n_epochs = 3,
                                .done = 95,
                                .total = 100,
                                .loss = 0.1288,
                                .accuracy = 0.955,
                                .learning_rate = 7.6e-5};
    struct c2s_progress_event event = {
        .what = "training v2", .done = 95, .total = 100, .training = &now};
    struct progress_bar b = {
        .out = out, .columns = columns, .pace = {.begun = 1e-9, .what = "training v2"}};
    assert_true(progress_bar_report(&b, &event));
    fclose(out);
    return text;
}

static void what_does_not_fit_goes_whole(void **state)
{
    (void)state;
    static const char begin[] = "\r\033[K";
    char *whole = paint(400);
    size_t lead = sizeof begin - 1;
    assert_non_null(strstr(whole, "  epoch 3/3  loss 0.129 "));
    assert_non_null(strstr(whole, "  training 95.5 %  lr 7.6e-05"));
    int width = glyph_width(whole + lead), n_cut = 0;
    for (int columns = 40; columns <= width + 1; columns++) {
        char *part = paint(columns);
        size_t n = strlen(part);
        assert_true(glyph_width(part + lead) < columns);
        assert_int_equal(strncmp(part, whole, n), 0);
        assert_true(whole[n] == '\0' || strncmp(whole + n, "  ", 2) == 0);
        n_cut += whole[n] != '\0';
        free(part);
    }
    assert_int_equal(n_cut, width + 1 - 40);
    free(whole);
}

static void the_pace_is_that_of_the_work_at_hand(void **state)
{
    (void)state;
    struct progress_pace p = {0};
    struct c2s_progress_event e = {.what = "training v2", .done = 40, .total = 100};
    progress_pace_note(&p, &e, 10); /* goes on with what was begun before */
    assert_true(progress_pace_left(&p, &e, 10) < 0);
    e.done = 60;
    progress_pace_note(&p, &e, 14);
    assert_float_equal(progress_pace_left(&p, &e, 14), 8, 1e-6); /* 20 in 4 s, 40 to go */
    e.done = 5;
    progress_pace_note(&p, &e, 20); /* less than before: begun anew */
    assert_true(progress_pace_left(&p, &e, 20) < 0);
    e.done = 10;
    progress_pace_note(&p, &e, 21);
    assert_float_equal(progress_pace_left(&p, &e, 21), 18, 1e-6);
    e.what = "evaluating v2";
    progress_pace_note(&p, &e, 30);
    assert_true(progress_pace_left(&p, &e, 30) < 0);
    e.total = 0; /* nobody knows how much there is */
    e.done = 20;
    progress_pace_note(&p, &e, 31);
    assert_true(progress_pace_left(&p, &e, 31) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_does_not_fit_goes_whole),
                                       cmocka_unit_test(the_pace_is_that_of_the_work_at_hand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
