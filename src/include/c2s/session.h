/* The whole state of the program: current version, dataset, journal. Every command is one call
 * here; a step either becomes a version or leaves everything as it was. */
#ifndef C2S_SESSION_H
#define C2S_SESSION_H

#include <c2s/finding.h>
#include <c2s/histogram.h>
#include <c2s/journal.h>
#include <c2s/quantize.h>

struct c2s_session;

/* Starts at the journal's head with the journal's dataset (reopened; a failure to reopen it is kept
 * for c2s_session_data_problem). journal is borrowed; progress may be NULL. */
bool c2s_session_create(struct c2s_journal *journal, const struct c2s_progress *progress,
                        struct c2s_session **out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_session_destroy(struct c2s_session *s); /* accepts NULL */

/* Borrowed until the session moves; NULL = nothing loaded / no data. */
const struct c2s_version *c2s_session_current(const struct c2s_session *s);
const struct c2s_dataset *c2s_session_data(const struct c2s_session *s);
const char *c2s_session_data_problem(const struct c2s_session *s); /* NULL = none */
struct c2s_journal *c2s_session_journal(const struct c2s_session *s);

/* Looks up "v3", "3", a tag, "HEAD", "HEAD~2", "" or NULL (= current). Borrowed until the session
 * is destroyed or the version removed. Fails: NOT_FOUND with the nearest names. */
bool c2s_session_version(struct c2s_session *s, const char *name, const struct c2s_version **out,
                         struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_session_version_id(struct c2s_session *s, const char *name, int64_t *id,
                            struct c2s_error *err) C2S_MUST_CHECK;

/* Steps that make a version and move to it. A step that was taken before from the same parent with
 * the same result is not stored again: *id is the old one and *is_new false (may be NULL). */
bool c2s_session_load(struct c2s_session *s, const char *path, int64_t *id, bool *is_new,
                      struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_session_quantize(struct c2s_session *s, const struct c2s_quantize_plan *plan, int64_t *id,
                          bool *is_new, struct c2s_quantize_report *report,
                          struct c2s_error *err) C2S_MUST_CHECK;

bool c2s_session_use_data(struct c2s_session *s, const char *path,
                          const struct c2s_dataset_options *options,
                          struct c2s_error *err) C2S_MUST_CHECK;

/* Moves. undo goes to the parent; STATE when there is none. */
bool c2s_session_checkout(struct c2s_session *s, const char *name,
                          struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_session_undo(struct c2s_session *s, struct c2s_error *err) C2S_MUST_CHECK;
/* Removes a version (with all that came from it when recursive). STATE when it is current. */
bool c2s_session_remove(struct c2s_session *s, const char *name, bool recursive,
                        struct c2s_error *err) C2S_MUST_CHECK;

/* Measures a version on the data in use; engine NULL = "dnnl". Taken from the journal when it is
 * there (*was_cached). predictions: new [n] (free with free()), or NULL pointer to skip. */
bool c2s_session_eval(struct c2s_session *s, const char *version, const char *engine,
                      struct c2s_measure *out, int32_t **predictions, bool *was_cached,
                      struct c2s_error *err) C2S_MUST_CHECK;

/* Two measures on the same samples. */
struct c2s_comparison {
    struct c2s_measure first, second;
    int64_t n_changed; /* samples whose class differs */
    int64_t became_right, became_wrong;
    double p_value; /* McNemar */
};
bool c2s_session_compare(struct c2s_session *s, const char *first, const char *second,
                         const char *engine, struct c2s_comparison *out,
                         struct c2s_error *err) C2S_MUST_CHECK;

/* How two versions differ in one layer of that name. */
struct c2s_layer_difference {
    const char *name;                       /* borrowed from the versions */
    const struct c2s_layer *first, *second; /* NULL = not there */
    int first_weight_bits, second_weight_bits, first_activation_bits, second_activation_bits;
    bool weights_differ;
    double sqnr_db;        /* effective kernel of second against first; NAN when not comparable */
    double largest_change; /* max |difference| of the effective kernels; NAN likewise */
};
/* rows: new array (free with free()) over the layers of both. */
bool c2s_session_diff(struct c2s_session *s, const char *first, const char *second,
                      struct c2s_layer_difference **rows, int *n_rows,
                      struct c2s_error *err) C2S_MUST_CHECK;

/* Histogram of a layer. of_activations: its outputs on at most `limit` samples of the data
 * (0 = 200), else its main kernel, as stored (float) and as used (quantized). plain is always
 * filled; quantized only when the layer's weights are quantized / the other version's outputs. */
struct c2s_layer_histogram {
    struct c2s_histogram plain, quantized; /* same bins */
    bool has_quantized;
    const char *layer;       /* borrowed */
    int64_t n_samples;       /* activations */
    double step;             /* activations of a quantized activation: level distance, else 0 */
    int n_levels;            /* number of levels, 0 = float */
    double clipped_fraction; /* activations at the top level, or weights at +-kmax; NAN unknown */
    double sqnr_db;          /* NAN when there is nothing to compare */
};
bool c2s_session_histogram(struct c2s_session *s, const char *version, const char *layer,
                           bool of_activations, int64_t limit, int n_bins,
                           struct c2s_layer_histogram *out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_layer_histogram_finish(struct c2s_layer_histogram *h);

/* The input scaling akida needs, from the data in use (or a leading Rescaling). */
bool c2s_session_input_scaling(struct c2s_session *s, const struct c2s_model *m, double *scale,
                               double *shift, struct c2s_error *err) C2S_MUST_CHECK;

/* A script that replays the history up to version (NULL = every version): calls line() per line. */
bool c2s_session_script(struct c2s_session *s, const char *version,
                        bool (*line)(void *arg, const char *text), void *arg,
                        struct c2s_error *err) C2S_MUST_CHECK;

#endif
