/* Labelled samples to evaluate on: IDX folders, .npz, pairs of .npy, HDF5. */
#ifndef C2S_DATASET_H
#define C2S_DATASET_H

#include <c2s/tensor.h>

struct c2s_dataset; /* opaque; samples stay as stored, labels are read at opening */

struct c2s_dataset_options {
    double scale, shift; /* Keras input = (raw - shift) / scale; scale 0 means 1 */
    int64_t limit;       /* number of samples, 0 = all */
    uint64_t seed;       /* which ones when limited; 0 = the first `limit` */
    const char *labels;  /* path of the labels for a lone .npy, or NULL; borrowed */
    const char *split;   /* "test" (default when NULL) or "train" */
};

struct c2s_dataset_info {
    const char *path, *name; /* borrowed from the dataset */
    const char *format;      /* "idx", "npz", "npy", "hdf5" */
    int64_t n, n_available;
    int rank;                   /* sample shape without the batch axis: H,W,C */
    int64_t dims[C2S_MAX_RANK]; /* a missing channel axis is added: 28,28 -> 28,28,1 */
    enum c2s_dtype dtype;       /* U8 or F32 */
    int n_classes;              /* largest label + 1 */
    double scale, shift;
    uint64_t seed;
    const char *split;
    char hash[C2S_HASH_LENGTH + 1]; /* SHA-256 of the chosen samples, labels and scaling */
};

/* *out is new. Fails: IO, FORMAT (what is wrong, where), SHAPE (samples and labels differ in
 * number), NOT_FOUND (no samples or labels inside; lists what is there), NOMEM. */
bool c2s_dataset_open(const char *path, const struct c2s_dataset_options *options,
                      struct c2s_dataset **out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_dataset_close(struct c2s_dataset *d);                                /* accepts NULL */
const struct c2s_dataset_info *c2s_dataset_info(const struct c2s_dataset *d); /* borrowed */

/* Samples first..first+n-1. Keras form: new float32 [n, dims]: (raw - shift) / scale in float32. */
bool c2s_dataset_keras(const struct c2s_dataset *d, int64_t first, int64_t n, struct c2s_tensor **x,
                       struct c2s_error *err) C2S_MUST_CHECK;
/* Raw form for integer execution: new uint8 [n, dims]. Fails: RANGE if a raw value is not an
 * integer of 0..255. */
bool c2s_dataset_raw(const struct c2s_dataset *d, int64_t first, int64_t n, struct c2s_tensor **x,
                     struct c2s_error *err) C2S_MUST_CHECK;
/* The n samples at the places indices[], each in 0..info.n-1, in their order, Keras form, into out
 * float32 [n, dims]. For training loops: allocates nothing. Fails: RANGE (no such place), IO. */
bool c2s_dataset_gather(const struct c2s_dataset *d, const int64_t *indices, int64_t n, float *out,
                        struct c2s_error *err) C2S_MUST_CHECK;
const int32_t *c2s_dataset_labels(const struct c2s_dataset *d); /* borrowed, [n] */

/* Where the k-th sample stands in the file (for a limited, seeded subset). */
int64_t c2s_dataset_source_index(const struct c2s_dataset *d, int64_t k);

/* How many samples of `of` are also somewhere in `in`, with whatever label and from whatever file:
 * samples are the same when their raw bytes are, or, unless both are stored as bytes, when the
 * model would get the same numbers. Compares 64-bit hashes: takes 8 bytes per sample. Fails: IO,
 * NOMEM. */
bool c2s_dataset_count_shared(const struct c2s_dataset *of, const struct c2s_dataset *in,
                              int64_t *n_shared, struct c2s_error *err) C2S_MUST_CHECK;

/* Data named in one word, as options take it:
 * PATH[,split=train|test][,scale=X][,shift=X][,limit=N][,seed=N][,labels=FILE]
 * A comma or a backslash that belongs to a file's name has a backslash in front. */
struct c2s_dataset_spec {
    char *path;                         /* owned */
    struct c2s_dataset_options options; /* labels owned; what is not said is 0 or NULL */
};
/* *out is new. Fails: USAGE (says what is wrong and the form), NOMEM. */
bool c2s_dataset_parse(const char *text, struct c2s_dataset_spec *out,
                       struct c2s_error *err) C2S_MUST_CHECK;
/* The inverse: *out is new text (c2s_text_free) with everything that is not 0 or NULL, in the order
 * above. Equal data gives equal text. Fails: NOMEM. */
bool c2s_dataset_text(const char *path, const struct c2s_dataset_options *options, char **out,
                      struct c2s_error *err) C2S_MUST_CHECK;
void c2s_dataset_spec_finish(struct c2s_dataset_spec *s); /* accepts a zeroed one */

#endif
