/* Whether samples that versions are measured on were learned from, wherever they came from. */
#include "support.h"
#include "training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/keras.h>
#include <c2s/session_learn.h>

#include "memory_journal.h"

enum { N = 80, PIXELS = TINY_SIZE * TINY_SIZE, HEAD = 16, LABELS_HEAD = 8 };

struct bench {
    struct c2s_journal *journal;
    struct c2s_session *session;
    char *folder, *other;
};

static struct bench bench;

static void use(struct bench *b, int64_t limit)
{
    struct c2s_error err = {0};
    struct c2s_dataset_options options = {.scale = 255, .limit = limit};
    assert_ok(c2s_session_use_data(b->session, b->folder, &options, &err), &err);
}

static int prepare(void **state)
{
    struct c2s_error err = {0};
    struct c2s_model *m = tiny_model(5);
    char model[600];
    bench = (struct bench){
        .journal = memory_journal_create(), .folder = tiny_folder(N), .other = make_temp_dir()};
    snprintf(model, sizeof model, "%s/tiny.h5", bench.folder);
    assert_ok(c2s_keras_write(m, model, &(struct c2s_keras_write_options){0}, &err), &err);
    c2s_model_destroy(m);
    assert_ok(c2s_session_create(bench.journal, &(struct c2s_progress){0}, &bench.session, &err),
              &err);
    assert_ok(c2s_session_load(bench.session, model, NULL, NULL, NULL, &err), &err);
    use(&bench, 0);
    *state = &bench;
    return 0;
}

static int clean_up(void **state)
{
    struct bench *b = *state;
    c2s_session_destroy(b->session);
    b->journal->ops->close(b->journal);
    remove_temp_dir(b->folder);
    remove_temp_dir(b->other);
    return 0;
}

/* Writes images or labels of the training part in `to`: n_test of the test part of b->folder behind
 * n_train of its training part. */
static void write_mixed(struct bench *b, const char *to, const char *what, size_t head, size_t row,
                        int n_test, int n_train)
{
    const struct {
        const char *part;
        int n;
    } sources[] = {{"train", n_train}, {"t10k", n_test}};
    char path[800];
    uint8_t *out = malloc(head + row * 2 * N), *at = out + head;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s-%s", b->folder, sources[i].part, what);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        assert_int_equal(fread(out, 1, head, f), head);
        assert_int_equal(fread(at, row, (size_t)sources[i].n, f), sources[i].n);
        at += row * (size_t)sources[i].n;
        fclose(f);
    }
    out[7] = (uint8_t)(n_test + n_train); /* the big-endian number of samples */
    snprintf(path, sizeof path, "%s/train-%s", to, what);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(out, 1, (size_t)(at - out), f), at - out);
    assert_int_equal(fclose(f), 0);
    free(out);
}

static void mix(struct bench *b, const char *to, int n_test, int n_train)
{
    write_mixed(b, to, "images-idx3-ubyte", HEAD, PIXELS, n_test, n_train);
    write_mixed(b, to, "labels-idx1-ubyte", LABELS_HEAD, 1, n_test, n_train);
}

static void rename_part(const char *folder, const char *part, const char *to, const char *new_part)
{
    const char *const files[] = {"images-idx3-ubyte", "labels-idx1-ubyte"};
    char before[700], after[700];
    for (int i = 0; i < 2; i++) {
        snprintf(before, sizeof before, "%s/%s-%s", folder, part, files[i]);
        snprintf(after, sizeof after, "%s/%s-%s", to, new_part, files[i]);
        assert_int_equal(rename(before, after), 0);
    }
}

static struct c2s_learned_samples retrain(struct bench *b, const char *data, const char *validation)
{
    struct c2s_error err = {0};
    struct c2s_retrained r = {0};
    struct c2s_retrain_plan plan = {
        .train = tiny_options(), .data = data, .validation = validation};
    plan.train.epochs = 1;
    assert_ok(c2s_session_checkout(b->session, "v1", &err), &err);
    assert_ok(c2s_session_retrain(b->session, &plan, &r, &err), &err);
    struct c2s_learned_samples learned = r.learned;
    c2s_retrained_finish(&r);
    return learned;
}

static void measured_samples_are_known_in_another_folder(void **state)
{
    struct bench *b = *state;
    mix(b, b->other, N, 40);
    for (int i = 0; i < 2; i++) { /* the second time the training was there */
        struct c2s_learned_samples l = retrain(b, b->other, NULL);
        assert_true(l.is_measured && !l.is_validated);
        assert_int_equal(l.n_in_use, N);
        assert_int_equal(l.n_learned, N);
    }
}

static void a_few_duplicates_are_usual(void **state)
{
    struct bench *b = *state;
    mix(b, b->other, N / 10 - 1, N);
    struct c2s_learned_samples l = retrain(b, b->other, NULL);
    assert_int_equal(l.n_learned, N / 10 - 1);
    assert_false(l.is_measured);
    mix(b, b->other, N / 10, N);
    l = retrain(b, b->other, NULL);
    assert_int_equal(l.n_learned, N / 10);
    assert_true(l.is_measured);
}

static void few_samples_that_are_all_measured_are_told(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    struct c2s_calibrated c = {0};
    char data[700];
    snprintf(data, sizeof data, "%s,split=test,limit=7", b->folder);
    struct c2s_calibrate_options options = {
        .method = C2S_RANGE_MAX, .bits = 4, .data = data, .limit = -1, .is_trial = true};
    assert_ok(c2s_session_calibrate(b->session, &options, &c, &err), &err);
    assert_int_equal(c.learned.n_learned, 7);
    assert_true(c.learned.is_measured);
    c2s_calibrated_finish(&c);
}

static void validation_on_measured_samples_is_told(void **state)
{
    struct bench *b = *state;
    struct c2s_learned_samples l = retrain(b, NULL, b->folder); /* its test part */
    assert_true(l.is_validated && !l.is_measured);
    assert_int_equal(l.n_validation, N);
    assert_int_equal(l.n_learned, 0);
}

/* Scaled otherwise they are the same pictures. */
static void the_scale_hides_nothing(void **state)
{
    struct bench *b = *state;
    char data[700];
    snprintf(data, sizeof data, "%s,split=test,scale=256", b->folder);
    assert_int_equal(retrain(b, data, NULL).n_learned, N);
}

/* A training part that begins with the test part is one all the same; the same file is not. */
static void a_training_part_may_begin_with_the_test_part(void **state)
{
    struct bench *b = *state;
    struct c2s_error err = {0};
    struct c2s_retrained r = {0};
    struct c2s_retrain_plan plan = {.train = tiny_options()};
    mix(b, b->other, 0, N);
    rename_part(b->other, "train", b->folder, "t10k"); /* now the test part is the training part */
    use(b, 0);
    assert_false(c2s_session_retrain(b->session, &plan, &r, &err));
    assert_int_equal(err.code, C2S_STATE);
    assert_non_null(strstr(err.text, "gives the same samples as its training part"));
    mix(b, b->other, 0, N - 10);
    rename_part(b->other, "train", b->folder, "t10k"); /* its first 70 */
    use(b, 0);
    struct c2s_learned_samples l = retrain(b, NULL, NULL);
    assert_int_equal(l.n_learned, N - 10);
    assert_true(l.is_measured);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, prepare, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BENCH(measured_samples_are_known_in_another_folder),
        ON_BENCH(a_few_duplicates_are_usual),
        ON_BENCH(few_samples_that_are_all_measured_are_told),
        ON_BENCH(validation_on_measured_samples_is_told),
        ON_BENCH(the_scale_hides_nothing),
        ON_BENCH(a_training_part_may_begin_with_the_test_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
