/* What a rule's function works with, and how it reports. Private to src/check. */
#ifndef C2S_CHECK_RULE_H
#define C2S_CHECK_RULE_H

#include <c2s/akida.h>
#include <c2s/finding.h>

#include "check/chain.h"
#include "check/target.h"

struct c2s_check_run {
    const struct c2s_model *m;
    const struct c2s_check_options *options;
    const struct c2s_target *target;
    struct c2s_chain chain;              /* of the path that is looked at */
    const struct c2s_chain *first_chain; /* while another path is looked at, else NULL */
    const struct c2s_rule_info *rule;    /* the one that runs now */
    struct c2s_findings *out;
    bool is_out_of_memory; /* a report was lost: the run fails as a whole */
    /* The conversion, tried when a rule first asks for it: see c2s_check_network. */
    bool is_tried;
    bool is_predicted;           /* of a model quantized for the purpose: m is float in part */
    struct c2s_akida_net *net;   /* owned */
    struct c2s_error conversion; /* why there is none, if it was tried and failed */
};

typedef void c2s_rule_function(struct c2s_check_run *run);

/* Adds a finding of the rule that runs now. layer -1 = the whole model. */
void c2s_report(struct c2s_check_run *run, int layer, const char *fmt, ...) C2S_PRINTF(3, 4);

/* The converted network, borrowed, or NULL: not tried while the model has errors at level akida or
 * before, or it failed. What is float in it gets weights of 4 bits (8 in an input convolution) and
 * activations of 4 first. */
const struct c2s_akida_net *c2s_check_network(struct c2s_check_run *run);

/* Block 0 of a model that takes images: it becomes an InputConvolutional. */
bool c2s_is_input_convolution(const struct c2s_check_run *run, int block);
/* Layer i of the chain, or NULL outside of it. */
const struct c2s_layer *c2s_chain_layer(const struct c2s_check_run *run, int i);
/* Height, width, channels of what a neural layer reads and gives; a vector is 1, 1, n. False when
 * not all of them are known. */
bool c2s_input_dims(const struct c2s_check_run *run, int layer, int64_t dims[3]);
bool c2s_output_dims(const struct c2s_layer *l, int64_t dims[3]);

#define X(id, severity, level, scope, function, title, reason, remedy, source)                     \
    c2s_rule_function c2s_##function;
#include "rules/rules.def"
#undef X

#endif
