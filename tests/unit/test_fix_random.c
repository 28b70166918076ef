/* Random chains with planted problems of every kind: the outputs stay, what a fix answers alone
 * goes, errors never grow, a second run finds nothing to do. */
#include "support.h"
#include "fix_support.h"
#include "series.h"

#include <stdio.h>
#include <string.h>

enum { N_NETS = 400, MAX_PLANTED = 8 };

struct plan {
    char line[600];
    const char *planted[MAX_PLANTED]; /* rules that the exact fixes must clear */
    int n_planted;
};

static void add(struct plan *p, const char *text)
{
    size_t n = strlen(p->line);
    snprintf(p->line + n, sizeof p->line - n, "; %s", text);
}

static void plant(struct plan *p, const char *rule, const char *text)
{
    add(p, text);
    assert_true(p->n_planted < MAX_PLANTED);
    if (rule)
        p->planted[p->n_planted++] = rule;
}

/* A convolution, sound or in one of the ways that a fix rewrites. The image keeps its size. */
static void add_convolution(struct plan *p)
{
    switch (series_random_int(12)) {
    case 0:
        plant(p, "E006", "conv 6 3 same d=2");
        break;
    case 1:
        plant(p, "E007", "conv 4 3 same g=2");
        break;
    case 2:
        plant(p, "E008", "sep 6 3 same m=2");
        break;
    case 3:
        plant(p, "E029", "conv 6 4 same");
        break;
    case 4:
        plant(p, "E047", "conv 6 1x3 same");
        break;
    case 5:
        plant(p, "E004", "dw 3 same");
        break;
    case 6:
        plant(p, "E046", "conv 6 1");
        break;
    case 7:
        plant(p, "E004", "pad 1; conv 6 3");
        break;
    case 8:
        add(p, "sep 6 3 same");
        break;
    default:
        add(p, "conv 6 3 same");
    }
}

/* What ends a block; the next begins with an even number of channels. */
static void add_activation(struct plan *p)
{
    switch (series_random_int(8)) {
    case 0:
        plant(p, "E017", "act relu");
        break;
    case 1:
        plant(p, "E017", "act relu6");
        break;
    case 2:
        plant(p, "E016", "relu 6; relu 3");
        break;
    case 3:
        plant(p, "E013", "bn; bn; relu 6");
        break;
    case 4:
        add(p, "bn; relu 6");
        break;
    case 5:
        add(p, "drop; relu");
        break;
    default:
        add(p, "relu 6");
    }
}

static void add_end(struct plan *p)
{
    switch (series_random_int(6)) {
    case 0:
        plant(p, "E013", "bn; flatten; dense 4");
        break;
    case 1:
        plant(p, "E014", "conv 6 3 same; max 2 same; relu 6; flatten; dense 4");
        break;
    case 2:
        plant(p, "E018", "conv 6 3 same; relu 6; gap; dense 4");
        break;
    case 3:
        plant(p, "E005", "flatten; dense 6 act=relu; dense 4");
        break;
    case 4:
        plant(p, "E021", "reshape 864; dense 4");
        break;
    default:
        add(p, "flatten; dense 6; relu; dense 4");
    }
}

static void make_plan(struct plan *p)
{
    *p = (struct plan){.line = "in 12,12,3; conv 6 3 same"};
    add_activation(p);
    for (int n = series_random_int(3); n > 0; n--) {
        add_convolution(p);
        add_activation(p);
    }
    plant(p, NULL, "conv 6 3 same; relu 6");
    add_end(p);
}

static void random_chains_are_cleared(void **state)
{
    (void)state;
    int n_changed = 0;
    for (int i = 0; i < N_NETS; i++) {
        struct plan p;
        struct c2s_fix_report r, again;
        series_seed(1000 + (uint64_t)i);
        make_plan(&p);
        struct c2s_model *m = sketched(p.line);
        for (int k = 0; k < p.n_planted; k++)
            if (count_findings(m, p.planted[k], false) == 0)
                fail_msg("%s: %s is not found", p.line, p.planted[k]);
        struct c2s_model *fixed = fix_net(m, &(struct fix_asked){0}, &r);
        for (int k = 0; fixed && k < p.n_planted; k++)
            if (count_findings(fixed, p.planted[k], false) > 0)
                fail_msg("%s: %s stays: %s", p.line, p.planted[k],
                         r.n_left ? r.left[0].text : "unsaid");
        assert_true((fixed != NULL) == (p.n_planted > 0));
        assert_true(r.n_errors_after <= r.n_errors_before);
        if (fixed) {
            assert_same_function(m, fixed);
            if (fix_net(fixed, &(struct fix_asked){0}, &again))
                fail_msg("%s: %s is found only by a second run", p.line, again.changes[0].fix->id);
            c2s_fix_report_finish(&again);
            n_changed++;
        }
        c2s_fix_report_finish(&r);
        c2s_model_destroy(fixed);
        c2s_model_destroy(m);
    }
    assert_true(n_changed > N_NETS / 2);
}

/* The least length of an image's side behind the layer. */
static int size_behind(int size, const char *word)
{
    bool is_conv = strncmp(word, "conv", 4) == 0, is_depthwise = strncmp(word, "dw", 2) == 0;
    if (strstr(word, "s=2") || strncmp(word, "max", 3) == 0 || strncmp(word, "avg", 3) == 0)
        return size / 2;
    return strstr(word, " same") ? size : is_conv ? size - 4 : is_depthwise ? size - 2 : size;
}

/* What is offered for the findings of a rule is what fix then does when asked for the rule. */
static int check_offers(const struct c2s_model *m, const char *line, bool integers)
{
    struct c2s_fix_request request = {
        .check = {.level = C2S_LEVEL_AKD1000, .input_is_integers = integers}};
    struct c2s_findings f;
    struct c2s_error err = {0};
    unsigned offers[200];
    int n_offered = 0;
    assert_ok(c2s_check(m, &request.check, &f, &err), &err);
    assert_true(f.n_rows <= 200);
    assert_ok(c2s_fix_offers(m, &request, &f, offers, &err), &err);
    for (int i = 0; i < f.n_rows; i++) {
        const struct c2s_rule_info *rule = f.rows[i].rule;
        unsigned any = 0;
        for (int k = 0; k < f.n_rows; k++)
            any |= f.rows[k].rule == rule ? offers[k] : 0;
        n_offered += offers[i] != 0;
        for (int approximate = 0; approximate < 2 && strcmp(rule->id, "N062") != 0; approximate++) {
            struct c2s_fix_report r;
            struct fix_asked asked = {
                .rule = rule->id, .approximate = approximate, .integers = integers};
            c2s_model_destroy(fix_net(m, &asked, &r));
            bool is_offered = any & (C2S_FIX_EXACT | (approximate ? C2S_FIX_APPROXIMATE : 0));
            if (is_offered != (r.n_changes > 0))
                fail_msg("%s: %s %s offered, %d changes", line, rule->id,
                         is_offered ? "is" : "is not", r.n_changes);
            c2s_fix_report_finish(&r);
        }
    }
    c2s_findings_finish(&f);
    return n_offered;
}

/* Words thrown together: most make no sense to Akida, and many cannot be fixed. */
static void any_chain_ends_and_keeps_its_function(void **state)
{
    (void)state;
    static const char *const words[] = {"conv 6 3 same",
                                        "conv 4 4 same",
                                        "conv 6 5",
                                        "conv 6 3",
                                        "sep 6 3 same m=2",
                                        "sep 4 1 same",
                                        "dw 3 same",
                                        "dw 3 m=2",
                                        "bn",
                                        "bn gamma=negative",
                                        "bn gamma=zero",
                                        "relu",
                                        "relu 6",
                                        "leaky",
                                        "act relu",
                                        "act tanh",
                                        "max 2 same",
                                        "max 2",
                                        "max 2 s=1",
                                        "avg 2 same",
                                        "drop",
                                        "act linear",
                                        "conv 6 3 same act=relu",
                                        "conv 4 3 same g=2",
                                        "conv 6 3 d=2",
                                        "pad 1",
                                        "pad 0,1,0,1",
                                        "conv 6 1 same s=2",
                                        "conv 4 3x5 same",
                                        "rescale 0.5,0.25"};
    static const char *const ends[] = {"gap",
                                       "gap; relu 6; dense 4",
                                       "flatten; dense 4",
                                       "flatten; bn; dense 4 act=softmax",
                                       "flatten; relu 6; dense 4",
                                       "flatten; drop; dense 4; dense 3",
                                       "dense 4",
                                       "flatten; dense 4 act=relu; bn; dense 3"};
    const int n_words = sizeof words / sizeof words[0], n_ends = sizeof ends / sizeof ends[0];
    int n_changes = 0, n_offered = 0;
    for (int i = 0; i < N_NETS; i++) {
        struct plan p = {.line = "in 24,26,4"};
        series_seed(5000 + (uint64_t)i);
        for (int n = 1 + series_random_int(9), size = 24; n > 0; n--) {
            const char *word = words[series_random_int(n_words)];
            int next = size_behind(size, word);
            if (next >= 7) { /* as large as any window */
                add(&p, word);
                size = next;
            }
        }
        add(&p, ends[series_random_int(n_ends)]);
        struct c2s_model *m = sketched(p.line);
        n_offered += i % 10 ? 0 : check_offers(m, p.line, i / 10 % 2);
        for (int approximate = 0; approximate < 2; approximate++) {
            struct c2s_fix_report r;
            struct fix_asked asked = {.approximate = approximate, .integers = i % 2};
            struct c2s_model *fixed = fix_net(m, &asked, &r);
            assert_true(fixed || r.n_changes == 0);
            if (r.n_errors_after > r.n_errors_before)
                fail_msg("%s: errors %d -> %d", p.line, r.n_errors_before, r.n_errors_after);
            n_changes += r.n_changes;
            if (fixed && r.is_exact)
                assert_same_function(m, fixed);
            c2s_fix_report_finish(&r);
            c2s_model_destroy(fixed);
        }
        c2s_model_destroy(m);
    }
    assert_true(n_changes > N_NETS);
    assert_true(n_offered > N_NETS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_chains_are_cleared),
        cmocka_unit_test(any_chain_ends_and_keeps_its_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
