/* Rules about the numbers in a model: gammas, weights, bits. */
#include <math.h>

#include <c2s/quantizer.h>

#include "check/rule.h"

static int64_t count_gammas(const struct c2s_layer *l, bool zero)
{
    const struct c2s_tensor *gamma = l->params[C2S_GAMMA];
    int64_t n = 0;
    for (int64_t i = 0; gamma && i < c2s_tensor_count(gamma); i++)
        n += zero ? c2s_f32(gamma)[i] == 0 : c2s_f32(gamma)[i] < 0;
    return n;
}

void c2s_rule_zero_gamma(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        int64_t n = l->op == C2S_OP_BATCH_NORM ? count_gammas(l, true) : 0;
        if (n > 0)
            c2s_report(run, i, "%lld of %lld gammas are 0", (long long)n,
                       (long long)c2s_tensor_count(l->params[C2S_GAMMA]));
    }
}

/* cnn2snn's own users keep gammas at 0.01 and above (akida_models, add_gamma_constraint). */
static const float least_sound_gamma = 0.01f;

void c2s_rule_tiny_gamma(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        const struct c2s_tensor *gamma = l->params[C2S_GAMMA];
        int64_t n = 0;
        float least = least_sound_gamma;
        for (int64_t k = 0; gamma && k < c2s_tensor_count(gamma); k++) {
            float size = fabsf(c2s_f32(gamma)[k]);
            n += size > 0 && size < least_sound_gamma;
            least = size > 0 ? fminf(least, size) : least;
        }
        if (n > 0)
            c2s_report(run, i, "%lld of %lld gammas are below 0.01, the smallest is %.2g",
                       (long long)n, (long long)c2s_tensor_count(gamma), (double)least);
    }
}

void c2s_rule_note_negative_gamma(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        int pool = run->chain.moved_over[i];
        int64_t n = l->op == C2S_OP_BATCH_NORM ? count_gammas(l, false) : 0;
        /* Behind a max pool it is an error with a rule of its own. */
        if (n > 0 && !(pool >= 0 && run->m->layers[pool]->op == C2S_OP_MAX_POOL))
            c2s_report(run, i, "%lld of %lld gammas are negative", (long long)n,
                       (long long)c2s_tensor_count(l->params[C2S_GAMMA]));
    }
}

void c2s_rule_negative_gamma(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        int pool = run->chain.moved_over[i];
        if (l->op != C2S_OP_BATCH_NORM || pool < 0 || run->m->layers[pool]->op != C2S_OP_MAX_POOL)
            continue;
        int64_t n = count_gammas(l, false);
        if (n > 0)
            c2s_report(run, i, "%lld of %lld gammas are negative, behind '%s'", (long long)n,
                       (long long)c2s_tensor_count(l->params[C2S_GAMMA]),
                       run->m->layers[pool]->name);
    }
}

void c2s_rule_finite(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        for (int role = 0; role < C2S_ROLE_COUNT; role++) {
            const struct c2s_tensor *t = l->params[role];
            int64_t n = 0, n_values = t ? c2s_tensor_count(t) : 0;
            for (int64_t k = 0; k < n_values; k++)
                n += !isfinite(c2s_f32(t)[k]);
            if (n > 0)
                c2s_report(run, i, "%lld of %lld values of %s are NaN or infinite", (long long)n,
                           (long long)n_values, c2s_role_name((enum c2s_role)role));
        }
    }
}

/* Output channels of the main kernel that hold nothing but zeros. */
static int64_t count_dead(const struct c2s_tensor *kernel)
{
    int64_t n_filters = kernel->dims[kernel->rank - 1], n_dead = 0;
    int64_t n_rows = n_filters > 0 ? c2s_tensor_count(kernel) / n_filters : 0;
    for (int64_t f = 0; f < n_filters; f++) {
        bool is_dead = true;
        for (int64_t r = 0; r < n_rows && is_dead; r++)
            is_dead = c2s_f32(kernel)[r * n_filters + f] == 0;
        n_dead += is_dead;
    }
    return n_dead;
}

void c2s_rule_dead_filters(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        const struct c2s_tensor *kernel =
            c2s_layer_is_akida_neural(l) ? c2s_layer_main_kernel(l) : NULL;
        int64_t n = kernel && kernel->rank >= 2 ? count_dead(kernel) : 0;
        if (n > 0)
            c2s_report(run, i, "%lld of %lld filters are all zero", (long long)n,
                       (long long)kernel->dims[kernel->rank - 1]);
    }
}

/* How many of the integers from -kmax to kmax occur in a kernel; -1 = not known. */
static int count_integers(const struct c2s_layer *l, struct c2s_error *err)
{
    struct c2s_tensor *sf = NULL, *integers = NULL;
    const struct c2s_tensor *kernel = c2s_layer_main_kernel(l);
    bool was_seen[256] = {false};
    int n = -1;
    if (kernel &&
        c2s_quantizer_scale(&l->quantizer, kernel, l->params[C2S_WEIGHT_THRESHOLD], &sf, err) &&
        c2s_quantizer_integers(&l->quantizer, kernel, sf, &integers, err)) {
        n = 0;
        int64_t n_weights = c2s_tensor_count(integers);
        for (int64_t i = 0; i < n_weights; i++)
            was_seen[c2s_i8(integers)[i] + 128] = true;
        for (int i = 0; i < 256; i++)
            n += was_seen[i];
    }
    c2s_tensor_unref(sf);
    c2s_tensor_unref(integers);
    return n;
}

void c2s_rule_unused_weight_levels(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        struct c2s_error err = {0};
        if (l->quantizer.id == C2S_QUANTIZER_NONE)
            continue;
        int n_levels = (1 << l->quantizer.bitwidth) - 1, n = count_integers(l, &err);
        run->is_out_of_memory |= err.code == C2S_NOMEM;
        /* A kernel with hardly more weights than levels cannot use them all. */
        if (n > 0 && c2s_tensor_count(c2s_layer_main_kernel(l)) >= 8 * n_levels &&
            2 * n <= n_levels)
            c2s_report(run, i, "%d of %d levels occur in the kernel", n, n_levels);
    }
}

static bool is_all_zero(const struct c2s_tensor *t)
{
    bool is_zero = t != NULL;
    int64_t n = t ? c2s_tensor_count(t) : 0;
    for (int64_t i = 0; is_zero && i < n; i++)
        is_zero = c2s_f32(t)[i] == 0;
    return is_zero;
}

void c2s_rule_zero_kernel(struct c2s_check_run *run)
{
    for (int b = 0; b < run->chain.n_blocks; b++) {
        int i = run->chain.blocks[b].neural;
        const struct c2s_layer *l = run->m->layers[i];
        if (c2s_is_input_convolution(run, b) && is_all_zero(l->params[C2S_KERNEL]))
            c2s_report(run, i, "every weight is 0");
        else if (l->op == C2S_OP_SEPARABLE_CONV2D &&
                 (is_all_zero(l->params[C2S_DEPTHWISE_KERNEL]) ||
                  is_all_zero(l->params[C2S_POINTWISE_KERNEL])))
            c2s_report(run, i, "every weight of one kernel is 0");
    }
}

void c2s_rule_weight_bits(struct c2s_check_run *run)
{
    static const unsigned taken = C2S_SET(2) | C2S_SET(4) | C2S_SET(8);
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        int bits = c2s_layer_is_akida_neural(l) ? c2s_layer_weight_bits(l) : 0;
        int block = run->chain.block_of[i];
        if (bits > 0 && !c2s_set_has(taken, bits) &&
            !(block >= 0 && c2s_is_input_convolution(run, block)))
            c2s_report(run, i, "weights of %d bits; 2, 4 or 8 convert", bits);
    }
}

void c2s_rule_activation_bits(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        int bits = c2s_layer_activation_bits(run->m->layers[i]);
        if (bits > 0 && !c2s_set_has(run->target->activation_bits, bits))
            c2s_report(run, i, "activations of %d bits; 1, 2 or 4 convert", bits);
    }
}

void c2s_rule_separable_bits(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        int pointwise = l->quantizer.id != C2S_QUANTIZER_NONE ? l->quantizer.bitwidth : 0;
        int depthwise = l->quantizer_dw.id != C2S_QUANTIZER_NONE ? l->quantizer_dw.bitwidth : 0;
        if (l->op == C2S_OP_SEPARABLE_CONV2D && c2s_layer_is_quantized(l) && pointwise != depthwise)
            c2s_report(run, i, "depthwise weights of %d bits, pointwise of %d (0 = float)",
                       depthwise, pointwise);
    }
}

/* One finding for a model that is float all over; one for each layer that was forgotten else. */
static void report_float(struct c2s_check_run *run, bool (*concerns)(const struct c2s_layer *),
                         bool (*is_quantized)(const struct c2s_layer *), const char *what)
{
    int n = 0, n_quantized = 0, first = -1;
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        if (is_quantized(l))
            n_quantized++;
        else if (concerns(l) && n++ == 0)
            first = i;
    }
    if (n == 0)
        return;
    if (n_quantized == 0 && n > 1) {
        c2s_report(run, first, "%s are float, here and in %d more layer%s", what, n - 1,
                   n == 2 ? "" : "s");
        return;
    }
    for (int i = first; i < run->m->n_layers; i++)
        if (concerns(run->m->layers[i]) && !is_quantized(run->m->layers[i]))
            c2s_report(run, i, "%s are float", what);
}

static bool is_relu(const struct c2s_layer *l)
{
    return l->op == C2S_OP_RELU;
}

void c2s_rule_float_activations(struct c2s_check_run *run)
{
    report_float(run, is_relu, c2s_layer_is_quantized_activation, "activations");
}

void c2s_rule_float_weights(struct c2s_check_run *run)
{
    report_float(run, c2s_layer_is_akida_neural, c2s_layer_is_quantized, "weights");
}
