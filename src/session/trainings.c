/* Trainings of the past: those whose version is there, those that ended without one, and those that
 * were interrupted and can be gone on with. */
#include "session/private.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* ---- the same training before ---- */

struct search {
    const struct c2s_run *wanted;
    struct session_trained *found;
};

static bool look_at_version(void *arg, const struct c2s_version_info *info)
{
    const struct search *s = arg;
    if (info->parent == s->wanted->parent && strcmp(info->step, s->wanted->step) == 0 &&
        strcmp(info->source_hash, s->wanted->data) == 0)
        s->found->version = info->id;
    return s->found->version == 0;
}

static bool look_at_run(void *arg, const struct c2s_run *run)
{
    const struct search *s = arg;
    bool is_same_data = strcmp(run->data, s->wanted->data) == 0;
    if (run->is_live || run->parent != s->wanted->parent || strcmp(run->step, s->wanted->step) != 0)
        return true;
    if (run->state == C2S_RUN_OPEN) {
        s->found->open = run->id;
        s->found->n_open_epochs = run->n_epochs;
        s->found->is_of_other_data = !is_same_data;
    } else if (is_same_data) {
        s->found->ended = run->id;
        snprintf(s->found->note, sizeof s->found->note, "%s", run->note);
    }
    return true;
}

bool session_find_training(struct c2s_session *s, const struct c2s_run *wanted,
                           struct session_trained *out, struct c2s_error *err)
{
    struct c2s_journal *j = s->journal;
    struct search search = {wanted, out};
    *out = (struct session_trained){0};
    return j->ops->each(j, look_at_version, &search, err) &&
           j->ops->each_run(j, look_at_run, &search, err);
}

/* ---- what could be gone on with ---- */

struct lookout {
    const struct c2s_version_info *current;
    struct c2s_interrupted own, of_parent; /* of the current version; that made it so far */
    int64_t other;                         /* another version that has one */
    bool is_live, failed;
};

static void take(struct lookout *l, struct c2s_interrupted *place, const struct c2s_run *run)
{
    c2s_interrupted_finish(place);
    place->step = c2s_strdup(run->step);
    place->version = run->parent;
    place->n_epochs = run->n_epochs;
    l->failed |= !place->step;
}

static bool look_for_open(void *arg, const struct c2s_run *run)
{
    struct lookout *l = arg;
    if (run->state != C2S_RUN_OPEN)
        return true;
    if (run->is_live)
        l->is_live |= run->parent == l->current->id;
    else if (run->parent == l->current->id)
        take(l, &l->own, run);
    else if (run->parent == l->current->parent && step_is_stop_of(l->current->step, run->step))
        take(l, &l->of_parent, run);
    else
        l->other = run->parent;
    return !l->failed;
}

static bool tell_why_not(const struct lookout *l, struct c2s_error *err)
{
    long long id = (long long)l->current->id, other = (long long)l->other;
    if (l->is_live)
        return c2s_fail(err, C2S_STATE,
                        "another shell trains v%lld right now; wait for it, or begin another "
                        "training without --resume",
                        id);
    if (l->other)
        return c2s_fail(err, C2S_STATE,
                        "no training of v%lld was interrupted, but one of v%lld; go on with that: "
                        "checkout v%lld, retrain --resume",
                        id, other, other);
    return c2s_fail(err, C2S_STATE,
                    "no training of v%lld was interrupted; begin one without --resume", id);
}

bool c2s_session_interrupted(struct c2s_session *s, struct c2s_interrupted *out,
                             struct c2s_error *err)
{
    if (!session_require_current(s, err))
        return false;
    struct lookout l = {.current = &s->current->info};
    bool ok = s->journal->ops->each_run(s->journal, look_for_open, &l, err);
    if (ok && l.failed)
        ok = c2s_fail_nomem(err);
    struct c2s_interrupted *found = l.own.step ? &l.own : &l.of_parent;
    if (ok && !found->step)
        ok = tell_why_not(&l, err);
    if (ok) {
        *out = *found;
        *found = (struct c2s_interrupted){0};
    }
    c2s_interrupted_finish(&l.own);
    c2s_interrupted_finish(&l.of_parent);
    return ok;
}

void c2s_interrupted_finish(struct c2s_interrupted *i)
{
    c2s_free(i->step);
    *i = (struct c2s_interrupted){0};
}

/* ---- what is not to be gone on with ---- */

static bool first_open(void *arg, const struct c2s_run *run)
{
    int64_t *id = arg;
    if (run->state == C2S_RUN_OPEN && !run->is_live)
        *id = run->id;
    return *id == 0;
}

bool c2s_session_forget_trainings(struct c2s_session *s, int *n, struct c2s_error *err)
{
    struct c2s_journal *j = s->journal;
    for (*n = 0;; (*n)++) {
        int64_t id = 0;
        if (!j->ops->each_run(j, first_open, &id, err))
            return false;
        if (!id)
            return true;
        if (!j->ops->remove_run(j, id, err))
            return false;
    }
}
