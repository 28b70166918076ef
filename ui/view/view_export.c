/* What an export made: for the chip, where each layer runs; for Keras, who can open it. */
#include "view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct c2s_json *member(const struct c2s_json *object, const char *key)
{
    return c2s_json_get(object, key);
}

/* "6 CNP1, 2 FNP2" */
struct np_list {
    char text[80];
};

static bool add_type(void *arg, const char *key, const struct c2s_json *value)
{
    struct np_list *list = arg;
    size_t used = strlen(list->text);
    snprintf(list->text + used, sizeof list->text - used, "%s%" PRId64 " %s", used ? ", " : "",
             c2s_json_integer(value, 0), key);
    return true;
}

static void add_report_row(struct sheet *s, const struct c2s_json *layer)
{
    struct np_list nps = {.text = ""};
    const char *where = c2s_json_text(member(layer, "where"), NULL);
    c2s_json_each(member(layer, "nps_by_type"), add_type, &nps);
    sheet_row(s, SHEET_PLAIN);
    sheet_text(s, c2s_json_text(member(layer, "name"), "?"));
    sheet_text(s, c2s_json_text(member(layer, "type"), "?"));
    sheet_text(s, where);
    if (where && strcmp(where, "software") == 0)
        sheet_mark(s, SHEET_WARNING);
    sheet_integer(s, c2s_json_integer(member(layer, "nps"), 0));
    sheet_text(s, nps.text);
}

static void add_verified(struct sheet *s, const struct c2s_json *report, const char *unverified)
{
    const struct c2s_json *verify = member(report, "verify");
    char integers[48], samples[48];
    bool was_verified = c2s_json_kind(verify) == C2S_JSON_OBJECT;
    sheet_fact_bool(s, "verified", was_verified);
    if (!was_verified) {
        sheet_after(s, SHEET_WARNING, "not verified: %s", unverified);
        return;
    }
    int64_t different = c2s_json_integer(member(verify, "different"), -1);
    sheet_after(s, different ? SHEET_ERROR : SHEET_GOOD,
                "verified on %s: %" PRId64 " of %s differ from ours",
                view_count(c2s_json_integer(member(verify, "samples"), 0), "sample", samples,
                           sizeof samples),
                different,
                view_count(c2s_json_integer(member(verify, "integers"), 0), "integer", integers,
                           sizeof integers));
    sheet_fact_integer(s, "verified_integers", c2s_json_integer(member(verify, "integers"), 0));
    sheet_fact_integer(s, "different_integers", different);
}

static void add_mapping(struct sheet *s, const struct c2s_json *report)
{
    const struct c2s_json *mapping = member(report, "mapping");
    const char *error = c2s_json_text(member(mapping, "error"), NULL);
    bool all = c2s_json_bool(member(mapping, "all_hardware"), false);
    int64_t nps = c2s_json_integer(member(mapping, "nps"), 0);
    if (error)
        sheet_after(s, SHEET_WARNING, "does not map on a virtual AKD1000: %s", error);
    else
        sheet_after(s, all ? SHEET_GOOD : SHEET_WARNING,
                    "on a virtual AKD1000: %s, %" PRId64 " neural processors (NPs)",
                    all ? "all in hardware" : "partly in software", nps);
    const struct c2s_json *reasons = member(mapping, "reasons");
    sheet_fact_item(s, "reasons", NULL);
    for (size_t i = 0; i < c2s_json_size(reasons); i++) {
        const char *reason = c2s_json_text(c2s_json_at(reasons, i), "");
        sheet_fact_item(s, "reasons", reason);
        if (!error)
            sheet_after(s, SHEET_PLAIN, "  akida: %s", reason);
    }
    sheet_fact_bool(s, "all_hardware", all);
    sheet_fact_integer(s, "nps", nps);
}

/* The image alone: what an .fbz made of it will hold. */
static void add_image_rows(struct sheet *s, const struct c2s_akida_net *net)
{
    for (int i = 0; i < net->n_layers; i++) {
        const struct c2s_akida_layer *l = &net->layers[i];
        sheet_row(s, SHEET_PLAIN);
        sheet_text(s, l->name);
        sheet_text(s, c2s_akida_type_name(l->type));
        sheet_textf(s, "%d,%d,%d", l->output_dims[0], l->output_dims[1], l->output_dims[2]);
        sheet_integer(s, l->weights_bits);
        if (l->has_activation)
            sheet_integer(s, l->act_bits);
        else
            sheet_none(s);
    }
}

static struct sheet *view_image(const char *name, const struct c2s_akida_net *net,
                                const char *image)
{
    struct sheet *s = sheet_create("%s", "");
    sheet_before(s, SHEET_PLAIN, "%s written to %s, the Akida image", name, image);
    sheet_next(s, "Next: akida_export.py %s FILE.fbz, where akida is installed", image);
    sheet_fact_text(s, "version", name);
    sheet_fact_text(s, "image", image);
    sheet_rows_key(s, "layers");
    sheet_column(s, "layer", "layer", SHEET_LEFT);
    sheet_column(s, "type", "type", SHEET_LEFT);
    sheet_column(s, "output", "output", SHEET_LEFT);
    sheet_column(s, "weight_bits", "w", SHEET_RIGHT);
    sheet_column(s, "activation_bits", "a", SHEET_RIGHT);
    add_image_rows(s, net);
    return s;
}

struct sheet *view_akida_export(const struct c2s_version *v, const struct c2s_akida_net *net,
                                const char *image, const struct c2s_json *report,
                                const char *unverified)
{
    char name[24], bytes[32];
    view_version_name(v->info.id, name, sizeof name);
    if (!report)
        return view_image(name, net, image);
    const char *file = c2s_json_text(member(report, "file"), "?");
    const char *akida = c2s_json_text(member(report, "akida"), "?");
    int64_t n_bytes = c2s_json_integer(member(report, "bytes"), 0);
    const struct c2s_json *layers = member(report, "layers");
    struct sheet *s = sheet_create("%s", "");
    sheet_before(s, SHEET_PLAIN, "%s written to %s by akida %s: %s", name, file, akida,
                 view_bytes(n_bytes, bytes, sizeof bytes));
    sheet_fact_text(s, "version", name);
    sheet_fact_text(s, "file", file);
    sheet_fact_text(s, "image", image);
    sheet_fact_text(s, "akida", akida);
    sheet_fact_integer(s, "bytes", n_bytes);
    sheet_rows_key(s, "layers");
    sheet_column(s, "layer", "layer", SHEET_LEFT);
    sheet_column(s, "type", "type", SHEET_LEFT);
    sheet_column(s, "where", "runs in", SHEET_LEFT);
    sheet_column(s, "nps", "NPs", SHEET_RIGHT);
    sheet_column(s, "nps_by_type", "kind", SHEET_LEFT);
    for (size_t i = 0; i < c2s_json_size(layers); i++)
        add_report_row(s, c2s_json_at(layers, i));
    add_verified(s, report, unverified);
    add_mapping(s, report);
    sheet_next(s, "Next: run it with akida.Model(\"%s\")", file);
    return s;
}

struct sheet *view_keras_export(const struct c2s_version *v, const char *file,
                                enum c2s_dialect dialect)
{
    char name[24];
    struct sheet *s = sheet_create("%s", "");
    view_version_name(v->info.id, name, sizeof name);
    sheet_before(s, SHEET_PLAIN, "%s written to %s", name, file);
    if (dialect == C2S_DIALECT_KERAS)
        sheet_next(s, "Next: tf.keras.models.load_model(\"%s\")", file);
    else
        sheet_next(s, "Next: cnn2snn.load_quantized_model(\"%s\"); it opens in cnn2snn %s", file,
                   dialect == C2S_DIALECT_CNN2SNN_18 ? "1.8 and 2.2" : "2.2 only");
    sheet_fact_text(s, "version", name);
    sheet_fact_text(s, "file", file);
    sheet_fact_text(s, "dialect",
                    dialect == C2S_DIALECT_KERAS        ? "keras"
                    : dialect == C2S_DIALECT_CNN2SNN_18 ? "1.8"
                                                        : "2.2");
    return s;
}
