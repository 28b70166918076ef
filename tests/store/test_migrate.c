/* Layouts and the way between them, with layouts made up for the test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"
#include "support.h"

static const char *const layouts[] = {
    "CREATE TABLE thing(name TEXT); INSERT INTO thing VALUES('first')",
    "ALTER TABLE thing ADD COLUMN size INTEGER; UPDATE thing SET size = 7",
    "CREATE TABLE other(x); INSERT INTO nowhere VALUES(1)", /* fails half-way */
};

static char *folder;
static char path[300];

static int make_folder(void **state)
{
    (void)state;
    folder = make_temp_dir();
    snprintf(path, sizeof path, "%s/w.c2s", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    remove_temp_dir(folder);
    return 0;
}

static struct db *open_db(const char *name)
{
    struct c2s_error err = {0};
    struct db *db = NULL;
    assert_ok(db_open(name, &db, &err), &err);
    return db;
}

static int64_t integer(struct db *db, const char *sql)
{
    struct c2s_error err = {0};
    int64_t value = -1;
    assert_ok(db_integer(db, sql, &value, &err), &err);
    return value;
}

static void an_old_layout_becomes_new(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct db *db = open_db(path);
    assert_ok(store_migrate(db, layouts, 1, &err), &err);
    assert_int_equal(integer(db, "PRAGMA user_version"), 1);
    assert_int_equal(integer(db, "PRAGMA application_id"), STORE_APPLICATION_ID);
    db_close(db);
    db = open_db(path);
    assert_ok(store_migrate(db, layouts, 2, &err), &err);
    assert_int_equal(integer(db, "PRAGMA user_version"), 2);
    assert_int_equal(integer(db, "SELECT size FROM thing WHERE name = 'first'"), 7);
    assert_ok(store_migrate(db, layouts, 2, &err), &err); /* again: nothing to do */
    assert_int_equal(integer(db, "SELECT count(*) FROM thing"), 1);
    db_close(db);
    /* The old layout was copied aside, whole. */
    char copy[340];
    snprintf(copy, sizeof copy, "%s.layout1.copy1", path);
    db = open_db(copy);
    assert_int_equal(integer(db, "PRAGMA user_version"), 1);
    assert_int_equal(integer(db, "SELECT count(*) FROM thing WHERE name = 'first'"), 1);
    db_close(db);
}

static void a_new_file_gets_the_newest(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct db *db = open_db(path);
    assert_ok(store_migrate(db, layouts, 2, &err), &err);
    assert_int_equal(integer(db, "SELECT size FROM thing"), 7);
    db_close(db);
    char copy[340];
    snprintf(copy, sizeof copy, "%s.layout0.copy1", path);
    assert_int_equal(access(copy, F_OK), -1);
}

static void a_failed_step_changes_nothing(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct db *db = open_db(path);
    assert_ok(store_migrate(db, layouts, 2, &err), &err);
    assert_false(store_migrate(db, layouts, 3, &err));
    assert_int_equal(err.code, C2S_STORE);
    assert_non_null(strstr(err.where, "layout 3"));
    assert_int_equal(integer(db, "PRAGMA user_version"), 2);
    assert_int_equal(integer(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'other'"), 0);
    assert_int_equal(integer(db, "SELECT count(*) FROM thing"), 1);
    db_close(db);
}

static void newer_and_foreign_are_refused(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct db *db = open_db(path);
    assert_ok(store_migrate(db, layouts, 2, &err), &err);
    assert_false(store_migrate(db, layouts, 1, &err));
    assert_int_equal(err.code, C2S_FORMAT);
    assert_non_null(strstr(err.text, "layout 2"));
    db_close(db);
    err = (struct c2s_error){0};
    db = open_db(":memory:");
    assert_ok(db_run(db, "CREATE TABLE mine(x)", &err), &err);
    assert_false(store_migrate(db, layouts, 2, &err));
    assert_int_equal(err.code, C2S_FORMAT);
    assert_int_equal(integer(db, "SELECT count(*) FROM sqlite_schema"), 1);
    db_close(db);
}

/* Every layout that was ever released must lead to the newest one: the views of today answer. */
static void our_layouts_are_complete(void **state)
{
    (void)state;
    static const char *const views[] = {"versions", "measures", "epochs", "runs",
                                        "tensors",  "datasets", "tags"};
    for (int from = 0; from <= store_n_layouts; from++) {
        struct c2s_error err = {0};
        unlink(path);
        struct db *db = open_db(path);
        assert_ok(from == 0 || store_migrate(db, store_layouts, from, &err), &err);
        assert_ok(store_migrate(db, store_layouts, store_n_layouts, &err), &err);
        for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
            char sql[80];
            snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", views[i]);
            assert_int_equal(integer(db, sql), 0);
        }
        db_close(db);
    }
}

/* A workspace of the first release keeps its versions, and they have no epochs. */
static void versions_of_the_first_layout_stay(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct db *db = open_db(path);
    assert_ok(store_migrate(db, store_layouts, 1, &err), &err);
    assert_ok(db_run(db,
                     "INSERT INTO model VALUES('m', '{}');"
                     "INSERT INTO version(parent, model, step, name, tool, note, created, source,"
                     " source_hash) VALUES(NULL, 'm', 'load a', 'a', 't', '', 1, '', '')",
                     &err),
              &err);
    assert_ok(store_migrate(db, store_layouts, 2, &err), &err);
    assert_int_equal(integer(db, "SELECT count(*) FROM versions WHERE step = 'load a'"), 1);
    assert_int_equal(integer(db, "SELECT count(*) FROM epochs"), 0);
    assert_ok(
        db_run(db, "INSERT INTO epoch(version, epoch, seconds, is_best) VALUES(1, 1, 0, 1)", &err),
        &err);
    assert_int_equal(integer(db, "SELECT is_kept FROM epochs"), 1);
    db_close(db);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(an_old_layout_becomes_new),     IN_FOLDER(a_new_file_gets_the_newest),
        IN_FOLDER(a_failed_step_changes_nothing), IN_FOLDER(newer_and_foreign_are_refused),
        IN_FOLDER(our_layouts_are_complete),      IN_FOLDER(versions_of_the_first_layout_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
