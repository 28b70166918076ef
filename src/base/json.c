/* The only file that knows jansson. */
#include <c2s/json.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static json_t *raw(const struct c2s_json *v)
{
    return (json_t *)v;
}

static struct c2s_json *cover(json_t *v)
{
    return (struct c2s_json *)v;
}

/* Python's json module writes NaN and Infinity, which are no JSON: a new copy with null for them.
 */
static char *without_python_numbers(const char *text)
{
    static const char *const words[] = {"-Infinity", "Infinity", "NaN"};
    char *copy = c2s_malloc(2 * strlen(text) + 1), *out = copy;
    bool in_string = false;
    while (copy && *text) {
        size_t skip = 0;
        for (size_t i = 0; !in_string && i < sizeof words / sizeof words[0]; i++)
            if (skip == 0 && strncmp(text, words[i], strlen(words[i])) == 0)
                skip = strlen(words[i]);
        if (skip > 0) {
            memcpy(out, "null", 4);
            out += 4;
            text += skip;
            continue;
        }
        if (*text == '"')
            in_string = !in_string;
        if (in_string && *text == '\\' && text[1])
            *out++ = *text++;
        *out++ = *text++;
    }
    if (copy)
        *out = '\0';
    return copy;
}

struct c2s_json *c2s_json_parse(const char *text, size_t length, struct c2s_error *err)
{
    char *copy = c2s_malloc(length + 1);
    if (!copy) {
        c2s_fail_nomem(err);
        return NULL;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    json_error_t problem;
    json_t *v = json_loads(copy, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    char *cleaned = v ? NULL : without_python_numbers(copy);
    if (!v && !cleaned)
        c2s_fail_nomem(err);
    if (cleaned)
        v = json_loads(cleaned, JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    c2s_free(cleaned);
    c2s_free(copy);
    if (!v)
        c2s_fail(err, C2S_FORMAT, "line %d, column %d: %s", problem.line, problem.column,
                 problem.text);
    return cover(v);
}

void c2s_json_free(struct c2s_json *v)
{
    json_decref(raw(v));
}

struct c2s_json *c2s_json_share(const struct c2s_json *v)
{
    return cover(json_incref(raw(v)));
}

enum c2s_json_kind c2s_json_kind(const struct c2s_json *v)
{
    if (!v)
        return C2S_JSON_ABSENT;
    switch (json_typeof(raw(v))) {
    case JSON_OBJECT:
        return C2S_JSON_OBJECT;
    case JSON_ARRAY:
        return C2S_JSON_ARRAY;
    case JSON_STRING:
        return C2S_JSON_STRING;
    case JSON_INTEGER:
        return C2S_JSON_INTEGER;
    case JSON_REAL:
        return C2S_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return C2S_JSON_BOOL;
    case JSON_NULL:
        break;
    }
    return C2S_JSON_NULL;
}

bool c2s_json_is_number(const struct c2s_json *v)
{
    return v && json_is_number(raw(v));
}

const char *c2s_json_text(const struct c2s_json *v, const char *fallback)
{
    return v && json_is_string(raw(v)) ? json_string_value(raw(v)) : fallback;
}

int64_t c2s_json_integer(const struct c2s_json *v, int64_t fallback)
{
    if (v && json_is_integer(raw(v)))
        return json_integer_value(raw(v));
    double x = c2s_json_real(v, NAN);
    return x > -9e18 && x < 9e18 ? (int64_t)x : fallback;
}

double c2s_json_real(const struct c2s_json *v, double fallback)
{
    return c2s_json_is_number(v) ? json_number_value(raw(v)) : fallback;
}

bool c2s_json_bool(const struct c2s_json *v, bool fallback)
{
    if (c2s_json_is_number(v))
        return json_number_value(raw(v)) != 0;
    return v && json_is_boolean(raw(v)) ? json_is_true(raw(v)) : fallback;
}

size_t c2s_json_size(const struct c2s_json *v)
{
    if (!v)
        return 0;
    return json_is_array(raw(v)) ? json_array_size(raw(v)) : json_object_size(raw(v));
}

struct c2s_json *c2s_json_at(const struct c2s_json *array, size_t index)
{
    return array ? cover(json_array_get(raw(array), index)) : NULL;
}

struct c2s_json *c2s_json_get(const struct c2s_json *object, const char *key)
{
    return object ? cover(json_object_get(raw(object), key)) : NULL;
}

void c2s_json_each(const struct c2s_json *object,
                   bool (*fn)(void *arg, const char *key, const struct c2s_json *value), void *arg)
{
    const char *key;
    json_t *value;
    if (object && json_is_object(raw(object)))
        json_object_foreach(raw(object), key, value) if (!fn(arg, key, cover(value))) return;
}

struct c2s_json *c2s_json_new_object(void)
{
    return cover(json_object());
}

struct c2s_json *c2s_json_new_array(void)
{
    return cover(json_array());
}

/* Latin-1 view of bytes that are no UTF-8, so that no name can make output fail. */
static json_t *escaped(const char *text)
{
    size_t n = strlen(text);
    char *out = c2s_malloc(2 * n + 1), *p = out;
    if (!out)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80) {
            *p++ = (char)(0xc0 | c >> 6);
            c = 0x80 | (c & 0x3f);
        }
        *p++ = (char)c;
    }
    *p = '\0';
    json_t *v = json_string(out);
    c2s_free(out);
    return v;
}

struct c2s_json *c2s_json_new_text(const char *text)
{
    if (!text)
        return cover(json_null());
    json_t *v = json_string(text);
    return cover(v ? v : escaped(text));
}

struct c2s_json *c2s_json_new_integer(int64_t value)
{
    return cover(json_integer(value));
}

struct c2s_json *c2s_json_new_real(double value)
{
    return cover(isfinite(value) ? json_real(value) : json_null());
}

struct c2s_json *c2s_json_new_bool(bool value)
{
    return cover(json_boolean(value));
}

struct c2s_json *c2s_json_new_null(void)
{
    return cover(json_null());
}

bool c2s_json_set(struct c2s_json *object, const char *key, struct c2s_json *value)
{
    return object && value ? json_object_set_new(raw(object), key, raw(value)) == 0
                           : (json_decref(raw(value)), false);
}

bool c2s_json_append(struct c2s_json *array, struct c2s_json *value)
{
    return array && value ? json_array_append_new(raw(array), raw(value)) == 0
                          : (json_decref(raw(value)), false);
}

char *c2s_json_print(const struct c2s_json *v, int digits, bool sort_keys)
{
    size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION((size_t)digits);
    if (sort_keys)
        flags |= JSON_SORT_KEYS;
    return json_dumps(raw(v), flags);
}

void c2s_json_text_free(char *text)
{
    free(text);
}
