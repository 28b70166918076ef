/* Removing versions, alone or with all that came from them. */
#include "session/private.h"

#include "base/alloc.h"

/* Moves the ids of `root` and of all that came from it to the front of ids; their number. Versions
 * are listed with parents before children. */
static int branch(const struct version_link *links, int n, int64_t root, int64_t *ids)
{
    int found = 0;
    ids[found++] = root;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < found; k++)
            if (links[i].parent == ids[k]) {
                ids[found++] = links[i].id;
                break;
            }
    return found;
}

/* The versions that go, and what that does to trainings that could go on. */
struct removal {
    const int64_t *ids;
    int n_ids, n_lost;
    int64_t teacher, taught; /* a teacher that goes, of a version that stays; 0 = none */
};

static bool contains(const struct removal *t, int64_t id)
{
    for (int i = 0; i < t->n_ids; i++)
        if (t->ids[i] == id)
            return true;
    return false;
}

static void release(struct c2s_session *s, const struct removal *gone)
{
    int kept = 0;
    for (int i = 0; i < s->n_held; i++)
        if (contains(gone, s->held[i]->info.id))
            c2s_version_destroy(s->held[i]);
        else
            s->held[kept++] = s->held[i];
    s->n_held = kept;
}

static bool look_at_run(void *arg, const struct c2s_run *run)
{
    struct removal *t = arg;
    int64_t teacher = step_teacher(run->step);
    if (run->state != C2S_RUN_OPEN)
        return true;
    if (contains(t, run->parent)) {
        t->n_lost++;
    } else if (teacher && contains(t, teacher)) {
        t->teacher = teacher;
        t->taught = run->parent;
    }
    return true;
}

static bool may_remove(struct c2s_session *s, struct removal *t, struct c2s_error *err)
{
    if (s->current && contains(t, s->current->info.id))
        return c2s_fail(err, C2S_STATE,
                        "v%lld is the current version; checkout one that stays, then remove it",
                        (long long)s->current->info.id);
    if (!s->journal->ops->each_run(s->journal, look_at_run, t, err))
        return false;
    return !t->teacher ||
           c2s_fail(
               err, C2S_STATE,
               "v%lld teaches v%lld in a training that was interrupted or is at work; end that "
               "first (checkout v%lld, retrain --resume), or forget it: gc --trainings",
               (long long)t->teacher, (long long)t->taught, (long long)t->taught);
}

static bool remove_branch(struct c2s_session *s, const struct version_link *links, int n,
                          int64_t root, struct removal *t, struct c2s_error *err)
{
    int64_t *ids = c2s_malloc(sizeof *ids * (size_t)(n + 1));
    if (!ids)
        return c2s_fail_nomem(err);
    t->n_ids = links ? branch(links, n, root, ids) : (ids[0] = root, 1);
    t->ids = ids;
    bool ok = may_remove(s, t, err) && s->journal->ops->remove(s->journal, ids, t->n_ids, err);
    if (ok)
        release(s, t);
    c2s_free(ids);
    return ok;
}

bool c2s_session_remove(struct c2s_session *s, const char *name, bool recursive, int *n_trainings,
                        struct c2s_error *err)
{
    struct removal t = {0};
    int64_t root;
    struct version_link *links;
    int n;
    if (!c2s_session_version_id(s, name, &root, err) || !session_list(s, &links, &n, err))
        return false;
    bool ok = remove_branch(s, recursive ? links : NULL, n, root, &t, err);
    if (n_trainings)
        *n_trainings = t.n_lost;
    c2s_free(links);
    return ok;
}
