/* Versions of a model: immutable states, each made from its parent by one step. */
#ifndef C2S_VERSION_H
#define C2S_VERSION_H

#include <c2s/checkpoint.h>
#include <c2s/metrics.h>
#include <c2s/model.h>

/* What a history listing needs; strings are borrowed during the callback, or owned by the
 * enclosing struct c2s_version. */
struct c2s_version_info {
    int64_t id;       /* 1, 2, ...; shown as v1, v2 */
    int64_t parent;   /* 0 = none: made by load */
    const char *step; /* canonical command: "quantize activations 4" */
    const char *name; /* model name, from the file: "fm_sep" */
    const char *tool; /* "c2s-shell 0.1.0" */
    const char *note; /* "" or what the step said */
    int64_t created;  /* seconds since 1970, UTC */
    char model_hash[C2S_HASH_LENGTH + 1];
    const char *source;                    /* absolute path of the loaded file, or "" */
    char source_hash[C2S_HASH_LENGTH + 1]; /* SHA-256 of that file, or "" */
};

struct c2s_version {
    struct c2s_version_info info; /* strings owned by this struct */
    struct c2s_model *model;      /* owned; never changed */
    char *description;            /* owned; the model's c2s_model_describe text when it is at hand,
                                     else NULL; saves a journal from hashing it again */
    struct c2s_epoch *epochs;     /* owned [n_epochs]; of the training that made it */
    int n_epochs;
    int64_t
        run; /* for append: the run that made it, which ends in the same transaction; 0 = none */
};

/* New version with copies of info's strings (NULL becomes ""); model is taken even on failure and
 * may be NULL. NULL on NOMEM. */
struct c2s_version *c2s_version_create(const struct c2s_version_info *info, struct c2s_model *model,
                                       struct c2s_error *err) C2S_MUST_CHECK;
/* Copies them. Fails: NOMEM. */
bool c2s_version_set_epochs(struct c2s_version *v, const struct c2s_epoch *epochs, int n,
                            struct c2s_error *err) C2S_MUST_CHECK;
void c2s_version_destroy(struct c2s_version *v); /* accepts NULL */

/* A measure: metrics without these four keys mean nothing. */
struct c2s_measure {
    int64_t version;
    char dataset[C2S_HASH_LENGTH + 1]; /* hash of the dataset */
    char dataset_name[64];
    char engine[16];
    struct c2s_metrics metrics;
    int64_t taken; /* seconds since 1970 */
};

/* A training beside the versions: a shell is at work on it, it was interrupted, or it ended without
 * making one. */
enum c2s_run_state {
    C2S_RUN_OPEN, /* can be gone on with */
    C2S_RUN_ENDED /* no epoch was better than the version it trained; only its story is left */
};
struct c2s_run {
    int64_t id;
    int64_t parent;                 /* the version that is trained */
    const char *step;               /* its canonical command; borrowed during a callback */
    char data[C2S_HASH_LENGTH + 1]; /* hash of what it is trained and validated on */
    enum c2s_run_state state;
    const char *note; /* ENDED: why before its last epoch, or ""; borrowed during a callback */
    int n_epochs;     /* that have ended */
    int64_t begun, updated; /* seconds since 1970, UTC */
    bool is_live;           /* another program is at work on it right now */
};

/* A dataset as remembered by the workspace. */
struct c2s_dataset_record {
    char hash[C2S_HASH_LENGTH + 1];
    const char *path, *split;
    double scale, shift;
    int64_t limit;
    uint64_t seed;
    const char *labels; /* may be NULL */
    const char *name;
};

#endif
