/* Names of versions: v3, 3, a tag, HEAD, @, HEAD~2; and what was probably meant. */
#include "session/private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

#define MOST_LISTED 6 /* versions that a message names one by one */

struct listing {
    struct version_link *links;
    int n;
    bool ok;
};

static bool add_link(void *arg, const struct c2s_version_info *info)
{
    struct listing *l = arg;
    struct version_link *grown = c2s_realloc(l->links, sizeof *grown * (size_t)(l->n + 1));
    l->ok = grown != NULL;
    if (!grown)
        return false;
    l->links = grown;
    grown[l->n++] = (struct version_link){.id = info->id, .parent = info->parent};
    return true;
}

bool session_list(struct c2s_session *s, struct version_link **out, int *n, struct c2s_error *err)
{
    struct listing l = {.ok = true};
    bool ok = s->journal->ops->each(s->journal, add_link, &l, err);
    if (ok && l.ok) {
        *out = l.links;
        *n = l.n;
        return true;
    }
    c2s_free(l.links);
    return ok ? c2s_fail_nomem(err) : false;
}

static const struct version_link *find_link(const struct version_link *links, int n, int64_t id)
{
    for (int i = 0; i < n; i++)
        if (links[i].id == id)
            return &links[i];
    return NULL;
}

struct presence {
    int64_t id;
    bool is_there;
};

static bool is_present(void *arg, const struct c2s_version_info *info)
{
    struct presence *p = arg;
    p->is_there = info->id == p->id;
    return !p->is_there;
}

bool session_require_current(struct c2s_session *s, struct c2s_error *err)
{
    if (!s->current)
        return c2s_fail(err, C2S_STATE, "no model is loaded; try: load FILE.h5");
    struct presence p = {.id = s->current->info.id};
    if (!s->journal->ops->each(s->journal, is_present, &p, err))
        return false;
    return p.is_there || c2s_fail(err, C2S_NOT_FOUND,
                                  "v%lld was removed by another shell; checkout another version: "
                                  "log lists them",
                                  (long long)p.id);
}

/* Levenshtein distance; words longer than the rows count as far away. */
static int distance(const char *a, const char *b)
{
    int row[64];
    int n = (int)strlen(b);
    if (n >= 63)
        return 99;
    for (int k = 0; k <= n; k++)
        row[k] = k;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int k = 1; k <= n; k++) {
            int replaced =
                diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[k - 1]));
            diagonal = row[k];
            int shifted = 1 + (row[k] < row[k - 1] ? row[k] : row[k - 1]);
            row[k] = replaced < shifted ? replaced : shifted;
        }
    }
    return row[n];
}

struct tag_search {
    const char *name;
    int64_t id;        /* 0 = not found */
    char near_tag[64]; /* the nearest other tag, "" = none is near */
    int near_distance;
};

static bool look_at_tag(void *arg, const char *tag, int64_t version)
{
    struct tag_search *search = arg;
    if (strcmp(tag, search->name) == 0) {
        search->id = version;
        return false;
    }
    int d = distance(search->name, tag);
    if (d <= 1 + (int)strlen(search->name) / 3 && d < search->near_distance) {
        search->near_distance = d;
        snprintf(search->near_tag, sizeof search->near_tag, "%s", tag);
    }
    return true;
}

/* "there are v1, v2 and v5"; of many only the first and the last: those between may be removed. */
static void list_versions(const struct version_link *links, int n, char *out, size_t size)
{
    long long first = n > 0 ? (long long)links[0].id : 0, last = n > 0 ? links[n - 1].id : 0;
    size_t used;
    if (n == 0)
        snprintf(out, size, "there are none yet: load FILE.h5");
    else if (n == 1)
        snprintf(out, size, "there is only v%lld", first);
    else if (n > MOST_LISTED)
        snprintf(out, size, "there are %d, the first v%lld, the last v%lld", n, first, last);
    else {
        used = (size_t)snprintf(out, size, "there are v%lld", first);
        for (int i = 1; i < n && used < size; i++)
            used += (size_t)snprintf(out + used, size - used, "%sv%lld", i < n - 1 ? ", " : " and ",
                                     (long long)links[i].id);
    }
}

static bool fail_unknown(const char *name, const struct tag_search *search,
                         const struct version_link *links, int n, struct c2s_error *err)
{
    char which[160];
    list_versions(links, n, which, sizeof which);
    if (search->near_tag[0])
        return c2s_fail(err, C2S_NOT_FOUND,
                        "no version or tag is named '%s'; did you mean '%s'? 'log' lists them",
                        name, search->near_tag);
    return c2s_fail(err, C2S_NOT_FOUND, "no version or tag is named '%s'; %s; 'log' lists them",
                    name, which);
}

/* "v12" or "12": 12; otherwise 0. */
static int64_t parse_number(const char *name)
{
    const char *digits = name + (*name == 'v' || *name == 'V');
    size_t n = strspn(digits, "0123456789");
    return n > 0 && n < 18 && digits[n] == '\0' ? strtoll(digits, NULL, 10) : 0;
}

static bool find_base(struct c2s_session *s, const char *name, const struct version_link *links,
                      int n, int64_t *id, struct c2s_error *err)
{
    if (!*name || strcmp(name, "@") == 0 || strcasecmp(name, "HEAD") == 0) {
        if (!session_require_current(s, err))
            return false;
        *id = s->current->info.id;
        return true;
    }
    struct tag_search search = {.name = name, .near_distance = 99};
    int64_t number = parse_number(name);
    if (number) {
        *id = number;
        if (find_link(links, n, number))
            return true;
    } else if (!s->journal->ops->each_tag(s->journal, look_at_tag, &search, err)) {
        return false;
    }
    *id = search.id;
    return *id || fail_unknown(name, &search, links, n, err);
}

/* The suffixes ~ and ~N: one or N parents up. */
static bool walk_up(const char *suffix, const struct version_link *links, int n, int64_t *id,
                    const char *name, struct c2s_error *err)
{
    while (*suffix == '~') {
        char *end;
        long up = isdigit((unsigned char)suffix[1]) ? strtol(suffix + 1, &end, 10)
                                                    : (end = (char *)suffix + 1, 1);
        for (; up > 0; up--) {
            const struct version_link *link = find_link(links, n, *id);
            if (!link || link->parent == 0)
                return c2s_fail(err, C2S_NOT_FOUND,
                                "'%s' goes back too far: v%lld was loaded from a file and has no "
                                "parent",
                                name, (long long)*id);
            *id = link->parent;
        }
        suffix = end;
    }
    return !*suffix ||
           c2s_fail(err, C2S_USAGE, "'%s' is no version name; try v3, a tag, HEAD or HEAD~2", name);
}

bool c2s_session_version_id(struct c2s_session *s, const char *name, int64_t *id,
                            struct c2s_error *err)
{
    char base[128];
    if (!name)
        name = "";
    size_t length = strcspn(name, "~");
    snprintf(base, sizeof base, "%.*s", (int)(length < sizeof base ? length : sizeof base - 1),
             name);
    struct version_link *links;
    int n;
    if (!session_list(s, &links, &n, err))
        return false;
    bool ok =
        find_base(s, base, links, n, id, err) && walk_up(name + length, links, n, id, name, err);
    c2s_free(links);
    return ok;
}

bool c2s_session_version(struct c2s_session *s, const char *name, const struct c2s_version **out,
                         struct c2s_error *err)
{
    int64_t id;
    if ((!name || !*name) && s->current) {
        *out = s->current;
        return session_require_current(s, err);
    }
    return c2s_session_version_id(s, name, &id, err) && session_hold(s, id, out, err);
}

static bool is_tag_name(const char *tag)
{
    size_t n = strlen(tag);
    bool is_plain = n > 0 && n < 64 && isalnum((unsigned char)tag[0]);
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)tag[i]) && !strchr("_.-+", tag[i]))
            is_plain = false;
    return is_plain && parse_number(tag) == 0 && strcasecmp(tag, "HEAD") != 0;
}

bool c2s_session_tag(struct c2s_session *s, const char *tag, const char *version,
                     struct c2s_error *err)
{
    int64_t id;
    if (!is_tag_name(tag))
        return c2s_fail(err, C2S_USAGE,
                        "'%.80s' cannot be a tag: use up to 63 letters, digits, '_', '.', '-', "
                        "not a version's number or HEAD",
                        tag);
    return c2s_session_version_id(s, version, &id, err) &&
           s->journal->ops->put_tag(s->journal, tag, id, err);
}
