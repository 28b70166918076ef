/* What the tests of fix share: sketched models, a fix that must succeed, findings counted. */
#ifndef TESTS_FIX_SUPPORT_H
#define TESTS_FIX_SUPPORT_H

#include <c2s/fix.h>

/* sketch_layers (sketch.h) that must succeed; new. */
struct c2s_model *sketched(const char *layers);
/* All that can be quantized gets so many bits, batch normalization is kept; takes m, new. */
struct c2s_model *sketch_quantized(struct c2s_model *m, int weights, int activations);

/* Fixes m as asked; rule NULL = all. *out is NULL when nothing changed. Fails the test when c2s_fix
 * fails. End the report. */
struct fix_asked {
    const char *rule, *layers;
    bool approximate, integers;
};
struct c2s_model *fix_net(const struct c2s_model *m, const struct fix_asked *asked,
                          struct c2s_fix_report *report);
/* Findings of one rule ("" = errors) for the AKD1000. */
int count_findings(const struct c2s_model *m, const char *rule, bool integers);

#endif
