/* The rule table as a document: ids, order, texts. */
#include "support.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <c2s/finding.h>

static void ids_are_unique_and_sorted(void **state)
{
    (void)state;
    int last = 0;
    for (const struct c2s_rule_info *r = c2s_rules(); r->id; r++) {
        assert_int_equal(strlen(r->id), 4);
        int number = atoi(r->id + 1);
        if (number <= last)
            fail_msg("%s does not come after %03d", r->id, last);
        last = number;
    }
    assert_true(last > 0);
}

static void letter_is_severity(void **state)
{
    (void)state;
    for (const struct c2s_rule_info *r = c2s_rules(); r->id; r++)
        assert_int_equal(r->id[0], toupper((unsigned char)c2s_severity_name(r->severity)[0]));
}

static void ends_with(const struct c2s_rule_info *r, const char *text, bool with_stop)
{
    size_t n = text ? strlen(text) : 0;
    if (n < 5 || isspace((unsigned char)text[0]) || isspace((unsigned char)text[n - 1]) ||
        (text[n - 1] == '.') != with_stop || strstr(text, "  ") || strchr(text, '\n'))
        fail_msg("%s: bad text '%s'", r->id, text);
}

/* Titles and sources are phrases, reasons and remedies sentences. */
static void texts_are_whole(void **state)
{
    (void)state;
    for (const struct c2s_rule_info *r = c2s_rules(); r->id; r++) {
        ends_with(r, r->title, false);
        ends_with(r, r->reason, true);
        ends_with(r, r->remedy, true);
        ends_with(r, r->source, false);
        assert_true(strlen(r->title) <= 60); /* one line beside the id */
        if (!isupper((unsigned char)r->reason[0]) && !isdigit((unsigned char)r->reason[0]))
            fail_msg("%s: reason starts small: %s", r->id, r->reason);
    }
}

/* A remedy starts with a verb in the imperative; the list grows with new remedies. */
static void remedies_are_actions(void **state)
{
    (void)state;
    static const char *const verbs[] = {
        "Add",     "Append", "Apply", "Build",     "Compare", "Follow", "Give",
        "Go",      "Insert", "Keep",  "Leave",     "Make",    "Move",   "Place",
        "Pool",    "Prune",  "Put",   "Quantize",  "Rebuild", "Remove", "Replace",
        "Retrain", "Set",    "Start", "Transpose", "Use"};
    for (const struct c2s_rule_info *r = c2s_rules(); r->id; r++) {
        size_t n = strcspn(r->remedy, " "), i = 0;
        const size_t n_verbs = sizeof verbs / sizeof verbs[0];
        while (i < n_verbs && (strlen(verbs[i]) != n || strncmp(verbs[i], r->remedy, n) != 0))
            i++;
        if (i == n_verbs)
            fail_msg("%s: remedy does not start with an action: %s", r->id, r->remedy);
    }
}

static void rules_are_found_in_any_case(void **state)
{
    (void)state;
    const struct c2s_rule_info *r = c2s_rule_find("e014");
    assert_non_null(r);
    assert_string_equal(r->id, "E014");
    assert_int_equal(r->level, C2S_LEVEL_AKD1000);
    assert_non_null(c2s_rule_find("W031"));
    assert_null(c2s_rule_find("E999"));
    assert_null(c2s_rule_find(NULL));
}

/* Refusals say what a rule says, whole, in one sentence without a stop at its end. */
static void refusals_carry_their_rule(void **state)
{
    (void)state;
    char layer[128];
    memset(layer, 'n', sizeof layer - 1);
    layer[sizeof layer - 1] = '\0';
    for (const struct c2s_rule_info *r = c2s_rules(); r->id; r++) {
        struct c2s_error err = {0};
        assert_false(c2s_fail_rule(&err, C2S_UNSUPPORTED, r->id, "layer '%s' is odd", layer));
        assert_int_equal(err.code, C2S_UNSUPPORTED);
        assert_string_equal(err.rule, r->id);
        assert_int_equal(strncmp(err.text, r->id, 4), 0);
        size_t length = strlen(err.text), n_end = strlen(r->remedy) - 2;
        assert_true(length < sizeof err.text - 1);
        assert_non_null(strstr(err.text, "is odd; "));
        assert_int_equal(strncmp(err.text + length - n_end, r->remedy + 1, n_end), 0);
        assert_false(c2s_fail_rule(&err, C2S_RANGE, "E001", "later"));
        assert_string_equal(err.rule, r->id);
    }
    struct c2s_error err = {0};
    assert_false(c2s_fail_rule(&err, C2S_UNSUPPORTED, "E005", "layer 'a' has 'relu'"));
    assert_string_equal(err.text, "E005: layer 'a' has 'relu'; quantization replaces activations, "
                                  "so each must be a layer of its own: set activation=None in the "
                                  "layer and put the activation behind it as a layer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_unique_and_sorted),
        cmocka_unit_test(letter_is_severity),
        cmocka_unit_test(texts_are_whole),
        cmocka_unit_test(remedies_are_actions),
        cmocka_unit_test(rules_are_found_in_any_case),
        cmocka_unit_test(refusals_carry_their_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
