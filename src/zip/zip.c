/* Reads zip archives by minizip, through pread on a file that is open already. */
#include "zip/zip.h"

#include <minizip/unzip.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    MOST_MEMBERS = 100000,
    MOST_NAME_BYTES = 512, /* a longer name is cut, and so none that anybody looks for */
    DIRECTORY_BYTES = 46,  /* of one member in the directory, at least */
    PIECE_BYTES = 1 << 16
};

/* What minizip reads from. */
struct zip_input {
    int fd;
    int64_t size;
    uint64_t at;
    bool has_failed; /* of the file itself, not of what it holds */
    bool is_short;   /* something was to be read behind the end, which minizip takes for zeros */
};

static voidpf open_input(voidpf opaque, const void *name, int mode)
{
    (void)name, (void)mode;
    return opaque;
}

static uLong read_input(voidpf opaque, voidpf stream, void *out, uLong n)
{
    struct zip_input *in = opaque;
    uLong done = 0;
    (void)stream;
    while (done < n) {
        ssize_t got = pread(in->fd, (char *)out + done, n - done, (off_t)(in->at + done));
        in->has_failed = in->has_failed || got < 0;
        in->is_short = in->is_short || got == 0;
        if (got <= 0)
            break;
        done += (uLong)got;
    }
    in->at += done;
    return done;
}

static ZPOS64_T tell_input(voidpf opaque, voidpf stream)
{
    (void)stream;
    return ((struct zip_input *)opaque)->at;
}

static long seek_input(voidpf opaque, voidpf stream, ZPOS64_T offset, int origin)
{
    struct zip_input *in = opaque;
    uint64_t from = origin == ZLIB_FILEFUNC_SEEK_CUR   ? in->at
                    : origin == ZLIB_FILEFUNC_SEEK_END ? (uint64_t)in->size
                                                       : 0;
    (void)stream;
    if (__builtin_add_overflow(from, offset, &from) || from > (uint64_t)in->size)
        return -1;
    in->at = from;
    return 0;
}

static int close_input(voidpf opaque, voidpf stream)
{
    (void)opaque, (void)stream;
    return 0;
}

static int error_of_input(voidpf opaque, voidpf stream)
{
    struct zip_input *in = opaque;
    (void)stream;
    return in->has_failed || in->is_short;
}

static bool fail_damaged(const struct zip *z, const char *what, struct c2s_error *err)
{
    if (z->input->has_failed)
        return c2s_fail(err, C2S_IO, "cannot read the zip archive");
    return c2s_fail(err, C2S_FORMAT, "the zip archive is truncated or damaged (%s); save it again",
                    what);
}

static bool list_member(struct zip *z, struct c2s_error *err)
{
    unz_file_info64 info;
    unz64_file_pos place;
    char name[MOST_NAME_BYTES + 1] = {0};
    struct zip_member *m = &z->members[z->n];
    if (unzGetCurrentFileInfo64(z->handle, &info, name, MOST_NAME_BYTES, NULL, 0, NULL, 0) !=
            UNZ_OK ||
        unzGetFilePos64(z->handle, &place) != UNZ_OK || info.compressed_size > INT64_MAX ||
        info.uncompressed_size > INT64_MAX)
        return fail_damaged(z, "directory", err);
    *m = (struct zip_member){.name = c2s_strdup(name),
                             .method = (int)info.compression_method,
                             .is_encrypted = info.flag & 1,
                             .crc = (uint32_t)info.crc,
                             .packed_bytes = (int64_t)info.compressed_size,
                             .bytes = (int64_t)info.uncompressed_size,
                             .place = {place.pos_in_zip_directory, place.num_of_file}};
    z->n += m->name != NULL;
    return m->name ? true : c2s_fail_nomem(err);
}

static bool list_members(struct zip *z, struct c2s_error *err)
{
    unz_global_info64 global;
    if (unzGetGlobalInfo64(z->handle, &global) != UNZ_OK ||
        global.number_entry > (uint64_t)z->input->size / DIRECTORY_BYTES)
        return fail_damaged(z, "number of members", err);
    if (global.number_entry > MOST_MEMBERS)
        return c2s_fail(err, C2S_FORMAT, "the zip archive has more than %d members", MOST_MEMBERS);
    z->members = c2s_calloc((size_t)global.number_entry, sizeof *z->members);
    if (!z->members)
        return c2s_fail_nomem(err);
    for (uint64_t i = 0; i < global.number_entry; i++) {
        int status = i == 0 ? unzGoToFirstFile(z->handle) : unzGoToNextFile(z->handle);
        if (status != UNZ_OK)
            return fail_damaged(z, "directory", err);
        if (!list_member(z, err))
            return false;
    }
    return true;
}

bool zip_open(int fd, int64_t size, struct zip *z, struct c2s_error *err)
{
    *z = (struct zip){.input = c2s_calloc(1, sizeof *z->input)};
    if (!z->input)
        return c2s_fail_nomem(err);
    *z->input = (struct zip_input){.fd = fd, .size = size};
    zlib_filefunc64_def calls = {.zopen64_file = open_input,
                                 .zread_file = read_input,
                                 .ztell64_file = tell_input,
                                 .zseek64_file = seek_input,
                                 .zclose_file = close_input,
                                 .zerror_file = error_of_input,
                                 .opaque = z->input};
    z->handle = unzOpen2_64("", &calls);
    if (z->handle && !z->input->is_short ? list_members(z, err)
                                         : fail_damaged(z, "no directory", err))
        return true;
    zip_finish(z);
    return false;
}

void zip_finish(struct zip *z)
{
    if (z->handle)
        unzClose(z->handle);
    for (int i = 0; i < z->n; i++)
        c2s_free(z->members[i].name);
    c2s_free(z->members);
    c2s_free(z->input);
    *z = (struct zip){0};
}

int zip_find(const struct zip *z, const char *name)
{
    int found = -1;
    for (int i = 0; i < z->n; i++)
        if (strcmp(z->members[i].name, name) == 0)
            found = found == -1 ? i : -2;
    return found;
}

/* minizip's current file becomes that member, opened. */
static bool enter(struct zip *z, int member, struct c2s_error *err)
{
    const struct zip_member *m = &z->members[member];
    unz64_file_pos place = {m->place[0], m->place[1]};
    if (m->is_encrypted || (m->method != 0 && m->method != Z_DEFLATED))
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "it is encrypted or packed by method %d; save it again, without a "
                        "password, stored or deflated",
                        m->method);
    if (unzGoToFilePos64(z->handle, &place) != UNZ_OK || unzOpenCurrentFile(z->handle) != UNZ_OK ||
        (m->method == 0 && m->packed_bytes != m->bytes))
        return fail_damaged(z, "member header", err);
    return true;
}

bool zip_offset(struct zip *z, int member, int64_t *offset, struct c2s_error *err)
{
    if (!enter(z, member, err))
        return false;
    uint64_t at = unzGetCurrentFileZStreamPos64(z->handle);
    unzCloseCurrentFile(z->handle);
    if (at == 0 || at > (uint64_t)z->input->size ||
        (uint64_t)z->members[member].packed_bytes > (uint64_t)z->input->size - at)
        return fail_damaged(z, "member offset", err);
    *offset = (int64_t)at;
    return true;
}

bool zip_unpack(struct zip *z, int member,
                bool (*sink)(void *arg, const void *bytes, size_t n, struct c2s_error *err),
                void *arg, struct c2s_error *err)
{
    int64_t left = z->members[member].bytes;
    if (!enter(z, member, err))
        return false;
    char *piece = c2s_malloc(PIECE_BYTES);
    bool ok = piece ? true : c2s_fail_nomem(err);
    while (ok) {
        int got = unzReadCurrentFile(z->handle, piece, PIECE_BYTES);
        if (got == 0)
            break;
        if (got < 0 || got > left)
            ok = fail_damaged(z, z->members[member].name, err);
        else
            ok = sink(arg, piece, (size_t)got, err);
        left -= got;
    }
    int status = unzCloseCurrentFile(z->handle);
    if (ok && (left != 0 || status != UNZ_OK))
        ok = fail_damaged(z, status == UNZ_CRCERROR ? "checksum" : z->members[member].name, err);
    c2s_free(piece);
    return ok;
}
