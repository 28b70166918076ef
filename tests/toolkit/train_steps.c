/* Trains a model file some steps and writes losses, gradients and weights on the way, for
 * training.py and anchored.py to compare with TensorFlow's.
 *
 * Use: train_steps ENGINE MODEL DATA adam|sgd LEARNING_RATE BATCH SCALE STEPS
 *   STEPS from 1: writes the first gradients, weights after 1, 10 and 100 steps, and all losses.
 *   STEPS 0: makes the steps it is told to. Each begins on standard input with a line "step K", K
 *   counted from 0, and the state before it: every weight under its name of step K and every moment
 *   of the optimizer. It makes that one step from there and writes loss, gradients and weights.
 * Numbers are a line "NAME COUNT", then so many float32; a step's end with the line "end 0". */
#include "training_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_numbers(const char *name, const float *values, int64_t n)
{
    printf("%s %lld\n", name, (long long)n);
    fwrite(values, sizeof *values, (size_t)n, stdout);
}

static void write_tensor(void *unused, const char *name, struct c2s_tensor *value)
{
    (void)unused;
    write_numbers(name, c2s_f32(value), c2s_tensor_count(value));
}

static const struct steps_visitor writer = {write_tensor, NULL};

static bool train(struct training_steps *t, int n_steps, struct c2s_error *err)
{
    float *losses = calloc((size_t)n_steps, sizeof *losses);
    bool ok = losses != NULL;
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
        write_numbers("loss", losses, n_steps);
    free(losses);
    return ok;
}

/* The tensor of a name that was read, and how many there are. */
struct search {
    const char *name;
    struct c2s_tensor *found;
    int n;
};

static void look(void *arg, const char *name, struct c2s_tensor *value)
{
    struct search *s = arg;
    s->n++;
    if (strcmp(name, s->name) == 0)
        s->found = value;
}

/* Of everything that is a state; *n = how many tensors that is. */
static struct c2s_tensor *find(const struct training_steps *t, const char *name, int *n)
{
    struct search search = {.name = name};
    const struct steps_visitor v = {look, &search};
    steps_visit_weights(t, (int)t->step, &v);
    steps_visit_moments(t, &v);
    *n = search.n;
    return search.found;
}

static bool read_state(struct training_steps *t, struct c2s_error *err)
{
    char name[256];
    long long count;
    int n_read = 0, n_wanted = 0;
    while (scanf("%255s %lld", name, &count) == 2 && getchar() == '\n') {
        struct c2s_tensor *to = find(t, name, &n_wanted);
        if (strcmp(name, "end") == 0)
            return n_read == n_wanted ||
                   c2s_fail(err, C2S_FORMAT, "%d of %d tensors of a state", n_read, n_wanted);
        if (!to || c2s_tensor_count(to) != count)
            return c2s_fail(err, C2S_FORMAT, "there is no %s of %lld numbers", name, count);
        if (fread(c2s_f32(to), sizeof(float), (size_t)count, stdin) != (size_t)count)
            break;
        n_read++;
    }
    return c2s_fail(err, C2S_FORMAT, "a state ends early");
}

static bool make_steps(struct training_steps *t, struct c2s_error *err)
{
    char word[8];
    long long step;
    while (scanf("%7s %lld", word, &step) == 2 && getchar() == '\n') {
        double loss;
        t->step = step;
        c2s_optimizer_set_steps(t->optimizer, step);
        if (!read_state(t, err) || !steps_gradients(t, &loss, err))
            return false;
        write_numbers("loss", &(float){(float)loss}, 1);
        steps_visit_gradients(t, &writer);
        steps_apply(t);
        steps_visit_weights(t, (int)t->step, &writer);
        puts("end 0");
        fflush(stdout);
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr,
                "use: train_steps ENGINE MODEL DATA adam|sgd LEARNING_RATE BATCH SCALE STEPS\n");
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
                                    .batch = atoi(argv[6]),
                                    .scale = atof(argv[7])};
    int steps = atoi(argv[8]);
    bool ok = steps_start(&t, &options, &err) &&
              (steps > 0 ? train(&t, steps, &err) : make_steps(&t, &err));
    ok = fflush(stdout) == 0 && ok;
    steps_finish(&t);
    if (!ok)
        fprintf(stderr, "%s: %s\n", err.where, err.text);
    return ok ? 0 : 1;
}
