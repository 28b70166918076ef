/* The workspace file of a running test, w.c2s in its folder (files.h), opened and looked into. */
#ifndef TESTS_WORKSPACE_H
#define TESTS_WORKSPACE_H

#include "files.h"
#include "private.h"
#include "store.h"
#include "support.h"

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_test_folder, remove_test_folder)

static inline struct c2s_journal *open_workspace(void)
{
    struct c2s_error err = {0};
    struct c2s_journal *j = NULL;
    assert_ok(c2s_store_open(in_test_folder("w.c2s"), &j, &err), &err);
    return j;
}

/* First value of a query that the journal port would not answer. */
static inline int64_t workspace_integer(struct c2s_journal *j, const char *sql)
{
    struct c2s_error err = {0};
    int64_t value = -1;
    assert_ok(db_integer(store_of(j)->db, sql, &value, &err), &err);
    return value;
}

static inline void assert_sound(struct c2s_journal *j)
{
    assert_int_equal(
        workspace_integer(
            j, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check != 'ok'"),
        0);
    assert_int_equal(workspace_integer(j, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

#endif
