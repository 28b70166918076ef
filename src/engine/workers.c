/* Threads that wait asleep for work. */
#include "engine/workers.h"

#include <pthread.h>
#include <signal.h>

#include "base/alloc.h"

struct worker {
    struct workers *all;
    pthread_t thread;
    int index;
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t has_work, is_done;
    int n_started;       /* threads, the caller's not among them */
    int n_wanted;        /* workers that take part in this round */
    int n_busy;          /* threads still at work in this round */
    unsigned long round; /* counts calls of workers_run */
    bool is_ending;
    void (*work)(void *arg, int worker);
    void *arg;
    struct worker *workers; /* [n]; entry 0 is the caller */
};

static void *wait_and_work(void *argument)
{
    const struct worker *own = argument;
    struct workers *w = own->all;
    unsigned long seen = 0;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->is_ending && w->round == seen)
            pthread_cond_wait(&w->has_work, &w->lock);
        if (w->is_ending)
            break;
        seen = w->round;
        if (own->index >= w->n_wanted)
            continue;
        pthread_mutex_unlock(&w->lock);
        w->work(w->arg, own->index);
        pthread_mutex_lock(&w->lock);
        if (--w->n_busy == 0)
            pthread_cond_signal(&w->is_done);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* oneDNN's matrix products keep numbers where a signal's handler would have its stack: one handled
 * on a thread that is in them writes over the heap. Faults are not put off, they would end the
 * program without their handlers. */
static void block_signals(sigset_t *before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t all;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

static void start_threads(struct workers *w, int n)
{
    sigset_t before;
    block_signals(&before);
    for (int i = 1; i < n; i++) {
        struct worker *one = &w->workers[i];
        one->all = w;
        one->index = i;
        if (pthread_create(&one->thread, NULL, wait_and_work, one) != 0)
            break;
        w->n_started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool workers_create(int n, struct workers **out, struct c2s_error *err)
{
    struct workers *w = c2s_calloc(1, sizeof *w);
    if (!w)
        return c2s_fail_nomem(err);
    w->workers = c2s_calloc((size_t)n, sizeof *w->workers);
    if (!w->workers) {
        c2s_free(w);
        return c2s_fail_nomem(err);
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->has_work, NULL);
    pthread_cond_init(&w->is_done, NULL);
    start_threads(w, n);
    *out = w;
    return true;
}

void workers_destroy(struct workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->is_ending = true;
    pthread_cond_broadcast(&w->has_work);
    pthread_mutex_unlock(&w->lock);
    for (int i = 1; i <= w->n_started; i++)
        pthread_join(w->workers[i].thread, NULL);
    pthread_cond_destroy(&w->has_work);
    pthread_cond_destroy(&w->is_done);
    pthread_mutex_destroy(&w->lock);
    c2s_free(w->workers);
    c2s_free(w);
}

void workers_run(struct workers *w, int n, void (*work)(void *arg, int worker), void *arg)
{
    sigset_t before;
    int threads = n - 1 < w->n_started ? n - 1 : w->n_started;
    if (threads > 0) {
        pthread_mutex_lock(&w->lock);
        w->work = work;
        w->arg = arg;
        w->n_wanted = threads + 1;
        w->n_busy = threads;
        w->round++;
        pthread_cond_broadcast(&w->has_work);
        pthread_mutex_unlock(&w->lock);
    }
    block_signals(&before);
    work(arg, 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (threads > 0) {
        pthread_mutex_lock(&w->lock);
        while (w->n_busy > 0)
            pthread_cond_wait(&w->is_done, &w->lock);
        pthread_mutex_unlock(&w->lock);
    }
}
