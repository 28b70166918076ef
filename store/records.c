/* Measures with their predictions, data sets, tags. */
#include "private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool put_row(struct db *db, const struct c2s_measure *m, struct c2s_error *err)
{
    struct statement q = db_prepare(db, "INSERT OR REPLACE INTO measure(version, dataset,"
                                        " dataset_name, engine, n, correct, loss, seconds, taken)"
                                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    bind_integer(&q, 1, m->version);
    bind_text(&q, 2, m->dataset);
    bind_text(&q, 3, m->dataset_name);
    bind_text(&q, 4, m->engine);
    bind_integer(&q, 5, m->metrics.n);
    bind_integer(&q, 6, m->metrics.correct);
    bind_real(&q, 7, m->metrics.loss); /* NaN is stored as NULL by SQLite */
    bind_real(&q, 8, m->metrics.seconds);
    bind_integer(&q, 9, m->taken);
    return statement_run(&q, err);
}

static bool put_predictions(struct db *db, const struct c2s_measure *m, const int32_t *predictions,
                            struct c2s_error *err)
{
    struct statement q =
        db_prepare(db, "INSERT OR REPLACE INTO prediction(version, dataset, engine,"
                       " classes) VALUES(?1, ?2, ?3, ?4)");
    bind_integer(&q, 1, m->version);
    bind_text(&q, 2, m->dataset);
    bind_text(&q, 3, m->engine);
    bind_blob(&q, 4, predictions, sizeof *predictions * (size_t)m->metrics.n);
    return statement_run(&q, err);
}

bool store_put_measure(struct c2s_journal *j, const struct c2s_measure *m,
                       const int32_t *predictions, struct c2s_error *err)
{
    struct db *db = store_of(j)->db;
    if (!db_begin_write(db, err))
        return false;
    bool ok = store_require_version(db, m->version, err) && put_row(db, m, err) &&
              (!predictions || put_predictions(db, m, predictions, err));
    return db_end(db, ok, err);
}

#define MEASURE_COLUMNS "version, dataset, dataset_name, engine, n, correct, loss, seconds, taken"

static void measure_from_row(const struct statement *q, struct c2s_measure *m)
{
    *m = (struct c2s_measure){
        .version = column_integer(q, 0),
        .metrics = {.n = column_integer(q, 4),
                    .correct = column_integer(q, 5),
                    .loss = column_text(q, 6) ? column_real(q, 6) : NAN,
                    .seconds = column_real(q, 7)},
        .taken = column_integer(q, 8),
    };
    snprintf(m->dataset, sizeof m->dataset, "%s", column_text_or_empty(q, 1));
    snprintf(m->dataset_name, sizeof m->dataset_name, "%s", column_text_or_empty(q, 2));
    snprintf(m->engine, sizeof m->engine, "%s", column_text_or_empty(q, 3));
}

/* Predictions are a cache: absent or of another length than n means none. */
static bool find_predictions(struct db *db, const struct c2s_measure *m, int32_t **out,
                             struct c2s_error *err)
{
    struct statement q = db_prepare(db, "SELECT classes FROM prediction"
                                        " WHERE version = ?1 AND dataset = ?2 AND engine = ?3");
    bool has_row;
    bind_integer(&q, 1, m->version);
    bind_text(&q, 2, m->dataset);
    bind_text(&q, 3, m->engine);
    if (!statement_row(&q, &has_row, err))
        return false;
    size_t n_bytes = 0;
    const void *data = has_row ? column_blob(&q, 0, &n_bytes) : NULL;
    bool ok = true;
    if (data && n_bytes == sizeof **out * (size_t)m->metrics.n) {
        *out = malloc(n_bytes);
        ok = *out || c2s_fail_nomem(err);
        if (ok)
            memcpy(*out, data, n_bytes);
    }
    statement_finish(&q);
    return ok;
}

bool store_find_measure(struct c2s_journal *j, int64_t version, const char *dataset,
                        const char *engine, struct c2s_measure *m, int32_t **predictions,
                        bool *found, struct c2s_error *err)
{
    struct db *db = store_of(j)->db;
    struct statement q = db_prepare(db, "SELECT " MEASURE_COLUMNS " FROM measure"
                                        " WHERE version = ?1 AND dataset = ?2 AND engine = ?3");
    *found = false;
    if (predictions)
        *predictions = NULL;
    bind_integer(&q, 1, version);
    bind_text(&q, 2, dataset);
    bind_text(&q, 3, engine);
    bool has_row;
    if (!statement_row(&q, &has_row, err) || !has_row)
        return err->code == C2S_OK;
    measure_from_row(&q, m);
    statement_finish(&q);
    if (predictions && !find_predictions(db, m, predictions, err))
        return false;
    *found = true;
    return true;
}

bool store_each_measure(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_measure *),
                        void *arg, struct c2s_error *err)
{
    struct statement q = db_prepare(store_of(j)->db, "SELECT " MEASURE_COLUMNS " FROM measure"
                                                     " ORDER BY version, dataset, engine");
    bool has_row;
    while (statement_row(&q, &has_row, err)) {
        struct c2s_measure m;
        if (!has_row)
            return true;
        measure_from_row(&q, &m);
        if (!fn(arg, &m)) {
            statement_finish(&q);
            return true;
        }
    }
    return false;
}

static void bind_dataset(struct statement *q, const struct c2s_dataset_record *d)
{
    bind_text(q, 1, d->hash);
    bind_text(q, 2, d->name ? d->name : "");
    bind_text(q, 3, d->path ? d->path : "");
    bind_text(q, 4, d->split ? d->split : "test");
    bind_real(q, 5, d->scale);
    bind_real(q, 6, d->shift);
    bind_integer(q, 7, d->limit);
    bind_integer(q, 8, (int64_t)d->seed);
    bind_text(q, 9, d->labels);
}

static bool use_dataset(struct db *db, const struct c2s_dataset_record *d, struct c2s_error *err)
{
    if (d->hash[0] == '\0')
        return store_set(db, "dataset", 0, err);
    struct statement q = db_prepare(db, "SELECT id FROM dataset WHERE hash = ?1 AND name = ?2"
                                        " AND path = ?3 AND split = ?4 AND scale = ?5"
                                        " AND shift = ?6 AND n_limit = ?7 AND seed = ?8"
                                        " AND labels IS ?9");
    bool has_row;
    bind_dataset(&q, d);
    if (!statement_row(&q, &has_row, err))
        return false;
    int64_t id = has_row ? column_integer(&q, 0) : 0;
    statement_finish(&q);
    if (!has_row) {
        q = db_prepare(db, "INSERT INTO dataset(hash, name, path, split, scale, shift, n_limit,"
                           " seed, labels) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        bind_dataset(&q, d);
        if (!statement_run(&q, err))
            return false;
        id = db_last_id(db);
    }
    return store_set(db, "dataset", id, err);
}

bool store_put_dataset(struct c2s_journal *j, const struct c2s_dataset_record *d,
                       struct c2s_error *err)
{
    struct db *db = store_of(j)->db;
    return db_begin_write(db, err) && db_end(db, use_dataset(db, d, err), err);
}

bool store_dataset(struct c2s_journal *j, void (*fn)(void *, const struct c2s_dataset_record *),
                   void *arg, bool *found, struct c2s_error *err)
{
    struct statement q =
        db_prepare(store_of(j)->db, "SELECT hash, name, path, split, scale, shift, n_limit, seed,"
                                    " labels FROM dataset WHERE id ="
                                    " (SELECT value FROM setting WHERE name = 'dataset')");
    if (!statement_row(&q, found, err) || !*found)
        return err->code == C2S_OK;
    struct c2s_dataset_record d = {
        .name = column_text_or_empty(&q, 1),
        .path = column_text_or_empty(&q, 2),
        .split = column_text_or_empty(&q, 3),
        .scale = column_real(&q, 4),
        .shift = column_real(&q, 5),
        .limit = column_integer(&q, 6),
        .seed = (uint64_t)column_integer(&q, 7),
        .labels = column_text(&q, 8),
    };
    snprintf(d.hash, sizeof d.hash, "%s", column_text_or_empty(&q, 0));
    fn(arg, &d);
    statement_finish(&q);
    return true;
}

static bool add_tag(struct db *db, const char *tag, int64_t version, struct c2s_error *err)
{
    if (!store_require_version(db, version, err))
        return false;
    struct statement q = db_prepare(db, "SELECT version FROM tag WHERE name = ?1");
    bool has_row;
    bind_text(&q, 1, tag);
    if (!statement_row(&q, &has_row, err))
        return false;
    int64_t other = has_row ? column_integer(&q, 0) : version;
    statement_finish(&q);
    if (other != version)
        return c2s_fail(err, C2S_EXISTS,
                        "tag '%s' names v%lld already; remove it first, or choose another name",
                        tag, (long long)other);
    q = db_prepare(db, "INSERT INTO tag(name, version) VALUES(?1, ?2) ON CONFLICT DO NOTHING");
    bind_text(&q, 1, tag);
    bind_integer(&q, 2, version);
    return statement_run(&q, err);
}

bool store_put_tag(struct c2s_journal *j, const char *tag, int64_t version, struct c2s_error *err)
{
    struct db *db = store_of(j)->db;
    return db_begin_write(db, err) && db_end(db, add_tag(db, tag, version, err), err);
}

bool store_remove_tag(struct c2s_journal *j, const char *tag, struct c2s_error *err)
{
    struct db *db = store_of(j)->db;
    struct statement q = db_prepare(db, "DELETE FROM tag WHERE name = ?1");
    bind_text(&q, 1, tag);
    if (!statement_run(&q, err))
        return false;
    return db_n_changed(db) > 0 ||
           c2s_fail(err, C2S_NOT_FOUND, "there is no tag '%s'; 'log' shows the tags", tag);
}

bool store_each_tag(struct c2s_journal *j, bool (*fn)(void *, const char *tag, int64_t version),
                    void *arg, struct c2s_error *err)
{
    struct statement q = db_prepare(store_of(j)->db, "SELECT name, version FROM tag ORDER BY name");
    bool has_row;
    while (statement_row(&q, &has_row, err)) {
        if (!has_row)
            return true;
        if (!fn(arg, column_text_or_empty(&q, 0), column_integer(&q, 1))) {
            statement_finish(&q);
            return true;
        }
    }
    return false;
}
