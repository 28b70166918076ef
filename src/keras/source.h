/* Private to src/keras: the files a model comes from, opened. A .keras archive and an .h5 file are
 * the same from here on: a config, and an HDF5 file with weights. */
#ifndef C2S_KERAS_SOURCE_H
#define C2S_KERAS_SOURCE_H

#include <c2s/json.h>

#include "h5/h5.h"

/* Where the tensors are in the HDF5 file. */
enum keras_layout {
    KERAS_NAMED,   /* a group for each top-level layer, its attribute weight_names lists them */
    KERAS_NUMBERED /* layers/<class>_<n>/vars/<number>, as Keras writes since 2.12 */
};

struct keras_source {
    struct c2s_json *config; /* owned; NULL = weights only */
    struct h5_file *weights; /* owned; NULL = structure only (JSON) */
    char *keras_version;     /* owned; NULL = the file does not say */
    char *backend;           /* owned; "tensorflow", "theano"; NULL = the file does not say */
    enum keras_layout layout;
    const char *root;   /* KERAS_NAMED: of the groups, "/model_weights" or "" */
    bool has_optimizer; /* the state of an optimizer is there, which only training needs */
};

/* Opens an .h5, .keras or .json file, by its contents. Memory is bounded by twice the file's size
 * plus 64 MB. Fails: IO; FORMAT: no model at all (says what it is instead), damaged, hostile. */
bool keras_source_open(const char *path, struct keras_source *out,
                       struct c2s_error *err) C2S_MUST_CHECK;
void keras_source_close(struct keras_source *s); /* accepts a zeroed one */

/* The .keras part: `fd` is an open zip archive of that size. */
bool keras_archive_open(int fd, int64_t size, const char *path, struct keras_source *out,
                        struct c2s_error *err) C2S_MUST_CHECK;

/* JSON text of a file, refused when the values in it would take memory out of proportion. */
struct c2s_json *keras_parse(const char *text, size_t n, const char *what,
                             struct c2s_error *err) C2S_MUST_CHECK;

#endif
