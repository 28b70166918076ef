/* Problems of a model on its way to Akida: all of them at once, each with rule, reason and remedy.
 * A finding is data, not a failure. */
#ifndef C2S_FINDING_H
#define C2S_FINDING_H

#include <c2s/model.h>
#include <c2s/rules.h>

struct c2s_finding {
    const struct c2s_rule_info *rule; /* borrowed, static */
    int layer;                        /* index, or -1 for the whole model */
    int block;      /* Akida layer it belongs to, as in c2s_check_map; -1 = none */
    char text[400]; /* what was measured and what is allowed, for this layer; no full stop */
};

struct c2s_findings {
    struct c2s_finding *rows; /* owned; the worst severity first, then by layer */
    int n_rows;
    int n_errors, n_warnings, n_notes;
    int n_errors_at[3]; /* of rules of exactly that level */
};

enum c2s_profile { /* which silicon and which edition of its hardware page */
                   C2S_PROFILE_PRODUCTION,   /* AKD1000 as sold: NSoC_v2 */
                   C2S_PROFILE_PREPRODUCTION /* the first samples: NSoC_v1 */
};

/* What was seen of the user's data and of the model on it (session.h makes it); for the rules about
 * data. Arrays are borrowed. Minima and maxima are of the finite values. */
struct c2s_data_facts {
    int64_t n_samples;             /* looked at; 0 = no data */
    double data_scale, data_shift; /* as chosen: Keras input = (raw - data_shift) / data_scale */
    double raw_min, raw_max;       /* as in the file, before scaling */
    double keras_min, keras_max;   /* as the model gets them */
    bool raw_is_integer;           /* every value as in the file is whole */
    int64_t n_not_finite;          /* values that are NaN or infinite */
    int64_t n_values;              /* all of them; what the next ones are counted of */
    /* Of the input of the chip, before it is made an integer: scale * keras_x + shift, or what a
     * leading Rescaling makes it. Below 0, above 255 (integer inputs: 15), with a fraction (further
     * than 0.001 from a whole number); rules ask for them only when n_values > 0. */
    int64_t n_below, n_above, n_not_whole;
    bool has_labels;
    int64_t label_min, label_max, n_labels_outside, n_classes_seen; /* of all samples */
    /* Per layer of the model: output channels seen, of all samples; NULL = the model was not run
     * (why is then told by no rule). */
    const struct c2s_layer_facts {
        int64_t n_channels;        /* last axis; 0 = not looked at */
        int64_t n_silent;          /* channels that gave nothing but 0 */
        int64_t n_constant;        /* channels that gave one value other than 0 only */
        int levels_used, n_levels; /* of a quantized activation, over all channels, 0 included;
                                      n_levels 0 = none */
        double top_share;          /* of the values above 0: share at the highest level, or at the
                                      max_value of a ReLU; 0 = none, or no such end */
        double min, max;
    } * layers; /* [model->n_layers] */
};

struct c2s_check_options {
    enum c2s_level level;
    bool input_is_integers;
    /* akida_x = scale * keras_x + shift, as in akida.h: decides thresholds and steps of the first
     * layer. Scale 0 = not known: 255 for images, 1 for integers, shift 0. */
    double input_scale, input_shift;
    enum c2s_profile profile;
    const struct c2s_data_facts *data; /* NULL = rules about data are left out */
};

/* Runs the rules of the level and those before on m, which stays as it is. Rules about order are
 * asked of paths that cover every layer. A float model is judged
 * as the one it will be after quantize: where numbers decide, it is quantized (weights 4,
 * activations 4, first convolution 8) and converted on the side. *out is new (c2s_findings_finish).
 * Fails: NOMEM only; whatever is wrong with the model is a finding. */
bool c2s_check(const struct c2s_model *m, const struct c2s_check_options *options,
               struct c2s_findings *out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_findings_finish(struct c2s_findings *f); /* accepts a zeroed one */

/* For each layer of m: index of the Akida layer it becomes (0-based, as in struct c2s_akida_net:
 * with integer inputs 0 is InputData) in akida_index[n_layers], or -1; what it is there in role
 * ("InputConvolutional", "folded", "max 2x2", "global average", "activation", "in front",
 * "input scaling", "input", "dropped", "?"), borrowed static strings, role[n_layers]. Never fails.
 */
void c2s_check_map(const struct c2s_model *m, bool input_is_integers, int *akida_index,
                   const char **role);

const char *c2s_profile_name(enum c2s_profile p); /* "production" */

#endif
