/* Times loading a model and evaluating it on data; prints key=value lines for scripts/bench.
 * usage: c2s-benchmark MODEL.h5 ENGINE DATA BATCH
 * DATA holds images of 0..255, which Keras gets divided by 255. The best of five rounds counts. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <c2s/keras.h>
#include <c2s/metrics.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool time_rounds(struct c2s_engine *e, const struct c2s_dataset *d, struct c2s_error *err)
{
    double best = 0;
    struct c2s_metrics metrics;
    for (int round = 0; round < 5; round++) {
        if (!c2s_evaluate(e, d, NULL, &metrics, NULL, err))
            return false;
        best = round == 0 || metrics.seconds < best ? metrics.seconds : best;
    }
    printf("n=%lld\ncorrect=%lld\nimages_per_s=%.0f\n", (long long)metrics.n,
           (long long)metrics.correct, (double)metrics.n / best);
    return true;
}

static bool run(char **argv, struct c2s_error *err)
{
    struct c2s_engine_options options = {.max_batch = atoi(argv[4]), .input_scale = 255};
    struct c2s_dataset_options scaling = {.scale = 255};
    struct c2s_model *m = NULL;
    struct c2s_engine *e = NULL;
    struct c2s_dataset *d = NULL;
    double started = now();
    bool ok = c2s_keras_read(argv[1], NULL, &m, err);
    printf("load_ms=%.1f\n", (now() - started) * 1e3);
    started = now();
    ok = ok && c2s_engine_create(argv[2], m, &options, &e, err);
    printf("prepare_ms=%.1f\n", (now() - started) * 1e3);
    ok = ok && c2s_dataset_open(argv[3], &scaling, &d, err) && time_rounds(e, d, err);
    c2s_dataset_close(d);
    c2s_engine_destroy(e);
    c2s_model_destroy(m);
    return ok;
}

int main(int argc, char **argv)
{
    struct c2s_error err = {0};
    if (argc != 5 || atoi(argv[4]) < 1) {
        fprintf(stderr, "usage: c2s-benchmark MODEL.h5 ENGINE DATA BATCH\n");
        return 2;
    }
    if (run(argv, &err))
        return 0;
    fprintf(stderr, "%s: %s\n", argv[1], err.text);
    return 1;
}
