/* Short texts that several views share. */
#include "view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The bit widths met so far; 0 stands for float. */
struct bit_set {
    unsigned seen; /* bit b set: width b */
};

static void print_set(const struct bit_set *set, const char *letter, char *out, size_t size)
{
    int low = 0, high = 0;
    for (int b = 1; b <= 8; b++)
        if (set->seen & (1u << b)) {
            low = low ? low : b;
            high = b;
        }
    size_t used = strlen(out);
    if (high == 0)
        return;
    used += (size_t)snprintf(out + used, size - used, "%s%s%d", used ? " " : "", letter, low);
    if (high > low && used < size)
        used += (size_t)snprintf(out + used, size - used, "-%d", high);
    if ((set->seen & 1u) && used < size)
        snprintf(out + used, size - used, "+float");
}

char *view_bits(const struct c2s_model *m, char *out, size_t size)
{
    struct bit_set weights = {0}, activations = {0}, input = {0};
    int first = c2s_model_first_neural(m), n_neural = 0;
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        if (c2s_layer_is_neural(l)) {
            n_neural++;
            struct bit_set *set = i == first ? &input : &weights;
            set->seen |= 1u << c2s_layer_weight_bits(l);
        } else if (c2s_layer_is_quantized_activation(l) || l->op == C2S_OP_RELU) {
            activations.seen |= 1u << c2s_layer_activation_bits(l);
        }
    }
    if (n_neural == 1)
        weights = input;
    out[0] = '\0';
    print_set(&weights, "w", out, size);
    print_set(&activations, "a", out, size);
    if (input.seen != weights.seen)
        print_set(&input, "i", out, size);
    if (out[0] == '\0')
        snprintf(out, size, "float");
    return out;
}

bool view_is_quantized(const struct c2s_model *m)
{
    bool is_quantized = c2s_model_first_neural(m) >= 0;
    for (int i = 0; i < m->n_layers; i++)
        if (c2s_layer_is_neural(m->layers[i]) && c2s_layer_weight_bits(m->layers[i]) == 0)
            is_quantized = false;
    return is_quantized;
}

static const char data_option[] = " --data ";
#define SHOWN_DATA 20 /* columns of its path */

#define SHOWN_PATH 36 /* columns of a path in a table, unless the file name alone is longer */

/* End of a word that may be quoted. */
static const char *word_end(const char *at)
{
    for (char quote = 0; *at && (quote || *at != ' '); at++) {
        if (quote != '\'' && *at == '\\' && at[1])
            at++;
        else if (*at == quote)
            quote = 0;
        else if (!quote && (*at == '\'' || *at == '"'))
            quote = *at;
    }
    return at;
}

/* Behind the other options, where a narrow table cuts it first, and of a long path only the end. */
static void move_data_last(const char *step, const char *data, char *out, size_t size)
{
    const char *value = data + strlen(data_option), *end = word_end(value), *shown = value;
    const char *options = memchr(value, ',', (size_t)(end - value));
    const char *path_end = options ? options : end;
    if (*value != '\'' && *value != '"' && path_end - value > SHOWN_DATA)
        for (const char *at = value + 1; at < path_end; at++)
            if (*at == '/' && at[1] != ',' && at + 1 < path_end)
                shown = at;
    snprintf(out, size, "%.*s%s%s%s%.*s", (int)(data - step), step, end, data_option,
             shown > value ? "..." : "", (int)(end - shown), shown);
}

char *view_step(const char *step, char *out, size_t size)
{
    const char *data = strstr(step, data_option);
    static const char load[] = "load ";
    const char *path = step + sizeof load - 1;
    if (strncmp(step, load, sizeof load - 1) != 0 && data) {
        move_data_last(step, data, out, size);
        return out;
    }
    snprintf(out, size, "%s", step);
    if (strncmp(step, load, sizeof load - 1) != 0 || strlen(path) <= SHOWN_PATH)
        return out;
    const char *tail = NULL;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        tail = slash;
        if (strlen(slash) <= SHOWN_PATH - 3)
            break;
    }
    if (tail)
        snprintf(out, size, "%s...%s", load, tail);
    return out;
}

char *view_bytes(int64_t bytes, char *out, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 999.5 && unit < 4) {
        value /= 1000;
        unit++;
    }
    snprintf(out, size, "%.*f %s", unit > 0 && value < 9.95 ? 1 : 0, value, units[unit]);
    return out;
}

char *view_time(int64_t seconds, char *out, size_t size)
{
    time_t then = (time_t)seconds, now = time(NULL);
    struct tm t, today;
    if (!localtime_r(&then, &t) || !localtime_r(&now, &today)) {
        snprintf(out, size, "-");
        return out;
    }
    bool is_today = t.tm_year == today.tm_year && t.tm_yday == today.tm_yday;
    bool is_this_year = t.tm_year == today.tm_year;
    if (strftime(out, size, is_today ? "%H:%M" : is_this_year ? "%b %e" : "%Y-%m-%d", &t) == 0)
        snprintf(out, size, "-");
    return out;
}

char *view_version_name(int64_t id, char *out, size_t size)
{
    snprintf(out, size, "v%" PRId64, id);
    return out;
}

char *view_count(int64_t n, const char *thing, char *out, size_t size)
{
    char digits[32];
    snprintf(out, size, "%s %s%s", sheet_group_digits(n, digits, sizeof digits), thing,
             n == 1 ? "" : "s");
    return out;
}

static int64_t kernel_bytes(const struct c2s_tensor *t, const struct c2s_quantizer_spec *spec)
{
    int64_t bits = spec->id != C2S_QUANTIZER_NONE ? spec->bitwidth : 32;
    return (c2s_tensor_count(t) * bits + 7) / 8;
}

int64_t view_parameter_bytes(const struct c2s_model *m)
{
    int64_t total = 0;
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        for (int role = 0; role < C2S_ROLE_COUNT; role++) {
            const struct c2s_tensor *t = l->params[role];
            if (!t)
                continue;
            if (role == C2S_KERNEL || role == C2S_POINTWISE_KERNEL)
                total += kernel_bytes(t, &l->quantizer);
            else if (role == C2S_DEPTHWISE_KERNEL)
                total += kernel_bytes(t, &l->quantizer_dw);
            else
                total += (int64_t)c2s_tensor_bytes(t);
        }
    }
    return total;
}

char *view_layer_type(const struct c2s_layer *l, char *out, size_t size)
{
    switch (l->op) {
    case C2S_OP_BATCH_NORM:
        snprintf(out, size, "BatchNorm");
        break;
    case C2S_OP_GLOBAL_AVERAGE_POOL:
        snprintf(out, size, "GlobalAvgPool");
        break;
    case C2S_OP_MAX_POOL:
    case C2S_OP_AVERAGE_POOL:
        snprintf(out, size, "%s %dx%d", l->op == C2S_OP_MAX_POOL ? "MaxPool" : "AvgPool",
                 l->attr.pool.size[0], l->attr.pool.size[1]);
        break;
    case C2S_OP_RELU:
        if (isfinite(l->attr.relu.max_value))
            snprintf(out, size, "ReLU max %g", (double)l->attr.relu.max_value);
        else
            snprintf(out, size, "ReLU");
        break;
    case C2S_OP_DISCRETE_RELU:
        snprintf(out, size, "DiscreteRelu");
        break;
    case C2S_OP_UNKNOWN:
        snprintf(out, size, "%s ?", l->class_name);
        break;
    default:
        snprintf(out, size, "%s", c2s_op_info(l->op)->keras_class);
    }
    return out;
}

double view_margin(const struct c2s_metrics *m)
{
    double low, high;
    c2s_wilson_interval(m->correct, m->n, &low, &high);
    return (high - low) / 2;
}
