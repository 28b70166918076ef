/* Several programs on one workspace, programs that die, disks that are full, and what gc gives
 * back. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal_support.h"
#include "support.h"
#include "workspace.h"

static void two_see_each_other(void **state)
{
    (void)state;
    struct c2s_journal *a = open_workspace(), *b = open_workspace();
    append_version(a, 0, "load a.h5", small_model(5, 1));
    assert_int_equal(count_versions(b), 1);
    assert_int_equal(append_version(b, 1, "from b", small_model(5, 2)), 2);
    assert_int_equal(append_version(a, 1, "from a", small_model(5, 3)), 3);
    struct c2s_version *v = fetch_version(a, 2);
    assert_string_equal(v->info.step, "from b");
    c2s_version_destroy(v);
    assert_int_equal(head_of(b), 3);
    struct c2s_error err = {0};
    assert_ok(a->ops->remove(a, (const int64_t[]){2}, 1, &err), &err);
    assert_false(b->ops->fetch(b, 2, &v, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
    a->ops->close(a);
    assert_int_equal(count_versions(b), 2);
    assert_sound(b);
    b->ops->close(b);
}

/* A reader in the middle of a listing neither waits for a writer nor stops it. */
static bool write_elsewhere(void *arg, const struct c2s_version_info *info)
{
    append_version(arg, 1, "meanwhile", small_model(5, (unsigned)(9 + info->id)));
    return true;
}

static void readers_and_writers_do_not_wait(void **state)
{
    (void)state;
    struct c2s_journal *a = open_workspace(), *b = open_workspace();
    struct c2s_error err = {0};
    append_version(a, 0, "load a.h5", small_model(5, 1));
    append_version(a, 1, "step", small_model(5, 2));
    assert_ok(a->ops->each(a, write_elsewhere, b, &err), &err);
    assert_int_equal(count_versions(a), 4);
    a->ops->close(a);
    b->ops->close(b);
}

static void a_busy_workspace_is_told(void **state)
{
    (void)state;
    struct c2s_journal *a = open_workspace(), *b = open_workspace();
    struct c2s_error err = {0}, other = {0};
    append_version(a, 0, "load a.h5", small_model(5, 1));
    assert_ok(db_begin_write(store_of(a)->db, &err), &err);
    assert_false(b->ops->set_head(b, 1, &other)); /* after the waiting time */
    assert_int_equal(other.code, C2S_STORE);
    assert_non_null(strstr(other.text, "busy"));
    assert_ok(db_end(store_of(a)->db, true, &err), &err);
    other = (struct c2s_error){0};
    assert_ok(b->ops->set_head(b, 1, &other), &other);
    a->ops->close(a);
    b->ops->close(b);
}

static void wait_for(const pid_t *children, int n)
{
    for (int k = 0; k < n; k++) {
        int status;
        assert_int_equal(waitpid(children[k], &status, 0), children[k]);
        assert_int_equal(status, 0);
    }
}

/* Each loads the same file and takes the same first step, then one of its own. */
static void shells_at_once_share_their_steps(void **state)
{
    (void)state;
    enum { SHELLS = 5 };
    pid_t children[SHELLS];
    for (int k = 0; k < SHELLS; k++) {
        children[k] = fork();
        assert_true(children[k] >= 0);
        if (children[k] == 0) {
            struct c2s_journal *own = open_workspace();
            char step[32];
            snprintf(step, sizeof step, "quantize weights %d", k + 2);
            int64_t id = append_version(own, 0, "load a.h5", small_model(200, 1));
            id = append_version(own, id, "quantize activations 4", small_model(200, 2));
            append_version(own, id, step, small_model(200, (unsigned)(3 + k)));
            own->ops->close(own);
            _exit(0);
        }
    }
    wait_for(children, SHELLS);
    struct c2s_journal *j = open_workspace();
    assert_int_equal(count_versions(j), 2 + SHELLS);
    assert_sound(j);
    j->ops->close(j);
}

static void many_writers_lose_nothing(void **state)
{
    (void)state;
    enum { WRITERS = 4, EACH = 12 };
    pid_t children[WRITERS];
    for (int k = 0; k < WRITERS; k++) {
        children[k] = fork(); /* each also races to create the file */
        assert_true(children[k] >= 0);
        if (children[k] == 0) {
            struct c2s_journal *j = open_workspace();
            for (int i = 0; i < EACH; i++)
                append_version(j, 0, "load a.h5", small_model(20, (unsigned)(100 * k + i)));
            j->ops->close(j);
            _exit(0);
        }
    }
    wait_for(children, WRITERS);
    struct c2s_journal *j = open_workspace();
    assert_int_equal(count_versions(j), WRITERS * EACH);
    assert_int_equal(workspace_integer(j, "SELECT count(*) FROM tensor"), WRITERS * EACH);
    assert_sound(j);
    j->ops->close(j);
}

/* Appends without end and tells each id only after append has returned. */
static void append_for_ever(int tell)
{
    struct c2s_journal *j = open_workspace();
    for (unsigned i = 0;; i++) {
        int64_t id = append_version(j, 0, "load a.h5", small_model(2000, i));
        if (write(tell, &id, sizeof id) != sizeof id)
            _exit(1);
    }
}

static void a_killed_writer_loses_nothing(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            append_for_ever(ends[1]);
        }
        close(ends[1]);
        int64_t id = 0, last = 0;
        for (int i = 0; i < 3 + round; i++)
            assert_int_equal(read(ends[0], &id, sizeof id), sizeof id);
        usleep((useconds_t)(700 * round)); /* somewhere inside the next append */
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        do
            last = id > last ? id : last;
        while (read(ends[0], &id, sizeof id) == sizeof id);
        close(ends[0]);
        struct c2s_journal *j = open_workspace();
        assert_true(count_versions(j) >= last);
        assert_sound(j);
        struct c2s_version *v = fetch_version(j, last);
        assert_int_equal(c2s_tensor_count(v->model->layers[1]->params[C2S_KERNEL]), 6000);
        c2s_version_destroy(v);
        j->ops->close(j);
    }
}

static void try_to_append(struct c2s_journal *j, int64_t n_versions)
{
    struct c2s_error err = {0};
    struct c2s_version_info info = {.step = "too much", .model_hash = "ff"};
    struct c2s_version *v = c2s_version_create(&info, small_model(50000, 3), &err);
    assert_non_null(v);
    int64_t id = 0;
    bool is_new;
    assert_false(j->ops->append(j, v, &id, &is_new, &err));
    assert_int_equal(err.code, C2S_STORE);
    assert_non_null(strstr(err.text, "full"));
    assert_int_equal(id, 0);
    c2s_version_destroy(v);
    assert_int_equal(count_versions(j), n_versions);
    assert_int_equal(head_of(j), n_versions);
    assert_sound(j);
}

static void a_full_database_keeps_what_it_has(void **state)
{
    (void)state;
    struct c2s_journal *j = open_workspace();
    struct c2s_error err = {0};
    append_version(j, 0, "load a.h5", small_model(50, 1));
    char sql[80];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld",
             (long long)workspace_integer(j, "PRAGMA page_count") + 10);
    assert_ok(db_run(store_of(j)->db, sql, &err), &err);
    try_to_append(j, 1);
    assert_ok(db_run(store_of(j)->db, "PRAGMA max_page_count = 1000000", &err), &err);
    assert_int_equal(append_version(j, 1, "fits now", small_model(50000, 3)), 2);
    j->ops->close(j);
}

/* The system refuses to make files longer, as a full disk does. */
static void a_full_disk_keeps_what_it_has(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct c2s_journal *j = open_workspace();
        append_version(j, 0, "load a.h5", small_model(50, 1));
        struct rlimit limit = {.rlim_cur = 300000, .rlim_max = RLIM_INFINITY};
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = 300000;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        try_to_append(j, 1);
        j->ops->close(j);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    struct c2s_journal *j = open_workspace();
    assert_int_equal(append_version(j, 1, "room again", small_model(50000, 3)), 2);
    assert_sound(j);
    j->ops->close(j);
}

static void equal_tensors_are_stored_once(void **state)
{
    (void)state;
    struct c2s_journal *j = open_workspace();
    append_version(j, 0, "load a.h5", small_model(100, 1));
    append_version(j, 0, "load copy.h5", small_model(100, 1));
    append_version(j, 0, "load b.h5", small_model(100, 2));
    assert_int_equal(query_integer(j, "SELECT count(*) FROM tensors"), 2);
    assert_int_equal(query_integer(j, "SELECT max(n_versions) FROM tensors"), 2);
    assert_int_equal(query_integer(j, "SELECT bytes FROM tensors LIMIT 1"), 1200);
    struct c2s_version *a = fetch_version(j, 1), *b = fetch_version(j, 2);
    /* In memory as well. */
    assert_ptr_equal(a->model->layers[1]->params[C2S_KERNEL],
                     b->model->layers[1]->params[C2S_KERNEL]);
    c2s_version_destroy(a);
    c2s_version_destroy(b);
    j->ops->close(j);
}

static void gc_gives_space_back(void **state)
{
    (void)state;
    struct c2s_journal *j = open_workspace();
    struct c2s_error err = {0};
    struct c2s_gc_report report;
    struct stat before, after;
    append_version(j, 0, "load a.h5", small_model(100, 1));
    append_version(j, 0, "load big.h5", small_model(200000, 2));
    append_version(j, 0, "load again.h5", small_model(100, 1));
    assert_ok(j->ops->collect(j, &report, &err), &err);
    assert_int_equal(report.n_tensors, 0);
    assert_int_equal(stat(in_test_folder("w.c2s"), &before), 0);
    assert_ok(j->ops->remove(j, (const int64_t[]){2, 3}, 2, &err), &err);
    assert_ok(j->ops->collect(j, &report, &err), &err);
    assert_int_equal(report.n_tensors, 1); /* v1 still needs the other */
    assert_int_equal(report.bytes, 200000 * 3 * 4);
    assert_int_equal(stat(in_test_folder("w.c2s"), &after), 0);
    assert_true(after.st_size < before.st_size - 2000000);
    assert_int_equal(report.freed, before.st_size - after.st_size);
    struct c2s_version *v = fetch_version(j, 1);
    c2s_version_destroy(v);
    assert_sound(j);
    j->ops->close(j);
}

static bool ignore_row(void *arg, int64_t row, int n, const char *const *values)
{
    (void)n, (void)values;
    *(int64_t *)arg = row + 1;
    return row < 4;
}

static void refuses_sql(struct c2s_journal *j, const char *sql, enum c2s_code code)
{
    struct c2s_error err = {0};
    int64_t rows;
    assert_false(j->ops->query(j, sql, ignore_row, &rows, &err));
    if (err.code != code)
        fail_msg("%s: %s: %s", sql, c2s_code_name(err.code), err.text);
}

static void sql_only_reads(void **state)
{
    (void)state;
    struct c2s_journal *j = open_workspace();
    append_version(j, 0, "load a.h5", small_model(5, 1));
    refuses_sql(j, "DELETE FROM version", C2S_STATE);
    refuses_sql(j, "INSERT INTO tag VALUES('x', 1)", C2S_STATE);
    refuses_sql(j, "DROP TABLE version", C2S_STATE);
    refuses_sql(j, "PRAGMA user_version = 9", C2S_STATE);
    refuses_sql(j, "ATTACH 'other.db' AS other", C2S_STATE);
    refuses_sql(j, "BEGIN", C2S_STATE);
    refuses_sql(j, "VACUUM", C2S_STATE);
    refuses_sql(j, "SELECT load_extension('x')", C2S_STATE);
    refuses_sql(j, "WITH x AS (SELECT 1) DELETE FROM version", C2S_STATE);
    refuses_sql(j, "SELECT 1; DELETE FROM version", C2S_USAGE);
    refuses_sql(j, "SELECT nonsense FROM versions", C2S_USAGE);
    refuses_sql(j, " ", C2S_USAGE);
    assert_int_equal(query_integer(j, "SELECT count(*) FROM versions; "), 1);
    assert_int_equal(query_integer(j, "SELECT is_head FROM versions"), 1);
    struct c2s_error err = {0};
    int64_t rows = 0; /* a callback that has enough ends an endless query */
    assert_ok(j->ops->query(j,
                            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                            " SELECT i FROM n",
                            ignore_row, &rows, &err),
              &err);
    assert_int_equal(rows, 5);
    assert_int_equal(append_version(j, 1, "writing goes on", small_model(5, 2)), 2);
    j->ops->close(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(two_see_each_other),
        IN_FOLDER(readers_and_writers_do_not_wait),
        IN_FOLDER(a_busy_workspace_is_told),
        IN_FOLDER(many_writers_lose_nothing),
        IN_FOLDER(shells_at_once_share_their_steps),
        IN_FOLDER(a_killed_writer_loses_nothing),
        IN_FOLDER(a_full_database_keeps_what_it_has),
        IN_FOLDER(a_full_disk_keeps_what_it_has),
        IN_FOLDER(equal_tensors_are_stored_once),
        IN_FOLDER(gc_gives_space_back),
        IN_FOLDER(sql_only_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
