/* What a session measures and shows of its versions: accuracy, differences, histograms, what the
 * rules about data are told. Nothing here makes a version. */
#ifndef C2S_SESSION_LOOK_H
#define C2S_SESSION_LOOK_H

#include <c2s/finding.h>
#include <c2s/histogram.h>
#include <c2s/session.h>

/* Measures a version on the data in use; engine NULL = "dnnl". Taken from the journal when it is
 * there (*was_cached, may be NULL), and put there unless that is read-only. STATE also when a model
 * that scales pixels itself (Rescaling) gets scaled data. predictions: new [n] (free with free()),
 * or NULL pointer to skip. */
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

/* The current version against a model that is no version; nothing is kept. */
bool c2s_session_try(struct c2s_session *s, const struct c2s_model *m, struct c2s_comparison *out,
                     struct c2s_error *err) C2S_MUST_CHECK;

/* How two versions differ in one layer of that name. */
struct c2s_layer_difference {
    const char *name;                       /* borrowed from the versions */
    const struct c2s_layer *first, *second; /* NULL = not there */
    int first_weight_bits, second_weight_bits, first_activation_bits, second_activation_bits;
    bool weights_differ;
    bool is_moved;         /* stands at another place among the layers of both */
    double sqnr_db;        /* effective kernel of second against first; NAN when not comparable */
    double largest_change; /* max |difference| of the effective kernels; NAN likewise */
};
/* rows: new array (free with free()) over the layers of both, in the order of the second; those
 * that are gone stand where they were. */
bool c2s_models_diff(const struct c2s_model *first, const struct c2s_model *second,
                     struct c2s_layer_difference **rows, int *n_rows,
                     struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_session_diff(struct c2s_session *s, const char *first, const char *second,
                      struct c2s_layer_difference **rows, int *n_rows,
                      struct c2s_error *err) C2S_MUST_CHECK;

/* What of a layer a histogram shows.
 * WEIGHTS: plain is its main kernel as stored (float), quantized the same as used.
 * ACTIVATIONS: its outputs; for a quantized activation, plain is that of the nearest ancestor in
 * which it is still float, quantized that of this version.
 * POTENTIALS: the integer potentials, after pooling and before the activation, of the Akida layer
 * it belongs to. Fails: STATE when weights or activations are float; UNSUPPORTED when Akida 1.0
 * cannot execute the version.
 * Given another version, plain is the first one's numbers (weights as used) and quantized the
 * other's, of the layer of the same name. Else, without quantization, there is only plain. */
enum c2s_histogram_of { C2S_OF_WEIGHTS, C2S_OF_ACTIVATIONS, C2S_OF_POTENTIALS };
struct c2s_histogram_request {
    const char *version; /* NULL = current */
    const char *other;   /* or NULL */
    const char *layer;
    enum c2s_histogram_of of;
    int64_t limit; /* at most so many samples of the data; 0 = 200 */
    int n_bins;    /* 0 = 64 */
};
/* step to threshold_max describe the numbers in quantized if there are any, else those in plain. */
struct c2s_layer_histogram {
    struct c2s_histogram plain, quantized; /* same bins */
    bool has_quantized;
    const char *layer;                        /* borrowed from the version */
    int64_t plain_version, quantized_version; /* that the numbers were taken from; 0 = none */
    int64_t n_samples;                        /* activations and potentials */
    double step;  /* between levels of a quantized activation; of potentials: their S when it is the
                     same in all filters; else 0 */
    int n_levels; /* number of levels, 0 = float or no activation */
    double clipped_fraction; /* activations at the top level (float: at ReLU's max_value), weights
                                at +-kmax, potentials above T + (2^b - 1) S; NAN = no such limit */
    double sqnr_db;          /* NAN when there is nothing to compare */
    double silent_fraction;  /* potentials not above T; NAN = no activation */
    int32_t threshold_min, threshold_max; /* potentials: T of the filters */
};
bool c2s_session_histogram(struct c2s_session *s, const struct c2s_histogram_request *r,
                           struct c2s_layer_histogram *out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_layer_histogram_finish(struct c2s_layer_histogram *h);

/* What the rules about data are told. */
struct c2s_survey {
    struct c2s_data_facts facts; /* its layers are owned; NULL = the model was not run */
    char not_run[640];           /* then why; "" = it was run */
};
/* Looks at the data in use and at what the layers of a version (NULL = current) give on samples
 * spread over it: at most `limit`, 0 = 500, fewer of a large model so that it takes about a second.
 * A model that cannot be run on the data is no failure. Without a finite value minima are above
 * maxima. Fails: STATE (no data), IO, CANCELLED, NOMEM. */
bool c2s_session_survey(struct c2s_session *s, const char *version, int64_t limit,
                        struct c2s_survey *out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_survey_finish(struct c2s_survey *s); /* accepts a zeroed one */

#endif
