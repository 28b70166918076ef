/* Reading files and unpacking them; the only file that includes zlib. */
#include "data/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"

enum { INPUT_BYTES = 1 << 16, MOST_UNPACKED_PER_BYTE = 1032 };

struct data_stream {
    const struct data_file *file;
    int64_t offset, end; /* what is still to be read of the file */
    enum data_packing packing;
    z_stream z;
    bool z_ready, at_end;
    uint32_t crc;
    uint8_t input[INPUT_BYTES];
};

bool data_file_open(const char *path, struct data_file *out, struct c2s_error *err)
{
    *out = (struct data_file){0};
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return c2s_fail(err, C2S_IO, "cannot open %s: %s", path, strerror(errno));
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return c2s_fail(err, C2S_IO, "%s is no regular file; give a data file or a folder", path);
    }
    *out = (struct data_file){.fd = fd, .is_open = true, .size = info.st_size};
    return true;
}

bool data_file_share(const struct data_file *f, struct data_file *out, struct c2s_error *err)
{
    int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return c2s_fail(err, C2S_IO, "cannot keep the data file open: %s", strerror(errno));
    *out = (struct data_file){.fd = fd, .is_open = true, .size = f->size};
    return true;
}

void data_file_close(struct data_file *f)
{
    if (f->is_open)
        close(f->fd);
    *f = (struct data_file){0};
}

bool data_file_read(const struct data_file *f, int64_t offset, void *out, size_t n,
                    struct c2s_error *err)
{
    uint8_t *to = out;
    while (n > 0) {
        ssize_t got = pread(f->fd, to, n, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return c2s_fail(err, C2S_IO, "cannot read: %s", strerror(errno));
        if (got == 0)
            return c2s_fail(err, C2S_FORMAT,
                            "the file ends at byte %lld, too early; copy or download it again",
                            (long long)offset);
        to += got;
        offset += got;
        n -= (size_t)got;
    }
    return true;
}

static voidpf allocate(voidpf opaque, uInt count, uInt size)
{
    (void)opaque;
    return c2s_calloc(count, size);
}

static void release(voidpf opaque, voidpf p)
{
    (void)opaque;
    c2s_free(p);
}

bool data_stream_open(const struct data_file *f, int64_t offset, int64_t length,
                      enum data_packing packing, struct data_stream **out, struct c2s_error *err)
{
    *out = NULL;
    if (offset < 0 || length < 0 || offset > f->size || length > f->size - offset)
        return c2s_fail(err, C2S_FORMAT, "the file is shorter than it says; download it again");
    struct data_stream *s = c2s_calloc(1, sizeof *s);
    if (!s)
        return c2s_fail_nomem(err);
    *s = (struct data_stream){.file = f, .offset = offset, .end = offset + length};
    s->packing = packing;
    s->z.zalloc = allocate;
    s->z.zfree = release;
    if (packing != DATA_PLAIN) {
        int window = packing == DATA_GZIP ? 16 + MAX_WBITS : -MAX_WBITS;
        if (inflateInit2(&s->z, window) != Z_OK) {
            c2s_free(s);
            return c2s_fail_nomem(err);
        }
        s->z_ready = true;
    }
    *out = s;
    return true;
}

void data_stream_close(struct data_stream *s)
{
    if (s && s->z_ready)
        inflateEnd(&s->z);
    c2s_free(s);
}

static bool refill(struct data_stream *s, struct c2s_error *err)
{
    int64_t n = s->end - s->offset;
    if (n > INPUT_BYTES)
        n = INPUT_BYTES;
    if (!data_file_read(s->file, s->offset, s->input, (size_t)n, err))
        return false;
    s->offset += n;
    s->z.next_in = s->input;
    s->z.avail_in = (uInt)n;
    return true;
}

/* A gzip file may hold several members one after the other; zeros after the last are padding. */
static bool member_ended(struct data_stream *s, struct c2s_error *err)
{
    if (s->packing == DATA_DEFLATE) {
        s->at_end = true;
        return true;
    }
    for (;;) {
        if (s->z.avail_in == 0 && s->offset < s->end && !refill(s, err))
            return false;
        if (s->z.avail_in == 0) {
            s->at_end = true;
            return true;
        }
        if (*s->z.next_in != 0)
            break;
        s->z.next_in++;
        s->z.avail_in--;
    }
    if (inflateReset(&s->z) != Z_OK)
        return c2s_fail(err, C2S_FORMAT, "cannot unpack the file");
    return true;
}

static bool inflate_more(struct data_stream *s, struct c2s_error *err)
{
    if (s->z.avail_in == 0 && s->offset < s->end && !refill(s, err))
        return false;
    int status = inflate(&s->z, Z_NO_FLUSH);
    if (status == Z_STREAM_END)
        return member_ended(s, err);
    if (status == Z_MEM_ERROR)
        return c2s_fail_nomem(err);
    if (status == Z_BUF_ERROR)
        return c2s_fail(err, C2S_FORMAT,
                        "the compressed data is truncated; copy or download the file again");
    if (status != Z_OK)
        return c2s_fail(err, C2S_FORMAT,
                        "the compressed data is damaged (%s); copy or download the file again",
                        s->z.msg ? s->z.msg : "no valid stream");
    return true;
}

static bool read_plain(struct data_stream *s, void *out, size_t n, size_t *got,
                       struct c2s_error *err)
{
    int64_t left = s->end - s->offset;
    *got = (int64_t)n < left ? n : (size_t)left;
    if (!data_file_read(s->file, s->offset, out, *got, err))
        return false;
    s->offset += (int64_t)*got;
    return true;
}

bool data_stream_read(struct data_stream *s, void *out, size_t n, size_t *got,
                      struct c2s_error *err)
{
    *got = 0;
    if (s->packing == DATA_PLAIN)
        return read_plain(s, out, n, got, err);
    while (*got < n && !s->at_end) {
        size_t piece = n - *got < 1 << 30 ? n - *got : 1 << 30;
        uint8_t *to = (uint8_t *)out + *got;
        s->z.next_out = to;
        s->z.avail_out = (uInt)piece;
        if (!inflate_more(s, err))
            return false;
        size_t made = piece - s->z.avail_out;
        s->crc = (uint32_t)crc32_z(s->crc, to, made);
        *got += made;
    }
    return true;
}

bool data_stream_exactly(struct data_stream *s, void *out, size_t n, const char *what,
                         struct c2s_error *err)
{
    size_t got;
    if (!data_stream_read(s, out, n, &got, err))
        return false;
    if (got < n)
        return c2s_fail(err, C2S_FORMAT, "the file ends inside its %s; copy or download it again",
                        what);
    return true;
}

int64_t data_stream_left(const struct data_stream *s)
{
    int64_t left = s->end - s->offset;
    if (s->packing == DATA_PLAIN)
        return left;
    /* inflate has taken in at most a few bits and one match that it has not given out yet. */
    int64_t packed = left + s->z.avail_in + 64;
    return packed > INT64_MAX / MOST_UNPACKED_PER_BYTE ? INT64_MAX
                                                       : packed * MOST_UNPACKED_PER_BYTE;
}

bool data_stream_place(const struct data_stream *s, const struct data_file **f, int64_t *offset)
{
    *f = s->file;
    *offset = s->offset;
    return s->packing == DATA_PLAIN;
}

uint32_t data_stream_crc(const struct data_stream *s)
{
    return s->crc;
}

bool data_file_crc(const struct data_file *f, int64_t offset, int64_t length, uint32_t *crc,
                   struct c2s_error *err)
{
    uint8_t *block = c2s_malloc(INPUT_BYTES);
    if (!block)
        return c2s_fail_nomem(err);
    *crc = 0;
    bool ok = true;
    while (ok && length > 0) {
        size_t n = length < INPUT_BYTES ? (size_t)length : INPUT_BYTES;
        ok = data_file_read(f, offset, block, n, err);
        if (ok)
            *crc = (uint32_t)crc32_z(*crc, block, n);
        offset += (int64_t)n;
        length -= (int64_t)n;
    }
    c2s_free(block);
    return ok;
}
