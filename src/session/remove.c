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

static void release(struct c2s_session *s, const int64_t *ids, int n)
{
    int kept = 0;
    for (int i = 0; i < s->n_held; i++) {
        bool gone = false;
        for (int k = 0; k < n; k++)
            gone = gone || s->held[i]->info.id == ids[k];
        if (gone)
            c2s_version_destroy(s->held[i]);
        else
            s->held[kept++] = s->held[i];
    }
    s->n_held = kept;
}

static bool remove_branch(struct c2s_session *s, int64_t root, bool recursive,
                          const struct version_link *links, int n, struct c2s_error *err)
{
    int64_t *ids = c2s_malloc(sizeof *ids * (size_t)(n + 1));
    if (!ids)
        return c2s_fail_nomem(err);
    int n_ids = recursive ? branch(links, n, root, ids) : (ids[0] = root, 1);
    bool ok = true;
    for (int i = 0; ok && s->current && i < n_ids; i++)
        if (ids[i] == s->current->info.id)
            ok = c2s_fail(err, C2S_STATE,
                          "v%lld is the current version; checkout one that stays, then remove it",
                          (long long)ids[i]);
    ok = ok && s->journal->ops->remove(s->journal, ids, n_ids, err);
    if (ok)
        release(s, ids, n_ids);
    c2s_free(ids);
    return ok;
}

bool c2s_session_remove(struct c2s_session *s, const char *name, bool recursive,
                        struct c2s_error *err)
{
    int64_t root;
    struct version_link *links;
    int n;
    if (!c2s_session_version_id(s, name, &root, err) || !session_list(s, &links, &n, err))
        return false;
    bool ok = remove_branch(s, root, recursive, links, n, err);
    c2s_free(links);
    return ok;
}
