/* Which Akida layer each Keras layer becomes, for tables of layers. */
#include <c2s/finding.h>

#include "check/chain.h"

static const char *pool_role(const struct c2s_layer *l)
{
    static const struct {
        int size[2];
        const char *role;
    } sizes[] = {
        {{1, 1}, "max 1x1"}, {{2, 2}, "max 2x2"}, {{3, 3}, "max 3x3"},
        {{4, 4}, "max 4x4"}, {{1, 2}, "max 1x2"}, {{2, 1}, "max 2x1"},
    };
    if (l->op == C2S_OP_GLOBAL_AVERAGE_POOL)
        return "global average";
    if (l->op != C2S_OP_MAX_POOL)
        return "?";
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i].size[0] == l->attr.pool.size[0] && sizes[i].size[1] == l->attr.pool.size[1])
            return sizes[i].role;
    return "max";
}

static const char *neural_role(const struct c2s_layer *l, bool takes_image)
{
    switch (l->op) {
    case C2S_OP_CONV2D:
        return takes_image ? "InputConvolutional" : "Convolutional";
    case C2S_OP_SEPARABLE_CONV2D:
        return "SeparableConvolutional";
    default:
        return "FullyConnected";
    }
}

/* What a layer that is part of no Akida layer is. */
static const char *outside_role(const struct c2s_layer *l, bool input_is_integers, bool is_dropped)
{
    if (l->op == C2S_OP_INPUT)
        return input_is_integers ? "InputData" : "input";
    if (l->op == C2S_OP_DROPOUT || is_dropped)
        return "dropped";
    return "?";
}

/* Behind the last neural layer other activations, Flatten and Reshape are left out of the chip. */
static bool is_dropped_at_the_end(const struct c2s_model *m, const struct c2s_chain *chain,
                                  int layer)
{
    for (int i = chain->n - 1; i >= 0 && !c2s_layer_is_akida_neural(m->layers[chain->at[i]]); i--) {
        enum c2s_op op = m->layers[layer]->op;
        if (chain->at[i] == layer)
            return op == C2S_OP_ACTIVATION || op == C2S_OP_SOFTMAX || op == C2S_OP_FLATTEN ||
                   op == C2S_OP_RESHAPE;
    }
    return false;
}

static const char *role_in_block(const struct c2s_model *m, const struct c2s_block *block,
                                 int layer, bool takes_image)
{
    const struct c2s_layer *l = m->layers[layer];
    if (layer == block->neural)
        return neural_role(l, takes_image);
    if (layer == block->pool)
        return pool_role(l);
    if (layer == block->activation)
        return "activation";
    if (l->op == C2S_OP_BATCH_NORM)
        return "folded";
    return l->op == C2S_OP_RESCALING ? "input scaling" : "in front";
}

void c2s_check_map(const struct c2s_model *m, bool input_is_integers, int *akida_index,
                   const char **role)
{
    struct c2s_chain chain;
    struct c2s_error err = {0};
    bool ok = c2s_chain_init(&chain, m, -1, &err);
    int offset = input_is_integers ? 1 : 0; /* InputData is Akida layer 0 then */
    for (int i = 0; i < m->n_layers; i++) {
        int block = ok ? chain.block_of[i] : -1;
        akida_index[i] = block >= 0 ? block + offset : -1;
        if (block >= 0)
            role[i] = role_in_block(m, &chain.blocks[block], i, block == 0 && !input_is_integers);
        else
            role[i] = outside_role(m->layers[i], input_is_integers,
                                   ok && is_dropped_at_the_end(m, &chain, i));
        if (m->layers[i]->op == C2S_OP_INPUT && input_is_integers)
            akida_index[i] = 0;
    }
    if (ok)
        c2s_chain_finish(&chain);
}
