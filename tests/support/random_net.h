/* Random Akida networks for tests: chains of layers with random integer weights. */
#ifndef TESTS_RANDOM_NET_H
#define TESTS_RANDOM_NET_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/akida.h>
#include "base/alloc.h"
#include "support.h"

static uint64_t random_state = 1;

static inline int random_int(int low, int high) /* both included */
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return low + (int)((random_state >> 33) % (uint64_t)(high - low + 1));
}

static inline struct c2s_tensor *random_tensor(enum c2s_dtype dtype, int rank, const int64_t *dims,
                                               int low, int high)
{
    struct c2s_error err = {0};
    struct c2s_tensor *t = c2s_tensor_create(dtype, rank, dims, &err);
    assert_ok(t != NULL, &err);
    for (int64_t i = 0, n = c2s_tensor_count(t); i < n; i++) {
        int value = random_int(low, high);
        if (dtype == C2S_I32)
            c2s_i32(t)[i] = value;
        else if (dtype == C2S_F32)
            c2s_f32(t)[i] = (float)value / 37.0f;
        else
            c2s_i8(t)[i] = (int8_t)(uint8_t)value;
    }
    return t;
}

struct layer_recipe {
    enum c2s_akida_type type;
    int filters, kernel[2], strides[2];
    enum c2s_padding padding; /* 0 = C2S_VALID */
    enum c2s_akida_pool pool;
    int pool_size[2], pool_strides[2];
    int weights_bits, act_bits; /* act_bits 0 = no activation */
    int padding_value;
};

static inline struct layer_recipe dense_recipe(int units, int weights_bits, int act_bits)
{
    return (struct layer_recipe){.type = C2S_AKIDA_FULLY_CONNECTED,
                                 .filters = units,
                                 .kernel = {1, 1},
                                 .strides = {1, 1},
                                 .weights_bits = weights_bits,
                                 .act_bits = act_bits};
}

static inline void size_output(struct c2s_akida_layer *l)
{
    for (int i = 0; i < 2; i++) {
        int64_t n =
            c2s_window_length(l->input_dims[i], l->kernel[i], l->strides[i], 1, l->padding, NULL);
        if (l->pool == C2S_AKIDA_MAX_POOL)
            n = c2s_window_length(n, l->pool_size[i], l->pool_strides[i], 1, l->pool_padding, NULL);
        l->output_dims[i] = l->pool == C2S_AKIDA_AVERAGE_POOL ? 1 : (int)n;
    }
}

static inline void fill_layer(struct c2s_akida_layer *l, const struct layer_recipe *r)
{
    int kmax = (1 << (r->weights_bits - 1)) - 1, C = l->input_dims[2];
    int64_t dims[4] = {r->kernel[0], r->kernel[1], C, r->filters};
    l->type = r->type;
    l->filters = r->filters;
    l->padding = l->pool_padding = r->padding;
    l->pool = r->pool;
    l->weights_bits = r->weights_bits;
    l->act_bits = r->act_bits;
    l->has_activation = r->act_bits > 0;
    l->padding_value = r->padding_value;
    for (int i = 0; i < 2; i++) {
        l->kernel[i] = r->kernel[i];
        l->strides[i] = r->strides[i];
        l->pool_size[i] = r->pool == C2S_AKIDA_MAX_POOL ? r->pool_size[i] : -1;
        l->pool_strides[i] = r->pool == C2S_AKIDA_MAX_POOL ? r->pool_strides[i] : -1;
    }
    if (r->type == C2S_AKIDA_FULLY_CONNECTED) {
        l->output_dims[0] = l->output_dims[1] = dims[0] = dims[1] = 1;
        dims[2] = (int64_t)l->input_dims[0] * l->input_dims[1] * C;
    } else {
        size_output(l);
    }
    l->output_dims[2] = r->filters;
    if (r->type == C2S_AKIDA_SEPARABLE_CONVOLUTIONAL) {
        int64_t pw[4] = {1, 1, C, r->filters};
        l->weights_pw = random_tensor(C2S_I8, 4, pw, -kmax, kmax);
        dims[3] = 1;
    }
    l->weights = random_tensor(C2S_I8, 4, dims, -kmax, kmax);
    /* Thresholds and steps of the size of the layer's potentials, so that every level occurs. */
    int taps = (int)(dims[0] * dims[1] * dims[2]), reach = kmax * (taps < 40 ? 40 : taps) / 8;
    int64_t n = r->filters;
    l->threshold = random_tensor(C2S_I32, 1, &n, -reach, reach);
    l->act_step = random_tensor(C2S_F32, 1, &n, 1, reach * 8);
}

/* A new network of n layers behind an optional InputData (when the first recipe is not
 * InputConvolutional). */
static inline struct c2s_akida_net *random_net(const int in[3], const struct layer_recipe *recipes,
                                               int n)
{
    struct c2s_akida_net *net = c2s_calloc(1, sizeof *net);
    bool has_input = recipes[0].type != C2S_AKIDA_INPUT_CONVOLUTIONAL;
    net->name = c2s_strdup("random");
    net->n_layers = n + has_input;
    net->input_scale = 1;
    net->layers = c2s_calloc((size_t)net->n_layers, sizeof *net->layers);
    const int *dims = in;
    int bits = has_input ? 4 : 8;
    for (int i = 0; i < net->n_layers; i++) {
        struct c2s_akida_layer *l = &net->layers[i];
        char name[32];
        snprintf(name, sizeof name, "layer_%d", i);
        l->name = c2s_strdup(name);
        l->keras_first = l->keras_last = i;
        memcpy(l->input_dims, dims, sizeof l->input_dims);
        l->input_bits = bits;
        if (i == 0 && has_input) {
            memcpy(l->output_dims, dims, sizeof l->output_dims);
            for (int k = 0; k < 2; k++) {
                l->kernel[k] = l->strides[k] = 1;
                l->pool_size[k] = l->pool_strides[k] = -1;
            }
        } else {
            fill_layer(l, &recipes[i - has_input]);
            bits = l->act_bits;
        }
        dims = l->output_dims;
    }
    return net;
}

#endif
