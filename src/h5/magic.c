/* Tells a user what the file is that is no HDF5 file, and what to do about it. */
#include "h5/magic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 512

static const struct {
    size_t offset;
    const char *bytes; /* compared without regard to case, so that <HTML> is seen too */
    const char *what;
} formats[] = {
    {0, "PK\x03\x04", "a zip archive, perhaps a Keras 3 .keras model, which 'load' reads"},
    {0, "version https://git-lfs",
     "a Git LFS pointer, not the model itself; run 'git lfs pull' to fetch it"},
    {0, "<!doctype html",
     "a web page, probably an error page; download the model file itself again"},
    {0, "<html", "a web page, probably an error page; download the model file itself again"},
    {0, "<?xml", "an XML document, probably an error page; download the model file itself again"},
    {4, "TFL3", "a TensorFlow Lite model; load the Keras .h5 model it was made from"},
    {0, "\x08\x03\x12", "an ONNX model; load the Keras .h5 model it was made from"},
    {0, "\x08\x04\x12", "an ONNX model; load the Keras .h5 model it was made from"},
    {0, "\x08\x05\x12", "an ONNX model; load the Keras .h5 model it was made from"},
    {0, "\x08\x06\x12", "an ONNX model; load the Keras .h5 model it was made from"},
    {0, "\x08\x07\x12", "an ONNX model; load the Keras .h5 model it was made from"},
    {0, "\x08\x08\x12", "an ONNX model; load the Keras .h5 model it was made from"},
    {0, "\x08\x09\x12", "an ONNX model; load the Keras .h5 model it was made from"},
    {0, "\x1f\x8b", "compressed with gzip; unpack it first: gunzip FILE"},
    {0, "\x93NUMPY", "a NumPy array; give it to 'data use', and a Keras .h5 model here"},
    {0, "{", "JSON text; load the .h5 file that holds the weights too"},
};

static bool fail_folder(const char *path, struct c2s_error *err)
{
    char inside[4096];
    snprintf(inside, sizeof inside, "%s/saved_model.pb", path);
    if (access(inside, F_OK) == 0)
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' is a SavedModel folder; in Python load it and save it as one file: "
                        "model.save('model.h5')",
                        path);
    return c2s_fail(err, C2S_FORMAT, "'%s' is a folder; name the .h5 file inside it", path);
}

static bool ends_with(const char *path, const char *tail)
{
    size_t n = strlen(path), k = strlen(tail);
    return n >= k && strcasecmp(path + n - k, tail) == 0;
}

static bool recognise(const char *path, const char *head, size_t n, struct c2s_error *err)
{
    static const char signature[] = "\x89HDF\r\n\x1a\n";
    if (n >= 8 && memcmp(head, signature, 8) == 0)
        return true;
    if (n == 0)
        return c2s_fail(err, C2S_FORMAT, "'%s' is empty; copy or download it again", path);
    if (n < 8 && memcmp(head, signature, n) == 0)
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' is an HDF5 file cut short; copy or download it again", path);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        size_t length = strlen(formats[i].bytes);
        if (n >= formats[i].offset + length &&
            strncasecmp(head + formats[i].offset, formats[i].bytes, length) == 0)
            return c2s_fail(err, C2S_FORMAT, "'%s' is %s", path, formats[i].what);
    }
    if (ends_with(path, ".pb"))
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' is a part of a SavedModel folder; in Python load the folder and save "
                        "it as one file: model.save('model.h5')",
                        path);
    if (ends_with(path, ".fbz"))
        return c2s_fail(err, C2S_FORMAT,
                        "'%s' is an Akida model; load the Keras .h5 model it was made from", path);
    /* An HDF5 file may begin with a block of the user's own: HDF5 looks for its signature. */
    return true;
}

bool h5_check_magic(const char *path, struct c2s_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return c2s_fail(err, C2S_IO,
                        errno == ENOENT ? "there is no file '%s'; check the path"
                                        : "cannot reach '%s'; check the path and your "
                                          "permissions",
                        path);
    if (S_ISDIR(info.st_mode))
        return fail_folder(path, err);
    if (!S_ISREG(info.st_mode))
        return c2s_fail(err, C2S_FORMAT, "'%s' is a device or pipe; name a regular .h5 file", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char head[HEAD_BYTES];
    ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
    int cause = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return c2s_fail(err, C2S_IO, "cannot read '%s' (%s); check your permissions", path,
                        strerror(cause));
    return recognise(path, head, (size_t)n, err);
}
