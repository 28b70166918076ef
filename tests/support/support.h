/* What tests share: paths of test data, small tensors, comparing numbers. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <c2s/error.h>

/* Path inside tests/data; borrowed until the 8th next call. Fails the test if it does not exist. */
const char *data_path(const char *fmt, ...) C2S_PRINTF(1, 2);

/* Fails the test with the error's where and text when ok is false. */
void assert_ok(bool ok, const struct c2s_error *err);

/* A fresh directory under $TMPDIR or /tmp, and its removal with all it holds. */
char *make_temp_dir(void);       /* new, free() */
void remove_temp_dir(char *dir); /* takes dir */

#endif
