/* What the files of the session share. */
#ifndef SESSION_PRIVATE_H
#define SESSION_PRIVATE_H

#include <c2s/session_learn.h>
#include <c2s/session_look.h>

#include "base/text.h"

#define SESSION_TOOL "c2s-shell " C2S_VERSION /* what versions say they were made by */

/* The data in use. It is remembered when the session starts and opened when first asked for, so
 * that starting stays cheap and a missing folder stops nobody. */
struct session_data {
    struct c2s_dataset_record record; /* strings owned; hash "" = no data */
    struct c2s_dataset *opened;       /* or NULL */
    bool was_tried;
    char problem[600]; /* "" = none */
};

struct c2s_session {
    struct c2s_journal *journal; /* borrowed */
    struct c2s_progress progress;
    struct c2s_version **held; /* versions looked up so far, owned */
    int n_held;
    const struct c2s_version *current; /* one of held, or NULL */
    struct session_data *data;
};

/* step.c: whether a step in canonical form is one of that command: "calibrate ranges". */
bool step_is(const char *step, const char *command);
/* Commands in their canonical form; *out new (c2s_free). */
bool step_load(const char *path, const struct c2s_keras_read_options *options, char **out,
               struct c2s_error *err) C2S_MUST_CHECK;
bool step_quantize(const struct c2s_quantize_plan *plan, char **out,
                   struct c2s_error *err) C2S_MUST_CHECK;
/* data, validation (NULL = a share): as session_open_spec writes them; teacher 0 = none. */
struct step_training {
    const char *data, *validation;
    int64_t teacher;
    const struct c2s_train_options *options;
};
bool step_retrain(const struct step_training *t, char **out, struct c2s_error *err) C2S_MUST_CHECK;
/* Whether it is the step of a training that was stopped, of which `whole` is the step without the
 * stop, or with a later one. */
bool step_is_stop_of(const char *step, const char *whole);
/* The version that a step names as its teacher, 0 = none; and the step with another one. */
int64_t step_teacher(const char *step);
bool step_with_teacher(const char *step, int64_t teacher, char **out,
                       struct c2s_error *err) C2S_MUST_CHECK;
bool step_fix(const struct c2s_fix_request *request, char **out,
              struct c2s_error *err) C2S_MUST_CHECK;
bool step_use_data(const struct c2s_dataset_record *d, char **out,
                   struct c2s_error *err) C2S_MUST_CHECK;

/* The path without the working folder, when it lies inside: it reads better. Borrowed from path. */
const char *step_short_path(const char *path);

/* training_data.c: the data a step learns from. dataset: as c2s_dataset_parse reads it, where the
 * scaling of the data in use holds when it says neither scale nor shift; NULL = the training part
 * beside the data in use, or that data itself when it is a training part. *out is new
 * (c2s_dataset_spec_finish). Fails: STATE (says what to give), USAGE, and as opening does. */
bool session_training_spec(struct c2s_session *s, const char *dataset, struct c2s_dataset_spec *out,
                           struct c2s_error *err) C2S_MUST_CHECK;
/* Opens it, where a path without a part means its training part if it has one, and writes it as a
 * step says it: both new (c2s_dataset_close, c2s_text_free). */
bool session_open_spec(const struct c2s_dataset_spec *spec, struct c2s_dataset **data, char **text,
                       struct c2s_error *err) C2S_MUST_CHECK;

/* trainings.c: what became of a training before, looked up by parent, step and data. */
struct session_trained {
    int64_t version;       /* the one it made; 0 = none */
    int64_t ended;         /* the run that ended without one; 0 = none */
    int64_t open;          /* the newest run that can be gone on with, on any data; 0 = none */
    int n_open_epochs;     /* that are kept of it */
    bool is_of_other_data; /* that one */
    char note[256];        /* of the one that ended */
};
bool session_find_training(struct c2s_session *s, const struct c2s_run *wanted,
                           struct session_trained *out, struct c2s_error *err) C2S_MUST_CHECK;

/* How many of the samples in use are among those. validation may be NULL. Fails: IO, NOMEM. */
bool session_count_learned(struct c2s_session *s, const struct c2s_dataset *data,
                           const struct c2s_dataset *validation, struct c2s_learned_samples *out,
                           struct c2s_error *err) C2S_MUST_CHECK;

/* session.c: a version by id, fetched when it is not held; borrowed. */
bool session_hold(struct c2s_session *s, int64_t id, const struct c2s_version **out,
                  struct c2s_error *err) C2S_MUST_CHECK;
/* The version that such a step made, of those the current one came through since its last
 * quantization; 0 = none. */
bool session_came_through(struct c2s_session *s, const char *step, int64_t *id,
                          struct c2s_error *err) C2S_MUST_CHECK;
/* Makes the result of a step the current version: a new one, or the one that is there already.
 * info has step, name, note and parent; model is taken. */
bool session_adopt(struct c2s_session *s, struct c2s_version_info *info, struct c2s_model *model,
                   bool *is_new, struct c2s_error *err) C2S_MUST_CHECK;
/* The same of a version that is made already, except for tool, time and hash; v is taken. */
bool session_adopt_version(struct c2s_session *s, struct c2s_version *v, bool *is_new,
                           struct c2s_error *err) C2S_MUST_CHECK;
/* names.c: fails with STATE when nothing is loaded, NOT_FOUND when another shell removed the
 * current version. */
bool session_require_current(struct c2s_session *s, struct c2s_error *err) C2S_MUST_CHECK;
/* Id and parent of every version; new array (c2s_free). */
struct version_link {
    int64_t id, parent;
};
bool session_list(struct c2s_session *s, struct version_link **out, int *n,
                  struct c2s_error *err) C2S_MUST_CHECK;

/* data.c */
struct session_data *session_data_create(struct c2s_journal *journal, struct c2s_error *err);
void session_data_destroy(struct session_data *d); /* accepts NULL */

/* measure.c: an engine for the model on the data in use, scaling checked. */
bool session_engine(struct c2s_session *s, const struct c2s_model *m, const char *engine,
                    struct c2s_engine **out, struct c2s_error *err) C2S_MUST_CHECK;

/* As c2s_session_compare, with an engine for each. */
struct session_measured {
    const char *version, *engine;
};
bool session_compare(struct c2s_session *s, const struct session_measured *first,
                     const struct session_measured *second, struct c2s_comparison *out,
                     struct c2s_error *err) C2S_MUST_CHECK;

/* A model made for pixels 0..255 must not get them divided by 255 once more. */
bool session_check_scaling(const struct c2s_model *m, const struct c2s_dataset_info *data,
                           struct c2s_error *err) C2S_MUST_CHECK;

/* values.c: how a Keras value becomes the chip's integer input. Not known when the data is scaled
 * although the model scales it itself; whoever runs the model says so. */
struct chip_input {
    bool is_known;
    double scale, shift, largest;
};
struct chip_input session_chip_input(struct c2s_session *s, const struct c2s_model *m);
/* Adds a batch of Keras inputs to what was seen; and all labels. */
void session_look_at_values(const struct c2s_dataset_info *info, const struct chip_input *chip,
                            const struct c2s_tensor *x, struct c2s_data_facts *f);
bool session_look_at_labels(const struct c2s_dataset *data, const struct c2s_model *m,
                            struct c2s_data_facts *f, struct c2s_error *err) C2S_MUST_CHECK;
/* facts.c: how many samples of n the model can be run on within a second or so: at least
 * `fewest`, at most `most`. */
int64_t session_affordable(const struct c2s_model *m, int64_t n, int64_t fewest, int64_t most);

/* histogram.c: the bins of both; low above high means that no finite value was seen. */
bool session_histogram_init(struct c2s_layer_histogram *h, double low, double high, int n_bins,
                            struct c2s_error *err) C2S_MUST_CHECK;
/* potentials.c: fills *out (its layer and n_samples are set) from one version or two. */
bool session_potentials(struct c2s_session *s, const struct c2s_version *const versions[2],
                        int n_bins, struct c2s_layer_histogram *out,
                        struct c2s_error *err) C2S_MUST_CHECK;

#endif
