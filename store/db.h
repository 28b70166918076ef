/* Thin cover of SQLite, so that one file knows its interface: connection, statements, transaction,
 * and the sentences for its failures. What is stored is not here: see schema.sql. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stddef.h>
#include <stdint.h>
#include <c2s/error.h>

struct db;
struct sqlite3_stmt;

/* A prepared statement. A failure to prepare or bind is kept in it and told by the next step. */
struct statement {
    struct db *db;
    struct sqlite3_stmt *raw;
    int status;
};

/* *out is new. Tries to write, else opens read-only. Sets every connection pragma but the journal
 * mode. Fails: IO, STORE, NOMEM. */
bool db_open(const char *path, struct db **out, struct c2s_error *err) C2S_MUST_CHECK;
void db_close(struct db *db); /* accepts NULL */
const char *db_path(const struct db *db);
bool db_is_read_only(const struct db *db);
/* Write-ahead log, so that readers and a writer do not wait for each other. Where the file system
 * cannot, the ordinary journal stays. */
void db_use_write_ahead_log(struct db *db);

/* Runs statements without parameters or results. */
bool db_run(struct db *db, const char *sql, struct c2s_error *err) C2S_MUST_CHECK;

/* Transactions do not nest. end commits when ok is true, else rolls back; it returns ok, or false
 * when the commit failed, in which case nothing happened. */
bool db_begin_write(struct db *db, struct c2s_error *err) C2S_MUST_CHECK;
bool db_begin_read(struct db *db, struct c2s_error *err) C2S_MUST_CHECK;
bool db_end(struct db *db, bool ok, struct c2s_error *err) C2S_MUST_CHECK;

/* Parameters count from 1, columns from 0. Texts and blobs must live until the statement ends. */
struct statement db_prepare(struct db *db, const char *sql);
/* One statement given by a person: fails with STATE unless it only reads, USAGE on a mistake. */
bool db_prepare_reader(struct db *db, const char *sql, struct statement *out,
                       struct c2s_error *err) C2S_MUST_CHECK;
void bind_integer(struct statement *s, int index, int64_t value);
void bind_real(struct statement *s, int index, double value);
void bind_text(struct statement *s, int index, const char *text); /* NULL = SQL NULL */
void bind_blob(struct statement *s, int index, const void *data, size_t n_bytes);
/* Next row; *has_row false at the end. After a failure or the end the statement is finished. */
bool statement_row(struct statement *s, bool *has_row, struct c2s_error *err) C2S_MUST_CHECK;
/* Runs a statement that has no rows to its end and finishes it. */
bool statement_run(struct statement *s, struct c2s_error *err) C2S_MUST_CHECK;
void statement_finish(struct statement *s); /* may be called twice */

int64_t column_integer(const struct statement *s, int column);
double column_real(const struct statement *s, int column);
const char *column_text(const struct statement *s, int column); /* borrowed; NULL = SQL NULL */
const char *column_text_or_empty(const struct statement *s, int column); /* "" = SQL NULL */
const void *column_blob(const struct statement *s, int column, size_t *n_bytes);
int statement_n_columns(const struct statement *s);
const char *statement_column_name(const struct statement *s, int column);

/* Shorthands: one integer out of a query; the id of the last inserted row; changed rows. */
bool db_integer(struct db *db, const char *sql, int64_t *out, struct c2s_error *err) C2S_MUST_CHECK;
int64_t db_last_id(const struct db *db);
int64_t db_n_changed(const struct db *db);

#endif
