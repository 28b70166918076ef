/* The whole state of the program: current version, dataset, journal. Every command is one call
 * here; a step either becomes a version or leaves everything as it was. Steps that learn from data
 * are in session_learn.h; what only looks at versions, and measures them, is in session_look.h. */
#ifndef C2S_SESSION_H
#define C2S_SESSION_H

#include <c2s/fix.h>
#include <c2s/journal.h>
#include <c2s/keras.h>
#include <c2s/quantize.h>

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

bool c2s_session_use_data(struct c2s_session *s, const char *path,
                          const struct c2s_dataset_options *options,
                          struct c2s_error *err) C2S_MUST_CHECK;

/* Moves. undo goes to the parent; STATE when there is none. */
bool c2s_session_checkout(struct c2s_session *s, const char *name,
                          struct c2s_error *err) C2S_MUST_CHECK;
bool c2s_session_undo(struct c2s_session *s, struct c2s_error *err) C2S_MUST_CHECK;
/* Removes a version (with all that came from it when recursive), and with it the trainings of it
 * that could have gone on: *n_trainings of them (may be NULL). STATE when it is current, or teaches
 * a version that stays in such a training. */
bool c2s_session_remove(struct c2s_session *s, const char *name, bool recursive, int *n_trainings,
                        struct c2s_error *err) C2S_MUST_CHECK;
/* Gives a version a name: letters, digits, '_', '.', '-', '+', not a version's number. Fails:
 * USAGE, EXISTS, NOT_FOUND. The journal's remove_tag takes it away. */
bool c2s_session_tag(struct c2s_session *s, const char *tag, const char *version,
                     struct c2s_error *err) C2S_MUST_CHECK;

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
