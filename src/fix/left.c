/* What fixes leave: for each finding why, and what helps by hand. The three substitutions of layers
 * are those of the CNN2SNN user guide, "Tips and Tricks". */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "fix/run.h"

#define SMALL_KERNELS                                                                              \
    "several convolutions with small kernels stand for a large one (two 3x3 see what a 5x5 does)"
#define POOL_FOR_STRIDE "strides of 1 and a 2x2 MaxPooling2D stand for strides of 2"
#define CONV_FOR_DENSE                                                                             \
    "a Dense layer can be written as convolutions; pool or stride more in front of it"

static const struct {
    const char *rule, *help;
} substitutions[] = {
    {"E041", SMALL_KERNELS},
    {"E042", "strides of 1 to 3 and a MaxPooling2D stand for larger strides"},
    {"E043", "fewer filters, or a smaller kernel: " SMALL_KERNELS},
    {"E014", POOL_FOR_STRIDE ", and the other way round"},
    {"E030", POOL_FOR_STRIDE},
    {"E047", SMALL_KERNELS},
    {"E048", POOL_FOR_STRIDE},
    {"E049", "several 2x2 pools with convolutions between stand for a large one"},
    {"E006", SMALL_KERNELS},
    {"E022", CONV_FOR_DENSE},
    {"E053", CONV_FOR_DENSE},
};

/* The rule's remedy as part of a sentence. */
static void remedy_of(const struct c2s_rule_info *rule, char *out, size_t size)
{
    snprintf(out, size, "%s", rule->remedy);
    size_t n = strlen(out);
    if (n > 0 && out[n - 1] == '.')
        out[n - 1] = '\0';
    out[0] = (char)tolower((unsigned char)out[0]);
}

static void help_of(const struct c2s_rule_info *rule, char *out, size_t size)
{
    for (size_t i = 0; i < sizeof substitutions / sizeof substitutions[0]; i++)
        if (strcmp(substitutions[i].rule, rule->id) == 0) {
            snprintf(out, size, "%s", substitutions[i].help);
            return;
        }
    remedy_of(rule, out, size);
}

/* What the fixes that answer say of it: the reason of the last exact one, which goes furthest, and
 * whether an approximate one would do. */
static bool ask_fixes(struct fix_run *run, const struct c2s_finding *finding,
                      struct c2s_fix_left *left, char *why, size_t size, struct c2s_error *err)
{
    for (int k = 0; c2s_fixes()[k].id; k++) {
        const struct c2s_fix_info *fix = &c2s_fixes()[k];
        struct fix_attempt a;
        if (!fix_answers(fix, finding->rule) || fix->is_optional || left->needs_approximate)
            continue;
        if (!fix_attempt(run, k, finding, &a, err))
            return false;
        if (!fix->is_exact && a.is_accepted && !run->request->approximate) {
            left->needs_approximate = true;
            snprintf(left->text, sizeof left->text, "%s%s--approximate would do it: %s", why,
                     why[0] ? "; " : "", a.text);
        } else if (!a.is_accepted && a.text[0] && (fix->is_exact || !why[0])) {
            snprintf(why, size, "%s", a.text);
        }
        fix_attempt_finish(&a);
    }
    return true;
}

static bool add(struct fix_run *run, const struct c2s_finding *finding, struct c2s_error *err)
{
    struct c2s_fix_report *r = run->report;
    struct c2s_fix_left *grown = c2s_realloc(r->left, sizeof *grown * (size_t)(r->n_left + 1));
    char why[200] = "", help[220];
    if (!grown)
        return c2s_fail_nomem(err);
    r->left = grown;
    struct c2s_fix_left *left = &grown[r->n_left++];
    *left = (struct c2s_fix_left){.finding = *finding};
    snprintf(left->layer, sizeof left->layer, "%s", fix_layer_name(run->m, finding));
    if (!ask_fixes(run, finding, left, why, sizeof why, err))
        return false;
    if (left->needs_approximate)
        return true;
    help_of(finding->rule, help, sizeof help);
    snprintf(left->text, sizeof left->text, "%s; by hand: %.190s",
             why[0] ? why : "no rewrite keeps what the model computes", help);
    return true;
}

/* Bits that a float model does not have yet are no fault to be fixed. */
static bool is_to_come(const struct c2s_rule_info *rule)
{
    static const char *const ids[] = {"W031", "W032", "W055", "W069"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (strcmp(rule->id, ids[i]) == 0)
            return true;
    return false;
}

bool fix_explain_left(struct fix_run *run, const struct c2s_findings *remaining,
                      struct c2s_error *err)
{
    for (int i = 0; i < remaining->n_rows; i++) {
        const struct c2s_finding *f = &remaining->rows[i];
        bool counts = run->rule || (f->rule->severity != C2S_NOTE && !is_to_come(f->rule));
        if (counts && fix_is_wanted(run, run->m, f) && !add(run, f, err))
            return false;
    }
    return true;
}
