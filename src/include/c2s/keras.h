/* Keras .h5 files: reading any dialect, writing cnn2snn's; and the JSON form of a model that the
 * workspace stores. Every file is opened read-only by the readers. */
#ifndef C2S_KERAS_H
#define C2S_KERAS_H

#include <c2s/model.h>

struct c2s_keras_read_options {
    /* File with the structure of a model whose own file holds weights only: a model (.h5, .keras)
     * or the JSON of model.to_json(); NULL = none. Borrowed. */
    const char *config;
    /* Input shape without the batch axis, for a model that says none; rank 0 = not given. */
    int input_rank;
    int64_t input_dims[C2S_MAX_RANK];
};

/* Reads a model: .h5 or .keras of Keras 2.0 to 3, TF 1.15 and 2, cnn2snn 1.8 or 2.2, or a file with
 * weights only by the structure of options->config. options may be NULL.
 * *out is new, shapes inferred; the load report is in its notes. Layers that are not known are kept
 * as UNKNOWN and never fail the load; so are known ones that cannot be computed as the file means
 * them (channels_first, ...), and a note says why. A layer used twice appears twice, as "x" and
 * "x@2", with shared tensors. n_tensors_expected counts the tensors in the file. Fails: IO
 * (missing, unreadable), FORMAT (no model: says what it is; weights only and no config; a weight is
 * missing; truncated; hostile), USAGE (a config for a whole model), SHAPE (a tensor does not fit
 * its layer, or the file's input shape the given one), NOMEM. */
bool c2s_keras_read(const char *path, const struct c2s_keras_read_options *options,
                    struct c2s_model **out, struct c2s_error *err) C2S_MUST_CHECK;

struct c2s_keras_write_options {
    enum c2s_dialect dialect; /* CNN2SNN_18 or CNN2SNN_22 for quantized models; KERAS for float
                                 (which the other two write as well) */
    bool overwrite;
};

/* Writes a file that cnn2snn.load_quantized_model opens in that release with the same predictions
 * and conversion (checked by tests/toolkit). An activation or quantizer that the release lacks is
 * said by one with the same numbers where there is one. Atomic. Fails: EXISTS, RANGE (NaN/Inf:
 * names the layer), UNSUPPORTED (the dialect cannot say it: names the layer), IO, NOMEM. */
bool c2s_keras_write(const struct c2s_model *m, const char *path,
                     const struct c2s_keras_write_options *options,
                     struct c2s_error *err) C2S_MUST_CHECK;

/* A model as JSON text without its numbers: every field of struct c2s_model, floats exact, and for
 * each parameter its SHA-256. Equal models give equal text. *json is new (free with c2s_text_free).
 */
bool c2s_model_describe(const struct c2s_model *m, char **json,
                        struct c2s_error *err) C2S_MUST_CHECK;
/* The way back. tensor() finds a parameter by hash: new reference in *out, or fails. */
bool c2s_model_from_description(const char *json,
                                bool (*tensor)(void *arg, const char *hash, struct c2s_tensor **out,
                                               struct c2s_error *err),
                                void *arg, struct c2s_model **out,
                                struct c2s_error *err) C2S_MUST_CHECK;
/* SHA-256 of the description: the model's identity. */
bool c2s_model_hash(const struct c2s_model *m, char hex[C2S_HASH_LENGTH + 1],
                    struct c2s_error *err) C2S_MUST_CHECK;
void c2s_text_free(char *text); /* accepts NULL */

#endif
