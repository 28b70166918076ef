/* Plays the rewrites of quantize and convert on layer indices and cuts the result into Akida
 * layers. Judging it is the business of the rules. */
#include "check/chain.h"

#include <string.h>

#include <c2s/finding.h>

#include "base/alloc.h"

bool c2s_chain_is_unsupported(const struct c2s_layer *l)
{
    switch (l->op) {
    case C2S_OP_DEPTHWISE_CONV2D:
    case C2S_OP_LEAKY_RELU:
    case C2S_OP_PRELU:
    case C2S_OP_AVERAGE_POOL:
    case C2S_OP_ZERO_PADDING:
    case C2S_OP_UPSAMPLING:
    case C2S_OP_ADD:
    case C2S_OP_CONCATENATE:
    case C2S_OP_UNKNOWN:
        return true;
    default:
        return false;
    }
}

static void take_out(struct c2s_chain *chain, int position)
{
    chain->n--;
    memmove(chain->at + position, chain->at + position + 1,
            sizeof *chain->at * (size_t)(chain->n - position));
}

static void swap_with_next(struct c2s_chain *chain, int position)
{
    int layer = chain->at[position];
    chain->at[position] = chain->at[position + 1];
    chain->at[position + 1] = layer;
}

static void append(struct c2s_chain *chain, const struct c2s_model *m, int layer)
{
    if (m->layers[layer]->op != C2S_OP_DROPOUT)
        chain->at[chain->n++] = layer;
}

/* Back to an input, turned round, then forward. Inputs come before their readers, so this ends. */
static void follow_path(struct c2s_chain *chain, const struct c2s_model *m, int through)
{
    int start = through >= 0 ? through : m->n_outputs > 0 ? m->outputs[0] : m->n_layers - 1;
    for (int i = start; i >= 0 && m->layers[i]->op != C2S_OP_INPUT;
         i = m->layers[i]->n_inputs > 0 ? m->layers[i]->inputs[0] : -1)
        append(chain, m, i);
    for (int i = 0; i < chain->n / 2; i++) {
        int other = chain->at[chain->n - 1 - i];
        chain->at[chain->n - 1 - i] = chain->at[i];
        chain->at[i] = other;
    }
    for (int i = start; through >= 0 && c2s_model_n_readers(m, i, &i) > 0;)
        append(chain, m, i);
}

static void reorder(struct c2s_chain *chain, const struct c2s_model *m)
{
    for (int i = 0; i + 1 < chain->n; i++) {
        const struct c2s_layer *next = m->layers[chain->at[i + 1]];
        if (c2s_layer_is_akida_activation(m->layers[chain->at[i]]) && next->op == C2S_OP_MAX_POOL)
            swap_with_next(chain, i++);
    }
    for (int i = 0; i + 1 < chain->n; i++) {
        enum c2s_op op = m->layers[chain->at[i]]->op;
        bool is_pool = op == C2S_OP_MAX_POOL || op == C2S_OP_GLOBAL_AVERAGE_POOL;
        if (is_pool && m->layers[chain->at[i + 1]]->op == C2S_OP_BATCH_NORM) {
            chain->moved_over[chain->at[i + 1]] = chain->at[i];
            swap_with_next(chain, i++);
        }
    }
    for (int i = 0; i + 1 < chain->n; i++) {
        int next = chain->at[i + 1];
        if (c2s_layer_is_akida_neural(m->layers[chain->at[i]]) &&
            m->layers[next]->op == C2S_OP_BATCH_NORM) {
            chain->folded_into[next] = chain->at[i];
            take_out(chain, i + 1);
        }
    }
}

static void cut(struct c2s_chain *chain, const struct c2s_model *m)
{
    int n_waiting = 0; /* layers seen since the last block that belong in front of the next one */
    for (int i = 0; i < chain->n; i++) {
        int index = chain->at[i];
        const struct c2s_layer *l = m->layers[index];
        struct c2s_block *last = chain->n_blocks > 0 ? &chain->blocks[chain->n_blocks - 1] : NULL;
        if (c2s_layer_is_akida_neural(l)) {
            chain->blocks[chain->n_blocks] = (struct c2s_block){index, -1, -1};
            for (int k = i - n_waiting; k <= i; k++)
                chain->block_of[chain->at[k]] = chain->n_blocks;
            chain->n_blocks++;
        } else if (last && c2s_op_info(l->op)->family == C2S_FAMILY_POOL && last->pool < 0) {
            last->pool = index;
            chain->block_of[index] = chain->n_blocks - 1;
        } else if (last && c2s_layer_is_akida_activation(l) && last->activation < 0) {
            last->activation = index;
            chain->block_of[index] = chain->n_blocks - 1;
        }
        bool is_in_front = l->op == C2S_OP_FLATTEN || l->op == C2S_OP_RESHAPE ||
                           (l->op == C2S_OP_RESCALING && i == 0);
        n_waiting = is_in_front ? n_waiting + 1 : 0;
    }
    for (int i = 0; i < m->n_layers; i++)
        if (chain->folded_into[i] >= 0)
            chain->block_of[i] = chain->block_of[chain->folded_into[i]];
}

bool c2s_chain_init(struct c2s_chain *chain, const struct c2s_model *m, int through,
                    struct c2s_error *err)
{
    size_t n = (size_t)m->n_layers;
    memset(chain, 0, sizeof *chain);
    chain->at = c2s_malloc(sizeof *chain->at * (4 * n + 1));
    chain->blocks = c2s_malloc(sizeof *chain->blocks * (n + 1));
    if (!chain->at || !chain->blocks) {
        c2s_chain_finish(chain);
        return c2s_fail_nomem(err);
    }
    for (size_t i = 0; i < 4 * n; i++)
        chain->at[i] = -1;
    chain->folded_into = chain->at + n;
    chain->moved_over = chain->at + 2 * n;
    chain->block_of = chain->at + 3 * n;
    chain->n_layers = m->n_layers;
    follow_path(chain, m, through);
    reorder(chain, m);
    cut(chain, m);
    return true;
}

void c2s_chain_finish(struct c2s_chain *chain)
{
    c2s_free(chain->at);
    c2s_free(chain->blocks);
    memset(chain, 0, sizeof *chain);
}
