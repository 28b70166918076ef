/* The weight quantizers of cnn2snn in a layer's config: read, named and written. */
#include <c2s/quantizer.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "keras/keras.h"
#include "keras/write.h"

static bool has_threshold(enum c2s_quantizer_id id)
{
    return id == C2S_QUANTIZER_STD || id == C2S_QUANTIZER_STD_PER_AXIS ||
           id == C2S_QUANTIZER_TRAINABLE_STD;
}

static bool read_quantizer(const struct c2s_json *v, struct c2s_quantizer_spec *out, char *why,
                           size_t size)
{
    const char *name = c2s_json_text(c2s_json_get(v, "class_name"), "");
    const struct c2s_json *config = c2s_json_get(v, "config");
    int64_t bits = c2s_json_integer(c2s_json_get(config, "bitwidth"), 4);
    *out = (struct c2s_quantizer_spec){.id = c2s_quantizer_from_class(keras_bare_class(name))};
    if (out->id == C2S_QUANTIZER_NONE) {
        snprintf(why, size, "its weight quantizer is of the class '%s'", name);
        return false;
    }
    if (bits < 2 || bits > 8) {
        snprintf(why, size, "its weight quantizer has %lld bits", (long long)bits);
        return false;
    }
    out->bitwidth = (int)bits;
    if (has_threshold(out->id))
        out->threshold = (float)c2s_json_real(c2s_json_get(config, "threshold"), 3);
    return true;
}

bool keras_configure_quantizers(struct c2s_layer *l, const struct c2s_json *config, char *why,
                                size_t size)
{
    struct c2s_quantizer_spec main = {0};
    const struct c2s_json *depthwise = c2s_json_get(config, "quantizer_dw");
    if (c2s_json_get(config, "quant_config")) {
        snprintf(why, size, "it was quantized for Akida 2 by quantizeml; load the float model");
        return false;
    }
    if (!read_quantizer(c2s_json_get(config, "quantizer"), &main, why, size))
        return false;
    if (l->op == C2S_OP_DEPTHWISE_CONV2D) {
        l->quantizer_dw = main;
        return true;
    }
    l->quantizer = main;
    if (l->op != C2S_OP_SEPARABLE_CONV2D)
        return true;
    l->quantizer_dw = main; /* cnn2snn's default when the depthwise one is not given */
    return c2s_json_kind(depthwise) == C2S_JSON_ABSENT ||
           c2s_json_kind(depthwise) == C2S_JSON_NULL ||
           read_quantizer(depthwise, &l->quantizer_dw, why, size);
}

void keras_quantizer_name(const struct c2s_quantizer_spec *spec, int k, char *out, size_t size)
{
    /* "MaxPerAxisQuantizer" -> "max_per_axis_quantizer_3", as Keras names objects */
    size_t n = 0;
    for (const char *p = c2s_quantizer_class(spec->id); *p && n + 2 < size; p++) {
        if (isupper((unsigned char)*p) && n > 0)
            out[n++] = '_';
        out[n++] = (char)tolower((unsigned char)*p);
    }
    out[n] = '\0';
    if (k > 0)
        snprintf(out + n, size - n, "_%d", k);
}

struct c2s_json *keras_quantizer_config(const struct c2s_quantizer_spec *spec, int k)
{
    char name[96];
    struct c2s_json *config = c2s_json_new_object(), *outer = c2s_json_new_object();
    keras_quantizer_name(spec, k, name, sizeof name);
    bool ok = c2s_json_set(config, "name", c2s_json_new_text(name));
    ok = c2s_json_set(config, "trainable", c2s_json_new_bool(true)) && ok;
    ok = c2s_json_set(config, "dtype", c2s_json_new_text("float32")) && ok;
    ok = c2s_json_set(config, "bitwidth", c2s_json_new_integer(spec->bitwidth)) && ok;
    if (has_threshold(spec->id))
        ok = c2s_json_set(config, "threshold", c2s_json_new_real((double)spec->threshold)) && ok;
    ok = c2s_json_set(outer, "class_name", c2s_json_new_text(c2s_quantizer_class(spec->id))) && ok;
    ok = c2s_json_set(outer, "config", config) && ok;
    if (ok)
        return outer;
    c2s_json_free(outer);
    return NULL;
}
