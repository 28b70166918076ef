/* Fixing when memory runs out at any allocation: NOMEM, nothing leaked, the model untouched. */
#include "series.h"
#include "spec_net.h"
#include "support.h"

#include <string.h>

#include "base/alloc.h"

/* Lines that between them need every fix. */
static const struct {
    const char *line;
    bool approximate;
    const char *layers;
} cases[] = {
    {"8,8,3 conv4r act:relu flat drop dense4 dense3x"},
    {"8,8,3 conv4d2 bn bn relu6 conv4g2 relu6 sep4m2 relu6 relu3 flat relu6 bn dense3"},
    {"8,8,3 pad1,1,1,1 conv4k2v max2 max2v bn relu6 dwk3 conv4k1 relu6 flat dense3"},
    {"8,8,3 conv4 bnz relu6 dwk3m2 relu6 conv4v relu6 conv4k1x3 max2 relu6 resh36 dense3"},
    {"192 resh8,8,3 conv4 relu6 dense4 relu6 conv4 relu6 gap dense3"},
    {"8,8,3 conv4 relu6 flat dense3 soft", false, "soft"},
    {"8,8,3 conv4 leaky3 conv4v conv4 max2 bnn relu6 avg2 conv4 act:tanh bn conv4 relu6 flat "
     "dense3",
     true},
    {"8,8,3 conv4 relu6 conv4k9 relu6 resh4,4,16 conv4 relu6 flat dense3"},
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
        struct c2s_model *m = spec_net(cases[i].line);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
