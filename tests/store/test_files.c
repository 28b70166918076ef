/* Opening a workspace: new, again, and every file that is none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "journal_support.h"
#include "store.h"
#include "support.h"

static struct c2s_journal *open_at(const char *path)
{
    struct c2s_error err = {0};
    struct c2s_journal *j = NULL;
    assert_ok(c2s_store_open(path, &j, &err), &err);
    return j;
}

/* Opening must fail with this code and a sentence that holds `words`; the file stays as it is. */
static void refuses(const char *path, enum c2s_code code, const char *words)
{
    struct c2s_error err = {0};
    struct c2s_journal *j = NULL;
    size_t n_before, n_after;
    char *before = read_file(path, &n_before);
    assert_false(c2s_store_open(path, &j, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
    char *after = read_file(path, &n_after);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    free(before);
    free(after);
}

static void a_workspace_opens_again(void **state)
{
    (void)state;
    struct c2s_journal *j = open_at(in_test_folder("w.c2s"));
    append_version(j, 0, "load a.h5", small_model(5, 1));
    append_version(j, 1, "step", small_model(5, 2));
    struct c2s_error err = {0};
    assert_ok(j->ops->set_head(j, 1, &err), &err);
    j->ops->close(j);
    j = open_at(in_test_folder("w.c2s"));
    assert_int_equal(count_versions(j), 2);
    assert_int_equal(head_of(j), 1);
    struct c2s_model *expected = small_model(5, 2);
    struct c2s_version *v = fetch_version(j, 2);
    assert_same_model(v->model, expected);
    c2s_version_destroy(v);
    c2s_model_destroy(expected);
    j->ops->close(j);
    /* The last one out leaves one file behind. */
    assert_int_equal(access(in_test_folder("w.c2s-wal"), F_OK), -1);
}

static void an_empty_file_becomes_a_workspace(void **state)
{
    (void)state;
    write_file(in_test_folder("w.c2s"), "", 0);
    struct c2s_journal *j = open_at(in_test_folder("w.c2s"));
    assert_int_equal(append_version(j, 0, "load a.h5", small_model(4, 1)), 1);
    j->ops->close(j);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    const char *path = in_test_folder("f");
    write_file(path, "hello", 5);
    refuses(path, C2S_FORMAT, "no workspace");
    write_file(path, "\x89HDF\r\n\x1a\n and more", 17);
    refuses(path, C2S_FORMAT, "HDF5");
    char zeros[4096] = {0};
    write_file(path, zeros, sizeof zeros);
    refuses(path, C2S_FORMAT, "no workspace");
    write_file(path, "SQLite format 3", 16); /* cut inside the header */
    refuses(path, C2S_FORMAT, "not changed");
}

static void another_programs_database_is_refused(void **state)
{
    (void)state;
    struct c2s_journal *j = open_at(in_test_folder("w.c2s"));
    append_version(j, 0, "load a.h5", small_model(4, 1));
    j->ops->close(j);
    size_t n;
    char *bytes = read_file(in_test_folder("w.c2s"), &n);
    bytes[68] ^= 1; /* the application id, fileformat.html section 1.3 */
    write_file(in_test_folder("other.db"), bytes, n);
    free(bytes);
    refuses(in_test_folder("other.db"), C2S_FORMAT, "another program");
}

static void a_newer_layout_is_refused(void **state)
{
    (void)state;
    struct c2s_journal *j = open_at(in_test_folder("w.c2s"));
    j->ops->close(j);
    size_t n;
    char *bytes = read_file(in_test_folder("w.c2s"), &n);
    bytes[62] = 3; /* user_version 3 * 256 and more */
    write_file(in_test_folder("w.c2s"), bytes, n);
    free(bytes);
    refuses(in_test_folder("w.c2s"), C2S_FORMAT, "newer c2s-shell");
}

/* Whatever is cut off or overwritten: a clear failure, or the version as it was; never a crash and
 * never other numbers. */
static void try_damaged(const char *path, const struct c2s_model *expected)
{
    struct c2s_error err = {0};
    struct c2s_journal *j = NULL;
    struct c2s_version *v = NULL;
    bool ok = c2s_store_open(path, &j, &err);
    if (ok && (ok = j->ops->fetch(j, 1, &v, &err)))
        assert_same_model(v->model, expected);
    if (!ok) {
        assert_int_not_equal(err.code, C2S_OK);
        assert_true(strlen(err.text) > 20);
    }
    c2s_version_destroy(v);
    if (j)
        j->ops->close(j);
}

static void damage_never_gives_other_numbers(void **state)
{
    (void)state;
    struct c2s_journal *j = open_at(in_test_folder("w.c2s"));
    struct c2s_model *expected = small_model(300, 1);
    append_version(j, 0, "load a.h5", small_model(300, 1));
    j->ops->close(j);
    size_t n;
    char *bytes = read_file(in_test_folder("w.c2s"), &n);
    int n_cut = 0;
    for (size_t length = 0; length < n; length += length < 128 ? 13 : 1777) {
        write_file(in_test_folder("cut.c2s"), bytes, length);
        try_damaged(in_test_folder("cut.c2s"), expected);
        unlink(in_test_folder("cut.c2s-wal")), unlink(in_test_folder("cut.c2s-shm"));
        n_cut++;
    }
    assert_true(n_cut > 20);
    for (size_t at = 100; at < n; at += 331) {
        char kept = bytes[at];
        bytes[at] = (char)~kept;
        write_file(in_test_folder("cut.c2s"), bytes, n);
        try_damaged(in_test_folder("cut.c2s"), expected);
        unlink(in_test_folder("cut.c2s-wal")), unlink(in_test_folder("cut.c2s-shm"));
        bytes[at] = kept;
    }
    free(bytes);
    c2s_model_destroy(expected);
}

static void changed_numbers_are_noticed(void **state)
{
    (void)state;
    struct c2s_journal *j = open_at(in_test_folder("w.c2s"));
    struct c2s_model *m = small_model(300, 1);
    float first = c2s_f32(m->layers[1]->params[C2S_KERNEL])[0];
    append_version(j, 0, "load a.h5", m);
    j->ops->close(j);
    size_t n;
    char *bytes = read_file(in_test_folder("w.c2s"), &n);
    char *at = memmem(bytes, n, &first, sizeof first);
    assert_non_null(at);
    at[0] ^= 1;
    write_file(in_test_folder("w.c2s"), bytes, n);
    free(bytes);
    j = open_at(in_test_folder("w.c2s"));
    struct c2s_error err = {0};
    struct c2s_version *v = NULL;
    assert_false(j->ops->fetch(j, 1, &v, &err));
    assert_int_equal(err.code, C2S_STORE);
    assert_non_null(strstr(err.text, "damaged"));
    assert_int_equal(count_versions(j), 1); /* the rest can still be looked at */
    j->ops->close(j);
}

static void places_that_cannot_be(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_journal *j = NULL;
    assert_false(c2s_store_open(in_test_folder("no/such/w.c2s"), &j, &err));
    assert_int_equal(err.code, C2S_IO);
    assert_non_null(strstr(err.text, "-w"));
    err = (struct c2s_error){0};
    assert_false(c2s_store_open(test_folder(), &j, &err));
    assert_int_equal(err.code, C2S_IO);
    assert_non_null(strstr(err.text, "folder"));
    err = (struct c2s_error){0};
    assert_false(c2s_store_open("/dev/null", &j, &err));
    assert_int_equal(err.code, C2S_IO);
}

/* Runs check() without the rights of root, to whom everything is writable. */
static void without_rights(void (*check)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        check();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* For children, in which cmocka cannot report: stops them with the line's number. */
#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void read_but_not_write(void)
{
    struct c2s_error err = {0};
    struct c2s_journal *j = NULL;
    struct c2s_version *v = NULL;
    must(c2s_store_open(in_test_folder("w.c2s"), &j, &err));
    must(j->ops->is_read_only(j));
    must(j->ops->fetch(j, 1, &v, &err) && v->info.id == 1);
    must(!j->ops->set_head(j, 1, &err));
    must(err.code == C2S_STORE && strstr(err.text, "read-only"));
    c2s_version_destroy(v);
    j->ops->close(j);
}

static void a_read_only_file_can_be_looked_at(void **state)
{
    (void)state;
    struct c2s_journal *j = open_at(in_test_folder("w.c2s"));
    append_version(j, 0, "load a.h5", small_model(4, 1));
    j->ops->close(j);
    assert_int_equal(chmod(in_test_folder("w.c2s"), 0444), 0);
    assert_int_equal(chmod(test_folder(), 0777), 0);
    without_rights(read_but_not_write);
    assert_int_equal(chmod(test_folder(), 0555), 0);
    without_rights(read_but_not_write);
    /* The file may be written, but not its test_folder(), where the log would have to be. */
    assert_int_equal(chmod(in_test_folder("w.c2s"), 0666), 0);
    without_rights(read_but_not_write);
    assert_int_equal(chmod(test_folder(), 0755), 0);
}

static void cannot_create(void)
{
    struct c2s_error err = {0};
    struct c2s_journal *j = NULL;
    must(!c2s_store_open(in_test_folder("new.c2s"), &j, &err));
    must(err.code == C2S_IO && strstr(err.text, "Permission denied") && strstr(err.text, "-w"));
}

static void cannot_read(void)
{
    struct c2s_error err = {0};
    struct c2s_journal *j = NULL;
    must(!c2s_store_open(in_test_folder("secret.c2s"), &j, &err));
    must(err.code == C2S_IO && strstr(err.text, "Permission denied"));
}

static void a_read_only_place_is_told(void **state)
{
    (void)state;
    assert_int_equal(chmod(test_folder(), 0555), 0);
    without_rights(cannot_create);
    assert_int_equal(chmod(test_folder(), 0755), 0);
    struct c2s_journal *j = open_at(in_test_folder("secret.c2s"));
    j->ops->close(j);
    assert_int_equal(chmod(in_test_folder("secret.c2s"), 0), 0);
    without_rights(cannot_read);
}

/* SQLite would make a private file of the first and a URI of the second. */
static void odd_names_are_only_names(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct c2s_journal *j = NULL;
    assert_false(c2s_store_open("", &j, &err));
    assert_int_equal(err.code, C2S_USAGE);
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    assert_int_equal(chdir(test_folder()), 0);
    write_file("theirs", "hello", 5);
    j = open_at("file:theirs?mode=memory");
    append_version(j, 0, "load a.h5", small_model(4, 1));
    j->ops->close(j);
    j = open_at("./file:theirs?mode=memory");
    assert_int_equal(count_versions(j), 1);
    j->ops->close(j);
    assert_int_equal(chdir(before), 0);
    free(before);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_test_folder, remove_test_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_workspace_opens_again),
        IN_FOLDER(an_empty_file_becomes_a_workspace),
        IN_FOLDER(other_files_are_refused),
        IN_FOLDER(another_programs_database_is_refused),
        IN_FOLDER(a_newer_layout_is_refused),
        IN_FOLDER(damage_never_gives_other_numbers),
        IN_FOLDER(changed_numbers_are_noticed),
        IN_FOLDER(places_that_cannot_be),
        IN_FOLDER(a_read_only_file_can_be_looked_at),
        IN_FOLDER(a_read_only_place_is_told),
        IN_FOLDER(odd_names_are_only_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
