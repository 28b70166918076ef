/* Fuzz target: a model's config in JSON, up to the model with its shapes; no weights are needed. */
#include "fuzz.h"

#include "base/alloc.h"
#include "keras/keras.h"

static struct c2s_model *build(const uint8_t *data, size_t size, struct c2s_error *err)
{
    static const struct c2s_keras_read_options options;
    static const struct keras_source none;
    struct c2s_json *config = keras_parse((const char *)data, size, "the config", err);
    struct keras_build b = {.config = config, .source = &none, .options = &options};
    bool ok = config && (b.model = c2s_model_create("model", err)) && keras_build_graph(&b, err) &&
              c2s_model_infer_shapes(b.model, err);
    c2s_free(b.origins);
    c2s_name_index_finish(&b.names);
    c2s_json_free(config);
    if (ok)
        return b.model;
    c2s_model_destroy(b.model);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct c2s_error err = {0};
    fuzz_begin(size);
    struct c2s_model *m = build(data, size, &err);
    fuzz_end();
    fuzz_answer(m != NULL, &err);
    if (m)
        fuzz_model(m);
    c2s_model_destroy(m);
    return 0;
}
