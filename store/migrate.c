/* The layouts of a workspace and the way from an older one to the newest. */
#include "private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Woverlength-strings"
static const char first_layout[] =
#include "schema.sql.inc"
    ;

static const char second_layout[] =
#include "layout_2.sql.inc"
    ;

static const char third_layout[] =
#include "layout_3.sql.inc"
    ;

const char *const store_layouts[] = {first_layout, second_layout, third_layout};
const int store_n_layouts = sizeof store_layouts / sizeof store_layouts[0];

static bool run_steps(struct db *db, const char *const *steps, int from, int to,
                      struct c2s_error *err)
{
    for (int i = from; i < to; i++)
        if (!db_run(db, steps[i], err))
            return c2s_fail_at(err, "layout %d", i + 1);
    char marks[128];
    snprintf(marks, sizeof marks, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             STORE_APPLICATION_ID, to);
    return db_run(db, marks, err);
}

/* A copy beside the file, so that a migration can be taken back by hand. */
static bool copy_aside(struct db *db, int64_t layout, struct c2s_error *err)
{
    char *copy = NULL;
    for (int i = 1; i < 1000; i++) {
        free(copy);
        if (asprintf(&copy, "%s.layout%lld.copy%d", db_path(db), (long long)layout, i) < 0)
            return c2s_fail_nomem(err);
        if (access(copy, F_OK) != 0)
            break;
    }
    struct statement s = db_prepare(db, "VACUUM INTO ?1");
    bind_text(&s, 1, copy);
    bool ok = statement_run(&s, err);
    if (!ok)
        c2s_fail_at(err, "copying the workspace to '%s' before its layout changes", copy);
    free(copy);
    return ok;
}

static bool check_marks(struct db *db, int64_t layout, int newest, struct c2s_error *err)
{
    int64_t application, n_tables;
    if (!db_integer(db, "PRAGMA application_id", &application, err) ||
        !db_integer(db, "SELECT count(*) FROM sqlite_schema", &n_tables, err))
        return false;
    if (application != STORE_APPLICATION_ID && (application != 0 || layout != 0 || n_tables != 0))
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' is a database of another program; it was not changed; name another "
                        "file with -w FILE",
                        db_path(db));
    if (layout > newest)
        return c2s_fail(err, C2S_FORMAT,
                        "workspace '%s' has layout %lld, made by a newer c2s-shell; this one knows "
                        "layouts up to %d; update c2s-shell, or name another file with -w FILE",
                        db_path(db), (long long)layout, newest);
    return true;
}

/* One snapshot: another shell may be creating the workspace right now. */
static bool look(struct db *db, int newest, int64_t *layout, struct c2s_error *err)
{
    if (!db_begin_read(db, err))
        return false;
    return db_end(db,
                  db_integer(db, "PRAGMA user_version", layout, err) &&
                      check_marks(db, *layout, newest, err),
                  err);
}

/* Begins the transaction that changes the layout. */
static bool begin(struct db *db, int64_t layout, struct c2s_error *err)
{
    if (layout > 0)
        return copy_aside(db, layout, err) && db_begin_write(db, err);
    /* Lets gc give space back piece by piece. It must come first in an empty file, and inside the
     * transaction: alone it would leave a database without our mark. It takes the write lock, or
     * fails because another shell was faster. */
    struct c2s_error too_late = {0};
    if (!db_begin_read(db, err))
        return false;
    (void)!db_run(db, "PRAGMA auto_vacuum = INCREMENTAL", &too_late);
    return true;
}

bool store_migrate(struct db *db, const char *const *steps, int n_steps, struct c2s_error *err)
{
    int64_t layout;
    if (!look(db, n_steps, &layout, err))
        return false;
    if (layout == n_steps)
        return true;
    if (!begin(db, layout, err))
        return false;
    /* Another shell may have been faster while we waited for the lock. */
    bool ok = db_integer(db, "PRAGMA user_version", &layout, err) &&
              check_marks(db, layout, n_steps, err) &&
              (layout == n_steps || run_steps(db, steps, (int)layout, n_steps, err));
    return db_end(db, ok, err);
}
