/* Models written as one line of text: the words of a layer, and what they plant in its numbers. */
#include "sketch.h"
#include "sketch_numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words { /* of one layer */
    char *at[16];
    int n;
};

/* ---- words ---- */

static struct words split(char *text)
{
    struct words w = {0};
    char *rest = NULL;
    for (char *p = strtok_r(text, " \n", &rest); p && w.n < 16; p = strtok_r(NULL, " \n", &rest))
        w.at[w.n++] = p;
    return w;
}

/* The value of KEY=VALUE, or "" for the word KEY alone; NULL = not there. */
static const char *option(const struct words *w, const char *key)
{
    size_t n = strlen(key);
    for (int i = 1; i < w->n; i++)
        if (strncmp(w->at[i], key, n) == 0 && (w->at[i][n] == '\0' || w->at[i][n] == '='))
            return w->at[i] + n + (w->at[i][n] == '=');
    return NULL;
}

static void read_pair(const char *text, int pair[2])
{
    if (text && sscanf(text, "%dx%d", &pair[0], &pair[1]) < 2)
        pair[1] = pair[0];
}

static double number(const struct words *w, int i, double fallback)
{
    char *end;
    double value = i < w->n ? strtod(w->at[i], &end) : fallback;
    return i < w->n && *end != '\0' ? fallback : value;
}

static enum c2s_function function_of(const char *name)
{
    for (int f = 0; name && f < C2S_FN_OTHER; f++)
        if (strcmp(c2s_function_names[f], name) == 0)
            return (enum c2s_function)f;
    return C2S_FN_LINEAR;
}

/* ---- layers ---- */

static const struct {
    const char *word;
    enum c2s_op op;
} ops[] = {{"in", C2S_OP_INPUT},
           {"conv", C2S_OP_CONV2D},
           {"sep", C2S_OP_SEPARABLE_CONV2D},
           {"dw", C2S_OP_DEPTHWISE_CONV2D},
           {"dense", C2S_OP_DENSE},
           {"bn", C2S_OP_BATCH_NORM},
           {"relu", C2S_OP_RELU},
           {"leaky", C2S_OP_LEAKY_RELU},
           {"prelu", C2S_OP_PRELU},
           {"act", C2S_OP_ACTIVATION},
           {"softmax", C2S_OP_SOFTMAX},
           {"max", C2S_OP_MAX_POOL},
           {"avg", C2S_OP_AVERAGE_POOL},
           {"gap", C2S_OP_GLOBAL_AVERAGE_POOL},
           {"flatten", C2S_OP_FLATTEN},
           {"reshape", C2S_OP_RESHAPE},
           {"drop", C2S_OP_DROPOUT},
           {"pad", C2S_OP_ZERO_PADDING},
           {"up", C2S_OP_UPSAMPLING},
           {"rescale", C2S_OP_RESCALING},
           {"add", C2S_OP_ADD},
           {"concat", C2S_OP_CONCATENATE}};

static enum c2s_op op_of(const char *word)
{
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(ops[i].word, word) == 0)
            return ops[i].op;
    return C2S_OP_UNKNOWN;
}

static int read_dims(const char *text, int64_t dims[C2S_MAX_RANK])
{
    int n = 0;
    for (char *end; *text && n < C2S_MAX_RANK; text = *end == ',' ? end + 1 : end) {
        dims[n++] = strtoll(text, &end, 10);
        if (end == text)
            return 0;
    }
    return n;
}

static void set_conv(struct c2s_layer *l, const struct words *w)
{
    struct c2s_conv_attr *a = &l->attr.conv;
    int at = l->op == C2S_OP_DEPTHWISE_CONV2D ? 1 : 2;
    a->filters = at == 2 ? (int)number(w, 1, 1) : 0;
    read_pair(at < w->n ? w->at[at] : NULL, a->kernel);
    read_pair(option(w, "s"), a->strides);
    read_pair(option(w, "d"), a->dilation);
    if (option(w, "g"))
        a->groups = atoi(option(w, "g"));
    if (option(w, "m"))
        a->depth_multiplier = atoi(option(w, "m"));
    a->padding = option(w, "same") ? C2S_SAME : C2S_VALID;
    a->use_bias = !option(w, "nobias");
    a->function = function_of(option(w, "act"));
}

static void set_pool(struct c2s_layer *l, const struct words *w)
{
    struct c2s_pool_attr *a = &l->attr.pool;
    read_pair(w->n > 1 ? w->at[1] : NULL, a->size);
    memcpy(a->strides, a->size, sizeof a->strides);
    read_pair(option(w, "s"), a->strides);
    a->padding = option(w, "same") ? C2S_SAME : C2S_VALID;
}

static void set_relu(struct c2s_layer *l, const struct words *w)
{
    l->attr.relu.max_value = (float)number(w, 1, INFINITY);
    if (option(w, "slope"))
        l->attr.relu.negative_slope = (float)atof(option(w, "slope"));
    if (option(w, "threshold"))
        l->attr.relu.threshold = (float)atof(option(w, "threshold"));
}

static void set_padding(struct c2s_layer *l, const char *text)
{
    int sides[4] = {0};
    int n = sscanf(text, "%d,%d,%d,%d", &sides[0], &sides[1], &sides[2], &sides[3]);
    l->attr.zero_padding.top = sides[0];
    l->attr.zero_padding.bottom = sides[n == 4 ? 1 : 0];
    l->attr.zero_padding.left = sides[n == 4 ? 2 : 0];
    l->attr.zero_padding.right = sides[n == 4 ? 3 : 0];
}

static void set_rest(struct c2s_layer *l, const struct words *w)
{
    int64_t dims[C2S_MAX_RANK] = {0};
    const char *first = w->n > 1 ? w->at[1] : "";
    switch (l->op) {
    case C2S_OP_INPUT:
        l->rank = read_dims(first, l->dims);
        break;
    case C2S_OP_DENSE:
        l->attr.dense.units = (int)number(w, 1, 1);
        l->attr.dense.use_bias = !option(w, "nobias");
        l->attr.dense.function = function_of(option(w, "act"));
        break;
    case C2S_OP_BATCH_NORM:
        l->attr.batch_norm.epsilon = 0.001f;
        l->attr.batch_norm.axis = option(w, "axis") ? atoi(option(w, "axis")) : -1;
        break;
    case C2S_OP_LEAKY_RELU:
        l->attr.relu.negative_slope = (float)number(w, 1, 0.3);
        break;
    case C2S_OP_ACTIVATION:
        l->attr.activation.function = function_of(first);
        break;
    case C2S_OP_RESHAPE:
        l->attr.reshape.rank = read_dims(first, dims);
        memcpy(l->attr.reshape.dims, dims, sizeof dims);
        break;
    case C2S_OP_DROPOUT:
        l->attr.dropout.rate = 0.3f;
        break;
    case C2S_OP_ZERO_PADDING:
        set_padding(l, first);
        break;
    case C2S_OP_UPSAMPLING:
        l->attr.upsampling.size[0] = l->attr.upsampling.size[1] = atoi(first);
        break;
    case C2S_OP_RESCALING:
        sscanf(first, "%f,%f", &l->attr.rescaling.scale, &l->attr.rescaling.offset);
        break;
    default:
        break;
    }
}

static bool add_layer(struct c2s_model *m, const struct words *w, struct c2s_error *err)
{
    char name[48];
    enum c2s_op op = w->n > 0 ? op_of(w->at[0]) : C2S_OP_UNKNOWN;
    if (op == C2S_OP_UNKNOWN)
        return c2s_fail(err, C2S_FORMAT, "no layer is called '%s'", w->n > 0 ? w->at[0] : "");
    snprintf(name, sizeof name, "%s_%d", w->at[0], m->n_layers);
    struct c2s_layer *l = c2s_layer_create(op, name, err);
    if (!l)
        return false;
    bool ok = m->n_layers == 0 || c2s_layer_add_input(l, m->n_layers - 1, err);
    if (op == C2S_OP_ADD || op == C2S_OP_CONCATENATE)
        ok = ok && c2s_layer_add_input(l, (int)number(w, 1, 0), err);
    if (c2s_layer_is_neural(l) && op != C2S_OP_DENSE)
        set_conv(l, w);
    else if (op == C2S_OP_MAX_POOL || op == C2S_OP_AVERAGE_POOL)
        set_pool(l, w);
    else if (op == C2S_OP_RELU)
        set_relu(l, w);
    else
        set_rest(l, w);
    if (!ok) {
        c2s_layer_destroy(l);
        return false;
    }
    ok = c2s_model_add(m, l, NULL, err);
    int index = m->n_layers - 1;
    if (ok && op == C2S_OP_INPUT)
        ok = c2s_model_add_input(m, index, err);
    return ok && (!option(w, "out") || c2s_model_add_output(m, index, err));
}

/* ---- what is planted ---- */

static void scale(struct c2s_tensor *t, float factor)
{
    for (int64_t i = 0; t && i < c2s_tensor_count(t); i++)
        c2s_f32(t)[i] *= factor;
}

static void plant_weights(struct c2s_layer *l, const char *what)
{
    struct c2s_tensor *kernel = c2s_layer_main_kernel(l);
    int64_t n = kernel ? c2s_tensor_count(kernel) : 0;
    int64_t n_filters = n > 0 ? kernel->dims[kernel->rank - 1] : 1;
    if (n == 0)
        return;
    if (strcmp(what, "nan") == 0 || strcmp(what, "inf") == 0)
        c2s_f32(kernel)[0] = what[0] == 'n' ? NAN : INFINITY;
    else if (strcmp(what, "filter") == 0)
        for (int64_t i = 0; i < n; i += n_filters)
            c2s_f32(kernel)[i] = 0;
    else
        scale(kernel, strcmp(what, "zero") == 0 ? 0 : strcmp(what, "tiny") == 0 ? 1e-5f : 1e4f);
}

static void plant(struct c2s_layer *l, const struct words *w)
{
    const char *gamma = option(w, "gamma"), *weights = option(w, "w");
    if (gamma && l->params[C2S_GAMMA])
        c2s_f32(l->params[C2S_GAMMA])[0] = gamma[0] == 'z' ? 0 : gamma[0] == 'n' ? -0.7f : 1e-5f;
    if (weights)
        plant_weights(l, weights);
    if (option(w, "bias") && l->params[C2S_BIAS])
        c2s_f32(l->params[C2S_BIAS])[0] = 1e6f;
}

/* ---- a line ---- */

static bool build(struct c2s_model *m, char *layers, const struct sketch_numbers *numbers,
                  struct c2s_error *err)
{
    enum { MOST = 64 };
    struct words words[MOST];
    char *rest = NULL;
    int n = 0;
    for (char *p = strtok_r(layers, ";", &rest); p; p = strtok_r(NULL, ";", &rest)) {
        if (n == MOST)
            return c2s_fail(err, C2S_FORMAT, "more than %d layers", MOST);
        words[n] = split(p);
        if (!add_layer(m, &words[n++], err))
            return false;
    }
    if (!c2s_model_add_output(m, n - 1, err) || !c2s_model_infer_shapes(m, err) ||
        !sketch_give_numbers(m, numbers, err))
        return false;
    for (int i = 0; i < n; i++)
        plant(m->layers[i], &words[i]);
    return true;
}

static struct c2s_model *create(const char *name, const char *layers,
                                const struct sketch_numbers *numbers, struct c2s_error *err)
{
    char *text = strdup(layers);
    struct c2s_model *m = c2s_model_create(name, err);
    bool ok = m && (text || c2s_fail(err, C2S_NOMEM, "no memory for a line"));
    ok = ok && build(m, text, numbers, err);
    free(text);
    if (ok)
        return m;
    c2s_fail_at(err, "%s", layers);
    c2s_model_destroy(m);
    return NULL;
}

bool sketch_read(const char *line, struct sketch *out, struct c2s_error *err)
{
    char kind[16] = "";
    int at = 0;
    struct c2s_quantize_plan *p = &out->plan;
    memset(out, 0, sizeof *out);
    if (sscanf(line, "%31s %15s %d/%d/%d:%n", out->name, kind, &p->weight_quantization,
               &p->activ_quantization, &p->input_weight_quantization, &at) < 5 ||
        at == 0)
        return c2s_fail(err, C2S_FORMAT, "no line of a model: %s", line);
    out->input_is_integers = strcmp(kind, "integers") == 0;
    const struct sketch_numbers numbers = {out->name, false};
    out->model = create(out->name, line + at, &numbers, err);
    return out->model || c2s_fail_at(err, "%s", out->name);
}

struct c2s_model *sketch_layers(const char *layers, struct c2s_error *err)
{
    const struct sketch_numbers numbers = {layers, true};
    return create("net", layers, &numbers, err);
}

void sketch_finish(struct sketch *s)
{
    c2s_model_destroy(s->model);
    s->model = NULL;
}

bool sketch_each(const char *path, bool (*act)(void *arg, const char *line), void *arg)
{
    char *line = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r");
    bool ok = file != NULL;
    while (ok && getline(&line, &size, file) > 0)
        ok = line[0] == '#' || line[0] == '\n' || act(arg, line);
    free(line);
    if (file)
        fclose(file);
    return ok;
}
