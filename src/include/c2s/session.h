/* The whole state of the program: current version, dataset, journal. Every command is one call
 * here; a step either becomes a version or leaves everything as it was. */
#ifndef C2S_SESSION_H
#define C2S_SESSION_H

#include <c2s/calibrate.h>
#include <c2s/finding.h>
#include <c2s/fix.h>
#include <c2s/histogram.h>
#include <c2s/journal.h>
#include <c2s/keras.h>
#include <c2s/quantize.h>
#include <c2s/train.h>

struct c2s_session;

/* Starts at the journal's head and remembers the journal's dataset, which is opened when it is
 * first asked for. journal is borrowed; progress may be NULL and is copied. */
bool c2s_session_create(struct c2s_journal *journal, const struct c2s_progress *progress,
                        struct c2s_session **out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_session_destroy(struct c2s_session *s); /* accepts NULL */

/* Borrowed until the session moves; NULL = nothing loaded. */
const struct c2s_version *c2s_session_current(const struct c2s_session *s);
/* The data in use, opened now if it was not; borrowed until other data is used. NULL = none, or it
 * cannot be opened, or it has changed since: then c2s_session_data_problem says why (NULL = no
 * problem known; a missing file is known from the start). */
const struct c2s_dataset *c2s_session_data(const struct c2s_session *s);
const char *c2s_session_data_problem(const struct c2s_session *s);
/* The data in use, opened; borrowed. Fails: STATE when there is none or it cannot be opened. */
bool c2s_session_require_data(struct c2s_session *s, const struct c2s_dataset **out,
                              struct c2s_error *err) C2S_MUST_CHECK;
/* What is remembered of it, without opening it: cheap. NULL = none. */
const struct c2s_dataset_record *c2s_session_data_record(const struct c2s_session *s);
struct c2s_journal *c2s_session_journal(const struct c2s_session *s);

/* Looks up "v3", "3", a tag, "HEAD" or "@", "HEAD~2", "" or NULL (= current). Borrowed until the
 * session is destroyed or the version removed. Fails: NOT_FOUND with the nearest names. */
bool c2s_session_version(struct c2s_session *s, const char *name, const struct c2s_version **out,
                         struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_session_version_id(struct c2s_session *s, const char *name, int64_t *id,
                            struct c2s_error *err) C2S_MUST_CHECK;

/* Steps that make a version and move to it, in one transaction. A step that was taken before from
 * the same parent with the same result is not stored again: *id is the old one and *is_new false
 * (both may be NULL). A step that changes nothing stays where it is, likewise not new. */
bool c2s_session_load(struct c2s_session *s, const char *path,
                      const struct c2s_keras_read_options *options, int64_t *id, bool *is_new,
                      struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_session_quantize(struct c2s_session *s, const struct c2s_quantize_plan *plan, int64_t *id,
                          bool *is_new, struct c2s_quantize_report *report,
                          struct c2s_error *err) C2S_MUST_CHECK;
/* Without a change the session stays where it is, *is_new is false and the report says why.
 * Measured on the request's samples, else on some of the data in use if it fits, else on random
 * numbers; the model that results depends on none of them. report may be NULL; end it with
 * c2s_fix_report_finish.
 */
bool c2s_session_fix(struct c2s_session *s, const struct c2s_fix_request *request, int64_t *id,
                     bool *is_new, struct c2s_fix_report *report,
                     struct c2s_error *err) C2S_MUST_CHECK;
/* The same without making a version: *out is the model it would have, new, or NULL. */
bool c2s_session_fix_preview(struct c2s_session *s, const struct c2s_fix_request *request,
                             struct c2s_model **out, struct c2s_fix_report *report,
                             struct c2s_error *err) C2S_MUST_CHECK;

/* As struct c2s_calibrate_request, with names instead of what they name. */
struct c2s_calibrate_options {
    enum c2s_calibration what;
    enum c2s_range_method method;
    double percentile;
    int bits;
    const char *layers;
    const char *data; /* DATASET as c2s_dataset_parse reads it; NULL = the training data that
                         belongs to the data in use */
    int64_t limit;    /* samples at most, chosen by seed 1 unless data has a seed; 0 = all, -1 =
                         2,000 unless data has a limit */
    const char *reference; /* BIAS: a version that the current one came from; NULL = the nearest
                              with float weights, or, if the current one has, with nothing
                              quantized */
    bool is_trial;         /* make no version */
};
struct c2s_calibrated {
    struct c2s_calibrate_report report; /* owned */
    struct c2s_model *model;            /* owned; the result of a trial, or NULL */
    char *data;                         /* owned; DATASET that was used, or NULL */
    int64_t id, reference;              /* versions; 0 = none */
    bool is_new;
    bool is_measured_data; /* the data is of the part that versions are measured on */
};
bool c2s_session_calibrate(struct c2s_session *s, const struct c2s_calibrate_options *options,
                           struct c2s_calibrated *out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_calibrated_finish(struct c2s_calibrated *c); /* accepts a zeroed one */

bool c2s_session_use_data(struct c2s_session *s, const char *path,
                          const struct c2s_dataset_options *options,
                          struct c2s_error *err) C2S_MUST_CHECK;

/* What retrain does. DATASET is as c2s_dataset_parse reads it. */
struct c2s_retrain_plan {
    struct c2s_train_options train; /* c2s_train_defaults */
    const char *data;               /* DATASET; NULL = the training data that belongs to the data in
                                       use */
    const char *validation; /* DATASET, its test part unless it says train; NULL = a share of
                               the training data */
    const char *teacher;    /* a version; NULL = none */
    int64_t version;        /* that is trained; 0 = the current one */
    bool resume; /* go on with a training of that version by this plan that was interrupted after an
                    epoch */
};
struct c2s_retrained {
    struct c2s_train_report report; /* owned; of one that was there already: its epochs alone */
    int64_t parent;                 /* the version that was trained */
    int64_t id;                     /* the current version now */
    bool is_new;                    /* false: as good before, or there already */
    bool can_go_on;                 /* it was stopped, and can be resumed */
    bool was_cached;                /* the same step was taken before: nothing was trained */
    int resumed_after;              /* the epoch after which it went on; 0 = from the beginning */
    bool is_measured_data;          /* the data is of the part that versions are measured on */
};
/* Trains the current version into a new one, the best epoch's, with the step in canonical form and
 * the story of its epochs; when no epoch was better there is no version, but the journal has the
 * story. Every epoch's end is kept there, so that a training that was cancelled, or whose program
 * was killed, can go on, to the same result. A step that was taken before from the same version on
 * the same data is not taken again. Cancelling after the first epoch makes a version of the best
 * one so far: no failure; its step says where it stopped. Fails: as
 * c2s_train does; STATE (no data; nothing to go on with, or its data has changed); STORE also when
 * an epoch's end cannot be kept: what was kept before stays, to go on with. */
bool c2s_session_retrain(struct c2s_session *s, const struct c2s_retrain_plan *plan,
                         struct c2s_retrained *out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_retrained_finish(struct c2s_retrained *r); /* accepts a zeroed one */
/* A training that was interrupted after an epoch, by Ctrl-C or with its program. */
struct c2s_interrupted {
    char *step;      /* owned; its canonical form */
    int64_t version; /* that is trained */
    int n_epochs;    /* that are kept */
};
/* The newest one of the current version; else the one that the current version is the best epoch
 * of. Fails: STATE when there is none; says which versions have one. */
bool c2s_session_interrupted(struct c2s_session *s, struct c2s_interrupted *out,
                             struct c2s_error *err) C2S_MUST_CHECK;
void c2s_interrupted_finish(struct c2s_interrupted *i); /* accepts a zeroed one */
/* Removes what is kept to go on with interrupted trainings, except of those that another program is
 * at work on; *n of them, also on failure. */
bool c2s_session_forget_trainings(struct c2s_session *s, int *n,
                                  struct c2s_error *err) C2S_MUST_CHECK;

/* The staged recipe, every stage an ordinary step: check, fix (exact ones), calibrate (ranges),
 * quantize activations, retrain, quantize weights, retrain, verify. */
enum { C2S_N_STAGES = 8 };
struct c2s_auto_plan {
    int weights, activations; /* bits */
    int input;                /* bits of the first layer; 0 = 8 for images, else as weights */
    enum c2s_range_method method;
    double percentile;
    struct c2s_retrain_plan
        retrain; /* of both trainings; epochs 0 = none. Its data calibrates too */
    struct c2s_check_options check;
    double min_accuracy; /* of the chip, 0..1; 0 = any */
    double largest_drop; /* of the chip below the float version, 0..1; 1 = any */
};
enum c2s_stage_state {
    C2S_STAGE_NOT_REACHED,
    C2S_STAGE_DONE,
    C2S_STAGE_SKIPPED, /* not needed */
    C2S_STAGE_FAILED,  /* text is the failure */
    C2S_STAGE_STOPPED  /* by the user; text says how far it came, or is empty */
};
struct c2s_stage {
    const char *name, *step; /* static: "retrain", and what it comes after: "quantize weights" */
    enum c2s_stage_state state;
    int64_t version; /* after it; 0 = not reached */
    char text[400];  /* what was done, or why not */
    bool has_accuracy, has_chip;
    struct c2s_measure accuracy,
        chip; /* on the data in use, if it made a version; chip: the last */
};
struct c2s_auto_report {
    struct c2s_stage stages[C2S_N_STAGES];
    int64_t begun_at; /* the version it began with; 0 = it did not begin */
    int64_t first;    /* the version it is held against: the nearest before in which nothing is
                         quantized and that neither calibrate nor fix made; or the same */
    struct c2s_measure before; /* of that */
    int n_errors;              /* of check, the last time it looked */
    double drop;               /* accuracy of `first` less that of the chip */
    bool is_gate_met; /* both limits of the plan are kept; only when all stages were reached */
};
/* Needs data in use. A stage that is not needed is skipped (bits are there already, nothing to
 * fix); one that fails ends the recipe: what was made stays, *report tells how far it came, and
 * running it again goes on from there, since steps that were taken are not taken again. Ctrl-C
 * during a training keeps its best epoch and ends the recipe with CANCELLED; run again with the
 * same plan it goes on with that training, to the same result as in one go. Fails also as the
 * stages do, with the stage in err->where. */
bool c2s_session_auto_quantize(struct c2s_session *s, const struct c2s_auto_plan *plan,
                               struct c2s_auto_report *report,
                               struct c2s_error *err) C2S_MUST_CHECK;

/* Moves. undo goes to the parent; STATE when there is none. */
bool c2s_session_checkout(struct c2s_session *s, const char *name,
                          struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_session_undo(struct c2s_session *s, struct c2s_error *err) C2S_MUST_CHECK;
/* Removes a version (with all that came from it when recursive). STATE when it is current. */
bool c2s_session_remove(struct c2s_session *s, const char *name, bool recursive,
                        struct c2s_error *err) C2S_MUST_CHECK;
/* Gives a version a name: letters, digits, '_', '.', '-', '+', not a version's number. Fails:
 * USAGE, EXISTS, NOT_FOUND. The journal's remove_tag takes it away. */
bool c2s_session_tag(struct c2s_session *s, const char *tag, const char *version,
                     struct c2s_error *err) C2S_MUST_CHECK;

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

/* The input scaling akida needs (akida_x = scale * keras_x + shift), from the data in use, or from
 * a leading Rescaling: then STATE when the data is scaled as well. Without data: 1 and 0. */
bool c2s_session_input_scaling(struct c2s_session *s, const struct c2s_model *m, double *scale,
                               double *shift, struct c2s_error *err) C2S_MUST_CHECK;
/* True when the model's input is no image for Akida's InputConvolutional (the first neural layer is
 * no Conv2D, or there are neither 1 nor 3 channels), so that it takes integers through InputData.
 */
bool c2s_session_takes_integers(const struct c2s_model *m);

/* A script that replays the history up to version (NULL = every version) in an empty workspace to
 * the same models; ids are those the replay will give. Calls line() per line, false ends it. */
bool c2s_session_script(struct c2s_session *s, const char *version,
                        bool (*line)(void *arg, const char *text), void *arg,
                        struct c2s_error *err) C2S_MUST_CHECK;

#endif
