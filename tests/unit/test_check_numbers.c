/* Rules about weights, gammas and bits, each on two models: one that breaks the rule and one that
 * just does not. */
#include "support.h"
#include "check_cases.h"
#include "chains.h"

#include <math.h>
#include <string.h>

#include <c2s/finding.h>

static struct c2s_model *normalized(float gamma, bool is_pooled)
{
    struct c2s_model *m = chain_image();
    chain_conv(m, "conv", 8, 3);
    if (is_pooled)
        chain_max_pool(m, "pool", 2);
    struct c2s_layer *bn = chain_add(m, C2S_OP_BATCH_NORM, "bn");
    chain_relu(m, "relu");
    chain_rear(m);
    chain_finish(m);
    c2s_f32(bn->params[C2S_GAMMA])[3] = gamma;
    return m;
}

static struct c2s_model *zero_gamma(bool breaks)
{
    return normalized(breaks ? 0.0f : -0.5f, false);
}

static struct c2s_model *negative_gamma(bool breaks)
{
    return normalized(breaks ? -0.5f : 0.5f, true);
}

static struct c2s_model *weight_bits(bool breaks)
{
    return chain_quantized(4, 4, breaks ? 3 : 2);
}

static struct c2s_model *activation_bits(bool breaks)
{
    return chain_quantized(4, breaks ? 3 : 1, 4);
}

static struct c2s_model *separable_bits(bool breaks)
{
    struct c2s_model *m = chain_quantized(4, 4, 4);
    if (breaks)
        m->layers[c2s_model_find(m, "sep")]->quantizer_dw.bitwidth = 2;
    return m;
}

static struct c2s_model *float_activations(bool breaks)
{
    struct c2s_model *m = chain_image();
    chain_quantize(chain_conv(m, "conv", 8, 3), 8);
    chain_quantized_relu(m, "act", 4);
    chain_quantize(chain_conv(m, "conv_1", 8, 3), 4);
    if (breaks)
        chain_relu(m, "relu_1");
    else
        chain_quantized_relu(m, "act_1", 4);
    chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_quantize(chain_dense(m, "dense", 4), 4);
    chain_finish(m);
    return m;
}

static struct c2s_model *float_weights(bool breaks)
{
    struct c2s_model *m = chain_quantized(4, 4, 4);
    if (breaks)
        m->layers[c2s_model_find(m, "dense")]->quantizer.id = C2S_QUANTIZER_NONE;
    return m;
}

static struct c2s_model *with_weights(float value, int n)
{
    struct c2s_model *m = chain_image();
    struct c2s_layer *conv = chain_front(m);
    chain_rear(m);
    chain_finish(m);
    for (int i = 0; i < n; i++) /* [3,3,3,8]: the first filter */
        c2s_f32(conv->params[C2S_KERNEL])[8 * i] = value;
    return m;
}

static struct c2s_model *finite_weights(bool breaks)
{
    return with_weights(breaks ? INFINITY : 1000, 1);
}

static struct c2s_model *dead_filters(bool breaks)
{
    return with_weights(0, breaks ? 27 : 26);
}

/* A quantized net whose separable layer has weights and biases times these. */
static struct c2s_model *scaled(float weights, float bias, bool is_averaged)
{
    struct c2s_model *m = chain_image();
    chain_quantize(chain_conv(m, "conv", 8, 3), 8);
    chain_quantized_relu(m, "act", 4);
    struct c2s_layer *conv = chain_conv(m, "conv_1", 8, 3);
    chain_quantize(conv, 4);
    if (is_averaged)
        chain_add(m, C2S_OP_GLOBAL_AVERAGE_POOL, "gap");
    chain_quantized_relu(m, "act_1", 4);
    if (!is_averaged)
        chain_add(m, C2S_OP_FLATTEN, "flat");
    chain_quantize(chain_dense(m, "dense", 4), 4);
    chain_finish(m);
    for (int64_t i = 0; i < c2s_tensor_count(conv->params[C2S_KERNEL]); i++)
        c2s_f32(conv->params[C2S_KERNEL])[i] *= weights;
    c2s_f32(conv->params[C2S_BIAS])[2] = bias;
    return m;
}

/* Largest weight about 1/2, scale factor about 15, input scale 2.5: an act_step of about 15. */
static struct c2s_model *small_act_step(bool breaks)
{
    return scaled(breaks ? 1000 : 100, 0, false);
}

/* Scale factors stop at 1000; the average multiplies by 256. */
static struct c2s_model *act_step_range(bool breaks)
{
    return scaled(breaks ? 0.02f : 0.08f, 0, true);
}

static struct c2s_model *threshold_range(bool breaks)
{
    return scaled(1, breaks ? 20000 : 10000, false);
}

static struct c2s_model *threshold_overflow(bool breaks)
{
    return scaled(1, breaks ? 1e30f : 10000, false);
}

static struct c2s_model *conversion(bool breaks)
{
    struct c2s_model *m = chain_quantized(4, 4, 4);
    if (breaks)
        c2s_layer_set_param(m->layers[c2s_model_find(m, "dense")], C2S_KERNEL, NULL);
    return m;
}

static struct c2s_model *tiny_gamma(bool breaks)
{
    return normalized(breaks ? -0.009f : 0.01f, false);
}

static struct c2s_model *negative_gamma_alone(bool breaks)
{
    return normalized(breaks ? -0.5f : 0.5f, false);
}

/* One weight of each filter takes the range, the others share three levels. */
static struct c2s_model *unused_weight_levels(bool breaks)
{
    struct c2s_model *m = chain_quantized(4, 4, 4);
    struct c2s_tensor *t = m->layers[c2s_model_find(m, "dense")]->params[C2S_KERNEL];
    for (int i = 0; i < 4; i++) /* [2048, 4] */
        c2s_f32(t)[i] = breaks ? 4 : 0.4f;
    return m;
}

static const struct check_case cases[] = {
    {"E010", "bn", zero_gamma},
    {"E011", "bn", negative_gamma},
    {"E026", "dense", weight_bits, .also = "E054"},
    {"E027", "act_1", activation_bits},
    {"E028", "sep", separable_bits},
    {"W031", "relu_1", float_activations},
    {"W032", "dense", float_weights},
    {"E033", "conv", finite_weights},
    {"W034", "conv", dead_filters},
    {"E036", "conv_1", small_act_step,
     .stricter = "convert keeps the step; akida refuses the layer"},
    {"E037", "", conversion},
    {"E038", "conv_1", threshold_overflow},
    {"W081", "bn", tiny_gamma},
    {"N082", "bn", negative_gamma_alone},
    {"N083", "dense", unused_weight_levels},
    {"E056", "conv_1", threshold_range},
    {"E057", "conv_1", act_step_range},
};

static bool belongs(const struct c2s_rule_info *rule)
{
    return strstr(NUMBER_RULES, rule->id);
}

int main(void)
{
    return run_check_cases(cases, sizeof cases / sizeof cases[0], belongs);
}
