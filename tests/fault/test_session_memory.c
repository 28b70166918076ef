/* The session when memory runs out at any allocation: NOMEM, nothing leaked, and everything as it
 * was, so that the same command works afterwards. On both journals. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/session_learn.h>
#include <c2s/session_look.h>

#include "base/alloc.h"
#include "files.h"
#include "journal_support.h"
#include "memory_journal.h"
#include "store.h"
#include "support.h"

struct bench {
    struct c2s_journal *journal;
    struct c2s_session *session;
};

static long n_failures; /* allocations that were made to fail */

static int64_t current_id(const struct bench *b)
{
    return c2s_session_current(b->session) ? c2s_session_current(b->session)->info.id : 0;
}

static bool load(struct bench *b, struct c2s_error *err)
{
    return c2s_session_load(b->session, data_path("gallery/ok_pool_bn.h5"), NULL, NULL, NULL, err);
}

static char images[300], labels[300];

static int write_data(void **state)
{
    char *folder = make_temp_dir();
    *state = folder;
    snprintf(images, sizeof images, "%s/images.npy", folder);
    snprintf(labels, sizeof labels, "%s/labels.npy", folder);
    write_npy_counting(images, "6, 16, 16, 3", (size_t)6 * 16 * 16 * 3, 4);
    write_npy_counting(labels, "6,", 6, 4);
    return 0;
}

static int remove_data(void **state)
{
    remove_temp_dir(*state);
    return 0;
}

static bool use_data(struct bench *b, struct c2s_error *err)
{
    struct c2s_dataset_options options = {.scale = 255, .labels = labels};
    return c2s_session_use_data(b->session, images, &options, err);
}

static bool quantize(struct bench *b, struct c2s_error *err)
{
    struct c2s_quantize_plan plan = {.weight_quantization = 4,
                                     .activ_quantization = 4,
                                     .input_weight_quantization = 8,
                                     .layers = "*"};
    return c2s_session_quantize(b->session, &plan, NULL, NULL, NULL, err);
}

static bool load_broken(struct bench *b, struct c2s_error *err)
{
    return c2s_session_load(b->session, data_path("gallery/inline_relu.h5"), NULL, NULL, NULL, err);
}

static const struct c2s_fix_request everything = {.check = {.level = C2S_LEVEL_AKD1000}};

static bool fix(struct bench *b, struct c2s_error *err)
{
    struct c2s_fix_report report = {0};
    bool ok = c2s_session_fix(b->session, &everything, NULL, NULL, &report, err);
    assert_int_equal(report.n_samples, ok ? 6 : 0); /* of the data in use */
    c2s_fix_report_finish(&report);
    return ok;
}

static bool preview_fix(struct bench *b, struct c2s_error *err)
{
    struct c2s_fix_report report = {0};
    struct c2s_model *model = NULL;
    bool ok = c2s_session_fix_preview(b->session, &everything, &model, &report, err);
    assert_int_equal(ok, model != NULL);
    c2s_fix_report_finish(&report);
    c2s_model_destroy(model);
    return ok;
}

static bool undo(struct bench *b, struct c2s_error *err)
{
    return c2s_session_undo(b->session, err);
}

static bool forward(struct bench *b, struct c2s_error *err)
{
    return c2s_session_checkout(b->session, "v2", err);
}

static bool tag(struct bench *b, struct c2s_error *err)
{
    return c2s_session_tag(b->session, "good", "HEAD~1", err);
}

static bool diff(struct bench *b, struct c2s_error *err)
{
    struct c2s_layer_difference *rows = NULL;
    int n;
    bool ok = c2s_session_diff(b->session, "good", "v2", &rows, &n, err);
    free(rows);
    return ok;
}

static bool look(struct bench *b, struct c2s_error *err)
{
    struct c2s_survey survey = {0};
    bool ok = c2s_session_survey(b->session, NULL, 0, &survey, err);
    c2s_survey_finish(&survey);
    return ok;
}

static bool draw(struct bench *b, enum c2s_histogram_of of, const char *version, const char *other,
                 struct c2s_error *err)
{
    struct c2s_layer_histogram h;
    const struct c2s_model *m = c2s_session_current(b->session)->model;
    struct c2s_histogram_request request = {.version = version,
                                            .other = other,
                                            .layer = m->layers[c2s_model_first_neural(m)]->name,
                                            .of = of,
                                            .n_bins = 10};
    if (!c2s_session_histogram(b->session, &request, &h, err))
        return false;
    c2s_layer_histogram_finish(&h);
    return true;
}

static bool weights(struct bench *b, struct c2s_error *err)
{
    return draw(b, C2S_OF_WEIGHTS, "v2", NULL, err);
}

static bool both_weights(struct bench *b, struct c2s_error *err)
{
    return draw(b, C2S_OF_WEIGHTS, "v1", "v2", err);
}

static bool potentials(struct bench *b, struct c2s_error *err)
{
    return draw(b, C2S_OF_POTENTIALS, "v2", NULL, err);
}

/* A bias correction of v2 against v1; as a trial also its accuracy. */
static bool correct(struct bench *b, bool is_trial, struct c2s_error *err)
{
    char data[700];
    struct c2s_calibrated made = {0};
    struct c2s_comparison accuracy;
    snprintf(data, sizeof data, "%s,labels=%s", images, labels);
    struct c2s_calibrate_options options = {
        .what = C2S_CALIBRATE_BIAS, .data = data, .limit = -1, .is_trial = is_trial};
    bool ok = c2s_session_calibrate(b->session, &options, &made, err) &&
              (!is_trial || c2s_session_try(b->session, made.model, &accuracy, err));
    c2s_calibrated_finish(&made);
    return ok;
}

static bool calibrate(struct bench *b, struct c2s_error *err)
{
    return correct(b, false, err);
}

static bool try_calibration(struct bench *b, struct c2s_error *err)
{
    return correct(b, true, err);
}

static bool ignore_line(void *arg, const char *text)
{
    (void)arg, (void)text;
    return true;
}

static bool script(struct bench *b, struct c2s_error *err)
{
    return c2s_session_script(b->session, NULL, ignore_line, NULL, err);
}

static bool restart(struct bench *b, struct c2s_error *err)
{
    struct c2s_session *again = NULL;
    if (!c2s_session_create(b->journal, NULL, &again, err))
        return false;
    c2s_session_destroy(b->session);
    b->session = again;
    return true;
}

/* Fails the first, second, ... allocation of the step until it needs no more. */
static void survives(struct bench *b, const char *name,
                     bool (*step)(struct bench *, struct c2s_error *), int64_t expected_id,
                     int expected_versions)
{
    int64_t id_before = b->session ? current_id(b) : 0;
    int versions_before = count_versions(b->journal);
    long n = 1;
    for (bool ok = false; !ok; n++) {
        struct c2s_error err = {0};
        c2s_alloc_fail_after(n);
        ok = step(b, &err);
        c2s_alloc_fail_after(0);
        if (ok)
            break;
        /* What the Keras reader says of its own allocations is for its tests; that it fails and
         * that nothing has changed is for this one. */
        if (err.code != C2S_NOMEM && step != load && step != load_broken)
            fail_msg("%s, allocation %ld: %s: %s", name, n, c2s_code_name(err.code), err.text);
        assert_int_equal(b->session ? current_id(b) : 0, id_before);
        assert_int_equal(count_versions(b->journal), versions_before);
    }
    n_failures += n - 1;
    assert_int_equal(current_id(b), expected_id);
    assert_int_equal(count_versions(b->journal), expected_versions);
}

static void every_step(struct bench *b)
{
    n_failures = 0;
    survives(b, "create", restart, 0, 0);
    survives(b, "load", load, 1, 1);
    survives(b, "data use", use_data, 1, 1);
    survives(b, "quantize", quantize, 2, 2);
    survives(b, "undo", undo, 1, 2);
    survives(b, "quantize again", quantize, 2, 2);
    survives(b, "tag", tag, 2, 2);
    survives(b, "diff", diff, 2, 2);
    survives(b, "look at the data", look, 2, 2);
    survives(b, "hist", weights, 2, 2);
    survives(b, "hist of two versions", both_weights, 2, 2);
    survives(b, "hist of potentials", potentials, 2, 2);
    survives(b, "script", script, 2, 2);
    survives(b, "start", restart, 2, 2);
    survives(b, "undo", undo, 1, 2);
    survives(b, "checkout", forward, 2, 2);
    survives(b, "calibrate and leave it", try_calibration, 2, 2);
    survives(b, "calibrate", calibrate, 3, 3);
    survives(b, "load another", load_broken, 4, 4);
    survives(b, "fix --dry-run", preview_fix, 4, 4);
    survives(b, "fix", fix, 5, 5);
    assert_true(n_failures > 500); /* layers, names, tensors, engines: there are many */
    c2s_session_destroy(b->session);
    b->journal->ops->close(b->journal);
}

static void in_memory(void **state)
{
    (void)state;
    struct bench b = {.journal = memory_journal_create()};
    every_step(&b);
}

static void in_a_workspace(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct bench b = {0};
    assert_ok(c2s_store_open(":memory:", &b.journal, &err), &err);
    every_step(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_memory),
        cmocka_unit_test(in_a_workspace),
    };
    return cmocka_run_group_tests(tests, write_data, remove_data);
}
