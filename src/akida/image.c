/* The Akida image: an HDF5 file that holds a converted network. Its format is documented in
 * c2s-image(5); change both together, and the version number with them. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <c2s/akida.h>

#include "base/alloc.h"
#include "h5/h5.h"

static const char format_name[] = "c2s akida image";
enum { FORMAT_VERSION = 1, MAX_LAYERS = 10000, MAX_SIZE = 1 << 20, MAX_VOLUME = 1 << 30 };

static const char *const pool_names[] = {[C2S_AKIDA_NO_POOL] = "none",
                                         [C2S_AKIDA_MAX_POOL] = "max",
                                         [C2S_AKIDA_AVERAGE_POOL] = "average"};
static const char *const padding_names[] = {[C2S_VALID] = "valid", [C2S_SAME] = "same"};
static const char *const rule_names[] = {[C2S_CONVERT_22] = "2.2", [C2S_CONVERT_18] = "1.8"};

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* The integers of a layer, under the names they have in the file, with what is possible. */
struct integer_field {
    const char *name;
    size_t offset;
    int low, high;
};
#define FIELD(name, member, low, high)                                                             \
    {                                                                                              \
        name, offsetof(struct c2s_akida_layer, member), low, high                                  \
    }
static const struct integer_field integer_fields[] = {
    FIELD("keras_first", keras_first, 0, MAX_SIZE),
    FIELD("keras_last", keras_last, 0, MAX_SIZE),
    FIELD("input_height", input_dims[0], 1, MAX_SIZE),
    FIELD("input_width", input_dims[1], 1, MAX_SIZE),
    FIELD("input_channels", input_dims[2], 1, MAX_SIZE),
    FIELD("output_height", output_dims[0], 1, MAX_SIZE),
    FIELD("output_width", output_dims[1], 1, MAX_SIZE),
    FIELD("output_channels", output_dims[2], 1, MAX_SIZE),
    FIELD("filters", filters, 0, MAX_SIZE),
    FIELD("kernel_height", kernel[0], 1, MAX_SIZE),
    FIELD("kernel_width", kernel[1], 1, MAX_SIZE),
    FIELD("stride_vertical", strides[0], 1, MAX_SIZE),
    FIELD("stride_horizontal", strides[1], 1, MAX_SIZE),
    FIELD("pool_height", pool_size[0], -1, MAX_SIZE),
    FIELD("pool_width", pool_size[1], -1, MAX_SIZE),
    FIELD("pool_stride_vertical", pool_strides[0], -1, MAX_SIZE),
    FIELD("pool_stride_horizontal", pool_strides[1], -1, MAX_SIZE),
    FIELD("weights_bits", weights_bits, 0, 8),
    FIELD("act_bits", act_bits, 0, 4),
    FIELD("input_bits", input_bits, 1, 8),
    FIELD("padding_value", padding_value, -1000000000, 1000000000),
};

static void layer_path(char path[32], int index)
{
    snprintf(path, 32, "/layers/%04d", index);
}

/* ---- writing ---- */

static bool check_finite(const struct c2s_akida_net *net, struct c2s_error *err)
{
    if (!isfinite(net->input_scale) || !isfinite(net->input_shift))
        return c2s_fail(err, C2S_RANGE, "the input scaling is NaN or infinite; give it numbers");
    for (int i = 0; i < net->n_layers; i++) {
        const struct c2s_tensor *t = net->layers[i].act_step;
        for (int64_t k = 0; t && k < c2s_tensor_count(t); k++)
            if (!isfinite(c2s_f32(t)[k]))
                return c2s_fail(err, C2S_RANGE,
                                "layer '%s' has an act_step that is NaN or infinite; check its "
                                "weights and convert again",
                                net->layers[i].name);
    }
    return true;
}

static bool write_layer(struct h5_writer *w, const struct c2s_akida_layer *l, int index,
                        struct c2s_error *err)
{
    char path[32], dataset[64];
    layer_path(path, index);
    bool ok = h5_write_group(w, path, err) && h5_write_text(w, path, "name", l->name, err) &&
              h5_write_text(w, path, "type", c2s_akida_type_name(l->type), err) &&
              h5_write_text(w, path, "padding", padding_names[l->padding], err) &&
              h5_write_text(w, path, "pool", pool_names[l->pool], err) &&
              h5_write_text(w, path, "pool_padding", padding_names[l->pool_padding], err) &&
              h5_write_integer(w, path, "has_activation", l->has_activation, err);
    for (int i = 0; ok && i < COUNT(integer_fields); i++)
        ok = h5_write_integer(w, path, integer_fields[i].name,
                              *(const int *)((const char *)l + integer_fields[i].offset), err);
    const struct {
        const char *name;
        const struct c2s_tensor *t;
    } tensors[] = {{"weights", l->weights},
                   {"weights_pw", l->weights_pw},
                   {"threshold", l->threshold},
                   {"act_step", l->act_step}};
    for (int i = 0; ok && i < COUNT(tensors); i++) {
        snprintf(dataset, sizeof dataset, "%s/%s", path, tensors[i].name);
        ok = !tensors[i].t || h5_write(w, dataset, tensors[i].t, err);
    }
    return ok;
}

static bool write_all(struct h5_writer *w, const struct c2s_akida_net *net,
                      const struct c2s_tensor *samples, const struct c2s_tensor *expected,
                      struct c2s_error *err)
{
    bool ok = h5_write_text(w, "/", "format", format_name, err) &&
              h5_write_integer(w, "/", "version", FORMAT_VERSION, err) &&
              h5_write_text(w, "/", "writer", "c2s-shell " C2S_VERSION, err) &&
              h5_write_text(w, "/", "name", net->name, err) &&
              h5_write_text(w, "/", "rule", rule_names[net->rule], err) &&
              h5_write_integer(w, "/", "n_layers", net->n_layers, err) &&
              h5_write_real(w, "/", "input_scale", net->input_scale, err) &&
              h5_write_real(w, "/", "input_shift", net->input_shift, err) &&
              h5_write_group(w, "/layers", err);
    for (int i = 0; ok && i < net->n_layers; i++)
        ok = write_layer(w, &net->layers[i], i, err);
    return ok && (!samples || h5_write(w, "/verify/samples", samples, err)) &&
           (!expected || h5_write(w, "/verify/expected", expected, err));
}

bool c2s_akida_image_write(const struct c2s_akida_net *net, const char *path, bool overwrite,
                           const struct c2s_tensor *samples, const struct c2s_tensor *expected,
                           struct c2s_error *err)
{
    struct h5_writer *w = NULL;
    if (!check_finite(net, err) || !h5_create(path, overwrite, &w, err))
        return false;
    if (write_all(w, net, samples, expected, err))
        return h5_commit(w, err);
    h5_discard(w);
    return c2s_fail_at(err, "%s", path);
}

/* ---- reading ---- */

static bool missing(const char *path, const char *name, struct c2s_error *err)
{
    return c2s_fail(err, C2S_FORMAT,
                    "the Akida image has no valid '%s' in '%s'; export the version again", name,
                    path);
}

static bool read_integer(struct h5_file *f, const char *path, const struct integer_field *field,
                         int *value, struct c2s_error *err)
{
    double real = NAN;
    bool found = false;
    if (!h5_attr_real(f, path, field->name, &real, &found, err))
        return false;
    if (!found || !(real >= field->low && real <= field->high) || real != floor(real))
        return missing(path, field->name, err);
    *value = (int)real;
    return true;
}

/* Index of the attribute's text in a table of names. */
static bool read_choice(struct h5_file *f, const char *path, const char *name,
                        const char *const *names, int n, int *value, struct c2s_error *err)
{
    char *text = NULL;
    bool found = false;
    if (!h5_attr_text(f, path, name, &text, &found, err))
        return false;
    *value = -1;
    for (int i = 0; text && i < n; i++)
        if (strcmp(text, names[i]) == 0)
            *value = i;
    c2s_free(text);
    return *value >= 0 || missing(path, name, err);
}

static bool read_text(struct h5_file *f, const char *path, const char *name, char **text,
                      struct c2s_error *err)
{
    bool found = false;
    return h5_attr_text(f, path, name, text, &found, err) && (found || missing(path, name, err));
}

/* What a tensor of a layer must be. */
struct tensor_field {
    const char *name;
    enum c2s_dtype dtype;
    int rank;
    int64_t dims[4];
};

static bool read_tensor(struct h5_file *f, const char *path, const struct tensor_field *field,
                        struct c2s_tensor **out, struct c2s_error *err)
{
    char dataset[64];
    struct h5_shape shape;
    snprintf(dataset, sizeof dataset, "%s/%s", path, field->name);
    if (!h5_shape(f, dataset, &shape, err))
        return false;
    bool fits = shape.rank == field->rank;
    for (int i = 0; fits && i < field->rank; i++)
        fits = shape.dims[i] == field->dims[i];
    return (fits || missing(path, field->name, err)) && h5_read(f, dataset, field->dtype, out, err);
}

static bool check_numbers(const char *path, const struct c2s_akida_layer *l, struct c2s_error *err)
{
    for (int i = 0; i < l->filters; i++) {
        float step = c2s_f32(l->act_step)[i];
        if (!isfinite(step) || step < 0)
            return missing(path, "act_step", err);
    }
    return true;
}

static bool read_tensors(struct h5_file *f, const char *path, struct c2s_akida_layer *l,
                         struct c2s_error *err)
{
    bool is_separable = l->type == C2S_AKIDA_SEPARABLE_CONVOLUTIONAL;
    int64_t C = l->input_dims[2], N = l->filters;
    struct tensor_field weights = {
        "weights", C2S_I8, 4, {l->kernel[0], l->kernel[1], C, is_separable ? 1 : N}};
    const struct tensor_field weights_pw = {"weights_pw", C2S_I8, 4, {1, 1, C, N}};
    const struct tensor_field threshold = {"threshold", C2S_I32, 1, {N}};
    const struct tensor_field act_step = {"act_step", C2S_F32, 1, {N}};
    if (l->type == C2S_AKIDA_FULLY_CONNECTED)
        weights.dims[2] = (int64_t)l->input_dims[0] * l->input_dims[1] * C;
    return read_tensor(f, path, &weights, &l->weights, err) &&
           (!is_separable || read_tensor(f, path, &weights_pw, &l->weights_pw, err)) &&
           read_tensor(f, path, &threshold, &l->threshold, err) &&
           read_tensor(f, path, &act_step, &l->act_step, err) && check_numbers(path, l, err);
}

/* A layer must be what the simulation takes for granted. */
static bool check_layer(const char *path, const struct c2s_akida_layer *l,
                        const struct c2s_akida_layer *before, struct c2s_error *err)
{
    bool is_first_type =
        l->type == C2S_AKIDA_INPUT_DATA || l->type == C2S_AKIDA_INPUT_CONVOLUTIONAL;
    if (is_first_type == (before != NULL))
        return missing(path, "type", err);
    if (before && (memcmp(before->output_dims, l->input_dims, sizeof l->input_dims) != 0 ||
                   !(before->has_activation || before->type == C2S_AKIDA_INPUT_DATA)))
        return missing(path, "input_height", err);
    int64_t volume = (int64_t)l->input_dims[0] * l->input_dims[1] * l->input_dims[2];
    if (volume > MAX_VOLUME ||
        (int64_t)l->input_dims[0] * l->input_dims[1] * l->filters > MAX_VOLUME)
        return missing(path, "input_height", err);
    if (l->has_activation != (l->act_bits > 0))
        return missing(path, "act_bits", err);
    int64_t out[3] = {1, 1, l->filters};
    bool is_dense = l->type == C2S_AKIDA_FULLY_CONNECTED;
    for (int i = 0; i < 2 && !is_dense; i++) {
        out[i] =
            c2s_window_length(l->input_dims[i], l->kernel[i], l->strides[i], 1, l->padding, NULL);
        if (l->pool == C2S_AKIDA_AVERAGE_POOL)
            out[i] = 1;
        else if (l->pool == C2S_AKIDA_MAX_POOL && l->pool_size[i] > 0 && l->pool_strides[i] > 0)
            out[i] = c2s_window_length(out[i], l->pool_size[i], l->pool_strides[i], 1,
                                       l->pool_padding, NULL);
        else if (l->pool == C2S_AKIDA_MAX_POOL)
            return missing(path, "pool_height", err);
    }
    for (int i = 0; i < 3; i++)
        if (l->output_dims[i] != (l->type == C2S_AKIDA_INPUT_DATA ? l->input_dims[i] : out[i]))
            return missing(path, "output_height", err);
    if (is_dense && (l->kernel[0] != 1 || l->kernel[1] != 1 || l->pool != C2S_AKIDA_NO_POOL))
        return missing(path, "kernel_height", err);
    return l->type == C2S_AKIDA_INPUT_DATA || l->filters > 0 || missing(path, "filters", err);
}

static bool read_layer(struct h5_file *f, struct c2s_akida_net *net, int index,
                       struct c2s_error *err)
{
    struct c2s_akida_layer *l = &net->layers[index];
    char path[32];
    int type, padding, pool, pool_padding;
    const char *type_names[C2S_AKIDA_TYPE_COUNT];
    const struct integer_field flag = {"has_activation", 0, 0, 1};
    int has_activation = 0;
    layer_path(path, index);
    for (int i = 0; i < C2S_AKIDA_TYPE_COUNT; i++)
        type_names[i] = c2s_akida_type_name((enum c2s_akida_type)i);
    bool ok = read_text(f, path, "name", &l->name, err) &&
              read_choice(f, path, "type", type_names, C2S_AKIDA_TYPE_COUNT, &type, err) &&
              read_choice(f, path, "padding", padding_names, 2, &padding, err) &&
              read_choice(f, path, "pool", pool_names, COUNT(pool_names), &pool, err) &&
              read_choice(f, path, "pool_padding", padding_names, 2, &pool_padding, err) &&
              read_integer(f, path, &flag, &has_activation, err);
    for (int i = 0; ok && i < COUNT(integer_fields); i++)
        ok = read_integer(f, path, &integer_fields[i],
                          (int *)((char *)l + integer_fields[i].offset), err);
    if (!ok)
        return false;
    l->type = (enum c2s_akida_type)type;
    l->padding = (enum c2s_padding)padding;
    l->pool = (enum c2s_akida_pool)pool;
    l->pool_padding = (enum c2s_padding)pool_padding;
    l->has_activation = has_activation;
    return check_layer(path, l, index > 0 ? l - 1 : NULL, err) &&
           (l->type == C2S_AKIDA_INPUT_DATA || read_tensors(f, path, l, err));
}

static bool check_format(struct h5_file *f, int *n_layers, struct c2s_error *err)
{
    const struct integer_field version = {"version", 0, 1, 1000000},
                               layers = {"n_layers", 0, 1, MAX_LAYERS};
    char *text = NULL;
    bool found = false;
    int number = 0;
    if (!h5_attr_text(f, "/", "format", &text, &found, err))
        return false;
    bool is_image = found && strcmp(text, format_name) == 0;
    c2s_free(text);
    if (!is_image)
        return c2s_fail(err, C2S_FORMAT,
                        "this HDF5 file is no Akida image; make one with 'export VERSION FILE'");
    if (!read_integer(f, "/", &version, &number, err))
        return false;
    if (number > FORMAT_VERSION)
        return c2s_fail(err, C2S_FORMAT,
                        "this Akida image has version %d, and this program knows up to %d; use a "
                        "newer c2s-shell",
                        number, FORMAT_VERSION);
    return read_integer(f, "/", &layers, n_layers, err);
}

static bool read_net(struct h5_file *f, struct c2s_akida_net *net, struct c2s_error *err)
{
    int n = 0, rule = 0;
    bool has_scale = false, has_shift = false;
    if (!check_format(f, &n, err) || !read_text(f, "/", "name", &net->name, err) ||
        !read_choice(f, "/", "rule", rule_names, COUNT(rule_names), &rule, err) ||
        !h5_attr_real(f, "/", "input_scale", &net->input_scale, &has_scale, err) ||
        !h5_attr_real(f, "/", "input_shift", &net->input_shift, &has_shift, err))
        return false;
    if (!has_scale || !has_shift || !isfinite(net->input_scale) || !isfinite(net->input_shift))
        return missing("/", "input_scale", err);
    net->rule = (enum c2s_rule_of_conversion)rule;
    net->layers = c2s_calloc((size_t)n, sizeof *net->layers);
    if (!net->layers)
        return c2s_fail_nomem(err);
    net->n_layers = n;
    for (int i = 0; i < n; i++)
        if (!read_layer(f, net, i, err))
            return false;
    return true;
}

bool c2s_akida_image_read(const char *path, struct c2s_akida_net **out, struct c2s_error *err)
{
    struct h5_file *f = NULL;
    *out = NULL;
    if (!h5_open(path, &f, err))
        return false;
    struct c2s_akida_net *net = c2s_calloc(1, sizeof *net);
    bool ok = net ? read_net(f, net, err) : c2s_fail_nomem(err);
    h5_close(f);
    if (ok) {
        *out = net;
        return true;
    }
    c2s_akida_net_destroy(net);
    return c2s_fail_at(err, "%s", path);
}
