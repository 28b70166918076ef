/* Keeps the first failure of a call chain in the caller's error object. It never prints. */
#include <c2s/error.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A sentence quotes names from files: what would steer a terminal or end the line becomes '?'. */
static void make_printable(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* the same once more, in UTF-8 */
            c[0] = c[1] = '?';
}

static bool record(struct c2s_error *err, enum c2s_code code, const char *advice, const char *fmt,
                   va_list args)
{
    assert(err && code != C2S_OK);
    if (err->code != C2S_OK)
        return false;
    err->code = code;
    vsnprintf(err->text, sizeof err->text, fmt, args);
    size_t n = strlen(err->text);
    err->n_cause = (int)n;
    if (advice)
        snprintf(err->text + n, sizeof err->text - n, "; %s", advice);
    make_printable(err->text);
    return false;
}

bool c2s_fail(struct c2s_error *err, enum c2s_code code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    record(err, code, NULL, fmt, args);
    va_end(args);
    return false;
}

bool c2s_fail_advising(struct c2s_error *err, enum c2s_code code, const char *advice,
                       const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    record(err, code, advice, fmt, args);
    va_end(args);
    return false;
}

bool c2s_fail_at(struct c2s_error *err, const char *fmt, ...)
{
    char outer[sizeof err->where];
    va_list args;
    va_start(args, fmt);
    vsnprintf(outer, sizeof outer, fmt, args);
    va_end(args);
    make_printable(outer);
    size_t used = strlen(outer);
    if (err->where[0] != '\0' && used + 2 < sizeof outer)
        snprintf(outer + used, sizeof outer - used, ": %s", err->where);
    memcpy(err->where, outer, sizeof outer);
    return false;
}

bool c2s_fail_nomem(struct c2s_error *err)
{
    return c2s_fail(err, C2S_NOMEM, "out of memory; close other programs or use a smaller model");
}

const char *c2s_code_name(enum c2s_code code)
{
    static const char *const names[] = {
#define X(id, name) [C2S_##id] = name,
        C2S_CODES(X)
#undef X
    };
    return (unsigned)code < C2S_CODE_COUNT ? names[code] : "unknown";
}
