/* Whether labelled data fits a model, and how the model ends. */
#include "train/fit.h"

#include <c2s/metrics.h>

enum train_ending train_ending_of(const struct c2s_model *m)
{
    const struct c2s_layer *l = m->layers[m->outputs[0]];
    for (enum c2s_family family = c2s_op_info(l->op)->family;
         l->n_inputs == 1 && (family == C2S_FAMILY_SHAPE || family == C2S_FAMILY_TRAINING);
         family = c2s_op_info(l->op)->family)
        l = m->layers[l->inputs[0]];
    switch (c2s_layer_function(l)) {
    case C2S_FN_SOFTMAX:
        return TRAIN_ENDS_SOFTMAX;
    case C2S_FN_SIGMOID:
        return TRAIN_ENDS_SIGMOID;
    default:
        return TRAIN_ENDS_PLAIN;
    }
}

/* The dataset gives grey images a channel axis, which a model may not have. */
static bool takes_samples(const struct c2s_layer *input, const struct c2s_dataset_info *info)
{
    if (input->rank != info->rank &&
        !(input->rank == info->rank - 1 && info->dims[input->rank] == 1))
        return false;
    for (int i = 0; i < input->rank; i++)
        if (input->dims[i] != info->dims[i])
            return false;
    return true;
}

bool train_fit(const struct c2s_model *m, const struct c2s_dataset *d, struct train_fit *out,
               struct c2s_error *err)
{
    const struct c2s_dataset_info *info = c2s_dataset_info(d);
    char wants[96], has[96];
    if (m->n_inputs != 1 || m->n_outputs != 1)
        return c2s_fail(err, C2S_UNSUPPORTED,
                        "the model has several ends (inputs: %d, outputs: %d); only a model with "
                        "one of each can "
                        "be evaluated on labelled samples",
                        m->n_inputs, m->n_outputs);
    *out = (struct train_fit){.input = m->layers[m->inputs[0]], .units = 1};
    const struct c2s_layer *output = m->layers[m->outputs[0]];
    if (!takes_samples(out->input, info))
        return c2s_fail(err, C2S_SHAPE,
                        "the model takes samples of %s, the data '%s' has samples of %s; choose "
                        "data or a model that fits",
                        c2s_shape_text(out->input->rank, out->input->dims, wants, sizeof wants),
                        info->name, c2s_shape_text(info->rank, info->dims, has, sizeof has));
    for (int i = 0; i < output->rank; i++)
        out->units *= output->dims[i];
    int64_t n_classes = out->units == 1 ? 2 : out->units;
    if (info->n_classes > n_classes)
        return c2s_fail(err, C2S_SHAPE,
                        "the model tells %lld classes apart, the labels of '%s' go up to %d; "
                        "choose data or a model that fits",
                        (long long)n_classes, info->name, info->n_classes - 1);
    out->ending = train_ending_of(m);
    return true;
}

bool c2s_evaluate_fits(const struct c2s_model *m, const struct c2s_dataset *d,
                       struct c2s_error *err)
{
    struct train_fit fit;
    return train_fit(m, d, &fit, err);
}
