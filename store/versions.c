/* Versions: append, fetch, list, remove; and the head. */
#include "private.h"

#include <c2s/json.h>
#include <c2s/keras.h>
#include <stdio.h>
#include <string.h>

bool store_set(struct db *db, const char *name, int64_t value, struct c2s_error *err)
{
    struct statement q =
        db_prepare(db, value ? "INSERT INTO setting(name, value) VALUES(?1, ?2)"
                               " ON CONFLICT(name) DO UPDATE SET value = excluded.value"
                             : "DELETE FROM setting WHERE name = ?1 AND ?2 = 0");
    bind_text(&q, 1, name);
    bind_integer(&q, 2, value);
    return statement_run(&q, err);
}

bool store_require_version(struct db *db, int64_t id, struct c2s_error *err)
{
    struct statement q = db_prepare(db, "SELECT 1 FROM version WHERE id = ?1");
    bool has_row;
    bind_integer(&q, 1, id);
    if (!statement_row(&q, &has_row, err))
        return false;
    statement_finish(&q);
    return has_row ||
           c2s_fail(err, C2S_NOT_FOUND,
                    "there is no version v%lld in this workspace; 'log' lists them", (long long)id);
}

bool store_head(struct c2s_journal *j, int64_t *id, struct c2s_error *err)
{
    return db_integer(store_of(j)->db, "SELECT value FROM setting WHERE name = 'head'", id, err);
}

static bool move_head(struct db *db, int64_t id, struct c2s_error *err)
{
    return (id == 0 || store_require_version(db, id, err)) && store_set(db, "head", id, err);
}

bool store_set_head(struct c2s_journal *j, int64_t id, struct c2s_error *err)
{
    struct db *db = store_of(j)->db;
    return db_begin_write(db, err) && db_end(db, move_head(db, id, err), err);
}

/* Stores a parameter and notes that the model uses it. The description knows its hash. */
static bool put_param(struct store *s, const char *model_hash, const struct c2s_json *params,
                      enum c2s_role role, const struct c2s_tensor *t, struct c2s_error *err)
{
    char hash[C2S_HASH_LENGTH + 1];
    snprintf(hash, sizeof hash, "%s", c2s_json_text(c2s_json_get(params, c2s_role_name(role)), ""));
    if (!store_put_tensor(s, t, hash, err))
        return false;
    struct statement q = db_prepare(s->db, "INSERT INTO model_tensor(model, tensor) VALUES(?1, ?2)"
                                           " ON CONFLICT DO NOTHING");
    bind_text(&q, 1, model_hash);
    bind_text(&q, 2, hash);
    return statement_run(&q, err);
}

static bool put_params(struct store *s, const struct c2s_version *v, const char *description,
                       struct c2s_error *err)
{
    struct c2s_json *json = c2s_json_parse(description, strlen(description), err);
    const struct c2s_json *layers = c2s_json_get(json, "layers");
    bool ok = json != NULL;
    for (int i = 0; ok && i < v->model->n_layers; i++) {
        const struct c2s_json *params = c2s_json_get(c2s_json_at(layers, (size_t)i), "params");
        for (int role = 0; ok && role < C2S_ROLE_COUNT; role++) {
            const struct c2s_tensor *t = v->model->layers[i]->params[role];
            if (t)
                ok = put_param(s, v->info.model_hash, params, (enum c2s_role)role, t, err);
        }
    }
    c2s_json_free(json);
    return ok;
}

static bool describe_model(struct db *db, const char *hash, const char *description,
                           struct c2s_error *err)
{
    struct statement q = db_prepare(db, "UPDATE model SET description = ?2 WHERE hash = ?1");
    bind_text(&q, 1, hash);
    bind_text(&q, 2, description);
    return statement_run(&q, err);
}

static bool put_model(struct store *s, const struct c2s_version *v, struct c2s_error *err)
{
    char *made = NULL;
    if (!v->description && !c2s_model_describe(v->model, &made, err))
        return false;
    const char *description = v->description ? v->description : made;
    /* The description comes last: SQLite looks the model up for each parameter, and would copy a
     * long one each time. */
    struct statement q = db_prepare(s->db, "INSERT INTO model(hash, description) VALUES(?1, '')"
                                           " ON CONFLICT(hash) DO NOTHING");
    bind_text(&q, 1, v->info.model_hash);
    bool ok = statement_run(&q, err);
    if (ok && db_n_changed(s->db) > 0)
        ok = put_params(s, v, description, err) &&
             describe_model(s->db, v->info.model_hash, description, err);
    c2s_text_free(made);
    return ok;
}

/* The oldest version made by the same step from the same parent with the same result; 0 = none. */
static bool find_twin(struct db *db, const struct c2s_version_info *f, int64_t *id,
                      struct c2s_error *err)
{
    struct statement q = db_prepare(db, "SELECT id FROM version WHERE parent IS nullif(?1, 0)"
                                        " AND step = ?2 AND model = ?3 ORDER BY id LIMIT 1");
    bool has_row;
    bind_integer(&q, 1, f->parent);
    bind_text(&q, 2, f->step);
    bind_text(&q, 3, f->model_hash);
    if (!statement_row(&q, &has_row, err))
        return false;
    *id = has_row ? column_integer(&q, 0) : 0;
    statement_finish(&q);
    return true;
}

static bool insert_version(struct store *s, const struct c2s_version *v, int64_t *id,
                           struct c2s_error *err)
{
    const struct c2s_version_info *f = &v->info;
    if ((f->parent && !store_require_version(s->db, f->parent, err)) || !put_model(s, v, err))
        return false;
    struct statement q =
        db_prepare(s->db, "INSERT INTO version(parent, model, step, name, tool, note,"
                          " created, source, source_hash)"
                          " VALUES(nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    bind_integer(&q, 1, f->parent);
    bind_text(&q, 2, f->model_hash);
    bind_text(&q, 3, f->step);
    bind_text(&q, 4, f->name);
    bind_text(&q, 5, f->tool);
    bind_text(&q, 6, f->note);
    bind_integer(&q, 7, f->created);
    bind_text(&q, 8, f->source);
    bind_text(&q, 9, f->source_hash);
    if (!statement_run(&q, err))
        return false;
    *id = db_last_id(s->db);
    return store_put_story(s->db, *id, v, err);
}

/* *twin: 0 when the version is new. */
static bool put_version(struct store *s, const struct c2s_version *v, int64_t *id, int64_t *twin,
                        struct c2s_error *err)
{
    if (!find_twin(s->db, &v->info, twin, err))
        return false;
    *id = *twin;
    return (*twin || insert_version(s, v, id, err)) &&
           (!v->run || store_drop_run(s->db, v->run, err)) && store_set(s->db, "head", *id, err);
}

bool store_append(struct c2s_journal *j, const struct c2s_version *v, int64_t *id, bool *is_new,
                  struct c2s_error *err)
{
    struct store *s = store_of(j);
    int64_t made = 0, twin = 0;
    store_forget_unused(s);
    if (j->ops->is_read_only(j) && !find_twin(s->db, &v->info, &twin, err))
        return false;
    if (twin)
        made = twin;
    else if (!db_begin_write(s->db, err) ||
             !db_end(s->db, put_version(s, v, &made, &twin, err), err))
        return false;
    *id = made;
    *is_new = twin == 0;
    return true;
}

#define INFO_COLUMNS                                                                               \
    "id, coalesce(parent, 0), step, name, tool, note, created, source, source_hash, model"

/* Strings are borrowed until the statement's next row. */
static struct c2s_version_info info_from_row(const struct statement *q)
{
    struct c2s_version_info info = {
        .id = column_integer(q, 0),
        .parent = column_integer(q, 1),
        .step = column_text_or_empty(q, 2),
        .name = column_text_or_empty(q, 3),
        .tool = column_text_or_empty(q, 4),
        .note = column_text_or_empty(q, 5),
        .created = column_integer(q, 6),
        .source = column_text_or_empty(q, 7),
    };
    snprintf(info.source_hash, sizeof info.source_hash, "%s", column_text_or_empty(q, 8));
    snprintf(info.model_hash, sizeof info.model_hash, "%s", column_text_or_empty(q, 9));
    return info;
}

static bool find_tensor(void *arg, const char *hash, struct c2s_tensor **out, struct c2s_error *err)
{
    return store_get_tensor(arg, hash, out, err);
}

static bool read_version(struct store *s, int64_t id, struct c2s_version **out,
                         struct c2s_error *err)
{
    struct statement q =
        db_prepare(s->db, "SELECT " INFO_COLUMNS ", description FROM version"
                          " JOIN model ON model.hash = version.model WHERE id = ?1");
    bool has_row;
    bind_integer(&q, 1, id);
    if (!statement_row(&q, &has_row, err))
        return false;
    if (!has_row)
        return c2s_fail(err, C2S_NOT_FOUND,
                        "there is no version v%lld in this workspace; 'log' lists them",
                        (long long)id);
    struct c2s_version_info info = info_from_row(&q);
    struct c2s_model *model = NULL;
    bool ok = c2s_model_from_description(column_text_or_empty(&q, 10), find_tensor, s, &model, err);
    *out = ok ? c2s_version_create(&info, model, err) : NULL;
    statement_finish(&q);
    if (*out && store_get_story(s->db, *out, err))
        return true;
    c2s_version_destroy(*out);
    *out = NULL;
    return c2s_fail_at(err, "v%lld", (long long)id);
}

bool store_fetch(struct c2s_journal *j, int64_t id, struct c2s_version **out, struct c2s_error *err)
{
    struct store *s = store_of(j);
    store_forget_unused(s);
    /* One snapshot for all reads: another shell may remove the version meanwhile. */
    if (!db_begin_read(s->db, err))
        return false;
    return db_end(s->db, read_version(s, id, out, err), err);
}

bool store_each(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_version_info *),
                void *arg, struct c2s_error *err)
{
    struct statement q =
        db_prepare(store_of(j)->db, "SELECT " INFO_COLUMNS " FROM version ORDER BY id");
    bool has_row;
    while (statement_row(&q, &has_row, err)) {
        if (!has_row)
            return true;
        struct c2s_version_info info = info_from_row(&q);
        if (!fn(arg, &info)) {
            statement_finish(&q);
            return true;
        }
    }
    return false;
}

/* The nearest ancestor that is still there, for a head that is about to go. */
static int64_t parent_of(struct db *db, int64_t id, struct c2s_error *err)
{
    struct statement q = db_prepare(db, "SELECT parent FROM version WHERE id = ?1");
    bool has_row;
    bind_integer(&q, 1, id);
    if (!statement_row(&q, &has_row, err))
        return 0;
    int64_t parent = has_row ? column_integer(&q, 0) : 0;
    statement_finish(&q);
    return parent;
}

static bool contains(const int64_t *ids, int n, int64_t id)
{
    for (int i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Fails when another shell trains the version right now. */
static bool is_idle(struct db *db, int64_t id, struct c2s_error *err)
{
    struct statement q = db_prepare(db, "SELECT owner FROM run WHERE parent = ?1");
    bool has_row;
    bind_integer(&q, 1, id);
    while (statement_row(&q, &has_row, err) && has_row)
        if (store_owner_is_other(column_text_or_empty(&q, 0))) {
            statement_finish(&q);
            return c2s_fail(err, C2S_STATE,
                            "another shell trains v%lld right now; wait for it, or stop it first",
                            (long long)id);
        }
    return err->code == C2S_OK;
}

/* Fails when something that stays needs version id. */
static bool may_remove(struct db *db, int64_t id, const int64_t *ids, int n, struct c2s_error *err)
{
    bool has_row;
    if (!store_require_version(db, id, err))
        return false;
    struct statement q = db_prepare(db, "SELECT name FROM tag WHERE version = ?1");
    bind_integer(&q, 1, id);
    if (!statement_row(&q, &has_row, err))
        return false;
    if (has_row)
        c2s_fail(err, C2S_STATE, "v%lld has the tag '%s'; remove the tag first", (long long)id,
                 column_text_or_empty(&q, 0));
    statement_finish(&q);
    if (has_row)
        return false;
    if (!is_idle(db, id, err))
        return false;
    q = db_prepare(db, "SELECT id FROM version WHERE parent = ?1");
    bind_integer(&q, 1, id);
    while (statement_row(&q, &has_row, err) && has_row)
        if (!contains(ids, n, column_integer(&q, 0))) {
            c2s_fail(err, C2S_STATE,
                     "v%lld was made from v%lld; remove both, or keep both: rm --recursive v%lld",
                     (long long)column_integer(&q, 0), (long long)id, (long long)id);
            statement_finish(&q);
            return false;
        }
    return err->code == C2S_OK;
}

static bool remove_all(struct db *db, const int64_t *ids, int n, struct c2s_error *err)
{
    int64_t head;
    for (int i = 0; i < n; i++)
        if (!may_remove(db, ids[i], ids, n, err))
            return false;
    if (!db_integer(db, "SELECT value FROM setting WHERE name = 'head'", &head, err))
        return false;
    while (head && contains(ids, n, head))
        head = parent_of(db, head, err);
    if (err->code != C2S_OK || !store_set(db, "head", head, err))
        return false;
    /* Parents have smaller ids than their children, but the list may be in any order. */
    if (!db_run(db, "PRAGMA defer_foreign_keys = ON", err))
        return false;
    for (int i = 0; i < n; i++) {
        struct statement q = db_prepare(db, "DELETE FROM version WHERE id = ?1");
        bind_integer(&q, 1, ids[i]);
        if (!statement_run(&q, err))
            return false;
    }
    return true;
}

bool store_remove(struct c2s_journal *j, const int64_t *ids, int n, struct c2s_error *err)
{
    struct db *db = store_of(j)->db;
    return db_begin_write(db, err) && db_end(db, remove_all(db, ids, n, err), err);
}
