/* Trainings that cannot begin: options out of range, data that does not fit the model. */
#include "support.h"
#include "nets.h"
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 80 };

static char *folder;
static struct c2s_dataset *data;

static int open_tiny(void **state)
{
    (void)state;
    folder = tiny_folder(N);
    data = tiny_data(folder);
    return 0;
}

static int close_tiny(void **state)
{
    (void)state;
    c2s_dataset_close(data);
    remove_temp_dir(folder);
    return 0;
}

static void refuses(const struct c2s_train_request *r, enum c2s_code code, const char *part)
{
    struct c2s_error err = {0};
    struct c2s_train_report report = {0};
    struct c2s_model *out = NULL;
    assert_false(c2s_train(r, &out, &report, &err));
    if (err.code != code || !strstr(err.text, part))
        fail_msg("%s: %s (%s), not '%s'", err.where, err.text, c2s_code_name(err.code), part);
    assert_null(out);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    struct c2s_model *m = tiny_model(5);
    struct c2s_train_options options = tiny_options();
    struct c2s_train_request r = {.model = m, .data = data, .options = &options};
#define REFUSES(field, value, code, part)                                                          \
    do {                                                                                           \
        options = tiny_options();                                                                  \
        options.field = value;                                                                     \
        refuses(&r, code, part);                                                                   \
    } while (0)
    REFUSES(epochs, 0, C2S_RANGE, "epochs");
    REFUSES(batch, 0, C2S_RANGE, "batch");
    REFUSES(batch, 61, C2S_RANGE, "60 samples");
    REFUSES(learning_rate, 0, C2S_RANGE, "learning rate");
    REFUSES(learning_rate, (double)NAN, C2S_RANGE, "learning rate");
    REFUSES(validation, 0.95, C2S_RANGE, "validation");
    REFUSES(augment.shift, -1, C2S_RANGE, "shift");
    REFUSES(augment.shift, 28, C2S_RANGE, "leaves nothing");
    REFUSES(patience, -1, C2S_RANGE, "epochs below 0");
    REFUSES(freeze, "conv*", C2S_NOT_FOUND, "'conv*'");
    REFUSES(freeze, "*", C2S_STATE, "no layer is left");
    REFUSES(engine, "none", C2S_NOT_FOUND, "none");
#undef REFUSES
    options = tiny_options();
    options.loss = C2S_LOSS_MSE;
    r.teacher = m;
    refuses(&r, C2S_UNSUPPORTED, "crossentropy");
    c2s_model_destroy(m);
}

static void write_labels(const char *name, int first, int count)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, 8, SEEK_SET);
    for (int i = 0; i < N; i++)
        fputc(first + (count ? i % count : 0), f);
    fclose(f);
}

static void data_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct c2s_model *m = tiny_model(5), *other = net_create();
    struct c2s_train_options options = tiny_options();
    struct c2s_error err = {0};
    struct c2s_train_request r = {.model = m, .options = &options};
    write_labels("train-labels-idx1-ubyte", 2, 0);
    r.data = tiny_data(folder);
    refuses(&r, C2S_RANGE, "of class 2");
    c2s_dataset_close((struct c2s_dataset *)r.data);
    write_labels("train-labels-idx1-ubyte", 0, 4);
    r.data = tiny_data(folder);
    refuses(&r, C2S_SHAPE, "go up to 3");
    c2s_dataset_close((struct c2s_dataset *)r.data);
    write_labels("train-labels-idx1-ubyte", 0, 3);
    int last = net_input(other, 1, (const int64_t[]){7});
    net_layer(other, C2S_OP_RELU, 1, &last);
    net_finish(other);
    r.data = data;
    r.model = other;
    refuses(&r, C2S_SHAPE, "samples of 7");
    r.model = m;
    struct c2s_checkpoint none = {0};
    r.resume = &none;
    refuses(&r, C2S_STATE, "another model");
    assert_int_equal(err.code, C2S_OK);
    c2s_model_destroy(m);
    c2s_model_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(data_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}
