/* NumPy's .npz: a zip archive of .npy members. Stored members are read in place, so that a large
 * archive needs no memory. */
#include "data/source.h"

#include <string.h>

#include "base/alloc.h"
#include "zip/zip.h"

/* Keys are member names without ".npy"; owned array of owned strings. */
static char **copy_keys(const struct zip *z)
{
    char **keys = c2s_calloc((size_t)z->n, sizeof *keys);
    for (int i = 0; keys && i < z->n; i++) {
        keys[i] = c2s_strdup(z->members[i].name);
        size_t n = keys[i] ? strlen(keys[i]) : 0;
        if (n > 4 && strcmp(keys[i] + n - 4, ".npy") == 0)
            keys[i][n - 4] = '\0';
    }
    return keys;
}

static bool all_there(char **keys, int n)
{
    for (int i = 0; keys && i < n; i++)
        if (!keys[i])
            return false;
    return keys != NULL;
}

/* The .npy array in a member; its CRC is checked. *a is zeroed by the caller. */
static bool read_array(const struct data_file *file, struct zip *z, int member,
                       struct data_array *a, struct c2s_error *err)
{
    const struct zip_member *m = &z->members[member];
    struct data_stream *s = NULL;
    const char *format = "";
    int64_t offset = 0;
    uint32_t crc = 0;
    bool ok = zip_offset(z, member, &offset, err) &&
              data_stream_open(file, offset, m->packed_bytes,
                               m->method == 0 ? DATA_PLAIN : DATA_DEFLATE, &s, err) &&
              data_array_read(a, s, &format, err);
    if (ok && m->method == 0)
        ok = data_file_crc(file, offset, m->bytes, &crc, err);
    else if (ok)
        crc = data_stream_crc(s);
    if (ok && crc != m->crc)
        ok = c2s_fail(err, C2S_FORMAT,
                      "its checksum is wrong; the zip archive is damaged, save it again");
    data_stream_close(s);
    if (!ok)
        data_array_finish(a);
    return ok || c2s_fail_at(err, "%s", m->name);
}

bool data_npz_open(const struct data_file *file, const char *split, bool wants_labels,
                   struct data_source *out, struct c2s_error *err)
{
    struct zip z;
    int x = -1, y = -1;
    if (!zip_open(file->fd, file->size, &z, err))
        return false;
    out->format = "npz";
    char **keys = copy_keys(&z);
    bool ok = all_there(keys, z.n) ? true : c2s_fail_nomem(err);
    if (ok && !data_names_pair(keys, z.n, split, &x, wants_labels ? &y : NULL))
        ok = data_no_pair(err, split, keys, z.n);
    ok = ok && read_array(file, &z, x, &out->samples, err) &&
         (!wants_labels || read_array(file, &z, y, &out->labels, err));
    for (int i = 0; keys && i < z.n; i++)
        c2s_free(keys[i]);
    c2s_free(keys);
    zip_finish(&z);
    return ok;
}
