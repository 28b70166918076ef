/* .keras archives: a zip of metadata.json, config.json and model.weights.h5. Source: Keras 3.12
 * saving_lib.py. The weights are unpacked into memory that HDF5 reads like a file. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "keras/source.h"
#include "zip/zip.h"

#define ALWAYS_ALLOWED (64 << 20) /* bytes unpacked, beside twice the archive */

struct archive {
    struct zip zip;
    const char *path;
    int64_t left; /* bytes that may still be unpacked */
};

/* What the archive is when it holds no model. */
static const struct {
    const char *member; /* how a member's name ends */
    const char *what;
} others[] = {
    {"model.weights.json",
     "a .keras model with its weights split over several files; in Python load it and save it "
     "without max_shard_size"},
    {"saved_model.pb",
     "a zipped SavedModel folder; unpack it, in Python load it and save it as one file: "
     "model.save('model.h5')"},
    {"data.pkl", "a PyTorch checkpoint; load the Keras model it was converted to"},
    {".npy", "NumPy data; give it to 'data use', and a Keras model here"},
    {".h5", "a zip archive with an .h5 file inside; unpack it first: unzip FILE"},
    {".keras", "a zip archive with a .keras file inside; unpack it first: unzip FILE"},
    {"config.json",
     "a zip archive with a model's files inside a folder; zip the files themselves, without the "
     "folder"},
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

static bool fail_other(const struct archive *a, const char *lacking, struct c2s_error *err)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        for (int k = 0; k < a->zip.n; k++)
            if (ends_with(a->zip.members[k].name, others[i].member) &&
                strcmp(a->zip.members[k].name, "config.json") != 0 &&
                strcmp(a->zip.members[k].name, "model.weights.h5") != 0)
                return c2s_fail(err, C2S_FORMAT, "'%s' is %s", a->path, others[i].what);
    return c2s_fail(err, C2S_FORMAT,
                    "'%s' is a zip archive without %s, so no .keras model; save it again: "
                    "model.save('model.keras')",
                    a->path, lacking);
}

/* Index of a member that must be there once, its size accounted for. */
static bool find_member(struct archive *a, const char *name, int *index, struct c2s_error *err)
{
    *index = zip_find(&a->zip, name);
    if (*index == -1)
        return fail_other(a, name, err);
    if (*index < 0)
        return c2s_fail(err, C2S_FORMAT, "'%s' holds '%s' twice; save the model again", a->path,
                        name);
    int64_t bytes = a->zip.members[*index].bytes;
    if (bytes > a->left)
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' in '%s' claims to unpack to %lld bytes, out of proportion to the "
                        "archive; save the model again",
                        name, a->path, (long long)bytes);
    a->left -= bytes;
    return true;
}

struct unpacked {
    char *bytes; /* owned */
    size_t n;
};

static bool add_bytes(void *arg, const void *bytes, size_t n, struct c2s_error *err)
{
    struct unpacked *u = arg;
    (void)err;
    memcpy(u->bytes + u->n, bytes, n);
    u->n += n;
    return true;
}

static bool unpack(struct archive *a, const char *name, struct unpacked *out, struct c2s_error *err)
{
    int index;
    *out = (struct unpacked){0};
    if (!find_member(a, name, &index, err))
        return false;
    out->bytes = c2s_malloc((size_t)a->zip.members[index].bytes);
    if (out->bytes ? zip_unpack(&a->zip, index, add_bytes, out, err) : c2s_fail_nomem(err))
        return true;
    c2s_free(out->bytes);
    return c2s_fail_at(err, "%s in '%s'", name, a->path);
}

static bool read_json(struct archive *a, const char *name, struct c2s_json **out,
                      struct c2s_error *err)
{
    char what[512];
    struct unpacked text;
    if (!unpack(a, name, &text, err))
        return false;
    snprintf(what, sizeof what, "%s in '%s'", name, a->path);
    *out = keras_parse(text.bytes, text.n, what, err);
    c2s_free(text.bytes);
    return *out != NULL;
}

static bool read_version(struct archive *a, struct keras_source *out, struct c2s_error *err)
{
    struct c2s_json *metadata = NULL;
    if (zip_find(&a->zip, "metadata.json") == -1)
        return true;
    if (!read_json(a, "metadata.json", &metadata, err))
        return false;
    const char *version = c2s_json_text(c2s_json_get(metadata, "keras_version"), NULL);
    out->keras_version = version ? c2s_strdup(version) : NULL;
    c2s_json_free(metadata);
    return !version || out->keras_version ? true : c2s_fail_nomem(err);
}

static bool open_weights(struct archive *a, struct keras_source *out, struct c2s_error *err)
{
    static const char name[] = "model.weights.h5";
    struct unpacked file;
    char shown[4096];
    snprintf(shown, sizeof shown, "%s: %s", a->path, name);
    return unpack(a, name, &file, err) &&
           h5_open_memory(file.bytes, file.n, shown, &out->weights, err);
}

bool keras_archive_open(int fd, int64_t size, const char *path, struct keras_source *out,
                        struct c2s_error *err)
{
    struct archive a = {.path = path, .left = 2 * size + ALWAYS_ALLOWED};
    if (!zip_open(fd, size, &a.zip, err))
        return c2s_fail_at(err, "'%s'", path);
    out->layout = KERAS_NUMBERED;
    out->root = "";
    bool ok = read_json(&a, "config.json", &out->config, err) && read_version(&a, out, err) &&
              open_weights(&a, out, err);
    if (ok)
        out->has_optimizer = h5_exists(out->weights, "/optimizer");
    zip_finish(&a.zip);
    return ok;
}
