/* Loading a model, and what the shell does with any that was loaded. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <c2s/finding.h>
#include <c2s/keras.h>

enum { MOST_NUMBERS = 1 << 20, MOST_LAYERS = 64 };

/* Parameters are found again by their hash: the description holds no numbers. */
static bool find_tensor(void *arg, const char *hash, struct c2s_tensor **out, struct c2s_error *err)
{
    const struct c2s_model *m = arg;
    char own[C2S_HASH_LENGTH + 1];
    for (int i = 0; i < m->n_layers; i++)
        for (int role = 0; role < C2S_ROLE_COUNT; role++) {
            struct c2s_tensor *t = m->layers[i]->params[role];
            if (t && (c2s_tensor_hash(t, own), strcmp(own, hash) == 0)) {
                *out = c2s_tensor_ref(t);
                return true;
            }
        }
    return c2s_fail(err, C2S_NOT_FOUND, "no tensor %s", hash);
}

static void describe_twice(const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_model *back = NULL;
    char *first = NULL, *second = NULL;
    if (!c2s_model_describe(m, &first, &err) ||
        !c2s_model_from_description(first, find_tensor, (void *)m, &back, &err) ||
        !c2s_model_describe(back, &second, &err))
        fuzz_abort(err.text);
    if (strcmp(first, second) != 0)
        fuzz_abort("a model is another one after its description");
    c2s_text_free(first);
    c2s_text_free(second);
    c2s_model_destroy(back);
}

void fuzz_model(const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_findings findings = {0};
    const struct c2s_check_options options = {.level = C2S_LEVEL_AKD1000};
    if (m->n_layers > MOST_LAYERS || c2s_model_n_params(m) > MOST_NUMBERS)
        return;
    describe_twice(m);
    if (!c2s_check(m, &options, &findings, &err))
        fuzz_abort(err.text);
    c2s_findings_finish(&findings);
}

void fuzz_load(const uint8_t *data, size_t size)
{
    struct c2s_error err = {0};
    struct c2s_model *m = NULL;
    fuzz_begin(size);
    bool ok = c2s_keras_read(fuzz_file(data, size), NULL, &m, &err);
    fuzz_end();
    fuzz_answer(ok, &err);
    if (ok)
        fuzz_model(m);
    c2s_model_destroy(m);
}
