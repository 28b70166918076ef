/* What to tell a user about layers that are not known. */
#include <stddef.h>
#include <string.h>

#include "keras/keras.h"

static const struct {
    const char *start; /* of the class name */
    const char *about;
} foreign[] = {
    {"Lambda", "Python code inside the file, which is never run; replace it by Keras layers"},
    {"TFOpLambda", "an operation outside any layer; replace it by Keras layers"},
    {"SlicingOpLambda", "an operation outside any layer; replace it by Keras layers"},
    {"TensorFlowOpLayer", "an operation outside any layer; replace it by Keras layers"},
    {"Quantize", "of TensorFlow Model Optimization; load the float model it was made from"},
    {"PruneLow", "of TensorFlow Model Optimization; save it after strip_pruning()"},
    {"QConv", "of QKeras; load the float model it was made from"},
    {"QDense", "of QKeras; load the float model it was made from"},
    {"QDepthwise", "of QKeras; load the float model it was made from"},
    {"QSeparable", "of QKeras; load the float model it was made from"},
    {"QActivation", "of QKeras; load the float model it was made from"},
    {"QBatch", "of QKeras; load the float model it was made from"},
    {"TimeDistributed", "a wrapper around another layer; apply the layer itself"},
    {"Bidirectional", "a wrapper around another layer; apply the layer itself"},
};

const char *keras_bare_class(const char *class_name)
{
    const char *mark = strrchr(class_name, '>');
    return mark ? mark + 1 : class_name;
}

const char *keras_about_class(const char *class_name)
{
    const char *bare = keras_bare_class(class_name);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (strncmp(bare, foreign[i].start, strlen(foreign[i].start)) == 0)
            return foreign[i].about;
    return "a class this program does not know";
}

bool keras_make_unknown(struct c2s_model *m, struct c2s_layer *l, const char *why,
                        struct c2s_error *err)
{
    l->op = C2S_OP_UNKNOWN;
    memset(&l->attr, 0, sizeof l->attr);
    l->quantizer = l->quantizer_dw = (struct c2s_quantizer_spec){0};
    l->rank = -1;
    return c2s_model_add_note(m, C2S_NOTE_SKIPPED, err,
                              "layer '%s' (%s) is shown but cannot be computed: %s", l->name,
                              l->class_name, why);
}
