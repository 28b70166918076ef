/* A network: a directed acyclic graph of layers in an order in which it can be computed.
 * Activations are never stored here; see engine.h. */
#ifndef C2S_MODEL_H
#define C2S_MODEL_H

#include <c2s/layer.h>

enum c2s_dialect { C2S_DIALECT_KERAS, C2S_DIALECT_CNN2SNN_18, C2S_DIALECT_CNN2SNN_22 };

/* A line of the load report: what was done with something in the file. */
enum c2s_note_kind {
    C2S_NOTE_READ,    /* where the model came from, and what of it was read */
    C2S_NOTE_SKIPPED, /* was in the file, is not in the model, or not computed */
    C2S_NOTE_ASSUMED, /* was not in the file, and what was taken instead */
    C2S_NOTE_RENAMED  /* has another name in the model than in the file */
};
struct c2s_model_note {
    enum c2s_note_kind kind;
    char *text; /* owned; one sentence without full stop */
};

struct c2s_model {
    char *name;          /* owned; as is keras_version */
    char *keras_version; /* "2.10.0", or "" when the file says none */
    bool is_sequential;
    enum c2s_dialect dialect;  /* of the file it came from; KERAS when nothing is quantized */
    struct c2s_layer **layers; /* owned; every layer after all its inputs */
    int n_layers;
    int *inputs, *outputs; /* owned; layer indices; inputs are of op INPUT */
    int n_inputs, n_outputs;
    struct c2s_model_note *notes; /* owned; the load report, stored with the version */
    int n_notes;
    int n_tensors_read, n_tensors_expected; /* of the file it came from */
};

/* New model without layers, with a copy of the name; NULL on NOMEM. */
struct c2s_model *c2s_model_create(const char *name, struct c2s_error *err) C2S_MUST_CHECK;
/* New copy: own layers and lists, shared tensors. */
struct c2s_model *c2s_model_clone(const struct c2s_model *m, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_model_destroy(struct c2s_model *m); /* accepts NULL */

/* Appends l, which is taken even on failure; *index may be NULL. Fails: STATE if the name exists
 * already or an input index is not smaller than the new one. */
bool c2s_model_add(struct c2s_model *m, struct c2s_layer *l, int *index,
                   struct c2s_error *err) C2S_MUST_CHECK;
/* Names a layer as the model's next input, or output. The note is cut to 511 bytes. Fail: NOMEM. */
bool c2s_model_add_input(struct c2s_model *m, int index, struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_model_add_output(struct c2s_model *m, int index, struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_model_add_note(struct c2s_model *m, enum c2s_note_kind kind, struct c2s_error *err,
                        const char *fmt, ...) C2S_PRINTF(4, 5);
const char *c2s_note_kind_name(enum c2s_note_kind kind); /* "assumed" */

/* Removes a layer that has exactly one input: its readers read that input instead, indices behind
 * it move down by one. Fails: STATE if it has another number of inputs. */
bool c2s_model_remove(struct c2s_model *m, int index, struct c2s_error *err) C2S_MUST_CHECK;
/* Puts l, which has no inputs yet and is taken even on failure, behind a layer: it reads that one,
 * and whatever read that one, outputs included, reads l. Indices above `behind` move up by one;
 * shapes are stale until inferred again. Fails: STATE if the name exists, NOMEM. */
bool c2s_model_insert(struct c2s_model *m, struct c2s_layer *l, int behind,
                      struct c2s_error *err) C2S_MUST_CHECK;
/* Swaps layer `index` with its only input, which must have one input and no other reader (x -> a ->
 * b becomes x -> b -> a). Shapes are stale until inferred again. Fails: STATE. */
bool c2s_model_swap_with_input(struct c2s_model *m, int index,
                               struct c2s_error *err) C2S_MUST_CHECK;

/* Index of the layer of that name, or -1. */
int c2s_model_find(const struct c2s_model *m, const char *name);
/* How many layers read `index` (outputs do not count); the first one in *reader unless NULL. */
int c2s_model_n_readers(const struct c2s_model *m, int index, int *reader);
/* Index of the first neural layer in order, or -1. */
int c2s_model_first_neural(const struct c2s_model *m);
/* Some weights or activations are. */
bool c2s_model_is_quantized(const struct c2s_model *m);
int64_t c2s_model_n_params(const struct c2s_model *m); /* elements over all parameters */

/* Sets rank and dims of every layer, and `filters` of depthwise ones. UNKNOWN layers and what only
 * they feed get rank -1 (not known), which is not a failure; a dimension the input leaves open is
 * -1 as far as it reaches. Fails: SHAPE, RANGE (a window or stride below 1), with the layer's name.
 */
bool c2s_model_infer_shapes(struct c2s_model *m, struct c2s_error *err) C2S_MUST_CHECK;

/* Output length of a convolution or pooling along one axis, and the padding in front of it.
 * Keras: same -> ceil(in / stride), less padding in front; valid -> no padding, and length 0 when
 * the window is larger than the input. pad_front may be NULL. */
int64_t c2s_window_length(int64_t in, int window, int stride, int dilation, enum c2s_padding mode,
                          int64_t *pad_front);

/* Shell glob on layer names: '*', '?', '[a-z]'; several patterns separated by commas, each of up to
 * 255 bytes (a longer one matches nothing). */
bool c2s_glob_match(const char *patterns, const char *name);

#endif
