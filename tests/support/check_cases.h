/* Models for the rules of check, and the questions asked of each pair of them. */
#ifndef TESTS_CHECK_CASES_H
#define TESTS_CHECK_CASES_H

#include <c2s/finding.h>

/* (16,16,3), and parts to append: conv + relu, conv_1 + relu_1, flat + dense. */
struct c2s_model *chain_image(void);
struct c2s_layer *chain_front(struct c2s_model *m);
struct c2s_layer *chain_inner(struct c2s_model *m);
void chain_rear(struct c2s_model *m);
struct c2s_layer *chain_quantized_relu(struct c2s_model *m, const char *name, int bits);
/* conv (8 bits) -> act -> sep (bits) -> act_1 -> flat -> dense, all quantized */
struct c2s_model *chain_quantized(int separable_bits, int activation_bits, int dense_bits);

/* Rules tested in test_check_numbers.c, test_check_data.c and test_check_profile.c; of the others,
 * those of level akd1000 are in test_check_chip.c and the rest in test_check_rules.c. */
#define NUMBER_RULES                                                                               \
    "E010 E011 E026 E027 E028 W031 W032 E033 W034 E036 E037 E038 E056 E057 W081 N082 N083"
#define DATA_RULES    "W070 W071 W072 W073 W074 W075 N076 W077 W078 W079 N080"
#define PROFILE_RULES "E067 E068 W069"

struct check_case {
    const char *id;
    const char *layer;                       /* where the broken model is reported */
    struct c2s_model *(*build)(bool breaks); /* new */
    bool input_is_integers;
    const char *also;     /* another error that the same mistake is */
    const char *stricter; /* why check refuses what our quantize and convert take, or NULL */
};

/* Rows are the caller's to finish; fails the test on error. */
struct c2s_findings run_check_with(const struct c2s_model *m,
                                   const struct c2s_check_options *options);
/* How often a rule was found. */
int count_rule(const struct c2s_findings *f, const char *id);
struct c2s_findings run_check(const struct c2s_model *m, enum c2s_level level, bool integers);
/* Runs as cmocka tests, on cases[n] of one file:
 * - the rule reports the broken model once on its layer, and no error is found beside it;
 * - no error and not this rule on the sound one;
 * - a check of a level runs the rules of that level and those before; counts agree with rows;
 * - quantize and convert refuse the broken model if the rule is an error at level akida or before
 *   (or take it where check is stricter), in the words of that rule, and take it otherwise; they
 *   take the sound one;
 * - every rule that belongs to the file has a case.
 * Returns the number of failed tests, for main. */
int run_check_cases(const struct check_case *cases, int n,
                    bool (*belongs)(const struct c2s_rule_info *rule));

#endif
