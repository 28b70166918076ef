/* Views that draw or phrase: histograms as characters, short texts. */
#include "support.h"
#include "chains.h"
#include "printed.h"

#include "view/view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *draw(const struct c2s_layer_histogram *h, int columns, bool use_blocks)
{
    struct view_hist_options o = {.version = "v1",
                                  .of = "weights",
                                  .height = 2,
                                  .columns = columns,
                                  .use_blocks = use_blocks};
    struct sheet *s = view_histogram(h, &o);
    char *text = print_sheet(s, (struct print_as){0});
    sheet_destroy(s);
    return text;
}

static void histograms_are_drawn(void **state)
{
    (void)state;
    int64_t plain[4] = {0, 1, 8, 4}, quantized[4] = {0, 0, 3, 0};
    struct c2s_layer_histogram h = {.plain = {.low = 0, .high = 4, .n_bins = 4, .counts = plain},
                                    .layer = "a",
                                    .clipped_fraction = NAN,
                                    .sqnr_db = NAN};
    h.plain.n = 13;
    char *text = draw(&h, 80, false);
    assert_non_null(strstr(text, "a weights of v1, 13 values\n"
                                 "      8 |  #\n"
                                 "      4 | .##\n"
                                 "      0 +----\n"));
    free(text);
    text = draw(&h, 80, true);
    assert_non_null(strstr(text, "      8 |  \u2588\n"
                                 "      4 | \u2582\u2588\u2588\n"));
    free(text);
    h.has_quantized = true;
    h.quantized = h.plain;
    h.quantized.counts = quantized;
    h.n_levels = 3;
    text = draw(&h, 80, false);
    assert_non_null(strstr(text, "      8 |  #\n"
                                 "      4 | .#:\n"));
    free(text);
}

static void bins_that_do_not_fit_are_merged(void **state)
{
    (void)state;
    int64_t plain[20];
    for (int i = 0; i < 20; i++)
        plain[i] = i < 10 ? 1 : 3;
    struct c2s_layer_histogram h = {.plain = {.low = 0, .high = 20, .n_bins = 20, .counts = plain},
                                    .layer = "a",
                                    .clipped_fraction = NAN,
                                    .sqnr_db = NAN};
    char *text = draw(&h, 19, false); /* 10 columns: two bins each */
    assert_non_null(strstr(text, "      6 |     #####\n"));
    assert_non_null(strstr(text, "      0 +----------\n"));
    free(text);
}

static void levels_are_marked_on_the_axis(void **state)
{
    (void)state;
    int64_t plain[12] = {5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    struct c2s_layer_histogram h = {.plain = {.low = 0, .high = 6, .n_bins = 12, .counts = plain},
                                    .layer = "a",
                                    .step = 2,
                                    .n_levels = 4,
                                    .clipped_fraction = 0.25,
                                    .sqnr_db = NAN};
    char *text = draw(&h, 80, false);
    assert_non_null(strstr(text, "      0 ++---+---+--+\n"));
    assert_non_null(strstr(text, "4 levels every 2, at the last level 25.0 %\n"));
    free(text);
}

static void an_empty_histogram_is_no_picture(void **state)
{
    (void)state;
    int64_t plain[2] = {0, 0};
    struct c2s_layer_histogram h = {.plain = {.n_bins = 2, .counts = plain, .n_nan = 3, .n = 3},
                                    .layer = "a",
                                    .clipped_fraction = NAN,
                                    .sqnr_db = NAN};
    char *text = draw(&h, 80, false);
    assert_null(strchr(text, '|'));
    assert_non_null(strstr(text, "3 NaN and 0 infinite values: not drawn"));
    free(text);
}

static void texts_are_short(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(view_bytes(0, out, sizeof out), "0 B");
    assert_string_equal(view_bytes(999, out, sizeof out), "999 B");
    assert_string_equal(view_bytes(1000, out, sizeof out), "1.0 kB");
    assert_string_equal(view_bytes(204321, out, sizeof out), "204 kB");
    assert_string_equal(view_bytes(1624872, out, sizeof out), "1.6 MB");
    assert_string_equal(view_count(1, "error", out, sizeof out), "1 error");
    assert_string_equal(view_count(0, "error", out, sizeof out), "0 errors");
    assert_string_equal(view_count(1234, "layer", out, sizeof out), "1,234 layers");
    assert_string_equal(sheet_group_digits(-123, out, sizeof out), "-123");
    assert_string_equal(sheet_group_digits(-1234567, out, sizeof out), "-1,234,567");
}

static void bits_are_summed_up(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    char out[64];
    struct c2s_model *m = c2s_model_create("m", &err);
    assert_non_null(m);
    struct c2s_layer *first = chain_add(m, C2S_OP_CONV2D, "a");
    struct c2s_layer *relu = chain_add(m, C2S_OP_RELU, "b");
    struct c2s_layer *second = chain_add(m, C2S_OP_DENSE, "c");
    struct c2s_layer *third = chain_add(m, C2S_OP_DENSE, "d");
    int64_t dims[2] = {10, 10};
    second->params[C2S_KERNEL] = c2s_tensor_create(C2S_F32, 2, dims, &err);
    second->params[C2S_BIAS] = c2s_tensor_create(C2S_F32, 1, dims, &err);
    assert_string_equal(view_bits(m, out, sizeof out), "float");
    assert_int_equal(view_parameter_bytes(m), 440);
    second->quantizer = (struct c2s_quantizer_spec){.id = C2S_QUANTIZER_MAX, .bitwidth = 4};
    assert_string_equal(view_bits(m, out, sizeof out), "w4+float");
    assert_int_equal(view_parameter_bytes(m), 90);
    third->quantizer = second->quantizer;
    third->quantizer.bitwidth = 2;
    first->quantizer = second->quantizer;
    first->quantizer.bitwidth = 8;
    relu->op = C2S_OP_QUANTIZED_RELU;
    relu->attr.quantized_relu = (struct c2s_quantized_relu_attr){.bitwidth = 4};
    assert_string_equal(view_bits(m, out, sizeof out), "w2-4 a4 i8");
    c2s_model_destroy(m);
}

static void one_is_no_plural(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    char out[200];
    int64_t dims[1] = {1};
    struct c2s_model *m = c2s_model_create("m", &err);
    assert_non_null(m);
    struct c2s_layer *only = chain_add(m, C2S_OP_DENSE, "a");
    only->params[C2S_BIAS] = c2s_tensor_create(C2S_F32, 1, dims, &err);
    assert_non_null(strstr(view_model_line(m, out, sizeof out), ", 1 layer, 1 parameter"));
    assert_null(strstr(out, "layers"));
    assert_null(strstr(out, "parameters"));
    c2s_model_destroy(m);
}

static void trainings_are_told_by_how_they_ended(void **state)
{
    (void)state;
    char interrupted[] = "retrain --epochs 5", tried[] = "retrain --lr 1", none[] = "",
         note[] = "the loss is no number", out[200];
    struct view_training at[] = {
        {.version = 2, .step = interrupted, .note = none, .n_epochs = 1},
        {.version = 2, .step = interrupted, .note = none, .n_epochs = 2},
        {.version = 2, .step = tried, .note = note, .n_epochs = 1, .is_ended = true},
        {.version = 2, .step = interrupted, .note = none, .n_epochs = 3, .is_live = true},
        {.version = 3, .step = interrupted, .note = none}};
    struct view_trainings all = {.at = at, .n = 5};
    assert_ptr_equal(view_interrupted(&all, 2), &at[1]); /* the newest: what --resume takes */
    assert_ptr_equal(view_interrupted(&all, 3), &at[4]);
    assert_null(view_interrupted(&all, 1));
    assert_string_equal(view_training_state(&at[4], out, sizeof out),
                        "interrupted in its first epoch");
    struct sheet *s = sheet_create("%s", "");
    view_add_trainings(s, &all, 2);
    static const char *const expected[] = {
        "resume:   interrupted after epoch 1: retrain --epochs 5",
        "resume:   interrupted after epoch 2: retrain --epochs 5",
        "tried:    1 epoch, none better; the loss is no number: retrain --lr 1",
        "trained:  another shell is at work after epoch 3: retrain --epochs 5"};
    assert_int_equal(s->before.n, 4);
    for (int i = 0; i < s->before.n; i++)
        assert_string_equal(s->before.at[i].text, expected[i]);
    sheet_destroy(s);
}

/* By kind, each label once; at most as many of a kind as asked for, and the rest counted. */
static void a_load_report_is_grouped_and_cut(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_model *m = c2s_model_create("m", &err);
    assert_non_null(m);
    for (int i = 0; i < 5; i++) {
        assert_ok(c2s_model_add_note(m, C2S_NOTE_ASSUMED, &err, "a%d", i), &err);
        assert_ok(c2s_model_add_note(m, C2S_NOTE_SKIPPED, &err, "s%d", i), &err);
    }
    assert_ok(c2s_model_add_note(m, C2S_NOTE_READ, &err, "r"), &err);
    struct sheet *s = sheet_create("%s", "");
    view_add_report(s, m, 2);
    static const char *const expected[] = {"read:     r",
                                           "skipped:  s0",
                                           "          s1",
                                           "          and 3 remarks more: 'show' lists all",
                                           "assumed:  a0",
                                           "          a1",
                                           "          and 3 remarks more: 'show' lists all"};
    assert_int_equal(s->before.n, sizeof expected / sizeof expected[0]);
    for (int i = 0; i < s->before.n; i++)
        assert_string_equal(s->before.at[i].text, expected[i]);
    sheet_destroy(s);
    s = sheet_create("%s", "");
    view_add_report(s, m, 0);
    assert_int_equal(s->before.n, 11);
    sheet_destroy(s);
    c2s_model_destroy(m);
}

static void a_diverged_loss_is_short(void **state)
{
    (void)state;
    char out[160];
    struct c2s_epoch e = {
        .epoch = 1, .loss = 11435270.4903, .accuracy = 0.5, .validation_accuracy = NAN};
    assert_string_equal(view_epoch_line(&e, 2, out, sizeof out),
                        "epoch 1/2: loss 1.144e+07, accuracy 50.00 %");
    e.loss = 0.41551;
    assert_string_equal(view_epoch_line(&e, 2, out, sizeof out),
                        "epoch 1/2: loss 0.4155, accuracy 50.00 %");
    struct c2s_train_now now = {
        .epoch = 1, .n_epochs = 2, .done = 1, .total = 2, .loss = 212074.8857, .learning_rate = 1};
    struct view_curve none = {0};
    assert_string_equal(view_train_line(&now, &none, out, sizeof out),
                        "epoch 1/2  loss 2.121e+05   training 0.0 %  lr 1");
}

static void an_ended_epoch_is_told_with_its_validation(void **state)
{
    (void)state;
    char out[200];
    struct c2s_epoch e = {
        .epoch = 2, .loss = 0.5, .accuracy = 0.75, .validation_accuracy = 0.8, .is_best = true};
    struct c2s_train_now now = {.epoch = 2, .n_epochs = 3, .ended = &e};
    assert_string_equal(
        view_ended_line(&now, out, sizeof out),
        "epoch 2/3: loss 0.5000, accuracy 75.00 %, validation 80.00 %, best so far");
    e.epoch = 0;
    assert_string_equal(view_ended_line(&now, out, sizeof out), "before: validation 80.00 %");
}

static void steps_show_their_data_last(void **state)
{
    (void)state;
    char out[256];
    assert_string_equal(
        view_step("calibrate ranges --data /a/b,split=train --method mse", out, sizeof out),
        "calibrate ranges --method mse --data /a/b,split=train");
    assert_string_equal(
        view_step("calibrate bias --data /usr/share/datasets/fashion,limit=5", out, sizeof out),
        "calibrate bias --data .../fashion,limit=5");
    assert_string_equal(view_step("retrain --data '/my data/it' --lr 1", out, sizeof out),
                        "retrain --lr 1 --data '/my data/it'");
    assert_string_equal(view_step("retrain --data \"/a '\\\" b\" --lr 1", out, sizeof out),
                        "retrain --lr 1 --data \"/a '\\\" b\"");
    assert_string_equal(view_step("retrain --lr 1 --data x", out, sizeof out),
                        "retrain --lr 1 --data x");
    assert_string_equal(view_step("quantize all 4", out, sizeof out), "quantize all 4");
}

/* What no epoch of a training bettered is tried again at a rate that can help. */
static char *advice_after(double rate)
{
    struct c2s_epoch before = {.epoch = 0,
                               .learning_rate = NAN,
                               .loss = NAN,
                               .accuracy = NAN,
                               .validation_loss = 0.5,
                               .validation_accuracy = 0.8};
    struct c2s_retrained result = {.parent = 1, .report = {.epochs = &before, .n_epochs = 1}};
    struct c2s_retrain_plan plan = {.train = c2s_train_defaults()};
    struct c2s_model *m = chain_create(4, 4, 1);
    chain_dense(m, "scores", 2);
    chain_finish(m);
    struct c2s_version version = {.info = {.id = 1}, .model = m};
    plan.data = "my data";
    plan.train.validation = 0.2;
    plan.train.optimizer.kind = C2S_SGD;
    plan.train.schedule = C2S_SCHEDULE_STEP;
    plan.train.stop_after = 1; /* no part of an advice */
    plan.train.learning_rate = rate;
    struct view_retrained v = {.version = &version, .result = &result, .plan = &plan};
    struct sheet *s = view_retrained(&v);
    char *text = print_sheet(s, (struct print_as){0});
    sheet_destroy(s);
    c2s_model_destroy(m);
    for (char *at = text; (at = strchr(at, '\n'));)
        *at = ' '; /* where the screen ends does not matter */
    return text;
}

static void a_rate_that_can_help_is_advised(void **state)
{
    (void)state;
    char *text = advice_after(1000);
    assert_non_null(strstr(text, "the learning rate was 1000; the usual one is 0.0005"));
    assert_non_null(strstr(text, "Next: retrain --data 'my data' --validation 0.2 --epochs 3 --lr "
                                 "0.0005 --optimizer sgd --schedule step"));
    free(text);
    text = advice_after(5e-4);
    assert_non_null(strstr(text, "a smaller learning rate or more --epochs may do better"));
    assert_non_null(strstr(text, "--lr 5e-05 --optimizer"));
    free(text);
    assert_true(c2s_train_gentler_rate(1000) == 5e-4);
    assert_true(c2s_train_gentler_rate(1e-3) == 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histograms_are_drawn),
        cmocka_unit_test(bins_that_do_not_fit_are_merged),
        cmocka_unit_test(levels_are_marked_on_the_axis),
        cmocka_unit_test(an_empty_histogram_is_no_picture),
        cmocka_unit_test(texts_are_short),
        cmocka_unit_test(bits_are_summed_up),
        cmocka_unit_test(one_is_no_plural),
        cmocka_unit_test(trainings_are_told_by_how_they_ended),
        cmocka_unit_test(a_load_report_is_grouped_and_cut),
        cmocka_unit_test(a_diverged_loss_is_short),
        cmocka_unit_test(an_ended_epoch_is_told_with_its_validation),
        cmocka_unit_test(steps_show_their_data_last),
        cmocka_unit_test(a_rate_that_can_help_is_advised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
