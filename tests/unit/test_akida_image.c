/* The Akida image: what is written is read back, and files that are cut, of another kind or of a
 * newer version are refused with a sentence. */
#include "files.h"
#include "random_net.h"

#include <math.h>
#include <stdio.h>

#include "h5/h5.h"

static struct c2s_akida_net *sample_net(void)
{
    const struct layer_recipe chain[] = {
        {.type = C2S_AKIDA_INPUT_CONVOLUTIONAL,
         .filters = 5,
         .kernel = {5, 3},
         .strides = {2, 1},
         .padding = C2S_SAME,
         .pool = C2S_AKIDA_MAX_POOL,
         .pool_size = {2, 2},
         .pool_strides = {2, 1},
         .weights_bits = 8,
         .act_bits = 4,
         .padding_value = 128},
        {.type = C2S_AKIDA_SEPARABLE_CONVOLUTIONAL,
         .filters = 6,
         .kernel = {3, 3},
         .strides = {1, 1},
         .padding = C2S_SAME,
         .pool = C2S_AKIDA_AVERAGE_POOL,
         .weights_bits = 4,
         .act_bits = 1},
        dense_recipe(4, 2, 0),
    };
    struct c2s_akida_net *net = random_net((int[]){12, 10, 3}, chain, 3);
    net->rule = C2S_CONVERT_18;
    net->input_scale = 127.5;
    net->input_shift = 128;
    return net;
}

static struct c2s_akida_net *sample_input_data_net(void)
{
    const struct layer_recipe layer = {.type = C2S_AKIDA_CONVOLUTIONAL,
                                       .filters = 3,
                                       .kernel = {1, 1},
                                       .strides = {1, 1},
                                       .padding = C2S_VALID,
                                       .weights_bits = 4,
                                       .act_bits = 2};
    return random_net((int[]){4, 5, 6}, &layer, 1);
}

static void assert_same_tensor(const struct c2s_tensor *a, const struct c2s_tensor *b)
{
    assert_true((a == NULL) == (b == NULL));
    if (!a)
        return;
    assert_int_equal(a->dtype, b->dtype);
    assert_true(c2s_tensor_same_shape(a, b));
    assert_memory_equal(a->data, b->data, c2s_tensor_bytes(a));
}

static void assert_same_net(const struct c2s_akida_net *a, const struct c2s_akida_net *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->n_layers, b->n_layers);
    assert_int_equal(a->rule, b->rule);
    assert_true(a->input_scale == b->input_scale && a->input_shift == b->input_shift);
    for (int i = 0; i < a->n_layers; i++) {
        struct c2s_akida_layer x = a->layers[i], y = b->layers[i];
        assert_string_equal(x.name, y.name);
        assert_same_tensor(x.weights, y.weights);
        assert_same_tensor(x.weights_pw, y.weights_pw);
        assert_same_tensor(x.threshold, y.threshold);
        assert_same_tensor(x.act_step, y.act_step);
        x.name = y.name = NULL;
        x.weights = x.weights_pw = x.threshold = x.act_step = NULL;
        y.weights = y.weights_pw = y.threshold = y.act_step = NULL;
        /* What remains are numbers; padding bytes are zero in both, which come from calloc. */
        assert_memory_equal(&x, &y, sizeof x);
    }
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    char *dir = make_temp_dir(), path[300];
    snprintf(path, sizeof path, "%s/image.h5", dir);
    for (int i = 0; i < 2; i++) {
        struct c2s_akida_net *net = i ? sample_input_data_net() : sample_net(), *back = NULL;
        struct c2s_error err = {0};
        assert_ok(c2s_akida_image_write(net, path, i > 0, NULL, NULL, &err), &err);
        assert_ok(c2s_akida_image_read(path, &back, &err), &err);
        assert_same_net(net, back);
        c2s_akida_net_destroy(net);
        c2s_akida_net_destroy(back);
    }
    remove_temp_dir(dir);
}

static void samples_are_kept(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    char *dir = make_temp_dir(), path[300];
    snprintf(path, sizeof path, "%s/image.h5", dir);
    struct c2s_akida_net *net = sample_net();
    struct c2s_tensor *x = random_tensor(C2S_U8, 4, (int64_t[]){3, 12, 10, 3}, 0, 255), *y = NULL;
    struct c2s_tensor *x_back = NULL, *y_back = NULL;
    struct h5_file *f = NULL;
    assert_ok(c2s_akida_forward(net, x, true, NULL, NULL, &y, &err), &err);
    assert_ok(c2s_akida_image_write(net, path, false, x, y, &err), &err);
    assert_ok(h5_open(path, &f, &err), &err);
    assert_ok(h5_read(f, "/verify/samples", C2S_U8, &x_back, &err), &err);
    assert_ok(h5_read(f, "/verify/expected", C2S_I32, &y_back, &err), &err);
    assert_same_tensor(x, x_back);
    assert_same_tensor(y, y_back);
    h5_close(f);
    struct c2s_tensor *tensors[] = {x, y, x_back, y_back};
    for (int i = 0; i < 4; i++)
        c2s_tensor_unref(tensors[i]);
    c2s_akida_net_destroy(net);
    remove_temp_dir(dir);
}

static void an_older_file_stays_unless_overwritten(void **state)
{
    (void)state;
    char *dir = make_temp_dir(), path[300];
    snprintf(path, sizeof path, "%s/image.h5", dir);
    struct c2s_akida_net *net = sample_net(), *back = NULL;
    struct c2s_error err = {0}, exists = {0}, range = {0};
    assert_ok(c2s_akida_image_write(net, path, false, NULL, NULL, &err), &err);
    assert_false(c2s_akida_image_write(net, path, false, NULL, NULL, &exists));
    assert_int_equal(exists.code, C2S_EXISTS);
    c2s_f32(net->layers[1].act_step)[2] = NAN;
    assert_false(c2s_akida_image_write(net, path, true, NULL, NULL, &range));
    assert_int_equal(range.code, C2S_RANGE);
    assert_non_null(strstr(range.text, net->layers[1].name));
    assert_ok(c2s_akida_image_read(path, &back, &err), &err);
    c2s_akida_net_destroy(back);
    c2s_akida_net_destroy(net);
    remove_temp_dir(dir);
}

/* A file that lacks something or says something impossible: rewritten by hand, one change each. */
struct change {
    const char *path, *name;
    int64_t value;
};

static const struct change usual[] = {{"/", "version", 1},
                                      {"/", "n_layers", 2},
                                      {"a", "keras_first", 0},
                                      {"a", "keras_last", 0},
                                      {"a", "filters", 2},
                                      {"a", "input_height", 1},
                                      {"a", "input_width", 1},
                                      {"a", "input_channels", 2},
                                      {"a", "output_height", 1},
                                      {"a", "output_width", 1},
                                      {"a", "output_channels", 2},
                                      {"a", "kernel_height", 1},
                                      {"a", "kernel_width", 1},
                                      {"a", "stride_vertical", 1},
                                      {"a", "stride_horizontal", 1},
                                      {"a", "pool_height", -1},
                                      {"a", "pool_width", -1},
                                      {"a", "pool_stride_vertical", -1},
                                      {"a", "pool_stride_horizontal", -1},
                                      {"a", "weights_bits", 4},
                                      {"a", "act_bits", 0},
                                      {"a", "input_bits", 4},
                                      {"a", "padding_value", 0},
                                      {"a", "has_activation", 0}};

/* The usual integers of the file ("/") or of a layer's group, but for the one to change. */
static void write_integers(struct h5_writer *w, const char *group, const struct change *c)
{
    struct c2s_error err = {0};
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        bool is_here = (strcmp(usual[i].path, "/") == 0) == (strcmp(group, "/") == 0);
        bool is_changed = c && strcmp(c->path, group) == 0 && strcmp(c->name, usual[i].name) == 0;
        int64_t value = is_changed ? c->value : usual[i].value;
        assert_ok(!is_here || h5_write_integer(w, group, usual[i].name, value, &err), &err);
    }
}

/* A change whose path is a tensor leaves that one out. */
static void write_tensors(struct h5_writer *w, const char *group, const struct change *c)
{
    static const char *const names[] = {"weights", "threshold", "act_step"};
    struct c2s_error err = {0};
    int64_t n = 2;
    struct c2s_tensor *t[] = {random_tensor(C2S_I8, 4, (int64_t[]){1, 1, 2, 2}, -7, 7),
                              random_tensor(C2S_I32, 1, &n, -7, 7),
                              random_tensor(C2S_F32, 1, &n, 40, 99)};
    for (int i = 0; i < 3; i++) {
        char dataset[64];
        snprintf(dataset, sizeof dataset, "%s/%s", group, names[i]);
        bool is_left_out = c && strcmp(c->path, dataset) == 0;
        assert_ok(is_left_out || h5_write(w, dataset, t[i], &err), &err);
        c2s_tensor_unref(t[i]);
    }
}

/* InputData and a FullyConnected layer, with that change; true when the file is read. */
static bool write_changed(const char *path, const struct change *c)
{
    struct c2s_error err = {0}, problem = {0};
    struct h5_writer *w = NULL;
    struct c2s_akida_net *net = NULL;
    assert_ok(h5_create(path, true, &w, &err), &err);
    assert_ok(h5_write_text(w, "/", "format", "c2s akida image", &err) &&
                  h5_write_text(w, "/", "name", "n", &err) &&
                  h5_write_text(w, "/", "rule", "2.2", &err) &&
                  h5_write_real(w, "/", "input_scale", 1, &err) &&
                  h5_write_real(w, "/", "input_shift", 0, &err),
              &err);
    write_integers(w, "/", c);
    for (int layer = 0; layer < 2; layer++) {
        char group[32];
        snprintf(group, sizeof group, "/layers/%04d", layer);
        assert_ok(
            h5_write_group(w, group, &err) && h5_write_text(w, group, "name", "l", &err) &&
                h5_write_text(w, group, "type", layer ? "FullyConnected" : "InputData", &err) &&
                h5_write_text(w, group, "padding", "valid", &err) &&
                h5_write_text(w, group, "pool", "none", &err) &&
                h5_write_text(w, group, "pool_padding", "valid", &err),
            &err);
        write_integers(w, group, c);
        if (layer > 0)
            write_tensors(w, group, c);
    }
    assert_ok(h5_commit(w, &err), &err);
    bool ok = c2s_akida_image_read(path, &net, &problem);
    c2s_akida_net_destroy(net);
    assert_true(ok || (problem.code == C2S_FORMAT && !net));
    return ok;
}

static void impossible_contents_are_refused(void **state)
{
    (void)state;
    char *dir = make_temp_dir(), path[300];
    snprintf(path, sizeof path, "%s/image.h5", dir);
    static const struct change changes[] = {{"/", "version", 2},
                                            {"/", "version", 0},
                                            {"/", "n_layers", 3},
                                            {"/", "n_layers", 0},
                                            {"/", "n_layers", 2000000000},
                                            {"/layers/0000", "input_height", 1 << 20},
                                            {"/layers/0000", "output_channels", 3},
                                            {"/layers/0001", "input_channels", 3},
                                            {"/layers/0001", "filters", 3},
                                            {"/layers/0001", "filters", 0},
                                            {"/layers/0001", "kernel_height", 0},
                                            {"/layers/0001", "kernel_height", 3},
                                            {"/layers/0001", "stride_vertical", 0},
                                            {"/layers/0001", "weights_bits", 9},
                                            {"/layers/0001", "act_bits", 5},
                                            {"/layers/0001", "act_bits", 4},
                                            {"/layers/0001", "input_bits", 60},
                                            {"/layers/0001", "has_activation", 1},
                                            {"/layers/0001", "has_activation", 7},
                                            {"/layers/0001/weights", "", 0},
                                            {"/layers/0001/threshold", "", 0},
                                            {"/layers/0001/act_step", "", 0}};
    assert_true(write_changed(path, NULL));
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        if (write_changed(path, &changes[i]))
            fail_msg("%s %s = %lld was read", changes[i].path, changes[i].name,
                     (long long)changes[i].value);
    remove_temp_dir(dir);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    struct c2s_akida_net *net = NULL;
    const char *paths[] = {data_path("fm_sep.h5"), data_path("README.md"), "/nowhere/image.h5"};
    enum c2s_code codes[] = {C2S_FORMAT, C2S_FORMAT, C2S_IO};
    for (int i = 0; i < 3; i++) {
        struct c2s_error err = {0};
        assert_false(c2s_akida_image_read(paths[i], &net, &err));
        assert_int_equal(err.code, codes[i]);
        assert_null(net);
    }
}

static void cut_files_are_refused(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    char *dir = make_temp_dir(), path[300];
    snprintf(path, sizeof path, "%s/image.h5", dir);
    struct c2s_akida_net *net = sample_net();
    assert_ok(c2s_akida_image_write(net, path, false, NULL, NULL, &err), &err);
    c2s_akida_net_destroy(net);
    size_t n;
    char *bytes = read_file(path, &n);
    assert_true(n > 1000);
    for (size_t i = 0; i < 40; i++) {
        struct c2s_error problem = {0};
        write_file(path, bytes, n * i / 40);
        assert_false(c2s_akida_image_read(path, &net, &problem));
        assert_int_equal(problem.code, C2S_FORMAT);
        assert_null(net);
    }
    free(bytes);
    remove_temp_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(samples_are_kept),
        cmocka_unit_test(an_older_file_stays_unless_overwritten),
        cmocka_unit_test(impossible_contents_are_refused),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(cut_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
