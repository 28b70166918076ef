/* Tensors by content: each is stored once under its hash. And the removal of those nobody uses. */
#include "private.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- those known while the workspace is open ---- */

enum { NOWHERE = -1 };

/* The digits of a hash are as good as random. */
static int *bucket_of_hash(const struct store *s, const char *hash)
{
    uint64_t key = 0;
    for (int i = 0; i < 16 && hash[i]; i++)
        key = key << 4 | (uint64_t)(hash[i] <= '9' ? hash[i] - '0' : hash[i] - 'a' + 10);
    return &s->by_hash[key % (uint64_t)s->n_buckets];
}

static int *bucket_of_object(const struct store *s, const struct c2s_tensor *t)
{
    return &s->by_object[(uintptr_t)t / sizeof *t % (uintptr_t)s->n_buckets];
}

static void enter(struct store *s, int i)
{
    int *hash = bucket_of_hash(s, s->known[i].hash);
    int *object = bucket_of_object(s, s->known[i].tensor);
    s->known[i].next_by_hash = *hash;
    s->known[i].next_by_object = *object;
    *hash = *object = i;
}

/* Enters all anew. Without memory nothing is found until the next time. */
static void enter_all(struct store *s, int n_buckets)
{
    free(s->by_hash);
    s->by_hash = malloc(2 * (size_t)n_buckets * sizeof *s->by_hash);
    s->n_buckets = s->by_hash ? n_buckets : 0;
    s->by_object = s->by_hash ? s->by_hash + n_buckets : NULL;
    for (int i = 0; i < 2 * s->n_buckets; i++)
        s->by_hash[i] = NOWHERE;
    for (int i = 0; i < s->n_known && s->n_buckets > 0; i++)
        enter(s, i);
}

static struct known_tensor *find_object(struct store *s, const struct c2s_tensor *t)
{
    int i = s->n_buckets > 0 ? *bucket_of_object(s, t) : NOWHERE;
    while (i != NOWHERE && s->known[i].tensor != t)
        i = s->known[i].next_by_object;
    return i == NOWHERE ? NULL : &s->known[i];
}

static struct known_tensor *find_hash(struct store *s, const char *hash)
{
    int i = s->n_buckets > 0 ? *bucket_of_hash(s, hash) : NOWHERE;
    while (i != NOWHERE && strcmp(s->known[i].hash, hash) != 0)
        i = s->known[i].next_by_hash;
    return i == NOWHERE ? NULL : &s->known[i];
}

/* Best effort: without memory the tensor is just read or hashed again next time. */
static void remember(struct store *s, const char *hash, const struct c2s_tensor *t)
{
    struct known_tensor *grown = realloc(s->known, sizeof *grown * (size_t)(s->n_known + 1));
    if (!grown)
        return;
    s->known = grown;
    memcpy(grown[s->n_known].hash, hash, C2S_HASH_LENGTH + 1);
    grown[s->n_known++].tensor = c2s_tensor_ref(t);
    if (s->n_known > s->n_buckets)
        enter_all(s, 2 * s->n_known + 64);
    else
        enter(s, s->n_known - 1);
}

void store_forget_unused(struct store *s)
{
    int kept = 0;
    for (int i = 0; i < s->n_known; i++) {
        if (__atomic_load_n(&s->known[i].tensor->refs, __ATOMIC_ACQUIRE) > 1)
            s->known[kept++] = s->known[i];
        else
            c2s_tensor_unref(s->known[i].tensor);
    }
    if (kept < s->n_known) {
        s->n_known = kept;
        enter_all(s, 2 * kept + 64);
    }
}

void store_forget_all(struct store *s)
{
    for (int i = 0; i < s->n_known; i++)
        c2s_tensor_unref(s->known[i].tensor);
    free(s->known);
    free(s->by_hash);
    s->known = NULL;
    s->by_hash = s->by_object = NULL;
    s->n_known = s->n_buckets = 0;
}

/* ---- into the workspace and out of it ---- */

bool store_put_tensor(struct store *s, const struct c2s_tensor *t, char hash[C2S_HASH_LENGTH + 1],
                      struct c2s_error *err)
{
    struct known_tensor *known = find_object(s, t);
    if (known)
        memcpy(hash, known->hash, C2S_HASH_LENGTH + 1);
    else if (strlen(hash) != C2S_HASH_LENGTH)
        c2s_tensor_hash(t, hash);
    char shape[160];
    c2s_shape_text(t->rank, t->dims, shape, sizeof shape);
    struct statement q =
        db_prepare(s->db, "INSERT INTO tensor(hash, dtype, shape, data) VALUES(?1, ?2, ?3, ?4)"
                          " ON CONFLICT(hash) DO NOTHING");
    bind_text(&q, 1, hash);
    bind_text(&q, 2, c2s_dtype_name(t->dtype));
    bind_text(&q, 3, shape);
    bind_blob(&q, 4, t->data, c2s_tensor_bytes(t));
    if (!statement_run(&q, err))
        return false;
    if (!known)
        remember(s, hash, t);
    return true;
}

static bool parse_dtype(const char *text, enum c2s_dtype *out)
{
    for (int i = 0; i < C2S_DTYPE_COUNT; i++)
        if (text && strcmp(text, c2s_dtype_name((enum c2s_dtype)i)) == 0) {
            *out = (enum c2s_dtype)i;
            return true;
        }
    return false;
}

static bool parse_shape(const char *text, int *rank, int64_t dims[C2S_MAX_RANK])
{
    *rank = 0;
    while (text && *text) {
        char *end;
        if (*rank == C2S_MAX_RANK)
            return false;
        dims[(*rank)++] = strtoll(text, &end, 10);
        if (end == text || (*end != ',' && *end != '\0'))
            return false;
        text = end + (*end == ',');
    }
    return text != NULL;
}

/* New tensor from the current row (dtype, shape, data). */
static struct c2s_tensor *from_row(const struct statement *q, const char *hash,
                                   struct c2s_error *err)
{
    enum c2s_dtype dtype;
    int rank;
    int64_t dims[C2S_MAX_RANK];
    size_t n_bytes;
    struct c2s_tensor *t = NULL;
    const void *data = column_blob(q, 2, &n_bytes);
    if (parse_dtype(column_text(q, 0), &dtype) && parse_shape(column_text(q, 1), &rank, dims)) {
        t = c2s_tensor_create(dtype, rank, dims, err);
        if (!t)
            return NULL;
        if (c2s_tensor_bytes(t) == n_bytes) {
            if (n_bytes > 0)
                memcpy(t->data, data, n_bytes);
            return t;
        }
        c2s_tensor_unref(t);
    }
    c2s_fail(err, C2S_STORE, "tensor %.12s of the workspace is damaged; restore a copy of the file",
             hash);
    return NULL;
}

bool store_get_tensor(struct store *s, const char *hash, struct c2s_tensor **out,
                      struct c2s_error *err)
{
    struct known_tensor *known = find_hash(s, hash);
    if (known) {
        *out = c2s_tensor_ref(known->tensor);
        return true;
    }
    struct statement q = db_prepare(s->db, "SELECT dtype, shape, data FROM tensor WHERE hash = ?1");
    bind_text(&q, 1, hash);
    bool has_row;
    if (!statement_row(&q, &has_row, err))
        return false;
    if (!has_row)
        return c2s_fail(err, C2S_STORE,
                        "tensor %.12s is missing in the workspace; restore a copy of the file",
                        hash);
    struct c2s_tensor *t = from_row(&q, hash, err);
    statement_finish(&q);
    char actual[C2S_HASH_LENGTH + 1];
    if (t)
        c2s_tensor_hash(t, actual);
    if (t && strcmp(actual, hash) != 0) {
        c2s_tensor_unref(t);
        t = NULL;
        c2s_fail(err, C2S_STORE,
                 "tensor %.12s of the workspace is damaged (its numbers do not have that hash); "
                 "restore a copy of the file",
                 hash);
    }
    if (!t)
        return false;
    remember(s, hash, t);
    *out = t;
    return true;
}

#define IS_UNUSED                                                                                  \
    " WHERE hash NOT IN (SELECT tensor FROM model_tensor)"                                         \
    " AND hash NOT IN (SELECT tensor FROM run_tensor)"

static bool remove_unused(struct db *db, struct c2s_gc_report *report, struct c2s_error *err)
{
    static const char unused[] =
        "SELECT count(*), coalesce(sum(length(data)), 0) FROM tensor" IS_UNUSED;
    if (!db_run(db, "DELETE FROM model WHERE hash NOT IN (SELECT model FROM version)", err))
        return false;
    struct statement q = db_prepare(db, unused);
    bool has_row;
    if (!statement_row(&q, &has_row, err))
        return false;
    report->n_tensors = has_row ? column_integer(&q, 0) : 0;
    report->bytes = has_row ? column_integer(&q, 1) : 0;
    statement_finish(&q);
    return db_run(db, "DELETE FROM tensor" IS_UNUSED, err);
}

/* Bytes of all pages, used or not. */
static int64_t whole_size(struct db *db)
{
    struct c2s_error ignored = {0};
    int64_t pages = 0, page = 0;
    return db_integer(db, "PRAGMA page_count", &pages, &ignored) &&
                   db_integer(db, "PRAGMA page_size", &page, &ignored)
               ? pages * page
               : 0;
}

bool store_collect(struct c2s_journal *j, struct c2s_gc_report *report, struct c2s_error *err)
{
    struct db *db = store_of(j)->db;
    *report = (struct c2s_gc_report){0};
    if (!db_begin_write(db, err))
        return false;
    if (!db_end(db, remove_unused(db, report, err), err)) {
        *report = (struct c2s_gc_report){0};
        return false;
    }
    store_forget_unused(store_of(j));
    /* Shrinks the file, then the log; another shell that reads now only delays that. */
    struct c2s_error later = {0};
    int64_t before = whole_size(db);
    bool is_smaller = db_run(db, "PRAGMA incremental_vacuum", &later);
    report->freed = before - whole_size(db);
    if (is_smaller)
        (void)!db_run(db, "PRAGMA wal_checkpoint(TRUNCATE)", &later);
    return true;
}
