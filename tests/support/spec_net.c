/* Chains of layers from one line of text, with random parameters, for tests that need many. */
#include "support.h"
#include "spec_net.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chains.h"
#include "series.h"

static const struct {
    const char *kind;
    enum c2s_op op;
} kinds[] = {{"conv", C2S_OP_CONV2D},         {"sep", C2S_OP_SEPARABLE_CONV2D},
             {"dw", C2S_OP_DEPTHWISE_CONV2D}, {"dense", C2S_OP_DENSE},
             {"bn", C2S_OP_BATCH_NORM},       {"resc", C2S_OP_RESCALING},
             {"relu", C2S_OP_RELU},           {"leaky", C2S_OP_LEAKY_RELU},
             {"prelu", C2S_OP_PRELU},         {"soft", C2S_OP_SOFTMAX},
             {"act", C2S_OP_ACTIVATION},      {"max", C2S_OP_MAX_POOL},
             {"avg", C2S_OP_AVERAGE_POOL},    {"gap", C2S_OP_GLOBAL_AVERAGE_POOL},
             {"flat", C2S_OP_FLATTEN},        {"drop", C2S_OP_DROPOUT},
             {"resh", C2S_OP_RESHAPE},        {"pad", C2S_OP_ZERO_PADDING}};

/* A layer's text, split: its number, and for each option letter its number (-1 = not there). */
struct token {
    enum c2s_op op;
    char kind[16];
    const char *rest; /* behind the kind */
    int number, option[26], second_kernel;
};

static void read_token(const char *text, struct token *t)
{
    size_t n = 0;
    memset(t, 0, sizeof *t);
    for (int i = 0; i < 26; i++)
        t->option[i] = -1;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i].kind);
        if (strncmp(text, kinds[i].kind, length) == 0 && length > n) {
            n = length;
            t->op = kinds[i].op;
            snprintf(t->kind, sizeof t->kind, "%s", kinds[i].kind);
        }
    }
    if (n == 0)
        fail_msg("what is '%s'?", text);
    t->rest = text + n;
    char *at = (char *)t->rest;
    t->number = isdigit((unsigned char)*at) ? (int)strtol(at, &at, 10) : -1;
    while (t->op != C2S_OP_ACTIVATION && islower((unsigned char)*at)) {
        int letter = *at++ - 'a';
        t->option[letter] = isdigit((unsigned char)*at) ? (int)strtol(at, &at, 10) : 1;
        if (letter == 'k' - 'a') {
            t->second_kernel = t->option[letter];
            if (*at == 'x')
                t->second_kernel = (int)strtol(at + 1, &at, 10);
        }
    }
}

static int option(const struct token *t, char letter, int fallback)
{
    int value = t->option[letter - 'a'];
    return value < 0 ? fallback : value;
}

static enum c2s_function own_function(const struct token *t)
{
    return option(t, 'r', 0)   ? C2S_FN_RELU
           : option(t, 't', 0) ? C2S_FN_TANH
           : option(t, 'x', 0) ? C2S_FN_SOFTMAX
                               : C2S_FN_LINEAR;
}

static void set_conv(struct c2s_layer *l, const struct token *t)
{
    struct c2s_conv_attr *a = &l->attr.conv;
    a->filters = t->number < 0 ? 0 : t->number;
    a->kernel[0] = option(t, 'k', 3);
    a->kernel[1] = t->second_kernel > 0 ? t->second_kernel : a->kernel[0];
    a->strides[0] = a->strides[1] = option(t, 's', 1);
    a->dilation[0] = a->dilation[1] = option(t, 'd', 1);
    a->groups = option(t, 'g', 1);
    a->depth_multiplier = option(t, 'm', 1);
    a->padding = option(t, 'v', 0) ? C2S_VALID : C2S_SAME;
    a->use_bias = !option(t, 'n', 0);
    a->function = own_function(t);
}

static void set_function(struct c2s_layer *l, const char *name)
{
    static const char *const names[] = {"linear",  "relu", "relu6", "softmax",
                                        "sigmoid", "tanh", "other"};
    for (int f = 0; f < 7; f++)
        if (strcmp(names[f], name) == 0)
            l->attr.activation.function = (enum c2s_function)f;
}

static void set_numbers(const char *text, int *out, int n)
{
    for (int i = 0; i < n; i++, text += *text == ',')
        out[i] = (int)strtol(text, (char **)&text, 10);
}

static void set_attributes(struct c2s_layer *l, const struct token *t)
{
    int sides[6] = {0};
    switch (t->op) {
    case C2S_OP_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
    case C2S_OP_DEPTHWISE_CONV2D:
        set_conv(l, t);
        break;
    case C2S_OP_DENSE:
        l->attr.dense.units = t->number;
        l->attr.dense.use_bias = !option(t, 'n', 0);
        l->attr.dense.function = own_function(t);
        break;
    case C2S_OP_BATCH_NORM:
        l->attr.batch_norm.axis = option(t, 'a', 0) ? 1 : -1;
        break;
    case C2S_OP_RELU:
        l->attr.relu.max_value = t->number < 0 ? INFINITY : (float)t->number;
        l->attr.relu.negative_slope = (float)option(t, 'l', 0) / 10;
        l->attr.relu.threshold = (float)option(t, 'h', 0) / 10;
        break;
    case C2S_OP_LEAKY_RELU:
        l->attr.relu.negative_slope = (float)t->number / 10;
        break;
    case C2S_OP_ACTIVATION:
        set_function(l, t->rest + 1);
        break;
    case C2S_OP_MAX_POOL:
    case C2S_OP_AVERAGE_POOL:
        l->attr.pool.size[0] = l->attr.pool.size[1] = t->number;
        l->attr.pool.strides[0] = l->attr.pool.strides[1] = option(t, 's', t->number);
        l->attr.pool.padding = option(t, 'v', 0) ? C2S_VALID : C2S_SAME;
        break;
    case C2S_OP_RESHAPE:
        for (const char *c = t->rest; c; c = strchr(c + 1, ','))
            l->attr.reshape.rank++;
        set_numbers(t->rest, sides, l->attr.reshape.rank);
        for (int i = 0; i < l->attr.reshape.rank; i++)
            l->attr.reshape.dims[i] = sides[i];
        break;
    case C2S_OP_ZERO_PADDING:
        set_numbers(t->rest, sides, 4);
        l->attr.zero_padding.top = sides[0];
        l->attr.zero_padding.bottom = sides[1];
        l->attr.zero_padding.left = sides[2];
        l->attr.zero_padding.right = sides[3];
        break;
    case C2S_OP_RESCALING:
        l->attr.rescaling.scale = 0.5f;
        l->attr.rescaling.offset = 0.25f;
        break;
    default:
        break;
    }
}

static void give_conv(struct c2s_layer *l, int64_t ci)
{
    const struct c2s_conv_attr *a = &l->attr.conv;
    int64_t co = a->filters, kh = a->kernel[0], kw = a->kernel[1], m = a->depth_multiplier;
    if (l->op == C2S_OP_CONV2D)
        series_fill(l, C2S_KERNEL, 4, (int64_t[]){kh, kw, ci / a->groups, co}, -1, 1);
    else
        series_fill(l, C2S_DEPTHWISE_KERNEL, 4, (int64_t[]){kh, kw, ci, m}, -1, 1);
    if (l->op == C2S_OP_SEPARABLE_CONV2D)
        series_fill(l, C2S_POINTWISE_KERNEL, 4, (int64_t[]){1, 1, ci * m, co}, -1, 1);
    if (a->use_bias)
        series_fill(l, C2S_BIAS, 1, &co, -1, 1);
}

static void give_params(struct c2s_layer *l, const struct c2s_layer *in, const struct token *t)
{
    int64_t ci = in->dims[in->rank - 1], co = l->dims[l->rank - 1];
    switch (l->op) {
    case C2S_OP_CONV2D:
    case C2S_OP_SEPARABLE_CONV2D:
    case C2S_OP_DEPTHWISE_CONV2D:
        give_conv(l, ci);
        break;
    case C2S_OP_DENSE:
        series_fill(l, C2S_KERNEL, 2, (int64_t[]){ci, co}, -1, 1);
        if (l->attr.dense.use_bias)
            series_fill(l, C2S_BIAS, 1, &co, -1, 1);
        break;
    case C2S_OP_BATCH_NORM:
        series_fill(l, C2S_GAMMA, 1, &co, 0.3f, 2);
        series_fill(l, C2S_BETA, 1, &co, -1, 1);
        series_fill(l, C2S_MOVING_MEAN, 1, &co, -1, 1);
        series_fill(l, C2S_MOVING_VARIANCE, 1, &co, 0.1f, 3);
        if (option(t, 'n', 0))
            c2s_f32(l->params[C2S_GAMMA])[co / 2] *= -1;
        if (option(t, 'z', 0))
            c2s_f32(l->params[C2S_GAMMA])[co / 2] = 0;
        break;
    case C2S_OP_PRELU:
        series_fill(l, C2S_ALPHA, in->rank, in->dims, 0.1f, 0.4f);
        break;
    default:
        break;
    }
}

static void add_layer(struct c2s_model *m, const char *text)
{
    struct token t;
    char name[32];
    int n = 0;
    read_token(text, &t);
    for (int i = 0; i < m->n_layers; i++)
        n += m->layers[i]->op == t.op;
    snprintf(name, sizeof name, n ? "%s_%d" : "%s", t.kind, n);
    struct c2s_error err = {0};
    struct c2s_layer *l = chain_add(m, t.op, name);
    set_attributes(l, &t);
    if (!c2s_model_infer_shapes(m, &err))
        fail_msg("%s: %s", text, err.text);
    give_params(l, m->layers[m->n_layers - 2], &t);
}

struct c2s_model *spec_net(const char *line)
{
    char copy[1000], *rest = NULL;
    int dims[3] = {0}, rank = 1;
    snprintf(copy, sizeof copy, "%s", line);
    char *word = strtok_r(copy, " ", &rest);
    for (const char *c = word; (c = strchr(c, ',')); c++)
        rank++;
    set_numbers(word, dims, rank);
    struct c2s_model *m =
        rank == 3 ? chain_create(dims[0], dims[1], dims[2]) : chain_create(0, 0, dims[0]);
    if (rank == 2) {
        m->layers[0]->rank = 2;
        m->layers[0]->dims[1] = dims[1];
    }
    while ((word = strtok_r(NULL, " ", &rest)))
        add_layer(m, word);
    return series_end(m);
}

struct c2s_model *spec_quantized(struct c2s_model *m, int weights, int activations)
{
    const struct c2s_quantize_plan plan = {.weight_quantization = weights,
                                           .activ_quantization = activations,
                                           .input_weight_quantization = weights ? 8 : 0,
                                           .keep_batch_norm = true};
    struct c2s_model *q = series_quantized(m, &plan, NULL);
    c2s_model_destroy(m);
    return q;
}

struct c2s_model *fix_net(const struct c2s_model *m, const struct fix_asked *asked,
                          struct c2s_fix_report *report)
{
    struct c2s_error err = {0};
    struct c2s_model *out = NULL;
    const struct c2s_fix_request request = {
        .rule = asked->rule,
        .layers = asked->layers,
        .approximate = asked->approximate,
        .check = {.level = C2S_LEVEL_AKD1000, .input_is_integers = asked->integers}};
    assert_ok(c2s_fix(m, &request, NULL, &out, report, &err), &err);
    assert_int_equal(out != NULL, report->n_changes > 0);
    return out;
}

int count_findings(const struct c2s_model *m, const char *rule, bool integers)
{
    struct c2s_findings f;
    struct c2s_error err = {0};
    const struct c2s_check_options options = {.level = C2S_LEVEL_AKD1000,
                                              .input_is_integers = integers};
    assert_ok(c2s_check(m, &options, &f, &err), &err);
    int n = rule[0] ? 0 : f.n_errors;
    for (int i = 0; rule[0] && i < f.n_rows; i++)
        n += strcmp(f.rows[i].rule->id, rule) == 0;
    c2s_findings_finish(&f);
    return n;
}
