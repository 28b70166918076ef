/* Steps of a session that learn from data: calibrate, retrain, and auto-quantize, which takes them
 * all. */
#ifndef C2S_SESSION_LEARN_H
#define C2S_SESSION_LEARN_H

#include <c2s/calibrate.h>
#include <c2s/finding.h>
#include <c2s/session.h>
#include <c2s/train.h>

/* How many of the samples in use, which versions are measured on, a step learned from, and how many
 * it chose its best epoch by. */
struct c2s_learned_samples {
    int64_t n_in_use;     /* 0 = no data is in use, or it cannot be opened */
    int64_t n_learned;    /* of those, that it learned from */
    int64_t n_validation; /* of those, that are in the validation data named for it */
    bool is_measured;  /* too many to be the duplicates that data has: a tenth of those in use, or
                          half of what it learned from */
    bool is_validated; /* the same of the validation data */
};

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
    int64_t ranged; /* RANGES: the version that had its ranges calibrated already, so that they clip
                       what is measured; 0 = none */
    bool is_new;
    struct c2s_learned_samples learned;
};
bool c2s_session_calibrate(struct c2s_session *s, const struct c2s_calibrate_options *options,
                           struct c2s_calibrated *out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_calibrated_finish(struct c2s_calibrated *c); /* accepts a zeroed one */

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
/* The plan as a line that can be typed, with data and teacher as they were named and without what
 * is as usual; version, resume and stop_after are no part of it. *out is new (c2s_text_free).
 * Fails: NOMEM. */
bool c2s_retrain_plan_line(const struct c2s_retrain_plan *plan, char **out,
                           struct c2s_error *err) C2S_MUST_CHECK;
struct c2s_retrained {
    struct c2s_train_report report; /* owned; of one that was there already: its epochs alone */
    int64_t parent;                 /* the version that was trained */
    int64_t id;                     /* the current version now */
    bool is_new;                    /* false: as good before, or there already */
    bool can_go_on;                 /* it was stopped, and can be resumed */
    bool was_cached;                /* the same step was taken before: nothing was trained */
    int resumed_after;              /* the epoch after which it went on; 0 = from the beginning */
    struct c2s_learned_samples learned;
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
    double p_value;            /* McNemar's, of the two */
    bool is_gate_met; /* both limits of the plan are kept; only when all stages were reached */
    struct c2s_learned_samples learned; /* by the stages of this run that took data */
};
/* Needs data in use. A stage that is not needed is skipped (bits are there already, nothing to
 * fix); one that fails ends the recipe: what was made stays, *report tells how far it came, and
 * running it again goes on from there, since steps that were taken are not taken again; but data to
 * learn from that cannot be had ends it before anything is made. Ctrl-C
 * during a training keeps its best epoch and ends the recipe with CANCELLED; run again with the
 * same plan it goes on with that training, to the same result as in one go. Fails also as the
 * stages do, with the stage in err->where. */
bool c2s_session_auto_quantize(struct c2s_session *s, const struct c2s_auto_plan *plan,
                               struct c2s_auto_report *report,
                               struct c2s_error *err) C2S_MUST_CHECK;

#endif
