/* Journal in memory: arrays, no tricks. Memory here is not subject to fault tests. */
#include "memory_journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

struct measured {
    struct c2s_measure measure;
    int32_t *predictions; /* or NULL */
};
struct tagged {
    char name[64];
    int64_t version;
};

struct running {
    struct c2s_run run; /* step and note owned */
    struct c2s_checkpoint checkpoint;
};

struct memory {
    struct c2s_journal base; /* first: the port */
    struct c2s_version **versions;
    int n_versions;
    int64_t last_id, head;
    struct measured *measures;
    int n_measures;
    struct tagged *tags;
    int n_tags;
    struct running *runs;
    int n_runs;
    int64_t last_run;
    bool has_dataset;
    struct c2s_dataset_record dataset; /* strings owned */
};

static struct memory *memory_of(struct c2s_journal *j)
{
    return (struct memory *)j;
}

static void *grow(void *array, int n, size_t size)
{
    void *grown = realloc(array, (size_t)(n + 1) * size);
    assert_non_null(grown);
    return grown;
}

static int find_version(const struct memory *m, int64_t id)
{
    for (int i = 0; i < m->n_versions; i++)
        if (m->versions[i]->info.id == id)
            return i;
    return -1;
}

static bool require(const struct memory *m, int64_t id, struct c2s_error *err)
{
    return find_version(m, id) >= 0 ||
           c2s_fail(err, C2S_NOT_FOUND, "there is no version v%lld", (long long)id);
}

static struct c2s_version *copy_version(const struct c2s_version *v, struct c2s_error *err)
{
    struct c2s_model *model = c2s_model_clone(v->model, err);
    struct c2s_version *copy = model ? c2s_version_create(&v->info, model, err) : NULL;
    if (copy && !c2s_version_set_epochs(copy, v->epochs, v->n_epochs, err)) {
        c2s_version_destroy(copy);
        return NULL;
    }
    return copy;
}

static const struct c2s_version *find_twin(const struct memory *m, const struct c2s_version *v)
{
    for (int i = 0; i < m->n_versions; i++) {
        const struct c2s_version_info *other = &m->versions[i]->info;
        if (other->parent == v->info.parent && strcmp(other->step, v->info.step) == 0 &&
            strcmp(other->model_hash, v->info.model_hash) == 0)
            return m->versions[i];
    }
    return NULL;
}

static int find_run(const struct memory *m, int64_t id)
{
    for (int i = 0; i < m->n_runs; i++)
        if (m->runs[i].run.id == id)
            return i;
    return -1;
}

static void drop_run(struct memory *m, int at)
{
    free((char *)m->runs[at].run.step);
    free((char *)m->runs[at].run.note);
    c2s_checkpoint_finish(&m->runs[at].checkpoint);
    memmove(m->runs + at, m->runs + at + 1, sizeof *m->runs * (size_t)(--m->n_runs - at));
}

static bool remove_run(struct c2s_journal *j, int64_t id, struct c2s_error *err)
{
    int at = find_run(memory_of(j), id);
    (void)err;
    if (at >= 0)
        drop_run(memory_of(j), at);
    return true;
}

/* A new run takes the place of earlier ones of the same parent and step. */
static bool add_run(struct memory *m, const struct c2s_run *run, struct c2s_error *err)
{
    if (!require(m, run->parent, err))
        return false;
    for (int i = m->n_runs - 1; i >= 0; i--)
        if (m->runs[i].run.parent == run->parent && strcmp(m->runs[i].run.step, run->step) == 0)
            drop_run(m, i);
    m->runs = grow(m->runs, m->n_runs, sizeof *m->runs);
    struct running *r = &m->runs[m->n_runs++];
    *r = (struct running){.run = *run};
    r->run.id = ++m->last_run;
    r->run.step = strdup(run->step);
    r->run.note = strdup("");
    r->run.state = C2S_RUN_OPEN;
    return true;
}

static bool put_run(struct c2s_journal *j, const struct c2s_run *run,
                    const struct c2s_checkpoint *checkpoint, int64_t *id, struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    struct c2s_checkpoint copy;
    if (run->id && find_run(m, run->id) < 0)
        return c2s_fail(err, C2S_NOT_FOUND, "there is no such training");
    if (!c2s_checkpoint_copy(checkpoint, &copy, err))
        return false;
    if (!run->id && !add_run(m, run, err)) {
        c2s_checkpoint_finish(&copy);
        return false;
    }
    struct running *r = &m->runs[run->id ? find_run(m, run->id) : m->n_runs - 1];
    c2s_checkpoint_finish(&r->checkpoint);
    r->checkpoint = copy;
    r->run.n_epochs = copy.n_epochs ? copy.epochs[copy.n_epochs - 1].epoch : 0;
    *id = r->run.id;
    return true;
}

static bool leave_run(struct c2s_journal *j, int64_t id, enum c2s_run_state state, const char *note,
                      struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    int at = find_run(m, id);
    if (at < 0)
        return c2s_fail(err, C2S_NOT_FOUND, "there is no such training");
    struct running *r = &m->runs[at];
    free((char *)r->run.note);
    r->run.note = strdup(note);
    r->run.state = state;
    for (int i = 0; state == C2S_RUN_ENDED && i < r->checkpoint.n_tensors; i++)
        c2s_tensor_unref(r->checkpoint.tensors[i]);
    if (state == C2S_RUN_ENDED)
        r->checkpoint.n_tensors = 0;
    return true;
}

static bool fetch_run(struct c2s_journal *j, int64_t id, struct c2s_checkpoint *out,
                      struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    int at = find_run(m, id);
    return at >= 0 ? c2s_checkpoint_copy(&m->runs[at].checkpoint, out, err)
                   : c2s_fail(err, C2S_NOT_FOUND, "there is no such training");
}

static bool each_run(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_run *), void *arg,
                     struct c2s_error *err)
{
    (void)err;
    for (int i = 0; i < memory_of(j)->n_runs; i++)
        if (!fn(arg, &memory_of(j)->runs[i].run))
            break;
    return true;
}

static bool append(struct c2s_journal *j, const struct c2s_version *v, int64_t *id, bool *is_new,
                   struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    const struct c2s_version *twin = find_twin(m, v);
    if (v->run)
        (void)!remove_run(j, v->run, err);
    if (twin) {
        m->head = *id = twin->info.id;
        *is_new = false;
        return true;
    }
    if (v->info.parent && !require(m, v->info.parent, err))
        return false;
    struct c2s_version *copy = copy_version(v, err);
    if (!copy)
        return false;
    m->versions = grow(m->versions, m->n_versions, sizeof(void *));
    m->versions[m->n_versions++] = copy;
    copy->info.id = m->head = *id = ++m->last_id;
    *is_new = true;
    return true;
}

static bool fetch(struct c2s_journal *j, int64_t id, struct c2s_version **out,
                  struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    *out = require(m, id, err) ? copy_version(m->versions[find_version(m, id)], err) : NULL;
    return *out != NULL;
}

static bool each(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_version_info *),
                 void *arg, struct c2s_error *err)
{
    (void)err;
    for (int i = 0; i < memory_of(j)->n_versions; i++)
        if (!fn(arg, &memory_of(j)->versions[i]->info))
            break;
    return true;
}

static bool head(struct c2s_journal *j, int64_t *id, struct c2s_error *err)
{
    (void)err;
    *id = memory_of(j)->head;
    return true;
}

static bool set_head(struct c2s_journal *j, int64_t id, struct c2s_error *err)
{
    if (id && !require(memory_of(j), id, err))
        return false;
    memory_of(j)->head = id;
    return true;
}

static bool is_listed(const int64_t *ids, int n, int64_t id)
{
    for (int i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static bool may_remove(const struct memory *m, const int64_t *ids, int n, struct c2s_error *err)
{
    for (int i = 0; i < n; i++)
        if (!require(m, ids[i], err))
            return false;
    for (int i = 0; i < m->n_tags; i++)
        if (is_listed(ids, n, m->tags[i].version))
            return c2s_fail(err, C2S_STATE, "v%lld has the tag '%s'", (long long)m->tags[i].version,
                            m->tags[i].name);
    for (int i = 0; i < m->n_versions; i++) {
        const struct c2s_version_info *info = &m->versions[i]->info;
        if (is_listed(ids, n, info->parent) && !is_listed(ids, n, info->id))
            return c2s_fail(err, C2S_STATE, "v%lld was made from v%lld", (long long)info->id,
                            (long long)info->parent);
    }
    return true;
}

static void drop_measures(struct memory *m, const int64_t *ids, int n)
{
    int kept = 0;
    for (int i = 0; i < m->n_measures; i++) {
        if (is_listed(ids, n, m->measures[i].measure.version))
            free(m->measures[i].predictions);
        else
            m->measures[kept++] = m->measures[i];
    }
    m->n_measures = kept;
}

static bool remove_versions(struct c2s_journal *j, const int64_t *ids, int n, struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    if (!may_remove(m, ids, n, err))
        return false;
    while (m->head && is_listed(ids, n, m->head))
        m->head = m->versions[find_version(m, m->head)]->info.parent;
    drop_measures(m, ids, n);
    for (int i = m->n_runs - 1; i >= 0; i--)
        if (is_listed(ids, n, m->runs[i].run.parent))
            drop_run(m, i);
    int kept = 0;
    for (int i = 0; i < m->n_versions; i++) {
        if (is_listed(ids, n, m->versions[i]->info.id))
            c2s_version_destroy(m->versions[i]);
        else
            m->versions[kept++] = m->versions[i];
    }
    m->n_versions = kept;
    return true;
}

/* Nothing to do: tensors go with the last version that uses them. */
static bool collect(struct c2s_journal *j, struct c2s_gc_report *report, struct c2s_error *err)
{
    (void)j, (void)err;
    *report = (struct c2s_gc_report){0};
    return true;
}

static struct measured *look_up(struct memory *m, int64_t version, const char *dataset,
                                const char *engine)
{
    for (int i = 0; i < m->n_measures; i++) {
        struct c2s_measure *one = &m->measures[i].measure;
        if (one->version == version && strcmp(one->dataset, dataset) == 0 &&
            strcmp(one->engine, engine) == 0)
            return &m->measures[i];
    }
    return NULL;
}

static int32_t *copy_predictions(const int32_t *predictions, int64_t n)
{
    if (!predictions)
        return NULL;
    int32_t *copy = grow(NULL, (int)n, sizeof *copy);
    return memcpy(copy, predictions, (size_t)n * sizeof *copy);
}

static bool put_measure(struct c2s_journal *j, const struct c2s_measure *measure,
                        const int32_t *predictions, struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    if (!require(m, measure->version, err))
        return false;
    struct measured *slot = look_up(m, measure->version, measure->dataset, measure->engine);
    if (!slot) {
        m->measures = grow(m->measures, m->n_measures, sizeof *m->measures);
        slot = &m->measures[m->n_measures++];
        slot->predictions = NULL;
    }
    free(slot->predictions);
    slot->measure = *measure;
    slot->predictions = copy_predictions(predictions, measure->metrics.n);
    return true;
}

static bool find_measure(struct c2s_journal *j, int64_t version, const char *dataset,
                         const char *engine, struct c2s_measure *out, int32_t **predictions,
                         bool *found, struct c2s_error *err)
{
    (void)err;
    struct measured *slot = look_up(memory_of(j), version, dataset, engine);
    if (predictions)
        *predictions = slot ? copy_predictions(slot->predictions, slot->measure.metrics.n) : NULL;
    if (slot)
        *out = slot->measure;
    *found = slot != NULL;
    return true;
}

static int order_measures(const void *a, const void *b)
{
    const struct c2s_measure *x = &((const struct measured *)a)->measure;
    const struct c2s_measure *y = &((const struct measured *)b)->measure;
    if (x->version != y->version)
        return x->version < y->version ? -1 : 1;
    int by_data = strcmp(x->dataset, y->dataset);
    return by_data ? by_data : strcmp(x->engine, y->engine);
}

static bool each_measure(struct c2s_journal *j, bool (*fn)(void *, const struct c2s_measure *),
                         void *arg, struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    (void)err;
    if (m->n_measures > 1)
        qsort(m->measures, (size_t)m->n_measures, sizeof *m->measures, order_measures);
    for (int i = 0; i < m->n_measures; i++)
        if (!fn(arg, &m->measures[i].measure))
            break;
    return true;
}

static void forget_dataset(struct memory *m)
{
    free((char *)m->dataset.path);
    free((char *)m->dataset.split);
    free((char *)m->dataset.labels);
    free((char *)m->dataset.name);
    m->dataset = (struct c2s_dataset_record){0};
    m->has_dataset = false;
}

static char *copy_or_null(const char *text)
{
    return text ? strdup(text) : NULL;
}

static bool put_dataset(struct c2s_journal *j, const struct c2s_dataset_record *d,
                        struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    (void)err;
    forget_dataset(m);
    if (d->hash[0] == '\0')
        return true;
    m->dataset = *d;
    m->dataset.path = copy_or_null(d->path);
    m->dataset.split = copy_or_null(d->split);
    m->dataset.labels = copy_or_null(d->labels);
    m->dataset.name = copy_or_null(d->name);
    m->has_dataset = true;
    return true;
}

static bool dataset(struct c2s_journal *j, void (*fn)(void *, const struct c2s_dataset_record *),
                    void *arg, bool *found, struct c2s_error *err)
{
    (void)err;
    *found = memory_of(j)->has_dataset;
    if (*found)
        fn(arg, &memory_of(j)->dataset);
    return true;
}

static struct tagged *find_tag(struct memory *m, const char *name)
{
    for (int i = 0; i < m->n_tags; i++)
        if (strcmp(m->tags[i].name, name) == 0)
            return &m->tags[i];
    return NULL;
}

static int order_tags(const void *a, const void *b)
{
    return strcmp(((const struct tagged *)a)->name, ((const struct tagged *)b)->name);
}

static bool put_tag(struct c2s_journal *j, const char *tag, int64_t version, struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    if (!require(m, version, err))
        return false;
    struct tagged *old = find_tag(m, tag);
    if (old)
        return old->version == version || c2s_fail(err, C2S_EXISTS, "tag '%s' is taken", tag);
    m->tags = grow(m->tags, m->n_tags, sizeof *m->tags);
    snprintf(m->tags[m->n_tags].name, sizeof m->tags->name, "%s", tag);
    m->tags[m->n_tags++].version = version;
    qsort(m->tags, (size_t)m->n_tags, sizeof *m->tags, order_tags);
    return true;
}

static bool remove_tag(struct c2s_journal *j, const char *tag, struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    struct tagged *old = find_tag(m, tag);
    if (!old)
        return c2s_fail(err, C2S_NOT_FOUND, "there is no tag '%s'", tag);
    memmove(old, old + 1, sizeof *old * (size_t)(m->tags + --m->n_tags - old));
    return true;
}

static bool each_tag(struct c2s_journal *j, bool (*fn)(void *, const char *tag, int64_t version),
                     void *arg, struct c2s_error *err)
{
    struct memory *m = memory_of(j);
    (void)err;
    for (int i = 0; i < m->n_tags; i++)
        if (!fn(arg, m->tags[i].name, m->tags[i].version))
            break;
    return true;
}

static bool query(struct c2s_journal *j, const char *sql,
                  bool (*fn)(void *, int64_t row, int n, const char *const *values), void *arg,
                  struct c2s_error *err)
{
    (void)j, (void)sql, (void)fn, (void)arg;
    return c2s_fail(err, C2S_UNSUPPORTED, "this journal has no SQL");
}

static const char *place(struct c2s_journal *j)
{
    (void)j;
    return ":memory:";
}

static bool is_read_only(struct c2s_journal *j)
{
    (void)j;
    return false;
}

static void close_memory(struct c2s_journal *j)
{
    struct memory *m = memory_of(j);
    for (int i = 0; i < m->n_versions; i++)
        c2s_version_destroy(m->versions[i]);
    for (int i = 0; i < m->n_measures; i++)
        free(m->measures[i].predictions);
    while (m->n_runs > 0)
        drop_run(m, m->n_runs - 1);
    forget_dataset(m);
    free(m->runs);
    free(m->versions);
    free(m->measures);
    free(m->tags);
    free(m);
}

struct c2s_journal *memory_journal_create(void)
{
    static const struct c2s_journal_ops ops = {
        .append = append,
        .fetch = fetch,
        .each = each,
        .head = head,
        .set_head = set_head,
        .remove = remove_versions,
        .collect = collect,
        .put_measure = put_measure,
        .find_measure = find_measure,
        .each_measure = each_measure,
        .put_dataset = put_dataset,
        .dataset = dataset,
        .put_tag = put_tag,
        .remove_tag = remove_tag,
        .each_tag = each_tag,
        .put_run = put_run,
        .leave_run = leave_run,
        .fetch_run = fetch_run,
        .each_run = each_run,
        .remove_run = remove_run,
        .query = query,
        .place = place,
        .is_read_only = is_read_only,
        .close = close_memory,
    };
    struct memory *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->base.ops = &ops;
    return &m->base;
}
