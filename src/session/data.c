/* The data in use: chosen, remembered, opened when needed. */
#include "session/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

static void finish_record(struct c2s_dataset_record *d)
{
    c2s_free((char *)d->path);
    c2s_free((char *)d->split);
    c2s_free((char *)d->labels);
    c2s_free((char *)d->name);
    *d = (struct c2s_dataset_record){0};
}

static const char *copy_or_null(const char *text, bool *ok)
{
    char *copy = text && *ok ? c2s_strdup(text) : NULL;
    if (text && !copy)
        *ok = false;
    return copy;
}

static bool copy_record(const struct c2s_dataset_record *from, struct c2s_dataset_record *to)
{
    bool ok = true;
    *to = *from;
    to->path = copy_or_null(from->path, &ok);
    to->split = copy_or_null(from->split, &ok);
    to->labels = copy_or_null(from->labels, &ok);
    to->name = copy_or_null(from->name, &ok);
    if (!ok)
        finish_record(to);
    return ok;
}

struct remembering {
    struct session_data *data;
    bool ok;
};

static void remember(void *arg, const struct c2s_dataset_record *d)
{
    struct remembering *r = arg;
    r->ok = copy_record(d, &r->data->record);
}

struct session_data *session_data_create(struct c2s_journal *journal, struct c2s_error *err)
{
    struct session_data *d = c2s_calloc(1, sizeof *d);
    struct remembering r = {.data = d, .ok = true};
    bool found;
    if (!d)
        c2s_fail_nomem(err);
    else if (journal->ops->dataset(journal, remember, &r, &found, err) && !r.ok)
        c2s_fail_nomem(err);
    if (err->code != C2S_OK) {
        session_data_destroy(d);
        return NULL;
    }
    if (d->record.hash[0] && access(d->record.path, R_OK) != 0)
        snprintf(d->problem, sizeof d->problem, "'%s': %s", d->record.path, strerror(errno));
    return d;
}

void session_data_destroy(struct session_data *d)
{
    if (!d)
        return;
    c2s_dataset_close(d->opened);
    finish_record(&d->record);
    c2s_free(d);
}

static void open_remembered(struct session_data *d)
{
    const struct c2s_dataset_record *r = &d->record;
    struct c2s_dataset_options options = {.scale = r->scale,
                                          .shift = r->shift,
                                          .limit = r->limit,
                                          .seed = r->seed,
                                          .labels = r->labels,
                                          .split = r->split};
    struct c2s_error err = {0};
    d->was_tried = true;
    d->problem[0] = '\0';
    if (!c2s_dataset_open(r->path, &options, &d->opened, &err)) {
        d->opened = NULL;
        /* Without memory now does not mean without memory later. */
        d->was_tried = err.code != C2S_NOMEM;
        snprintf(d->problem, sizeof d->problem, "%s%s%s", err.where, err.where[0] ? ": " : "",
                 err.text);
    } else if (strcmp(c2s_dataset_info(d->opened)->hash, r->hash) != 0) {
        c2s_dataset_close(d->opened);
        d->opened = NULL;
        snprintf(d->problem, sizeof d->problem,
                 "'%s' has changed since it was chosen, so old measures do not hold for it",
                 r->path);
    }
}

const struct c2s_dataset *c2s_session_data(const struct c2s_session *s)
{
    struct session_data *d = s->data;
    if (d->record.hash[0] && !d->opened && !d->was_tried)
        open_remembered(d);
    return d->opened;
}

const char *c2s_session_data_problem(const struct c2s_session *s)
{
    return s->data->problem[0] ? s->data->problem : NULL;
}

const struct c2s_dataset_record *c2s_session_data_record(const struct c2s_session *s)
{
    return s->data->record.hash[0] ? &s->data->record : NULL;
}

bool c2s_session_require_data(struct c2s_session *s, const struct c2s_dataset **out,
                              struct c2s_error *err)
{
    *out = c2s_session_data(s);
    if (*out)
        return true;
    const char *problem = c2s_session_data_problem(s);
    if (problem && !s->data->was_tried)
        return c2s_fail_nomem(err); /* what alone leaves it untried */
    if (problem)
        return c2s_fail(err, C2S_STATE,
                        "the data used before cannot be opened: %.240s; choose "
                        "again: data use PATH",
                        problem);
    return c2s_fail(err, C2S_STATE, "no data is in use; choose some: data use PATH");
}

/* New absolute path: the current folder and the path as it was given, so that a script can say it
 * the same way; a copy when there is no current folder. */
static char *absolute(const char *path)
{
    struct text t = {0};
    char *folder = path[0] == '/' ? NULL : getcwd(NULL, 0);
    text_add(&t, "%s%s%s", folder ? folder : "", folder && strcmp(folder, "/") != 0 ? "/" : "",
             path);
    free(folder);
    return t.at;
}

static bool describe(const char *path, const struct c2s_dataset_options *options,
                     const struct c2s_dataset_info *info, struct c2s_dataset_record *out,
                     struct c2s_error *err)
{
    char *full = absolute(path);
    char *labels = options && options->labels ? absolute(options->labels) : NULL;
    struct c2s_dataset_record record = {.path = full,
                                        .split = info->split,
                                        .scale = info->scale,
                                        .shift = info->shift,
                                        .limit = options ? options->limit : 0,
                                        .seed = info->seed,
                                        .labels = labels,
                                        .name = info->name};
    memcpy(record.hash, info->hash, sizeof record.hash);
    bool ok = full && (labels || !options || !options->labels) && copy_record(&record, out);
    c2s_free(full);
    c2s_free(labels);
    return ok || c2s_fail_nomem(err);
}

bool c2s_session_use_data(struct c2s_session *s, const char *path,
                          const struct c2s_dataset_options *options, struct c2s_error *err)
{
    struct c2s_journal *j = s->journal;
    struct c2s_dataset *opened = NULL;
    struct c2s_dataset_record record = {0};
    if (!c2s_dataset_open(path, options, &opened, err))
        return false;
    if (!describe(path, options, c2s_dataset_info(opened), &record, err) ||
        (!j->ops->is_read_only(j) && !j->ops->put_dataset(j, &record, err))) {
        finish_record(&record);
        c2s_dataset_close(opened);
        return false;
    }
    c2s_dataset_close(s->data->opened);
    finish_record(&s->data->record);
    *s->data = (struct session_data){.record = record, .opened = opened, .was_tried = true};
    return true;
}
