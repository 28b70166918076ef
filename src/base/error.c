/* Keeps the first failure of a call chain in the caller's error object. It never prints. */
#include <c2s/error.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

bool c2s_fail(struct c2s_error *err, enum c2s_code code, const char *fmt, ...)
{
    assert(err && code != C2S_OK);
    if (err->code != C2S_OK)
        return false;
    err->code = code;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
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
