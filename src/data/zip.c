/* Reading zip archives, ZIP64 included. Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 and 4.5. */
#include "data/zip.h"

#include <string.h>

#include "base/alloc.h"

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30,
    MOST_COMMENT_BYTES = 65535,
    MOST_DIRECTORY_BYTES = 1 << 26
};

static uint32_t u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static uint64_t u64(const uint8_t *p)
{
    return u32(p) | (uint64_t)u32(p + 4) << 32;
}

static bool damaged(struct c2s_error *err, const char *what)
{
    return c2s_fail(err, C2S_FORMAT, "the zip archive is truncated or damaged (%s); save it again",
                    what);
}

struct directory {
    uint64_t offset, bytes, n;
};

/* ZIP64: the end record points to a wider one through a locator in front of it. */
static bool widen(const struct data_file *f, int64_t end_offset, struct directory *d,
                  struct c2s_error *err)
{
    uint8_t locator[LOCATOR_BYTES], end64[END64_BYTES];
    if (d->offset != UINT32_MAX && d->bytes != UINT32_MAX && d->n != UINT16_MAX)
        return true;
    if (end_offset < LOCATOR_BYTES)
        return damaged(err, "ZIP64 locator");
    if (!data_file_read(f, end_offset - LOCATOR_BYTES, locator, sizeof locator, err))
        return false;
    uint64_t at = u64(locator + 8);
    if (u32(locator) != 0x07064b50 || at > (uint64_t)f->size)
        return damaged(err, "ZIP64 locator");
    if (!data_file_read(f, (int64_t)at, end64, sizeof end64, err))
        return false;
    if (u32(end64) != 0x06064b50)
        return damaged(err, "ZIP64 end record");
    *d = (struct directory){u64(end64 + 48), u64(end64 + 40), u64(end64 + 32)};
    return true;
}

/* The end record is the last thing in the file but for a comment: search backwards for it. */
static bool find_directory(const struct data_file *f, struct directory *d, struct c2s_error *err)
{
    int64_t n = f->size < END_BYTES + MOST_COMMENT_BYTES ? f->size : END_BYTES + MOST_COMMENT_BYTES;
    uint8_t *tail = c2s_malloc((size_t)n);
    if (!tail)
        return c2s_fail_nomem(err);
    bool found = false, ok = data_file_read(f, f->size - n, tail, (size_t)n, err);
    int64_t at = n - END_BYTES;
    for (; ok && at >= 0; at--)
        if (u32(tail + at) == 0x06054b50 && at + END_BYTES + u16(tail + at + 20) == n) {
            *d = (struct directory){u32(tail + at + 16), u32(tail + at + 12), u16(tail + at + 10)};
            found = true;
            break;
        }
    c2s_free(tail);
    if (ok && !found)
        return damaged(err, "no end record");
    return ok && widen(f, f->size - n + at, d, err);
}

/* Sizes of 0xffffffff stand in the ZIP64 extra field, in this order. */
static bool widen_member(const uint8_t *extra, size_t n, struct data_zip_member *m)
{
    int64_t *fields[] = {&m->bytes, &m->packed_bytes, &m->header_offset};
    while (n >= 4) {
        size_t length = u16(extra + 2);
        if (length > n - 4)
            return false;
        const uint8_t *p = extra + 4, *end = p + length;
        for (size_t i = 0; u16(extra) == 1 && i < 3; i++) {
            if (*fields[i] != UINT32_MAX)
                continue;
            if (end - p < 8 || u64(p) > INT64_MAX)
                return false;
            *fields[i] = (int64_t)u64(p);
            p += 8;
        }
        extra += 4 + length;
        n -= 4 + length;
    }
    return true;
}

/* One entry of the central directory; returns its length, 0 when it is damaged. */
static size_t parse_entry(const uint8_t *p, size_t left, struct data_zip_member *m)
{
    if (left < ENTRY_BYTES || u32(p) != 0x02014b50)
        return 0;
    size_t name = u16(p + 28), extra = u16(p + 30), comment = u16(p + 32);
    if (left - ENTRY_BYTES < name + extra + comment)
        return 0;
    m->is_encrypted = u16(p + 8) & 1;
    m->method = (int)u16(p + 10);
    m->crc = u32(p + 16);
    m->packed_bytes = u32(p + 20);
    m->bytes = u32(p + 24);
    m->header_offset = u32(p + 42);
    return widen_member(p + ENTRY_BYTES + name, extra, m) ? ENTRY_BYTES + name + extra + comment
                                                          : 0;
}

static bool parse_directory(struct data_zip *z, const uint8_t *p, size_t left, uint64_t n,
                            struct c2s_error *err)
{
    for (uint64_t i = 0; i < n; i++) {
        struct data_zip_member *m = &z->members[i];
        size_t length = parse_entry(p, left, m), name = length ? u16(p + 28) : 0;
        if (length == 0)
            return damaged(err, "directory");
        m->name = c2s_calloc(1, name + 1);
        if (!m->name)
            return c2s_fail_nomem(err);
        memcpy(m->name, p + ENTRY_BYTES, name);
        z->n++;
        p += length;
        left -= length;
    }
    return true;
}

bool data_zip_open(const struct data_file *file, struct data_zip *z, struct c2s_error *err)
{
    struct directory d = {0};
    *z = (struct data_zip){.file = file};
    if (file->size < END_BYTES)
        return damaged(err, "too short");
    if (!find_directory(file, &d, err))
        return false;
    if (d.offset > (uint64_t)file->size || d.bytes > (uint64_t)file->size - d.offset ||
        d.bytes > MOST_DIRECTORY_BYTES || d.n > d.bytes / ENTRY_BYTES)
        return damaged(err, "directory");
    uint8_t *bytes = c2s_malloc((size_t)d.bytes);
    z->members = c2s_calloc((size_t)d.n, sizeof *z->members);
    bool ok = bytes && z->members ? true : c2s_fail_nomem(err);
    ok = ok && data_file_read(file, (int64_t)d.offset, bytes, (size_t)d.bytes, err) &&
         parse_directory(z, bytes, (size_t)d.bytes, d.n, err);
    c2s_free(bytes);
    if (!ok)
        data_zip_finish(z);
    return ok;
}

void data_zip_finish(struct data_zip *z)
{
    for (int i = 0; i < z->n; i++)
        c2s_free(z->members[i].name);
    c2s_free(z->members);
    *z = (struct data_zip){0};
}

static bool open_member(const struct data_zip *z, const struct data_zip_member *m,
                        struct data_stream **s, int64_t *offset, struct c2s_error *err)
{
    uint8_t local[LOCAL_BYTES];
    if (m->is_encrypted || (m->method != 0 && m->method != 8))
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "it is encrypted or packed by method %d; save it with numpy.savez or "
                        "numpy.savez_compressed",
                        m->method);
    if (m->header_offset > z->file->size - LOCAL_BYTES)
        return damaged(err, "member offset");
    if (!data_file_read(z->file, m->header_offset, local, sizeof local, err))
        return false;
    if (u32(local) != 0x04034b50 || (m->method == 0 && m->packed_bytes != m->bytes))
        return damaged(err, "member header");
    *offset = m->header_offset + LOCAL_BYTES + u16(local + 26) + u16(local + 28);
    return data_stream_open(z->file, *offset, m->packed_bytes,
                            m->method == 0 ? DATA_PLAIN : DATA_DEFLATE, s, err);
}

bool data_zip_array(const struct data_zip *z, int member, struct data_array *a,
                    struct c2s_error *err)
{
    const struct data_zip_member *m = &z->members[member];
    struct data_stream *s = NULL;
    const char *format = "";
    int64_t offset = 0;
    uint32_t crc = 0;
    bool ok = open_member(z, m, &s, &offset, err) && data_array_read(a, s, &format, err);
    if (ok && m->method == 0)
        ok = data_file_crc(z->file, offset, m->bytes, &crc, err);
    else if (ok)
        crc = data_stream_crc(s);
    if (ok && crc != m->crc)
        ok = damaged(err, "checksum");
    data_stream_close(s);
    if (!ok)
        data_array_finish(a);
    return ok || c2s_fail_at(err, "%s", m->name);
}
