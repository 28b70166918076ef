/* Port: where versions, measures, datasets and tags are kept. store/ implements it on SQLite,
 * tests/support in memory. Every function either happens whole or leaves everything as it was.
 * Strings handed to callbacks are borrowed during the call; a callback that returns false ends the
 * listing without failure. A callback may read from the journal, not write to it. */
#ifndef C2S_JOURNAL_H
#define C2S_JOURNAL_H

#include <c2s/version.h>

struct c2s_journal;

struct c2s_gc_report {
    int64_t n_tensors, bytes; /* removed */
    int64_t freed;            /* bytes by which the workspace is smaller: also what trainings and
                                 their checkpoints, removed before, had left empty */
};

struct c2s_journal_ops {
    /* Stores v (its info.id is ignored) with all its tensors, makes it head; the new id in *id: ids
     * grow and are never used again. A version with the same parent, step and model hash that is
     * there already becomes head instead: its id in *id, and *is_new false (both also when nothing
     * can be stored, then the head stays). Nobody else's version comes between search and storing.
     * NOT_FOUND when the parent is not there. */
    bool (*append)(struct c2s_journal *j, const struct c2s_version *v, int64_t *id, bool *is_new,
                   struct c2s_error *err);
    /* New version; NOT_FOUND. */
    bool (*fetch)(struct c2s_journal *j, int64_t id, struct c2s_version **out,
                  struct c2s_error *err);
    bool (*each)(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_version_info *),
                 void *arg, struct c2s_error *err); /* by id, ascending */
    /* Head: the version new shells begin at; 0 = none. */
    bool (*head)(struct c2s_journal *j, int64_t *id, struct c2s_error *err);
    bool (*set_head)(struct c2s_journal *j, int64_t id, struct c2s_error *err);
    /* Removes versions with their measures. NOT_FOUND; STATE when one has children outside the
     * list or a tag, or is trained by another program. A head among them moves to its nearest
     * ancestor that stays. */
    bool (*remove)(struct c2s_journal *j, const int64_t *ids, int n, struct c2s_error *err);
    /* Removes the tensors that no version and no run uses and gives their space back. */
    bool (*collect)(struct c2s_journal *j, struct c2s_gc_report *report, struct c2s_error *err);

    /* One row per (version, dataset, engine), the last one wins; predictions [metrics.n] may be
     * NULL. NOT_FOUND when there is no such version. */
    bool (*put_measure)(struct c2s_journal *j, const struct c2s_measure *m,
                        const int32_t *predictions, struct c2s_error *err);
    /* *found false when there is none; *predictions new (free with free()) or NULL; may be NULL. */
    bool (*find_measure)(struct c2s_journal *j, int64_t version, const char *dataset,
                         const char *engine, struct c2s_measure *m, int32_t **predictions,
                         bool *found, struct c2s_error *err);
    bool (*each_measure)(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_measure *),
                         void *arg, struct c2s_error *err);

    /* The dataset in use; hash "" = none. *found false when there is none. */
    bool (*put_dataset)(struct c2s_journal *j, const struct c2s_dataset_record *d,
                        struct c2s_error *err);
    bool (*dataset)(struct c2s_journal *j, void (*fn)(void *, const struct c2s_dataset_record *),
                    void *arg, bool *found, struct c2s_error *err);

    bool (*put_tag)(struct c2s_journal *j, const char *tag, int64_t version,
                    struct c2s_error *err); /* EXISTS when it names another version */
    bool (*remove_tag)(struct c2s_journal *j, const char *tag, struct c2s_error *err);
    bool (*each_tag)(struct c2s_journal *j, bool (*fn)(void *, const char *tag, int64_t version),
                     void *arg, struct c2s_error *err);

    /* Trainings beside the versions. put_run replaces the checkpoint, whole or not at all: its
     * tensors are kept like those of versions, the old one's are removed. run->id 0 = a new one, in
     * whose place others of the same parent and step go unless a program is at work on them; of the
     * other fields only parent, step and data count. A run goes with append of the version made
     * (struct c2s_version.run), with remove_run, or with its parent. leave_run: this program is no
     * longer at work on it; when it ENDED its tensors go, its epochs stay, with the note. Both:
     * STATE when another program is at work on it; NOT_FOUND. remove_run leaves its tensors to
     * collect. */
    bool (*put_run)(struct c2s_journal *j, const struct c2s_run *run,
                    const struct c2s_checkpoint *checkpoint, int64_t *id, struct c2s_error *err);
    bool (*leave_run)(struct c2s_journal *j, int64_t id, enum c2s_run_state state, const char *note,
                      struct c2s_error *err);
    bool (*fetch_run)(struct c2s_journal *j, int64_t id, struct c2s_checkpoint *out,
                      struct c2s_error *err); /* *out is new */
    bool (*each_run)(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_run *), void *arg,
                     struct c2s_error *err); /* by id, ascending */
    bool (*remove_run)(struct c2s_journal *j, int64_t id, struct c2s_error *err);

    /* Read-only SQL for people; STATE for a statement that writes, UNSUPPORTED without SQL. The
     * callback gets the column names with row -1 first, then text values (NULL = SQL NULL). */
    bool (*query)(struct c2s_journal *j, const char *sql,
                  bool (*fn)(void *, int64_t row, int n, const char *const *values), void *arg,
                  struct c2s_error *err);
    /* Where it is kept: a path, or ":memory:"; borrowed. */
    const char *(*place)(struct c2s_journal *j);
    /* True when nothing can be stored: every function that writes fails with STORE. */
    bool (*is_read_only)(struct c2s_journal *j);
    void (*close)(struct c2s_journal *j);
};

/* Implementations put this first in their own struct. */
struct c2s_journal {
    const struct c2s_journal_ops *ops;
};

#endif
