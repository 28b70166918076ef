/* Rules of one chip: Akida layers against the limits in target.c. */
#include "check/rule.h"

enum {
    INPUT_DATA_BITS = 4, /* of integer inputs, as convert makes them */
    USUAL_BITS = 4
};

static const struct c2s_layer *neural(const struct c2s_check_run *run, int block)
{
    return run->m->layers[run->chain.blocks[block].neural];
}

static const struct c2s_layer *pool(const struct c2s_check_run *run, int block)
{
    int index = run->chain.blocks[block].pool;
    return index >= 0 ? run->m->layers[index] : NULL;
}

static bool has_max_pool(const struct c2s_check_run *run, int block)
{
    const struct c2s_layer *p = pool(run, block);
    return p && p->op == C2S_OP_MAX_POOL;
}

static bool has_global_average(const struct c2s_check_run *run, int block)
{
    const struct c2s_layer *p = pool(run, block);
    return p && p->op == C2S_OP_GLOBAL_AVERAGE_POOL;
}

/* Limits of an inner convolution, NULL for what is not one. */
static const struct c2s_conv_limits *inner_limits(const struct c2s_check_run *run, int block)
{
    const struct c2s_layer *l = neural(run, block);
    if (l->op == C2S_OP_SEPARABLE_CONV2D)
        return &run->target->separable;
    if (l->op == C2S_OP_CONV2D && !c2s_is_input_convolution(run, block))
        return &run->target->convolutional;
    return NULL;
}

/* The first convolution if it reads images, with its index; NULL otherwise, and for chips that have
 * none, which a rule of its own says. */
static const struct c2s_layer *input_convolution(const struct c2s_check_run *run, int *index)
{
    if (!run->target->has_input_convolution || !c2s_is_input_convolution(run, 0))
        return NULL;
    *index = run->chain.blocks[0].neural;
    return run->m->layers[*index];
}

void c2s_rule_image_size(struct c2s_check_run *run)
{
    int i;
    const struct c2s_layer *l = input_convolution(run, &i);
    int64_t dims[3];
    if (!l || !c2s_input_dims(run, i, dims))
        return;
    int least_height = run->target->input.min_height;
    if (l->attr.conv.kernel[0] > least_height)
        least_height = l->attr.conv.kernel[0];
    if (dims[0] < least_height)
        c2s_report(run, i, "%lld rows (first axis); at least %d", (long long)dims[0], least_height);
    /* Answered by the virtual device for every kernel and stride; no page says it. */
    int least_width = run->target->input.min_width;
    int window = l->attr.conv.kernel[1] + l->attr.conv.strides[1];
    if (l->attr.conv.padding == C2S_VALID && window > least_width)
        least_width = window;
    if (dims[1] < least_width || dims[1] > run->target->input.max_width)
        c2s_report(run, i, "rows of %lld pixels (second axis); from %d to %d", (long long)dims[1],
                   least_width, run->target->input.max_width);
}

/* Even sides and strides over the window are refused at level akida already, by rules of their own.
 */
static bool is_even(const int kernel[2])
{
    return kernel[0] % 2 == 0 || kernel[1] % 2 == 0;
}

static bool strides_over(const struct c2s_pool_attr *p)
{
    return p->strides[0] > p->size[0] || p->strides[1] > p->size[1];
}

void c2s_rule_image_kernel(struct c2s_check_run *run)
{
    int i;
    const struct c2s_layer *l = input_convolution(run, &i);
    char allowed[64];
    if (l && !is_even(l->attr.conv.kernel) &&
        (l->attr.conv.kernel[0] != l->attr.conv.kernel[1] ||
         !c2s_set_has(run->target->input.kernels, l->attr.conv.kernel[0])))
        c2s_report(run, i, "kernel %dx%d; square of %s", l->attr.conv.kernel[0],
                   l->attr.conv.kernel[1],
                   c2s_set_text(run->target->input.kernels, allowed, sizeof allowed));
}

void c2s_rule_image_stride(struct c2s_check_run *run)
{
    int i;
    const struct c2s_layer *l = input_convolution(run, &i);
    char allowed[64];
    if (l && (!c2s_set_has(run->target->input.strides, l->attr.conv.strides[0]) ||
              !c2s_set_has(run->target->input.strides, l->attr.conv.strides[1])))
        c2s_report(run, i, "strides %dx%d; %s", l->attr.conv.strides[0], l->attr.conv.strides[1],
                   c2s_set_text(run->target->input.strides, allowed, sizeof allowed));
}

void c2s_rule_image_filters(struct c2s_check_run *run)
{
    int i;
    const struct c2s_layer *l = input_convolution(run, &i);
    int64_t dims[3];
    if (!l || !c2s_input_dims(run, i, dims))
        return;
    int kernel = l->attr.conv.kernel[0];
    if ((dims[2] != 1 && dims[2] != 3) || (kernel != 3 && kernel != 5 && kernel != 7))
        return; /* other rules say so */
    int most = run->target->input.max_filters[dims[2] == 3][(kernel - 3) / 2];
    if (l->attr.conv.filters > most)
        c2s_report(run, i, "%d filters; at most %d with %lld input channel%s and a %dx%d kernel",
                   l->attr.conv.filters, most, (long long)dims[2], dims[2] == 1 ? "" : "s", kernel,
                   kernel);
}

void c2s_rule_image_pool(struct c2s_check_run *run)
{
    int i;
    if (!input_convolution(run, &i) || !pool(run, 0))
        return;
    i = run->chain.blocks[0].pool;
    const struct c2s_pool_attr *p = &pool(run, 0)->attr.pool;
    unsigned sizes = run->target->input.pool_sizes;
    char allowed[64];
    if (has_global_average(run, 0))
        c2s_report(run, i, "global average; the first convolution pools by maximum only");
    else if (!has_max_pool(run, 0) || strides_over(p))
        return;
    else if (!c2s_set_has(sizes, p->size[0]) || !c2s_set_has(sizes, p->size[1]))
        c2s_report(run, i, "size %dx%d; %s each way", p->size[0], p->size[1],
                   c2s_set_text(sizes, allowed, sizeof allowed));
    else if (p->size[0] != p->strides[0] || p->size[1] != p->strides[1])
        c2s_report(run, i, "strides %dx%d over %dx%d; they must be equal", p->strides[0],
                   p->strides[1], p->size[0], p->size[1]);
}

/* What is a ReLU but for being inside the layer is told by another rule. */
static bool has_relu_inside(const struct c2s_layer *convolution)
{
    return convolution->attr.conv.function == C2S_FN_RELU ||
           convolution->attr.conv.function == C2S_FN_RELU6;
}

void c2s_rule_image_activation(struct c2s_check_run *run)
{
    int i;
    const struct c2s_layer *l = input_convolution(run, &i);
    if (l && run->chain.n_blocks == 1 && run->chain.blocks[0].activation < 0 && !has_relu_inside(l))
        c2s_report(run, i, "it is the last layer and has no activation");
}

void c2s_rule_inner_padding(struct c2s_check_run *run)
{
    for (int b = 0; b < run->chain.n_blocks; b++)
        if (inner_limits(run, b) && neural(run, b)->attr.conv.padding != C2S_SAME)
            c2s_report(run, run->chain.blocks[b].neural, "padding 'valid'; only 'same'");
}

void c2s_rule_inner_kernel(struct c2s_check_run *run)
{
    char allowed[64];
    for (int b = 0; b < run->chain.n_blocks; b++) {
        const struct c2s_conv_limits *limits = inner_limits(run, b);
        const int *kernel = neural(run, b)->attr.conv.kernel;
        if (limits && !is_even(kernel) &&
            (kernel[0] != kernel[1] || !c2s_set_has(limits->kernels, kernel[0])))
            c2s_report(run, run->chain.blocks[b].neural, "kernel %dx%d; square of %s", kernel[0],
                       kernel[1], c2s_set_text(limits->kernels, allowed, sizeof allowed));
    }
}

void c2s_rule_inner_stride(struct c2s_check_run *run)
{
    for (int b = 0; b < run->chain.n_blocks; b++) {
        const struct c2s_conv_limits *limits = inner_limits(run, b);
        const struct c2s_conv_attr *conv = &neural(run, b)->attr.conv;
        if (!limits)
            continue;
        bool is_taken = conv->strides[0] == conv->strides[1] &&
                        c2s_set_has(limits->strides, conv->strides[0]) &&
                        (conv->strides[0] != 2 || conv->kernel[0] == limits->stride_2_kernel);
        if (!is_taken && !limits->stride_2_kernel)
            c2s_report(run, run->chain.blocks[b].neural, "strides %dx%d; only 1 on these chips",
                       conv->strides[0], conv->strides[1]);
        else if (!is_taken)
            c2s_report(run, run->chain.blocks[b].neural,
                       "strides %dx%d with a %dx%d kernel; 1, or 2 with %dx%d", conv->strides[0],
                       conv->strides[1], conv->kernel[0], conv->kernel[1], limits->stride_2_kernel,
                       limits->stride_2_kernel);
    }
}

void c2s_rule_inner_pool(struct c2s_check_run *run)
{
    char sizes[64], strides[64];
    for (int b = 0; b < run->chain.n_blocks; b++) {
        const struct c2s_conv_limits *limits = inner_limits(run, b);
        if (!limits || !has_max_pool(run, b))
            continue;
        const struct c2s_pool_attr *p = &pool(run, b)->attr.pool;
        const int *kernel = neural(run, b)->attr.conv.kernel;
        int64_t dims[3];
        if (strides_over(p))
            continue;
        if (p->size[0] != p->size[1] || p->strides[0] != p->strides[1] ||
            !c2s_set_has(limits->pool_sizes, p->size[0]) ||
            !c2s_set_has(limits->pool_strides, p->strides[0]))
            c2s_report(run, run->chain.blocks[b].pool,
                       "size %dx%d, strides %dx%d; square, size %s, strides %s", p->size[0],
                       p->size[1], p->strides[0], p->strides[1],
                       c2s_set_text(limits->pool_sizes, sizes, sizeof sizes),
                       c2s_set_text(limits->pool_strides, strides, sizeof strides));
        else if (c2s_input_dims(run, run->chain.blocks[b].neural, dims) &&
                 (p->size[0] > dims[0] || p->size[1] > dims[1]))
            c2s_report(run, run->chain.blocks[b].pool,
                       "size %dx%d over a layer that reads %lldx%lld", p->size[0], p->size[1],
                       (long long)dims[0], (long long)dims[1]);
        else if (limits->kernel_within_input &&
                 c2s_input_dims(run, run->chain.blocks[b].neural, dims) &&
                 (kernel[0] > dims[0] || kernel[1] > dims[1]))
            c2s_report(run, run->chain.blocks[b].pool,
                       "behind a kernel of %dx%d that is larger than its input of %lldx%lld",
                       kernel[0], kernel[1], (long long)dims[0], (long long)dims[1]);
    }
}

void c2s_rule_overlapping_pool(struct c2s_check_run *run)
{
    for (int b = 0; b < run->chain.n_blocks; b++) {
        if (!inner_limits(run, b) || !has_max_pool(run, b))
            continue;
        const struct c2s_pool_attr *p = &pool(run, b)->attr.pool;
        if (p->strides[0] < p->size[0] || p->strides[1] < p->size[1])
            c2s_report(run, run->chain.blocks[b].pool, "strides %dx%d over %dx%d", p->strides[0],
                       p->strides[1], p->size[0], p->size[1]);
    }
}

void c2s_rule_max_pool_then_dense(struct c2s_check_run *run)
{
    for (int b = 0; b + 1 < run->chain.n_blocks; b++)
        if (inner_limits(run, b) && has_max_pool(run, b) && neural(run, b + 1)->op == C2S_OP_DENSE)
            c2s_report(run, run->chain.blocks[b + 1].neural, "max-pooled layer '%s' feeds it",
                       neural(run, b)->name);
}

void c2s_rule_max_pool_last(struct c2s_check_run *run)
{
    int last = run->chain.n_blocks - 1;
    if (last >= 0 && inner_limits(run, last) && has_max_pool(run, last))
        c2s_report(run, run->chain.blocks[last].neural, "no convolution follows its max pool");
}

void c2s_rule_global_average(struct c2s_check_run *run)
{
    for (int b = 0; b < run->chain.n_blocks; b++) {
        const struct c2s_conv_limits *limits = inner_limits(run, b);
        int i = run->chain.blocks[b].neural;
        int64_t in[3], out[3];
        if (!limits || !has_global_average(run, b) || !c2s_input_dims(run, i, in) ||
            !c2s_output_dims(neural(run, b), out))
            continue;
        if (in[0] > limits->average_max_height)
            c2s_report(run, i, "it reads %lld rows (first axis); at most %d", (long long)in[0],
                       limits->average_max_height);
        if (in[1] > limits->average_max_width)
            c2s_report(run, i, "it reads rows of %lld pixels (second axis); at most %d",
                       (long long)in[1], limits->average_max_width);
        if (in[0] % limits->average_multiple != 0 || in[1] % limits->average_multiple != 0)
            c2s_report(run, i, "it reads %lldx%lld; both must be multiples of %d", (long long)in[0],
                       (long long)in[1], limits->average_multiple);
        if (out[2] % limits->average_filters_multiple != 0)
            c2s_report(run, i, "%lld filters; a multiple of %d", (long long)out[2],
                       limits->average_filters_multiple);
        if (out[1] < limits->average_min_width)
            c2s_report(run, i, "it gives rows of %lld pixels (second axis); at least %d",
                       (long long)out[1], limits->average_min_width);
    }
}

void c2s_rule_inner_size(struct c2s_check_run *run)
{
    for (int b = 0; b < run->chain.n_blocks; b++) {
        const struct c2s_conv_limits *limits = inner_limits(run, b);
        int i = run->chain.blocks[b].neural;
        int64_t in[3];
        if (!limits)
            continue;
        if (neural(run, b)->attr.conv.filters > limits->max_filters)
            c2s_report(run, i, "%d filters; at most %d", neural(run, b)->attr.conv.filters,
                       limits->max_filters);
        if (c2s_input_dims(run, i, in) &&
            (in[0] > limits->max_height || in[1] > limits->max_width ||
             in[2] > limits->max_channels))
            c2s_report(run, i, "it reads %lldx%lldx%lld; at most %dx%dx%d", (long long)in[0],
                       (long long)in[1], (long long)in[2], limits->max_height, limits->max_width,
                       limits->max_channels);
    }
}

void c2s_rule_dense_size(struct c2s_check_run *run)
{
    for (int b = 0; b < run->chain.n_blocks; b++) {
        int i = run->chain.blocks[b].neural;
        int64_t in[3];
        if (neural(run, b)->op == C2S_OP_DENSE && c2s_input_dims(run, i, in) &&
            in[0] * in[1] * in[2] > run->target->dense.max_inputs)
            c2s_report(run, i, "%lld numbers come in; at most %d",
                       (long long)(in[0] * in[1] * in[2]), run->target->dense.max_inputs);
    }
}

static unsigned weight_bits_taken(const struct c2s_check_run *run, int block)
{
    const struct c2s_conv_limits *limits = inner_limits(run, block);
    if (limits)
        return limits->weights_bits;
    return c2s_is_input_convolution(run, block) ? run->target->input.weights_bits
                                                : run->target->dense.weights_bits;
}

void c2s_rule_chip_weight_bits(struct c2s_check_run *run)
{
    char allowed[64];
    for (int b = 0; b < run->chain.n_blocks; b++) {
        int bits = c2s_layer_weight_bits(neural(run, b));
        unsigned taken = weight_bits_taken(run, b);
        if (c2s_is_input_convolution(run, b) && !run->target->has_input_convolution)
            continue;
        if (bits > 0 && !c2s_set_has(taken, bits))
            c2s_report(run, run->chain.blocks[b].neural, "weights of %d bits; %s", bits,
                       c2s_set_text(taken, allowed, sizeof allowed));
    }
}

void c2s_rule_first_bits_to_come(struct c2s_check_run *run)
{
    if (run->chain.n_blocks > 0 && !c2s_is_input_convolution(run, 0) &&
        c2s_layer_weight_bits(neural(run, 0)) == 0)
        c2s_report(run, run->chain.blocks[0].neural, "float now; 8 bits would not map here");
}

void c2s_rule_image_input(struct c2s_check_run *run)
{
    if (!run->target->has_input_convolution && c2s_is_input_convolution(run, 0))
        c2s_report(run, run->chain.blocks[0].neural,
                   "it would read 8-bit images; only integers of 1, 2 or 4 bits come in");
}

/* The activation whose values a Dense block reads, or -1. */
static int activation_in_front(const struct c2s_check_run *run, int block)
{
    return block > 0 && neural(run, block)->op == C2S_OP_DENSE
               ? run->chain.blocks[block - 1].activation
               : -1;
}

void c2s_rule_dense_input_bits(struct c2s_check_run *run)
{
    unsigned taken = run->target->dense.input_bits;
    char allowed[64];
    c2s_set_text(taken, allowed, sizeof allowed);
    if (run->chain.n_blocks > 0 && run->options->input_is_integers &&
        neural(run, 0)->op == C2S_OP_DENSE && !c2s_set_has(taken, INPUT_DATA_BITS))
        c2s_report(run, run->chain.blocks[0].neural, "the input has %d bits; %s here",
                   INPUT_DATA_BITS, allowed);
    for (int b = 1; b < run->chain.n_blocks; b++) {
        int activation = activation_in_front(run, b);
        int bits = activation >= 0 ? c2s_layer_activation_bits(run->m->layers[activation]) : 0;
        if (c2s_set_has(run->target->activation_bits, bits) && !c2s_set_has(taken, bits))
            c2s_report(run, run->chain.blocks[b].neural, "'%s' gives %d bits; %s here",
                       run->m->layers[activation]->name, bits, allowed);
    }
}

/* What 4 bits, which most models get, would do to layers that are float now. */
void c2s_rule_bits_to_come(struct c2s_check_run *run)
{
    for (int b = 0; b < run->chain.n_blocks; b++) {
        unsigned taken = weight_bits_taken(run, b);
        int activation = activation_in_front(run, b);
        if (!c2s_is_input_convolution(run, b) && c2s_layer_weight_bits(neural(run, b)) == 0 &&
            !c2s_set_has(taken, USUAL_BITS))
            c2s_report(run, run->chain.blocks[b].neural,
                       "float weights now; at most %d bits map here", c2s_set_largest(taken));
        taken = run->target->dense.input_bits;
        if (activation >= 0 && run->m->layers[activation]->op == C2S_OP_RELU &&
            !c2s_set_has(taken, USUAL_BITS))
            c2s_report(run, activation, "float now; at most %d bits map in front of '%s'",
                       c2s_set_largest(taken), neural(run, b)->name);
    }
}

void c2s_rule_note_image_bits(struct c2s_check_run *run)
{
    int i;
    const struct c2s_layer *l = input_convolution(run, &i);
    int bits = l ? c2s_layer_weight_bits(l) : 0;
    if (bits > 0 && !c2s_set_has(run->target->input.documented_weights_bits, bits))
        c2s_report(run, i, "weights of %d bits; the present page lists 8", bits);
}
