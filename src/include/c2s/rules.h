/* The rule table: what a model must keep to on its way to the chip. check finds what breaks a rule,
 * quantize and convert refuse it in the same words, fix answers it, the manual is made of it. */
#ifndef C2S_RULES_H
#define C2S_RULES_H

#include <c2s/error.h>

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

/* All rules, ends with id NULL; and one by id (any case), or NULL. */
const struct c2s_rule_info *c2s_rules(void);
const struct c2s_rule_info *c2s_rule_find(const char *id);

/* A refusal for which there is a rule: c2s_fail with the text "E005: WHAT; why: what to do", where
 * fmt says WHAT (which layer, what was found) and the rest are the rule's own words, and with the
 * id in err->rule. Always returns false. rule must be in the table. */
bool c2s_fail_rule(struct c2s_error *err, enum c2s_code code, const char *rule, const char *fmt,
                   ...) C2S_PRINTF(4, 5);

const char *c2s_severity_name(enum c2s_severity s); /* "error" */
const char *c2s_level_name(enum c2s_level l);       /* "akd1000" */

#endif
