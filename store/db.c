/* The only file that knows SQLite's interface. */
#include "db.h"
#include "place.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_SECONDS 5

struct db {
    sqlite3 *raw;
    char *path;
};

/* The system's reason for the last failure, or SQLite's own. */
static const char *reason(const struct db *db, int status)
{
    int number = db->raw ? sqlite3_system_errno(db->raw) : 0;
    return number ? strerror(number) : sqlite3_errstr(status);
}

/* A failed write without a known reason is most likely a quota or size limit. */
static bool is_disk_full(const struct db *db, int extended)
{
    int number = db->raw ? sqlite3_system_errno(db->raw) : 0;
    return (extended & 0xff) == SQLITE_FULL ||
           (extended == SQLITE_IOERR_WRITE &&
            (number == 0 || number == ENOSPC || number == EFBIG || number == EDQUOT));
}

static bool fail(const struct db *db, int extended, struct c2s_error *err)
{
    int status = extended & 0xff;
    if (is_disk_full(db, extended))
        return c2s_fail_advising(err, C2S_STORE,
                                 "nothing was changed; free some space and repeat the command",
                                 "cannot write workspace '%s': the disk is full%s", db->path,
                                 status == SQLITE_FULL ? "" : " or fails");
    switch (status) {
    case SQLITE_NOMEM:
        return c2s_fail_nomem(err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return c2s_fail_advising(
            err, C2S_STORE, "nothing was changed; repeat the command when that one is done",
            "workspace '%s' was busy for %d s: another program is writing to it", db->path,
            BUSY_SECONDS);
    case SQLITE_READONLY:
        return c2s_fail_advising(
            err, C2S_STORE, "nothing was changed; make it writable or use another one with -w FILE",
            "workspace '%s' is read-only", db->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return c2s_fail_advising(
            err, C2S_STORE, "restore a copy of it, or start another one with -w FILE",
            "workspace '%s' is damaged (%s)", db->path, sqlite3_errmsg(db->raw));
    case SQLITE_CANTOPEN:
        return c2s_fail_advising(err, C2S_IO, "choose another place with -w FILE, or -w :memory:",
                                 "cannot open or create workspace '%s': %s", db->path,
                                 reason(db, status));
    case SQLITE_IOERR:
        return c2s_fail_advising(err, C2S_IO, "nothing was changed",
                                 "cannot read or write workspace '%s': %s", db->path,
                                 reason(db, status));
    case SQLITE_INTERRUPT:
        return c2s_fail(err, C2S_CANCELLED, "cancelled");
    default:
        return c2s_fail_advising(err, C2S_STORE, "nothing was changed", "workspace '%s': %s",
                                 db->path, sqlite3_errmsg(db->raw));
    }
}

static int open_raw(struct db *db, const char *name, int flags)
{
    sqlite3_close(db->raw);
    db->raw = NULL;
    int status = sqlite3_open_v2(name, &db->raw, flags, NULL);
    if (status != SQLITE_OK)
        return status;
    sqlite3_extended_result_codes(db->raw, 1);
    sqlite3_busy_timeout(db->raw, BUSY_SECONDS * 1000);
    /* The first access to the file; WAL files in a folder without write permission fail here. */
    return sqlite3_exec(db->raw,
                        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                        "PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL;"
                        "PRAGMA user_version",
                        NULL, NULL, NULL);
}

/* SQLite may be built to take "file:NAME" for a URI; here a name is only ever a name. */
static int open_named(struct db *db, int flags)
{
    char *name = NULL;
    bool is_like_uri = strncmp(db->path, "file:", 5) == 0;
    if (asprintf(&name, "%s%s", is_like_uri ? "./" : "", db->path) < 0)
        return SQLITE_NOMEM;
    int status = open_raw(db, name, flags);
    free(name);
    return status;
}

/* Without a log the file is all there is, and reading it as immutable leaves no files behind that
 * would be in its owner's way. */
static int open_for_reading(struct db *db)
{
    if (place_has_log(db->path))
        return open_named(db, SQLITE_OPEN_READONLY);
    char *uri = place_immutable_uri(db->path);
    int status = uri ? open_raw(db, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI) : SQLITE_NOMEM;
    free(uri);
    return status;
}

static int open_somehow(struct db *db)
{
    if (place_may_be_written(db->path) || euidaccess(db->path, R_OK) != 0)
        return open_named(db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    return open_for_reading(db);
}

bool db_open(const char *path, struct db **out, struct c2s_error *err)
{
    struct db *db = calloc(1, sizeof *db);
    if (!db || !(db->path = strdup(path))) {
        free(db);
        return c2s_fail_nomem(err);
    }
    int status = open_somehow(db);
    if (status != SQLITE_OK) {
        fail(db, status, err);
        db_close(db);
        return false;
    }
    *out = db;
    return true;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    sqlite3_close_v2(db->raw);
    free(db->path);
    free(db);
}

const char *db_path(const struct db *db)
{
    return db->path;
}

bool db_is_read_only(const struct db *db)
{
    return sqlite3_db_readonly(db->raw, "main") == 1;
}

void db_use_write_ahead_log(struct db *db)
{
    /* Another program with the file open keeps this from happening now; it is no failure. */
    if (!db_is_read_only(db))
        sqlite3_exec(db->raw, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
}

bool db_run(struct db *db, const char *sql, struct c2s_error *err)
{
    int status = sqlite3_exec(db->raw, sql, NULL, NULL, NULL);
    return status == SQLITE_OK || fail(db, status, err);
}

bool db_begin_write(struct db *db, struct c2s_error *err)
{
    /* IMMEDIATE takes the write lock now: a transaction that began by reading cannot wait for it.
     */
    return db_run(db, "BEGIN IMMEDIATE", err);
}

bool db_begin_read(struct db *db, struct c2s_error *err)
{
    return db_run(db, "BEGIN", err);
}

bool db_end(struct db *db, bool ok, struct c2s_error *err)
{
    if (ok && db_run(db, "COMMIT", err))
        return true;
    /* SQLite rolls back by itself after some failures; then there is nothing left to do. */
    if (!sqlite3_get_autocommit(db->raw))
        sqlite3_exec(db->raw, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

struct statement db_prepare(struct db *db, const char *sql)
{
    struct statement s = {.db = db};
    s.status = sqlite3_prepare_v2(db->raw, sql, -1, &s.raw, NULL);
    return s;
}

static int only_reading(void *arg, int action, const char *a, const char *b, const char *c,
                        const char *d)
{
    (void)arg, (void)a, (void)c, (void)d;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return b && strcasecmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

bool db_prepare_reader(struct db *db, const char *sql, struct statement *out, struct c2s_error *err)
{
    const char *tail = "";
    *out = (struct statement){.db = db};
    sqlite3_set_authorizer(db->raw, only_reading, NULL);
    int status = sqlite3_prepare_v2(db->raw, sql, -1, &out->raw, &tail);
    sqlite3_set_authorizer(db->raw, NULL, NULL);
    bool ok = false;
    bool is_denied = (status & 0xff) == SQLITE_AUTH ||
                     strncmp(sqlite3_errmsg(db->raw), "not authorized", 14) == 0;
    if (is_denied || (out->raw && !sqlite3_stmt_readonly(out->raw)))
        c2s_fail(err, C2S_STATE,
                 "sql only reads; this statement does more; change the workspace by the shell's "
                 "commands");
    else if ((status & 0xff) == SQLITE_ERROR)
        c2s_fail(err, C2S_USAGE,
                 "%s; the views are versions, measures, epochs, runs, tensors, "
                 "datasets, tags",
                 sqlite3_errmsg(db->raw));
    else if (status != SQLITE_OK)
        fail(db, status, err);
    else if (!out->raw)
        c2s_fail(err, C2S_USAGE, "no statement given; try: sql SELECT * FROM versions");
    else if (tail[strspn(tail, " \t\r\n;")] != '\0')
        c2s_fail(err, C2S_USAGE, "sql takes one statement; give the others one by one");
    else
        ok = true;
    if (!ok)
        statement_finish(out);
    return ok;
}

static void keep(struct statement *s, int status)
{
    if (s->status == SQLITE_OK)
        s->status = status;
}

void bind_integer(struct statement *s, int index, int64_t value)
{
    if (s->raw)
        keep(s, sqlite3_bind_int64(s->raw, index, value));
}

void bind_real(struct statement *s, int index, double value)
{
    if (s->raw)
        keep(s, sqlite3_bind_double(s->raw, index, value));
}

void bind_text(struct statement *s, int index, const char *text)
{
    if (s->raw)
        keep(s, sqlite3_bind_text(s->raw, index, text, -1, SQLITE_STATIC));
}

void bind_blob(struct statement *s, int index, const void *data, size_t n_bytes)
{
    if (s->raw)
        keep(s, sqlite3_bind_blob64(s->raw, index, data, n_bytes, SQLITE_STATIC));
}

bool statement_row(struct statement *s, bool *has_row, struct c2s_error *err)
{
    *has_row = false;
    int status = s->status == SQLITE_OK ? sqlite3_step(s->raw) : s->status;
    if (status == SQLITE_ROW) {
        *has_row = true;
        return true;
    }
    bool ok = status == SQLITE_DONE || fail(s->db, status, err);
    statement_finish(s);
    return ok;
}

bool statement_run(struct statement *s, struct c2s_error *err)
{
    bool has_row;
    bool ok = statement_row(s, &has_row, err);
    statement_finish(s);
    return ok;
}

void statement_finish(struct statement *s)
{
    sqlite3_finalize(s->raw);
    s->raw = NULL;
    s->status = SQLITE_MISUSE;
}

int64_t column_integer(const struct statement *s, int column)
{
    return sqlite3_column_int64(s->raw, column);
}

double column_real(const struct statement *s, int column)
{
    return sqlite3_column_double(s->raw, column);
}

const char *column_text(const struct statement *s, int column)
{
    return (const char *)sqlite3_column_text(s->raw, column);
}

const char *column_text_or_empty(const struct statement *s, int column)
{
    const char *text = column_text(s, column);
    return text ? text : "";
}

const void *column_blob(const struct statement *s, int column, size_t *n_bytes)
{
    const void *data = sqlite3_column_blob(s->raw, column);
    *n_bytes = (size_t)sqlite3_column_bytes(s->raw, column);
    return data;
}

int statement_n_columns(const struct statement *s)
{
    return sqlite3_column_count(s->raw);
}

const char *statement_column_name(const struct statement *s, int column)
{
    return sqlite3_column_name(s->raw, column);
}

bool db_integer(struct db *db, const char *sql, int64_t *out, struct c2s_error *err)
{
    struct statement s = db_prepare(db, sql);
    bool has_row;
    if (!statement_row(&s, &has_row, err))
        return false;
    *out = has_row ? column_integer(&s, 0) : 0;
    statement_finish(&s);
    return true;
}

int64_t db_last_id(const struct db *db)
{
    return sqlite3_last_insert_rowid(db->raw);
}

int64_t db_n_changed(const struct db *db)
{
    return sqlite3_changes64(db->raw);
}
