/* Checks that a description of a type ends where it should. After the HDF5 File Format
 * Specification 3.0, section IV.A.2.d. */
#include "h5/datatype.h"

#include <string.h>

#include "h5/heap.h"

enum { MOST_DEPTH = 8 };

/* What is still to be read of a description. */
struct text {
    const unsigned char *p;
    uint64_t left;
};

static bool skip(struct text *t, uint64_t n)
{
    if (n > t->left)
        return false;
    t->p += n;
    t->left -= n;
    return true;
}

/* A name with its NUL; before version 3 it is filled up to a multiple of 8. */
static bool skip_name(struct text *t, int version)
{
    const unsigned char *end = memchr(t->p, '\0', t->left);
    uint64_t n = end ? (uint64_t)(end - t->p) + 1 : t->left + 1;
    return skip(t, version < 3 ? (n + 7) / 8 * 8 : n);
}

static bool skip_type(struct text *t, int depth);

/* An address inside the compound: as many bytes as its size needs in version 3, else 4. */
static bool skip_member(struct text *t, int version, uint64_t size, int depth)
{
    uint64_t width = 1;
    for (uint64_t rest = size >> 8; rest > 0; rest >>= 8)
        width++;
    return skip_name(t, version) && skip(t, version < 3 ? 4 : width) &&
           (version > 1 || skip(t, 28)) && skip_type(t, depth + 1);
}

static bool skip_compound(struct text *t, int version, unsigned n, uint64_t size, int depth)
{
    for (unsigned i = 0; i < n; i++)
        if (!skip_member(t, version, size, depth))
            return false;
    return true;
}

static bool skip_enum(struct text *t, int version, unsigned n, uint64_t size, int depth)
{
    if (!skip_type(t, depth + 1))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!skip_name(t, version))
            return false;
    return skip(t, n * size);
}

static bool skip_array(struct text *t, int version, int depth)
{
    uint64_t rank = t->left > 0 ? t->p[0] : 0;
    return skip(t, version < 3 ? 4 + 8 * rank : 1 + 4 * rank) && skip_type(t, depth + 1);
}

static bool skip_type(struct text *t, int depth)
{
    const unsigned char *p = t->p;
    if (depth > MOST_DEPTH || !skip(t, 8))
        return false;
    int version = p[0] >> 4;
    unsigned n = (unsigned)h5_heap_number(p + 1, 2);
    uint64_t size = h5_heap_number(p + 4, 4);
    switch (p[0] & 15) {
    case 0: /* integer */
    case 4: /* bit field */
        return skip(t, 4);
    case 1: /* floating point */
        return skip(t, 12);
    case 2: /* time */
        return skip(t, 2);
    case 3: /* text */
    case 7: /* reference */
        return true;
    case 5: /* opaque: a tag, ended by NUL if it does not fill its room */
        return skip(t, p[1]);
    case 6:
        return skip_compound(t, version, n, size, depth);
    case 8:
        return skip_enum(t, version, n, size, depth);
    case 9: /* variable length */
        return skip_type(t, depth + 1);
    case 10:
        return skip_array(t, version, depth);
    default:
        return false;
    }
}

bool h5_datatype_fits(const unsigned char *p, uint64_t bytes)
{
    struct text t = {p, bytes};
    return skip_type(&t, 0);
}
