/* Private to src/keras: how the writer is cut. dialect.c says a model in the words of a release,
 * write_config.c makes one layer's JSON, writer.c the file. */
#ifndef C2S_KERAS_WRITE_H
#define C2S_KERAS_WRITE_H

#include <c2s/json.h>
#include <c2s/model.h>

/* New copy of m that uses only what cnn2snn of that release knows, with the same numbers. Fails:
 * UNSUPPORTED (names the layer), RANGE (NaN/Inf: names the layer), NOMEM. */
bool keras_translate(const struct c2s_model *m, enum c2s_dialect dialect, struct c2s_model **out,
                     struct c2s_error *err) C2S_MUST_CHECK;

/* New config object of layer `index`, as Keras 2 writes it, under the given name. n_quantizers
 * counts the quantizers of the file, which need names of their own. */
struct c2s_json *keras_layer_config(const struct c2s_model *m, int index, const char *name,
                                    int *n_quantizers, struct c2s_error *err) C2S_MUST_CHECK;

/* Class name in the file, borrowed. */
const char *keras_layer_class(const struct c2s_layer *l);
/* Name of the layer's quantizer number k of the file; the trained threshold's tensor has it too. */
void keras_quantizer_name(const struct c2s_quantizer_spec *spec, int k, char *out, size_t size);

/* New object of that quantizer as Keras writes it; NULL on NOMEM. */
struct c2s_json *keras_quantizer_config(const struct c2s_quantizer_spec *spec, int k);

#endif
