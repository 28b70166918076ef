/* What the files of the store share. */
#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include "db.h"
#include "store.h"

#define STORE_APPLICATION_ID 0x43325357 /* "C2SW", in the file's header */

/* A tensor that was stored or read while the workspace is open. Versions that share it get the
 * same object, and an object known here need not be hashed again. */
struct known_tensor {
    char hash[C2S_HASH_LENGTH + 1];
    struct c2s_tensor *tensor;        /* a reference of ours */
    int next_by_hash, next_by_object; /* places in store.known; -1 = none */
};

struct store {
    struct c2s_journal base; /* first: the port */
    struct db *db;
    struct known_tensor *known;
    int n_known;
    int *by_hash, *by_object; /* [n_buckets] each, one allocation: the first place of a chain */
    int n_buckets;            /* 0 = without memory: nothing is found */
};

static inline struct store *store_of(struct c2s_journal *j)
{
    return (struct store *)j;
}

/* identify.c: fails unless SQLite may touch the file: a workspace, empty, or not there yet. */
bool store_identify(const char *path, struct c2s_error *err) C2S_MUST_CHECK;

/* migrate.c: layout n is reached from layout n - 1 by steps[n - 1], SQL text. */
bool store_migrate(struct db *db, const char *const *steps, int n_steps,
                   struct c2s_error *err) C2S_MUST_CHECK;
extern const char *const store_layouts[];
extern const int store_n_layouts;

/* tensors.c. Call the first two inside a transaction. put takes the tensor's hash when hash holds
 * one, else ("") it fills it in. */
bool store_put_tensor(struct store *s, const struct c2s_tensor *t, char hash[C2S_HASH_LENGTH + 1],
                      struct c2s_error *err) C2S_MUST_CHECK;
bool store_get_tensor(struct store *s, const char *hash, struct c2s_tensor **out,
                      struct c2s_error *err) C2S_MUST_CHECK;
bool store_collect(struct c2s_journal *j, struct c2s_gc_report *report, struct c2s_error *err);
void store_forget_unused(struct store *s); /* drops known tensors that only we own */
void store_forget_all(struct store *s);

/* versions.c */
bool store_append(struct c2s_journal *j, const struct c2s_version *v, int64_t *id, bool *is_new,
                  struct c2s_error *err);
bool store_fetch(struct c2s_journal *j, int64_t id, struct c2s_version **out,
                 struct c2s_error *err);
bool store_each(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_version_info *),
                void *arg, struct c2s_error *err);
bool store_remove(struct c2s_journal *j, const int64_t *ids, int n, struct c2s_error *err);
bool store_head(struct c2s_journal *j, int64_t *id, struct c2s_error *err);
bool store_set_head(struct c2s_journal *j, int64_t id, struct c2s_error *err);
bool store_require_version(struct db *db, int64_t id, struct c2s_error *err) C2S_MUST_CHECK;
bool store_set(struct db *db, const char *name, int64_t value,
               struct c2s_error *err) C2S_MUST_CHECK; /* a setting; 0 removes it */

/* runs.c */
bool store_put_story(struct db *db, int64_t version, const struct c2s_version *v,
                     struct c2s_error *err) C2S_MUST_CHECK; /* the epochs of v */
bool store_get_story(struct db *db, struct c2s_version *v, struct c2s_error *err) C2S_MUST_CHECK;
/* A run with its tensors, inside a transaction. No failure when it is not there. */
bool store_drop_run(struct db *db, int64_t id, struct c2s_error *err) C2S_MUST_CHECK;
bool store_put_run(struct c2s_journal *j, const struct c2s_run *run, const struct c2s_checkpoint *c,
                   int64_t *id, struct c2s_error *err);
bool store_fetch_run(struct c2s_journal *j, int64_t id, struct c2s_checkpoint *out,
                     struct c2s_error *err);
bool store_each_run(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_run *), void *arg,
                    struct c2s_error *err);
bool store_leave_run(struct c2s_journal *j, int64_t id, enum c2s_run_state state, const char *note,
                     struct c2s_error *err);
bool store_remove_run(struct c2s_journal *j, int64_t id, struct c2s_error *err);

/* owner.c: a text that names this process; and whether such a text names another one that lives. */
#define STORE_OWNER_SIZE 128
void store_own(char owner[STORE_OWNER_SIZE]);
bool store_owner_is_other(const char *owner);

/* records.c */
bool store_put_measure(struct c2s_journal *j, const struct c2s_measure *m,
                       const int32_t *predictions, struct c2s_error *err);
bool store_find_measure(struct c2s_journal *j, int64_t version, const char *dataset,
                        const char *engine, struct c2s_measure *m, int32_t **predictions,
                        bool *found, struct c2s_error *err);
bool store_each_measure(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_measure *),
                        void *arg, struct c2s_error *err);
bool store_put_dataset(struct c2s_journal *j, const struct c2s_dataset_record *d,
                       struct c2s_error *err);
bool store_dataset(struct c2s_journal *j, void (*fn)(void *, const struct c2s_dataset_record *),
                   void *arg, bool *found, struct c2s_error *err);
bool store_put_tag(struct c2s_journal *j, const char *tag, int64_t version, struct c2s_error *err);
bool store_remove_tag(struct c2s_journal *j, const char *tag, struct c2s_error *err);
bool store_each_tag(struct c2s_journal *j, bool (*fn)(void *, const char *tag, int64_t version),
                    void *arg, struct c2s_error *err);

#endif
