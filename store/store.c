/* The port's function table: opening, reading by SQL, closing. */
#include "private.h"

#include <stdlib.h>

#define MAX_COLUMNS 64

static bool query(struct c2s_journal *j, const char *sql,
                  bool (*fn)(void *, int64_t row, int n, const char *const *values), void *arg,
                  struct c2s_error *err)
{
    struct statement q;
    const char *values[MAX_COLUMNS];
    if (!db_prepare_reader(store_of(j)->db, sql, &q, err))
        return false;
    int n = statement_n_columns(&q);
    if (n > MAX_COLUMNS) {
        statement_finish(&q);
        return c2s_fail(err, C2S_RANGE, "%d columns; sql shows up to %d: name fewer", n,
                        MAX_COLUMNS);
    }
    for (int i = 0; i < n; i++)
        values[i] = statement_column_name(&q, i);
    bool wants_more = fn(arg, -1, n, values), has_row = true;
    for (int64_t row = 0; wants_more; row++) {
        if (!statement_row(&q, &has_row, err))
            return false;
        if (!has_row)
            break;
        for (int i = 0; i < n; i++)
            values[i] = column_text(&q, i);
        wants_more = fn(arg, row, n, values);
    }
    statement_finish(&q);
    return true;
}

static const char *place(struct c2s_journal *j)
{
    return db_path(store_of(j)->db);
}

static bool is_read_only(struct c2s_journal *j)
{
    return db_is_read_only(store_of(j)->db);
}

static void close_store(struct c2s_journal *j)
{
    if (!j)
        return;
    store_forget_all(store_of(j));
    db_close(store_of(j)->db);
    free(j);
}

static const struct c2s_journal_ops ops = {
    .append = store_append,
    .fetch = store_fetch,
    .each = store_each,
    .head = store_head,
    .set_head = store_set_head,
    .remove = store_remove,
    .collect = store_collect,
    .put_measure = store_put_measure,
    .find_measure = store_find_measure,
    .each_measure = store_each_measure,
    .put_dataset = store_put_dataset,
    .dataset = store_dataset,
    .put_tag = store_put_tag,
    .remove_tag = store_remove_tag,
    .each_tag = store_each_tag,
    .put_run = store_put_run,
    .fetch_run = store_fetch_run,
    .each_run = store_each_run,
    .leave_run = store_leave_run,
    .remove_run = store_remove_run,
    .query = query,
    .place = place,
    .is_read_only = is_read_only,
    .close = close_store,
};

bool c2s_store_open(const char *path, struct c2s_journal **out, struct c2s_error *err)
{
    if (!store_identify(path, err))
        return false;
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return c2s_fail_nomem(err);
    s->base.ops = &ops;
    if (!db_open(path, &s->db, err) || !store_migrate(s->db, store_layouts, store_n_layouts, err)) {
        close_store(&s->base);
        return false;
    }
    db_use_write_ahead_log(s->db);
    *out = &s->base;
    return true;
}
