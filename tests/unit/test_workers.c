/* Threads that work: each index once, and no signal handled on a thread that is at work. */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "engine/workers.h"

enum { N = 4 };

static _Thread_local volatile sig_atomic_t is_at_work;
static volatile sig_atomic_t n_handled, n_at_work;

static void on_alarm(int number)
{
    (void)number;
    n_handled++;
    n_at_work += is_at_work;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void work_a_while(void *arg, int worker)
{
    atomic_int *n_calls = arg;
    is_at_work = 1;
    atomic_fetch_add(&n_calls[worker], 1);
    for (double end = now() + 0.02; now() < end;) {
    }
    is_at_work = 0;
}

static void signals_wait_until_the_work_is_done(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct workers *w;
    atomic_int n_calls[N] = {0};
    struct sigaction action = {.sa_handler = on_alarm}, before;
    struct itimerval each_ms = {{0, 1000}, {0, 1000}}, off = {0};
    assert_ok(workers_create(N, &w, &err), &err);
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &each_ms, NULL);
    for (int round = 1; round <= 5; round++) {
        workers_run(w, N, work_a_while, n_calls);
        for (int i = 0; i < N; i++)
            assert_int_equal(n_calls[i], round);
    }
    setitimer(ITIMER_REAL, &off, NULL);
    sigaction(SIGALRM, &before, NULL);
    workers_destroy(w);
    assert_true(n_handled >= 5); /* what waited is handled after each round */
    assert_int_equal(n_at_work, 0);
}

static void look_at_mask(void *arg, int worker)
{
    sigset_t *masks = arg;
    pthread_sigmask(SIG_SETMASK, NULL, &masks[worker]);
}

static void faults_are_not_put_off(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    struct workers *w;
    sigset_t masks[N], after;
    assert_ok(workers_create(N, &w, &err), &err);
    workers_run(w, N, look_at_mask, masks);
    workers_destroy(w);
    for (int i = 0; i < N; i++) {
        assert_true(sigismember(&masks[i], SIGINT));
        assert_true(sigismember(&masks[i], SIGWINCH));
        assert_false(sigismember(&masks[i], SIGSEGV));
    }
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_false(sigismember(&after, SIGINT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_wait_until_the_work_is_done),
        cmocka_unit_test(faults_are_not_put_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
