/* Trainings in the journal: runs with their checkpoints, and the epochs of versions. The contract
 * on both implementations; then what only a file has to bear: other programs, death, a full disk.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "both_journals.h"
#include "journal_support.h"
#include "nets.h"
#include <c2s/keras.h>

#include "support.h"
#include "workspace.h"

enum { EPOCHS = 3, TENSORS = 4 };

static struct c2s_epoch row(int epoch)
{
    return (struct c2s_epoch){.epoch = epoch,
                              .learning_rate = epoch ? 0.1 / epoch : NAN,
                              .loss = epoch ? 1.0 / epoch : NAN,
                              .accuracy = epoch ? 0.5 : NAN,
                              .validation_loss = 2.0,
                              .validation_accuracy = 0.25 * epoch,
                              .seconds = 1.5,
                              .is_best = epoch != 2};
}

/* Rows 0..epochs; TENSORS tensors of 3 x size whose numbers follow from the epoch, the last one
 * always the same. */
static struct c2s_checkpoint checkpoint_after(int epochs, int size)
{
    struct c2s_error err = {0};
    struct c2s_checkpoint c = {.n_steps = 10 * epochs};
    struct c2s_epoch rows[EPOCHS + 1];
    const int64_t dims[] = {size, 3};
    for (int i = 0; i <= epochs; i++)
        rows[i] = row(i);
    assert_ok(c2s_checkpoint_set_epochs(&c, rows, epochs + 1, &err), &err);
    for (int i = 0; i < TENSORS; i++) {
        struct random r = {.state = (uint64_t)(i == TENSORS - 1 ? 99 : 7 + 10 * epochs + i)};
        assert_ok(c2s_checkpoint_reserve(&c, &err), &err);
        c.tensors[c.n_tensors++] = random_tensor(&r, 2, dims, -1, 1);
    }
    return c;
}

static int64_t put(struct c2s_journal *j, int64_t id, int64_t parent, const char *step, int epochs)
{
    struct c2s_error err = {0};
    struct c2s_run run = {.id = id, .parent = parent, .step = step, .data = "abc"};
    struct c2s_checkpoint c = checkpoint_after(epochs, 20);
    int64_t made = 0;
    assert_ok(j->ops->put_run(j, &run, &c, &made, &err), &err);
    c2s_checkpoint_finish(&c);
    return made;
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void assert_same_row(const struct c2s_epoch *a, const struct c2s_epoch *b)
{
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->is_best, b->is_best);
    assert_true(same_number(a->learning_rate, b->learning_rate) && same_number(a->loss, b->loss));
    assert_true(same_number(a->accuracy, b->accuracy) && a->seconds == b->seconds);
    assert_true(same_number(a->validation_loss, b->validation_loss));
    assert_true(same_number(a->validation_accuracy, b->validation_accuracy));
}

static void assert_stands_at(struct c2s_journal *j, int64_t id, int epochs)
{
    struct c2s_error err = {0};
    struct c2s_checkpoint is = {0}, wanted = checkpoint_after(epochs, 20);
    assert_ok(j->ops->fetch_run(j, id, &is, &err), &err);
    assert_int_equal(is.n_steps, wanted.n_steps);
    assert_int_equal(is.n_epochs, wanted.n_epochs);
    for (int i = 0; i < is.n_epochs; i++)
        assert_same_row(&is.epochs[i], &wanted.epochs[i]);
    assert_int_equal(is.n_tensors, TENSORS);
    for (int i = 0; i < TENSORS; i++) {
        assert_true(c2s_tensor_same_shape(is.tensors[i], wanted.tensors[i]));
        assert_memory_equal(is.tensors[i]->data, wanted.tensors[i]->data, 20 * 3 * sizeof(float));
    }
    c2s_checkpoint_finish(&is);
    c2s_checkpoint_finish(&wanted);
}

static bool last_run(void *arg, const struct c2s_run *run)
{
    struct c2s_run *last = arg;
    last->id = run->id;
    last->parent = run->parent;
    last->n_epochs = run->n_epochs;
    last->is_live = run->is_live;
    last->begun++; /* how many */
    assert_string_equal(run->data, "abc");
    return true;
}

static struct c2s_run list(struct c2s_journal *j)
{
    struct c2s_error err = {0};
    struct c2s_run last = {0};
    assert_ok(j->ops->each_run(j, last_run, &last, &err), &err);
    return last;
}

static void a_checkpoint_is_replaced(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    append_version(j, 0, "load a.h5", small_model(5, 1));
    assert_int_equal(list(j).begun, 0);
    int64_t id = put(j, 0, 1, "retrain", 1);
    assert_true(id > 0);
    assert_stands_at(j, id, 1);
    assert_int_equal(put(j, id, 1, "retrain", 2), id);
    assert_int_equal(put(j, id, 1, "retrain", 3), id);
    assert_stands_at(j, id, 3);
    struct c2s_run run = list(j);
    assert_int_equal(run.begun, 1);
    assert_int_equal(run.parent, 1);
    assert_int_equal(run.n_epochs, 3);
    assert_false(run.is_live); /* we are not another program */
    assert_ok(j->ops->remove_run(j, id, &err), &err);
    assert_int_equal(list(j).begun, 0);
    struct c2s_checkpoint c;
    assert_false(j->ops->fetch_run(j, id, &c, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
}

static void runs_go_with_their_version_or_successor(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    append_version(j, 0, "load a.h5", small_model(5, 1));
    append_version(j, 1, "step", small_model(5, 2));
    int64_t first = put(j, 0, 2, "retrain", 1), other = put(j, 0, 2, "retrain --lr 0.1", 1);
    int64_t again = put(j, 0, 2, "retrain", 2);
    assert_true(again > other && other > first);
    assert_int_equal(list(j).begun, 2); /* the first made room for its twin */
    assert_stands_at(j, other, 1);
    struct c2s_run lost = {.id = first, .parent = 2, .step = "retrain"};
    struct c2s_checkpoint c = checkpoint_after(2, 20);
    int64_t id;
    assert_false(j->ops->put_run(j, &lost, &c, &id, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
    c2s_checkpoint_finish(&c);
    err = (struct c2s_error){0};
    assert_ok(j->ops->remove(j, (const int64_t[]){2}, 1, &err), &err);
    assert_int_equal(list(j).begun, 0);
    lost = (struct c2s_run){.parent = 9, .step = "retrain"};
    c = checkpoint_after(1, 20);
    assert_false(j->ops->put_run(j, &lost, &c, &id, &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
    c2s_checkpoint_finish(&c);
}

static void a_version_keeps_its_epochs_and_ends_its_run(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    append_version(j, 0, "load a.h5", small_model(5, 1));
    int64_t run = put(j, 0, 1, "retrain", 3), id = 0;
    struct c2s_checkpoint c = checkpoint_after(3, 20);
    struct c2s_version_info info = {.parent = 1, .step = "retrain", .name = "small"};
    struct c2s_model *model = small_model(5, 4);
    assert_ok(c2s_model_hash(model, info.model_hash, &err), &err);
    struct c2s_version *v = c2s_version_create(&info, model, &err);
    assert_ok(v && c2s_version_set_epochs(v, c.epochs, c.n_epochs, &err), &err);
    v->run = run;
    for (int i = 0; i < 2; i++) { /* the second time it is there already */
        bool is_new;
        assert_ok(j->ops->append(j, v, &id, &is_new, &err), &err);
        assert_int_equal(id, 2);
        assert_int_equal(is_new, i == 0);
        assert_int_equal(list(j).begun, 0);
        v->run = put(j, 0, 1, "retrain", 1);
    }
    c2s_version_destroy(v);
    v = fetch_version(j, 2);
    assert_int_equal(v->n_epochs, 4);
    for (int i = 0; i < 4; i++)
        assert_same_row(&v->epochs[i], &c.epochs[i]);
    assert_int_equal(c2s_best_epoch(v->epochs, v->n_epochs), 3);
    c2s_version_destroy(v);
    v = fetch_version(j, 1);
    assert_int_equal(v->n_epochs, 0);
    c2s_version_destroy(v);
    c2s_checkpoint_finish(&c);
}

/* ---- the file ---- */

static int64_t count_tensors(struct c2s_journal *j)
{
    return query_integer(j, "SELECT count(*) FROM tensors");
}

static bool copy_run(void *arg, const struct c2s_run *run)
{
    struct c2s_run *copy = arg;
    *copy = *run;
    copy->step = copy->note = strcmp(run->note, "epoch 3: no number") == 0 ? "as said" : "other";
    return true;
}

static void a_run_that_is_left(void **state)
{
    struct c2s_journal *j = *state;
    struct c2s_error err = {0};
    struct c2s_run run;
    struct c2s_checkpoint c;
    append_version(j, 0, "load a.h5", small_model(5, 1));
    int64_t id = put(j, 0, 1, "retrain", 2);
    assert_ok(j->ops->leave_run(j, id, C2S_RUN_OPEN, "", &err), &err);
    assert_ok(j->ops->each_run(j, copy_run, &run, &err), &err);
    assert_int_equal(run.state, C2S_RUN_OPEN);
    assert_stands_at(j, id, 2);
    put(j, id, 1, "retrain", 3); /* it goes on */
    assert_stands_at(j, id, 3);
    assert_ok(j->ops->leave_run(j, id, C2S_RUN_ENDED, "epoch 3: no number", &err), &err);
    assert_ok(j->ops->each_run(j, copy_run, &run, &err), &err);
    assert_int_equal(run.state, C2S_RUN_ENDED);
    assert_int_equal(run.n_epochs, 3);
    assert_string_equal(run.note, "as said");
    assert_ok(j->ops->fetch_run(j, id, &c, &err), &err); /* its story alone */
    assert_int_equal(c.n_epochs, 4);
    assert_int_equal(c.n_tensors, 0);
    c2s_checkpoint_finish(&c);
    assert_int_not_equal(put(j, 0, 1, "retrain", 1), id); /* a new one takes its place */
    assert_int_equal(list(j).begun, 1);
    assert_false(j->ops->leave_run(j, id, C2S_RUN_OPEN, "", &err));
    assert_int_equal(err.code, C2S_NOT_FOUND);
}

static void an_ended_run_keeps_no_tensors(void **state)
{
    (void)state;
    struct c2s_journal *j = open_workspace();
    struct c2s_error err = {0};
    append_version(j, 0, "load a.h5", small_model(5, 1));
    int64_t before = query_integer(j, "SELECT count(*) FROM tensors");
    int64_t id = put(j, 0, 1, "retrain", 2);
    assert_true(query_integer(j, "SELECT count(*) FROM tensors") > before);
    assert_ok(j->ops->leave_run(j, id, C2S_RUN_ENDED, "", &err), &err);
    assert_int_equal(query_integer(j, "SELECT count(*) FROM tensors"), before);
    assert_int_equal(query_integer(j, "SELECT count(*) FROM runs WHERE state = 'ended'"), 1);
    assert_sound(j);
    j->ops->close(j);
}

static void old_checkpoints_do_not_pile_up(void **state)
{
    (void)state;
    struct c2s_journal *j = open_workspace();
    struct c2s_error err = {0};
    struct c2s_gc_report report;
    append_version(j, 0, "load a.h5", small_model(5, 1));
    int64_t id = put(j, 0, 1, "retrain", 1), other = put(j, 0, 1, "retrain --lr 0.1", 1);
    assert_int_equal(count_tensors(j), 1 + TENSORS); /* both have the same */
    for (int epochs = 2; epochs <= EPOCHS; epochs++)
        put(j, id, 1, "retrain", epochs);
    assert_int_equal(count_tensors(j), 1 + TENSORS + TENSORS - 1);
    assert_ok(j->ops->collect(j, &report, &err), &err);
    assert_int_equal(report.n_tensors, 0); /* gc leaves both to those who go on */
    assert_stands_at(j, id, EPOCHS);
    assert_stands_at(j, other, 1);
    assert_ok(j->ops->remove_run(j, id, &err), &err);
    assert_ok(j->ops->collect(j, &report, &err), &err);
    assert_int_equal(report.n_tensors, TENSORS - 1);
    assert_stands_at(j, other, 1); /* the shared one stayed */
    assert_int_equal(count_tensors(j), 1 + TENSORS);
    assert_ok(j->ops->remove_run(j, other, &err), &err);
    assert_ok(j->ops->collect(j, &report, &err), &err);
    assert_int_equal(report.n_tensors, TENSORS);
    assert_int_equal(count_tensors(j), 1);
    assert_sound(j);
    j->ops->close(j);
}

/* A shell that trains: tells when a checkpoint is stored, then waits to be killed. */
static pid_t train_elsewhere(int64_t *id)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct c2s_journal *j = open_workspace();
        *id = put(j, *id, 1, "retrain", 1);
        if (write(ends[1], id, sizeof *id) != sizeof *id)
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], id, sizeof *id), sizeof *id);
    close(ends[0]);
    return child;
}

static void a_living_shell_keeps_its_run(void **state)
{
    (void)state;
    struct c2s_journal *j = open_workspace();
    struct c2s_error err = {0};
    struct c2s_run run = {.parent = 1, .step = "retrain", .data = "abc"};
    struct c2s_checkpoint c = checkpoint_after(2, 20);
    append_version(j, 0, "load a.h5", small_model(5, 1));
    pid_t child = train_elsewhere(&run.id);
    assert_true(list(j).is_live);
    int64_t id;
    assert_false(j->ops->put_run(j, &run, &c, &id, &err));
    assert_int_equal(err.code, C2S_STATE);
    err = (struct c2s_error){0};
    assert_false(j->ops->remove(j, (const int64_t[]){1}, 1, &err));
    assert_int_equal(err.code, C2S_STATE);
    assert_non_null(strstr(err.text, "trains v1"));
    int64_t own = put(j, 0, 1, "retrain", 1); /* the same training here does not harm it */
    assert_int_equal(list(j).begun, 2);
    assert_true(own != run.id);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    err = (struct c2s_error){0};
    assert_ok(j->ops->put_run(j, &run, &c, &id, &err), &err); /* taken over */
    assert_stands_at(j, run.id, 2);
    assert_false(list(j).is_live);
    c2s_checkpoint_finish(&c);
    assert_sound(j);
    j->ops->close(j);
}

/* The system refuses to make files longer, as a full disk does. */
static void a_full_disk_keeps_the_last_checkpoint(void **state)
{
    (void)state;
    struct c2s_journal *j = open_workspace();
    append_version(j, 0, "load a.h5", small_model(5, 1));
    j->ops->close(j);
    int64_t id = 0;
    pid_t dead = train_elsewhere(&id);
    kill(dead, SIGKILL);
    waitpid(dead, NULL, 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit;
        struct c2s_error err = {0};
        struct c2s_run run = {.id = id, .parent = 1, .step = "retrain", .data = "abc"};
        struct c2s_checkpoint c = checkpoint_after(3, 50000);
        j = open_workspace();
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = 300000;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        assert_false(j->ops->put_run(j, &run, &c, &id, &err));
        assert_int_equal(err.code, C2S_STORE);
        assert_non_null(strstr(err.text, "full"));
        assert_stands_at(j, id, 1);
        c2s_checkpoint_finish(&c);
        j->ops->close(j);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    j = open_workspace();
    assert_stands_at(j, id, 1);
    put(j, id, 1, "retrain", 3);
    assert_stands_at(j, id, 3);
    assert_sound(j);
    j->ops->close(j);
}

static void people_can_read_it_by_sql(void **state)
{
    (void)state;
    struct c2s_journal *j = open_workspace();
    append_version(j, 0, "load a.h5", small_model(5, 1));
    put(j, 0, 1, "retrain", 3);
    assert_int_equal(query_integer(j, "SELECT epochs FROM runs"), 3);
    assert_int_equal(query_integer(j, "SELECT best_epoch FROM runs WHERE step = 'retrain'"), 3);
    assert_int_equal(query_integer(j, "SELECT count(*) FROM epochs WHERE version IS NULL"), 4);
    assert_int_equal(query_integer(j, "SELECT count(*) FROM epochs WHERE is_kept"), 0);
    assert_int_equal(query_integer(j, "SELECT count(*) FROM runs WHERE state = 'open'"), 1);
    j->ops->close(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_checkpoint_is_replaced),
        ON_BOTH(runs_go_with_their_version_or_successor),
        ON_BOTH(a_version_keeps_its_epochs_and_ends_its_run),
        ON_BOTH(a_run_that_is_left),
        IN_FOLDER(an_ended_run_keeps_no_tensors),
        IN_FOLDER(old_checkpoints_do_not_pile_up),
        IN_FOLDER(a_living_shell_keeps_its_run),
        IN_FOLDER(a_full_disk_keeps_the_last_checkpoint),
        IN_FOLDER(people_can_read_it_by_sql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
