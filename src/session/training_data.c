/* The data that a step learns from: what the user names, or the training data that belongs to the
 * data in use. Never silently the data that versions are measured on. */
#include "session/private.h"

#include <string.h>

#include "base/alloc.h"

static bool copy_text(const char *from, const char **to, struct c2s_error *err)
{
    *to = from ? c2s_strdup(from) : NULL;
    return *to || !from || c2s_fail_nomem(err);
}

/* The data in use, with another part. */
static bool spec_of_record(const struct c2s_dataset_record *r, const char *split,
                           struct c2s_dataset_spec *out, struct c2s_error *err)
{
    const char *path, *labels;
    *out = (struct c2s_dataset_spec){.options = {.scale = r->scale, .shift = r->shift}};
    out->options.split = split;
    if (!copy_text(step_short_path(r->path), &path, err))
        return false;
    out->path = (char *)path;
    if (!copy_text(r->labels ? step_short_path(r->labels) : NULL, &labels, err)) {
        c2s_dataset_spec_finish(out);
        return false;
    }
    out->options.labels = labels;
    return true;
}

/* Whether the training part has other samples than the test part: files without parts give the
 * same for both. A few tell most parts apart; where they are the same, all are compared. */
static bool is_other_data(const struct c2s_dataset_spec *spec, bool *differs, struct c2s_error *err)
{
    const int64_t limits[] = {64, 0};
    *differs = false;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0] && !*differs; i++) {
        struct c2s_dataset_options options = spec->options;
        struct c2s_error ignored = {0};
        struct c2s_dataset *train, *test;
        options.limit = limits[i];
        if (!c2s_dataset_open(spec->path, &options, &train, err))
            return false;
        options.split = "test";
        *differs = !c2s_dataset_open(spec->path, &options, &test, &ignored);
        if (!*differs) {
            *differs = strcmp(c2s_dataset_info(test)->hash, c2s_dataset_info(train)->hash) != 0;
            c2s_dataset_close(test);
        }
        c2s_dataset_close(train);
    }
    return true;
}

static bool check_train_part(const struct c2s_dataset_record *r,
                             const struct c2s_dataset_spec *spec, struct c2s_error *err)
{
    bool differs;
    struct c2s_error inner = {0};
    const char *why = "has no training part beside it";
    if (is_other_data(spec, &differs, &inner)) {
        if (differs)
            return true;
        why = "gives the same samples as its training part";
    } else if (inner.code != C2S_NOT_FOUND) {
        *err = inner;
        return false;
    }
    return c2s_fail(err, C2S_STATE,
                    "the data in use ('%.200s') %s, and versions are measured on it, so nothing "
                    "may learn from it; name other data: --data PATH,scale=%g",
                    r->path, why, r->scale);
}

static bool usual_spec(struct c2s_session *s, struct c2s_dataset_spec *out, struct c2s_error *err)
{
    const struct c2s_dataset_record *r = c2s_session_data_record(s);
    if (!r)
        return c2s_fail(err, C2S_STATE,
                        "no data is in use and none is named; give --data PATH,split=train, or "
                        "choose data first: data use PATH");
    if (!spec_of_record(r, "train", out, err))
        return false;
    bool is_train = r->split && strcmp(r->split, "train") == 0;
    if (is_train) {
        out->options.limit = r->limit;
        out->options.seed = r->seed;
    } else if (!check_train_part(r, out, err)) {
        c2s_dataset_spec_finish(out);
        return false;
    }
    return true;
}

bool session_training_spec(struct c2s_session *s, const char *dataset, struct c2s_dataset_spec *out,
                           struct c2s_error *err)
{
    const struct c2s_dataset_record *r = c2s_session_data_record(s);
    if (!dataset)
        return usual_spec(s, out, err);
    if (!c2s_dataset_parse(dataset, out, err))
        return false;
    if (r && out->options.scale == 0 && out->options.shift == 0) {
        out->options.scale = r->scale;
        out->options.shift = r->shift;
    }
    return true;
}

/* A path without a part means its training part, when it has one. */
static bool open_part(const struct c2s_dataset_spec *spec, struct c2s_dataset_options *options,
                      struct c2s_dataset **data, struct c2s_error *err)
{
    struct c2s_error inner = {0};
    if (spec->options.split)
        return c2s_dataset_open(spec->path, options, data, err);
    options->split = "train";
    if (c2s_dataset_open(spec->path, options, data, &inner))
        return true;
    if (inner.code != C2S_NOT_FOUND) {
        *err = inner;
        return false;
    }
    options->split = "test";
    return c2s_dataset_open(spec->path, options, data, err);
}

bool session_open_spec(const struct c2s_dataset_spec *spec, struct c2s_dataset **data, char **text,
                       struct c2s_error *err)
{
    struct c2s_dataset_options options = spec->options;
    if (!open_part(spec, &options, data, err))
        return false;
    if (options.scale == 0) /* said, for on replay the scale of other data in use would hold */
        options.scale = 1;
    if (c2s_dataset_text(spec->path, &options, text, err))
        return true;
    c2s_dataset_close(*data);
    *data = NULL;
    return false;
}

/* Whether so many of the samples in use are no mere duplicates. */
static bool is_too_many(int64_t n_shared, int64_t n_in_use, int64_t n_all)
{
    return n_shared > 0 && (10 * n_shared >= n_in_use || 2 * n_shared >= n_all);
}

bool session_count_learned(struct c2s_session *s, const struct c2s_dataset *data,
                           const struct c2s_dataset *validation, struct c2s_learned_samples *out,
                           struct c2s_error *err)
{
    const struct c2s_dataset *in_use = c2s_session_data(s);
    *out = (struct c2s_learned_samples){0};
    if (!in_use)
        return true;
    int64_t n = c2s_dataset_info(in_use)->n;
    out->n_in_use = n;
    if (!c2s_dataset_count_shared(in_use, data, &out->n_learned, err) ||
        (validation && !c2s_dataset_count_shared(in_use, validation, &out->n_validation, err)))
        return false;
    out->is_measured = is_too_many(out->n_learned, n, c2s_dataset_info(data)->n);
    out->is_validated =
        validation && is_too_many(out->n_validation, n, c2s_dataset_info(validation)->n);
    return true;
}
