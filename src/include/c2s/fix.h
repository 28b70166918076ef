/* Rewrites that take problems found by check out of a model. A fix is exact (the same function, to
 * 1e-5 of the largest output, measured before anything is kept) or approximate (another function:
 * the model needs retraining). Which rules have one is in src/fix/fixes.def. Never changes its
 * input. */
#ifndef C2S_FIX_H
#define C2S_FIX_H

#include <c2s/finding.h>
#include <c2s/progress.h>

struct c2s_fix_info {  /* one row of the table of fixes */
    const char *id;    /* "split_activation" */
    const char *rules; /* ids of the rules it answers, with commas: "E005,E017" */
    bool is_exact;
    bool is_optional;  /* only when its rule or layer is named: nothing on the chip depends on it */
    const char *title; /* one line: what it does */
};
const struct c2s_fix_info *c2s_fixes(void); /* in the order in which they are applied; ends with id
                                               NULL */
/* Whether some fix answers the rule; exact or not in *has_exact, *has_approximate. */
bool c2s_fix_answers(const struct c2s_rule_info *rule, bool *has_exact, bool *has_approximate);

struct c2s_fix_request {
    const char *rule;   /* id, or NULL = every rule */
    const char *layers; /* glob on the names of the layers that findings are about; NULL = all */
    bool approximate;   /* rewrites that change the function too */
    struct c2s_check_options check; /* as check is asked */
    /* Whether a model takes integers instead of images, asked again after each change instead of
     * check.input_is_integers; NULL = that holds for all. */
    bool (*takes_integers)(const struct c2s_model *m);
    /* Keras inputs [n, ...] to measure on, borrowed; NULL = a random batch of fixed seed. */
    const struct c2s_tensor *samples;
};

struct c2s_fix_change { /* one rewrite at one place */
    const struct c2s_fix_info *fix;
    const struct c2s_rule_info *rule; /* that asked for it */
    char layer[128];                  /* the layer the finding is about */
    char text[200];                   /* "activation 'relu' becomes the layer 'conv2d_relu'" */
};
struct c2s_fix_left { /* a finding that no allowed rewrite takes away */
    struct c2s_finding finding;
    char layer[128];
    bool needs_approximate; /* an approximate fix would */
    char text[200];         /* why not, and which substitution by hand would help */
};
struct c2s_fix_report {
    struct c2s_fix_change *changes; /* owned */
    struct c2s_fix_left *left;      /* owned; errors and warnings named by the request */
    int n_changes, n_left;
    bool is_exact;     /* no change altered the function */
    double difference; /* measured, of the largest output; NAN = no engine can compute the model */
    int64_t n_samples; /* measured on so many of the request; 0 = on a random batch */
    int n_errors_before, n_errors_after;
};

/* *out is new, or NULL when nothing was to change (that is no failure: the report says why). Fixes
 * are applied one at a time, each to the first finding it can take out without adding an error,
 * until none can; what they do follows from the model alone, never from samples or input scaling.
 * Errors that come to light only after (of thresholds and steps, which need a model that converts)
 * count in n_errors_after. Exact changes whose measured difference is above 1e-5 fail with STATE
 * and name the fix; compared is what stands in front of a last softmax, sigmoid or tanh. A fix
 * works on float and quantized models alike, unless it says so in the report. Fails also: USAGE (no
 * such rule, or one that the level asked for leaves out), NOT_FOUND (layers names nothing),
 * CANCELLED, NOMEM. */
bool c2s_fix(const struct c2s_model *m, const struct c2s_fix_request *request,
             const struct c2s_progress *progress, struct c2s_model **out,
             struct c2s_fix_report *report, struct c2s_error *err) C2S_MUST_CHECK;
void c2s_fix_report_finish(struct c2s_fix_report *r); /* accepts a zeroed one */

enum { C2S_FIX_EXACT = 1, C2S_FIX_APPROXIMATE = 2 };
/* f are findings of m. out[i], one for each of its rows: which kinds of fixes would take it out,
 * tried on a copy without the proof that c2s_fix makes; 0 = none would as the model is. Optional
 * fixes do not count. Of the request, check and takes_integers are read. In models and lists so
 * long that trying takes seconds, the last findings get what the table says of their rule. Fails:
 * NOMEM. */
bool c2s_fix_offers(const struct c2s_model *m, const struct c2s_fix_request *request,
                    const struct c2s_findings *f, unsigned *out,
                    struct c2s_error *err) C2S_MUST_CHECK;

#endif
