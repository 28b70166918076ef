/* Conversion and integer execution against the real toolkit: every model, release and tag of
 * tests/data/expected. Integers and act_steps must be equal to the last bit. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/akida.h>
#include <c2s/engine.h>
#include <c2s/keras.h>
#include <c2s/quantize.h>
#include "base/alloc.h"
#include "h5/h5.h"

static const char *const models[] = {"akidanet", "ds_cnn", "fm_sep", "fm_vgg", "mlp", "valid_net"};
static const char *const releases[] = {"v18", "v22"};

/* One variant: a model, a release of the toolkit, bits, and where the layers came from. */
struct variant {
    const char *model, *release, *tag, *origin;
    struct h5_file *expected;
    double scale, shift;
    bool is_image;
};

static bool is_old(const struct variant *v)
{
    return strcmp(v->release, "v18") == 0;
}

/* Release 1.8.13 swaps the spatial axes of a non-image input in front of a dense layer. */
static bool is_swapped(const struct variant *v)
{
    return is_old(v) && strcmp(v->model, "mlp") == 0;
}

static void name_of(const struct variant *v, char text[128])
{
    snprintf(text, 128, "%s %s %s (%s)", v->model, v->release, v->tag, v->origin);
}

static struct c2s_tensor *read_tensor(const struct variant *v, enum c2s_dtype dtype,
                                      const char *layer, const char *name)
{
    struct c2s_error err = {0};
    struct c2s_tensor *t = NULL;
    char path[256];
    snprintf(path, sizeof path, "/%s/%s/akida/%s%s%s", v->release, v->tag, layer, *layer ? "/" : "",
             name);
    assert_ok(h5_read(v->expected, path, dtype, &t, &err), &err);
    return t;
}

static double attribute(const struct variant *v, const char *path, const char *name)
{
    struct c2s_error err = {0};
    double value = 0;
    bool found = false;
    assert_ok(h5_attr_real(v->expected, path, name, &value, &found, &err), &err);
    assert_true(found);
    return value;
}

/* Where element (h, w, c, n) of our weights stands in the release's: 1.8 has W,H,C,N, and rows of a
 * dense kernel in the order C,H,W instead of C,W,H. */
static int64_t place(const struct variant *v, const struct c2s_akida_layer *l, int64_t index)
{
    int64_t N = l->weights->dims[3], n = index % N, rest = index / N;
    if (!is_old(v))
        return index;
    if (l->type == C2S_AKIDA_FULLY_CONNECTED) {
        int64_t H = l->input_dims[0], W = l->input_dims[1];
        int64_t h = rest % H, w = rest / H % W, c = rest / H / W;
        return ((c * H + h) * W + w) * N + n;
    }
    int64_t C = l->weights->dims[2], KW = l->weights->dims[1], KH = l->weights->dims[0];
    int64_t c = rest % C, w = rest / C % KW, h = rest / C / KW;
    return ((w * KH + h) * C + c) * N + n;
}

static void compare_weights(const struct variant *v, const struct c2s_akida_layer *l,
                            const char *group, const char *what)
{
    struct c2s_tensor *t = read_tensor(v, C2S_I8, group, "weights");
    int64_t n = 0, count = c2s_tensor_count(t);
    assert_int_equal(count, c2s_tensor_count(l->weights));
    for (int64_t i = 0; i < count; i++)
        n += c2s_i8(l->weights)[i] != c2s_i8(t)[place(v, l, i)];
    if (n > 0)
        fail_msg("%s %s: %lld of %lld weights differ", what, l->name, (long long)n,
                 (long long)count);
    c2s_tensor_unref(t);
}

static void compare_bits(const struct variant *v, const struct c2s_tensor *ours, const char *group,
                         const char *name, const char *what)
{
    struct c2s_tensor *t = read_tensor(v, ours->dtype, group, name);
    size_t bytes = c2s_dtype_bytes(ours->dtype), n = 0;
    assert_int_equal(c2s_tensor_count(t), c2s_tensor_count(ours));
    for (size_t i = 0; i < (size_t)c2s_tensor_count(t); i++)
        n += memcmp((char *)t->data + i * bytes, (char *)ours->data + i * bytes, bytes) != 0;
    if (n > 0)
        fail_msg("%s %s: %zu of %lld values of %s differ", what, group, n,
                 (long long)c2s_tensor_count(t), name);
    c2s_tensor_unref(t);
}

static void compare_text(const struct variant *v, const char *path, const char *name,
                         const char *ours)
{
    struct c2s_error err = {0};
    char *text = NULL;
    bool found = false;
    assert_ok(h5_attr_text(v->expected, path, name, &text, &found, &err), &err);
    assert_string_equal(text, ours);
    c2s_free(text);
}

static void compare_parameters(const struct variant *v, const struct c2s_akida_layer *l,
                               const char *group)
{
    static const char *const pools[] = {"none", "max", "average"};
    char path[256];
    snprintf(path, sizeof path, "/%s/%s/akida/%s", v->release, v->tag, group);
    compare_text(v, path, "type", c2s_akida_type_name(l->type));
    compare_text(v, path, "pool", pools[l->pool]);
    if (l->type == C2S_AKIDA_INPUT_DATA)
        return;
    assert_int_equal(l->filters, attribute(v, path, "filters"));
    assert_int_equal(l->weights_bits, attribute(v, path, "weights_bits"));
    assert_int_equal(l->has_activation, attribute(v, path, "has_activation"));
    if (l->has_activation)
        assert_int_equal(l->act_bits, attribute(v, path, "act_bits"));
    if (l->type == C2S_AKIDA_FULLY_CONNECTED)
        return;
    compare_text(v, path, "padding", l->padding == C2S_SAME ? "same" : "valid");
    assert_int_equal(l->padding_value, attribute(v, path, "padding_value"));
    const char *tails[] = {"h", "w"};
    char name[32];
    for (int i = 0; i < 2; i++) {
        const struct {
            const char *name;
            int value;
        } fields[] = {{"kernel_", l->kernel[i]},
                      {"stride_", l->strides[i]},
                      {"pool_", l->pool_size[i]},
                      {"pool_stride_", l->pool_strides[i]}};
        for (int k = 0; k < 4; k++) {
            snprintf(name, sizeof name, "%s%s", fields[k].name, tails[i]);
            assert_int_equal(fields[k].value, attribute(v, path, name));
        }
    }
}

static void compare_layers(const struct variant *v, const struct c2s_akida_net *net)
{
    struct c2s_error err = {0};
    struct h5_names names;
    char path[128], what[128];
    name_of(v, what);
    snprintf(path, sizeof path, "/%s/%s/akida", v->release, v->tag);
    assert_ok(h5_members(v->expected, path, &names, &err), &err);
    assert_int_equal(names.n, net->n_layers + 2); /* and forward, predict */
    for (int i = 0; i < net->n_layers; i++) {
        const struct c2s_akida_layer *l = &net->layers[i];
        compare_parameters(v, l, names.items[i]);
        if (l->type == C2S_AKIDA_INPUT_DATA)
            continue;
        assert_string_equal(names.items[i] + 3, l->name);
        if (!(is_swapped(v) && i == 1))
            compare_weights(v, l, names.items[i], what);
        if (l->weights_pw)
            compare_bits(v, l->weights_pw, names.items[i], "weights_pw", what);
        compare_bits(v, l->threshold, names.items[i], "threshold", what);
        compare_bits(v, l->act_step, names.items[i], "act_step", what);
    }
    h5_names_finish(&names);
}

static struct c2s_tensor *read_inputs(const struct variant *v)
{
    struct c2s_error err = {0};
    struct c2s_tensor *x = NULL;
    assert_ok(h5_read(v->expected, "/inputs", C2S_U8, &x, &err), &err);
    return x;
}

static void compare_forward(const struct variant *v, const struct c2s_akida_net *net)
{
    struct c2s_error err = {0};
    char what[128];
    name_of(v, what);
    struct c2s_tensor *x = read_inputs(v), *ours = NULL, *rescaled = NULL;
    struct c2s_tensor *predict = read_tensor(v, C2S_F32, "", "predict");
    for (int fast = 0; fast < 2; fast++) {
        assert_ok(c2s_akida_forward(net, x, fast, NULL, NULL, &ours, &err), &err);
        compare_bits(v, ours, "", "forward", what);
        if (!fast)
            c2s_tensor_unref(ours);
    }
    assert_ok(c2s_akida_rescale(net, ours, &rescaled, &err), &err);
    assert_int_equal(c2s_tensor_count(rescaled), c2s_tensor_count(predict));
    for (int64_t i = 0; i < c2s_tensor_count(predict); i++) {
        /* A difference, a division: two roundings, whatever way the toolkit does them. */
        float a = c2s_f32(rescaled)[i], b = c2s_f32(predict)[i];
        if (!(fabsf(a - b) <= 2 * 1.2e-7f * fabsf(b)))
            fail_msg("%s: output %lld is %.9g instead of %.9g", what, (long long)i, (double)a,
                     (double)b);
    }
    c2s_tensor_unref(x);
    c2s_tensor_unref(ours);
    c2s_tensor_unref(rescaled);
    c2s_tensor_unref(predict);
}

static void convert_and_compare(const struct variant *v, const struct c2s_model *m)
{
    struct c2s_error err = {0};
    struct c2s_akida_net *net = NULL;
    struct c2s_convert_options options = {.input_scale = v->scale,
                                          .input_shift = v->shift,
                                          .input_is_integers = !v->is_image,
                                          .rule = is_old(v) ? C2S_CONVERT_18 : C2S_CONVERT_22};
    assert_ok(c2s_akida_convert(m, &options, &net, &err), &err);
    compare_layers(v, net);
    if (!is_swapped(v))
        compare_forward(v, net);
    c2s_akida_net_destroy(net);
}

static struct c2s_model *quantize(const struct c2s_model *m, const struct variant *v)
{
    struct c2s_error err = {0};
    struct c2s_model *q = NULL;
    struct c2s_quantize_report report;
    struct c2s_quantize_plan plan = {.rule = is_old(v) ? C2S_RULE_18 : C2S_RULE_22};
    assert_int_equal(sscanf(v->tag, "iq%d_wq%d_aq%d", &plan.input_weight_quantization,
                            &plan.weight_quantization, &plan.activ_quantization),
                     3);
    assert_ok(c2s_quantize(m, &plan, NULL, &q, &report, &err), &err);
    return q;
}

/* fn on each variant of a model; returns how many there are. */
static int each_variant(const char *model, void (*fn)(struct variant *v))
{
    struct c2s_error err = {0};
    struct variant v = {.model = model};
    int n = 0;
    assert_ok(h5_open(data_path("expected/%s.expected.h5", model), &v.expected, &err), &err);
    v.scale = attribute(&v, "/", "scale");
    v.shift = attribute(&v, "/", "shift");
    v.is_image = attribute(&v, "/", "image") != 0;
    for (int r = 0; r < 2; r++) {
        char group[8];
        struct h5_names tags;
        v.release = releases[r];
        snprintf(group, sizeof group, "/%s", v.release);
        assert_ok(h5_members(v.expected, group, &tags, &err), &err);
        for (int i = 0; i < tags.n; i++) {
            if (strncmp(tags.items[i], "iq", 2) != 0)
                continue;
            v.tag = tags.items[i];
            fn(&v);
            n++;
        }
        h5_names_finish(&tags);
    }
    h5_close(v.expected);
    return n;
}

static void convert_toolkit_file(struct variant *v)
{
    struct c2s_error err = {0};
    struct c2s_model *m = NULL;
    v->origin = "the toolkit's own file";
    const char *path = data_path("expected/%s.expected_%s_%s.h5", v->model, v->release, v->tag);
    assert_ok(c2s_keras_read(path, NULL, &m, &err), &err);
    convert_and_compare(v, m);
    c2s_model_destroy(m);
}

static void convert_quantized_here(struct variant *v)
{
    struct c2s_error err = {0};
    struct c2s_model *m = NULL;
    v->origin = "quantized by us";
    assert_ok(c2s_keras_read(data_path("%s.h5", v->model), NULL, &m, &err), &err);
    struct c2s_model *q = quantize(m, v);
    convert_and_compare(v, q);
    c2s_model_destroy(q);
    c2s_model_destroy(m);
}

static void toolkit_files_convert_to_the_same_network(void **state)
{
    (void)state;
    int n = 0;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        n += each_variant(models[i], convert_toolkit_file);
    assert_int_equal(n, 32);
}

static void models_quantized_here_convert_to_the_same_network(void **state)
{
    (void)state;
    int n = 0;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        n += each_variant(models[i], convert_quantized_here);
    assert_int_equal(n, 32);
}

struct watched {
    int layers[64], n;
};

static bool watch(void *arg, int layer, const struct c2s_tensor *y)
{
    struct watched *w = arg;
    assert_int_equal(y->dtype, C2S_I32);
    w->layers[w->n++] = layer;
    return true;
}

static void run_engine(struct variant *v)
{
    struct c2s_error err = {0};
    struct c2s_model *m = NULL;
    struct c2s_engine *e = NULL;
    if (is_swapped(v))
        return;
    struct c2s_tensor *x = read_inputs(v), *y = NULL;
    struct c2s_tensor *predict = read_tensor(v, C2S_F32, "", "predict");
    struct watched w = {.n = 0};
    const char *path = data_path("expected/%s.expected_%s_%s.h5", v->model, v->release, v->tag);
    assert_ok(c2s_keras_read(path, NULL, &m, &err), &err);
    struct c2s_engine_options options = {
        .input_scale = v->scale, .input_shift = v->shift, .input_is_integers = !v->is_image};
    assert_ok(c2s_engine_create("akida", m, &options, &e, &err), &err);
    assert_ok(c2s_engine_run(e, (const struct c2s_tensor *const[]){x}, &y,
                             &(struct c2s_observer){watch, &w}, &err),
              &err);
    assert_int_equal(y->rank, m->layers[m->outputs[0]]->rank + 1);
    assert_int_equal(c2s_tensor_count(y), c2s_tensor_count(predict));
    for (int64_t i = 0; i < c2s_tensor_count(y); i++) /* as in compare_forward */
        assert_true(fabsf(c2s_f32(y)[i] - c2s_f32(predict)[i]) <=
                    2 * 1.2e-7f * fabsf(c2s_f32(predict)[i]));
    assert_true(w.n > 0);
    for (int i = 1; i < w.n; i++)
        assert_true(w.layers[i] > w.layers[i - 1] && w.layers[i] < m->n_layers);
    c2s_tensor_unref(predict);
    c2s_tensor_unref(y);
    c2s_engine_destroy(e);
    c2s_tensor_unref(x);
    c2s_model_destroy(m);
}

static void the_engine_gives_what_akida_predicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        each_variant(models[i], run_engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toolkit_files_convert_to_the_same_network),
        cmocka_unit_test(models_quantized_here_convert_to_the_same_network),
        cmocka_unit_test(the_engine_gives_what_akida_predicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
