/* Data named in one word, "PATH,split=train,scale=255": read and written. */
#include <c2s/dataset.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define FORM "PATH[,split=train|test][,scale=X][,shift=X][,limit=N][,seed=N][,labels=FILE]"

void c2s_dataset_spec_finish(struct c2s_dataset_spec *s)
{
    c2s_free(s->path);
    c2s_free((char *)s->options.labels);
    *s = (struct c2s_dataset_spec){0};
}

/* Takes what stands before the next comma without its backslashes: new text. *at moves behind the
 * comma, or to NULL at the end. */
static char *next_part(const char **at, struct c2s_error *err)
{
    char *part = c2s_malloc(strlen(*at) + 1), *out = part;
    if (!part) {
        c2s_fail_nomem(err);
        return NULL;
    }
    const char *c = *at;
    for (; *c && *c != ','; c++) {
        if (*c == '\\' && (c[1] == ',' || c[1] == '\\'))
            c++;
        *out++ = *c;
    }
    *out = '\0';
    *at = *c ? c + 1 : NULL;
    return part;
}

static bool read_real(const char *key, const char *value, double *out, struct c2s_error *err)
{
    char *end;
    *out = strtod(value, &end);
    if (end == value || *end || !isfinite(*out))
        return c2s_fail(err, C2S_USAGE, "%s=%.40s is no number; data is given as " FORM, key,
                        value);
    return true;
}

static bool read_count(const char *key, const char *value, int64_t *out, struct c2s_error *err)
{
    char *end;
    errno = 0;
    *out = strtoll(value, &end, 10);
    if (end == value || *end || errno || *out < 0 || *out > (int64_t)9e15)
        return c2s_fail(err, C2S_USAGE,
                        "%s=%.40s is no whole number from 0; data is given as " FORM, key, value);
    return true;
}

static bool read_split(const char *value, const char **out, struct c2s_error *err)
{
    static const char *const splits[] = {"train", "test"};
    for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++)
        if (strcmp(value, splits[i]) == 0)
            *out = splits[i];
    return *out ||
           c2s_fail(err, C2S_USAGE, "split=%.40s is unknown; use split=train or split=test", value);
}

/* given: a bit for each key that was read. Of two values it would be unclear which one holds. */
static bool give_once(const char *key, unsigned *given, struct c2s_error *err)
{
    static const char *const keys[] = {"split", "scale", "shift", "limit", "seed", "labels"};
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(key, keys[i]) == 0) {
            if (*given & 1u << i)
                return c2s_fail(err, C2S_USAGE, "%s= is given twice; give it once: " FORM, key);
            *given |= 1u << i;
        }
    return true;
}

/* key=value, both in text, which is changed. */
static bool read_option(char *text, struct c2s_dataset_options *o, unsigned *given,
                        struct c2s_error *err)
{
    char *value = strchr(text, '=');
    if (!value)
        return c2s_fail(err, C2S_USAGE,
                        "'%.80s' behind the comma is no key=value; data is given as " FORM
                        ", a comma in a file's name as \\,",
                        text);
    *value++ = '\0';
    if (!give_once(text, given, err))
        return false;
    if (strcmp(text, "split") == 0)
        return read_split(value, &o->split, err);
    if (strcmp(text, "scale") == 0)
        return read_real(text, value, &o->scale, err) &&
               (o->scale != 0 || c2s_fail(err, C2S_USAGE,
                                          "scale=0 divides by nothing: input = (raw - shift) / "
                                          "scale"));
    if (strcmp(text, "shift") == 0)
        return read_real(text, value, &o->shift, err);
    if (strcmp(text, "limit") == 0)
        return read_count(text, value, &o->limit, err);
    if (strcmp(text, "seed") == 0) {
        int64_t seed;
        if (!read_count(text, value, &seed, err))
            return false;
        o->seed = (uint64_t)seed;
        return true;
    }
    if (strcmp(text, "labels") == 0 && *value) {
        o->labels = c2s_strdup(value);
        return o->labels || c2s_fail_nomem(err);
    }
    return c2s_fail(err, C2S_USAGE, "'%.40s=%.40s' is unknown; data is given as " FORM, text,
                    value);
}

bool c2s_dataset_parse(const char *text, struct c2s_dataset_spec *out, struct c2s_error *err)
{
    struct c2s_dataset_spec s = {0};
    const char *at = text;
    unsigned given = 0;
    s.path = next_part(&at, err);
    bool ok = s.path &&
              (s.path[0] || c2s_fail(err, C2S_USAGE, "a path is missing; data is given as " FORM));
    while (ok && at) {
        char *part = next_part(&at, err);
        ok = part && read_option(part, &s.options, &given, err);
        c2s_free(part);
    }
    if (ok)
        *out = s;
    else
        c2s_dataset_spec_finish(&s);
    return ok;
}

static void add_path(struct text *t, const char *path)
{
    for (; *path; path++)
        text_add(t, "%s%c", *path == ',' || *path == '\\' ? "\\" : "", *path);
}

static void add_real(struct text *t, const char *key, double value)
{
    if (value == 0)
        return;
    text_add(t, ",%s=", key);
    text_add_number(t, value);
}

bool c2s_dataset_text(const char *path, const struct c2s_dataset_options *options, char **out,
                      struct c2s_error *err)
{
    struct text t = {0};
    add_path(&t, path);
    if (options->split)
        text_add(&t, ",split=%s", options->split);
    add_real(&t, "scale", options->scale);
    add_real(&t, "shift", options->shift);
    if (options->limit > 0)
        text_add(&t, ",limit=%lld", (long long)options->limit);
    if (options->seed > 0)
        text_add(&t, ",seed=%llu", (unsigned long long)options->seed);
    if (options->labels) {
        text_add(&t, ",labels=");
        add_path(&t, options->labels);
    }
    return text_take(&t, out, err);
}
