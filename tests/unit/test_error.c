/* Failures: the first one is kept, and its sentence cannot steer a terminal. */
#include <string.h>

#include <c2s/error.h>

#include "support.h"

static void the_first_failure_is_kept(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    assert_false(c2s_fail(&err, C2S_RANGE, "layer '%s' is %d", "a", 1));
    assert_false(c2s_fail(&err, C2S_IO, "later"));
    assert_int_equal(err.code, C2S_RANGE);
    assert_string_equal(err.text, "layer 'a' is 1");
    assert_false(c2s_fail_at(&err, "inner"));
    assert_false(c2s_fail_at(&err, "outer"));
    assert_string_equal(err.where, "outer: inner");
}

static void advice_is_a_part_of_its_own(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    assert_false(c2s_fail_advising(&err, C2S_STORE, "free some space", "'%s' is full", "a\n"));
    assert_string_equal(err.text, "'a?' is full; free some space");
    assert_int_equal(err.n_cause, strlen("'a?' is full"));
    err = (struct c2s_error){0};
    assert_false(c2s_fail(&err, C2S_STORE, "all of it; is cause"));
    assert_int_equal(err.n_cause, strlen(err.text));
}

static void names_from_files_are_made_printable(void **state)
{
    (void)state;
    struct c2s_error err = {0};
    /* ESC, new line, DEL, the 8-bit form of ESC [ as UTF-8; then letters that stay. */
    assert_false(c2s_fail(&err, C2S_RANGE, "'%s'", "\x1b[31m\n\x7f\xc2\x9b\xc3\xa9\xc2\xb5"));
    assert_string_equal(err.text, "'?[31m????\xc3\xa9\xc2\xb5'");
    assert_false(c2s_fail_at(&err, "a\x1b\nb"));
    assert_string_equal(err.where, "a??b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_failure_is_kept),
        cmocka_unit_test(advice_is_a_part_of_its_own),
        cmocka_unit_test(names_from_files_are_made_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
