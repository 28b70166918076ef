/* Writes the models of a list (tests/support/sketch.h) as Keras files, for verdicts.py to show to
 * the real toolkits. Use: write_models LIST OUT; prints a line for what is no model. */
#include "sketch.h"

#include <c2s/keras.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The writer refuses NaN; the toolkit is to see it. A number that stands for it is exchanged by
 * verdicts.py when the model is loaded. */
static void mask(struct c2s_model *m)
{
    for (int i = 0; i < m->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++) {
            struct c2s_tensor *t = m->layers[i]->params[role];
            for (int64_t k = 0; t && k < c2s_tensor_count(t); k++)
                if (!isfinite(c2s_f32(t)[k]))
                    c2s_f32(t)[k] = isnan(c2s_f32(t)[k]) ? 1e37f : 2e37f;
        }
}

static bool write_one(void *arg, const char *line)
{
    char path[1024];
    struct sketch s;
    struct c2s_error err = {0};
    const struct c2s_keras_write_options options = {C2S_DIALECT_KERAS, true};
    if (!sketch_read(line, &s, &err)) {
        printf("no model: %s: %s\n", err.where, err.text);
        return true;
    }
    snprintf(path, sizeof path, "%s/%s.h5", (const char *)arg, s.name);
    mask(s.model);
    if (!c2s_keras_write(s.model, path, &options, &err))
        printf("not written: %s: %s\n", s.name, err.text);
    sketch_finish(&s);
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "use: write_models LIST OUT\n");
        return 2;
    }
    return sketch_each(argv[1], write_one, argv[2]) ? 0 : 1;
}
