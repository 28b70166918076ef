/* The contract of the journal port, on both implementations. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "both_journals.h"
#include "journal_support.h"
#include "support.h"

static void a_new_journal_is_empty(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    struct c2s_version *v = NULL;
    bool found = true;
    assert_int_equal(head_of(j), 0);
    assert_int_equal(count_versions(j), 0);
    assert_ok(j->ops->dataset(j, NULL, NULL, &found, &err), &err);
    assert_false(found);
    assert_false(j->ops->fetch(j, 1, &v, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
    assert_false(j->ops->is_read_only(j));
    assert_string_equal(j->ops->place(j), ":memory:");
}

static void versions_come_back_whole(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_model *model = small_model(5, 1);
    struct c2s_error err = {0};
    struct c2s_model *kept = c2s_model_clone(model, &err);
    assert_ok(kept != NULL, &err);
    assert_int_equal(append_version(j, 0, "load 'it''s.h5'", model), 1);
    assert_int_equal(append_version(j, 1, "quantize activations 4", small_model(5, 2)), 2);
    struct c2s_version *v = fetch_version(j, 1);
    assert_int_equal(v->info.id, 1);
    assert_int_equal(v->info.parent, 0);
    assert_string_equal(v->info.step, "load 'it''s.h5'");
    assert_string_equal(v->info.name, "small");
    assert_string_equal(v->info.tool, "test 1");
    assert_string_equal(v->info.note, "a note");
    assert_string_equal(v->info.source, "/models/small.h5");
    assert_int_equal(v->info.created, 1700000000);
    assert_int_equal(strlen(v->info.model_hash), C2S_HASH_LENGTH);
    assert_same_model(v->model, kept);
    c2s_version_destroy(v);
    v = fetch_version(j, 2);
    assert_int_equal(v->info.parent, 1);
    assert_string_equal(v->info.source, "");
    c2s_version_destroy(v);
    c2s_model_destroy(kept);
    assert_int_equal(count_versions(j), 2);
}

static void append_moves_the_head(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    append_version(j, 0, "load a.h5", small_model(4, 1));
    append_version(j, 1, "quantize weights 4", small_model(4, 2));
    assert_int_equal(head_of(j), 2);
    assert_ok(j->ops->set_head(j, 1, &err), &err);
    assert_int_equal(head_of(j), 1);
    assert_false(j->ops->set_head(j, 7, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
    assert_int_equal(head_of(j), 1);
    err = (struct c2s_error){0};
    assert_ok(j->ops->set_head(j, 0, &err), &err);
    assert_int_equal(head_of(j), 0);
}

static void a_parent_must_exist(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    struct c2s_version_info info = {.parent = 9, .step = "s", .model_hash = "00"};
    struct c2s_version *v = c2s_version_create(&info, small_model(4, 1), &err);
    int64_t id = 77;
    bool is_new;
    assert_false(j->ops->append(j, v, &id, &is_new, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
    assert_int_equal(id, 77);
    assert_int_equal(count_versions(j), 0);
    c2s_version_destroy(v);
}

static void the_same_step_is_stored_once(void **state)
{
    struct c2s_journal *j = *state;
    append_version(j, 0, "load a.h5", small_model(4, 1));
    assert_int_equal(append_version(j, 1, "step", small_model(4, 2)), 2);
    assert_int_equal(append_version(j, 1, "other step", small_model(4, 2)), 3);
    assert_int_equal(append_version(j, 1, "step", small_model(4, 3)), 4);
    assert_int_equal(append_version(j, 2, "step", small_model(4, 2)), 5);
    assert_int_equal(append_version(j, 1, "step", small_model(4, 2)), 2);
    assert_int_equal(head_of(j), 2);
    assert_int_equal(append_version(j, 0, "load a.h5", small_model(4, 1)), 1);
    assert_int_equal(head_of(j), 1);
    assert_int_equal(count_versions(j), 5);
}

static void removal_needs_the_whole_branch(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    for (int i = 0; i < 3; i++)
        append_version(j, i, "step", small_model(4, (unsigned)i));
    struct c2s_measure m = measure_of(3, 2);
    assert_ok(j->ops->put_measure(j, &m, (const int32_t[]){0, 1, 2, 0}, &err), &err);
    assert_false(j->ops->remove(j, (const int64_t[]){2}, 1, &err));
    assert_int_equal(err.code, C2S_STATE);
    err = (struct c2s_error){0};
    assert_false(j->ops->remove(j, (const int64_t[]){3, 8}, 2, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
    assert_int_equal(count_versions(j), 3);
    err = (struct c2s_error){0};
    assert_ok(j->ops->remove(j, (const int64_t[]){2, 3}, 2, &err), &err);
    assert_int_equal(count_versions(j), 1);
    assert_int_equal(head_of(j), 1);
    bool found = true;
    assert_ok(j->ops->find_measure(j, 3, m.dataset, "dnnl", &m, NULL, &found, &err), &err);
    assert_false(found);
    /* An id that somebody may remember is never given to another version. */
    assert_int_equal(append_version(j, 1, "step", small_model(4, 9)), 4);
}

static void tags_protect_versions(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    append_version(j, 0, "load a.h5", small_model(4, 1));
    append_version(j, 1, "step", small_model(4, 2));
    assert_ok(j->ops->put_tag(j, "best", 2, &err), &err);
    assert_ok(j->ops->put_tag(j, "best", 2, &err), &err);
    assert_false(j->ops->put_tag(j, "best", 1, &err));
    assert_int_equal(err.code, C2S_EXISTS);
    err = (struct c2s_error){0};
    assert_false(j->ops->put_tag(j, "other", 5, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
    err = (struct c2s_error){0};
    assert_false(j->ops->remove(j, (const int64_t[]){2}, 1, &err));
    assert_int_equal(err.code, C2S_STATE);
    err = (struct c2s_error){0};
    assert_ok(j->ops->remove_tag(j, "best", &err), &err);
    assert_false(j->ops->remove_tag(j, "best", &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
    err = (struct c2s_error){0};
    assert_ok(j->ops->remove(j, (const int64_t[]){2}, 1, &err), &err);
}

static bool list_tag(void *arg, const char *tag, int64_t version)
{
    char *text = arg;
    snprintf(text + strlen(text), 64, "%s=%lld ", tag, (long long)version);
    return strcmp(tag, "m") != 0;
}

static void tags_are_listed_by_name(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    char text[200] = "";
    append_version(j, 0, "load a.h5", small_model(4, 1));
    assert_ok(j->ops->put_tag(j, "z", 1, &err) && j->ops->put_tag(j, "a", 1, &err) &&
                  j->ops->put_tag(j, "m", 1, &err),
              &err);
    assert_ok(j->ops->each_tag(j, list_tag, text, &err), &err);
    assert_string_equal(text, "a=1 m=1 ");
}

static void measures_are_kept_by_their_keys(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    const int32_t classes[] = {3, -1, 0, 7};
    append_version(j, 0, "load a.h5", small_model(4, 1));
    struct c2s_measure m = measure_of(1, 2), back;
    int32_t *predictions = NULL;
    bool found = false;
    assert_ok(j->ops->put_measure(j, &m, classes, &err), &err);
    assert_ok(j->ops->find_measure(j, 1, m.dataset, "dnnl", &back, &predictions, &found, &err),
              &err);
    assert_true(found);
    assert_memory_equal(predictions, classes, sizeof classes);
    free(predictions);
    assert_int_equal(back.metrics.n, 4);
    assert_int_equal(back.metrics.correct, 2);
    assert_true(back.metrics.loss == 0.1 && back.metrics.seconds == 0.25);
    assert_string_equal(back.dataset, m.dataset);
    assert_string_equal(back.dataset_name, "four");
    assert_string_equal(back.engine, "dnnl");
    assert_int_equal(back.taken, 1700000001);
    assert_ok(j->ops->find_measure(j, 1, m.dataset, "ref", &back, &predictions, &found, &err),
              &err);
    assert_false(found);
    m.metrics.correct = 3;
    m.metrics.loss = NAN;
    assert_ok(j->ops->put_measure(j, &m, NULL, &err), &err);
    assert_ok(j->ops->find_measure(j, 1, m.dataset, "dnnl", &back, &predictions, &found, &err),
              &err);
    assert_true(found);
    assert_null(predictions);
    assert_int_equal(back.metrics.correct, 3);
    assert_true(isnan(back.metrics.loss));
    m.version = 5;
    assert_false(j->ops->put_measure(j, &m, NULL, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
}

static bool sum_correct(void *arg, const struct c2s_measure *m)
{
    int64_t *state = arg; /* sum, last version */
    assert_true(m->version >= state[1]);
    state[0] += m->metrics.correct;
    state[1] = m->version;
    return true;
}

static void measures_are_listed_by_version(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    int64_t seen[2] = {0, 0};
    append_version(j, 0, "load a.h5", small_model(4, 1));
    append_version(j, 1, "step", small_model(4, 2));
    for (int version = 2; version >= 1; version--) {
        struct c2s_measure m = measure_of(version, version);
        assert_ok(j->ops->put_measure(j, &m, NULL, &err), &err);
    }
    assert_ok(j->ops->each_measure(j, sum_correct, seen, &err), &err);
    assert_int_equal(seen[0], 3);
}

static void compare_record(void *arg, const struct c2s_dataset_record *d)
{
    const struct c2s_dataset_record *wanted = arg;
    assert_string_equal(d->hash, wanted->hash);
    assert_string_equal(d->path, wanted->path);
    assert_string_equal(d->split, wanted->split);
    assert_string_equal(d->name, wanted->name);
    assert_int_equal(d->labels != NULL, wanted->labels != NULL);
    if (d->labels)
        assert_string_equal(d->labels, wanted->labels);
    assert_true(d->scale == wanted->scale && d->shift == wanted->shift);
    assert_int_equal(d->limit, wanted->limit);
    assert_true(d->seed == wanted->seed);
}

static void the_last_dataset_is_in_use(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    bool found;
    struct c2s_dataset_record records[] = {
        {.hash = "aa", .path = "/a", .split = "test", .name = "a", .scale = 255, .shift = 0.1},
        {.hash = "bb",
         .path = "/b",
         .split = "train",
         .name = "b",
         .scale = 1,
         .limit = 10,
         .seed = UINT64_MAX,
         .labels = "/l"},
    };
    for (int i = 0; i < 3; i++) {
        assert_ok(j->ops->put_dataset(j, &records[i % 2], &err), &err);
        assert_ok(j->ops->dataset(j, compare_record, &records[i % 2], &found, &err), &err);
        assert_true(found);
    }
    assert_ok(j->ops->put_dataset(j, &(struct c2s_dataset_record){.hash = ""}, &err), &err);
    assert_ok(j->ops->dataset(j, compare_record, NULL, &found, &err), &err);
    assert_false(found);
}

struct nested {
    struct c2s_journal *journal;
    int n;
};

static bool fetch_each(void *arg, const struct c2s_version_info *info)
{
    struct nested *nested = arg;
    struct c2s_version *v = fetch_version(nested->journal, info->id);
    assert_string_equal(v->info.step, info->step);
    c2s_version_destroy(v);
    return ++nested->n < 2;
}

static void a_callback_may_read_and_stop(void **state)
{
    struct nested nested = {.journal = *state};
    struct c2s_error err = {0};
    for (int i = 0; i < 3; i++)
        append_version(*state, i, i ? "step" : "load", small_model(4, (unsigned)i));
    assert_ok(nested.journal->ops->each(nested.journal, fetch_each, &nested, &err), &err);
    assert_int_equal(nested.n, 2);
    assert_int_equal(append_version(*state, 3, "after", small_model(4, 1)), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_new_journal_is_empty),          ON_BOTH(versions_come_back_whole),
        ON_BOTH(append_moves_the_head),           ON_BOTH(a_parent_must_exist),
        ON_BOTH(the_same_step_is_stored_once),    ON_BOTH(removal_needs_the_whole_branch),
        ON_BOTH(tags_protect_versions),           ON_BOTH(tags_are_listed_by_name),
        ON_BOTH(measures_are_kept_by_their_keys), ON_BOTH(measures_are_listed_by_version),
        ON_BOTH(the_last_dataset_is_in_use),      ON_BOTH(a_callback_may_read_and_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
