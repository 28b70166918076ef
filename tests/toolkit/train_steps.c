/* Trains a model file some steps and writes losses, the first gradients and weights on the way, for
 * training.py to compare with TensorFlow's.
 * Use: train_steps ENGINE MODEL DATA adam|sgd LEARNING_RATE BATCH STEPS OUT. Format of OUT: a line
 * "NAME COUNT", then so many float32, again and again. */
#include "training_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_numbers(FILE *out, const char *name, const float *values, int64_t n)
{
    fprintf(out, "%s %lld\n", name, (long long)n);
    fwrite(values, sizeof *values, (size_t)n, out);
}

static void write_tensor(void *out, const char *name, const struct c2s_tensor *value)
{
    write_numbers(out, name, c2s_f32(value), c2s_tensor_count(value));
}

static bool train(struct training_steps *t, int n_steps, FILE *out, struct c2s_error *err)
{
    float *losses = calloc((size_t)n_steps, sizeof *losses);
    bool ok = losses != NULL;
    const struct steps_visitor writer = {write_tensor, out};
    for (int i = 1; ok && i <= n_steps; i++) {
        double loss;
        ok = steps_gradients(t, &loss, err);
        if (ok) {
            losses[i - 1] = (float)loss;
            if (i == 1)
                steps_visit_gradients(t, &writer);
            steps_apply(t);
            if (i == 1 || i == 10 || i == 100)
                steps_visit_weights(t, i, &writer);
        }
    }
    if (ok)
        write_numbers(out, "loss", losses, n_steps);
    free(losses);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr,
                "use: train_steps ENGINE MODEL DATA adam|sgd LEARNING_RATE BATCH STEPS OUT\n");
        return 2;
    }
    struct c2s_error err = {0};
    struct training_steps t;
    bool is_adam = strcmp(argv[4], "adam") == 0;
    struct steps_options options = {.engine = argv[1],
                                    .model = argv[2],
                                    .data = argv[3],
                                    .optimizer = is_adam ? C2S_ADAM : C2S_SGD,
                                    .momentum = is_adam ? 0 : 0.9,
                                    .learning_rate = atof(argv[5]),
                                    .batch = atoi(argv[6])};
    FILE *out = fopen(argv[8], "wb");
    bool ok = out && steps_start(&t, &options, &err) && train(&t, atoi(argv[7]), out, &err);
    ok = out && fclose(out) == 0 && ok;
    steps_finish(&t);
    if (!ok)
        fprintf(stderr, "%s: %s\n", err.where, err.text);
    return ok ? 0 : 1;
}
