/* The data that a step learns from: what the user names, or the training data that belongs to the
 * data in use. Never silently the data that versions are measured on. */
#include "session/private.h"

#include <stdlib.h>
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

enum { COMPARED = 64 }; /* samples that tell two parts of the data apart */

/* Whether the training part has other samples than the test part at the same place: files without
 * parts give the same for both. */
static bool is_other_data(const struct c2s_dataset_spec *spec, const struct c2s_dataset *train)
{
    struct c2s_dataset_options options = spec->options;
    struct c2s_error ignored = {0};
    struct c2s_dataset *test;
    options.split = "test";
    options.limit = COMPARED;
    if (!c2s_dataset_open(spec->path, &options, &test, &ignored))
        return true;
    bool differs = strcmp(c2s_dataset_info(test)->hash, c2s_dataset_info(train)->hash) != 0;
    c2s_dataset_close(test);
    return differs;
}

static bool fail_without_training_data(const struct c2s_dataset_record *r, struct c2s_error *err)
{
    return c2s_fail(err, C2S_STATE,
                    "the data in use ('%.200s') has no training part beside it, and versions are "
                    "measured on it, so nothing may learn from it; name other data: --data "
                    "PATH,scale=%g",
                    r->path, r->scale);
}

static bool check_train_part(const struct c2s_dataset_record *r,
                             const struct c2s_dataset_spec *spec, struct c2s_error *err)
{
    struct c2s_dataset *train;
    struct c2s_error inner = {0};
    struct c2s_dataset_options options = spec->options;
    options.limit = COMPARED;
    if (!c2s_dataset_open(spec->path, &options, &train, &inner)) {
        if (inner.code == C2S_NOT_FOUND)
            return fail_without_training_data(r, err);
        *err = inner;
        return false;
    }
    bool differs = is_other_data(spec, train);
    c2s_dataset_close(train);
    return differs || fail_without_training_data(r, err);
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

bool session_is_measured_data(struct c2s_session *s, const struct c2s_dataset *data)
{
    const struct c2s_dataset_record *r = c2s_session_data_record(s);
    const struct c2s_dataset_info *info = c2s_dataset_info(data);
    if (!r || strcmp(info->split, r->split ? r->split : "test") != 0)
        return false;
    char *a = realpath(info->path, NULL), *b = realpath(r->path, NULL);
    bool is_same = a && b && strcmp(a, b) == 0;
    free(a);
    free(b);
    return is_same;
}
