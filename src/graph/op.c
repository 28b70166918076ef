/* The op table and its look-ups, aliases of old and new Keras releases included. */
#include <c2s/op.h>

#include <stddef.h>
#include <string.h>

#define ROLES(id) (1u << C2S_##id)

static const struct c2s_op_info table[] = {
#define X(id, keras, family, quantized, roles)                                                     \
    [C2S_OP_##id] = {#id, keras, quantized, C2S_FAMILY_##family, roles},
#include <c2s/ops.def>
#undef X
};
_Static_assert(sizeof table / sizeof table[0] == C2S_OP_COUNT, "the op table has holes");

static const struct {
    const char *class_name;
    enum c2s_op op;
} aliases[] = {
    {"Convolution2D", C2S_OP_CONV2D},
    {"DepthwiseConvolution2D", C2S_OP_DEPTHWISE_CONV2D},
    {"SeparableConvolution2D", C2S_OP_SEPARABLE_CONV2D},
    {"MaxPool2D", C2S_OP_MAX_POOL},
    {"AvgPool2D", C2S_OP_AVERAGE_POOL},
    {"GlobalAvgPool2D", C2S_OP_GLOBAL_AVERAGE_POOL},
    {"BatchNormalizationV1", C2S_OP_BATCH_NORM},
    {"BatchNormalizationV2", C2S_OP_BATCH_NORM},
};

static const char *const role_names[] = {
#define X(id, text) [C2S_##id] = text,
    C2S_ROLES(X)
#undef X
};

const struct c2s_op_info *c2s_op_info(enum c2s_op op)
{
    return &table[(unsigned)op < C2S_OP_COUNT ? op : C2S_OP_UNKNOWN];
}

const char *c2s_role_name(enum c2s_role role)
{
    return role_names[role];
}

enum c2s_op c2s_op_from_class(const char *class_name, bool *is_quantized)
{
    if (is_quantized)
        *is_quantized = false;
    for (int op = 0; op < C2S_OP_UNKNOWN; op++) {
        if (strcmp(class_name, table[op].keras_class) == 0)
            return op;
        if (table[op].quantized_class && strcmp(class_name, table[op].quantized_class) == 0) {
            if (is_quantized)
                *is_quantized = true;
            return op;
        }
    }
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(class_name, aliases[i].class_name) == 0)
            return aliases[i].op;
    return C2S_OP_UNKNOWN;
}
