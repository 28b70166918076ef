/* The session: its life, the steps that make versions, and moving between versions. */
#include "session/private.h"

#include <c2s/keras.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"

static bool start_at_head(struct c2s_session *s, struct c2s_error *err)
{
    int64_t head;
    return s->journal->ops->head(s->journal, &head, err) &&
           (head == 0 || session_hold(s, head, &s->current, err));
}

bool c2s_session_create(struct c2s_journal *journal, const struct c2s_progress *progress,
                        struct c2s_session **out, struct c2s_error *err)
{
    struct c2s_session *s = c2s_calloc(1, sizeof *s);
    if (!s)
        return c2s_fail_nomem(err);
    s->journal = journal;
    if (progress)
        s->progress = *progress;
    s->data = session_data_create(journal, err);
    if (!s->data || !start_at_head(s, err)) {
        c2s_session_destroy(s);
        return false;
    }
    *out = s;
    return true;
}

void c2s_session_destroy(struct c2s_session *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n_held; i++)
        c2s_version_destroy(s->held[i]);
    c2s_free(s->held);
    session_data_destroy(s->data);
    c2s_free(s);
}

const struct c2s_version *c2s_session_current(const struct c2s_session *s)
{
    return s->current;
}

struct c2s_journal *c2s_session_journal(const struct c2s_session *s)
{
    return s->journal;
}

/* Room for one more held version, so that holding cannot fail after the journal took it. */
static bool reserve_hold(struct c2s_session *s, struct c2s_error *err)
{
    struct c2s_version **grown = c2s_realloc(s->held, sizeof *grown * (size_t)(s->n_held + 1));
    if (!grown)
        return c2s_fail_nomem(err);
    s->held = grown;
    return true;
}

bool session_hold(struct c2s_session *s, int64_t id, const struct c2s_version **out,
                  struct c2s_error *err)
{
    for (int i = 0; i < s->n_held; i++)
        if (s->held[i]->info.id == id) {
            *out = s->held[i];
            return true;
        }
    struct c2s_version *v = NULL;
    if (!reserve_hold(s, err) || !s->journal->ops->fetch(s->journal, id, &v, err))
        return false;
    s->held[s->n_held++] = v;
    *out = v;
    return true;
}

static bool move_to(struct c2s_session *s, int64_t id, struct c2s_error *err)
{
    const struct c2s_version *v;
    struct c2s_journal *j = s->journal;
    if (!session_hold(s, id, &v, err) ||
        (!j->ops->is_read_only(j) && !j->ops->set_head(j, id, err)))
        return false;
    s->current = v;
    return true;
}

/* Moves to v, or to its twin when the journal has one already. Takes v. */
static bool append(struct c2s_session *s, struct c2s_version *v, bool *is_new,
                   struct c2s_error *err)
{
    int64_t id;
    if (!reserve_hold(s, err) || !s->journal->ops->append(s->journal, v, &id, is_new, err)) {
        c2s_version_destroy(v);
        return false;
    }
    if (!*is_new) {
        c2s_version_destroy(v);
        return session_hold(s, id, &s->current, err);
    }
    c2s_text_free(v->description);
    v->description = NULL;
    v->info.id = id;
    s->held[s->n_held++] = v;
    s->current = v;
    return true;
}

/* The model's text and, from it, its hash: hashing the numbers once. */
static bool identify(struct c2s_version *v, struct c2s_error *err)
{
    struct c2s_hasher *h;
    if (!c2s_model_describe(v->model, &v->description, err) || !(h = c2s_hasher_create(err)))
        return false;
    c2s_hasher_add(h, v->description, strlen(v->description));
    c2s_hasher_finish(h, v->info.model_hash);
    return true;
}

bool session_adopt(struct c2s_session *s, struct c2s_version_info *info, struct c2s_model *model,
                   bool *is_new, struct c2s_error *err)
{
    info->tool = SESSION_TOOL;
    struct c2s_version *v = c2s_version_create(info, model, err);
    return v && session_adopt_version(s, v, is_new, err);
}

bool session_came_through(struct c2s_session *s, const char *step, int64_t *id,
                          struct c2s_error *err)
{
    const struct c2s_version *v = s->current;
    for (*id = 0; !step_is(v->info.step, "quantize") && v->info.parent;) {
        if (step_is(v->info.step, step)) {
            *id = v->info.id;
            return true;
        }
        if (!session_hold(s, v->info.parent, &v, err))
            return false;
    }
    return true;
}

bool session_adopt_version(struct c2s_session *s, struct c2s_version *v, bool *is_new,
                           struct c2s_error *err)
{
    const struct c2s_version *parent = NULL; /* the current version, unless a training goes on */
    v->info.created = (int64_t)time(NULL);
    if (!identify(v, err) || (v->info.parent && !session_hold(s, v->info.parent, &parent, err))) {
        c2s_version_destroy(v);
        return false;
    }
    bool is_made = false;
    bool changes = !parent || strcmp(v->info.model_hash, parent->info.model_hash) != 0;
    bool ok = true;
    if (changes)
        ok = append(s, v, &is_made, err);
    else
        c2s_version_destroy(v);
    if (ok && is_new)
        *is_new = is_made;
    return ok;
}

static bool hash_file(const char *path, char hex[C2S_HASH_LENGTH + 1], struct c2s_error *err)
{
    struct c2s_hasher *h = c2s_hasher_create(err);
    FILE *f = h ? fopen(path, "rb") : NULL;
    bool ok = f != NULL;
    char buffer[16384];
    while (ok) {
        size_t n = fread(buffer, 1, sizeof buffer, f);
        c2s_hasher_add(h, buffer, n);
        if (n < sizeof buffer) {
            ok = !ferror(f);
            break;
        }
    }
    int reason = errno;
    if (f)
        fclose(f);
    if (h)
        c2s_hasher_finish(h, hex);
    return ok || c2s_fail(err, C2S_IO, "cannot read '%s': %s", path, strerror(reason));
}

/* "models/fm_sep.h5" -> "fm_sep"; new text. */
static char *stem(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = c2s_strdup(slash ? slash + 1 : path);
    char *dot = name ? strrchr(name, '.') : NULL;
    if (dot && dot != name)
        *dot = '\0';
    return name;
}

static bool load_step(struct c2s_session *s, const char *path,
                      const struct c2s_keras_read_options *options, struct c2s_version_info *info,
                      bool *is_new, struct c2s_error *err)
{
    struct c2s_model *model;
    if (!c2s_keras_read(path, options, &model, err))
        return false;
    if (hash_file(path, info->source_hash, err))
        return session_adopt(s, info, model, is_new, err);
    c2s_model_destroy(model);
    return false;
}

bool c2s_session_load(struct c2s_session *s, const char *path,
                      const struct c2s_keras_read_options *options, int64_t *id, bool *is_new,
                      struct c2s_error *err)
{
    char *step = NULL, *name = stem(path), *source = realpath(path, NULL);
    bool ok = (name || c2s_fail_nomem(err)) && step_load(path, options, &step, err);
    if (ok) {
        struct c2s_version_info info = {.step = step, .name = name, .source = source};
        ok = load_step(s, path, options, &info, is_new, err);
    }
    c2s_free(step);
    c2s_free(name);
    free(source);
    if (ok && id)
        *id = s->current->info.id;
    return ok;
}

/* "3 batch normalizations folded, 1 activation with other bits"; "" = nothing changed. */
static void describe_changes(const struct c2s_quantize_report *r, char *out, size_t size)
{
    const struct {
        int n;
        const char *thing, *what;
    } parts[] = {{r->n_folded, "batch normalization", "folded"},
                 {r->n_weights, "layer", "with other weight bits"},
                 {r->n_activations, "activation", "with other bits"}};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && used < size; i++)
        if (parts[i].n > 0)
            used += (size_t)snprintf(out + used, size - used, "%s%d %s%s %s", used ? ", " : "",
                                     parts[i].n, parts[i].thing, parts[i].n == 1 ? "" : "s",
                                     parts[i].what);
}

static bool quantize_step(struct c2s_session *s, const struct c2s_quantize_plan *plan,
                          const char *step, bool *is_new, struct c2s_quantize_report *report,
                          struct c2s_error *err)
{
    struct c2s_model *model;
    struct c2s_quantize_report made = {0};
    char note[200];
    if (!c2s_quantize(s->current->model, plan, &s->progress, &model, &made, err))
        return false;
    describe_changes(&made, note, sizeof note);
    struct c2s_version_info info = {
        .parent = s->current->info.id, .step = step, .name = s->current->info.name, .note = note};
    if (report)
        *report = made;
    return session_adopt(s, &info, model, is_new, err);
}

bool c2s_session_quantize(struct c2s_session *s, const struct c2s_quantize_plan *plan, int64_t *id,
                          bool *is_new, struct c2s_quantize_report *report, struct c2s_error *err)
{
    char *step;
    if (!session_require_current(s, err) || !step_quantize(plan, &step, err))
        return false;
    bool ok = quantize_step(s, plan, step, is_new, report, err);
    c2s_free(step);
    if (ok && id)
        *id = s->current->info.id;
    return ok;
}

bool c2s_session_checkout(struct c2s_session *s, const char *name, struct c2s_error *err)
{
    int64_t id;
    return c2s_session_version_id(s, name, &id, err) && move_to(s, id, err);
}

bool c2s_session_undo(struct c2s_session *s, struct c2s_error *err)
{
    if (!s->current)
        return c2s_fail(err, C2S_STATE, "nothing to undo: no model is loaded");
    if (s->current->info.parent == 0)
        return c2s_fail(err, C2S_STATE,
                        "nothing to undo: v%lld was loaded from a file and has no parent; "
                        "'checkout' goes to another version",
                        (long long)s->current->info.id);
    return move_to(s, s->current->info.parent, err);
}
