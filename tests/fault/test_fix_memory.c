/* Fixing when memory runs out at any allocation: NOMEM, nothing leaked, the model untouched. */
#include "series.h"
#include "support.h"
#include "fix_support.h"

#include <string.h>

#include "base/alloc.h"

/* Lines that between them need every fix. */
static const struct {
    const char *line;
    bool approximate;
    const char *layers;
} cases[] = {
    {"in 8,8,3; conv 4 3 same act=relu; act relu; flatten; drop; dense 4; dense 3 act=softmax"},
    {"in 8,8,3; conv 4 3 same d=2; bn; bn; relu 6; conv 4 3 same g=2; relu 6; sep 4 3 same m=2; "
     "relu 6; relu 3; flatten; relu 6; bn; dense 3"},
    {"in 8,8,3; pad 1; conv 4 2; max 2 same; max 2; bn; relu 6; dw 3 same; conv 4 1 same; relu 6; "
     "flatten; dense 3"},
    {"in 8,8,3; conv 4 3 same; bn gamma=zero; relu 6; dw 3 same m=2; relu 6; conv 4 3; relu 6; "
     "conv 4 1x3 same; max 2 same; relu 6; reshape 36; dense 3"},
    {"in 192; reshape 8,8,3; conv 4 3 same; relu 6; dense 4; relu 6; conv 4 3 same; relu 6; gap; "
     "dense 3"},
    {"in 8,8,3; conv 4 3 same; relu 6; flatten; dense 3; softmax", false, "softmax_5"},
    {"in 8,8,3; conv 4 3 same; leaky; conv 4 3; conv 4 3 same; max 2 same; bn gamma=negative; relu "
     "6; avg 2 same; conv 4 3 same; act tanh; bn; conv 4 3 same; relu 6; flatten; dense 3",
     true},
    {"in 8,8,3; conv 4 3 same; relu 6; conv 4 9 same; relu 6; reshape 4,4,16; conv 4 3 same; relu "
     "6; flatten; dense 3"},
};

static bool fix(const struct c2s_model *m, size_t i, struct c2s_model **out,
                struct c2s_fix_report *r, struct c2s_error *err)
{
    const struct c2s_fix_request request = {.approximate = cases[i].approximate,
                                            .layers = cases[i].layers,
                                            .check = {.level = C2S_LEVEL_AKD1000}};
    return c2s_fix(m, &request, NULL, out, r, err);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    long n_failures = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct c2s_model *m = sketched(cases[i].line);
        int n_layers = m->n_layers, n_errors = count_findings(m, "", false);
        /* Each failed run repeats all that went before it, so far out only some are tried. */
        for (long n = 1;; n += n < 800 ? 1 : 1 + n / 50) {
            struct c2s_error err = {0};
            struct c2s_model *out = NULL;
            struct c2s_fix_report r = {0};
            c2s_alloc_fail_after(n);
            bool ok = fix(m, i, &out, &r, &err);
            c2s_alloc_fail_after(0);
            if (ok) {
                assert_true(r.n_changes + r.n_left > 0);
                c2s_fix_report_finish(&r);
                c2s_model_destroy(out);
                break;
            }
            assert_null(out);
            assert_null(r.changes);
            if (err.code != C2S_NOMEM)
                fail_msg("%s, allocation %ld: %s: %s", cases[i].line, n, c2s_code_name(err.code),
                         err.text);
            n_failures++;
        }
        assert_int_equal(m->n_layers, n_layers);
        assert_int_equal(count_findings(m, "", false), n_errors);
        c2s_model_destroy(m);
    }
    assert_true(n_failures > 1000);
}

static void offers_fail_as_a_whole(void **state)
{
    (void)state;
    const struct c2s_fix_request request = {.check = {.level = C2S_LEVEL_AKD1000}};
    struct c2s_model *m = sketched(cases[0].line);
    struct c2s_findings f;
    struct c2s_error err = {0};
    unsigned offers[100];
    assert_ok(c2s_check(m, &request.check, &f, &err), &err);
    assert_true(f.n_rows > 0 && f.n_rows <= 100);
    bool ok = false;
    long n = 0;
    while (!ok) {
        c2s_alloc_fail_after(++n);
        ok = c2s_fix_offers(m, &request, &f, offers, &err);
        c2s_alloc_fail_after(0);
        assert_true(ok || err.code == C2S_NOMEM);
    }
    assert_true(n > 100);
    c2s_findings_finish(&f);
    c2s_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail),
                                       cmocka_unit_test(offers_fail_as_a_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
