/* Writes the Akida image of a quantized Keras file, with samples and our integers to verify by.
 * usage: write_image QUANTIZED.h5 EXPECTED.h5 IMAGE    EXPECTED.h5 gives inputs and input scaling
 */
#include <stdio.h>

#include <c2s/akida.h>
#include <c2s/keras.h>
#include "h5/h5.h"

struct job {
    struct c2s_model *model;
    struct c2s_akida_net *net;
    struct c2s_tensor *samples, *expected;
    struct h5_file *file;
};

static bool read_real(struct h5_file *f, const char *name, double *value, struct c2s_error *err)
{
    bool found = false;
    return h5_attr_real(f, "/", name, value, &found, err) &&
           (found || c2s_fail(err, C2S_FORMAT, "the expected file has no attribute '%s'", name));
}

static bool run(struct job *j, char **arguments, struct c2s_error *err)
{
    struct c2s_convert_options options = {0};
    double is_image = 0;
    if (!c2s_keras_read(arguments[0], NULL, &j->model, err) ||
        !h5_open(arguments[1], &j->file, err) ||
        !read_real(j->file, "scale", &options.input_scale, err) ||
        !read_real(j->file, "shift", &options.input_shift, err) ||
        !read_real(j->file, "image", &is_image, err) ||
        !h5_read(j->file, "/inputs", C2S_U8, &j->samples, err))
        return false;
    options.input_is_integers = is_image == 0;
    if (j->model->dialect == C2S_DIALECT_CNN2SNN_18)
        options.rule = C2S_CONVERT_18;
    return c2s_akida_convert(j->model, &options, &j->net, err) &&
           c2s_akida_forward(j->net, j->samples, true, NULL, NULL, &j->expected, err) &&
           c2s_akida_image_write(j->net, arguments[2], true, j->samples, j->expected, err);
}

int main(int argc, char **argv)
{
    struct c2s_error err = {0};
    struct job j = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: write_image QUANTIZED.h5 EXPECTED.h5 IMAGE\n");
        return 2;
    }
    bool ok = run(&j, argv + 1, &err);
    if (!ok)
        fprintf(stderr, "write_image: %s: %s\n", err.where, err.text);
    c2s_tensor_unref(j.samples);
    c2s_tensor_unref(j.expected);
    c2s_akida_net_destroy(j.net);
    c2s_model_destroy(j.model);
    h5_close(j.file);
    return !ok;
}
