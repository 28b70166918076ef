/* Opens what a model is in: an HDF5 file, a .keras archive, or the JSON of its structure. */
#include "keras/source.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    MOST_JSON_BYTES = 1 << 26,
    VALUE_BYTES = 100,     /* jansson's memory for a value, at most */
    CONTAINER_BYTES = 400, /* for an empty array or object */
};

/* What the values of a JSON text take at most, counted without parsing it. */
static size_t memory_of_values(const char *text, size_t n)
{
    size_t bytes = 2 * n;
    for (size_t i = 0; i < n; i++)
        if (text[i] == '{' || text[i] == '[')
            bytes += CONTAINER_BYTES;
        else if (text[i] == ',' || text[i] == ':')
            bytes += VALUE_BYTES;
    return bytes;
}

struct c2s_json *keras_parse(const char *text, size_t n, const char *what, struct c2s_error *err)
{
    struct c2s_error problem = {0};
    struct c2s_json *v = NULL;
    if (memory_of_values(text, n) > 2 * n + MOST_JSON_BYTES)
        c2s_fail(err, C2S_FORMAT,
                 "it has too many values for a model's structure; the file is damaged, save it "
                 "again");
    else if (!(v = c2s_json_parse(text, n, &problem)))
        c2s_fail(err, problem.code,
                 problem.code == C2S_NOMEM ? "%s" : "%s; the file is damaged, save the model again",
                 problem.text);
    if (!v)
        c2s_fail_at(err, "%s", what);
    return v;
}

static bool take_text(struct h5_file *f, const char *group, const char *name, char **out,
                      struct c2s_error *err)
{
    bool found = false;
    return *out || h5_attr_text(f, group, name, out, &found, err);
}

/* Who wrote the weights; a model_config may say it as well. */
static bool read_writer(struct keras_source *s, struct c2s_error *err)
{
    struct h5_file *f = s->weights;
    if (!take_text(f, "/", "keras_version", &s->keras_version, err) ||
        !take_text(f, "/", "backend", &s->backend, err))
        return false;
    return !h5_exists(f, "/model_weights") ||
           (take_text(f, "/model_weights", "keras_version", &s->keras_version, err) &&
            take_text(f, "/model_weights", "backend", &s->backend, err));
}

static bool read_config(struct keras_source *s, bool *found, struct c2s_error *err)
{
    char *text, what[256];
    if (!h5_attr_text(s->weights, "/", "model_config", &text, found, err))
        return false;
    if (!*found)
        return true;
    snprintf(what, sizeof what, "model_config of '%s'", h5_path(s->weights));
    s->config = keras_parse(text, strlen(text), what, err);
    c2s_free(text);
    return s->config != NULL;
}

/* What an HDF5 file is that holds no model_config. */
static bool find_weights(struct keras_source *s, struct c2s_error *err)
{
    struct h5_file *f = s->weights;
    struct h5_names names;
    bool has_names;
    if (!h5_attr_names(f, "/", "layer_names", &names, &has_names, err))
        return false;
    h5_names_finish(&names);
    s->root = "";
    s->layout = has_names ? KERAS_NAMED : KERAS_NUMBERED;
    if (has_names || h5_exists(f, "/layers") || h5_exists(f, "/_layer_checkpoint_dependencies"))
        return true;
    return c2s_fail(err, C2S_FORMAT,
                    "'%s' is an HDF5 file without a Keras model; give a model saved by "
                    "model.save('model.h5')",
                    h5_path(f));
}

static bool open_h5(const char *path, struct keras_source *s, struct c2s_error *err)
{
    bool found;
    if (!h5_open(path, &s->weights, err) || !read_config(s, &found, err) || !read_writer(s, err))
        return false;
    s->root = "/model_weights";
    s->has_optimizer =
        h5_exists(s->weights, "/optimizer_weights") || h5_exists(s->weights, "/optimizer");
    return found || find_weights(s, err);
}

/* A file with the structure alone, as text. */
static bool open_json(int fd, int64_t size, const char *path, struct keras_source *s,
                      struct c2s_error *err)
{
    if (size > MOST_JSON_BYTES)
        return c2s_fail(err, C2S_FORMAT, "'%s' is JSON of %lld bytes, too long for a structure",
                        path, (long long)size);
    char *text = c2s_malloc((size_t)size + 1);
    ssize_t n = text ? pread(fd, text, (size_t)size, 0) : 0;
    bool ok = text ? true : c2s_fail_nomem(err);
    if (ok && n < 0)
        ok = c2s_fail(err, C2S_IO, "cannot read '%s': %s", path, strerror(errno));
    s->config = ok ? keras_parse(text, (size_t)n, path, err) : NULL;
    c2s_free(text);
    if (!s->config)
        return false;
    if (c2s_json_get(s->config, "weight_map"))
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' lists weights that are split over several files; in Python load "
                        "them and save without max_shard_size",
                        path);
    const char *version = c2s_json_text(c2s_json_get(s->config, "keras_version"), NULL);
    s->keras_version = version ? c2s_strdup(version) : NULL;
    return !version || s->keras_version ? true : c2s_fail_nomem(err);
}

enum kind { IS_HDF5, IS_ARCHIVE, IS_JSON };

static enum kind kind_of(int fd)
{
    char head[64];
    ssize_t n = pread(fd, head, sizeof head, 0), at = 0;
    if (n >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0))
        return IS_ARCHIVE;
    while (at < n && isspace((unsigned char)head[at]))
        at++;
    return at < n && head[at] == '{' ? IS_JSON : IS_HDF5;
}

bool keras_source_open(const char *path, struct keras_source *out, struct c2s_error *err)
{
    struct stat info;
    *out = (struct keras_source){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is_file = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    enum kind kind = is_file ? kind_of(fd) : IS_HDF5; /* which tells what is wrong with it */
    bool ok = kind == IS_ARCHIVE ? keras_archive_open(fd, info.st_size, path, out, err)
              : kind == IS_JSON  ? open_json(fd, info.st_size, path, out, err)
                                 : open_h5(path, out, err);
    if (fd >= 0)
        close(fd);
    if (!ok)
        keras_source_close(out);
    return ok;
}

void keras_source_close(struct keras_source *s)
{
    c2s_json_free(s->config);
    h5_close(s->weights);
    c2s_free(s->keras_version);
    c2s_free(s->backend);
    *s = (struct keras_source){0};
}
