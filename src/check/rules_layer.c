/* Rules that look at one layer at a time: its kind and its attributes. */
#include <math.h>
#include <string.h>

#include "check/rule.h"

/* What to say beside "not supported", for the kinds that come up. */
static const char *hint(const struct c2s_layer *l)
{
    switch (l->op) {
    case C2S_OP_LEAKY_RELU:
    case C2S_OP_PRELU:
        return "use ReLU";
    case C2S_OP_AVERAGE_POOL:
        return "use MaxPooling2D, strides of 2 or GlobalAveragePooling2D";
    case C2S_OP_DEPTHWISE_CONV2D:
        return "use SeparableConv2D, which adds the pointwise part";
    case C2S_OP_ZERO_PADDING:
        return "use padding='same' in the convolution";
    case C2S_OP_UPSAMPLING:
        return "Akida 1.0 only keeps or reduces the image size";
    case C2S_OP_ADD:
    case C2S_OP_CONCATENATE:
        return "Akida 1.0 joins no paths";
    default:
        return "Akida 1.0 has no such layer, or its settings are unknown here";
    }
}

void c2s_rule_supported(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        /* Joins and channels first have rules of their own. */
        if (c2s_chain_is_unsupported(l) && l->n_inputs < 2 && !c2s_layer_is_channels_first(l))
            c2s_report(run, i, "%s is not supported: %s", l->class_name, hint(l));
    }
}

static bool is_conv(const struct c2s_layer *l)
{
    return l->op == C2S_OP_CONV2D || l->op == C2S_OP_SEPARABLE_CONV2D ||
           l->op == C2S_OP_DEPTHWISE_CONV2D;
}

void c2s_rule_inlined_activation(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        enum c2s_function f = c2s_layer_function(l);
        if (c2s_layer_is_neural(l) && f != C2S_FN_LINEAR)
            c2s_report(run, i, "activation '%s' is part of the layer; only 'linear' is taken",
                       f == C2S_FN_OTHER ? "another function" : c2s_function_names[f]);
    }
}

void c2s_rule_dilation(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        if (is_conv(l) && (l->attr.conv.dilation[0] != 1 || l->attr.conv.dilation[1] != 1))
            c2s_report(run, i, "dilation %dx%d; only 1x1 is taken", l->attr.conv.dilation[0],
                       l->attr.conv.dilation[1]);
    }
}

void c2s_rule_groups(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        if (l->op == C2S_OP_CONV2D && l->attr.conv.groups != 1)
            c2s_report(run, i, "%d groups; only 1 is taken", l->attr.conv.groups);
    }
}

void c2s_rule_depth_multiplier(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        if (l->op == C2S_OP_SEPARABLE_CONV2D && l->attr.conv.depth_multiplier != 1)
            c2s_report(run, i, "depth multiplier %d; only 1 is taken",
                       l->attr.conv.depth_multiplier);
    }
}

void c2s_rule_channels_last(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++)
        if (c2s_layer_is_channels_first(run->m->layers[i]))
            c2s_report(run, i, "data_format is channels_first; only channels_last is taken");
}

void c2s_rule_relu_options(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        if (l->op != C2S_OP_RELU)
            continue;
        if (l->attr.relu.threshold != 0)
            c2s_report(run, i, "threshold %g; only 0 is taken", (double)l->attr.relu.threshold);
    }
}

void c2s_rule_relu_lost(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        if (l->op != C2S_OP_RELU)
            continue;
        if (l->attr.relu.negative_slope != 0)
            c2s_report(run, i, "negative_slope %g; only 0 is taken",
                       (double)l->attr.relu.negative_slope);
        if (!(l->attr.relu.max_value > 0))
            c2s_report(run, i, "max_value %g; it must be above 0", (double)l->attr.relu.max_value);
    }
}

void c2s_rule_even_kernel(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        const int *kernel = l->attr.conv.kernel;
        if (is_conv(l) && l->op != C2S_OP_DEPTHWISE_CONV2D &&
            (kernel[0] % 2 == 0 || kernel[1] % 2 == 0))
            c2s_report(run, i, "kernel %dx%d; both sides must be odd", kernel[0], kernel[1]);
    }
}

void c2s_rule_stride_over_window(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        const int *window = NULL, *strides = NULL;
        int block = run->chain.block_of[i];
        if (l->op == C2S_OP_MAX_POOL) {
            window = l->attr.pool.size;
            strides = l->attr.pool.strides;
        } else if ((l->op == C2S_OP_CONV2D || l->op == C2S_OP_SEPARABLE_CONV2D) &&
                   !(block >= 0 && c2s_is_input_convolution(run, block))) {
            window = l->attr.conv.kernel;
            strides = l->attr.conv.strides;
        }
        if (window && (strides[0] > window[0] || strides[1] > window[1]))
            c2s_report(run, i, "strides %dx%d over a window of %dx%d", strides[0], strides[1],
                       window[0], window[1]);
    }
}

void c2s_rule_dense_input(struct c2s_check_run *run)
{
    char shape[96];
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        if (l->op != C2S_OP_DENSE || l->n_inputs == 0)
            continue;
        const struct c2s_layer *in = run->m->layers[l->inputs[0]];
        bool is_vector = in->rank == 1 || (in->rank == 3 && in->dims[0] == 1 && in->dims[1] == 1);
        if (in->rank >= 0 && !is_vector)
            c2s_report(run, i, "input shape %s; it must be (N) or (1,1,N)",
                       c2s_shape_text(in->rank, in->dims, shape, sizeof shape));
    }
}

static bool same_to_akida(const struct c2s_layer *a, const struct c2s_layer *b)
{
    if (a->rank == b->rank)
        return memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank) == 0;
    const struct c2s_layer *image = a->rank == 3 ? a : b, *vector = a->rank == 3 ? b : a;
    return image->rank == 3 && vector->rank == 1 && image->dims[0] == 1 && image->dims[1] == 1 &&
           image->dims[2] == vector->dims[0];
}

void c2s_rule_reshape(struct c2s_check_run *run)
{
    char from[96], to[96];
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        if (l->op != C2S_OP_RESHAPE || l->n_inputs == 0 || l->rank < 0)
            continue;
        const struct c2s_layer *in = run->m->layers[l->inputs[0]];
        if (!same_to_akida(in, l))
            c2s_report(run, i, "from %s to %s; only (N) and (1,1,N) may be exchanged",
                       c2s_shape_text(in->rank, in->dims, from, sizeof from),
                       c2s_shape_text(l->rank, l->dims, to, sizeof to));
    }
}

void c2s_rule_note_dropout(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++)
        if (run->m->layers[i]->op == C2S_OP_DROPOUT)
            c2s_report(run, i, "left out in quantize and convert");
}

void c2s_rule_note_max_value(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_layers; i++) {
        const struct c2s_layer *l = run->m->layers[i];
        float max_value = l->attr.relu.max_value;
        if (l->op != C2S_OP_RELU || max_value == 6.0f || !(max_value > 0))
            continue;
        if (isinf(max_value))
            c2s_report(run, i, "no max_value: range 0..15 in 4 bits under 2.2, 0..6 under 1.8");
        else
            c2s_report(run, i, "max_value %g: range 0..%g under 2.2, 0..6 under 1.8",
                       (double)max_value, (double)max_value);
    }
}

void c2s_rule_note_flatten_dropout(struct c2s_check_run *run)
{
    const struct c2s_model *m = run->m;
    for (int i = 0; i < m->n_layers; i++) {
        const struct c2s_layer *l = m->layers[i];
        if (l->op == C2S_OP_DROPOUT && l->n_inputs == 1 &&
            m->layers[l->inputs[0]]->op == C2S_OP_FLATTEN)
            c2s_report(run, l->inputs[0], "Dropout '%s' stands between it and the next layer",
                       l->name);
    }
}

void c2s_rule_note_vector_input(struct c2s_check_run *run)
{
    for (int i = 0; i < run->m->n_inputs; i++)
        if (run->m->layers[run->m->inputs[i]]->rank == 1)
            c2s_report(run, run->m->inputs[i], "a vector of %lld",
                       (long long)run->m->layers[run->m->inputs[i]]->dims[0]);
}
