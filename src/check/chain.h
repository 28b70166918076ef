/* The model in the order in which Akida will see it, and the Akida layers that makes. Nothing is
 * changed: the moves of quantize and convert are played on layer indices. */
#ifndef C2S_CHECK_CHAIN_H
#define C2S_CHECK_CHAIN_H

#include <c2s/model.h>

/* One Akida layer to be: neural [pool] [activation]. Indices into model->layers, -1 = none. */
struct c2s_block {
    int neural;
    int pool;       /* the first pool behind the neural layer, well placed or not */
    int activation; /* ReLU or quantized activation */
};

struct c2s_chain {
    int *at; /* owned; layer indices on the way from input to output, without the input itself */
    int n, n_layers; /* of the chain; of the model */
    /* Per layer of the model, -1 = no; point into the allocation of `at`. */
    int *folded_into; /* batch normalization: the neural layer it disappears into */
    int *moved_over;  /* batch normalization: the pool it was moved in front of */
    int *block_of;    /* the block a layer belongs to, folded ones and those in front included */
    struct c2s_block *blocks; /* owned */
    int n_blocks;
};

/* Follows first inputs back from the first output; or, given a layer, back from that and by first
 * readers forward. Then, as cnn2snn 2.2.6 does before it converts
 * (transforms/sequential.py, batch_normalization.py): Dropout is left out, MaxPooling goes in front
 * of a ReLU it follows, batch normalization in front of a pool it follows, and a batch
 * normalization right behind a neural layer is folded. through -1 = no layer is given. */
bool c2s_chain_init(struct c2s_chain *chain, const struct c2s_model *m, int through,
                    struct c2s_error *err) C2S_MUST_CHECK;
void c2s_chain_finish(struct c2s_chain *chain); /* accepts a zeroed one */

/* No Akida layer has a part for this kind of layer, wherever it stands. */
bool c2s_chain_is_unsupported(const struct c2s_layer *l);

#endif
