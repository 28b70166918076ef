/* Finds out what a path is and opens its samples and labels. */
#include "data/source.h"

#include <string.h>
#include <sys/stat.h>

void data_source_finish(struct data_source *s)
{
    data_array_finish(&s->samples);
    data_array_finish(&s->labels);
}

static bool read_packed(const struct data_file *f, struct data_array *a, const char **format,
                        struct c2s_error *err)
{
    uint8_t head[2] = {0};
    struct data_stream *s = NULL;
    if (f->size >= 2 && !data_file_read(f, 0, head, 2, err))
        return false;
    bool is_gzip = head[0] == 0x1f && head[1] == 0x8b;
    bool ok = data_stream_open(f, 0, f->size, is_gzip ? DATA_GZIP : DATA_PLAIN, &s, err) &&
              data_array_read(a, s, format, err);
    data_stream_close(s);
    return ok;
}

bool data_file_array(const char *path, struct data_array *a, const char **format,
                     struct c2s_error *err)
{
    struct data_file f;
    if (!data_file_open(path, &f, err))
        return false;
    bool ok = read_packed(&f, a, format, err);
    data_file_close(&f);
    if (ok)
        return true;
    data_array_finish(a);
    return c2s_fail_at(err, "%s", path);
}

static bool begins_with(const struct data_file *f, const char *magic, size_t n)
{
    uint8_t head[8];
    struct c2s_error ignored = {0};
    return f->size >= (int64_t)n && data_file_read(f, 0, head, n, &ignored) &&
           memcmp(head, magic, n) == 0;
}

/* Archives hold both arrays; any other file holds one, and the labels are beside it. */
static bool open_file(const char *path, const char *split, bool wants_labels,
                      struct data_source *out, struct c2s_error *err)
{
    struct data_file f;
    if (!data_file_open(path, &f, err))
        return false;
    bool ok;
    if (begins_with(&f, "PK", 2))
        ok = data_npz_open(&f, split, wants_labels, out, err) || c2s_fail_at(err, "%s", path);
    else if (begins_with(&f, "\x89HDF", 4))
        ok = data_hdf5_open(path, split, wants_labels, out, err) || c2s_fail_at(err, "%s", path);
    else
        ok = data_file_array(path, &out->samples, &out->format, err) &&
             (!wants_labels || data_beside_open(path, &out->labels, err));
    data_file_close(&f);
    return ok;
}

bool data_source_open(const char *path, const struct c2s_dataset_options *options,
                      struct data_source *out, struct c2s_error *err)
{
    const char *split = options->split ? options->split : "test", *format;
    struct stat info;
    *out = (struct data_source){0};
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        if (!data_folder_open(path, split, out, err))
            return c2s_fail_at(err, "%s", path);
    } else if (!open_file(path, split, options->labels == NULL, out, err))
        return false;
    if (!options->labels)
        return true;
    data_array_finish(&out->labels);
    return data_file_array(options->labels, &out->labels, &format, err);
}
