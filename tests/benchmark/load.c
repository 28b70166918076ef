/* Times reading a large model beside plain reading of its file; prints key=value lines for
 * scripts/bench. usage: c2s-load-benchmark FILE MEGABYTES
 * FILE is made: Dense layers of that size together. It stays in the system's memory, so that both
 * are measured without the disk. The best of five rounds counts. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <c2s/keras.h>

enum { N_LAYERS = 10, N_ROUNDS = 5 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool add_dense(struct c2s_model *m, int64_t n, struct c2s_error *err)
{
    char name[16];
    snprintf(name, sizeof name, "dense_%d", m->n_layers);
    struct c2s_layer *l = c2s_layer_create(C2S_OP_DENSE, name, err);
    struct c2s_tensor *kernel = c2s_tensor_create(C2S_F32, 2, (int64_t[]){n, n}, err);
    if (!l || !kernel || !c2s_layer_add_input(l, m->n_layers - 1, err))
        return false;
    for (int64_t i = 0; i < n * n; i++)
        c2s_f32(kernel)[i] = (float)(i % 1999 - 999) / 1e5f;
    l->attr.dense.units = (int)n;
    l->attr.dense.use_bias = false;
    c2s_layer_set_param(l, C2S_KERNEL, kernel);
    return c2s_model_add(m, l, NULL, err);
}

static bool write_model(const char *path, double bytes, struct c2s_error *err)
{
    struct c2s_keras_write_options options = {C2S_DIALECT_KERAS, true};
    struct c2s_model *m = c2s_model_create("large", err);
    struct c2s_layer *input = m ? c2s_layer_create(C2S_OP_INPUT, "input", err) : NULL;
    int64_t n = 1;
    while ((double)((n + 1) * (n + 1)) * 4 * N_LAYERS <= bytes)
        n++;
    if (input) {
        input->rank = 1;
        input->dims[0] = n;
    }
    bool ok = input && c2s_model_add(m, input, NULL, err) && c2s_model_add_input(m, 0, err);
    for (int i = 0; ok && i < N_LAYERS; i++)
        ok = add_dense(m, n, err);
    if (ok)
        m->is_sequential = true;
    ok = ok && c2s_model_add_output(m, m->n_layers - 1, err) && c2s_model_infer_shapes(m, err) &&
         c2s_keras_write(m, path, &options, err);
    c2s_model_destroy(m);
    return ok;
}

/* Reads the whole file into new memory. */
static bool read_plainly(const char *path, struct c2s_error *err)
{
    int fd = open(path, O_RDONLY);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    char *bytes = malloc((size_t)size + 1);
    off_t done = 0;
    ssize_t got = 1;
    while (bytes && done < size && got > 0) {
        got = pread(fd, bytes + done, (size_t)(size - done), done);
        done += got > 0 ? got : 0;
    }
    free(bytes);
    if (fd >= 0)
        close(fd);
    return (size > 0 && done == size) || c2s_fail(err, C2S_IO, "cannot read '%s'", path);
}

static bool load(const char *path, struct c2s_error *err)
{
    struct c2s_model *m = NULL;
    bool ok = c2s_keras_read(path, NULL, &m, err);
    c2s_model_destroy(m);
    return ok;
}

static bool best_of(const char *key, bool (*fn)(const char *path, struct c2s_error *err),
                    const char *path, struct c2s_error *err)
{
    double best = 0;
    for (int i = 0; i < N_ROUNDS; i++) {
        double started = now_ms();
        if (!fn(path, err))
            return false;
        double ms = now_ms() - started;
        best = i == 0 || ms < best ? ms : best;
    }
    printf("%s=%.1f\n", key, best);
    return true;
}

int main(int argc, char **argv)
{
    struct c2s_error err = {0};
    if (argc != 3 || atof(argv[2]) <= 0) {
        fprintf(stderr, "usage: c2s-load-benchmark FILE MEGABYTES\n");
        return 2;
    }
    if (write_model(argv[1], atof(argv[2]) * 1e6, &err) &&
        best_of("read_ms", read_plainly, argv[1], &err) && best_of("load_ms", load, argv[1], &err))
        return 0;
    fprintf(stderr, "%s: %s\n", argv[1], err.text);
    return 1;
}
