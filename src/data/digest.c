/* Hashes blocks of samples in parallel and joins the results in order. */
#include "data/digest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"

enum { BLOCK_BYTES = 1 << 18, MOST_THREADS = 8, HEX_BYTES = C2S_HASH_LENGTH + 1 };

struct job {
    const struct data_digest *what;
    int64_t rows_per_block, n_blocks;
    char (*digests)[HEX_BYTES];
    atomic_llong next;
};

struct worker {
    struct job *job;
    struct c2s_error err;
    bool ok;
    pthread_t thread;
};

static bool hash_block(const struct job *job, int64_t block, void *buffer, struct c2s_error *err)
{
    int64_t first = block * job->rows_per_block, n = job->what->n - first;
    if (n > job->rows_per_block)
        n = job->rows_per_block;
    if (!job->what->rows(job->what->arg, first, n, buffer, err))
        return false;
    struct c2s_hasher *h = c2s_hasher_create(err);
    if (!h)
        return false;
    c2s_hasher_add(h, buffer, (size_t)(n * job->what->row_bytes));
    c2s_hasher_finish(h, job->digests[block]);
    return true;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct job *job = w->job;
    void *buffer = c2s_malloc((size_t)(job->rows_per_block * job->what->row_bytes));
    w->ok = buffer ? true : c2s_fail_nomem(&w->err);
    while (w->ok) {
        int64_t block = atomic_fetch_add(&job->next, 1);
        if (block >= job->n_blocks)
            break;
        w->ok = hash_block(job, block, buffer, &w->err);
    }
    c2s_free(buffer);
    return NULL;
}

/* The calling thread works too; a thread that cannot be started is done without. */
static bool run(struct job *job, struct c2s_error *err)
{
    struct worker workers[MOST_THREADS] = {0};
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    if (n > MOST_THREADS)
        n = MOST_THREADS;
    if (n > job->n_blocks)
        n = job->n_blocks;
    int n_started = 1;
    workers[0].job = job;
    for (; n_started < n; n_started++) {
        workers[n_started].job = job;
        if (pthread_create(&workers[n_started].thread, NULL, work, &workers[n_started]) != 0)
            break;
    }
    work(&workers[0]);
    bool ok = workers[0].ok;
    for (int i = 1; i < n_started; i++) {
        pthread_join(workers[i].thread, NULL);
        ok = ok && workers[i].ok;
    }
    for (int i = 0; !ok && i < n_started; i++)
        if (!workers[i].ok) {
            *err = workers[i].err;
            break;
        }
    return ok;
}

static void hash_labels(struct c2s_hasher *h, const int32_t *labels, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t v = (uint32_t)labels[i];
        uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
        c2s_hasher_add(h, bytes, sizeof bytes);
    }
}

bool data_digest(const struct data_digest *what, const struct c2s_dataset_info *info,
                 const int32_t *labels, char hex[HEX_BYTES], struct c2s_error *err)
{
    struct job job = {.what = what, .rows_per_block = BLOCK_BYTES / what->row_bytes};
    if (job.rows_per_block < 1)
        job.rows_per_block = 1;
    job.n_blocks = (what->n + job.rows_per_block - 1) / job.rows_per_block;
    job.digests = c2s_calloc((size_t)job.n_blocks, sizeof *job.digests);
    bool ok = job.digests ? run(&job, err) : c2s_fail_nomem(err);
    struct c2s_hasher *h = ok ? c2s_hasher_create(err) : NULL;
    if (h) {
        char line[256], shape[96];
        int n = snprintf(line, sizeof line, "c2s-dataset 1 %s %lld,%s %.17g %.17g\n",
                         c2s_dtype_name(info->dtype), (long long)what->n,
                         c2s_shape_text(info->rank, info->dims, shape, sizeof shape), info->scale,
                         info->shift);
        c2s_hasher_add(h, line, (size_t)n);
        for (int64_t i = 0; i < job.n_blocks; i++)
            c2s_hasher_add(h, job.digests[i], C2S_HASH_LENGTH);
        hash_labels(h, labels, what->n);
        c2s_hasher_finish(h, hex);
    }
    c2s_free(job.digests);
    return h != NULL;
}
