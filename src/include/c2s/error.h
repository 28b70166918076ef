/* Failures of the core: what went wrong, where, and the one list of failure codes.
 * A finding about a model is not a failure: see finding.h. */
#ifndef C2S_ERROR_H
#define C2S_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#if defined(__GNUC__)
#define C2S_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define C2S_MUST_CHECK        __attribute__((warn_unused_result))
#else
#define C2S_PRINTF(fmt, args)
#define C2S_MUST_CHECK
#endif

/* X(code, its name in lower case, as JSON output has it) */
#define C2S_CODES(X)                                                                               \
    X(OK, "ok")                                                                                    \
    X(NOMEM, "nomem")             /* out of memory */                                              \
    X(IO, "io")                   /* cannot read or write a file */                                \
    X(FORMAT, "format")           /* a file is not in the expected format */                       \
    X(SHAPE, "shape")             /* shapes of tensors do not agree */                             \
    X(RANGE, "range")             /* a value is out of range */                                    \
    X(UNSUPPORTED, "unsupported") /* not possible with this engine or target */                    \
    X(STATE, "state")             /* not possible now: something has to come first */              \
    X(STORE, "store")             /* the workspace database failed */                              \
    X(EXISTS, "exists")           /* it is there already */                                        \
    X(NOT_FOUND, "not_found")     /* nothing has that name */                                      \
    X(USAGE, "usage")             /* a command was used wrongly */                                 \
    X(GATE, "gate")               /* a condition that was asked for is not met */                  \
    X(CANCELLED, "cancelled")     /* by the user */

enum c2s_code {
#define X(id, name) C2S_##id,
    C2S_CODES(X)
#undef X
        C2S_CODE_COUNT
};

/* Lives on the caller's stack; zero-initialised means "no error". */
struct c2s_error {
    enum c2s_code code;
    char where[128]; /* outermost context first: "steps.c2s:14: layer conv2d_2" */
    char text[640];  /* one sentence that ends in what to do, no newline, no final stop */
    int n_cause;  /* bytes of text that say what went wrong, where a caller may know better what to
                     do: c2s_fail_advising; else all of it */
    char rule[8]; /* id of the rule of check that is broken, "E005"; "" = none (rules.h) */
};

/* Records a failure. Always returns false, so a failing function ends in `return c2s_fail(...)`.
 * The first failure wins: a second call on the same err changes nothing. err must not be NULL. */
bool c2s_fail(struct c2s_error *err, enum c2s_code code, const char *fmt, ...) C2S_PRINTF(3, 4);

/* c2s_fail with a text of two parts, "CAUSE; ADVICE", of which only the first may hold in another
 * context. Always returns false. */
bool c2s_fail_advising(struct c2s_error *err, enum c2s_code code, const char *advice,
                       const char *fmt, ...) C2S_PRINTF(4, 5);

/* Adds outer context in front of `where`, keeps code and text. Always returns false. */
bool c2s_fail_at(struct c2s_error *err, const char *fmt, ...) C2S_PRINTF(2, 3);

/* c2s_fail with NOMEM and its sentence. Always returns false. */
bool c2s_fail_nomem(struct c2s_error *err);

/* The code's name in lower case, for JSON: "format", "range"; borrowed, never NULL. */
const char *c2s_code_name(enum c2s_code code);

#endif
