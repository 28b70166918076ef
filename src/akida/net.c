/* Akida networks: their lifetime and the names of layer types. */
#include <c2s/akida.h>

#include "base/alloc.h"

static const char *const type_names[] = {
    [C2S_AKIDA_INPUT_DATA] = "InputData",
    [C2S_AKIDA_INPUT_CONVOLUTIONAL] = "InputConvolutional",
    [C2S_AKIDA_CONVOLUTIONAL] = "Convolutional",
    [C2S_AKIDA_SEPARABLE_CONVOLUTIONAL] = "SeparableConvolutional",
    [C2S_AKIDA_FULLY_CONNECTED] = "FullyConnected",
};
_Static_assert(sizeof type_names / sizeof type_names[0] == C2S_AKIDA_TYPE_COUNT,
               "a type has no name");

const char *c2s_akida_type_name(enum c2s_akida_type type)
{
    return (unsigned)type < C2S_AKIDA_TYPE_COUNT ? type_names[type] : "?";
}

void c2s_akida_net_destroy(struct c2s_akida_net *net)
{
    if (!net)
        return;
    for (int i = 0; net->layers && i < net->n_layers; i++) {
        struct c2s_akida_layer *l = &net->layers[i];
        c2s_tensor_unref(l->weights);
        c2s_tensor_unref(l->weights_pw);
        c2s_tensor_unref(l->threshold);
        c2s_tensor_unref(l->act_step);
        c2s_free(l->name);
    }
    c2s_free(net->layers);
    c2s_free(net->name);
    c2s_free(net);
}
