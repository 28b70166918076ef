/* History as a script: the steps in an order that can be run again in an empty workspace. Ids are
 * counted anew, as they will be on replay. */
#include "session/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct entry {
    int64_t id, parent, replayed; /* replayed: its id on replay */
    char *step;                   /* owned */
    bool is_wanted;
};

struct history {
    struct entry *entries; /* by id */
    int n;
    bool failed;
    bool (*line)(void *arg, const char *text);
    void *arg;
    bool stopped;
    int64_t at; /* where the replay stands, as an id of the replay */
};

static bool add_entry(void *arg, const struct c2s_version_info *info)
{
    struct history *h = arg;
    struct entry *grown = c2s_realloc(h->entries, sizeof *grown * (size_t)(h->n + 1));
    char *step = c2s_strdup(info->step);
    if (grown)
        h->entries = grown;
    if (!grown || !step) {
        c2s_free(step);
        h->failed = true;
        return false;
    }
    grown[h->n++] = (struct entry){.id = info->id, .parent = info->parent, .step = step};
    return true;
}

static struct entry *find(struct history *h, int64_t id)
{
    for (int i = 0; i < h->n; i++)
        if (h->entries[i].id == id)
            return &h->entries[i];
    return NULL;
}

static void say(struct history *h, const char *fmt, ...) C2S_PRINTF(2, 3);
static void say(struct history *h, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    bool ok = vasprintf(&text, fmt, args) >= 0;
    va_end(args);
    /* A name with a new line in it must not run its rest as a command; in quotes it may stand. */
    for (char *c = text; ok && text[0] == '#' && *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    if (!ok)
        h->failed = true;
    else if (!h->stopped && !h->failed)
        h->stopped = !h->line(h->arg, text);
    if (ok)
        free(text);
}

static void go_to(struct history *h, int64_t replayed)
{
    if (replayed != h->at)
        say(h, "checkout v%lld", (long long)replayed);
    h->at = replayed;
}

/* The same step from the same parent was replayed before: only a file that changed meanwhile makes
 * two versions of it, and a replay cannot have both. */
static const struct entry *earlier_twin(struct history *h, const struct entry *e)
{
    for (struct entry *other = h->entries; other < e; other++)
        if (other->is_wanted && other->parent == e->parent && strcmp(other->step, e->step) == 0)
            return other;
    return NULL;
}

/* A teacher has another number on replay. */
static void say_step(struct history *h, const struct entry *e)
{
    int64_t teacher = step_teacher(e->step);
    const struct entry *other = teacher ? find(h, teacher) : NULL;
    struct c2s_error err = {0};
    char *step = NULL;
    if (teacher && !other)
        say(h, "# its teacher v%lld was removed, so the next line cannot be replayed",
            (long long)teacher);
    if (step_with_teacher(e->step, other ? other->replayed : teacher, &step, &err))
        say(h, "%s", step);
    else
        h->failed = true;
    c2s_free(step);
}

static void say_steps(struct history *h)
{
    int64_t next = 1;
    for (int i = 0; i < h->n; i++) {
        struct entry *e = &h->entries[i];
        if (!e->is_wanted)
            continue;
        const struct entry *twin = earlier_twin(h, e);
        if (twin) {
            e->replayed = twin->replayed;
            say(h, "# v%lld: '%s' gave another result, because the file had changed",
                (long long)e->id, e->step);
            continue;
        }
        if (e->parent)
            go_to(h, find(h, e->parent)->replayed);
        e->replayed = next++;
        say_step(h, e);
        h->at = e->replayed;
    }
}

static bool say_tag(void *arg, const char *tag, int64_t version)
{
    struct history *h = arg;
    const struct entry *e = find(h, version);
    if (e && e->is_wanted)
        say(h, "tag %s v%lld", tag, (long long)e->replayed);
    return !h->stopped && !h->failed;
}

static bool say_data(struct c2s_session *s, struct history *h, struct c2s_error *err)
{
    const struct c2s_dataset_record *d = c2s_session_data_record(s);
    char *step;
    if (!d)
        return true;
    if (!step_use_data(d, &step, err))
        return false;
    say(h, "%s", step);
    c2s_free(step);
    return true;
}

/* The version with all it was made from, teachers included. */
static void want(struct history *h, int64_t id)
{
    for (struct entry *e = find(h, id); e && !e->is_wanted; e = find(h, e->parent)) {
        e->is_wanted = true;
        want(h, step_teacher(e->step));
    }
}

static bool choose(struct c2s_session *s, const char *version, struct history *h, int64_t *last,
                   struct c2s_error *err)
{
    for (int i = 0; !version && i < h->n; i++)
        h->entries[i].is_wanted = true;
    *last = s->current ? s->current->info.id : 0;
    if (!version)
        return true;
    if (!c2s_session_version_id(s, version, last, err))
        return false;
    want(h, *last);
    return true;
}

bool c2s_session_script(struct c2s_session *s, const char *version,
                        bool (*line)(void *arg, const char *text), void *arg, struct c2s_error *err)
{
    struct history h = {.line = line, .arg = arg};
    int64_t last = 0;
    bool ok = s->journal->ops->each(s->journal, add_entry, &h, err) &&
              (!h.failed || c2s_fail_nomem(err)) && choose(s, version, &h, &last, err);
    if (ok) {
        say(&h, "# c2s-shell " C2S_VERSION ", history of %s", s->journal->ops->place(s->journal));
        ok = say_data(s, &h, err);
    }
    if (ok) {
        say_steps(&h);
        ok = s->journal->ops->each_tag(s->journal, say_tag, &h, err);
    }
    const struct entry *end = find(&h, last); /* NULL when another shell removed it meanwhile */
    if (ok && end)
        go_to(&h, end->replayed);
    for (int i = 0; i < h.n; i++)
        c2s_free(h.entries[i].step);
    c2s_free(h.entries);
    return ok && (!h.failed || c2s_fail_nomem(err));
}
