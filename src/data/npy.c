/* NumPy's .npy, versions 1 to 3: a header in Python's literal syntax, then the data.
 * Source: numpy/lib/format.py, the module's documentation. Structured arrays and Python objects
 * (pickles) are refused: reading them could run code. */
#include "data/array.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { MOST_HEADER_BYTES = 1 << 16 };

static bool bad_header(struct c2s_error *err, const char *what)
{
    return c2s_fail(err, C2S_FORMAT, "the .npy header is damaged (%s); save the file again", what);
}

/* The text behind 'key': in the header, or NULL. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    at += strspn(at, "'\" ");
    if (*at != ':')
        return NULL;
    return at + 1 + strspn(at + 1, " ");
}

static bool parse_type(const char *text, struct data_array *a, struct c2s_error *err)
{
    static const struct {
        const char *code;
        enum data_element element;
    } known[] = {{"b1", DATA_BOOL}, {"u1", DATA_U8},  {"i1", DATA_I8},  {"u2", DATA_U16},
                 {"i2", DATA_I16},  {"u4", DATA_U32}, {"i4", DATA_I32}, {"u8", DATA_U64},
                 {"i8", DATA_I64},  {"f4", DATA_F32}, {"f8", DATA_F64}};
    if (!text || (*text != '\'' && *text != '"' && *text != '['))
        return bad_header(err, "no 'descr'");
    char order = text[1];
    bool has_order = order == '<' || order == '>' || order == '|' || order == '=';
    const char *code = has_order ? text + 2 : text + 1;
    a->is_big_endian = order == '>';
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (*text != '[' && strncmp(code, known[i].code, 2) == 0 && code[2] == *text) {
            a->element = known[i].element;
            return true;
        }
    return c2s_fail(err, C2S_UNSUPPORTED,
                    "a .npy array of type %.*s; save it as uint8 or float32 "
                    "(numpy.save(FILE, array.astype('float32')))",
                    (int)strcspn(text, ",}\n"), text);
}

static bool parse_shape(const char *text, struct data_array *a, struct c2s_error *err)
{
    if (!text || *text != '(')
        return bad_header(err, "no 'shape'");
    text++;
    for (;;) {
        text += strspn(text, " ,");
        if (*text == ')')
            break;
        char *end;
        long long n = strtoll(text, &end, 10);
        if (end == text || n < 0)
            return bad_header(err, "'shape'");
        if (a->rank == C2S_MAX_RANK)
            return c2s_fail(err, C2S_FORMAT, "a .npy array of more than %d axes", C2S_MAX_RANK);
        a->dims[a->rank++] = n;
        text = *end == 'L' ? end + 1 : end; /* Python 2 wrote 100L */
    }
    return a->rank > 0 || c2s_fail(err, C2S_SHAPE, "the .npy array is a single number");
}

static bool parse_header(const char *header, struct data_array *a, bool *is_fortran,
                         struct c2s_error *err)
{
    const char *order = value_of(header, "fortran_order");
    if (!order || (strncmp(order, "True", 4) != 0 && strncmp(order, "False", 5) != 0))
        return bad_header(err, "no 'fortran_order'");
    *is_fortran = *order == 'T';
    return parse_type(value_of(header, "descr"), a, err) &&
           parse_shape(value_of(header, "shape"), a, err);
}

bool data_npy_read(struct data_array *a, struct data_stream *s, struct c2s_error *err)
{
    uint8_t head[8]; /* the rest of the magic, version, length of the header */
    if (!data_stream_exactly(s, head, 6, "header", err))
        return false;
    if (memcmp(head, "PY", 2) != 0)
        return bad_header(err, "magic");
    if (head[2] < 1 || head[2] > 3)
        return c2s_fail(err, C2S_UNSUPPORTED, ".npy version %d.%d; versions 1 to 3 are known",
                        head[2], head[3]);
    if (head[2] > 1 && !data_stream_exactly(s, head + 6, 2, "header", err))
        return false;
    size_t length = head[4] | (size_t)head[5] << 8;
    if (head[2] > 1)
        length |= (size_t)head[6] << 16 | (size_t)head[7] << 24;
    if (length > MOST_HEADER_BYTES)
        return bad_header(err, "length");
    char *header = c2s_calloc(1, length + 1);
    if (!header)
        return c2s_fail_nomem(err);
    bool is_fortran = false;
    bool ok = data_stream_exactly(s, header, length, "header", err) &&
              parse_header(header, a, &is_fortran, err);
    c2s_free(header);
    if (!ok || !data_array_body(a, s, err))
        return false;
    return !is_fortran || a->rank < 2 || data_array_transpose(a, err);
}
