/* Trainings: the epochs of versions, and runs beside the versions with their checkpoints. */
#include "private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const state_names[] = {"open", "ended"}; /* enum c2s_run_state */

static void bind_number(struct statement *q, int index, double value)
{
    bind_real(q, index, value); /* NaN is stored as NULL by SQLite */
}

/* table: "epoch" of a version, or "run_epoch" of a run. */
static bool put_epochs(struct db *db, const char *insert, int64_t id,
                       const struct c2s_epoch *epochs, int n, struct c2s_error *err)
{
    for (int i = 0; i < n; i++) {
        struct statement q = db_prepare(db, insert);
        bind_integer(&q, 1, id);
        bind_integer(&q, 2, epochs[i].epoch);
        bind_number(&q, 3, epochs[i].learning_rate);
        bind_number(&q, 4, epochs[i].loss);
        bind_number(&q, 5, epochs[i].accuracy);
        bind_number(&q, 6, epochs[i].validation_loss);
        bind_number(&q, 7, epochs[i].validation_accuracy);
        bind_number(&q, 8, epochs[i].seconds);
        bind_integer(&q, 9, epochs[i].is_best);
        if (!statement_run(&q, err))
            return false;
    }
    return true;
}

static double number(const struct statement *q, int column)
{
    return column_text(q, column) ? column_real(q, column) : NAN;
}

/* All rows of a query for id; *out is new (free). */
static bool get_epochs(struct db *db, const char *select, int64_t id, struct c2s_epoch **out,
                       int *n, struct c2s_error *err)
{
    struct statement q = db_prepare(db, select);
    bool has_row;
    *out = NULL;
    *n = 0;
    bind_integer(&q, 1, id);
    while (statement_row(&q, &has_row, err) && has_row) {
        struct c2s_epoch *grown = realloc(*out, sizeof *grown * (size_t)(*n + 1));
        if (!grown) {
            statement_finish(&q);
            c2s_fail_nomem(err);
            break;
        }
        *out = grown;
        grown[(*n)++] = (struct c2s_epoch){.epoch = (int)column_integer(&q, 0),
                                           .learning_rate = number(&q, 1),
                                           .loss = number(&q, 2),
                                           .accuracy = number(&q, 3),
                                           .validation_loss = number(&q, 4),
                                           .validation_accuracy = number(&q, 5),
                                           .seconds = column_real(&q, 6),
                                           .is_best = column_integer(&q, 7) != 0};
    }
    if (err->code == C2S_OK)
        return true;
    free(*out);
    *out = NULL;
    return false;
}

#define EPOCH_COLUMNS                                                                              \
    "epoch, learning_rate, loss, accuracy, validation_loss, validation_accuracy, seconds, is_best"

bool store_put_story(struct db *db, int64_t version, const struct c2s_version *v,
                     struct c2s_error *err)
{
    return put_epochs(db,
                      "INSERT INTO epoch(version, " EPOCH_COLUMNS
                      ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                      version, v->epochs, v->n_epochs, err);
}

bool store_get_story(struct db *db, struct c2s_version *v, struct c2s_error *err)
{
    struct c2s_epoch *epochs;
    int n;
    if (!get_epochs(db, "SELECT " EPOCH_COLUMNS " FROM epoch WHERE version = ?1 ORDER BY epoch",
                    v->info.id, &epochs, &n, err))
        return false;
    bool ok = c2s_version_set_epochs(v, epochs, n, err);
    free(epochs);
    return ok;
}

static bool run_with_id(struct db *db, const char *sql, int64_t id, struct c2s_error *err)
{
    struct statement q = db_prepare(db, sql);
    bind_integer(&q, 1, id);
    return statement_run(&q, err);
}

/* Takes the tensors of a run's places that `which` names out of the workspace, unless a model or
 * another checkpoint needs them. Foreign keys are checked at the end of the transaction. */
#define DROP_TENSORS(which)                                                                        \
    "DELETE FROM tensor WHERE hash IN"                                                             \
    " (SELECT tensor FROM run_tensor WHERE run = ?1 AND " which ")"                                \
    " AND hash NOT IN (SELECT tensor FROM model_tensor)"                                           \
    " AND hash NOT IN (SELECT tensor FROM run_tensor WHERE NOT (run = ?1 AND " which "))"

bool store_drop_run(struct db *db, int64_t id, struct c2s_error *err)
{
    return db_run(db, "PRAGMA defer_foreign_keys = ON", err) &&
           run_with_id(db, DROP_TENSORS("place >= 0"), id, err) &&
           run_with_id(db, "DELETE FROM run WHERE id = ?1", id, err);
}

/* What an earlier training of the same step left is of no use once a new one has got further. */
static bool drop_earlier(struct db *db, const struct c2s_run *run, struct c2s_error *err)
{
    int64_t ids[64];
    int n = 0;
    bool has_row;
    struct statement q =
        db_prepare(db, "SELECT id, owner FROM run WHERE parent = ?1 AND step = ?2");
    bind_integer(&q, 1, run->parent);
    bind_text(&q, 2, run->step);
    while (statement_row(&q, &has_row, err) && has_row)
        if (n < 64 && !store_owner_is_other(column_text_or_empty(&q, 1)))
            ids[n++] = column_integer(&q, 0);
    bool ok = err->code == C2S_OK;
    for (int i = 0; ok && i < n; i++)
        ok = store_drop_run(db, ids[i], err);
    return ok;
}

/* Only the shell that is at work on a run may write its checkpoint; a dead one's is taken over. */
static bool claim(struct db *db, int64_t id, const char *owner, struct c2s_error *err)
{
    struct statement q = db_prepare(db, "SELECT owner FROM run WHERE id = ?1");
    bool has_row;
    bind_integer(&q, 1, id);
    if (!statement_row(&q, &has_row, err))
        return false;
    bool is_other = has_row && store_owner_is_other(column_text_or_empty(&q, 0));
    statement_finish(&q);
    if (!has_row)
        return c2s_fail(err, C2S_NOT_FOUND,
                        "the training is no longer in this workspace; another shell ended it or "
                        "removed its version; 'log' lists the versions");
    if (is_other)
        return c2s_fail(err, C2S_STATE,
                        "another shell goes on with this training; let it, or stop it first");
    q = db_prepare(db, "UPDATE run SET owner = ?2 WHERE id = ?1");
    bind_integer(&q, 1, id);
    bind_text(&q, 2, owner);
    return statement_run(&q, err);
}

static bool insert_run(struct db *db, const struct c2s_run *run, const char *owner, int64_t *id,
                       struct c2s_error *err)
{
    if (!store_require_version(db, run->parent, err) || !drop_earlier(db, run, err))
        return false;
    struct statement q = db_prepare(db, "INSERT INTO run(parent, step, data, owner, n_steps, begun,"
                                        " updated) VALUES(?1, ?2, ?3, ?4, 0, ?5, ?5)");
    bind_integer(&q, 1, run->parent);
    bind_text(&q, 2, run->step);
    bind_text(&q, 3, run->data);
    bind_text(&q, 4, owner);
    bind_integer(&q, 5, (int64_t)time(NULL));
    if (!statement_run(&q, err))
        return false;
    *id = db_last_id(db);
    return true;
}

static bool put_tensors(struct store *s, int64_t id, const struct c2s_checkpoint *c,
                        struct c2s_error *err)
{
    for (int i = 0; i < c->n_tensors; i++) {
        char hash[C2S_HASH_LENGTH + 1] = "";
        if (!store_put_tensor(s, c->tensors[i], hash, err))
            return false;
        struct statement q =
            db_prepare(s->db, "INSERT INTO run_tensor(run, place, tensor) VALUES(?1, ?2, ?3)");
        bind_integer(&q, 1, id);
        bind_integer(&q, 2, i);
        bind_text(&q, 3, hash);
        if (!statement_run(&q, err))
            return false;
    }
    return true;
}

/* The old checkpoint moves to places below 0 while the new one is written. */
static bool replace_checkpoint(struct store *s, int64_t id, const struct c2s_checkpoint *c,
                               struct c2s_error *err)
{
    struct db *db = s->db;
    struct statement q = db_prepare(db, "UPDATE run SET n_steps = ?2, updated = ?3 WHERE id = ?1");
    bind_integer(&q, 1, id);
    bind_integer(&q, 2, c->n_steps);
    bind_integer(&q, 3, (int64_t)time(NULL));
    return statement_run(&q, err) && db_run(db, "PRAGMA defer_foreign_keys = ON", err) &&
           run_with_id(db, "UPDATE run_tensor SET place = -1 - place WHERE run = ?1", id, err) &&
           run_with_id(db, "DELETE FROM run_epoch WHERE run = ?1", id, err) &&
           put_epochs(db,
                      "INSERT INTO run_epoch(run, " EPOCH_COLUMNS
                      ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                      id, c->epochs, c->n_epochs, err) &&
           put_tensors(s, id, c, err) && run_with_id(db, DROP_TENSORS("place < 0"), id, err) &&
           run_with_id(db, "DELETE FROM run_tensor WHERE run = ?1 AND place < 0", id, err);
}

bool store_put_run(struct c2s_journal *j, const struct c2s_run *run, const struct c2s_checkpoint *c,
                   int64_t *id, struct c2s_error *err)
{
    struct store *s = store_of(j);
    char owner[STORE_OWNER_SIZE];
    int64_t made = run->id;
    store_forget_unused(s);
    store_own(owner);
    if (!db_begin_write(s->db, err))
        return false;
    bool ok = (made ? claim(s->db, made, owner, err) : insert_run(s->db, run, owner, &made, err)) &&
              replace_checkpoint(s, made, c, err);
    if (!db_end(s->db, ok, err))
        return false;
    *id = made;
    return true;
}

static bool set_state(struct db *db, int64_t id, enum c2s_run_state state, const char *note,
                      struct c2s_error *err)
{
    struct statement q =
        db_prepare(db, "UPDATE run SET owner = '', state = ?2, note = ?3 WHERE id = ?1");
    bind_integer(&q, 1, id);
    bind_text(&q, 2, state_names[state]);
    bind_text(&q, 3, note);
    return statement_run(&q, err);
}

bool store_leave_run(struct c2s_journal *j, int64_t id, enum c2s_run_state state, const char *note,
                     struct c2s_error *err)
{
    struct db *db = store_of(j)->db;
    char owner[STORE_OWNER_SIZE];
    store_own(owner);
    if (!db_begin_write(db, err))
        return false;
    bool ok = claim(db, id, owner, err) && set_state(db, id, state, note, err);
    if (ok && state == C2S_RUN_ENDED)
        ok = db_run(db, "PRAGMA defer_foreign_keys = ON", err) &&
             run_with_id(db, DROP_TENSORS("place >= 0"), id, err) &&
             run_with_id(db, "DELETE FROM run_tensor WHERE run = ?1", id, err);
    return db_end(db, ok, err);
}

static bool read_tensors(struct store *s, int64_t id, struct c2s_checkpoint *c,
                         struct c2s_error *err)
{
    struct statement q =
        db_prepare(s->db, "SELECT tensor FROM run_tensor WHERE run = ?1 ORDER BY place");
    bool has_row, ok = true;
    bind_integer(&q, 1, id);
    while ((ok = statement_row(&q, &has_row, err)) && has_row) {
        ok = c2s_checkpoint_reserve(c, err) &&
             store_get_tensor(s, column_text_or_empty(&q, 0), &c->tensors[c->n_tensors], err);
        if (!ok)
            break;
        c->n_tensors++;
    }
    statement_finish(&q);
    return ok;
}

static bool read_run(struct store *s, int64_t id, struct c2s_checkpoint *out, struct c2s_error *err)
{
    struct c2s_epoch *epochs = NULL;
    int n = 0;
    bool has_row;
    struct statement q = db_prepare(s->db, "SELECT n_steps FROM run WHERE id = ?1");
    bind_integer(&q, 1, id);
    if (!statement_row(&q, &has_row, err))
        return false;
    out->n_steps = has_row ? column_integer(&q, 0) : 0;
    statement_finish(&q);
    if (!has_row)
        return c2s_fail(err, C2S_NOT_FOUND, "there is no such training in this workspace");
    if (!get_epochs(s->db, "SELECT " EPOCH_COLUMNS " FROM run_epoch WHERE run = ?1 ORDER BY epoch",
                    id, &epochs, &n, err))
        return false;
    bool ok = c2s_checkpoint_set_epochs(out, epochs, n, err) && read_tensors(s, id, out, err);
    free(epochs);
    return ok;
}

bool store_fetch_run(struct c2s_journal *j, int64_t id, struct c2s_checkpoint *out,
                     struct c2s_error *err)
{
    struct store *s = store_of(j);
    struct c2s_checkpoint made = {0};
    if (!db_begin_read(s->db, err))
        return false;
    if (!db_end(s->db, read_run(s, id, &made, err), err)) {
        c2s_checkpoint_finish(&made);
        return false;
    }
    *out = made;
    return true;
}

bool store_each_run(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_run *), void *arg,
                    struct c2s_error *err)
{
    struct statement q = db_prepare(
        store_of(j)->db,
        "SELECT id, parent, step, data, owner, begun, updated, state, note,"
        " coalesce((SELECT max(epoch) FROM run_epoch WHERE run = run.id), 0) FROM run ORDER BY id");
    bool has_row;
    while (statement_row(&q, &has_row, err)) {
        if (!has_row)
            return true;
        struct c2s_run run = {
            .id = column_integer(&q, 0),
            .parent = column_integer(&q, 1),
            .step = column_text_or_empty(&q, 2),
            .is_live = store_owner_is_other(column_text_or_empty(&q, 4)),
            .begun = column_integer(&q, 5),
            .updated = column_integer(&q, 6),
            .state = strcmp(column_text_or_empty(&q, 7), state_names[C2S_RUN_ENDED]) == 0
                         ? C2S_RUN_ENDED
                         : C2S_RUN_OPEN,
            .note = column_text_or_empty(&q, 8),
            .n_epochs = (int)column_integer(&q, 9)};
        snprintf(run.data, sizeof run.data, "%s", column_text_or_empty(&q, 3));
        if (!fn(arg, &run)) {
            statement_finish(&q);
            return true;
        }
    }
    return false;
}

bool store_remove_run(struct c2s_journal *j, int64_t id, struct c2s_error *err)
{
    struct db *db = store_of(j)->db;
    return db_begin_write(db, err) &&
           db_end(db, run_with_id(db, "DELETE FROM run WHERE id = ?1", id, err), err);
}
