/* Views: pure functions from results of the core to sheets. They change nothing and print nothing.
 * Every function gives a new sheet, NULL only when out of memory. */
#ifndef UI_VIEW_H
#define UI_VIEW_H

#include "sheet.h"

#include <c2s/akida.h>
#include <c2s/quantizer.h>
#include <c2s/json.h>
#include <c2s/session_learn.h>
#include <c2s/session_look.h>
#include <c2s/train.h>

/* Texts; all return out. */
char *view_bits(const struct c2s_model *m, char *out, size_t size); /* "float", "w4 a4 i8" */
/* All neural layers have weights of some bits: what export and the chip's integers need. */
bool view_is_quantized(const struct c2s_model *m);
/* A step as a narrow table shows it: of "load PATH" the beginning of a long path is cut, so that
 * the file name is seen, and --data DATASET, its path shortened too, stands last, so that different
 * steps look different. */
char *view_step(const char *step, char *out, size_t size);
char *view_bytes(int64_t bytes, char *out, size_t size);     /* "208 kB" */
char *view_time(int64_t seconds, char *out, size_t size);    /* local: "11:02", "Nov 23" */
char *view_version_name(int64_t id, char *out, size_t size); /* "v3" */
char *view_count(int64_t n, const char *thing, char *out, size_t size); /* "1 note", "2 notes" */
/* Bytes of all parameters: quantized kernels at their bits, the rest as float32. */
int64_t view_parameter_bytes(const struct c2s_model *m);
/* Keras class in the short form of the tables: "BatchNorm", "ReLU max 6". */
char *view_layer_type(const struct c2s_layer *l, char *out, size_t size);
/* The largest accuracy error of a measure: half of the 95 % interval. */
double view_margin(const struct c2s_metrics *m);

/* "Keras 2.10.0 Sequential, 14 layers, 411,530 parameters"; returns out. */
char *view_model_line(const struct c2s_model *m, char *out, size_t size);
void view_add_model_facts(struct sheet *s, const struct c2s_version *v);
/* The load report by kind, at most `limit` of each (0 = all); and the same for machines. */
void view_add_report(struct sheet *s, const struct c2s_model *m, int limit);
void view_add_report_facts(struct sheet *s, const struct c2s_model *m);
struct sheet *view_load(const struct c2s_version *v, bool is_new, const struct c2s_findings *f,
                        bool has_data);
/* akida_index and role as c2s_check_map fills them. */
struct sheet *view_layers(const struct c2s_version *v, const struct c2s_findings *f,
                          const int *akida_index, const char *const *role);
struct view_place {  /* where a layer goes on Akida, as c2s_check_map tells it */
    int akida_layer; /* 0-based, -1 = none */
    const char *role;
};
struct sheet *view_layer(const struct c2s_version *v, int layer, const struct c2s_findings *f,
                         const struct view_place *place);
struct view_check { /* what was checked, and how */
    const struct c2s_findings *findings;
    const unsigned *offers; /* one for each finding: what fix could do about it */
    enum c2s_level level;
    enum c2s_profile profile;
    const char *data;                /* its name; NULL = not asked for, or none in use */
    const struct c2s_survey *survey; /* NULL = none */
    char data_problem[640];          /* why there is none although data is in use */
};
struct sheet *view_findings(const struct c2s_version *v, const struct view_check *c);
/* is_unscaled: pixels 0..255 that most models want divided. misfit: why the current model cannot
 * take the data; NULL = it can, or there is none. */
struct sheet *view_data(const struct c2s_dataset *d, bool is_unscaled, const char *misfit);
#define VIEW_TRAINED    "it was trained on: accuracies on them no longer tell how good it is"
#define VIEW_CALIBRATED "it was calibrated on: accuracies on them may flatter it"
/* Adds a warning when too many samples in use were learned from, and the facts, null
 * when not known. how: one of the two; NULL = nothing was learned. */
void view_learned(struct sheet *s, const struct c2s_learned_samples *l, const char *how);
struct view_measure_context {
    bool was_cached, is_unscaled;
    /* Against the nearest measured ancestor (first); NULL = none was measured. */
    const struct c2s_comparison *against;
};
struct sheet *view_measure(const struct c2s_version *v, const struct c2s_measure *m,
                           const struct view_measure_context *context);
struct view_calibrated {                      /* a calibration, and what it did to the accuracy */
    const struct c2s_version *from, *version; /* version NULL = a trial, or nothing changed */
    const struct c2s_calibrate_options *options;
    const struct c2s_calibrated *result;
    const struct c2s_comparison
        *accuracy;            /* of the new model against `from`; NULL = not measured */
    const char *not_measured; /* then why */
    double seconds;
};
struct view_auto_quantized {
    const struct c2s_version *first, *begun; /* held against; begun with */
    const struct c2s_version *last;          /* current now */
    const struct c2s_auto_report *report;
    const struct c2s_auto_plan *plan;
    double seconds;
};
struct sheet *view_auto_quantized(const struct view_auto_quantized *v);
struct sheet *view_calibrated(const struct view_calibrated *c);
struct sheet *view_quantized(const struct c2s_version *v, bool is_new,
                             const struct c2s_quantize_report *r, double seconds);
struct view_fix { /* what fix was asked and what it said */
    const struct c2s_fix_report *report;
    const char *command; /* that carries it out: "fix E014 --level akida" */
    bool is_preview, is_new;
    struct c2s_layer_difference *differences; /* of a preview; NULL = none */
    int n_differences;
};
/* v: the current version, after it. */
struct sheet *view_fixed(const struct c2s_version *v, const struct view_fix *f);

struct view_training { /* one beside the versions */
    int64_t version;   /* that is trained */
    char *step, *note; /* owned; note "" = none */
    int n_epochs;      /* that are kept */
    bool is_ended;     /* no epoch was better; else it can be gone on with */
    bool is_live;      /* another shell is at work on it */
};
struct view_trainings {
    struct view_training *at; /* owned; the newest last */
    int n;
};
bool view_trainings_collect(struct c2s_journal *j, struct view_trainings *out,
                            struct c2s_error *err) C2S_MUST_CHECK;
void view_trainings_finish(struct view_trainings *t); /* accepts a zeroed one */
/* The newest interrupted one of a version, or NULL; borrowed. */
const struct view_training *view_interrupted(const struct view_trainings *t, int64_t version);
/* "interrupted after epoch 2"; returns out. */
char *view_training_state(const struct view_training *t, char *out, size_t size);
/* Those of one version, as lines. */
void view_add_trainings(struct sheet *s, const struct view_trainings *t, int64_t version);

struct view_version_context {
    const char *tags;
    const struct view_trainings *trainings;
    bool is_current;
    /* Of the current version: of its parent, when it is the best epoch so far; NULL = none. */
    const struct c2s_interrupted *so_far;
};
struct sheet *view_version(const struct c2s_version *v, const struct view_version_context *context);
/* "cnn2snn 2.2" */
const char *view_dialect(enum c2s_dialect dialect);

/* "kernel 3x3 -> 5x5  padding valid -> same"; "" = nothing but weights and bits. Returns out. */
char *view_form_change(const struct c2s_layer *a, const struct c2s_layer *b, char *out,
                       size_t size);
struct sheet *view_difference(const struct c2s_version *a, const struct c2s_version *b,
                              const struct c2s_layer_difference *rows, int n_rows, bool all);

/* What a difference from the first means, at the usual 5 %: "same", "better", "worse". */
const char *view_verdict(const struct c2s_comparison *c);

struct view_compared { /* one version of a comparison */
    const struct c2s_version *version;
    struct c2s_measure measure;
    struct c2s_comparison against_first; /* not of the first */
};
struct sheet *view_comparison(const struct view_compared *rows, int n_rows);

struct view_history_row { /* one version of the history */
    int64_t id, parent, created;
    char *step, *name, *tags; /* owned; tags "" = none */
    struct c2s_measure keras, chip;
    bool has_keras, has_chip;
};
struct view_history {
    struct view_history_row *rows; /* owned; by id, ascending */
    int n_rows;
    struct view_trainings trainings;
    int64_t current;
    bool can_resume;  /* an interrupted training from the current version */
    const char *data; /* borrowed; name of the data of the measures, NULL = none */
};
/* Collects the history with the measures on `dataset` (a hash, "" = none). */
bool view_history_collect(struct c2s_journal *j, int64_t current, const char *dataset,
                          struct view_history *out, struct c2s_error *err) C2S_MUST_CHECK;
void view_history_finish(struct view_history *h); /* accepts a zeroed one */
struct sheet *view_history(const struct view_history *h);

/* report: what akida_export.py printed as JSON; NULL = the image alone was written. unverified: the
 * reason when it was not verified. */
struct sheet *view_akida_export(const struct c2s_version *v, const struct c2s_akida_net *net,
                                const char *image, const struct c2s_json *report,
                                const char *unverified);
struct sheet *view_keras_export(const struct c2s_version *v, const char *file,
                                enum c2s_dialect dialect);

/* A training while it runs: the course of its loss, and lines without a new line. */
#define VIEW_CURVE_POINTS 8
struct view_curve {
    double loss[VIEW_CURVE_POINTS]; /* over all epochs */
    int n;
};
void view_curve_add(struct view_curve *c, const struct c2s_train_now *now);
char *view_curve_text(const struct view_curve *c, bool use_blocks, char *out, size_t size);
char *view_train_line(const struct c2s_train_now *now, const struct view_curve *c, char *out,
                      size_t size);
/* "epoch 2/3: loss 0.4512, accuracy 83.90 %, validation 86.12 %" */
char *view_epoch_line(const struct c2s_epoch *e, int n_epochs, char *out, size_t size);
/* The same of now->ended, and whether it is the best so far. */
char *view_ended_line(const struct c2s_train_now *now, char *out, size_t size);

struct view_retrained {
    const struct c2s_version *version; /* current now */
    const struct c2s_retrained *result;
    const struct c2s_retrain_plan *plan;
    double seconds;
};
struct sheet *view_retrained(const struct view_retrained *v);
/* The epochs of a trained version: as lines, and for machines as rows, like those of retrain. */
void view_add_story(struct sheet *s, const struct c2s_version *v);
void view_add_story_facts(struct sheet *s, const struct c2s_version *v);

struct view_hist_options {
    const char *version; /* "v3", or "v1 and v3" */
    const char *of;      /* "weights", "activations", "potentials", or the name of a parameter */
    bool of_potentials;
    bool compares_versions; /* plain and quantized are the numbers of two versions */
    int height;             /* rows of the picture */
    int columns;            /* of the screen; bins that do not fit are drawn together */
    bool use_blocks;        /* eighth-blocks; else ASCII */
};
int view_hist_bins(int columns); /* as many as such a screen can draw, at most 64 */
struct sheet *view_histogram(const struct c2s_layer_histogram *h,
                             const struct view_hist_options *options);

#endif
