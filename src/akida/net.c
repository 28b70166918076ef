/* Akida networks: their lifetime and the names of layer types. */
#include <c2s/akida.h>

#include "base/alloc.h"

static const struct {
    const char *name, *short_name;
} types[] = {
    [C2S_AKIDA_INPUT_DATA] = {"InputData", "InputData"},
    [C2S_AKIDA_INPUT_CONVOLUTIONAL] = {"InputConvolutional", "InputConv."},
    [C2S_AKIDA_CONVOLUTIONAL] = {"Convolutional", "Conv."},
    [C2S_AKIDA_SEPARABLE_CONVOLUTIONAL] = {"SeparableConvolutional", "Sep.Conv."},
    [C2S_AKIDA_FULLY_CONNECTED] = {"FullyConnected", "Fully."},
};
_Static_assert(sizeof types / sizeof types[0] == C2S_AKIDA_TYPE_COUNT, "a type has no name");

const char *c2s_akida_type_name(enum c2s_akida_type type)
{
    return (unsigned)type < C2S_AKIDA_TYPE_COUNT ? types[type].name : "?";
}

const char *c2s_akida_type_short_name(enum c2s_akida_type type)
{
    return (unsigned)type < C2S_AKIDA_TYPE_COUNT ? types[type].short_name : "?";
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
