/* Times loading a model and running it on an engine; prints key=value lines for scripts/benchmark.
 * usage: benchmark MODEL.h5 ENGINE N BATCH
 * Inputs are N random samples of 0..1 (integers for akida), generated before the clock starts. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <c2s/engine.h>
#include <c2s/keras.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct c2s_tensor *random_batch(const struct c2s_layer *input, int n, bool integers,
                                       struct c2s_error *err)
{
    int64_t dims[C2S_MAX_RANK] = {n};
    uint32_t state = 1;
    for (int i = 0; i < input->rank; i++)
        dims[i + 1] = input->dims[i];
    struct c2s_tensor *x =
        c2s_tensor_create(integers ? C2S_U8 : C2S_F32, input->rank + 1, dims, err);
    for (int64_t i = 0; x && i < c2s_tensor_count(x); i++) {
        state = state * 1664525u + 1013904223u;
        if (integers)
            c2s_u8(x)[i] = (uint8_t)(state >> 24);
        else
            c2s_f32(x)[i] = (float)(state >> 8) / 16777216.0f;
    }
    return x;
}

static bool time_runs(struct c2s_engine *e, const struct c2s_tensor *x, int n,
                      struct c2s_error *err)
{
    double best = 0;
    for (int round = 0; round < 5; round++) {
        double started = now();
        for (int done = 0; done < n; done += (int)x->dims[0]) {
            struct c2s_tensor *out;
            if (!c2s_engine_run(e, &x, &out, NULL, err))
                return false;
            c2s_tensor_unref(out);
        }
        double seconds = now() - started;
        best = round == 0 || seconds < best ? seconds : best;
    }
    printf("images_per_s=%.0f\n", n / best);
    return true;
}

static bool run(char **argv, struct c2s_error *err)
{
    int n = atoi(argv[3]), batch = atoi(argv[4]);
    struct c2s_engine_options options = {.max_batch = batch, .input_scale = 255};
    struct c2s_model *m = NULL;
    struct c2s_engine *e = NULL;
    struct c2s_tensor *x = NULL;
    double started = now();
    bool ok = c2s_keras_read(argv[1], &m, err);
    printf("load_ms=%.1f\n", (now() - started) * 1e3);
    started = now();
    ok = ok && c2s_engine_create(argv[2], m, &options, &e, err);
    printf("prepare_ms=%.1f\n", (now() - started) * 1e3);
    ok = ok &&
         (x = random_batch(m->layers[m->inputs[0]], batch, e->ops->takes_integers, err)) != NULL &&
         time_runs(e, x, n, err);
    c2s_tensor_unref(x);
    c2s_engine_destroy(e);
    c2s_model_destroy(m);
    return ok;
}

int main(int argc, char **argv)
{
    struct c2s_error err = {0};
    if (argc != 5 || atoi(argv[3]) < 1 || atoi(argv[4]) < 1) {
        fprintf(stderr, "usage: benchmark MODEL.h5 ENGINE N BATCH\n");
        return 2;
    }
    if (run(argv, &err))
        return 0;
    fprintf(stderr, "%s: %s\n", argv[1], err.text);
    return 1;
}
