/* Problems of a model on its way to Akida: all of them at once, each with rule, reason and remedy.
 * A finding is data, not a failure. */
#ifndef C2S_FINDING_H
#define C2S_FINDING_H

#include <c2s/model.h>

enum c2s_severity { C2S_NOTE, C2S_WARNING, C2S_ERROR };
enum c2s_level { /* how far the model is meant to get; each level includes those before */
                 C2S_LEVEL_KERAS,  /* quantize will take it */
                 C2S_LEVEL_AKIDA,  /* converts and runs in akida's software backend */
                 C2S_LEVEL_AKD1000 /* maps on the chip */
};

struct c2s_rule_info { /* one row of the rule table */
    const char *id;    /* "E014" */
    enum c2s_severity severity;
    enum c2s_level level;
    const char *title;  /* one line */
    const char *reason; /* why Akida cannot */
    const char *remedy; /* what to do */
    const char *source; /* where the rule is documented */
};

struct c2s_finding {
    const struct c2s_rule_info *rule; /* borrowed, static */
    int layer;                        /* index, or -1 for the whole model */
    char text[400]; /* what was measured and what is allowed, for this layer; no full stop */
};

struct c2s_findings {
    struct c2s_finding *rows; /* owned; the worst severity first, then by layer */
    int n_rows;
    int n_errors, n_warnings, n_notes;
    int n_errors_at[3]; /* of rules of exactly that level */
};

struct c2s_check_options {
    enum c2s_level level;
    bool input_is_integers;
    /* akida_x = scale * keras_x + shift, as in akida.h: decides thresholds and steps of the first
     * layer. Scale 0 = not known: 255 for images, 1 for integers, shift 0. */
    double input_scale, input_shift;
};

/* Runs the rules of the level and those before on m, which stays as it is. A float model is judged
 * as the one it will be after quantize: where numbers decide, it is quantized (weights 4,
 * activations 4, first convolution 8) and converted on the side. *out is new (c2s_findings_finish).
 * Fails: NOMEM only; whatever is wrong with the model is a finding. */
bool c2s_check(const struct c2s_model *m, const struct c2s_check_options *options,
               struct c2s_findings *out, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_findings_finish(struct c2s_findings *f); /* accepts a zeroed one */

/* All rules, ends with id NULL; and one by id (any case), or NULL. */
const struct c2s_rule_info *c2s_rules(void);
const struct c2s_rule_info *c2s_rule_find(const char *id);

/* For each layer of m: index of the Akida layer it becomes (0-based, as in struct c2s_akida_net:
 * with integer inputs 0 is InputData) in akida_index[n_layers], or -1; what it is there in role
 * ("InputConvolutional", "folded", "max 2x2", "global average", "activation", "in front",
 * "input scaling", "input", "dropped", "?"), borrowed static strings, role[n_layers]. Never fails.
 */
void c2s_check_map(const struct c2s_model *m, bool input_is_integers, int *akida_index,
                   const char **role);
const char *c2s_severity_name(enum c2s_severity s); /* "error" */
const char *c2s_level_name(enum c2s_level l);       /* "akd1000" */

#endif
